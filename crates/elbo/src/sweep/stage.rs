//! What is to be done next: a function of what is in the trials' directories alone.

use super::{FAILED, Sweep};
use crate::error::Error;
use crate::files::metrics::{EpochMetrics, best_epoch, best_loss, read_metrics};
use crate::files::run_directory::RunDirectory;
use crate::storage::read_text;
use std::path::Path;

/// Trials that can be trained side by side, before anything else is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    /// The places of trials in [`Sweep::trials`], and the number of whole epochs after which each is to stop for now.
    pub trials: Vec<(usize, u32)>,
}

/// Where a trial is.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct State {
    pub(super) history: Vec<EpochMetrics>,
    pub(super) failure: Option<String>,
}

impl State {
    pub(super) fn read(directory: &Path) -> Result<Self, Error> {
        let metrics = RunDirectory::at(directory).metrics();
        let history = if metrics.exists() { read_metrics(&metrics)? } else { Vec::new() };
        Ok(Self { history, failure: read_text(&directory.join(FAILED)).ok() })
    }

    /// Whether it has had so many epochs, or waited out its patience.
    pub(super) fn is_at(&self, epochs: u32, patience: Option<u32>) -> bool {
        let done = self.history.len();
        let waited = best_epoch(&self.history).map(|best| done as u32 - best.epoch.min(done as u32));
        done >= epochs as usize || patience.zip(waited).is_some_and(|(patience, waited)| waited >= patience)
    }

    /// The lowest held-out loss of the first so many epochs.
    fn best_of(&self, epochs: u32) -> f64 {
        let first = &self.history[..self.history.len().min(epochs as usize)];
        best_loss(first).unwrap_or(f64::INFINITY)
    }
}

impl Sweep {
    pub(super) fn states(&self) -> Result<Vec<State>, Error> {
        self.trials.iter().map(|trial| State::read(&self.directory_of(trial))).collect()
    }

    /// The trials that are to be trained next, and how far; none if all is done.
    ///
    /// Without `[halving]` all trials go to their end. With it they stop at each of its shares of their epochs, and those go
    /// on whose best loss so far is among the lower half, rounded up: successive halving (Jamieson and Talwalkar, 2016).
    /// Nothing depends on which trials were done first. Where one fails, the next best takes its place.
    ///
    /// # Errors
    /// If the state of a trial cannot be read.
    pub fn next(&self) -> Result<Option<Stage>, Error> {
        Ok(plan_stage(self, &self.states()?).0)
    }
}

/// The next stage, and the trials that are still in the race by then.
pub(super) fn plan_stage(sweep: &Sweep, states: &[State]) -> (Option<Stage>, Vec<usize>) {
    let recipe = |trial: usize| &sweep.trials[trial].settings.recipe;
    let mut left: Vec<usize> = (0..states.len()).filter(|&trial| states[trial].failure.is_none()).collect();
    for share in sweep.halving.iter().copied().chain([1.0]) {
        let goal = |trial: usize| ((share * f64::from(recipe(trial).epochs)).ceil() as u32).max(1);
        let open = left.iter().filter(|&&trial| !states[trial].is_at(goal(trial), recipe(trial).patience));
        let trials: Vec<_> = open.map(|&trial| (trial, goal(trial))).collect();
        if !trials.is_empty() {
            return (Some(Stage { trials }), left);
        }
        if share < 1.0 {
            let best = |trial: &usize| states[*trial].best_of(goal(*trial));
            left.sort_by(|a, b| best(a).total_cmp(&best(b)).then(a.cmp(b)));
            left.truncate(left.len().div_ceil(2));
            left.sort_unstable();
        }
    }
    (None, left)
}
