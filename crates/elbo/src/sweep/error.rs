//! Why there is no sweep.

use std::path::PathBuf;

/// A sweep is not what it should be.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// A plan cannot be understood.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A plan names a setting that there is not.
    #[error("{}: [{table}] has no setting '{name}'; it may have {}", path.display(), known.join(", "))]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The table in which it stands.
        table: &'static str,
        /// What it is called.
        name: String,
        /// All that may stand there.
        known: Vec<String>,
    },
    /// A setting that all trials must share.
    #[error("{}: [{table}] varies '{name}': {reason}", path.display())]
    Fixed {
        /// The file.
        path: PathBuf,
        /// The table in which it stands.
        table: &'static str,
        /// What it is called.
        name: String,
        /// Why trials cannot differ in it.
        reason: &'static str,
    },
    /// Nothing is held out of training to rank trials by.
    #[error(
        "'{data}' has no validation images, and trials are ranked by the loss on them: the test set is never used for that"
    )]
    NoValidation {
        /// What the data are called.
        data: String,
    },
    /// A directory has a trial that is not of this sweep.
    #[error("{}: a trial of another sweep: {reason}", path.display())]
    OtherSweep {
        /// The trial.
        path: PathBuf,
        /// How it is known.
        reason: String,
    },
    /// The losses of a trial cannot be compared with those of the others.
    #[error("{}: its loss cannot be compared with that of the other trials: {reason}", path.display())]
    NotComparable {
        /// The trial.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}
