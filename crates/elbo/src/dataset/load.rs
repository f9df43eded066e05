//! From a path to a data set, whatever it is kept in.

use std::fs;
use std::path::{Path, PathBuf};

#[cfg(feature = "arrays")]
use super::numpy;
#[cfg(feature = "pictures")]
use super::pictures;
use super::preprocessing::DataOptions;
use super::{Dataset, DatasetError, Loaded, Note, Splits, idx};

/// How many names of other files an error lists.
const LISTED: usize = 8;

/// Reads a data set as [`Splits::from_path`](super::Splits::from_path) does, with these options; `progress` is told how
/// many pictures are read of how many, from several threads, or how many images of arrays.
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
                return read_idx(path, options);
            }
            match pictures::read(path, name_of(path), options, progress)? {
                Some(loaded) => Ok(loaded),
                None => Err(nothing(path)?),
            }
        }
        Ok(metadata) if metadata.is_file() && !idx::is_file_name(path) && pictures::is_picture(path) => {
            pictures::read_single(path, options)
        }
        Ok(metadata) if metadata.is_file() && !idx::is_file_name(path) && numpy::is_arrays(path) => {
            numpy::read(path, options, progress)
        }
        _ => read_idx(path, options),
    }
}

/// Reads IDX files, of which there is nothing to say but that they take no heed of a limit.
fn read_idx(path: &Path, options: &DataOptions) -> Result<Loaded, DatasetError> {
    let mut loaded = Loaded::from(idx::read(path)?);
    let Splits { train, test, .. } = &loaded.splits;
    let bytes = |images: &Dataset| images.len() as u64 * images.image_bytes() as u64;
    let all = bytes(train) + test.as_ref().map_or(0, bytes);
    loaded.notes.extend(options.memory.filter(|memory| all > *memory).map(|memory| Note::InMemory { memory }));
    Ok(loaded)
}

/// Stands for what reads pictures where that is left out.
#[cfg(not(feature = "pictures"))]
mod pictures {
    use super::{DataOptions, DatasetError, Loaded, Path, without};

    pub(super) fn is_picture(path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        let known = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];
        extension.is_some_and(|extension| known.contains(&&*extension))
    }

    pub(super) fn read_single(path: &Path, _: &DataOptions) -> Result<Loaded, DatasetError> {
        Err(without("pictures", path))
    }

    pub(super) fn read(
        path: &Path,
        _: String,
        _: &DataOptions,
        _: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Option<Loaded>, DatasetError> {
        Err(without("pictures", path))
    }
}

/// Stands for what reads arrays where that is left out.
#[cfg(not(feature = "arrays"))]
mod numpy {
    use super::{DataOptions, DatasetError, Loaded, Path, without};

    pub(super) fn is_arrays(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "npy" || extension == "npz")
    }

    pub(super) fn read(
        path: &Path,
        _: &DataOptions,
        _: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Loaded, DatasetError> {
        Err(without("arrays", path))
    }
}

/// The error for a path that only a feature reads.
#[cfg(not(all(feature = "pictures", feature = "arrays")))]
pub(super) fn without(feature: &'static str, path: &Path) -> DatasetError {
    DatasetError::Feature { path: path.to_owned(), feature }
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

#[cfg(all(test, not(feature = "pictures"), not(feature = "arrays")))]
mod tests {
    use super::*;

    #[test]
    fn what_a_feature_would_read_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let message = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            let error = load(&path, &DataOptions::default(), &|_, _| {}).unwrap_err();
            error.to_string().replace(&format!("{}/", folder.path().display()), "")
        };
        let text = message("a.PNG", b"");
        assert_eq!(text, "a.PNG: needs the feature `pictures` of the crate elbo, which was left out");
        assert!(message("a.npz", b"").starts_with("a.npz: needs the feature `arrays`"));
        assert!(message("train-images-idx3-ubyte.gz", &[0x1f, 0x8b]).contains("needs the feature `arrays`"));
        fs::remove_file(folder.path().join("train-images-idx3-ubyte.gz")).unwrap();
        let error = load(folder.path(), &DataOptions::default(), &|_, _| {}).unwrap_err();
        assert!(matches!(error, DatasetError::Feature { feature: "pictures", .. }), "{error}");
        assert!(matches!(
            load("nowhere".as_ref(), &DataOptions::default(), &|_, _| {}).unwrap_err(),
            DatasetError::MissingDirectory { .. }
        ));
    }
}
