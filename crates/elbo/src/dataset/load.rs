//! From a path to a data set, whatever it is kept in.

use std::fs;
use std::path::{Path, PathBuf};

use super::pictures::{self, BadPicture, PictureFiles};
use super::preprocessing::DataOptions;
use super::{DatasetError, Splits, idx, numpy};

/// How many names of other files an error lists.
const LISTED: usize = 8;

/// A data set, and what there is to say about how it came about.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The images.
    pub splits: Splits,
    /// What was chosen and why, and what was left out: a sentence each, without a full stop.
    pub notes: Vec<String>,
    /// The pictures that could not be read.
    pub bad: Vec<BadPicture>,
    /// What the pictures are that could be.
    pub files: PictureFiles,
}

/// Images of which there is nothing to say.
impl From<Splits> for Loaded {
    fn from(splits: Splits) -> Self {
        Self { splits, notes: Vec::new(), bad: Vec::new(), files: PictureFiles::default() }
    }
}

/// Reads a data set as [`Splits::from_path`] does, with these options; `progress` is told how many pictures are read
/// of how many, from several threads.
///
/// # Errors
///
/// A [`DatasetError`] that names the file and says what is wrong with it.
pub fn load(
    path: &Path,
    options: &DataOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Loaded, DatasetError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            if idx::holds_files(path)? {
                return idx::read(path).map(Loaded::from);
            }
            match pictures::read(path, name_of(path), options, progress)? {
                Some(loaded) => Ok(loaded),
                None => Err(nothing(path)?),
            }
        }
        Ok(metadata) if metadata.is_file() && !idx::is_file_name(path) && pictures::is_picture(path) => {
            pictures::read_single(path, options)
        }
        Ok(metadata) if metadata.is_file() && !idx::is_file_name(path) && numpy::is_arrays(path) => numpy::read(path),
        _ => idx::read(path).map(Loaded::from),
    }
}

/// The name of a directory.
pub(super) fn name_of(directory: &Path) -> String {
    // `.` and `DIR/..` have a name too.
    let path = directory.canonicalize();
    let name = path.as_deref().unwrap_or(directory).file_name();
    name.map_or_else(|| "images".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The error for a directory without data.
fn nothing(directory: &Path) -> Result<DatasetError, DatasetError> {
    let failed = |source| DatasetError::io(directory, source);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_directory = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
        names.push(format!("{}{}", entry.file_name().to_string_lossy(), if is_directory { "/" } else { "" }));
    }
    names.sort();
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    Ok(DatasetError::NoData { directory: PathBuf::from(directory), holds: names, more })
}
