//! New images from other draws than the standard normal's.

use super::prior::Mixture;
use super::{Images, Vae};
use crate::error::Error;

/// What new images are made of.
#[derive(Clone, Copy, Debug)]
pub struct Sampling<'a> {
    /// What latent vectors are drawn from; without one, the model's own: the standard normal
    /// distribution, or the mixture that was learned with it.
    pub prior: Option<&'a Mixture>,
    /// What the standard deviation of a draw is multiplied by: below 1, images are more like one another and like the most
    /// usual. Of a mixture it is that of each component, whose mean stays.
    pub temperature: f64,
    /// The class of all, of a conditional model; without one the classes have their turns.
    pub class: Option<u16>,
}

impl Default for Sampling<'_> {
    fn default() -> Self {
        Self { prior: None, temperature: 1.0, class: None }
    }
}

impl Vae {
    /// New images: those of number `start` and the `count - 1` after it. A latent vector depends on its number, the seed and
    /// `sampling` alone, and with none but a class images are those of [`Vae::generate`] and [`Vae::generate_class`], to the
    /// last bit.
    ///
    /// # Errors
    /// If the prior is of other latent vectors, there is no such class, there is no room for so many images, or the device
    /// fails.
    pub fn sample(&self, start: usize, count: usize, seed: u64, sampling: &Sampling<'_>) -> Result<Images, Error> {
        let latents = self.sampled_latents(start, count, seed, sampling)?;
        let known = self.architecture().classes();
        let classes: Option<Vec<u16>> = match sampling.class {
            Some(class) => Some(vec![class; count]),
            None if known > 0 => Some((start..start + count).map(|sample| (sample % known) as u16).collect()),
            None => None,
        };
        self.decode(&latents, classes.as_deref())
    }

    /// The latent vectors of the same images, `[count, Z]`.
    ///
    /// # Errors
    /// As [`Vae::sample`].
    pub fn sampled_latents(
        &self,
        start: usize,
        count: usize,
        seed: u64,
        sampling: &Sampling<'_>,
    ) -> Result<Vec<f32>, Error> {
        let mut latents = self.draws(start, count, seed, sampling.temperature)?;
        if let Some(prior) = sampling.prior {
            self.check_prior(prior)?;
            for (sample, latent) in latents.chunks_exact_mut(prior.dim()).enumerate() {
                prior.draw(seed, (start + sample) as u64, sampling.temperature, latent);
            }
        }
        Ok(latents)
    }
}
