//! Files that are either wholly there or not at all.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How the files of a run are called.
pub(crate) const RUN_MODEL: &str = "model.safetensors";
pub(crate) const RUN_BEST: &str = "best.safetensors";
pub(crate) const RUN_CHECKPOINT: &str = "checkpoint.safetensors";
pub(crate) const RUN_METRICS: &str = "metrics.csv";
pub(crate) const RUN_CONFIG: &str = "config.toml";
pub(crate) const RUN_FIGURES: &str = "figures";

/// Whether there is a run in a directory, or what is left of one.
pub(crate) fn holds_run(directory: &Path) -> bool {
    let has = |name: &str| directory.join(name).is_file();
    [RUN_MODEL, RUN_BEST, RUN_CHECKPOINT].into_iter().any(has) || has(RUN_METRICS) && has(RUN_CONFIG)
}

/// Whether a file of this name is a run's, where it lies in one.
pub(crate) fn is_of_run(name: &std::ffi::OsStr) -> bool {
    [RUN_MODEL, RUN_BEST, RUN_CHECKPOINT, RUN_METRICS, RUN_CONFIG].into_iter().any(|file| name == file)
}

/// Names of temporary files begin and end like this.
const PREFIX: &str = ".elbo-";
const SUFFIX: &str = ".part";

/// A temporary file that nobody wrote to for so long is not being made by another process.
pub(crate) const ABANDONED: Duration = Duration::from_secs(3600);

/// A file or directory could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct StorageError {
    /// What was to be done.
    pub action: &'static str,
    /// To which file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl StorageError {
    pub(crate) fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }
}

/// Writes a file so that whoever opens it, whenever this stops, finds all of the old contents or all of the new: into a
/// temporary file beside it, synced, then renamed.
///
/// # Errors
/// If any of that fails; the old file is then as it was, and the temporary one is gone.
pub fn write_atomically(path: &Path, contents: &[u8]) -> Result<(), StorageError> {
    write_with(path, |file| file.write_all(contents))
}

/// The same for contents that are written bit by bit.
pub(crate) fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
) -> Result<(), StorageError> {
    let (path, is_file) = target(path);
    let path = &*path;
    if !is_file {
        let stream = std::fs::File::options().write(true).open(path).and_then(|mut stream| fill(&mut stream));
        return stream.map_err(StorageError::new("write", path));
    }
    let directory = directory_of(path);
    let write = move || -> io::Result<()> {
        let mut temporary = Temporary::beside(directory)?;
        fill(&mut temporary.file)?;
        temporary.file.sync_all()?;
        std::fs::rename(&temporary.path, path)?;
        temporary.is_there = false;
        // The new name is safe once its directory is.
        #[cfg(unix)]
        std::fs::File::open(directory)?.sync_all()?;
        Ok(())
    };
    write().map_err(StorageError::new("write", path))
}

/// Where a path leads to if it is a link, and whether that is a file that is replaced, rather than a device or a pipe that
/// is written to. Where there is nothing yet there will be a file.
fn target(path: &Path) -> (Cow<'_, Path>, bool) {
    let is_stream = std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
    let is_link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
    let end = if is_link { path.canonicalize().ok() } else { None };
    (end.map_or(Cow::Borrowed(path), Cow::Owned), !is_stream)
}

/// The temporary files that this process writes to at this moment.
static UNDER_WAY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the temporary files that this process writes to, for one that is about to end: no other will be made.
pub fn remove_unfinished() {
    let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
    for path in under_way.drain(..) {
        // It harms nobody where it cannot be removed.
        let _ = std::fs::remove_file(path);
    }
    // Whoever asks for the lock from here on waits for the end.
    std::mem::forget(under_way);
}

/// A new file under a name that nothing else has, removed when it is dropped unless it was given its own.
struct Temporary {
    file: std::fs::File,
    path: PathBuf,
    is_there: bool,
}

impl Temporary {
    fn beside(directory: &Path) -> io::Result<Self> {
        // Of the threads of this process each has another number; of other processes, one that was killed may have
        // left a file of the same.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        loop {
            let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
            let path = directory.join(format!("{PREFIX}{process}-{number}{SUFFIX}"));
            let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
            match std::fs::File::options().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => {
                    under_way.push(path.clone());
                    return Ok(Self { file, path, is_there: true });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| *path != self.path);
        if self.is_there {
            // It harms nobody where it cannot be removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Removes from a directory what a process that was killed while it wrote has left there: what nobody wrote to for so
/// long.
pub(crate) fn remove_leftovers(directory: &Path, untouched: Duration) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_leftover = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let changed = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = changed.map_or(Duration::ZERO, |changed| changed.elapsed().unwrap_or_default());
        if is_leftover && age >= untouched {
            // It harms nobody where it cannot be removed.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Opens a file to read it. What is no file is refused before it is opened: a pipe has no end, and opening one waits for
/// whoever writes to it.
///
/// # Errors
/// If there is none, or it cannot be read.
pub(crate) fn open_file(path: &Path) -> Result<File, StorageError> {
    let open = || {
        let is_file = std::fs::metadata(path)?.is_file();
        if is_file { File::open(path) } else { Err(io::Error::other("it is no file")) }
    };
    open().map_err(StorageError::new("read", path))
}

/// All of a file.
///
/// # Errors
/// As [`open_file`].
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, StorageError> {
    let mut bytes = Vec::new();
    open_file(path)?.read_to_end(&mut bytes).map_err(StorageError::new("read", path))?;
    Ok(bytes)
}

/// All of a file, which must be UTF-8.
///
/// # Errors
/// As [`open_file`], and if it is no UTF-8.
#[cfg(feature = "runs")]
pub(crate) fn read_text(path: &Path) -> Result<String, StorageError> {
    let mut text = String::new();
    open_file(path)?.read_to_string(&mut text).map_err(StorageError::new("read", path))?;
    Ok(text)
}

/// The directory that a file lies in: of a name alone the current one.
#[must_use]
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Directories that were made for what is about to be written, and go again, as far as they are empty, unless that is kept.
#[derive(Debug)]
pub struct NewDirectories {
    /// Those that were not there, the outermost first.
    made: Vec<PathBuf>,
}

impl NewDirectories {
    /// Makes a directory and those above it.
    ///
    /// # Errors
    /// If that fails; what was made by then is gone.
    pub fn make(path: &Path) -> Result<Self, StorageError> {
        let mut directories = Self { made: Vec::new() };
        let missing: Vec<&Path> =
            path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
        for directory in missing.into_iter().rev() {
            match std::fs::create_dir(directory) {
                Ok(()) => directories.made.push(directory.to_owned()),
                // Another process was quicker: it is not ours.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
                Err(error) => return Err(StorageError::new("create", path)(error)),
            }
        }
        // What is there may be no directory.
        create_directory(path)?;
        Ok(directories)
    }

    /// Leaves them where they are.
    pub fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for NewDirectories {
    fn drop(&mut self) {
        for directory in self.made.iter().rev() {
            // Something is in it, or it harms nobody.
            let _ = std::fs::remove_dir(directory);
        }
    }
}

/// Makes a directory and those above it.
///
/// # Errors
/// If that fails.
pub fn create_directory(path: &Path) -> Result<(), StorageError> {
    std::fs::create_dir_all(path).map_err(StorageError::new("create", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_nothing_else_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_what_is_no_file_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let [path, link] = ["file", "link"].map(|name| directory.path().join(name));
        write_atomically(&path, b"one").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write_atomically(&link, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert!(link.symlink_metadata().unwrap().is_symlink());

        let socket = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        write_atomically(&socket, b"three").unwrap_err();
        assert!(!std::fs::metadata(&socket).unwrap().is_file());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3);
    }

    #[test]
    fn leftovers_are_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        for name in [".elbo-x1.part", "model.safetensors", ".elbo-notes", "x.part"] {
            std::fs::write(directory.path().join(name), b"").unwrap();
        }
        remove_leftovers(directory.path(), Duration::from_secs(60));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 4);
        remove_leftovers(directory.path(), Duration::ZERO);
        assert!(!directory.path().join(".elbo-x1.part").exists());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_is_no_file_is_refused_before_it_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        #[cfg(unix)]
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [directory.path(), &pipe] {
            // Opened, the pipe would wait for ever.
            assert!(!path.exists() || read_file(path).unwrap_err().to_string().ends_with(": it is no file"));
        }
        let file = directory.path().join("file");
        std::fs::write(&file, b"text").unwrap();
        assert_eq!(read_file(&file).unwrap(), b"text");
    }

    #[test]
    fn new_directories_go_again_unless_they_are_kept_or_used() {
        let here = tempfile::tempdir().unwrap();
        let deep = here.path().join("a/b/c");
        drop(NewDirectories::make(&deep).unwrap());
        assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0);
        let directories = NewDirectories::make(&deep).unwrap();
        std::fs::write(here.path().join("a/mine"), b"").unwrap();
        drop(directories);
        assert!(here.path().join("a/mine").exists() && !here.path().join("a/b").exists());
        NewDirectories::make(&deep).unwrap().keep();
        // What was there before stays.
        drop(NewDirectories::make(&deep).unwrap());
        assert!(deep.exists());
        // Below a file there are none.
        assert!(NewDirectories::make(&here.path().join("a/mine/d")).is_err());
        assert!(NewDirectories::make(&here.path().join("a/mine")).is_err());
    }

    #[test]
    fn a_failure_names_the_file_and_keeps_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("inside"), b"kept").unwrap();
        let error = write_atomically(&path, b"new").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(std::fs::read(path.join("inside")).unwrap(), b"kept");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
