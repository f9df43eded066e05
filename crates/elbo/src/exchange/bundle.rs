//! The files of an export, which are all written or none.

use super::ExchangeError;
use crate::storage::{StorageError, create_directory, write_atomically};
use std::path::{Path, PathBuf};

/// Names and contents of files for one directory.
pub(super) type Files = Vec<(&'static str, Vec<u8>)>;

/// Checks that a directory is empty, or is not there.
pub(super) fn check_free(directory: &Path) -> Result<(), ExchangeError> {
    match std::fs::read_dir(directory).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => Err(ExchangeError::Occupied { path: directory.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StorageError::new("write to", directory)(error).into()),
    }
}

/// Writes files into a directory that is empty or is not there yet. If one cannot be written, none is left.
pub(super) fn write(directory: &Path, files: &Files) -> Result<Vec<PathBuf>, ExchangeError> {
    check_free(directory)?;
    let is_new = !directory.exists();
    create_directory(directory)?;
    let mut written = Vec::new();
    for (name, contents) in files {
        let path = directory.join(name);
        if let Err(error) = write_atomically(&path, contents) {
            // What cannot be removed either is whole.
            for path in &written {
                let _ = std::fs::remove_file(path);
            }
            if is_new {
                let _ = std::fs::remove_dir(directory);
            }
            return Err(error.into());
        }
        written.push(path);
    }
    Ok(written)
}
