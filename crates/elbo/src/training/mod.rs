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
mod model;
mod progress;
#[cfg(feature = "runs")]
mod resume;
#[cfg(feature = "runs")]
mod save;
#[cfg(test)]
mod tests;

use crate::dataset::class::{ClassError, check_labels, classes_of};
use crate::dataset::shape::ShapeError;
use crate::dataset::{Binarize, Dataset, Part, Splits};
use crate::engine::evaluate::{all_indices, sampled_loss};
use crate::engine::{Device, Draw, Engine, EngineError, OptimizerState};
use crate::error::Error;
use crate::files::metrics::{EpochMetrics, best_epoch};
use crate::files::model::{DataSummary, Model};
use crate::files::position::Position;
#[cfg(feature = "runs")]
use crate::files::{lock::RunLock, run_directory::RunDirectory};
use crate::network::architecture::Architecture;
use crate::network::loss::{Loss, Objective};
use crate::network::parameters::ParameterTable;
use crate::noise::{Noise, Purpose};
use crate::recipe::Recipe;
use crate::recipe::optimizer::Optimizer;
use crate::recipe::settings::Settings;
#[cfg(feature = "runs")]
use save::Unsaved;
use std::time::{Duration, Instant};

pub use error::TrainingError;
pub use progress::{BatchProgress, Progress};

/// A run of training, in memory or with a directory where it is saved.
#[derive(Debug)]
pub struct Training {
    engine: Box<dyn Engine>,
    settings: Settings,
    /// With the images that the recipe holds out in the validation set.
    data: Splits,
    summary: DataSummary,
    /// Where the run is by the steps whose loss is known.
    position: Position,
    /// Steps of this epoch that were asked for: the device may still be at work on the last of them.
    asked: usize,
    /// Adam's step size in the last of these, if there was any since the run began or went on.
    learning_rate: Option<f64>,
    /// Why the run cannot go on, once that is so.
    failed: Option<TrainingError>,
    /// The training images in the order of the current epoch.
    order: Vec<u32>,
    /// Where a batch's images are gathered.
    staging: Vec<u8>,
    history: Vec<EpochMetrics>,
    #[cfg(feature = "runs")]
    directory: Option<RunDirectory>,
    /// What keeps others from saving there.
    #[cfg(feature = "runs")]
    lock: Option<RunLock>,
    /// Epochs and batches of the checkpoint.
    #[cfg(feature = "runs")]
    saved: Option<(u32, usize)>,
    /// When it was last written, or would have been.
    #[cfg(feature = "runs")]
    saved_at: Instant,
    /// When all files were last written after an epoch, in this process.
    #[cfg(feature = "runs")]
    epoch_saved_at: Option<Instant>,
    /// What is there to be written since.
    #[cfg(feature = "runs")]
    unsaved: Unsaved,
    /// When the run began, or went on, and how long it had taken before.
    began: Instant,
    elapsed_before: Duration,
    /// The arithmetic of what was done before the run went on, where it was another.
    #[cfg(feature = "runs")]
    other_arithmetic: Option<String>,
}

impl Training {
    /// A new run in memory, on the device that the settings say.
    ///
    /// # Errors
    /// If a setting is out of range, the parts of the data differ in shape, no images can be held out, the engine cannot
    /// be made, or the data cannot be read.
    pub fn new(settings: impl Into<Settings>, data: impl Into<Splits>) -> Result<Self, Error> {
        let settings = settings.into();
        let Settings { device, precision, threads, .. } = settings;
        let chosen = device.open_for(precision, threads, settings.recipe.needs_processor())?;
        Self::on(&*chosen.device, settings, data)
    }

    /// A new run in memory, on this device, whatever the settings say.
    ///
    /// # Errors
    /// As [`Training::new`].
    pub fn on(device: &dyn Device, settings: impl Into<Settings>, data: impl Into<Splits>) -> Result<Self, Error> {
        let settings = settings.into();
        let Recipe { latent_dim, widths, conditional, likelihood, prior_components, seed, .. } = &settings.recipe;
        settings.recipe.validate()?;
        let (data, summary) = divide(data.into(), &settings.recipe)?;
        let architecture = Architecture::new(data.train.shape(), widths, *latent_dim)?.with_likelihood(*likelihood);
        let classes = if *conditional { classes_of(&data.train)? } else { Vec::new() };
        let architecture = architecture.with_classes(classes.len())?.with_prior_components(*prior_components)?;
        check_classes(&data, &classes)?;
        let data = binarized(data, &settings.recipe);
        let table = ParameterTable::new(&architecture);
        let mut engine = device.engine(&architecture, &table.initialize(*seed))?;
        engine.resume(OptimizerState::new(table.len()))?;
        let mut training = Self {
            engine,
            settings,
            data,
            summary,
            position: Position::after(0),
            asked: 0,
            learning_rate: None,
            failed: None,
            order: Vec::new(),
            staging: Vec::new(),
            history: Vec::new(),
            #[cfg(feature = "runs")]
            directory: None,
            #[cfg(feature = "runs")]
            lock: None,
            #[cfg(feature = "runs")]
            saved: None,
            #[cfg(feature = "runs")]
            saved_at: Instant::now(),
            #[cfg(feature = "runs")]
            epoch_saved_at: None,
            #[cfg(feature = "runs")]
            unsaved: Unsaved::default(),
            began: Instant::now(),
            elapsed_before: Duration::ZERO,
            #[cfg(feature = "runs")]
            other_arithmetic: None,
        };
        training.check_patience()?;
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

    /// Takes one step as the recipe has it, or ends an epoch; nothing when the run is finished.
    ///
    /// # Errors
    /// If the loss is not finite, the images cannot be read, the device fails, or a run with a directory cannot be saved.
    pub fn advance(&mut self) -> Result<Option<Progress>, Error> {
        let (step, steps) = (self.steps_done() + 1, self.steps());
        let recipe = &self.settings.recipe;
        let (objective, optimizer) = (recipe.objective(step, steps), recipe.optimizer(step, steps));
        let learning_rate = recipe.learning_rate(step, steps);
        self.advance_at(objective, &optimizer, learning_rate)
    }

    /// The same with an objective and an optimiser of one's own, which a step that ends an epoch does not need. What is
    /// measured and saved is as ever.
    ///
    /// # Errors
    /// As [`Training::advance`].
    pub fn advance_with(&mut self, objective: Objective, optimizer: &Optimizer) -> Result<Option<Progress>, Error> {
        self.advance_at(objective, optimizer, f64::from(optimizer.adam.learning_rate))
    }

    fn advance_at(
        &mut self,
        objective: Objective,
        optimizer: &Optimizer,
        learning_rate: f64,
    ) -> Result<Option<Progress>, Error> {
        self.check_not_failed()?;
        if self.is_finished() {
            return Ok(None);
        }
        if self.asked == self.batches() {
            return self.end_epoch().map(|metrics| Some(Progress::Epoch(metrics)));
        }
        self.check_objective(objective)?;
        let start = Instant::now();
        let noise = self.noise();
        let indices = &self.order[self.asked * self.batch_size()..][..self.batch_size()];
        let batch = self.data.train.gather(indices, &mut self.staging)?;
        self.engine.step(batch, Draw::Noise(&noise), objective, optimizer)?;
        self.learning_rate = Some(learning_rate);
        self.asked += 1;
        self.take_losses(false)?;
        self.position.seconds += start.elapsed().as_secs_f64();
        #[cfg(feature = "runs")]
        self.save_step()?;
        Ok(Some(self.progress()))
    }

    /// The mean loss of the batch that is next, in nats per image, and the gradient of the mean of the objective, in the
    /// layout of the network's [`ParameterTable`]; nothing is learned until a gradient is [applied](Self::apply). None at
    /// the end of an epoch, which [`advance`](Self::advance) ends.
    ///
    /// # Errors
    /// If the objective is not finite, the images cannot be read, the device fails, or the run has failed before.
    pub fn gradient(&mut self, objective: Objective) -> Result<Option<(Loss, Vec<f32>)>, Error> {
        self.check_not_failed()?;
        if self.is_finished() || self.asked == self.batches() {
            return Ok(None);
        }
        self.check_objective(objective)?;
        let start = Instant::now();
        let noise = self.noise();
        let indices = &self.order[self.asked * self.batch_size()..][..self.batch_size()];
        let batch = self.data.train.gather(indices, &mut self.staging)?;
        let gradient = self.engine.gradient(batch, Draw::Noise(&noise), objective)?;
        self.position.seconds += start.elapsed().as_secs_f64();
        Ok(Some(gradient))
    }

    /// Takes the step that a gradient asks for, in place of one on the batch that is next, which had this loss.
    ///
    /// # Errors
    /// If the epoch or the run is over, the loss or the gradient is not finite, the gradient is not of the length of the
    /// parameters, the device fails, or a run with a directory cannot be saved.
    pub fn apply(&mut self, loss: Loss, gradient: &[f32], optimizer: &Optimizer) -> Result<Progress, Error> {
        self.check_not_failed()?;
        if self.is_finished() || self.asked == self.batches() {
            return Err(TrainingError::NoBatch { epoch: self.epoch(), is_finished: self.is_finished() }.into());
        }
        EngineError::check_count(ParameterTable::new(self.engine.architecture()).len(), gradient.len())?;
        if !gradient.iter().all(|number| number.is_finite()) {
            return Err(TrainingError::NotANumber { what: "a number of the gradient" }.into());
        }
        let start = Instant::now();
        self.take_losses(true)?;
        self.count(loss)?;
        self.engine.apply(gradient, optimizer)?;
        self.learning_rate = Some(f64::from(optimizer.adam.learning_rate));
        self.asked += 1;
        self.position.seconds += start.elapsed().as_secs_f64();
        #[cfg(feature = "runs")]
        self.save_step()?;
        Ok(self.progress())
    }

    /// The noise of this epoch's draws.
    fn noise(&self) -> Noise {
        Noise::new(self.settings.recipe.seed, Purpose::Training, u64::from(self.epoch()))
    }

    /// Where the run is after a step.
    fn progress(&self) -> Progress {
        Progress::Batch(BatchProgress {
            epoch: self.epoch(),
            batch: self.asked,
            batches: self.batches(),
            loss: self.position.mean_loss().total(),
            images_per_second: self.images_per_second(),
        })
    }

    /// Counts the losses that are there, or waits for those of all steps that were asked for.
    fn take_losses(&mut self, wait: bool) -> Result<(), Error> {
        while let Some(loss) = self.engine.next_loss(wait)? {
            self.count(loss)?;
        }
        Ok(())
    }

    /// Waits for all steps that were asked for.
    fn settle(&mut self) -> Result<(), Error> {
        let start = Instant::now();
        self.take_losses(true)?;
        self.position.seconds += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// Adds the loss of a batch to those of the epoch, of which the mean is kept: their sum must be finite too.
    fn count(&mut self, loss: Loss) -> Result<(), Error> {
        let Position { reconstruction, kl, batches, .. } = self.position;
        let sum = Loss { reconstruction: reconstruction + loss.reconstruction, kl: kl + loss.kl };
        if !loss.is_finite() || !sum.is_finite() {
            return Err(self.not_finite(batches + 1, loss));
        }
        (self.position.reconstruction, self.position.kl) = (sum.reconstruction, sum.kl);
        self.position.batches += 1;
        Ok(())
    }

    /// That no step has failed: what comes after one is worth nothing.
    fn check_not_failed(&self) -> Result<(), TrainingError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Ends the run, which stays saved as it was after its last whole epoch.
    fn not_finite(&mut self, batch: usize, loss: Loss) -> Error {
        let Recipe { learning_rate, muon_learning_rate, beta, .. } = self.settings.recipe;
        let epoch = self.epoch();
        let error = TrainingError::NotFinite { epoch, batch, loss, learning_rate, muon_learning_rate, beta };
        self.failed = Some(error.clone());
        #[cfg(feature = "runs")]
        if let Err(error) = self.save_last_epoch() {
            return error;
        }
        error.into()
    }

    /// Measures, saves, and goes to the beginning of the next epoch.
    fn end_epoch(&mut self) -> Result<EpochMetrics, Error> {
        self.settle()?;
        let Recipe { seed, .. } = self.settings.recipe;
        let by_recipe = || self.settings.recipe.learning_rate(self.steps_done(), self.steps());
        let learning_rate = self.learning_rate.unwrap_or_else(by_recipe);
        let epoch = self.epoch();
        let held_out = match self.held_out() {
            Some((part, images)) => Some((part, sampled_loss(&*self.engine, images, seed, epoch)?)),
            None => None,
        };
        if let Some((_, loss)) = held_out.filter(|(_, loss)| !loss.is_finite()) {
            return Err(self.not_finite(self.batches() + 1, loss));
        }
        let metrics = EpochMetrics {
            epoch,
            step: Some(self.steps_done()),
            learning_rate,
            train_loss: self.position.mean_loss().total(),
            held_out,
            seconds: self.position.seconds,
            images_per_second: self.images_per_second(),
            likelihood: self.engine.architecture().likelihood(),
        };
        self.history.push(metrics);
        (self.position, self.asked) = (Position::after(epoch), 0);
        self.order_images();
        #[cfg(feature = "runs")]
        self.save_epoch(epoch)?;
        Ok(metrics)
    }

    /// Puts the images in the order of the epoch that is to come.
    fn order_images(&mut self) {
        let (Recipe { binarize, seed, .. }, epoch) = (&self.settings.recipe, self.epoch());
        if *binarize == Some(Binarize::Dynamic) {
            self.data.train.draw_epoch(*seed, epoch);
        }
        self.order = all_indices(&self.data.train);
        if self.settings.recipe.shuffle {
            let noise = Noise::new(self.settings.recipe.seed, Purpose::Order, u64::from(self.epoch()));
            noise.shuffle(&mut self.order);
        }
    }

    /// Whether all epochs are done, or the run [has stalled](Self::has_stalled).
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.position.epochs >= self.settings.recipe.epochs || (self.asked == 0 && self.has_stalled())
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

    /// Images of the training set that an epoch leaves out, since they do not fill a batch: others in each epoch where the
    /// recipe shuffles, or else always the last.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.data.train.len() - self.batches() * self.batch_size()
    }

    /// Steps of the whole run.
    #[must_use]
    pub fn steps(&self) -> u64 {
        u64::from(self.settings.recipe.epochs) * self.batches() as u64
    }

    /// Steps taken, or asked for.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        u64::from(self.position.epochs) * self.batches() as u64 + self.asked as u64
    }

    fn images_per_second(&self) -> f64 {
        let images = self.position.batches * self.batch_size();
        images as f64 / self.position.seconds.max(f64::MIN_POSITIVE)
    }

    /// How long the run has taken, all its processes together, whatever they did: steps, losses, saving. What was lost by a
    /// kill is not counted, nor what the caller did before the run began or went on.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed_before.saturating_add(self.began.elapsed())
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
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// The model as it is now, the data, with the images held out in the validation set, and the epochs so far.
    ///
    /// # Errors
    /// If the device fails.
    pub fn into_parts(self) -> Result<(Model, Splits, Vec<EpochMetrics>), Error> {
        Ok((self.model()?, binarized(self.data, &self.settings.recipe), self.history))
    }

    /// That a step can be taken by an objective at all.
    fn check_objective(&self, objective: Objective) -> Result<(), TrainingError> {
        let Objective { beta, free_bits, total_correlation, .. } = objective;
        for (what, number) in [
            ("the objective's beta", beta),
            ("the objective's number of free bits", free_bits),
            ("the objective's weight of the total correlation", total_correlation),
        ] {
            if !number.is_finite() {
                return Err(TrainingError::NotANumber { what });
            }
        }
        match objective.trouble(self.engine.architecture().prior_components()) {
            Some(what) => Err(TrainingError::Objective { what }),
            None => Ok(()),
        }
    }

    /// Batches done of the epoch under way.
    #[must_use]
    pub fn batches_done(&self) -> usize {
        self.asked
    }
}

/// Checks that a network of these classes knows those of all images.
fn check_classes(data: &Splits, classes: &[String]) -> Result<(), ClassError> {
    let parts = [Some(&data.train), data.validation.as_ref(), data.test.as_ref()];
    parts.into_iter().flatten().try_for_each(|set| check_labels(set, classes))
}

/// The images with their pixels drawn once, if this recipe wants them black or white.
fn binarized(data: Splits, recipe: &Recipe) -> Splits {
    if recipe.binarize.is_some() { data.binarized() } else { data }
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
