//! What a run leaves behind: the model, the metrics, and the checkpoint to go on from.

use super::Training;
use crate::error::Error;
use crate::files::checkpoint::{self, CheckpointCard};
use crate::files::lock::RunLock;
use crate::files::metrics;
use crate::files::run_directory::RunDirectory;
use crate::storage::write_atomically;
use std::time::{Duration, Instant};

/// How long a long epoch may go on without a checkpoint.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(120);

impl Training {
    /// Saves the run in `directory`, now and after each epoch.
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

    /// Saves the run as it is: the model, the metrics, and the checkpoint to go on from. Without a directory, nothing.
    ///
    /// # Errors
    /// If a file cannot be written; those written before stay whole.
    pub fn save(&mut self) -> Result<(), Error> {
        self.settle()?;
        if let Some(directory) = &self.directory {
            self.model()?.write(&directory.model())?;
            write_atomically(&directory.metrics(), &metrics::to_csv(&self.history))?;
        }
        // Last: whatever is lost before it is made again from the checkpoint that is still there.
        self.save_checkpoint()
    }

    fn save_checkpoint(&mut self) -> Result<(), Error> {
        self.settle()?;
        if let Some(directory) = &self.directory {
            let state = self.engine.optimizer()?;
            let card = CheckpointCard {
                architecture: self.engine.architecture().clone(),
                settings: self.settings.clone(),
                data: self.summary.clone(),
                position: self.position.clone(),
                adam_step: state.step,
                arithmetic: Some(self.engine.arithmetic()),
                history: self.history.clone(),
            };
            checkpoint::write(&directory.checkpoint(), &card, &self.engine.parameters()?, &state)?;
            self.saved = Some((self.position.epochs, self.position.batches));
        }
        self.saved_at = Instant::now();
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

    /// Saves the run where it stands after epoch number `epoch`, and its model apart if it is the best so far.
    pub(super) fn save_epoch(&mut self, epoch: u32) -> Result<(), Error> {
        if let (Some(directory), Some(best)) = (&self.directory, self.best_epoch())
            && best.epoch == epoch
        {
            self.model()?.write(&directory.best_model())?;
        }
        self.save()
    }

    /// Saves a checkpoint if the last is old.
    pub(super) fn save_step(&mut self) -> Result<(), Error> {
        if self.saved_at.elapsed() > CHECKPOINT_INTERVAL { self.save_checkpoint() } else { Ok(()) }
    }
}
