//! The latent vectors of a micro-batch, and back through their draw.

use crate::engine::Draw;
use crate::engine::draw::latent_at;
use crate::network::loss::{KlGradient, Objective};

/// The latent part of a micro-batch.
#[derive(Debug)]
pub(crate) struct Latent {
    dim: usize,
    /// `[images, Z]`.
    noise: Vec<f32>,
}

impl Latent {
    pub(crate) fn new(dim: usize, images: usize) -> Self {
        Self { dim, noise: vec![0.0; dim * images] }
    }

    /// Takes the noise of the images `indices`, which stand at `position` in the batch.
    pub(crate) fn draw(&mut self, draw: Draw<'_>, indices: &[u32], position: usize) {
        draw.write(indices, position, self.dim, &mut self.noise);
    }

    /// The latent vectors, `[images, Z]`, from `statistics`, `[images, 2Z]` with means first.
    pub(crate) fn forward(&self, images: usize, statistics: &[f32], latents: &mut [f32]) {
        let rows = statistics.chunks_exact(2 * self.dim).zip(latents.chunks_exact_mut(self.dim));
        for ((statistics, latents), noise) in rows.zip(self.noise.chunks_exact(self.dim)).take(images) {
            let (means, logvars) = statistics.split_at(self.dim);
            for (((latent, mean), logvar), noise) in latents.iter_mut().zip(means).zip(logvars).zip(noise) {
                *latent = latent_at(*mean, *logvar, *noise);
            }
        }
    }

    /// The gradient of the statistics: from that of the reconstruction with respect to the latent vectors, `latents`,
    /// and of the divergence as the objective has it.
    pub(crate) fn backward(
        &self,
        images: usize,
        statistics: &[f32],
        latents: &[f32],
        objective: Objective,
        gradient: &mut [f32],
    ) {
        let Objective { beta, free_bits, kl_gradient, .. } = objective;
        let rows = statistics.chunks_exact(2 * self.dim).zip(latents.chunks_exact(self.dim));
        let rows = rows.zip(self.noise.chunks_exact(self.dim)).zip(gradient.chunks_exact_mut(2 * self.dim));
        for (((statistics, latents), noise), gradient) in rows.take(images) {
            for i in 0..self.dim {
                let (mean, logvar) = (statistics[i], statistics[self.dim + i]);
                let is_free = free_bits > 0.0 && divergence(mean, logvar) < f64::from(free_bits);
                let beta = if is_free { 0.0 } else { beta };
                let sigma = libm::expf(0.5 * logvar);
                let (along_mean, along_logvar) = match kl_gradient {
                    KlGradient::Analytic => {
                        (latents[i] + beta * mean, latents[i] * noise[i] * sigma + beta * libm::expm1f(logvar))
                    }
                    KlGradient::Path => {
                        // With `z = mean + noise * sigma`, that of `log q(z) - log p(z)` is `z - noise / sigma`.
                        let along = latents[i] + beta * (mean + noise[i] * (sigma - 1.0 / sigma));
                        (along, along * noise[i] * sigma)
                    }
                };
                gradient[i] = along_mean;
                gradient[self.dim + i] = 0.5 * along_logvar;
            }
        }
    }
}

/// The divergence of an image's distribution, means and then log-variances, from the standard normal, in nats:
/// `-1/2 sum (1 + logvar - mean^2 - exp(logvar))` (Kingma and Welling, 2014, appendix B).
pub(crate) fn kl(statistics: &[f32]) -> f64 {
    let (means, logvars) = statistics.split_at(statistics.len() / 2);
    means.iter().zip(logvars).map(|(mean, logvar)| divergence(*mean, *logvar)).sum()
}

/// `E log q(z | x)` of an image's distribution, means and then log-variances, in nats: what the entropy is, negative.
pub(crate) fn negative_entropy(statistics: &[f32]) -> f64 {
    let logvars = &statistics[statistics.len() / 2..];
    -0.5 * logvars.iter().map(|logvar| 1.0 + libm::log(std::f64::consts::TAU) + f64::from(*logvar)).sum::<f64>()
}

/// The divergence of one latent dimension from the standard normal, in nats.
fn divergence(mean: f32, logvar: f32) -> f64 {
    let (mean, logvar) = (f64::from(mean), f64::from(logvar));
    // exp_m1 keeps the digits where the variance is near 1, so that no term is below zero.
    0.5 * (mean * mean + (libm::expm1(logvar) - logvar))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// `e^x - 1 >= x`, and rounding must not break it.
        #[test]
        fn the_divergence_is_never_negative(mean in -4.0_f32..4.0, logvar in -20.0_f32..20.0) {
            prop_assert!(kl(&[mean, logvar]) >= 0.0);
        }

        #[test]
        fn the_divergence_near_the_prior_is_never_negative(mean in -1e-4_f32..1e-4, logvar in -1e-4_f32..1e-4) {
            prop_assert!(kl(&[mean, logvar]) >= 0.0);
        }
    }

    #[test]
    fn the_prior_itself_has_no_divergence() {
        assert_eq!(kl(&[0.0; 4]), 0.0);
    }

    #[test]
    fn the_gradient_is_that_of_the_formulae() {
        let mut latent = Latent::new(2, 1);
        latent.draw(Draw::Given(&[0.3, -1.2]), &[0], 0);
        let statistics = [0.5_f32, -0.25, 0.4, -0.7];
        let weights = [0.9_f32, -0.6];
        let beta = 0.5;
        let objective = Objective { beta, ..Objective::default() };
        // weights . z + beta * divergence
        let minimised = |statistics: &[f32]| {
            let mut z = [0.0; 2];
            latent.forward(1, statistics, &mut z);
            f64::from(weights[0] * z[0] + weights[1] * z[1]) + f64::from(beta) * kl(statistics)
        };
        let mut gradient = [0.0; 4];
        latent.backward(1, &statistics, &weights, objective, &mut gradient);
        for i in 0..4 {
            let (mut above, mut below) = (statistics, statistics);
            above[i] += 1e-2;
            below[i] -= 1e-2;
            let difference = (minimised(&above) - minimised(&below)) / 2e-2;
            assert!((difference - f64::from(gradient[i])).abs() < 1e-4, "{i}: {difference}, not {}", gradient[i]);
        }
    }

    /// Draws of -1 and 1 have the mean and the variance of the standard normal, and so the means that matter.
    #[test]
    fn the_path_gradient_is_the_analytic_one_in_the_mean() {
        let statistics = [0.5_f32, -0.7];
        let weight = [0.9_f32];
        let gradient = |noise: f32, kl_gradient| {
            let objective = Objective { beta: 0.6, kl_gradient, ..Objective::default() };
            let mut latent = Latent::new(1, 1);
            latent.draw(Draw::Given(&[noise]), &[0], 0);
            let mut gradient = [0.0; 2];
            latent.backward(1, &statistics, &weight, objective, &mut gradient);
            gradient
        };
        let mean = |kl_gradient| {
            let [above, below] = [gradient(1.0, kl_gradient), gradient(-1.0, kl_gradient)];
            [0, 1].map(|i| 0.5 * (above[i] + below[i]))
        };
        let (path, analytic) = (mean(KlGradient::Path), mean(KlGradient::Analytic));
        assert!(
            path.iter().zip(analytic).all(|(path, analytic)| (path - analytic).abs() < 1e-6),
            "{path:?} {analytic:?}"
        );
        assert_ne!(gradient(1.0, KlGradient::Path), gradient(1.0, KlGradient::Analytic));
    }

    /// Where the encoder's distribution is the posterior, `reconstruction - log p(z)` falls as `-log q(z)` rises.
    #[test]
    fn the_path_gradient_of_a_true_posterior_has_no_noise() {
        let (mean, logvar) = (0.4_f32, -1.1_f32);
        for noise in [-1.7, 0.2, 2.3] {
            let mut latent = Latent::new(1, 1);
            latent.draw(Draw::Given(&[noise]), &[0], 0);
            let sigma = (0.5 * logvar).exp();
            let reconstruction = -(mean + noise * sigma) + noise / sigma;
            let mut gradient = [1.0; 2];
            let objective = Objective { kl_gradient: KlGradient::Path, ..Objective::default() };
            latent.backward(1, &[mean, logvar], &[reconstruction], objective, &mut gradient);
            assert!(gradient.iter().all(|part| part.abs() < 1e-6), "{gradient:?}");
        }
    }

    #[test]
    fn free_dimensions_have_no_gradient_of_the_divergence() {
        let mut latent = Latent::new(2, 2);
        latent.draw(Draw::Given(&[0.0; 4]), &[0, 1], 0);
        // Divergences of 0.5 and 0.02; then of 0.02 and 0.5.
        let statistics = [1.0, 0.2, 0.0, 0.0, 0.2, 1.0, 0.0, 0.0];
        let mut gradient = [0.0; 8];
        for (free_bits, expected) in [
            (0.0, [1.0, 0.2, 0.0, 0.0, 0.2, 1.0, 0.0, 0.0]),
            (0.1, [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
            (0.6, [0.0; 8]),
        ] {
            latent.backward(2, &statistics, &[0.0; 4], Objective { free_bits, ..Objective::default() }, &mut gradient);
            assert_eq!(gradient, expected, "{free_bits}");
        }
    }
}
