//! What a run leaves behind: the model, the metrics, and the checkpoint to go on from.
//!
//! Each file is wholly there or not at all, and they are written in this order: the best model, the last model, the
//! metrics, the checkpoint. So wherever a process is killed, the other files know every whole epoch that the checkpoint
//! knows: the best model is the best of the checkpoint's history, or that of an epoch after it, which the run meets again, to
//! the same bits, when it goes on.

use super::Training;
use crate::engine::OptimizerState;
use crate::error::Error;
use crate::files::checkpoint::{self, CheckpointCard};
use crate::files::lock::RunLock;
use crate::files::metrics;
use crate::files::model::Model;
use crate::files::position::Position;
use crate::files::run_directory::RunDirectory;
use crate::storage::write_atomically;
use std::time::{Duration, Instant};

/// How long a long epoch may go on without a checkpoint.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(120);

/// How soon after one epoch was saved the next may be: to write all files takes longer than a short epoch.
const EPOCH_INTERVAL: Duration = Duration::from_secs(5);

/// What is there to be saved since the files were last written.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    /// The model of the best epoch so far, if that was since.
    best: Option<Model>,
    /// The run as it was after its last whole epoch, if that was since.
    epoch: Option<(Model, OptimizerState)>,
}

impl Training {
    /// Saves the run in `directory`: now, at its end, after an epoch unless one was saved in the last five seconds, and in
    /// long epochs every two minutes. [`save`](Self::save) does it at any other time.
    ///
    /// # Errors
    /// If another [`Training`] saves there, or the directory cannot be written.
    pub fn save_in(mut self, directory: RunDirectory) -> Result<Self, Error> {
        // It may be the directory that this run has already.
        self.lock = None;
        self.lock = Some(RunLock::take(&directory)?);
        write_atomically(&directory.config(), self.settings.to_toml().as_bytes())?;
        self.directory = Some(directory);
        self.save_checkpoint()?;
        Ok(self)
    }

    /// Saves the run as it is: the model, the metrics, and the checkpoint to go on from; or as it was after the last whole
    /// epoch, where the device cannot be read any more. Without a directory, nothing.
    ///
    /// # Errors
    /// If the device fails, a loss is not finite, or a file cannot be written; those written before stay whole.
    pub fn save(&mut self) -> Result<(), Error> {
        let saved = self.save_now();
        if saved.is_err() {
            self.save_last_epoch()?;
        }
        saved
    }

    fn save_now(&mut self) -> Result<(), Error> {
        self.settle()?;
        if self.directory.is_some() {
            self.write_models(&self.model()?)?;
        }
        self.save_checkpoint()
    }

    /// Writes the best model, if it is a new one, this one as the last, and the metrics.
    fn write_models(&mut self, last: &Model) -> Result<(), Error> {
        if let Some(directory) = &self.directory {
            if let Some(best) = &self.unsaved.best {
                best.write(&directory.best_model())?;
            }
            last.write(&directory.model())?;
            write_atomically(&directory.metrics(), &metrics::to_csv(&self.history))?;
        }
        self.unsaved = Unsaved::default();
        self.epoch_saved_at = Some(Instant::now());
        Ok(())
    }

    /// Writes a checkpoint of the run as it is, after the models that its history speaks of.
    fn save_checkpoint(&mut self) -> Result<(), Error> {
        self.settle()?;
        if self.directory.is_some() {
            if let Some((model, _)) = self.unsaved.epoch.take() {
                self.write_models(&model)?;
            }
            self.write_checkpoint(&self.position.clone(), &self.engine.parameters()?, &self.engine.optimizer()?)?;
        }
        self.saved_at = Instant::now();
        Ok(())
    }

    fn write_checkpoint(
        &mut self,
        position: &Position,
        parameters: &[f32],
        optimizer: &OptimizerState,
    ) -> Result<(), Error> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let card = CheckpointCard {
            architecture: self.engine.architecture().clone(),
            settings: self.settings.clone(),
            data: self.summary.clone(),
            position: position.clone(),
            elapsed: Some(self.elapsed().as_secs_f64()),
            adam_step: optimizer.step,
            arithmetic: Some(self.engine.arithmetic()),
            history: self.history.clone(),
        };
        checkpoint::write(&directory.checkpoint(), &card, parameters, optimizer)?;
        self.saved = Some((position.epochs, position.batches));
        Ok(())
    }

    /// Why the run's directory is not locked, if it is not: nothing then keeps another process from training in it too. Some
    /// network drives have no locks.
    #[must_use]
    pub fn unlocked(&self) -> Option<&std::io::Error> {
        self.lock.as_ref()?.missing()
    }

    /// Whole epochs, and batches after those, that the checkpoint in the run's directory has: what is left of the run if its
    /// device is lost. None without a directory.
    #[must_use]
    pub fn saved(&self) -> Option<(u32, usize)> {
        self.saved
    }

    /// Keeps the run where it stands after epoch number `epoch`, and its model apart if it is the best so far; in the
    /// directory, if an epoch was not saved just before or this is the end.
    pub(super) fn save_epoch(&mut self, epoch: u32) -> Result<(), Error> {
        if self.directory.is_none() {
            return Ok(());
        }
        let model = self.model()?;
        if self.best_epoch().is_some_and(|best| best.epoch == epoch) {
            self.unsaved.best = Some(model.clone());
        }
        self.unsaved.epoch = Some((model, self.engine.optimizer()?));
        let is_due = self.epoch_saved_at.is_none_or(|saved| saved.elapsed() >= EPOCH_INTERVAL);
        if is_due || self.is_finished() { self.save() } else { Ok(()) }
    }

    /// Saves a checkpoint if the last is old.
    pub(super) fn save_step(&mut self) -> Result<(), Error> {
        if self.saved_at.elapsed() > CHECKPOINT_INTERVAL { self.save_checkpoint() } else { Ok(()) }
    }

    /// Saves the run as it was after its last whole epoch, where it cannot go on from where it is.
    pub(super) fn save_last_epoch(&mut self) -> Result<(), Error> {
        let Some((model, optimizer)) = self.unsaved.epoch.take() else { return Ok(()) };
        self.write_models(&model)?;
        self.write_checkpoint(&Position::after(model.card.epochs), &model.parameters, &optimizer)
    }
}
