//! A directory in memory where fuzz targets put the bytes that they are given: the readers read files.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The directory of this process.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let memory = Path::new("/dev/shm");
    let make = || if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    DIRECTORY.get_or_init(|| make().expect("a temporary directory")).path()
}

/// Writes the bytes to the file of this name in [`directory`].
pub fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory().join(name);
    std::fs::write(&path, bytes).expect("a file in memory");
    path
}
