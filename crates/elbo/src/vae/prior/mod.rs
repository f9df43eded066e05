//! The aggregate posterior as prior: a mixture of normal distributions fitted to the codes of the training set.
//!
//! The bound that training raises holds the latent distributions of all images to the standard normal, and what they come
//! to together, the aggregate posterior `q(z) = 1/N sum over n of q(z | x_n)`, is still another distribution: draws from
//! the standard normal fall where the decoder has seen no image. `q(z)` is the prior that the bound is tightest with
//! (Hoffman and Johnson, *ELBO surgery*, 2016; Tomczak and Welling, *VAE with a `VampPrior`*, 2018). It is fitted here after
//! training (Ghosh et al., *From Variational to Deterministic Autoencoders*, 2020, section 4), to draws from each image's
//! latent distribution, so that variances count as well as means.
//!
//! ```
//! # use elbo::dataset::{Dataset, ImageShape};
//! # use elbo::{Recipe, Settings, Training, Vae};
//! # let shape = ImageShape { height: 10, width: 8, channels: 1 };
//! # let pixels = (0..200).flat_map(|i| (0..80).map(move |p| if p % 8 == i % 8 { 255 } else { 0 })).collect();
//! # let recipe = Recipe { epochs: 1, batch_size: 50, widths: vec![8], latent_dim: 3, ..Recipe::reference() };
//! # let settings = Settings { threads: 1, ..Settings::new("columns", recipe) };
//! # let mut training = Training::new(settings, Dataset::new(shape, pixels, None)?)?;
//! # while training.advance()?.is_some() {}
//! # let vae = Vae::try_from(&training)?;
//! # let images = &training.data().train;
//! use elbo::vae::Sampling;
//!
//! let fitted = vae.fit_prior(images, &mut |_| ())?;
//! let gain = vae.evaluate_prior(&fitted.mixture, images, 1)?; // nats per image
//! assert!(gain.kl_mixture < gain.kl_standard + 0.1);
//! let new = vae.sample(0, 25, 1, &Sampling { prior: Some(&fitted.mixture), ..Sampling::default() })?;
//! assert_eq!(new.len(), 25);
//! # Ok::<(), elbo::Error>(())
//! ```

mod choice;
mod em;

use crate::dataset::Dataset;
use crate::engine::Draw;
use crate::engine::evaluate::for_each_block;
use crate::error::Error;
use crate::network::mixture::lanes::Codes;
use crate::noise::{Noise, Purpose};
use crate::vae::Vae;

pub use crate::network::mixture::{Covariance, Mixture, MixtureError};
pub use choice::{Candidate, MOST_CANDIDATES};

/// Images whose codes a mixture is fitted to, at most.
const MOST_IMAGES: usize = 100_000;
/// Numbers of their codes, at most: 256 MiB of them.
const MOST_NUMBERS: usize = 1 << 25;
/// Codes that are wanted: of fewer images, each gives several draws,
const WANTED_CODES: usize = 50_000;
/// so many at most.
const MOST_DRAWS: usize = 16;
/// One image in so many is kept out of fitting, to choose by.
const HELD_OUT: usize = 10;
/// Draws of each image's latent distribution that a gain is measured with.
const MEASURED_DRAWS: u64 = 8;

/// A mixture cannot be fitted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriorError {
    /// There are too few images.
    #[error("a prior is fitted to two images at least, not to {images}")]
    TooFew {
        /// How many there are.
        images: usize,
    },
    /// A latent distribution is not finite.
    #[error("the latent distribution of image {image} is not finite")]
    NotFinite {
        /// Its position.
        image: usize,
    },
    /// The model has a prior of its own.
    #[error("the model has learned a mixture as its prior: none is fitted in its place")]
    Learned,
    /// A mixture is over other latent vectors than the model's.
    #[error("the prior is of {found} latent dimensions, and the model has {expected}")]
    Dimensions {
        /// The model's.
        expected: usize,
        /// The mixture's.
        found: usize,
    },
}

/// How far fitting is.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum PriorProgress {
    /// So many images are encoded.
    Encoded {
        /// Images so far.
        done: usize,
        /// Images that will be.
        total: usize,
    },
    /// A mixture was tried.
    Tried(Candidate),
}

/// A prior that was fitted, and to what.
#[derive(Clone, PartialEq, Debug)]
pub struct FittedPrior {
    /// The prior.
    pub mixture: Mixture,
    /// Images whose codes it was fitted to; fewer than there are where these are very many.
    pub images: usize,
    /// Draws of the latent distribution of each.
    pub draws: usize,
    /// What was tried, by codes of one image in ten.
    pub candidates: Vec<Candidate>,
}

/// What a prior gains over the standard normal distribution on some images, in nats per image.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PriorEvaluation {
    /// Images.
    pub images: usize,
    /// Mean reconstruction loss, with one draw per image; the prior has no part in it.
    pub reconstruction: f64,
    /// Mean divergence of the latent distributions from the standard normal.
    pub kl_standard: f64,
    /// Mean divergence from the mixture, by draws: `ln q(z | x) - ln p(z)`.
    pub kl_mixture: f64,
    /// Standard error of the difference of the two, over images.
    pub standard_error: f64,
}

impl PriorEvaluation {
    /// By how much the loss, the negative evidence lower bound, is lower with the mixture as prior.
    #[must_use]
    pub fn gain(&self) -> f64 {
        self.kl_standard - self.kl_mixture
    }
}

impl Vae {
    /// Fits a mixture to the codes of images, which should be those trained on: draws from the latent distribution of each.
    /// How many components there are, and whether their covariances are diagonal, follows from the codes of one image in
    /// ten. The same images give the same mixture to the last bit, whatever the number of threads.
    ///
    /// Of a conditional model it is one mixture for all classes.
    ///
    /// # Errors
    /// As [`Vae::encode`]; and [`PriorError`] if there are fewer than two images, a code is not finite, or the model has learned
    /// a prior of its own.
    pub fn fit_prior(&self, images: &Dataset, progress: &mut dyn FnMut(PriorProgress)) -> Result<FittedPrior, Error> {
        let images = &*self.taken(images)?;
        self.check_standard()?;
        if images.len() < 2 {
            return Err(PriorError::TooFew { images: images.len() }.into());
        }
        let dim = self.architecture().latent_dim();
        let most = MOST_IMAGES.min(MOST_NUMBERS / dim).max(2);
        let mut chosen: Vec<u32> = (0..images.len() as u32).collect();
        Noise::new(SEED, Purpose::Prior, ORDER).shuffle(&mut chosen);
        chosen.truncate(most);
        let draws = (WANTED_CODES / chosen.len()).min(most / chosen.len()).clamp(1, MOST_DRAWS);
        let noises: Vec<Noise> = (0..draws).map(|k| Noise::new(SEED, Purpose::Prior, DRAWS + k as u64)).collect();
        let mut codes = Vec::with_capacity(chosen.len() * draws * dim);
        let (mut staging, mut done) = (Vec::new(), 0);
        for indices in chosen.chunks(self.engine.block()) {
            let statistics = self.engine.encode(images.gather(indices, &mut staging)?)?;
            let drawn: Vec<Vec<f32>> =
                noises.iter().map(|noise| Draw::Noise(noise).latents(&statistics, indices, dim)).collect();
            for (place, &image) in indices.iter().enumerate() {
                for drawn in &drawn {
                    let code = &drawn[place * dim..][..dim];
                    if !code.iter().all(|number| number.is_finite()) {
                        return Err(PriorError::NotFinite { image: image as usize }.into());
                    }
                    codes.extend_from_slice(code);
                }
            }
            done += indices.len();
            progress(PriorProgress::Encoded { done, total: chosen.len() });
        }
        // The order is random, so that the first are as good as any.
        let held_out = chosen.len().div_ceil(HELD_OUT).max(1) * draws;
        let parts = [
            Codes::of(&codes, dim, |code| code >= held_out),
            Codes::of(&codes, dim, |code| code < held_out),
            Codes::of(&codes, dim, |_| true),
        ];
        drop(codes);
        let [fitted, held_out, all] = &parts;
        let noise = Noise::new(SEED, Purpose::Prior, CENTRES);
        let (mixture, candidates) =
            choice::choose(fitted, held_out, all, &noise, &mut |candidate| progress(PriorProgress::Tried(candidate)));
        Ok(FittedPrior { mixture, images: chosen.len(), draws, candidates })
    }

    /// Measures what a prior gains on images that it was not fitted to. The first draw of each image is that of
    /// [`Vae::evaluate`] with the same seed.
    ///
    /// The divergence from the mixture is that from the standard normal, which has a formula, less the mean of
    /// `ln p(z) - ln N(z; 0, I)` over draws: the same in the mean as `ln q(z | x) - ln p(z)`, with less noise.
    ///
    /// # Errors
    /// As [`Vae::evaluate`]; and if the mixture is over other latent vectors than the model's.
    pub fn evaluate_prior(&self, prior: &Mixture, images: &Dataset, seed: u64) -> Result<PriorEvaluation, Error> {
        let images = &*self.taken(images)?;
        let dim = self.architecture().latent_dim();
        self.check_standard()?;
        self.check_prior(prior)?;
        let standard = Mixture::standard(dim);
        let noises: Vec<Noise> = (0..MEASURED_DRAWS).map(|k| Noise::new(seed, Purpose::Evaluation, k)).collect();
        let mut losses = crate::network::loss::Loss::default();
        let mut gains = Vec::with_capacity(images.len());
        for_each_block(&*self.engine, images, |block| {
            self.engine.losses(block, Draw::Noise(&noises[0]))?.into_iter().for_each(|loss| losses += loss);
            let statistics = self.engine.encode(block)?;
            let mut sums = vec![0.0; block.indices.len()];
            for noise in &noises {
                let codes = Draw::Noise(noise).latents(&statistics, block.indices, dim);
                let densities = prior.log_density(&codes).into_iter().zip(standard.log_density(&codes));
                sums.iter_mut().zip(densities).for_each(|(sum, (prior, standard))| *sum += prior - standard);
            }
            gains.extend(sums.into_iter().map(|sum: f64| sum / MEASURED_DRAWS as f64));
            Ok(())
        })?;
        let count = images.len().max(1) as f64;
        let gain = gains.iter().sum::<f64>() / count;
        let squares: f64 = gains.iter().map(|one| (one - gain) * (one - gain)).sum();
        let loss = losses.mean(images.len());
        Ok(PriorEvaluation {
            images: images.len(),
            reconstruction: loss.reconstruction,
            kl_standard: loss.kl,
            kl_mixture: loss.kl - gain,
            standard_error: (squares / (count - 1.0).max(1.0) / count).sqrt(),
        })
    }

    /// That the model was trained with the standard normal distribution as its prior.
    fn check_standard(&self) -> Result<(), PriorError> {
        if self.architecture().prior_components() == 0 { Ok(()) } else { Err(PriorError::Learned) }
    }

    /// That a mixture is over the model's latent vectors.
    pub(super) fn check_prior(&self, prior: &Mixture) -> Result<(), PriorError> {
        let (expected, found) = (self.architecture().latent_dim(), prior.dim());
        if expected == found { Ok(()) } else { Err(PriorError::Dimensions { expected, found }) }
    }
}

/// The draws of a fit are the same for every run, and are told from others by their purpose; these are its epochs.
const SEED: u64 = 1;
const ORDER: u64 = 0;
const CENTRES: u64 = 1;
const DRAWS: u64 = 2;

#[cfg(test)]
mod tests;
