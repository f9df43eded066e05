//! Adam.

use crate::simd::{Isa, Kernel, Simd};
use crate::subnormal::zero_if_tiny;

/// One step of Adam (Kingma and Ba, 2015, Algorithm 1), bias correction included.
///
/// `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`, and the parameter falls by
/// `rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Adam {
    /// Learning rate.
    pub learning_rate: f32,
    /// Decay of the mean of the gradients.
    pub beta1: f32,
    /// Decay of the mean of their squares.
    pub beta2: f32,
    /// What keeps the denominator from zero.
    pub epsilon: f32,
}

/// The same stretch of the parameters and of all that belongs to them.
#[derive(Debug)]
pub struct AdamSlices<'a> {
    /// The parameters.
    pub parameters: &'a mut [f32],
    /// Running mean of the gradients.
    pub mean: &'a mut [f32],
    /// Running mean of their squares.
    pub square: &'a mut [f32],
}

impl Adam {
    /// With this learning rate and the usual rest: decays of 0.9 and 0.999, and 1e-8.
    #[must_use]
    pub fn new(learning_rate: f32) -> Self {
        Self { learning_rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// Step number `step` (the first is 1) along the gradient of the same stretch of the parameters.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn step(&self, isa: Isa, step: u64, gradient: &[f32], slices: AdamSlices<'_>) {
        let len = slices.parameters.len();
        assert!(slices.mean.len() == len && slices.square.len() == len, "moments");
        assert_eq!(gradient.len(), len, "gradient");
        let [rate, square_scale] = self.corrected(step);
        isa.run(Step {
            gradient,
            slices,
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            rate,
            square_scale,
        });
    }

    /// The learning rate of step number `step`, and what the squares are multiplied by in it: both with the corrections for
    /// means that began at zero.
    #[must_use]
    pub fn corrected(&self, step: u64) -> [f32; 2] {
        let missing = |beta: f32| 1.0 - power(f64::from(beta), step);
        [(f64::from(self.learning_rate) / missing(self.beta1)) as f32, (1.0 / missing(self.beta2)) as f32]
    }
}

/// `base^exponent` by squares. Each product is rounded as it is on any machine, which no system's `pow` promises.
fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut power = 1.0;
    while exponent > 0 {
        if exponent % 2 == 1 {
            power *= base;
        }
        base *= base;
        exponent /= 2;
    }
    power
}

struct Step<'a> {
    gradient: &'a [f32],
    slices: AdamSlices<'a>,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    rate: f32,
    square_scale: f32,
}

impl Kernel for Step<'_> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        let AdamSlices { parameters, mean, square } = self.slices;
        for (((parameter, mean), square), gradient) in parameters.iter_mut().zip(mean).zip(square).zip(self.gradient) {
            *mean = zero_if_tiny(self.beta1 * *mean + (1.0 - self.beta1) * gradient);
            *square = zero_if_tiny(self.beta2 * *square + (1.0 - self.beta2) * gradient * gradient);
            *parameter -= self.rate * *mean / ((*square * self.square_scale).sqrt() + self.epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_the_formula() {
        for base in [0.9_f64, 0.999] {
            for exponent in (0..70).chain([1_000, 12_345, 1 << 20, u64::MAX]) {
                // Each of some 2 log2 n factors errs by half a unit, which squaring doubles.
                let (found, exact) = (power(base, exponent), base.powf(exponent as f64));
                assert!((found - exact).abs() <= 1e-16 * (4.0 + exponent as f64) * exact, "{base}^{exponent}: {found}");
            }
        }
        assert_eq!(power(0.0, 0), 1.0);
    }

    #[test]
    fn ten_steps_agree_with_the_formula_in_f64() {
        let adam = Adam { learning_rate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
        let len = 1001;
        for isa in Isa::available() {
            let (mut p, mut m, mut v) = (vec![0.5_f32; len], vec![0.0; len], vec![0.0; len]);
            let mut exact = vec![(0.5_f64, 0.0_f64, 0.0_f64); len];
            for step in 1..=10_u64 {
                let gradient: Vec<f32> = (0..len).map(|i| ((i * 7) as f32 + step as f32).sin()).collect();
                for (from, to) in [(0, 300), (300, len)] {
                    let slices =
                        AdamSlices { parameters: &mut p[from..to], mean: &mut m[from..to], square: &mut v[from..to] };
                    adam.step(isa, step, &gradient[from..to], slices);
                }
                for ((p, m, v), gradient) in exact.iter_mut().zip(&gradient) {
                    let g = f64::from(*gradient);
                    *m = 0.9 * *m + 0.1 * g;
                    *v = 0.999 * *v + 0.001 * g * g;
                    let (m, v) = (*m / (1.0 - 0.9_f64.powf(step as f64)), *v / (1.0 - 0.999_f64.powf(step as f64)));
                    *p -= 1e-2 * m / (v.sqrt() + 1e-8);
                }
            }
            for (p, (exact, _, _)) in p.iter().zip(&exact) {
                assert!((f64::from(*p) - exact).abs() < 2e-5, "{isa}: {p}, not {exact}");
            }
        }
    }
}
