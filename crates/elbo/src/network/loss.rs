//! What is minimised: the negative evidence lower bound, or what stands for it.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// The two parts of the loss, in nats per image.
///
/// Their sum is the negative evidence lower bound (Kingma and Welling, 2014, equation 3), under the reference's
/// Gaussian likelihood of unit variance less the constant `pixels / 2 * ln(2 pi)`. The reference calls that sum the
/// ELBO loss. Sums can be compared only where the likelihood, the images and their preprocessing are the same.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Loss {
    /// Negative log-likelihood of the image; see [`Likelihood`](crate::Likelihood).
    pub reconstruction: f64,
    /// Divergence of the latent distribution from the prior, Kullback-Leibler. That from the standard normal has a formula;
    /// that from a learned mixture is estimated by the draw: `log p(z)` is that of the latent vector drawn.
    pub kl: f64,
}

/// Below this divergence, in nats per image, latent vectors say next to nothing of their images.
const COLLAPSED: f64 = 0.1;

impl Loss {
    /// Whether the latent vectors say next to nothing of their images, a divergence below 0.1 nats per image: the decoder
    /// has learned to do without them.
    #[must_use]
    pub fn is_collapsed(&self) -> bool {
        self.kl < COLLAPSED
    }

    /// Reconstruction plus divergence: the negative evidence lower bound, up to the likelihood's constant.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.reconstruction + self.kl
    }

    /// Whether both parts are finite.
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

/// What a step minimises, and how its gradient is estimated.
///
/// - `reconstruction + beta * kl`; with free bits `reconstruction + beta * sum over latent dimensions of max(free_bits, kl
///   of the dimension)`.
/// - With several `samples` the importance-weighted bound (Burda, Grosse and Salakhutdinov, 2016, equation 8),
///   `-log (1 / K sum over k of w_k)` with `log w_k = log p(x | z_k) + beta (log p(z_k) - log q(z_k | x))`.
/// - With a weight `total_correlation`, that times the total correlation of the batch more: the loss of a beta-TC-VAE
///   (Chen et al., 2018, equation 4, with `alpha = gamma = 1`) whose beta is 1 more than that weight.
///
/// The [`Loss`] of a step is that of the evidence lower bound, whatever is minimised; with several samples their mean.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Objective {
    /// The weight of the divergence, in `reconstruction + beta * kl`.
    pub beta: f32,
    /// What the divergence of each latent dimension of an image counts at least, in nats: below that it has no
    /// gradient, and the dimension is free to carry something (Kingma et al., 2016, appendix C.8). The source bounds the
    /// mean over a minibatch; here each image is bounded by itself, so that its gradient depends on no other image. 0
    /// changes nothing.
    pub free_bits: f32,
    /// How the divergence's gradient is estimated.
    pub kl_gradient: KlGradient,
    /// Draws of each image's latent vector, 1 or more.
    pub samples: u32,
    /// The weight of the total correlation: of the divergence of the aggregate distribution of latent vectors from the
    /// product of its marginals. It is estimated from the batch (minibatch-weighted sampling, Chen et al., 2018, appendix
    /// C.1), up to a constant. 0 changes nothing. It is defined for one sample and the standard normal prior.
    pub total_correlation: f32,
}

impl Objective {
    /// Why there is no such objective, for a network with so many components of its prior; none where there is.
    pub(crate) fn trouble(&self, prior_components: usize) -> Option<&'static str> {
        let Self { free_bits, samples, total_correlation, .. } = *self;
        if samples == 0 {
            return Some("an objective takes one sample or more");
        }
        let has_formula = samples == 1 && prior_components == 0;
        if has_formula {
            None
        } else if free_bits > 0.0 {
            Some("free bits are defined for the evidence lower bound with the standard normal prior")
        } else if total_correlation != 0.0 {
            Some("total correlation is defined for the evidence lower bound with the standard normal prior")
        } else {
            None
        }
    }
}

/// The evidence lower bound, as the reference has it.
impl Default for Objective {
    fn default() -> Self {
        let kl_gradient = KlGradient::Analytic;
        Self { beta: 1.0, free_bits: 0.0, kl_gradient, samples: 1, total_correlation: 0.0 }
    }
}

/// How the gradient of the divergence is estimated. Both are right in the mean over draws.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KlGradient {
    /// That of the divergence's formula: without noise by itself.
    #[default]
    Analytic,
    /// That of `log q(z) - log p(z)` at the draw `z`, along `z` alone (Roeder, Wu and Duvenaud, 2017, "Sticking the
    /// Landing", section 3). Its noise cancels that of the reconstruction's gradient, all of it where the encoder's
    /// distribution is the true posterior. With several samples the weights of the encoder's gradient are squared, which
    /// keeps it right in the mean (Tucker et al., 2019, "Doubly Reparameterized Gradient Estimators", equation 7).
    Path,
}

impl AddAssign for Loss {
    fn add_assign(&mut self, other: Self) {
        self.reconstruction += other.reconstruction;
        self.kl += other.kl;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latent_vectors_of_less_than_a_tenth_of_a_nat_say_nothing() {
        for (kl, expected) in [(0.0, true), (0.099, true), (0.1, false), (25.0, false), (f64::NAN, false)] {
            assert_eq!(Loss { reconstruction: 30.0, kl }.is_collapsed(), expected, "{kl}");
        }
    }
}
