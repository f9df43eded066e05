//! How trials came out.

use super::stage::{State, plan_stage};
use super::{Sweep, SweepError};
use crate::comparison::RunRecord;
use crate::error::Error;
use crate::files::metrics::{EpochMetrics, best_epoch, best_loss, seconds};
use crate::storage::write_atomically;
use std::fmt;

/// Where a trial ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Status {
    /// It had all its epochs, or waited out its patience.
    Finished,
    /// It ended early, since others were better by then.
    Halved,
    /// It is not done.
    Open,
    /// It cannot go on, for this reason.
    Failed(String),
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Finished => "finished",
            Self::Halved => "halved",
            Self::Open => "open",
            Self::Failed(_) => "failed",
        })
    }
}

/// How a trial came out.
#[derive(Clone, PartialEq, Debug)]
pub struct TrialResult {
    /// Its place in [`Sweep::trials`].
    pub trial: usize,
    /// Where it ended.
    pub status: Status,
    /// Its epochs so far.
    pub history: Vec<EpochMetrics>,
    /// Numbers that its model learns; none before its first epoch has ended.
    pub parameters: Option<usize>,
}

impl TrialResult {
    /// The epoch with the lowest validation loss.
    #[must_use]
    pub fn best_epoch(&self) -> Option<&EpochMetrics> {
        best_epoch(&self.history)
    }

    /// The lowest validation loss, in nats per image.
    #[must_use]
    pub fn best_loss(&self) -> Option<f64> {
        best_loss(&self.history)
    }

    /// The time that its steps took, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        seconds(&self.history)
    }
}

impl Sweep {
    /// All trials, the lowest validation loss of any of its epochs first; those that failed last.
    ///
    /// # Errors
    /// If a run cannot be read, or its losses cannot be compared with those of the others, since the data were changed
    /// between them.
    pub fn results(&self) -> Result<Vec<TrialResult>, Error> {
        let states = self.states()?;
        let (_, left) = plan_stage(self, &states);
        let mut basis = None;
        let mut results = Vec::new();
        for (trial, State { history, failure }) in states.into_iter().enumerate() {
            let directory = self.directory_of(&self.trials[trial]);
            let recipe = &self.trials[trial].settings.recipe;
            let state = State { history, failure };
            let status = match &state.failure {
                Some(reason) => Status::Failed(reason.trim_end().to_owned()),
                None if state.is_at(recipe.epochs, recipe.patience) => Status::Finished,
                None if !left.contains(&trial) => Status::Halved,
                None => Status::Open,
            };
            let mut parameters = None;
            if !state.history.is_empty() && state.failure.is_none() {
                let record = RunRecord::read(&directory)?;
                parameters = Some(record.parameters);
                let basis = basis.get_or_insert_with(|| record.basis.clone());
                if let Some(reason) = record.basis.difference(basis) {
                    return Err(SweepError::NotComparable { path: directory, reason }.into());
                }
            }
            results.push(TrialResult { trial, status, history: state.history, parameters });
        }
        let place = |result: &TrialResult| {
            let failed = matches!(result.status, Status::Failed(_));
            (failed, result.best_loss().filter(|_| !failed).unwrap_or(f64::INFINITY))
        };
        results.sort_by(|a, b| {
            let ((a_failed, a), (b_failed, b)) = (place(a), place(b));
            a_failed.cmp(&b_failed).then(a.total_cmp(&b))
        });
        Ok(results)
    }

    /// Writes the results to `sweep.csv` in the sweep's directory: a row for each trial, the best first.
    ///
    /// # Errors
    /// As [`results`](Self::results), and if it cannot be written.
    pub fn write_table(&self) -> Result<(), Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let own = self.trials.first().map_or(&[][..], |trial| &trial.own);
        let before = ["trial", "status"].into_iter().chain(own.iter().map(|(name, _)| name.as_str()));
        let after = "best_loss,best_reconstruction,best_kl,best_epoch,last_loss,epochs,step,seconds,parameters,failure";
        let mut rows = vec![before.chain(after.split(',')).map(str::to_owned).collect::<Vec<_>>()];
        rows.extend(self.results()?.iter().map(|result| self.row(result)));
        // Rows of one length into memory: nothing can fail.
        let written = rows.iter().try_for_each(|row| writer.write_record(row));
        debug_assert!(written.is_ok());
        Ok(write_atomically(&self.directory.join("sweep.csv"), &writer.into_inner().unwrap_or_default())?)
    }

    fn row(&self, result: &TrialResult) -> Vec<String> {
        let trial = &self.trials[result.trial];
        let number = |number: Option<f64>| number.map_or_else(String::new, |number| number.to_string());
        let loss = |row: Option<&EpochMetrics>| row.and_then(|row| row.held_out).map(|(_, loss)| loss);
        let (best, last) = (result.best_epoch(), result.history.last());
        let failure = match &result.status {
            Status::Failed(reason) => reason.clone(),
            _ => String::new(),
        };
        let mut row = vec![trial.name.clone(), result.status.to_string()];
        row.extend(trial.own.iter().map(|(_, value)| value.clone()));
        row.extend([
            number(loss(best).map(|loss| loss.total())),
            number(loss(best).map(|loss| loss.reconstruction)),
            number(loss(best).map(|loss| loss.kl)),
            best.map_or_else(String::new, |row| row.epoch.to_string()),
            number(loss(last).map(|loss| loss.total())),
            result.history.len().to_string(),
            last.and_then(|row| row.step).map_or_else(String::new, |step| step.to_string()),
            number(Some(result.seconds())),
            result.parameters.map_or_else(String::new, |count| count.to_string()),
            failure,
        ]);
        row
    }
}
