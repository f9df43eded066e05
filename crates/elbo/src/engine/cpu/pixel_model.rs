//! A likelihood with what was learned of it: the loss of an image, and the image that is expected.

use crate::network::likelihood::{Likelihood, log_sigma, log_sigma_slope};
use elbo_kernels::{Isa, continuous_bernoulli, continuous_bernoulli_mean, cross_entropy, sigmoid, squared_error};

/// A likelihood with what was learned of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PixelModel {
    likelihood: Likelihood,
    /// What stands in the parameters, from which the standard deviation follows; 0 where none is learned.
    raw: f32,
}

impl PixelModel {
    pub(crate) fn new(likelihood: Likelihood, raw: f32) -> Self {
        Self { likelihood, raw }
    }

    /// The reconstruction loss of one image, in nats; the logits become their gradients.
    pub(crate) fn loss(self, isa: Isa, logits: &mut [f32], image: &[f32]) -> f64 {
        match self.likelihood {
            Likelihood::Gaussian => squared_error(isa, logits, image),
            Likelihood::SigmaGaussian => {
                let log_sigma = log_sigma(f64::from(self.raw));
                let precision = libm::exp(-2.0 * log_sigma);
                let squares = squared_error(isa, logits, image);
                for gradient in &mut *logits {
                    *gradient *= precision as f32;
                }
                squares * precision + constant(image.len(), log_sigma)
            }
            Likelihood::Bernoulli => cross_entropy(isa, logits, image),
            Likelihood::ContinuousBernoulli => continuous_bernoulli(isa, logits, image),
        }
    }

    /// The derivative, by what is learned of sigma, of the reconstruction loss of images with this many pixels
    /// together.
    pub(crate) fn sigma_gradient(self, reconstruction: f64, pixels: usize) -> f64 {
        let raw = f64::from(self.raw);
        let squares = reconstruction - constant(pixels, log_sigma(raw));
        (pixels as f64 - 2.0 * squares) * log_sigma_slope(raw)
    }

    /// The image that is expected, of each of its pixels the mean; it takes the place of the logits.
    pub(crate) fn mean(self, isa: Isa, logits: &mut [f32]) {
        match self.likelihood {
            Likelihood::Gaussian | Likelihood::SigmaGaussian | Likelihood::Bernoulli => sigmoid(isa, logits),
            Likelihood::ContinuousBernoulli => continuous_bernoulli_mean(isa, logits),
        }
    }
}

/// What does not depend on the images in a Gaussian's negative log-likelihood.
fn constant(pixels: usize, log_sigma: f64) -> f64 {
    pixels as f64 * (log_sigma + 0.5 * libm::log(std::f64::consts::TAU))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_density_of_a_gaussian_is_one() {
        // One pixel, with a mean of 1/2: the density over all values adds up to 1 where sigma is small.
        const STEPS: u32 = 20_000;
        let model = PixelModel::new(Likelihood::SigmaGaussian, -3.0);
        let density = |i| (-model.loss(Isa::fastest(), &mut [0.0], &[i as f32 / STEPS as f32])).exp();
        let mass: f64 = (0..STEPS).map(density).sum::<f64>() / f64::from(STEPS);
        assert!((mass - 1.0).abs() < 1e-4, "{mass}");
    }

    #[test]
    fn sigma_is_best_where_it_is_that_of_the_errors() {
        let image: Vec<f32> = (0..200).map(|i| 0.5 + 0.1 * (i as f32 * 1.7).sin()).collect();
        let squares: f64 = image.iter().map(|&x| (f64::from(x) - 0.5).powi(2)).sum();
        let best = 0.5 * (squares / image.len() as f64).ln();
        // Nearly linear so far above its bound.
        for (off, sign) in [(-0.2, -1.0), (0.2, 1.0)] {
            let model = PixelModel::new(Likelihood::SigmaGaussian, (best + off) as f32);
            let loss = model.loss(Isa::fastest(), &mut vec![0.0; image.len()], &image);
            assert!(sign * model.sigma_gradient(loss, image.len()) > 0.0, "{off}");
        }
    }

    #[test]
    fn a_collapse_ends_at_the_bound() {
        // Whatever is learned, images without error have a finite loss.
        let model = PixelModel::new(Likelihood::SigmaGaussian, -1e30);
        let loss = model.loss(Isa::fastest(), &mut [0.0; 4], &[0.5; 4]);
        assert!((loss - 4.0 * (-6.0 + 0.918_938_5)).abs() < 1e-5, "{loss}");
        assert!(model.sigma_gradient(loss, 4).abs() < 1e-12);
    }
}
