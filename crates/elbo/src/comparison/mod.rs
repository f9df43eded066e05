//! Runs beside one another: what is set otherwise, and how far their losses can be compared.
//!
//! ```no_run
//! use elbo::comparison::{Comparison, RunRecord};
//!
//! let runs = ["runs/one", "runs/two"].map(|path| RunRecord::read(path.as_ref()));
//! let comparison = Comparison::new(runs.into_iter().collect::<Result<_, _>>()?);
//! for setting in &comparison.settings {
//!     println!("{}: {:?}", setting.name, setting.values);
//! }
//! for group in &comparison.groups {
//!     println!("{}: {:?}", group.basis, group.runs);
//! }
//! # Ok::<(), elbo::Error>(())
//! ```

mod basis;
#[cfg(feature = "figures")]
mod figure;
mod record;
mod settings;
#[cfg(test)]
mod tests;

pub use basis::Basis;
pub use record::RunRecord;
pub use settings::Difference;
pub(crate) use settings::as_text;
#[cfg(test)]
pub(crate) use settings::flat;

/// Some runs, and what can be said of them together.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison {
    /// The runs, in the order in which they were given.
    pub runs: Vec<RunRecord>,
    /// The settings that are not the same in all runs, in the order of `config.toml`.
    pub settings: Vec<Difference>,
    /// The runs whose losses can be compared, in the order of the first of each.
    pub groups: Vec<Group>,
}

/// Runs whose losses are of one kind, on the same images.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// What they have in common.
    pub basis: Basis,
    /// Their places in [`Comparison::runs`], the lowest best loss first; of equals, and where nothing is held out, as they
    /// were given.
    pub runs: Vec<usize>,
}

impl Comparison {
    /// Compares runs.
    #[must_use]
    pub fn new(runs: Vec<RunRecord>) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for (number, run) in runs.iter().enumerate() {
            match groups.iter_mut().find(|group| group.basis.is_comparable(&run.basis)) {
                Some(group) => group.runs.push(number),
                None => groups.push(Group { basis: run.basis.clone(), runs: vec![number] }),
            }
        }
        let best = |number: &usize| runs[*number].best_loss().unwrap_or(f64::INFINITY);
        for group in &mut groups {
            group.runs.sort_by(|a, b| best(a).total_cmp(&best(b)));
        }
        let settings = settings::differences(&runs.iter().map(|run| &run.settings).collect::<Vec<_>>());
        Self { runs, settings, groups }
    }
}
