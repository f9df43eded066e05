//! The files of an export, which are all written or none.

use super::ExchangeError;
use crate::storage::{NewDirectories, StorageError, write_atomically};
use std::fs::File;
use std::io::ErrorKind;
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

/// A file that is in a directory as long as an export writes to it, so that of two at once one is refused, rather than each
/// leaving some of its files. Where an export was killed it stays, and says that not all may be there.
struct Claim(PathBuf);

impl Claim {
    /// Takes a directory that holds nothing.
    fn take(directory: &Path) -> Result<Self, ExchangeError> {
        let path = directory.join(".elbo-export.part");
        match File::options().write(true).create_new(true).open(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(ExchangeError::Occupied { path: directory.to_owned() });
            }
            Err(error) => return Err(StorageError::new("write", &path)(error).into()),
        }
        let claim = Self(path);
        // Another export may have come and gone since the directory was looked at.
        match std::fs::read_dir(directory).map(Iterator::count) {
            Ok(1) => Ok(claim),
            Ok(_) => Err(ExchangeError::Occupied { path: directory.to_owned() }),
            Err(error) => Err(StorageError::new("write to", directory)(error).into()),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Whoever finds it is told that there are files.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes files into a directory that is empty or is not there yet. If one cannot be written, none is left, and no directory
/// that was made for them.
pub(super) fn write(directory: &Path, files: &Files) -> Result<Vec<PathBuf>, ExchangeError> {
    check_free(directory)?;
    // Dropped last, when nothing is in them.
    let directories = NewDirectories::make(directory)?;
    let _claim = Claim::take(directory)?;
    let mut written = Vec::new();
    for (name, contents) in files {
        let path = directory.join(name);
        if let Err(error) = write_atomically(&path, contents) {
            // What cannot be removed either is whole.
            for path in &written {
                let _ = std::fs::remove_file(path);
            }
            return Err(error.into());
        }
        written.push(path);
    }
    directories.keep();
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let here = tempfile::tempdir().unwrap();
        // No file can have such a name, which stands for a disk that is full by then.
        let files = || -> Files { vec![("one", b"1".to_vec()), ("none/two", b"2".to_vec())] };
        assert!(write(&here.path().join("a/b/c"), &files()).is_err());
        assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0);
        // A directory that was there stays.
        let empty = here.path().join("empty");
        std::fs::create_dir(&empty).unwrap();
        assert!(write(&empty, &files()).is_err());
        assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0);
    }

    #[test]
    fn what_an_export_left_that_was_killed_is_not_taken_for_one() {
        let here = tempfile::tempdir().unwrap();
        std::mem::forget(Claim::take(here.path()).unwrap());
        assert!(matches!(Claim::take(here.path()), Err(ExchangeError::Occupied { .. })));
        assert!(matches!(check_free(here.path()), Err(ExchangeError::Occupied { .. })));
    }
}
