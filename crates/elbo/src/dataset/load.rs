//! From a path to a data set, whatever it is kept in.

use std::collections::BTreeMap;
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
    let mut loaded = load_all(path, options, progress)?;
    loaded.keep_classes(&options.only_classes)?;
    Ok(loaded)
}

/// The same with the images of all classes.
fn load_all(
    path: &Path,
    options: &DataOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Loaded, DatasetError> {
    let metadata = fs::metadata(path);
    if metadata.as_ref().is_ok_and(fs::Metadata::is_file) {
        // What cannot be opened is of no kind.
        fs::File::open(path).map_err(|error| DatasetError::io(path, error))?;
    }
    match metadata {
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
        let name = entry.file_name().to_string_lossy().into_owned();
        names.push(match fs::metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() => match commonest(&entry.path()) {
                Some((ending, count)) => format!("{name}/ ({count} {ending})"),
                None => format!("{name}/"),
            },
            Err(_) if entry.path().is_symlink() => format!("{name} (a link to nothing)"),
            _ => name,
        });
    }
    names.sort();
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    Ok(DatasetError::NoData { directory: PathBuf::from(directory), holds: names, more })
}

/// The ending that most names of files in a directory have, in capitals, and how many have it.
fn commonest(directory: &Path) -> Option<(String, usize)> {
    let mut counts = BTreeMap::<String, usize>::new();
    for entry in fs::read_dir(directory).ok()?.flatten().filter(|entry| entry.path().is_file()) {
        if let Some(ending) = entry.path().extension().and_then(|ending| ending.to_str()) {
            *counts.entry(ending.to_ascii_uppercase()).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|count| count.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_data_is_told_by_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| fs::write(folder.path().join(name), b"").unwrap();
        for directory in ["arrays", "empty"] {
            fs::create_dir(folder.path().join(directory)).unwrap();
        }
        ["arrays/a.npy", "arrays/b.NPY", "arrays/c.txt", "notes"].into_iter().for_each(write);
        #[cfg(unix)]
        std::os::unix::fs::symlink("nowhere", folder.path().join("z.png")).unwrap();
        let message = nothing(folder.path()).unwrap().to_string();
        let links = if cfg!(unix) { ", z.png (a link to nothing)" } else { "" };
        let expected = format!("the directory holds arrays/ (2 NPY), empty/, notes{links}");
        assert!(message.ends_with(&expected), "{message}");
    }

    /// As an array of ten square images is saved by programs whose last index counts them.
    #[cfg(feature = "arrays")]
    #[test]
    fn arrays_whose_last_index_may_count_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let notes = |shape: [usize; 3]| {
            let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape:?}}}\n");
            let header = header.replace('[', "(").replace(']', ")");
            let pixels = (0..shape.iter().product()).map(|i: usize| (i % 251) as u8).collect();
            let length = (header.len() as u16).to_le_bytes().to_vec();
            let path = folder.path().join("a.npy");
            fs::write(&path, [b"\x93NUMPY\x01\x00".to_vec(), length, header.into_bytes(), pixels].concat()).unwrap();
            let loaded = load(&path, &DataOptions::default(), &|_, _| {}).unwrap();
            loaded.notes.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            notes([8, 8, 10]),
            ["8 images of 8x10x1: if the last index of the array counts the images, it must be the first"]
        );
        for shape in [[10, 8, 8], [8, 8, 8], [9, 8, 10]] {
            assert_eq!(notes(shape), [""; 0], "{shape:?}");
        }
    }
}

#[cfg(all(test, not(feature = "pictures"), not(feature = "arrays")))]
mod without_features {
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
