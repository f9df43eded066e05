//! From a run to its model.

use super::Training;
use crate::engine::Cpu;
use crate::error::Error;
use crate::files::model::{Model, ModelCard};
use crate::vae::Vae;

impl Training {
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
