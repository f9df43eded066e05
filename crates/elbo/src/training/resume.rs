//! Going on with a run from its checkpoint.

use super::save::Unsaved;
use super::{Training, TrainingError, binarized, check_classes, divide};
use crate::dataset::Splits;
use crate::dataset::shape::ShapeError;
use crate::engine::{Device, Engine, EngineError};
use crate::error::Error;
use crate::files::checkpoint::{self, CheckpointCard};
use crate::files::lock::RunLock;
use crate::files::model::{DataSummary, HeldOutError};
use crate::files::position::Position;
use crate::files::run_directory::RunDirectory;
use crate::files::tensors::{Document, TensorFileError};
use crate::network::architecture::Architecture;
use crate::recipe::Recipe;
use crate::recipe::settings::Settings;
use crate::storage::{ABANDONED, remove_leftovers, write_atomically};
use std::time::{Duration, Instant};

impl Training {
    /// Goes on with the run in `directory`, from its last checkpoint, on the device that the settings say: on the one it was
    /// on before, to the same bits as if it had never stopped.
    ///
    /// `change` may alter the settings that do not touch what is done already: epochs, patience, rates, the
    /// objective, device, threads.
    ///
    /// # Errors
    /// If another [`Training`] saves there, the checkpoint cannot be read, `data` is not what it was trained on, or the run is
    /// past its number of epochs.
    pub fn resume(directory: RunDirectory, data: Splits, change: impl FnOnce(&mut Settings)) -> Result<Self, Error> {
        Self::resume_with(directory, data, change, |settings, architecture, parameters| {
            settings.device.open(settings.precision, settings.threads)?.device.engine(architecture, parameters)
        })
    }

    /// The same on this device, whatever the settings say.
    ///
    /// # Errors
    /// As [`Training::resume`].
    pub fn resume_on(
        device: &dyn Device,
        directory: RunDirectory,
        data: Splits,
        change: impl FnOnce(&mut Settings),
    ) -> Result<Self, Error> {
        let engine =
            |_: &Settings, architecture: &Architecture, parameters: &[f32]| device.engine(architecture, parameters);
        Self::resume_with(directory, data, change, engine)
    }

    fn resume_with(
        directory: RunDirectory,
        data: Splits,
        change: impl FnOnce(&mut Settings),
        engine: impl FnOnce(&Settings, &Architecture, &[f32]) -> Result<Box<dyn Engine>, EngineError>,
    ) -> Result<Self, Error> {
        // First: what is read must stay as it is.
        let lock = RunLock::take(&directory)?;
        let checkpoint = checkpoint::read(&directory.checkpoint())?;
        let elapsed_before = checkpoint.card.elapsed();
        let CheckpointCard { architecture, mut settings, data: expected, position, arithmetic, history, .. } =
            checkpoint.card;
        let (data, found) = divide(data, &settings.recipe)?;
        let found = found.compared_with(&expected);
        if found != expected {
            return Err(other_data(expected, found));
        }
        let before = settings.recipe.clone();
        change(&mut settings);
        check_changed(&before, &settings.recipe)?;
        check_architecture(&before, &architecture, &directory)?;
        settings.recipe.validate()?;
        let mut engine = engine(&settings, &architecture, &checkpoint.parameters)?;
        engine.resume(checkpoint.optimizer)?;
        let data = binarized(data, &settings.recipe);
        let other_arithmetic = arithmetic.filter(|before| *before != engine.arithmetic());
        let mut training = Self {
            engine,
            settings,
            data,
            summary: expected,
            asked: position.batches,
            learning_rate: None,
            failed: None,
            order: Vec::new(),
            staging: Vec::new(),
            history,
            directory: None,
            lock: None,
            saved: Some((position.epochs, position.batches)),
            saved_at: Instant::now(),
            epoch_saved_at: None,
            unsaved: Unsaved::default(),
            began: Instant::now(),
            elapsed_before,
            position,
            other_arithmetic,
        };
        training.check_resumed(&directory)?;
        training.check_patience()?;
        // Rows that were written before they had steps: an epoch of a run never has other than so many.
        let batches = training.batches() as u64;
        training.history.iter_mut().for_each(|row| row.step = row.step.or(Some(u64::from(row.epoch) * batches)));
        // Without a lock, another process may be at work on them.
        remove_leftovers(directory.path(), if lock.missing().is_some() { ABANDONED } else { Duration::ZERO });
        write_atomically(&directory.config(), training.settings.to_toml().as_bytes())?;
        (training.directory, training.lock) = (Some(directory), Some(lock));
        training.order_images();
        Ok(training)
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

    /// The [arithmetic](Engine::arithmetic) of what was done before this run went on, if it was another than now: from here on
    /// its bits are not those of a run that was never stopped.
    #[must_use]
    pub fn other_arithmetic(&self) -> Option<&str> {
        self.other_arithmetic.as_deref()
    }

    /// The settings of a saved run, to find its data by.
    ///
    /// # Errors
    /// If the checkpoint cannot be read.
    pub fn settings_of(directory: &RunDirectory) -> Result<Settings, Error> {
        Ok(checkpoint::read(&directory.checkpoint())?.card.settings)
    }
}

/// Checks that a change leaves alone what is done already. Rates, objectives and lengths are about what is to come.
fn check_changed(before: &Recipe, after: &Recipe) -> Result<(), TrainingError> {
    let same = [
        ("the encoder's widths", before.widths == after.widths),
        ("the number of latent dimensions", before.latent_dim == after.latent_dim),
        ("the likelihood", before.likelihood == after.likelihood),
        ("the prior", before.prior_components == after.prior_components),
        ("whether pixels are drawn black or white", before.binarize == after.binarize),
        ("whether the model is conditional", before.conditional == after.conditional),
        ("the share of images held out", before.validation.to_bits() == after.validation.to_bits()),
        ("the seed", before.seed == after.seed),
        ("the batch size", before.batch_size == after.batch_size),
        ("the order of the images", before.shuffle == after.shuffle),
    ];
    match same.into_iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(TrainingError::Changed { what }),
        None => Ok(()),
    }
}

/// Checks that the network of a checkpoint is the one that its recipe asks for: a damaged one may not be.
fn check_architecture(
    recipe: &Recipe,
    network: &Architecture,
    directory: &RunDirectory,
) -> Result<(), TensorFileError> {
    let Recipe { latent_dim, likelihood, conditional, prior_components, .. } = *recipe;
    let asked = (&*recipe.widths, latent_dim, likelihood, conditional, prior_components);
    let (likelihood, classes) = (network.likelihood(), network.classes());
    let found = (network.widths(), network.latent_dim(), likelihood, classes > 0, network.prior_components());
    if asked == found {
        return Ok(());
    }
    let reason = "its recipe asks for another network than it holds".to_owned();
    Err(TensorFileError::Foreign { path: directory.checkpoint(), kind: CheckpointCard::KIND, reason })
}

/// Why a run that was trained on one set cannot go on with another.
fn other_data(expected: DataSummary, found: DataSummary) -> Error {
    if let (Some(was), Some(is)) = (&expected.held_out_digest, &found.held_out_digest)
        && was != is
        && expected.train_digest == found.train_digest
    {
        return HeldOutError { name: expected.name.clone(), expected: was.clone(), found: is.clone() }.into();
    }
    TrainingError::OtherData { expected: expected.into(), found: found.into() }.into()
}
