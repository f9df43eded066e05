//! Where a run keeps its files.

#[cfg(feature = "runs")]
use super::lock::RunLock;
#[cfg(feature = "runs")]
use crate::recipe::settings::{Settings, SettingsError};
use crate::storage::{
    RUN_BEST as BEST, RUN_CHECKPOINT as CHECKPOINT, RUN_CONFIG as CONFIG, RUN_FIGURES as FIGURES,
    RUN_METRICS as METRICS, RUN_MODEL as MODEL, StorageError, create_directory, directory_of, holds_run, is_of_run,
};
use std::io;
use std::path::{Path, PathBuf};

/// The directory of one run.
///
/// | file | what it is |
/// |---|---|
/// | `model.safetensors` | the trained model; every command works from this file alone |
/// | `best.safetensors` | the same of the epoch with the lowest held-out loss, where images are held out |
/// | `checkpoint.safetensors` | all that is needed to go on |
/// | `metrics.csv` | a row per epoch |
/// | `config.toml` | every setting; repeats the run |
/// | `figures/` | what the run looks like |
/// | `.lock` | empty; locked by the process that trains |
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

/// There is no such run directory, or there must not be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunDirectoryError {
    /// It could not be made.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A new run would overwrite an earlier one.
    #[error("{} already holds a run", path.display())]
    Occupied {
        /// The directory.
        path: PathBuf,
    },
    /// Another [`Training`](crate::Training) saves its run there, in this process or another.
    #[error("{} is in use: {} trains in it", path.display(), process.map_or("another process".to_owned(), |process| format!("process {process}")))]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The number of the process, where the system lets it be read.
        process: Option<u32>,
    },
    /// There is nothing at a path.
    #[error("{}: there is no such run directory or model file", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A run directory is wanted, and a path is that of a file.
    #[error("{}: this is a file, and a run directory is wanted", path.display())]
    NoDirectory {
        /// The path.
        path: PathBuf,
    },
    /// A model has other parameters than when it was read.
    #[error("{}: the model has changed since it was read, and keeps nothing that was found with it before", path.display())]
    ModelChanged {
        /// The model file.
        path: PathBuf,
    },
    /// A new run would write its events after those of another.
    #[error("{}: there are the events of a run already", path.display())]
    Events {
        /// The file of events.
        path: PathBuf,
    },
    /// There is a run in a directory, but no epoch of it has ended.
    #[error("{}: no model yet: no epoch of this run has ended", path.display())]
    NoModelYet {
        /// The directory.
        path: PathBuf,
    },
    /// There is neither a run nor a model in a directory.
    #[error("{}: no run here: there is no {file} in it", path.display())]
    NoRun {
        /// The path.
        path: PathBuf,
        /// The file that a run would have.
        file: &'static str,
    },
}

#[cfg(feature = "runs")]
const LOCK: &str = ".lock";

impl RunDirectory {
    /// The directory, below the current one, in which runs lie unless told otherwise.
    pub const RUNS: &str = "runs";

    /// Makes a directory in [`RUNS`](Self::RUNS) for a run on data of this name, with a new number if need be.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create_in_runs(data: &str) -> Result<Self, RunDirectoryError> {
        Self::create_numbered(Path::new(Self::RUNS), data)
    }

    /// The settings of the run of which `path` is the directory or a model file in it; none if it is neither, or has no
    /// settings that can be read.
    #[cfg(feature = "runs")]
    #[must_use]
    pub fn settings_of(path: &Path) -> Option<Settings> {
        let directory = if path.is_dir() { path } else { path.parent()? };
        Settings::read(&Self::open(directory).ok()?.config()).ok()
    }

    /// The settings in the directory `path`, whatever else there is of a run.
    ///
    /// # Errors
    /// If there is no file of settings, or it cannot be read.
    #[cfg(feature = "runs")]
    pub fn read_settings(path: &Path) -> Result<Settings, SettingsError> {
        Settings::read(&path.join(CONFIG))
    }

    /// Makes `parent/name`, or `parent/name-2` and so on if earlier runs have those.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create_numbered(parent: &Path, name: &str) -> Result<Self, RunDirectoryError> {
        create_directory(parent)?;
        let mut number = 1_u32;
        loop {
            let path = parent.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
            // Making it, rather than looking first, lets two runs start at once.
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < u32::MAX => number += 1,
                Err(error) => return Err(StorageError::new("create", &path)(error).into()),
            }
        }
    }

    /// Makes the directory `path`, or takes it as it is if it holds no run.
    ///
    /// # Errors
    /// If it holds a run, or cannot be made.
    pub fn create(path: &Path) -> Result<Self, RunDirectoryError> {
        let run = Self { path: path.to_owned() };
        if run.model().exists() || run.checkpoint().exists() {
            return Err(RunDirectoryError::Occupied { path: run.path });
        }
        create_directory(path)?;
        Ok(run)
    }

    /// The run in the directory `path`, or the run of which `path` is the checkpoint.
    ///
    /// # Errors
    /// If there is no checkpoint.
    pub fn open(path: &Path) -> Result<Self, RunDirectoryError> {
        let is_checkpoint = path.file_name().is_some_and(|name| name == CHECKPOINT) && path.is_file();
        let path = if is_checkpoint { directory_of(path) } else { path };
        let run = Self { path: path.to_owned() };
        if run.checkpoint().exists() {
            Ok(run)
        } else if !path.exists() {
            Err(RunDirectoryError::Missing { path: run.path })
        } else {
            Err(RunDirectoryError::NoRun { path: run.path, file: CHECKPOINT })
        }
    }

    /// Whether `path` is one of the files that a run keeps, in the directory of a run.
    #[must_use]
    pub fn keeps(path: &Path) -> bool {
        path.file_name().is_some_and(is_of_run) && holds_run(directory_of(path))
    }

    /// Checks that nobody trains in it at this moment, before work is done that would be for nothing. Training itself takes
    /// and keeps a lock.
    ///
    /// # Errors
    /// If somebody does.
    #[cfg(feature = "runs")]
    pub fn check_not_in_use(&self) -> Result<(), RunDirectoryError> {
        RunLock::take(self).map(drop)
    }

    /// The model file that `path` means: itself, or the one in the run directory `path`.
    ///
    /// # Errors
    /// If there is none.
    pub fn model_of(path: &Path) -> Result<PathBuf, RunDirectoryError> {
        if path.is_dir() {
            let run = Self { path: path.to_owned() };
            let model = run.model();
            if !model.exists() && run.checkpoint().exists() {
                return Err(RunDirectoryError::NoModelYet { path: run.path });
            }
            if !model.exists() {
                return Err(RunDirectoryError::NoRun { path: path.to_owned(), file: MODEL });
            }
            return Ok(model);
        }
        if !path.exists() {
            return Err(RunDirectoryError::Missing { path: path.to_owned() });
        }
        Ok(path.to_owned())
    }

    /// The run in this directory, whether there is one or not.
    #[cfg(feature = "runs")]
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The trained model.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    /// The model of the epoch with the lowest held-out loss.
    #[must_use]
    pub fn best_model(&self) -> PathBuf {
        self.path.join(BEST)
    }

    /// All that is needed to go on.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }

    /// A row per epoch.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    /// Every setting.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// The file that whoever trains in the directory has locked.
    #[cfg(feature = "runs")]
    pub(super) fn lock_file(&self) -> PathBuf {
        self.path.join(LOCK)
    }

    /// The directory of pictures.
    #[must_use]
    pub fn figures(&self) -> PathBuf {
        self.path.join(FIGURES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_runs_are_never_taken() {
        let directory = tempfile::tempdir().unwrap();
        let name = |run: RunDirectory| run.path().file_name().unwrap().to_owned();
        for expected in ["mnist", "mnist-2", "mnist-3"] {
            assert_eq!(name(RunDirectory::create_numbered(directory.path(), "mnist").unwrap()), expected);
        }
        let explicit = directory.path().join("mine");
        let run = RunDirectory::create(&explicit).unwrap();
        RunDirectory::create(&explicit).unwrap();
        std::fs::write(run.model(), b"").unwrap();
        let error = RunDirectory::create(&explicit).unwrap_err();
        assert!(matches!(error, RunDirectoryError::Occupied { .. }));
    }

    #[cfg(feature = "runs")]
    #[test]
    fn a_directory_and_the_model_in_it_have_the_settings_of_the_run() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(&directory.path().join("run")).unwrap();
        let settings = Settings::from(crate::recipe::Recipe::reference());
        std::fs::write(run.config(), settings.to_toml()).unwrap();
        assert_eq!(RunDirectory::settings_of(run.path()), None);
        std::fs::write(run.checkpoint(), b"").unwrap();
        for path in [run.path(), &run.model()] {
            assert_eq!(RunDirectory::settings_of(path), Some(settings.clone()));
        }
        assert_eq!(RunDirectory::settings_of(directory.path()), None);
    }

    #[test]
    fn a_checkpoint_is_its_run_and_no_model() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDirectory { path: directory.path().to_owned() };
        assert!(matches!(RunDirectory::open(&run.checkpoint()), Err(RunDirectoryError::Missing { .. })));
        std::fs::write(run.checkpoint(), b"").unwrap();
        assert_eq!(RunDirectory::open(&run.checkpoint()).unwrap(), run);
        assert!(matches!(RunDirectory::model_of(run.path()), Err(RunDirectoryError::NoModelYet { .. })));
        std::fs::write(run.model(), b"").unwrap();
        assert_eq!(RunDirectory::model_of(run.path()).unwrap(), run.model());
        for (path, is_kept) in [(run.model(), true), (run.config(), true), (run.path().join("codes.csv"), false)] {
            assert_eq!(RunDirectory::keeps(&path), is_kept, "{}", path.display());
        }
        // No other file of a run stands for it.
        assert!(RunDirectory::open(&run.model()).is_err());
    }

    #[test]
    fn a_directory_without_a_run_is_said_to_be_one() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(RunDirectory::open(directory.path()), Err(RunDirectoryError::NoRun { .. })));
        assert!(matches!(RunDirectory::model_of(directory.path()), Err(RunDirectoryError::NoRun { .. })));
    }
}
