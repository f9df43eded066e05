//! What a run leaves behind: the model, the metrics, and the checkpoint to go on from.

use super::Training;
use crate::engine::Cpu;
use crate::error::Error;
use crate::files::checkpoint::{self, CheckpointCard};
use crate::files::metrics;
use crate::files::model::{Model, ModelCard};
use crate::files::run_directory::RunDirectory;
use crate::storage::write_atomically;
use crate::vae::Vae;
use std::time::Instant;

impl Training {
    /// Saves the run in `directory`, now and after each epoch.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn save_in(mut self, directory: RunDirectory) -> Result<Self, Error> {
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

    pub(super) fn save_checkpoint(&mut self) -> Result<(), Error> {
        self.settle()?;
        if let Some(directory) = &self.directory {
            let state = self.engine.optimizer()?;
            let card = CheckpointCard::new(
                self.engine.architecture().clone(),
                self.settings.clone(),
                self.summary.clone(),
                self.position.clone(),
                state.step,
                self.history.clone(),
            );
            checkpoint::write(&directory.checkpoint(), &card, &self.engine.parameters()?, &state)?;
        }
        self.saved = Instant::now();
        Ok(())
    }

    /// The model as it is now.
    ///
    /// # Errors
    /// If the device fails.
    pub fn model(&self) -> Result<Model, Error> {
        let mut card =
            ModelCard::new(self.engine.architecture().clone(), self.settings.recipe.clone(), self.summary.clone());
        card.preprocessing = self.data.train.preprocessing();
        if self.settings.recipe.conditional {
            card.classes = self.data.train.classes().to_vec();
        }
        card.epochs = self.position.epochs;
        card.batches = self.asked;
        card.metrics = self.history.last().map(Into::into);
        Ok(Model { card, parameters: self.engine.parameters()? })
    }
}

impl TryFrom<&Training> for Vae {
    type Error = Error;
    fn try_from(training: &Training) -> Result<Self, Error> {
        Self::on(&Cpu::new(training.settings().threads), training.model()?)
    }
}
