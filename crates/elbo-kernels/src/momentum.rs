//! Momentum as Nesterov takes it.

use crate::simd::{Isa, Kernel, Simd};
use crate::subnormal::zero_if_tiny;

/// A running mean of gradients, and where it will be after the same gradient again (Nesterov, 1983, in the form of
/// Sutskever et al., 2013): `m = d m + (1 - d) g`, and the update is `d m + (1 - d) g` once more.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Momentum {
    /// Decay `d` of the mean.
    pub decay: f32,
}

impl Momentum {
    /// Brings `mean` up to date and writes the update, for the gradient of the same stretch of the parameters.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn step(&self, isa: Isa, gradient: &[f32], mean: &mut [f32], update: &mut [f32]) {
        assert_eq!(mean.len(), update.len(), "a number of the update for each of the mean");
        assert_eq!(gradient.len(), mean.len(), "gradient");
        isa.run(Step { gradient, mean, update, decay: self.decay });
    }
}

struct Step<'a> {
    gradient: &'a [f32],
    mean: &'a mut [f32],
    update: &'a mut [f32],
    decay: f32,
}

impl Kernel for Step<'_> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        let decay = self.decay;
        for ((mean, update), gradient) in self.mean.iter_mut().zip(self.update).zip(self.gradient) {
            *mean = zero_if_tiny(decay * *mean + (1.0 - decay) * gradient);
            *update = decay * *mean + (1.0 - decay) * gradient;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The momentum of a weight without a gradient comes to zero, and does not stay at what is hardly above it.
    #[test]
    fn momentum_ends() {
        for isa in Isa::available() {
            let (mut mean, mut update) = (vec![1.0_f32; 20], vec![0.0; 20]);
            let gradient = [0.0; 20];
            for step in 0..1000 {
                Momentum { decay: 0.9 }.step(isa, &gradient, &mut mean, &mut update);
                let numbers = mean.iter().chain(&update);
                assert!(numbers.clone().all(|number| !number.is_subnormal()), "{isa}, step {step}: {mean:?}");
            }
            assert!(mean.iter().chain(&update).all(|&number| number == 0.0), "{isa}: {mean:?}");
        }
    }

    #[test]
    fn ten_steps_agree_with_the_formula_in_f64() {
        let momentum = Momentum { decay: 0.95 };
        let len = 601;
        for isa in Isa::available() {
            let (mut mean, mut update) = (vec![0.0_f32; len], vec![0.0_f32; len]);
            let mut exact = vec![0.0_f64; len];
            for step in 1..=10 {
                let gradient: Vec<f32> = (0..len).map(|i| ((i * 5) as f32 + step as f32).sin()).collect();
                for (from, to) in [(0, 257), (257, len)] {
                    momentum.step(isa, &gradient[from..to], &mut mean[from..to], &mut update[from..to]);
                }
                for (i, exact) in exact.iter_mut().enumerate() {
                    let g = f64::from(gradient[i]);
                    *exact = 0.95 * *exact + 0.05 * g;
                    let ahead = 0.95 * *exact + 0.05 * g;
                    assert!((f64::from(mean[i]) - *exact).abs() < 1e-6, "{isa}: {}, not {exact}", mean[i]);
                    assert!((f64::from(update[i]) - ahead).abs() < 1e-6, "{isa}: {}, not {ahead}", update[i]);
                }
            }
        }
    }
}
