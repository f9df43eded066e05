//! Many runs that differ in a few settings: a grid of values, or random draws, ranked on validation images.
//!
//! A sweep is a directory with a run directory for each trial, and what is to be done next follows from what is in them
//! alone: a sweep that was stopped goes on, and what was finished is kept. A trial is an ordinary run, the same to the last
//! bit as one with the settings of its `config.toml`.
//!
//! ```no_run
//! use elbo::dataset::load;
//! use elbo::sweep::{Plan, Sweep};
//!
//! let plan = Plan::read("sweep.toml".as_ref())?;
//! let data = load(plan.data()?.as_ref(), &plan.data_options()?, &|_, _| {})?.splits;
//! let sweep = Sweep::open(&plan, &data, "sweeps/one".as_ref())?;
//! sweep.run(&data)?;
//! for result in sweep.results()? {
//!     println!("{}: {:?}", sweep.trials()[result.trial].name, result.best_loss());
//! }
//! # Ok::<(), elbo::Error>(())
//! ```

mod cause;
mod error;
mod plan;
mod results;
mod space;
mod stage;
#[cfg(test)]
mod tests;

use crate::dataset::Splits;
use crate::error::Error;
use crate::files::lock::RunLock;
use crate::files::run_directory::RunDirectory;
use crate::recipe::settings::Settings;
use crate::storage::{StorageError, create_directory, write_atomically};
use crate::training::Training;
use std::path::{Path, PathBuf};

pub use cause::Cause;
pub use error::SweepError;
pub use plan::Plan;
pub use results::{Status, TrialResult};
pub use stage::Stage;

/// In the directory of a trial that cannot go on: why.
const FAILED: &str = "failed.txt";

/// One run of a sweep.
#[derive(Clone, PartialEq, Debug)]
pub struct Trial {
    /// The name of its directory: its number, and the settings that are its own, `003-latent_dim=8-learning_rate=0.001`.
    pub name: String,
    /// Every setting.
    pub settings: Settings,
    /// The settings that are its own, as `config.toml` has them, in the order of their names.
    pub own: Vec<(String, String)>,
}

/// A sweep in its directory, which no other process has open.
#[derive(Debug)]
pub struct Sweep {
    directory: PathBuf,
    trials: Vec<Trial>,
    /// Draws that were left out, since an earlier one has the same settings.
    repeats: usize,
    /// Shares of its epochs after which the worse half of the trials ends.
    halving: Vec<f64>,
    /// Ends with the sweep.
    _lock: RunLock,
}

impl Sweep {
    /// The sweep of a plan on its data in a directory, which is made, or has the trials of an earlier call.
    ///
    /// # Errors
    /// If a setting is none or out of range, two trials of a grid would be the same, no images are there to validate with,
    /// another process has the directory, or it holds trials of another sweep.
    pub fn open(plan: &Plan, data: &Splits, directory: &Path) -> Result<Self, Error> {
        let trials = plan.trials(&plan.settings(data)?)?;
        let repeats = plan.draws().saturating_sub(trials.len());
        create_directory(directory)?;
        let lock = RunLock::take(&RunDirectory::at(directory))?;
        let sweep =
            Self { directory: directory.to_owned(), trials, repeats, halving: plan.halving().to_vec(), _lock: lock };
        sweep.check_directory()?;
        Ok(sweep)
    }

    /// All trials, in their order.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Random draws that are no trial, since an earlier one has the same settings.
    #[must_use]
    pub fn repeats(&self) -> usize {
        self.repeats
    }

    /// The run directory of a trial.
    #[must_use]
    pub fn directory_of(&self, trial: &Trial) -> PathBuf {
        self.directory.join(&trial.name)
    }

    /// That what is there already is of these trials.
    fn check_directory(&self) -> Result<(), Error> {
        let read = StorageError::new("read", &self.directory);
        let entries =
            std::fs::read_dir(&self.directory).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(read)?;
        for entry in entries {
            let name = entry.file_name().display().to_string();
            let is_trial =
                name.split_once('-').is_some_and(|(number, _)| number.len() >= 3 && number.parse::<u32>().is_ok());
            if !is_trial || !entry.path().is_dir() {
                continue;
            }
            let other = |reason: &str| SweepError::OtherSweep { path: entry.path(), reason: reason.to_owned() };
            let Some(trial) = self.trials.iter().find(|trial| trial.name == name) else {
                return Err(other("this sweep has no trial of that name").into());
            };
            let config = RunDirectory::at(&entry.path()).config();
            if config.exists() {
                let settings = Settings { threads: trial.settings.threads, ..Settings::read(&config)? };
                if settings != trial.settings {
                    return Err(other("it was begun with other settings").into());
                }
            }
        }
        Ok(())
    }

    /// Makes the directory of a trial with its settings, if it is not there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn prepare(&self, trial: &Trial) -> Result<RunDirectory, Error> {
        let run = RunDirectory::at(&self.directory_of(trial));
        if !run.config().exists() {
            create_directory(run.path())?;
            write_atomically(&run.config(), trial.settings.to_toml().as_bytes())?;
        }
        Ok(run)
    }

    /// Says that a trial cannot go on, and why, so that it is not tried again: for what its settings are the [`Cause`] of.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn fail(&self, trial: &Trial, reason: &str) -> Result<(), Error> {
        let path = self.prepare(trial)?.path().join(FAILED);
        Ok(write_atomically(&path, format!("{}\n", reason.trim_end()).as_bytes())?)
    }

    /// Runs all that is left to do in this process, one trial after the other, on the data of the plan. A trial whose
    /// settings are out of range or whose loss is not finite has failed, and the others go on.
    ///
    /// # Errors
    /// If the device fails, or files cannot be read or written.
    pub fn run(&self, data: &Splits) -> Result<(), Error> {
        while let Some(stage) = self.next()? {
            for (number, until) in stage.trials {
                let trial = &self.trials[number];
                match self.train(trial, until, data.clone()) {
                    Err(error) if Cause::of(&error) == Cause::Settings => self.fail(trial, &error.to_string())?,
                    other => other?,
                }
            }
        }
        self.write_table()
    }

    /// Trains a trial until it has had so many epochs, from wherever it is.
    fn train(&self, trial: &Trial, until: u32, data: Splits) -> Result<(), Error> {
        let run = self.prepare(trial)?;
        let mut training = if run.checkpoint().exists() {
            Training::resume(run, data, |_| {})?
        } else {
            Training::new(trial.settings.clone(), data)?.save_in(run)?
        };
        while training.history().len() < until as usize && training.advance()?.is_some() {}
        training.save()
    }
}
