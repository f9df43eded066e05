//! How likely an image is, given what the decoder makes of its latent vector.

use elbo_kernels::{Isa, continuous_bernoulli, continuous_bernoulli_mean, cross_entropy, sigmoid, squared_error};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The distribution of a pixel `x` in [0, 1] whose logit the decoder makes; `s` is the logit's sigmoid.
///
/// The reconstruction part of a loss is the negative log-likelihood of the image, in nats. Losses can be compared only
/// where they are of the same likelihood, the same images, and the same preprocessing of them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likelihood {
    /// A Gaussian of mean `s` and unit variance, the reference's: `0.5 * sum (s - x)^2`, without the constant
    /// `pixels / 2 * ln(2 pi)`. A variance of 1 is far more than images have, so that the divergence weighs heavily.
    #[default]
    Gaussian,
    /// A Gaussian of mean `s` and one learned standard deviation for all pixels (sigma-VAE: Rybkin, Daniilidis and
    /// Levine, 2021): `sum (s - x)^2 / (2 sigma^2) + pixels * (ln sigma + ln(2 pi) / 2)`. A density, constants and all,
    /// and so below zero where the images are likely.
    ///
    /// The learned number `r` is bounded softly below, as in the authors' program: `ln sigma = -6 + ln(1 + e^(r + 6))`.
    /// Otherwise images that are reconstructed exactly would take sigma to 0, and the loss to minus infinity.
    SigmaGaussian,
    /// Black and white pixels, white with probability `s`: the cross-entropy `-sum (x ln s + (1 - x) ln(1 - s))`.
    ///
    /// Of pixels that are all 0 or 1 it is a probability. Of grey ones it is neither that nor a density, and its least
    /// value is their entropy rather than 0: then it serves to train, and to compare with itself.
    Bernoulli,
    /// The density on [0, 1] that the cross-entropy belongs to: the [`Bernoulli`](Self::Bernoulli) loss less `ln C(s)`
    /// for each pixel (Loaiza-Ganem and Cunningham, 2019). Below zero where the images are likely. Decoded pixels are
    /// its mean, which is greyer than `s`.
    ///
    /// The constant stops growing where a logit passes 16 either way, which bounds the density of a pixel by 16: that of
    /// pure black and white would grow without end. The loss still bounds the negative evidence lower bound from above.
    ContinuousBernoulli,
}

impl Likelihood {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gaussian, Self::SigmaGaussian, Self::Bernoulli, Self::ContinuousBernoulli];

    /// What a loss is called that is of this likelihood: `ELBO loss` of the reference's, and of others `Bernoulli ELBO
    /// loss`.
    #[must_use]
    pub fn loss_name(self) -> &'static str {
        match self {
            Self::Gaussian => "ELBO loss",
            Self::SigmaGaussian => "sigma-Gaussian ELBO loss",
            Self::Bernoulli => "Bernoulli ELBO loss",
            Self::ContinuousBernoulli => "continuous Bernoulli ELBO loss",
        }
    }

    /// What a loss leaves out of the negative evidence lower bound, if anything.
    #[must_use]
    pub fn constant(self) -> Option<&'static str> {
        (self == Self::Gaussian).then_some("pixels/2 ln(2 pi)")
    }

    /// The unit of a loss: nats an image under this likelihood, and what is left out.
    #[must_use]
    pub fn unit(self) -> String {
        let constant = self.constant().map_or(String::new(), |constant| format!(", up to {constant}"));
        format!("nats an image, likelihood {self}{constant}")
    }

    /// Whether one standard deviation for all pixels is learned.
    pub(crate) fn learns_sigma(self) -> bool {
        self == Self::SigmaGaussian
    }
}

/// As in a sentence: `Gaussian of unit variance`.
impl fmt::Display for Likelihood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gaussian => "Gaussian of unit variance",
            Self::SigmaGaussian => "Gaussian of learned variance",
            Self::Bernoulli => "Bernoulli",
            Self::ContinuousBernoulli => "continuous Bernoulli",
        })
    }
}

/// The softly bounded least `ln sigma`: that of the authors' program.
const LEAST_LOG_SIGMA: f64 = -6.0;

/// `ln sigma` by the number that is learned, `-6 + ln(1 + e^(r + 6))`.
pub(crate) fn log_sigma(raw: f64) -> f64 {
    let above = raw - LEAST_LOG_SIGMA;
    // ln(1 + e^x) without an overflow.
    LEAST_LOG_SIGMA + above.max(0.0) + (-above.abs()).exp().ln_1p()
}

/// The derivative of [`log_sigma`].
pub(crate) fn log_sigma_slope(raw: f64) -> f64 {
    1.0 / (1.0 + (LEAST_LOG_SIGMA - raw).exp())
}

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
                let precision = (-2.0 * log_sigma).exp();
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
    pixels as f64 * (log_sigma + 0.5 * std::f64::consts::TAU.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigma_is_bounded_softly_and_smoothly() {
        for (raw, expected) in [(0.0, 0.0025), (-1e30, -6.0), (-6.0, -6.0 + 2.0_f64.ln()), (50.0, 50.0), (-40.0, -6.0)]
        {
            assert!((log_sigma(raw) - expected).abs() < 1e-4, "{raw}: {}", log_sigma(raw));
        }
        for raw in [-9.0, -6.0, -2.5, 0.0, 3.0] {
            let difference = (log_sigma(raw + 1e-5) - log_sigma(raw - 1e-5)) / 2e-5;
            assert!((log_sigma_slope(raw) - difference).abs() < 1e-8, "{raw}");
        }
    }

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
