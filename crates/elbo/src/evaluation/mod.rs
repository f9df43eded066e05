//! How good a trained model is: its losses, the importance-weighted bound, how images come back, and what its codes know
//! of classes.
//!
//! ```
//! use elbo::dataset::{Dataset, ImageShape};
//! use elbo::{Evaluator, Recipe, Settings, Training, Vae};
//!
//! # let shape = ImageShape { height: 12, width: 12, channels: 1 };
//! # let pixels = (0..100).flat_map(|i| (0..144).map(move |p| if p % 12 == i % 12 { 255 } else { 0 })).collect();
//! # let train = Dataset::new(shape, pixels, None)?;
//! # let recipe = Recipe { epochs: 1, batch_size: 50, widths: vec![4], latent_dim: 2, ..Recipe::reference() };
//! # let mut training = Training::new(Settings { threads: 1, ..Settings::new("columns", recipe) }, train)?;
//! # while training.advance()?.is_some() {}
//! # let vae = Vae::try_from(&training)?;
//! # let images = &training.data().train;
//! let evaluator = Evaluator::new(&vae, images)?.limited(20, 1);
//! let loss = evaluator.loss(1, &mut |_| {})?.sampled;
//! let bound = evaluator.importance_bound(16, 1, &mut |_| {})?;
//! let quality = evaluator.quality(&mut |_| {})?;
//! assert!(bound.bound.value < loss.total() + 0.1 && quality.rmse() < 0.6);
//! # Ok::<(), elbo::Error>(())
//! ```

mod importance;
pub mod probes;
mod quality;
mod ssim;

use crate::dataset::Dataset;
use crate::engine::evaluate::{Evaluation, all_indices, evaluate_at, standard_error};
use crate::error::Error;
use crate::noise::{Noise, Purpose};
use crate::vae::Vae;
use std::borrow::Cow;

pub use importance::ImportanceBound;
pub use probes::{ProbeOptions, Probed, Probes, Representation, probe};
pub use quality::Quality;
pub use ssim::ssim;

/// A mean over images.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Its standard error; see [`standard_error`]. None of a single image.
    pub standard_error: Option<f64>,
}

impl Mean {
    /// Of these numbers, added in their order; NaN of none.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let value = values.iter().sum::<f64>() / values.len() as f64;
        Self { value, standard_error: standard_error(values.iter().copied()) }
    }
}

/// A model and the images that it is tried on.
///
/// What takes long is given a function `progress`, which it calls from time to time with how much more is done: images,
/// unless it says otherwise.
#[derive(Debug)]
pub struct Evaluator<'a> {
    vae: &'a Vae,
    dataset: Cow<'a, Dataset>,
    /// Positions of the images, ascending.
    indices: Vec<u32>,
}

impl<'a> Evaluator<'a> {
    /// All images of a set.
    ///
    /// # Errors
    /// If the images are not of the model's shape, or have no classes that a conditional model knows.
    pub fn new(vae: &'a Vae, dataset: &'a Dataset) -> Result<Self, Error> {
        let dataset = vae.taken(dataset)?;
        let indices = all_indices(&dataset);
        Ok(Self { vae, dataset, indices })
    }

    /// At most so many of them, at least one, chosen at random.
    #[must_use]
    pub fn limited(mut self, limit: usize, seed: u64) -> Self {
        if limit < self.indices.len() {
            Noise::new(seed, Purpose::Choice, 0).shuffle(&mut self.indices);
            self.indices.truncate(limit.max(1));
            self.indices.sort_unstable();
        }
        self
    }

    /// How many images there are.
    #[must_use]
    pub fn images(&self) -> usize {
        self.indices.len()
    }

    /// The two losses, as [`Vae::evaluate`] has them. `progress` is told of every image twice.
    ///
    /// # Errors
    /// If the images cannot be read, or the device fails.
    pub fn loss(&self, seed: u64, progress: &mut dyn FnMut(usize)) -> Result<Evaluation, Error> {
        evaluate_at(self.vae.engine(), &self.dataset, &self.indices, seed, progress)
    }
}
