//! How likely an image is, given what the decoder makes of its latent vector.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The distribution of a pixel `x` in [0, 1] whose logit the decoder makes; `s` is the logit's sigmoid.
///
/// The reconstruction part of a loss is the negative log-likelihood of the image, in nats. Losses can be compared only
/// where they are of the same likelihood, the same images, and the same preprocessing of them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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

    /// The unit of a loss: nats per image under this likelihood, and what is left out.
    #[must_use]
    pub fn unit(self) -> String {
        let constant = self.constant().map_or(String::new(), |constant| format!(", up to {constant}"));
        format!("nats per image, likelihood {self}{constant}")
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
    LEAST_LOG_SIGMA + above.max(0.0) + libm::log1p(libm::exp(-above.abs()))
}

/// The derivative of [`log_sigma`].
pub(crate) fn log_sigma_slope(raw: f64) -> f64 {
    1.0 / (1.0 + libm::exp(LEAST_LOG_SIGMA - raw))
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
}
