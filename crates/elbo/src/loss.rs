//! What is minimised: the negative evidence lower bound.

use std::ops::AddAssign;

/// The two parts of the loss, in nats an image.
///
/// Their sum is the negative evidence lower bound (Kingma and Welling, 2014, equation 3) with a Gaussian likelihood
/// of unit variance, less the constant `pixels / 2 * ln(2 pi)`. The reference calls that sum the ELBO loss.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Elbo {
    /// `0.5 * sum over pixels of (reconstruction - image)^2`.
    pub reconstruction: f64,
    /// Divergence of the latent distribution from the standard normal, Kullback-Leibler.
    pub kl: f64,
}

impl Elbo {
    /// Reconstruction plus divergence: the negative evidence lower bound, up to the constant.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.reconstruction + self.kl
    }

    /// Whether both parts are numbers.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.reconstruction.is_finite() && self.kl.is_finite()
    }

    /// A sum over `count` images as a mean.
    #[must_use]
    pub fn mean(self, count: usize) -> Self {
        Self { reconstruction: self.reconstruction / count as f64, kl: self.kl / count as f64 }
    }
}

impl AddAssign for Elbo {
    fn add_assign(&mut self, other: Self) {
        self.reconstruction += other.reconstruction;
        self.kl += other.kl;
    }
}
