//! A trained model at work: generate, reconstruct, encode, decode, evaluate.

#[cfg(feature = "arrays")]
mod codes;
mod latent_space;
pub mod pca;
pub mod prior;
#[cfg(feature = "figures")]
pub(crate) mod run_figures;
mod sample;

use crate::dataset::class::{ClassError, matched, resolve_class};
use crate::dataset::shape::ShapeError;
use crate::dataset::{Dataset, DatasetError, ImageShape};
use crate::engine::evaluate::{Evaluation, evaluate, for_each_block};
use crate::engine::{Cpu, Device, Draw, Engine};
use crate::error::Error;
use crate::files::model::{Model, ModelCard};
use crate::files::npy;
use crate::network::architecture::Architecture;
use crate::network::parameters::ParameterTable;
use crate::network::prior::LearnedPrior;
use crate::noise::{Noise, Purpose};
use std::borrow::Cow;

pub use latent_space::{Dimension, Path, sum_of_codes};
pub use sample::Sampling;

#[cfg(feature = "arrays")]
pub use codes::CodesOptions;

/// Images as numbers in [0, 1], `[N, H, W, C]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Images {
    /// The shape of each.
    pub shape: ImageShape,
    /// Row-major.
    pub pixels: Vec<f32>,
}

impl Images {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pixels.len() / self.shape.len().max(1)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// One after the other, each `[H, W, C]`.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, f32> {
        self.pixels.chunks_exact(self.shape.len().max(1))
    }

    /// The numbers as a `.npy` file of `NumPy`: 32-bit floats, `[N, H, W, C]`.
    #[must_use]
    pub fn to_npy(&self) -> Vec<u8> {
        let ImageShape { height, width, channels } = self.shape;
        npy::floats(&[self.len(), height, width, channels], &self.pixels)
    }

    /// Images of a data set, by position, unchanged.
    ///
    /// # Errors
    /// If there is no image at a position, or they cannot be read.
    pub fn of(dataset: &Dataset, indices: &[u32]) -> Result<Self, DatasetError> {
        let mut staging = Vec::new();
        let batch = dataset.gather(indices, &mut staging)?;
        let mut pixels = vec![0.0; batch.values()];
        batch.write(&mut pixels);
        Ok(Self { shape: dataset.shape(), pixels })
    }
}

impl<'a> IntoIterator for &'a Images {
    type Item = &'a [f32];
    type IntoIter = std::slice::ChunksExact<'a, f32>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The latent distribution of each of some images, `[N, Z]` each.
#[derive(Clone, PartialEq, Debug)]
pub struct Encoded {
    /// Latent dimensions `Z`.
    pub latent_dim: usize,
    /// Means.
    pub means: Vec<f32>,
    /// Logarithms of the variances.
    pub logvars: Vec<f32>,
}

impl Encoded {
    /// Of how many images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.means.len() / self.latent_dim.max(1)
    }

    /// Whether of none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.means.is_empty()
    }

    /// The mean of the image at a position, `[Z]`, which is its code; none if there is no such image.
    #[must_use]
    pub fn mean(&self, index: usize) -> Option<&[f32]> {
        self.means.chunks_exact(self.latent_dim.max(1)).nth(index)
    }

    /// Mean and log-variance of one image after the other, `[Z]` each.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[f32], &[f32])> {
        let rows = |values| <[f32]>::chunks_exact(values, self.latent_dim.max(1));
        rows(&self.means).zip(rows(&self.logvars))
    }
}

/// Latent vectors are not what a model takes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LatentError {
    /// They are not whole.
    #[error("{numbers} numbers are no whole number of latent vectors of {dim}")]
    Partial {
        /// How many numbers there are.
        numbers: usize,
        /// Numbers of a latent vector.
        dim: usize,
    },
    /// So many images fit in no memory.
    #[error("{count} images after the first {start} are more than fit in any memory")]
    TooMany {
        /// Images before them.
        start: usize,
        /// How many were asked for.
        count: usize,
    },
    /// What the decoder makes of one is no image: the sums of its layers are beyond the largest number, or the latent vector
    /// is not finite.
    #[error("latent vector {image}, from 0, is decoded to pixels that are no numbers")]
    NoImage {
        /// Its position.
        image: usize,
    },
}

/// A trained variational autoencoder.
#[derive(Debug)]
pub struct Vae {
    engine: Box<dyn Engine>,
    card: ModelCard,
}

impl Vae {
    /// The model at `path`, a run directory or a model file, on `threads` threads of the processor; 0 is one per core.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn open(path: impl AsRef<std::path::Path>, threads: usize) -> Result<Self, Error> {
        Self::on(&Cpu::new(threads), Model::open(path)?)
    }

    /// A model on a device.
    ///
    /// # Errors
    /// If the device cannot be used, or the parameters or the names of classes are not those of the network.
    pub fn on(device: &dyn Device, model: Model) -> Result<Self, Error> {
        if model.card.check_names().is_err() {
            let (classes, names) = (model.card.architecture.classes(), model.card.classes.len());
            return Err(ClassError::Names { classes, names }.into());
        }
        let engine = device.engine(&model.card.architecture, &model.parameters)?;
        Ok(Self { engine, card: model.card })
    }

    /// What the model says of itself.
    #[must_use]
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// What computes.
    #[must_use]
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    fn architecture(&self) -> &Architecture {
        self.engine.architecture()
    }

    /// The images as the model takes them: of its shape, with its own numbers for their classes, and with black and white
    /// pixels if it was trained on such.
    pub(crate) fn taken<'a>(&self, dataset: &'a Dataset) -> Result<Cow<'a, Dataset>, Error> {
        let (expected, found) = (self.architecture().image(), dataset.shape());
        if found != expected {
            return Err(ShapeError { expected, found }.into());
        }
        let taken = matched(dataset, &self.card.classes)?;
        let is_drawn = self.card.recipe.binarize.is_none() || taken.is_binarized();
        Ok(if is_drawn { taken } else { Cow::Owned(taken.into_owned().binarized()) })
    }

    /// The mixture that was learned as the prior, if one was.
    ///
    /// # Errors
    /// If the device fails.
    pub fn prior(&self) -> Result<Option<LearnedPrior>, Error> {
        Ok(LearnedPrior::of(&ParameterTable::new(self.architecture()), &self.engine.parameters()?))
    }

    /// New images: `count` draws from the prior, decoded. The first images are the same whatever the count. Of a
    /// conditional model the classes have their turns.
    ///
    /// # Errors
    /// If the device fails.
    pub fn generate(&self, count: usize, seed: u64) -> Result<Images, Error> {
        self.generate_from(0, count, seed)
    }

    /// The number of the class that a text means, by its name or its number, of a conditional model.
    ///
    /// # Errors
    /// If the model is not conditional, or there is no such class.
    pub fn class(&self, text: &str) -> Result<u16, Error> {
        Ok(resolve_class(text, &self.card.classes)?)
    }

    /// New images as [`Vae::generate`] makes them, from the same draws, all of one class of a conditional model; those
    /// that come after the first `start`.
    ///
    /// # Errors
    /// If the model is not conditional, or there is no such class.
    pub fn generate_class(&self, class: u16, start: usize, count: usize, seed: u64) -> Result<Images, Error> {
        let latents = self.draws(start, count, seed, 1.0)?;
        self.decode(&latents, Some(&vec![class; count]))
    }

    /// Those of the images of [`Vae::generate`] that come after the first `start`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn generate_from(&self, start: usize, count: usize, seed: u64) -> Result<Images, Error> {
        let latents = self.draws(start, count, seed, 1.0)?;
        let known = self.architecture().classes();
        let classes: Vec<u16> = if known == 0 {
            Vec::new()
        } else {
            (start..start.saturating_add(count)).map(|sample| (sample % known) as u16).collect()
        };
        self.images(&latents, &classes)
    }

    /// The images of latent vectors, of which classes and lengths are checked.
    fn images(&self, latents: &[f32], classes: &[u16]) -> Result<Images, Error> {
        let images = Images { shape: self.architecture().image(), pixels: self.engine.decode(latents, classes)? };
        match images.iter().position(|image| image.iter().any(|pixel| !pixel.is_finite())) {
            Some(image) => Err(LatentError::NoImage { image }.into()),
            None => Ok(images),
        }
    }

    /// Latent vectors to generate from, `[count, Z]`, with standard deviations `temperature` times those of the prior.
    ///
    /// # Errors
    /// If there is no room for so many, or for their images.
    fn draws(&self, start: usize, count: usize, seed: u64, temperature: f64) -> Result<Vec<f32>, Error> {
        let dim = self.architecture().latent_dim();
        let numbers = dim.max(self.architecture().image().len());
        let is_possible = start.checked_add(count).is_some()
            && count.checked_mul(4 * numbers).is_some_and(|bytes| isize::try_from(bytes).is_ok());
        if !is_possible {
            return Err(LatentError::TooMany { start, count }.into());
        }
        let noise = Noise::new(seed, Purpose::Generation, 0);
        let mut latents = vec![0.0; count * dim];
        for (sample, latent) in latents.chunks_exact_mut(dim).enumerate() {
            noise.normal((start + sample) as u64, latent);
            for number in latent {
                *number = (f64::from(*number) * temperature) as f32;
            }
        }
        if let Some(prior) = self.prior()? {
            // Which component: draws of their own.
            let noise = Noise::new(seed, Purpose::Generation, 1);
            for (sample, latent) in latents.chunks_exact_mut(dim).enumerate() {
                let mut share = [0.0];
                noise.uniform((start + sample) as u64, 1.0, &mut share);
                let component = prior.choose(0.5 * (f64::from(share[0]) + 1.0));
                for (number, (mean, deviation)) in latent.iter_mut().zip(prior.component(component)) {
                    *number = (mean + deviation * f64::from(*number)) as f32;
                }
            }
        }
        Ok(latents)
    }

    /// The image of each latent vector, `[N, Z]`; a conditional model is given the class of each, `[N]`.
    ///
    /// # Errors
    /// If `latents` is no whole number of latent vectors, a conditional model is not given a class that it knows for each,
    /// or another one is given any. [`LatentError::NoImage`] if a pixel of one would be NaN.
    pub fn decode(&self, latents: &[f32], classes: Option<&[u16]>) -> Result<Images, Error> {
        let known = self.architecture().classes();
        if known == 0 && classes.is_some() {
            return Err(ClassError::NotConditional.into());
        }
        let classes = classes.unwrap_or(&[]);
        let dim = self.architecture().latent_dim();
        if !latents.len().is_multiple_of(dim) {
            return Err(LatentError::Partial { numbers: latents.len(), dim }.into());
        }
        let count = latents.len() / dim;
        if known > 0 && classes.len() != count {
            return Err(ClassError::Count { known, latents: count, classes: classes.len() }.into());
        }
        if let Some(class) = classes.iter().find(|&&class| usize::from(class) >= known) {
            return Err(ClassError::Unknown { found: class.to_string(), classes: self.card.classes.clone() }.into());
        }
        self.images(latents, classes)
    }

    /// The latent distribution of each image.
    ///
    /// # Errors
    /// If the images are not of the model's shape, have no classes that a conditional model knows, or cannot be read.
    pub fn encode(&self, dataset: &Dataset) -> Result<Encoded, Error> {
        let dataset = &*self.taken(dataset)?;
        let latent_dim = self.architecture().latent_dim();
        let (mut means, mut logvars) = (Vec::new(), Vec::new());
        for_each_block(&*self.engine, dataset, |block| {
            for row in self.engine.encode(block)?.chunks_exact(2 * latent_dim) {
                means.extend_from_slice(&row[..latent_dim]);
                logvars.extend_from_slice(&row[latent_dim..]);
            }
            Ok(())
        })?;
        Ok(Encoded { latent_dim, means, logvars })
    }

    /// Images of a data set, by position, encoded, drawn from and decoded; by a conditional model as of their own classes.
    ///
    /// # Errors
    /// If the images are not of the model's shape, have no classes that a conditional model knows, or cannot be read.
    ///
    /// # Panics
    /// If there is no image at a position.
    pub fn reconstruct(&self, dataset: &Dataset, indices: &[u32], seed: u64) -> Result<Images, Error> {
        let dataset = &*self.taken(dataset)?;
        let noise = Noise::new(seed, Purpose::Reconstruction, 0);
        let mut staging = Vec::new();
        let batch = dataset.gather(indices, &mut staging)?;
        let pixels = self.engine.reconstruct(batch, Draw::Noise(&noise))?;
        Ok(Images { shape: dataset.shape(), pixels })
    }

    /// The loss over a data set.
    ///
    /// # Errors
    /// If the images are not of the model's shape, have no classes that a conditional model knows, or cannot be read.
    pub fn evaluate(&self, dataset: &Dataset, seed: u64) -> Result<Evaluation, Error> {
        let dataset = &*self.taken(dataset)?;
        evaluate(&*self.engine, dataset, seed)
    }
}
