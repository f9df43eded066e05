//! Which files under a directory are pictures, and what their places say about them.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::decode;
use crate::dataset::DatasetError;

/// Directories nested deeper than this are passed over.
const MAX_DEPTH: usize = 32;

/// Names of first-level directories that part the pictures.
const TRAIN: [&str; 2] = ["train", "training"];
const TEST: [&str; 2] = ["test", "testing"];
const VALIDATION: [&str; 3] = ["val", "valid", "validation"];

/// The pictures of one part of a data set, sorted by path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Where they are, and the class of each: the directory it lies in, below that of the part.
    pub(super) files: Vec<(PathBuf, PathBuf)>,
}

impl Part {
    /// Whether any picture lies in a directory of its own, which is its class.
    pub(super) fn has_classes(&self) -> bool {
        self.files.iter().any(|(_, class)| !class.as_os_str().is_empty())
    }
}

/// What lies under a directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) train: Part,
    pub(super) validation: Part,
    pub(super) test: Part,
    /// Pictures that are in none of these, where there is a `train`.
    pub(super) outside: usize,
    /// Files that are no pictures.
    pub(super) others: usize,
}

impl Scan {
    /// All of them.
    pub(super) fn parts(&self) -> [&Part; 3] {
        [&self.train, &self.validation, &self.test]
    }

    /// The pictures of all parts, one part after the other.
    pub(super) fn files(&self) -> impl Iterator<Item = &(PathBuf, PathBuf)> {
        self.parts().into_iter().flat_map(|part| &part.files)
    }
}

/// Lists the pictures under a directory: what has the name of one or begins like one. Hidden files and directories
/// are passed over, and each directory is listed once, whatever links lead to it.
pub(super) fn scan(root: &Path) -> Result<Scan, DatasetError> {
    let mut walk = Walk { root, seen: HashSet::new(), pictures: BTreeSet::new(), others: 0 };
    walk.directory(root, 0)?;
    let Walk { pictures, others, .. } = walk;
    let is_one_of = |path: &Path, names: &[&str]| {
        let mut components = path.components();
        match (components.next(), components.next()) {
            (Some(Component::Normal(name)), Some(_)) => names.iter().any(|known| name.eq_ignore_ascii_case(known)),
            _ => false,
        }
    };
    let mut scan = Scan { others, ..Scan::default() };
    let is_split = pictures.iter().any(|path| is_one_of(path, &TRAIN));
    for path in pictures {
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        let below = |directory: &Path| directory.components().skip(1).collect::<PathBuf>();
        let file = root.join(&path);
        if !is_split {
            scan.train.files.push((file, directory));
        } else if is_one_of(&path, &TRAIN) {
            scan.train.files.push((file, below(&directory)));
        } else if is_one_of(&path, &TEST) {
            scan.test.files.push((file, below(&directory)));
        } else if is_one_of(&path, &VALIDATION) {
            scan.validation.files.push((file, below(&directory)));
        } else {
            scan.outside += 1;
        }
    }
    Ok(scan)
}

struct Walk<'a> {
    root: &'a Path,
    /// The directories that were listed, by their real paths.
    seen: HashSet<PathBuf>,
    /// Relative to the root.
    pictures: BTreeSet<PathBuf>,
    others: usize,
}

impl Walk<'_> {
    fn directory(&mut self, path: &Path, depth: usize) -> Result<(), DatasetError> {
        let failed = |source| DatasetError::io(path, source);
        if depth > MAX_DEPTH || !self.seen.insert(fs::canonicalize(path).map_err(failed)?) {
            return Ok(());
        }
        let mut entries = fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        // In one order everywhere: it decides under which name a directory with several is listed.
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if is_hidden(&entry.file_name()) {
                continue;
            }
            let path = entry.path();
            // Follows links; one that leads nowhere is no file.
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => self.directory(&path, depth + 1)?,
                Ok(metadata) if metadata.is_file() => {
                    // What cannot be opened is told apart from other files by its name alone.
                    if decode::is_picture_name(&path) || decode::sniff(&path).ok().flatten().is_some() {
                        self.pictures.insert(path.strip_prefix(self.root).unwrap_or(&path).to_owned());
                    } else {
                        self.others += 1;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") || name == "__MACOSX"
}
