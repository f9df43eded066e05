//! Training: from fresh parameters to a model, batch by batch, epoch by epoch.
//!
//! The loop is the caller's, so that whatever shows the progress stays out of here:
//!
//! ```
//! use elbo::dataset::{Dataset, ImageShape, Splits};
//! use elbo::{Progress, Recipe, Settings, Training};
//!
//! // Sixty-four little images of two kinds, black and white.
//! let shape = ImageShape { height: 8, width: 8, channels: 1 };
//! let pixels = (0..64).flat_map(|i| [if i % 2 == 0 { 0 } else { 255 }; 64]).collect();
//! let train = Dataset::new(shape, pixels, None)?;
//! let data = Splits { train, validation: None, test: None, name: "squares".to_owned() };
//!
//! let recipe = Recipe { epochs: 3, batch_size: 16, widths: vec![4], latent_dim: 2, ..Recipe::reference() };
//! let mut training = Training::new(Settings { threads: 1, ..Settings::new("squares", recipe) }, data)?;
//! while let Some(progress) = training.advance()? {
//!     if let Progress::Epoch(metrics) = progress {
//!         println!("epoch {}: {:.2} nats per image", metrics.epoch, metrics.train_loss);
//!     }
//! }
//! assert_eq!(training.history().len(), 3);
//! # Ok::<(), elbo::Error>(())
//! ```

mod error;
mod progress;
mod save;

use crate::dataset::class::{ClassError, check_labels, classes_of};
use crate::dataset::shape::ShapeError;
use crate::dataset::{Dataset, Part, Splits};
use crate::engine::OptimizerState;
use crate::engine::cpu::Engine;
use crate::engine::cpu::latent::Draw;
use crate::engine::evaluate::{all_indices, sampled_loss};
use crate::error::Error;
use crate::files::checkpoint::{self, CheckpointCard, Position};
use crate::files::metrics::{EpochMetrics, best_epoch};
use crate::files::model::{DataSummary, Model};
use crate::files::run_directory::RunDirectory;
use crate::files::tensors::{Document, TensorFileError};
use crate::network::architecture::Architecture;
use crate::network::loss::Elbo;
use crate::network::parameters::ParameterTable;
use crate::noise::{Noise, Purpose};
use crate::recipe::Recipe;
use crate::recipe::settings::Settings;
use crate::storage::{remove_leftovers, write_atomically};
use std::time::{Duration, Instant};

pub use error::TrainingError;
pub use progress::{BatchProgress, Progress};

/// How long a long epoch may go on without a checkpoint.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(120);

/// A run of training, in memory or with a directory where it is saved.
#[derive(Debug)]
pub struct Training {
    engine: Engine,
    settings: Settings,
    /// With the images that the recipe holds out in the validation set.
    data: Splits,
    summary: DataSummary,
    position: Position,
    /// The training images in the order of the current epoch.
    order: Vec<u32>,
    /// Where a batch's images are gathered.
    staging: Vec<u8>,
    history: Vec<EpochMetrics>,
    directory: Option<RunDirectory>,
    saved: Instant,
}

impl Training {
    /// A new run in memory.
    ///
    /// # Errors
    /// If a setting is out of range, the parts of the data differ in shape, no images can be held out, the engine cannot
    /// be made, or the data cannot be read.
    pub fn new(settings: Settings, data: Splits) -> Result<Self, Error> {
        let Recipe { latent_dim, widths, conditional, likelihood, seed, .. } = &settings.recipe;
        settings.recipe.validate()?;
        let (data, summary) = divide(data, &settings.recipe)?;
        let architecture = Architecture::new(data.train.shape(), widths, *latent_dim)?.with_likelihood(*likelihood);
        let classes = if *conditional { classes_of(&data.train)? } else { Vec::new() };
        let architecture = architecture.with_classes(classes.len())?;
        check_classes(&data, &classes)?;
        let table = ParameterTable::new(&architecture);
        let mut engine = Engine::new(architecture, &table.initialize(*seed), settings.threads)?;
        engine.resume_training(OptimizerState::new(table.len()))?;
        let mut training = Self {
            engine,
            settings,
            data,
            summary,
            position: Position::after(0),
            order: Vec::new(),
            staging: Vec::new(),
            history: Vec::new(),
            directory: None,
            saved: Instant::now(),
        };
        training.check_patience()?;
        training.order_images();
        Ok(training)
    }

    /// Goes on with the run in `directory`, from its last checkpoint, to the same bits as if it had never stopped.
    ///
    /// `change` may alter the settings that do not touch what is done already: epochs, patience and threads.
    ///
    /// # Errors
    /// If the checkpoint cannot be read, `data` is not what it was trained on, or the run is past its number of epochs.
    pub fn resume(directory: RunDirectory, data: Splits, change: impl FnOnce(&mut Settings)) -> Result<Self, Error> {
        let checkpoint = checkpoint::read(&directory.checkpoint())?;
        let CheckpointCard { architecture, mut settings, data: expected, position, history, .. } = checkpoint.card;
        let (data, found) = divide(data, &settings.recipe)?;
        let found = found.compared_with(&expected);
        if found != expected {
            return Err(TrainingError::other_data(expected, found).into());
        }
        change(&mut settings);
        settings.recipe.validate()?;
        let mut engine = Engine::new(architecture, &checkpoint.parameters, settings.threads)?;
        engine.resume_training(checkpoint.optimizer)?;
        let mut training = Self {
            engine,
            settings,
            data,
            summary: expected,
            position,
            order: Vec::new(),
            staging: Vec::new(),
            history,
            directory: None,
            saved: Instant::now(),
        };
        training.check_resumed(&directory)?;
        training.check_patience()?;
        remove_leftovers(directory.path(), Duration::ZERO);
        write_atomically(&directory.config(), training.settings.to_toml().as_bytes())?;
        training.directory = Some(directory);
        training.order_images();
        Ok(training)
    }

    /// Checks that there is a loss to be patient about.
    fn check_patience(&self) -> Result<(), TrainingError> {
        match self.settings.recipe.patience {
            Some(patience) if self.held_out().is_none() => Err(TrainingError::NothingHeldOut { patience }),
            _ => Ok(()),
        }
    }

    /// Checks that what a checkpoint says holds together: a damaged one may not.
    fn check_resumed(&self, directory: &RunDirectory) -> Result<(), Error> {
        let (expected, found) = (self.engine.architecture().image(), self.data.train.shape());
        if expected != found {
            return Err(ShapeError { expected, found }.into());
        }
        let names = self.data.train.classes();
        check_classes(&self.data, &names[..names.len().min(self.engine.architecture().classes())])?;
        let Position { epochs: done, batches, .. } = self.position;
        if batches > self.batches() {
            let reason = format!("it stands at batch {batches} of an epoch of {}", self.batches());
            let path = directory.checkpoint();
            return Err(TensorFileError::Foreign { path, kind: CheckpointCard::KIND, reason }.into());
        }
        let asked = self.settings.recipe.epochs;
        if asked < done || (asked == done && batches > 0) {
            return Err(TrainingError::PastEnd { asked, done, batches }.into());
        }
        Ok(())
    }

    /// The settings of a saved run, to find its data by.
    ///
    /// # Errors
    /// If the checkpoint cannot be read.
    pub fn settings_of(directory: &RunDirectory) -> Result<Settings, Error> {
        Ok(checkpoint::read(&directory.checkpoint())?.card.settings)
    }

    /// Takes one step, or ends an epoch; nothing when the run is finished.
    ///
    /// # Errors
    /// If the loss is not finite, the images cannot be read, or a run with a directory cannot be saved.
    pub fn advance(&mut self) -> Result<Option<Progress>, Error> {
        if self.is_finished() {
            return Ok(None);
        }
        if self.position.batches == self.batches() {
            return self.end_epoch().map(|metrics| Some(Progress::Epoch(metrics)));
        }
        let seed = self.settings.recipe.seed;
        let epoch = self.epoch();
        let batch_size = self.batch_size();
        let indices = &self.order[self.position.batches * batch_size..][..batch_size];
        let noise = Noise::new(seed, Purpose::Training, u64::from(epoch));
        let (step, steps) = (self.steps_done() + 1, self.steps());
        let optimizer = self.settings.recipe.optimizer(step, steps);
        let objective = self.settings.recipe.objective(step, steps);

        let start = Instant::now();
        let batch = self.data.train.gather(indices, &mut self.staging)?;
        let loss = self.engine.train_batch(batch, Draw::Noise(&noise), objective, &optimizer);
        let seconds = start.elapsed().as_secs_f64();

        let position = &mut self.position;
        if !loss.is_finite() {
            let batch = position.batches + 1;
            return Err(self.not_finite(batch, loss).into());
        }
        position.batches += 1;
        position.reconstruction += loss.reconstruction;
        position.kl += loss.kl;
        position.seconds += seconds;
        let progress = BatchProgress {
            epoch,
            batch: position.batches,
            batches: self.batches(),
            loss: self.position.mean_loss().loss(),
            images_per_second: self.images_per_second(),
        };
        if self.saved.elapsed() > CHECKPOINT_INTERVAL {
            self.save_checkpoint()?;
        }
        Ok(Some(Progress::Batch(progress)))
    }

    fn not_finite(&self, batch: usize, loss: Elbo) -> TrainingError {
        let Recipe { learning_rate, muon_learning_rate, .. } = self.settings.recipe;
        TrainingError::NotFinite { epoch: self.epoch(), batch, loss, learning_rate, muon_learning_rate }
    }

    /// Measures, saves, and goes to the beginning of the next epoch.
    fn end_epoch(&mut self) -> Result<EpochMetrics, Error> {
        let Recipe { seed, .. } = self.settings.recipe;
        let learning_rate = self.settings.recipe.learning_rate(self.steps_done(), self.steps());
        let epoch = self.epoch();
        let held_out = match self.held_out() {
            Some((part, images)) => Some((part, sampled_loss(&self.engine, images, seed, epoch)?)),
            None => None,
        };
        if let Some((_, loss)) = held_out.filter(|(_, loss)| !loss.is_finite()) {
            return Err(self.not_finite(self.batches() + 1, loss).into());
        }
        let on = |part| held_out.filter(|(measured, _)| *measured == part).map(|(_, loss)| loss);
        let (test, validation) = (on(Part::Test), on(Part::Validation));
        let metrics = EpochMetrics {
            epoch,
            learning_rate,
            train_loss: self.position.mean_loss().loss(),
            test_loss: test.map(|test| test.loss()),
            test_reconstruction: test.map(|test| test.reconstruction),
            test_kl: test.map(|test| test.kl),
            seconds: self.position.seconds,
            images_per_second: self.images_per_second(),
            likelihood: self.engine.architecture().likelihood(),
            validation_loss: validation.map(|loss| loss.loss()),
            validation_reconstruction: validation.map(|loss| loss.reconstruction),
            validation_kl: validation.map(|loss| loss.kl),
        };
        self.history.push(metrics);
        self.position = Position::after(epoch);
        self.order_images();
        if let (Some(directory), Some(best)) = (&self.directory, self.best_epoch())
            && best.epoch == epoch
        {
            self.model().write(&directory.best_model())?;
        }
        self.save()?;
        Ok(metrics)
    }

    /// Puts the images in the order of the epoch that is to come.
    fn order_images(&mut self) {
        self.order = all_indices(&self.data.train);
        if self.settings.recipe.shuffle {
            let noise = Noise::new(self.settings.recipe.seed, Purpose::Order, u64::from(self.epoch()));
            noise.shuffle(&mut self.order);
        }
    }

    /// Whether all epochs are done, or the run [has stalled](Self::has_stalled).
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.position.epochs >= self.settings.recipe.epochs || (self.position.batches == 0 && self.has_stalled())
    }

    /// Whether the held-out loss has found no new lowest value for as many epochs as the recipe's patience: a function
    /// of the history alone. The epoch under way is finished first.
    #[must_use]
    pub fn has_stalled(&self) -> bool {
        let waited = self.best_epoch().map(|best| self.position.epochs.saturating_sub(best.epoch));
        self.settings.recipe.patience.zip(waited).is_some_and(|(patience, waited)| waited >= patience)
    }

    /// Number of the epoch under way; the first is 1.
    fn epoch(&self) -> u32 {
        self.position.epochs + 1
    }

    /// Images a step: the recipe's number, or the whole set if that is smaller.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.settings.recipe.batch_size.min(self.data.train.len())
    }

    /// Steps of an epoch: images that do not fill a last batch are left out.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.data.train.len() / self.batch_size()
    }

    /// Steps of the whole run.
    fn steps(&self) -> u64 {
        u64::from(self.settings.recipe.epochs) * self.batches() as u64
    }

    /// Steps taken.
    fn steps_done(&self) -> u64 {
        u64::from(self.position.epochs) * self.batches() as u64 + self.position.batches as u64
    }

    fn images_per_second(&self) -> f64 {
        let images = self.position.batches * self.batch_size();
        images as f64 / self.position.seconds.max(f64::MIN_POSITIVE)
    }

    /// The epochs so far.
    #[must_use]
    pub fn history(&self) -> &[EpochMetrics] {
        &self.history
    }

    /// The epoch with the lowest held-out loss, whose model a run with a directory keeps beside the last; none where no
    /// images are held out.
    #[must_use]
    pub fn best_epoch(&self) -> Option<&EpochMetrics> {
        best_epoch(&self.history)
    }

    /// All settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The data, with the images that the recipe holds out in the validation set.
    #[must_use]
    pub fn data(&self) -> &Splits {
        &self.data
    }

    /// The images that are not trained on and measured after each epoch: the validation set where there is one, or else
    /// the test set.
    #[must_use]
    pub fn held_out(&self) -> Option<(Part, &Dataset)> {
        let validation = self.data.validation.as_ref().map(|images| (Part::Validation, images));
        validation.or_else(|| self.data.test.as_ref().map(|images| (Part::Test, images)))
    }

    /// What computes.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The model as it is now, the data, with the images held out in the validation set, and the epochs so far.
    #[must_use]
    pub fn into_parts(self) -> (Model, Splits, Vec<EpochMetrics>) {
        (self.model(), self.data, self.history)
    }

    /// Batches done of the epoch under way.
    #[must_use]
    pub fn batches_done(&self) -> usize {
        self.position.batches
    }
}

/// Checks that a network of these classes knows those of all images.
fn check_classes(data: &Splits, classes: &[String]) -> Result<(), ClassError> {
    let parts = [Some(&data.train), data.validation.as_ref(), data.test.as_ref()];
    parts.into_iter().flatten().try_for_each(|set| check_labels(set, classes))
}

/// Checks that all images have one shape, holds out what the recipe says, and says what there is.
fn divide(mut data: Splits, recipe: &Recipe) -> Result<(Splits, DataSummary), Error> {
    let expected = data.train.shape();
    for found in [&data.validation, &data.test].into_iter().flatten().map(Dataset::shape) {
        if found != expected {
            return Err(ShapeError { expected, found }.into());
        }
    }
    let digest = |part: Option<&Dataset>| part.map(Dataset::digest).transpose();
    let train_digest = data.train.digest()?;
    // One that is held out follows from the training set.
    let own = data.validation.as_ref().filter(|_| recipe.validation == 0.0);
    let (validation_digest, test_digest) = (digest(own)?, digest(data.test.as_ref())?);
    recipe.hold_out(&mut data)?;
    let held_out_digest = digest(data.validation.as_ref().filter(|_| recipe.validation > 0.0))?;
    let summary = DataSummary {
        name: data.name.clone(),
        train_images: data.train.len(),
        validation_images: data.validation.as_ref().map_or(0, Dataset::len),
        test_images: data.test.as_ref().map_or(0, Dataset::len),
        train_digest,
        validation_digest,
        held_out_digest,
        test_digest,
    };
    Ok((data, summary))
}
