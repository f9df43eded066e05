//! What tells that a file has changed.

use std::fs::File;
use std::io;
use std::time::SystemTime;

/// The length of a file and the time of its last change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    pub(super) length: u64,
    /// None where the system does not say.
    pub(super) changed: Option<SystemTime>,
}

impl Stamp {
    /// Of a file as it is now.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { length: metadata.len(), changed: metadata.modified().ok() })
    }
}
