//! One process at a time in a run directory: the system's lock on a file, which ends with the process that holds it.

use super::run_directory::{RunDirectory, RunDirectoryError};
use crate::storage::read_text;
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// A run directory in which no other process trains, where its file system has locks.
#[derive(Debug)]
pub(crate) struct RunLock {
    /// The locked file, with the number of this process in it; or why there is none.
    file: Result<File, io::Error>,
}

impl RunLock {
    /// Takes the lock of a directory that is there. A file system without locks, as network drives may be, keeps nobody
    /// from training: see [`RunLock::missing`].
    ///
    /// # Errors
    /// If it is taken, in this process or another.
    pub(crate) fn take(directory: &RunDirectory) -> Result<Self, RunDirectoryError> {
        let path = directory.lock_file();
        // The file stays when the lock ends: whoever removed it could not know that nobody else has it open.
        let file = match File::options().read(true).write(true).create(true).truncate(false).open(&path) {
            Ok(file) => file,
            // Where nothing can be written at all, the first file of the run says so.
            Err(error) => return Ok(Self { file: Err(error) }),
        };
        match file.try_lock() {
            Ok(()) => {
                // For whoever finds it taken. It is no harm where it cannot be written.
                let _ = file.set_len(0).and_then(|()| (&file).write_all(std::process::id().to_string().as_bytes()));
                Ok(Self { file: Ok(file) })
            }
            Err(TryLockError::WouldBlock) => {
                // Some systems let nobody else read a locked file.
                let process = read_text(&path).ok().and_then(|number| number.parse().ok());
                Err(RunDirectoryError::InUse { path: directory.path().to_owned(), process })
            }
            Err(TryLockError::Error(error)) => Ok(Self { file: Err(error) }),
        }
    }

    /// The same, but where it is taken it may be given back within so long.
    ///
    /// # Errors
    /// If it is not.
    pub(crate) fn wait(directory: &RunDirectory, patience: Duration) -> Result<Self, RunDirectoryError> {
        const PAUSE: Duration = Duration::from_millis(20);
        let began = Instant::now();
        loop {
            match Self::take(directory) {
                Err(RunDirectoryError::InUse { .. }) if began.elapsed() < patience => std::thread::sleep(PAUSE),
                taken => return taken,
            }
        }
    }

    /// Why there is no lock, if there is none.
    pub(crate) fn missing(&self) -> Option<&io::Error> {
        self.file.as_ref().err()
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        if let Ok(file) = &self.file {
            // A number that stays misleads nobody: it is read only while the lock is taken.
            let _ = file.set_len(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_taken_once_says_by_whom_and_ends() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(directory.path()).unwrap();
        for _ in 0..2 {
            let lock = RunLock::take(&run).unwrap();
            assert!(lock.missing().is_none());
            let error = RunLock::take(&run).unwrap_err();
            let RunDirectoryError::InUse { process, .. } = &error else { panic!("{error}") };
            assert!(process.is_none_or(|process| process == std::process::id()), "{error}");
            assert!(!cfg!(unix) || process.is_some(), "{error}");
            drop(lock);
            assert_eq!(std::fs::read(run.lock_file()).unwrap(), b"");
        }
    }

    #[test]
    fn where_there_can_be_no_lock_training_goes_on_without() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(directory.path()).unwrap();
        // A file that cannot be opened stands for one that cannot be locked.
        std::fs::create_dir(run.lock_file()).unwrap();
        assert!(RunLock::take(&run).unwrap().missing().is_some());
    }
}
