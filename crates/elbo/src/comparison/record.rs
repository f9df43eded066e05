//! What is known of one run.

use super::Basis;
use crate::error::Error;
use crate::files::metrics::{EpochMetrics, best_epoch, best_loss, read_metrics, seconds};
use crate::files::model::Model;
use crate::files::run_directory::{RunDirectory, RunDirectoryError};
use crate::network::parameters::ParameterTable;
use crate::recipe::settings::Settings;
use std::path::{Path, PathBuf};

/// What a run's directory says of it: settings, epochs, and what its losses are of.
#[derive(Clone, PartialEq, Debug)]
pub struct RunRecord {
    /// The directory.
    pub path: PathBuf,
    /// Every setting.
    pub settings: Settings,
    /// What was measured after each epoch, in order.
    pub history: Vec<EpochMetrics>,
    /// What the held-out losses are of.
    pub basis: Basis,
    /// Numbers that the model learns.
    pub parameters: usize,
}

impl RunRecord {
    /// Reads the run in a directory: its `config.toml`, its `metrics.csv` and its model.
    ///
    /// # Errors
    /// If there is no run, none of its epochs has ended, or a file cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        if path.is_file() {
            return Err(RunDirectoryError::NoDirectory { path: path.to_owned() }.into());
        }
        let card = Model::read(&RunDirectory::model_of(path)?)?.card;
        let run = RunDirectory::at(path);
        Ok(Self {
            path: path.to_owned(),
            settings: Settings::read(&run.config())?,
            history: read_metrics(&run.metrics())?,
            basis: Basis::of(&card),
            parameters: ParameterTable::new(&card.architecture).len(),
        })
    }

    /// The epoch with the lowest held-out loss; none where nothing is held out.
    #[must_use]
    pub fn best_epoch(&self) -> Option<&EpochMetrics> {
        best_epoch(&self.history)
    }

    /// The lowest held-out loss, in nats per image; none where nothing is held out.
    #[must_use]
    pub fn best_loss(&self) -> Option<f64> {
        best_loss(&self.history)
    }

    /// The time that training steps took, in seconds, without losses over held-out images and saving.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        seconds(&self.history)
    }
}
