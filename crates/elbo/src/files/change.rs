//! What is added to a model file after training: a prior, a threshold.

use super::lock::RunLock;
use super::model::{Model, ModelCard};
use super::run_directory::{RunDirectory, RunDirectoryError};
use crate::error::Error;
use crate::storage::directory_of;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long another process has to write what it adds to the same file.
const PATIENCE: Duration = Duration::from_secs(10);

impl Model {
    /// Changes what a model file says of the model with these parameters, while no other process writes to the run that it is
    /// of. `path` means the file as [`Model::open`] has it. Returns where it is.
    ///
    /// # Errors
    /// [`RunDirectoryError::ModelChanged`] if the file has other parameters by now, [`RunDirectoryError::InUse`] if the model
    /// is trained at this moment, and if the file cannot be read or written. It is then as it was.
    pub fn change(path: &Path, parameters: &[f32], change: impl FnOnce(&mut ModelCard)) -> Result<PathBuf, Error> {
        let path = RunDirectory::model_of(path)?;
        let run = RunDirectory::open(directory_of(&path)).ok();
        let _lock = run.map(|run| RunLock::wait(&run, PATIENCE)).transpose()?;
        let mut model = Self::read(&path)?;
        if model.parameters != parameters {
            return Err(RunDirectoryError::ModelChanged { path }.into());
        }
        change(&mut model.card);
        model.write(&path)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, ImageShape};
    use crate::recipe::Recipe;
    use crate::training::Training;

    /// A run of one epoch.
    fn run(folder: &Path) -> RunDirectory {
        let shape = ImageShape { height: 8, width: 8, channels: 1 };
        let images = Dataset::new(shape, (0..16 * 64).map(|i| (i * 37 % 256) as u8).collect(), None).unwrap();
        let recipe = Recipe { epochs: 1, batch_size: 8, widths: vec![4], latent_dim: 2, ..Recipe::fast() };
        let directory = RunDirectory::create(folder).unwrap();
        let mut training = Training::new(recipe, images).unwrap().save_in(directory.clone()).unwrap();
        while training.advance().unwrap().is_some() {}
        directory
    }

    #[test]
    fn what_several_add_at_once_is_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let run = run(folder.path());
        let parameters = Model::open(run.path()).unwrap().parameters;
        std::thread::scope(|scope| {
            for path in [run.path().to_owned(), run.model()].into_iter().cycle().take(8) {
                let parameters = &parameters;
                scope.spawn(move || Model::change(&path, parameters, |card| card.epochs += 1).unwrap());
            }
        });
        assert_eq!(Model::open(run.path()).unwrap().card.epochs, 9);
    }

    #[test]
    fn nothing_is_added_to_another_model() {
        let folder = tempfile::tempdir().unwrap();
        let run = run(folder.path());
        let before = Model::open(run.path()).unwrap();
        let others: Vec<f32> = before.parameters.iter().map(|x| x + 1.0).collect();
        let error = Model::change(run.path(), &others, |card| card.epochs = 7).unwrap_err();
        assert!(matches!(error, Error::RunDirectory(RunDirectoryError::ModelChanged { .. })), "{error}");
        assert_eq!(Model::open(run.path()).unwrap(), before);
    }
}
