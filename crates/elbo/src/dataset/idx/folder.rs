//! From a path to the IDX files of one data set: their names, and the checks between files.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::IdxError;
use super::file::{self, IdxFile};
use crate::dataset::{Dataset, DatasetError, Splits};
use crate::storage::directory_of;

/// The names of a part of a data set, in the order in which they are tried.
type Aliases = &'static [&'static str];

const TRAIN: Aliases = &["train"];
const TEST: Aliases = &["t10k", "test"];
const IMAGES: Aliases = &["images-idx3-ubyte", "images.idx3-ubyte"];
const LABELS: Aliases = &["labels-idx1-ubyte", "labels.idx1-ubyte"];
const PACKINGS: Aliases = &["", ".gz"];

/// How many names of other files an error lists.
const LISTED: usize = 8;

/// Reads the data set at `path`: a directory, `DIR/PREFIX`, or one of the files.
pub(in crate::dataset) fn read(path: &Path) -> Result<Splits, DatasetError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let folder = Folder::list(path)?;
            let prefixes = folder.prefixes();
            match prefixes.as_slice() {
                [] => folder.read(""),
                [prefix] => folder.read(prefix),
                _ => Err(IdxError::SeveralPrefixes { directory: path.to_owned(), prefixes }.into()),
            }
        }
        Ok(_) => match path.file_name().and_then(|name| prefix_of(name.to_str()?, &[TRAIN, TEST], &[IMAGES, LABELS])) {
            Some(prefix) => Folder::list(directory_of(path))?.read(prefix),
            None => Err(DatasetError::UnknownFile { path: path.to_owned() }),
        },
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            read_prefix(path)
        }
        Err(error) => Err(DatasetError::io(path, error)),
    }
}

/// Whether a file is called as a part of a data set is.
pub(in crate::dataset) fn is_file_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_str().is_some_and(is_part))
}

/// Whether a directory holds a part of a data set.
pub(in crate::dataset) fn holds_files(directory: &Path) -> Result<bool, DatasetError> {
    Ok(Folder::list(directory)?.files.iter().any(|name| is_part(name)))
}

fn is_part(name: &str) -> bool {
    prefix_of(name, &[TRAIN, TEST], &[IMAGES, LABELS]).is_some()
}

/// Reads the data set `DIR/PREFIX`.
fn read_prefix(path: &Path) -> Result<Splits, DatasetError> {
    let parent = directory_of(path);
    if !parent.is_dir() {
        return Err(DatasetError::MissingDirectory { path: path.to_owned(), parent: None, prefixes: Vec::new() });
    }
    let folder = Folder::list(parent)?;
    let prefixes = folder.prefixes();
    let wanted = path.file_name().and_then(|name| name.to_str()).map(|name| name.strip_suffix('-').unwrap_or(name));
    match prefixes.iter().find(|&prefix| Some(prefix.as_str()) == wanted && !prefix.is_empty()) {
        Some(prefix) => folder.read(prefix),
        None => {
            Err(DatasetError::MissingDirectory { path: path.to_owned(), parent: Some(parent.to_owned()), prefixes })
        }
    }
}

/// A directory and what lies in it.
struct Folder<'a> {
    path: &'a Path,
    /// Names of files, or of links to files.
    files: BTreeSet<String>,
    /// Names of everything, for errors; those of directories end in `/`.
    names: BTreeSet<String>,
}

impl<'a> Folder<'a> {
    fn list(path: &'a Path) -> Result<Self, DatasetError> {
        let failed = |source| DatasetError::io(path, source);
        let (mut files, mut names) = (BTreeSet::new(), BTreeSet::new());
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            // Follows links; what cannot be looked at counts as a file, and reading it says why.
            let metadata = fs::metadata(entry.path());
            let is_directory = metadata.as_ref().is_ok_and(fs::Metadata::is_dir);
            names.insert(format!("{}{}", name.to_string_lossy(), if is_directory { "/" } else { "" }));
            if metadata.map_or(true, |metadata| metadata.is_file())
                && let Ok(name) = name.into_string()
            {
                files.insert(name);
            }
        }
        Ok(Self { path, files, names })
    }

    /// The prefixes of the training sets here, sorted; empty for the one without.
    fn prefixes(&self) -> Vec<String> {
        let prefixes = self.files.iter().filter_map(|name| prefix_of(name, &[TRAIN], &[IMAGES]));
        prefixes.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The file of a part, by the first of its names that is here.
    fn find(&self, prefix: &str, part: Aliases, kind: Aliases) -> Option<PathBuf> {
        file_names(prefix, part, kind)
            .into_iter()
            .find(|name| self.files.contains(name))
            .map(|name| self.path.join(name))
    }

    fn missing(&self, prefix: &str, part: Aliases, kind: Aliases) -> DatasetError {
        IdxError::MissingFile {
            directory: self.path.to_owned(),
            names: file_names(prefix, part, kind),
            holds: self.names.iter().take(LISTED).cloned().collect(),
            more: self.names.len().saturating_sub(LISTED),
        }
        .into()
    }

    /// Reads the data set whose files have this prefix.
    fn read(&self, prefix: &str) -> Result<Splits, DatasetError> {
        let train_path = self.find(prefix, TRAIN, IMAGES).ok_or_else(|| self.missing(prefix, TRAIN, IMAGES))?;
        let train = read_part(&train_path, self.find(prefix, TRAIN, LABELS).as_deref())?;
        let test_labels = self.find(prefix, TEST, LABELS);
        let test = match self.find(prefix, TEST, IMAGES) {
            Some(test_path) => {
                let test = read_part(&test_path, test_labels.as_deref())?;
                if test.shape() != train.shape() {
                    return Err(DatasetError::ShapeMismatch {
                        train_path,
                        train: train.shape(),
                        other_path: test_path,
                        other: test.shape(),
                    });
                }
                Some(test)
            }
            None if test_labels.is_some() => return Err(self.missing(prefix, TEST, IMAGES)),
            None => None,
        };
        let mut splits = Splits { train, validation: None, test, name: self.name(prefix) };
        splits.share_classes();
        Ok(splits)
    }

    /// The prefix; without one the name of the directory.
    fn name(&self, prefix: &str) -> String {
        if !prefix.is_empty() {
            return prefix.to_owned();
        }
        // `.` and `DIR/..` have a name too.
        let path = self.path.canonicalize();
        let name = path.as_deref().unwrap_or(self.path).file_name();
        name.map_or_else(|| "images".to_owned(), |name| name.to_string_lossy().into_owned())
    }
}

/// Reads images and their labels.
fn read_part(images_path: &Path, labels_path: Option<&Path>) -> Result<Dataset, DatasetError> {
    read_set(IdxFile::open(images_path)?, || labels_path.map(IdxFile::open).transpose())
}

/// The images of a file and the labels of another, which is opened after the first is read.
fn read_set<'a>(
    images: IdxFile,
    labels: impl FnOnce() -> Result<Option<IdxFile<'a>>, DatasetError>,
) -> Result<Dataset, DatasetError> {
    let images_path = images.path();
    let (shape, images) = file::read_images(images)?;
    let Some(labels) = labels()? else { return Dataset::new(shape, images, None) };
    let labels_path = labels.path();
    let labels = file::read_labels(labels)?;
    let count = images.len() / shape.len();
    if labels.len() != count {
        return Err(IdxError::CountMismatch {
            images_path: images_path.to_owned(),
            images: count,
            labels_path: labels_path.to_owned(),
            labels: labels.len(),
        }
        .into());
    }
    Dataset::new(shape, images, Some(labels))
}

impl Dataset {
    /// Reads IDX images, `[N, H, W]`, and where they have labels these, `[N]`, each plain or compressed by gzip, until
    /// their readers end. Errors call the two `images` and `labels`.
    ///
    /// # Errors
    ///
    /// A [`DatasetError`] that says what is wrong with which of the two.
    pub fn read_idx(images: impl Read, labels: Option<&mut dyn Read>) -> Result<Self, DatasetError> {
        read_set(IdxFile::from_reader(Path::new("images"), images)?, || {
            labels.map(|labels| IdxFile::from_reader(Path::new("labels"), labels)).transpose()
        })
    }
}

/// All names of a part of a data set, in the order in which they are tried.
fn file_names(prefix: &str, part: Aliases, kind: Aliases) -> Vec<String> {
    let dash = if prefix.is_empty() { "" } else { "-" };
    let mut names = Vec::with_capacity(part.len() * kind.len() * PACKINGS.len());
    for part in part {
        for kind in kind {
            for packing in PACKINGS {
                names.push(format!("{prefix}{dash}{part}-{kind}{packing}"));
            }
        }
    }
    names
}

/// The prefix of a file name, empty if it has none, if the rest of it is a name of one of these parts.
fn prefix_of<'n>(name: &'n str, parts: &[Aliases], kinds: &[Aliases]) -> Option<&'n str> {
    // Hidden files are none of ours: `._x` is what some systems keep beside `x`.
    if name.starts_with('.') {
        return None;
    }
    let name = PACKINGS.iter().rev().find_map(|packing| name.strip_suffix(packing))?;
    let name = kinds.iter().copied().flatten().find_map(|kind| name.strip_suffix(kind)?.strip_suffix('-'))?;
    let prefix = parts.iter().copied().flatten().find_map(|part| name.strip_suffix(part))?;
    match prefix.strip_suffix('-') {
        Some(prefix) if !prefix.is_empty() => Some(prefix),
        None if prefix.is_empty() => Some(""),
        _ => None,
    }
}
