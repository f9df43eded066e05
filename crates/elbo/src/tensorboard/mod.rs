//! What is measured in training, for [TensorBoard](https://www.tensorflow.org/tensorboard) to show.
//!
//! A run has one event file. It grows epoch by epoch, and where a run goes on from a checkpoint, what the file has of later
//! epochs is cut off, so that no step is there twice.
//!
//! ```no_run
//! use elbo::tensorboard::TensorBoard;
//!
//! # fn run(mut training: elbo::Training) -> Result<(), elbo::Error> {
//! let mut board = TensorBoard::create("logs/run".as_ref())?;
//! while let Some(progress) = training.advance()? {
//!     if let elbo::Progress::Epoch(_) = progress {
//!         board.epoch(&training)?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod event;
mod record;
#[cfg(test)]
mod tests;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::files::metrics::EpochMetrics;
use crate::files::run_directory::RunDirectoryError;
use crate::storage::{StorageError, create_directory};
use crate::training::Training;
#[cfg(feature = "figures")]
use crate::vae::{Images, Vae, run_figures::choose_examples};
#[cfg(feature = "figures")]
use elbo_figures::{Pixels, sheet};
use event::{Event, Histogram, step_of};
use std::fs::File;
use std::io::{BufReader, Seek, Write};
use std::path::{Path, PathBuf};

/// What the file is called: `TensorBoard` finds it by the middle of its name.
const FILE: &str = "events.out.tfevents.elbo";

/// Held-out images by which the divergence of latent dimensions is measured, at most.
const MEASURED: usize = 1000;

/// Images that are shown beside their reconstructions, and pairs to a row.
#[cfg(feature = "figures")]
const PAIRS: (usize, usize) = (8, 4);

/// Samples that are shown, and how many to a row.
#[cfg(feature = "figures")]
const SAMPLES: (usize, usize) = (16, 4);

/// The event file of a run.
#[derive(Debug)]
pub struct TensorBoard {
    file: File,
    path: PathBuf,
}

impl TensorBoard {
    /// The event file of a new run, in a directory, which is made.
    ///
    /// # Errors
    /// If the directory has the events of a run already, or it cannot be written.
    pub fn create(directory: &Path) -> Result<Self, Error> {
        create_directory(directory)?;
        let path = directory.join(FILE);
        let file = match File::options().read(true).write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(RunDirectoryError::Events { path }.into());
            }
            file => file.map_err(StorageError::new("create", &path))?,
        };
        let mut board = Self { file, path };
        board.write(&[Event::version()])?;
        Ok(board)
    }

    /// The event file of a run that goes on after these epochs: what it has of later ones, or of one that was not written
    /// wholly, is cut off, and the numbers of those that it lacks are written. A file that is not there is made.
    ///
    /// # Errors
    /// If it cannot be read and written.
    pub fn resume(directory: &Path, history: &[EpochMetrics]) -> Result<Self, Error> {
        let path = directory.join(FILE);
        let mut board = if path.exists() {
            let file = File::options().read(true).write(true).open(&path).map_err(StorageError::new("open", &path))?;
            Self { file, path }
        } else {
            Self::create(directory)?
        };
        let last = history.last().map_or(0, step);
        let kept = board.cut(last).map_err(StorageError::new("read", &board.path))?;
        let mut missing: Vec<Event> = if kept.is_none() { vec![Event::version()] } else { Vec::new() };
        missing.extend(history.iter().filter(|row| step(row) > kept.unwrap_or(0)).map(scalars));
        board.write(&missing)?;
        Ok(board)
    }

    /// Cuts off what follows the last whole record of a step up to this one; gives that step, or none where nothing is left.
    fn cut(&mut self, last: i64) -> std::io::Result<Option<i64>> {
        let length = self.file.metadata()?.len();
        self.file.rewind()?;
        let mut reader = BufReader::new(&self.file);
        let (mut end, mut kept) = (0, None);
        while let Some(record) = record::read(&mut reader, length - end)? {
            match step_of(&record) {
                Some(step) if step <= last => kept = Some(step),
                _ => break,
            }
            end += record::length(record.len());
        }
        self.file.set_len(end)?;
        self.file.seek(std::io::SeekFrom::Start(end))?;
        Ok(kept)
    }

    /// Adds the epoch that a run has just ended: losses, learning rate and speed; how the divergence is spread over the latent
    /// dimensions, as the mean of each over at most the first 1,000 held-out images; new images, and held-out ones beside
    /// their reconstructions, always the same.
    ///
    /// # Errors
    /// If the device fails, images cannot be read, or the file cannot be written.
    pub fn epoch(&mut self, training: &Training) -> Result<(), Error> {
        let Some(row) = training.history().last() else { return Ok(()) };
        let mut event = scalars(row);
        let shown = training.held_out().map_or(&training.data().train, |(_, images)| images);
        // That to a learned prior is no sum over dimensions.
        if training.settings().recipe.prior_components == 0
            && let Some(histogram) = Histogram::of(&divergences(training, shown)?)
        {
            event.histogram("kl_per_dimension", &histogram);
        }
        #[cfg(feature = "figures")]
        images(&mut event, training, shown)?;
        self.write(&[event])
    }

    fn write(&mut self, events: &[Event]) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for event in events {
            record::write(&mut bytes, &event.bytes());
        }
        let written = self.file.write_all(&bytes).and_then(|()| self.file.flush());
        Ok(written.map_err(StorageError::new("write", &self.path))?)
    }
}

/// The step of an epoch; its number where that is not known.
fn step(row: &EpochMetrics) -> i64 {
    row.step.unwrap_or(u64::from(row.epoch)) as i64
}

/// The numbers of an epoch.
fn scalars(row: &EpochMetrics) -> Event {
    let mut event = Event::at(step(row));
    event.scalar("loss/training", row.train_loss);
    if let Some((part, loss)) = row.held_out {
        event.scalar(&format!("loss/{part}"), loss.total());
        event.scalar(&format!("reconstruction/{part}"), loss.reconstruction);
        event.scalar(&format!("kl/{part}"), loss.kl);
    }
    event.scalar("epoch", f64::from(row.epoch));
    event.scalar("learning_rate", row.learning_rate);
    event.scalar("images_per_second", row.images_per_second);
    event
}

/// The mean divergence of each latent dimension, in nats per image: `(mean^2 + e^logvar - 1 - logvar) / 2` (Kingma and
/// Welling, 2014, appendix B).
fn divergences(training: &Training, dataset: &Dataset) -> Result<Vec<f64>, Error> {
    let engine = training.engine();
    let dim = engine.architecture().latent_dim();
    let indices: Vec<u32> = (0..dataset.len().min(MEASURED) as u32).collect();
    let (mut sums, mut staging) = (vec![0.0; dim], Vec::new());
    for block in indices.chunks(engine.block()) {
        for row in engine.encode(dataset.gather(block, &mut staging)?)?.chunks_exact(2 * dim) {
            let (means, logvars) = row.split_at(dim);
            for (sum, (&mean, &logvar)) in sums.iter_mut().zip(means.iter().zip(logvars)) {
                let (mean, logvar) = (f64::from(mean), f64::from(logvar));
                *sum += 0.5 * (mean * mean + libm::exp(logvar) - 1.0 - logvar);
            }
        }
    }
    Ok(sums.into_iter().map(|sum| sum / indices.len().max(1) as f64).collect())
}

/// Adds samples and reconstructions, from the model as it is now.
#[cfg(feature = "figures")]
fn images(event: &mut Event, training: &Training, dataset: &Dataset) -> Result<(), Error> {
    let seed = training.settings().recipe.seed;
    let vae = Vae::try_from(training)?;
    let samples = vae.generate(SAMPLES.0, seed)?;
    let mut add = |tag: &str, images: &[Pixels<'_>], columns: usize| -> Result<(), Error> {
        let sheet = sheet(images, columns, 2)?;
        event.image(tag, [sheet.height(), sheet.width(), samples.shape.channels], &sheet.png()?);
        Ok(())
    };
    add("samples", &samples.as_pixels(), SAMPLES.1)?;
    let indices = choose_examples(dataset, PAIRS.0, seed);
    let reconstructed = vae.reconstruct(dataset, &indices, seed)?;
    let truth = Images::of(dataset, &indices)?;
    let pairs: Vec<_> = truth.as_pixels().into_iter().zip(reconstructed.as_pixels()).flat_map(<[_; 2]>::from).collect();
    add("reconstructions", &pairs, 2 * PAIRS.1)
}
