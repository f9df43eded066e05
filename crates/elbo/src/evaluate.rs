//! How good a model is on a set of images.

use crate::batch::Batch;
use crate::dataset::Dataset;
use crate::engine::Engine;
use crate::latent::Draw;
use crate::loss::Elbo;
use crate::noise::{Noise, Purpose};

/// The loss over a data set, measured in two ways.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Evaluation {
    /// Images.
    pub images: usize,
    /// With one draw from each image's latent distribution, as in the reference.
    pub sampled: Elbo,
    /// With the mean of each image's latent distribution as its latent vector: smaller, and the same on every call.
    pub at_mean: Elbo,
}

/// The positions of all images of a set.
pub(crate) fn all_indices(dataset: &Dataset) -> Vec<u32> {
    (0..dataset.len() as u32).collect()
}

/// The loss over a whole data set with one draw an image, as the reference measures its test loss; `epoch` selects
/// the draws.
#[must_use]
pub fn sampled_loss(engine: &Engine, dataset: &Dataset, seed: u64, epoch: u32) -> Elbo {
    let noise = Noise::new(seed, Purpose::Evaluation, u64::from(epoch));
    engine.evaluate(Batch { dataset, indices: &all_indices(dataset) }, Draw::Noise(&noise))
}

/// Both measures over a whole data set.
#[must_use]
pub fn evaluate(engine: &Engine, dataset: &Dataset, seed: u64) -> Evaluation {
    Evaluation {
        images: dataset.len(),
        sampled: sampled_loss(engine, dataset, seed, 0),
        at_mean: engine.evaluate(Batch { dataset, indices: &all_indices(dataset) }, Draw::Mean),
    }
}
