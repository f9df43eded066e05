//! Why a trial failed: what would fail again, and what is a matter of the machine.

use crate::engine::EngineError;
use crate::error::Error;
use crate::files::run_directory::RunDirectoryError;
use crate::training::TrainingError;
use std::error::Error as _;
use std::io;

/// What a trial failed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// Its settings: they are out of range, or its loss is not finite. It would fail again.
    Settings,
    /// Another process has its directory, such as that of a sweep that was killed a moment ago.
    InUse,
    /// There is no room for what is written: other trials would fail too.
    Full,
    /// Anything else of the machine, the device or the files: it may do another time.
    Machine,
}

impl Cause {
    /// What an error of a trial is due to.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Recipe(_)
            | Error::Architecture(_)
            | Error::Class(_)
            | Error::Engine(EngineError::Unsupported { .. })
            | Error::Training(
                TrainingError::NotFinite { .. }
                | TrainingError::NothingHeldOut { .. }
                | TrainingError::NotANumber { .. }
                | TrainingError::Objective { .. },
            ) => Self::Settings,
            // A run that came to be while its data were read is that of another process.
            Error::RunDirectory(RunDirectoryError::InUse { .. } | RunDirectoryError::Occupied { .. }) => Self::InUse,
            error if is_full(error) => Self::Full,
            _ => Self::Machine,
        }
    }
}

/// Whether the system said that there is no room.
fn is_full(error: &Error) -> bool {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let kinds = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.into_iter().any(|kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::TensorFileError;
    use crate::recipe::Recipe;
    use crate::storage::StorageError;

    #[test]
    fn only_settings_would_fail_again() {
        let storage = |kind: io::ErrorKind| StorageError { action: "write", path: "x".into(), source: kind.into() };
        let refused = Recipe { epochs: 0, ..Recipe::reference() }.validate().unwrap_err();
        let in_use = RunDirectoryError::InUse { path: "x".into(), process: None };
        for (error, cause) in [
            (Error::from(refused), Cause::Settings),
            (TrainingError::NothingHeldOut { patience: 1 }.into(), Cause::Settings),
            (TrainingError::Changed { what: "x" }.into(), Cause::Machine),
            (in_use.into(), Cause::InUse),
            (storage(io::ErrorKind::StorageFull).into(), Cause::Full),
            (TensorFileError::Storage(storage(io::ErrorKind::QuotaExceeded)).into(), Cause::Full),
            (RunDirectoryError::Storage(storage(io::ErrorKind::StorageFull)).into(), Cause::Full),
            (storage(io::ErrorKind::PermissionDenied).into(), Cause::Machine),
        ] {
            assert_eq!(Cause::of(&error), cause, "{error}");
        }
    }
}
