//! Data sets in arrays of `NumPy`: one array in a `.npy` file, or several with names in a `.npz` file.

mod error;
mod labels;
mod npy;
mod scale;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

use super::{Dataset, DatasetError, ImageShape, Loaded, Note, PictureFiles, Splits};
use crate::dataset::shape::{CHANNELS, SIDES};
use labels::{Label, labels};
use npy::Array;
use scale::Scale;

pub use error::ArrayError;

/// Names of arrays, in the order in which they are tried: those of `MedMNIST`, of Keras, and what others use.
const TRAIN_IMAGES: [&str; 8] = ["train_images", "x_train", "X_train", "images", "imgs", "x", "data", "arr_0"];
const TRAIN_LABELS: [&str; 5] = ["train_labels", "y_train", "Y_train", "labels", "y"];
const TEST_IMAGES: [&str; 3] = ["test_images", "x_test", "X_test"];
const TEST_LABELS: [&str; 3] = ["test_labels", "y_test", "Y_test"];
const VALIDATION_IMAGES: [&str; 3] = ["val_images", "x_val", "X_val"];
const VALIDATION_LABELS: [&str; 3] = ["val_labels", "y_val", "Y_val"];

/// How many names of arrays an error lists.
const LISTED: usize = 12;

/// How zip files begin.
const ZIP: &[u8; 4] = b"PK\x03\x04";

/// Whether a file begins as those with arrays do.
pub(super) fn is_arrays(path: &Path) -> bool {
    let mut start = Vec::with_capacity(6);
    let read = File::open(path).and_then(|file| file.take(6).read_to_end(&mut start));
    read.is_ok() && (start == npy::MAGIC || start.starts_with(ZIP))
}

/// Reads the data set in a `.npy` or `.npz` file.
pub(super) fn read(path: &Path) -> Result<Loaded, DatasetError> {
    let mut notes = Vec::new();
    let mut arrays = Arrays::open(path)?;
    let images_of = |arrays: &mut Arrays<'_>, names: &[&str]| -> Result<Option<Images>, DatasetError> {
        let Some(name) = arrays.find(names) else { return Ok(None) };
        let array = arrays.read(&name)?;
        Ok(Some(Images::new(array, path, name)?))
    };
    let only = arrays.only();
    let train = images_of(&mut arrays, &TRAIN_IMAGES)?;
    let train = match (train, only) {
        (Some(train), _) => train,
        (None, Some(only)) => {
            if TEST_IMAGES.iter().chain(&VALIDATION_IMAGES).any(|name| *name == only) {
                notes.push(Note::OnlyPart { name: only.clone() });
            }
            Images::new(arrays.read(&only)?, path, only)?
        }
        (None, None) => return Err(arrays.no_images().into()),
    };
    let validation = images_of(&mut arrays, &VALIDATION_IMAGES)?;
    let test = images_of(&mut arrays, &TEST_IMAGES)?;
    let scale = scale_of([Some(&train), validation.as_ref(), test.as_ref()].into_iter().flatten(), path, &mut notes)?;
    let mut labels_of = |images: Option<&Images>, names: &[&str]| match images {
        Some(images) => labels(&mut arrays, names, images, &mut notes),
        None => Ok(None),
    };
    let train_labels = labels_of(Some(&train), &TRAIN_LABELS)?;
    let validation_labels = labels_of(validation.as_ref(), &VALIDATION_LABELS)?;
    let test_labels = labels_of(test.as_ref(), &TEST_LABELS)?;
    let unused = arrays.unused();
    if !unused.is_empty() {
        notes.push(Note::UnusedArrays { arrays: unused });
    }
    let all_labels = [&train_labels, &validation_labels, &test_labels];
    let found: BTreeSet<Label> = all_labels.into_iter().flatten().flatten().cloned().collect();
    let is_few = found.len() <= 1 << 16;
    if !is_few {
        notes.push(Note::TooManyClasses { labels: found.len() });
    }
    let classes: BTreeMap<&Label, u16> = found.iter().zip(0..=u16::MAX).collect();
    let names: Vec<String> = found.iter().map(Label::name).collect();
    let set = |images: Images, labels: Option<Vec<Label>>| -> Result<Dataset, DatasetError> {
        let labels = labels.filter(|_| is_few).map(|labels| labels.iter().map(|label| classes[label]).collect());
        Dataset::new(images.shape, images.into_bytes(scale), labels)?.with_classes(names.clone())
    };
    let other = [&validation, &test].into_iter().flatten().find(|other| other.shape != train.shape);
    if let Some(other) = other {
        let (train_path, other_path) = (path.to_owned(), path.to_owned());
        return Err(DatasetError::ShapeMismatch { train_path, train: train.shape, other_path, other: other.shape });
    }
    let train = set(train, train_labels)?;
    let validation = validation.map(|validation| set(validation, validation_labels)).transpose()?;
    let test = test.map(|test| set(test, test_labels)).transpose()?;
    let name = path.file_stem().map_or_else(|| "arrays".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Loaded {
        splits: Splits { train, validation, test, name },
        notes,
        bad: Vec::new(),
        files: PictureFiles::default(),
    })
}

impl Dataset {
    /// Reads one array of images as `NumPy` stores it in a `.npy` file, which must end with the reader; the values are
    /// taken as [`Splits::from_path`] takes them. Errors call it `array`.
    ///
    /// # Errors
    ///
    /// A [`DatasetError`] that says what is wrong with it.
    pub fn read_npy(reader: impl Read) -> Result<Self, DatasetError> {
        let name = Path::new("array");
        let unreadable = |reason| ArrayError::Unreadable { path: name.to_owned(), array: None, reason };
        let images = Images::new(Array::read(BufReader::new(reader), 0).map_err(unreadable)?, name, String::new())?;
        let scale = Scale::of(&images, name)?.scale;
        Self::new(images.shape, images.into_bytes(scale), None)
    }
}

/// The scale of all arrays of a data set, and what is to be said of it.
fn scale_of<'a>(
    sets: impl Iterator<Item = &'a Images>,
    path: &Path,
    notes: &mut Vec<Note>,
) -> Result<Scale, ArrayError> {
    let mut all: Option<(Scale, &str)> = None;
    for images in sets {
        let decided = Scale::of(images, path)?;
        if let Some(note) = decided.note.filter(|note| !notes.contains(note)) {
            notes.push(note);
        }
        let Some((before, array)) = all else {
            all = Some((decided.scale, &images.name));
            continue;
        };
        let Some(together) = before.with(decided.scale) else {
            return Err(ArrayError::Scales {
                path: path.to_owned(),
                arrays: [array, &images.name].map(str::to_owned),
                found: [before.name(), decided.scale.name()],
            });
        };
        all = Some((together, if before == Scale::Zeros { &images.name } else { array }));
    }
    Ok(all.map_or(Scale::Bytes, |(scale, _)| scale))
}

/// The arrays of a file.
struct Arrays<'a> {
    path: &'a Path,
    source: Source,
    /// Their names, without `.npy`.
    names: Vec<String>,
    /// The names of those that were read.
    read: Vec<String>,
}

enum Source {
    /// A `.npy` file.
    Single,
    Archive(Box<ZipArchive<BufReader<File>>>),
}

impl<'a> Arrays<'a> {
    fn open(path: &'a Path) -> Result<Self, DatasetError> {
        let failed = |source| DatasetError::io(path, source);
        let mut start = Vec::with_capacity(4);
        File::open(path).map_err(failed)?.take(4).read_to_end(&mut start).map_err(failed)?;
        if start != ZIP {
            return Ok(Self { path, source: Source::Single, names: vec![String::new()], read: Vec::new() });
        }
        let file = BufReader::new(File::open(path).map_err(failed)?);
        let archive = ZipArchive::new(file).map_err(|error| ArrayError::Unreadable {
            path: path.to_owned(),
            array: None,
            reason: error.to_string(),
        })?;
        let names = archive.file_names().flatten();
        let names = names.filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect();
        Ok(Self { path, source: Source::Archive(Box::new(archive)), names, read: Vec::new() })
    }

    /// The first of these names that is here.
    fn find(&self, names: &[&str]) -> Option<String> {
        names.iter().find(|&&name| self.names.iter().any(|here| here == name)).map(|&name| name.to_owned())
    }

    /// The name of the only array, if there is but one.
    fn only(&self) -> Option<String> {
        match &*self.names {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    fn read(&mut self, name: &str) -> Result<Array, DatasetError> {
        let path = self.path;
        self.read.push(name.to_owned());
        let array = match &mut self.source {
            Source::Single => {
                let failed = |error| DatasetError::io(path, error);
                let file = File::open(path).map_err(failed)?;
                let known = file.metadata().map_err(failed)?.len();
                Array::read(BufReader::new(file), known)
            }
            Source::Archive(archive) => match archive.by_name(&format!("{name}.npy")) {
                // A stored array is as long as it says; what a compressed one unpacks to is known when it is done.
                Ok(file) if file.compression() == zip::CompressionMethod::Stored => {
                    let known =
                        file.compressed_size().min(std::fs::metadata(path).map_or(0, |metadata| metadata.len()));
                    Array::read(file, known)
                }
                Ok(file) => Array::read(file, 0),
                Err(error) => Err(error.to_string()),
            },
        };
        let key = (!name.is_empty()).then(|| name.to_owned());
        Ok(array.map_err(|reason| ArrayError::Unreadable { path: path.to_owned(), array: key, reason })?)
    }

    /// The names of arrays that nothing was made of, as many as an error lists.
    fn unused(&self) -> Vec<String> {
        let mut unused: Vec<String> = self.names.iter().filter(|name| !self.read.contains(name)).cloned().collect();
        unused.sort();
        unused.truncate(LISTED);
        unused
    }

    fn no_images(&self) -> ArrayError {
        let mut arrays: Vec<String> = self.names.iter().take(LISTED).cloned().collect();
        arrays.sort();
        ArrayError::NoImages { path: self.path.to_owned(), arrays }
    }
}

/// An array of images.
struct Images {
    name: String,
    array: Array,
    count: usize,
    shape: ImageShape,
    /// Whether the channels of a pixel lie apart, `[N, C, H, W]`.
    is_channels_first: bool,
}

impl Images {
    fn new(array: Array, path: &Path, name: String) -> Result<Self, ArrayError> {
        if array.words().is_some() {
            let reason = "images must be numbers, not words".to_owned();
            let array = (!name.is_empty()).then_some(name);
            return Err(ArrayError::Unreadable { path: path.to_owned(), array, reason });
        }
        // No side of an image is as short as there are channels.
        let parts = match *array.shape {
            [count, height, width] => Some((count, height, width, 1, false)),
            [count, height, width, channels] if CHANNELS.contains(&channels) => {
                Some((count, height, width, channels, false))
            }
            [count, channels, height, width] if CHANNELS.contains(&channels) => {
                Some((count, height, width, channels, true))
            }
            _ => None,
        };
        let parts = parts.filter(|parts| parts.0 > 0 && [parts.1, parts.2].iter().all(|side| SIDES.contains(side)));
        let Some((count, height, width, channels, is_channels_first)) = parts else {
            let array_name = (!name.is_empty()).then_some(name);
            return Err(ArrayError::Shape { path: path.to_owned(), array: array_name, shape: array.shape });
        };
        Ok(Self { name, array, count, shape: ImageShape { height, width, channels }, is_channels_first })
    }

    /// The name of the array, if it has one.
    fn key(&self) -> Option<String> {
        (!self.name.is_empty()).then(|| self.name.clone())
    }

    /// The values as bytes, `[N, H, W, C]`.
    fn into_bytes(self, scale: Scale) -> Vec<u8> {
        let factor = scale.factor();
        let bytes: Vec<u8> = match self.array.into_bytes() {
            Ok(bytes) if scale == Scale::Bytes => bytes,
            Ok(mut bytes) => {
                for byte in &mut bytes {
                    *byte = byte.saturating_mul(factor as u8);
                }
                bytes
            }
            // What lies outside of the range is cut to it.
            Err(array) => array.floats().map(|value| (value * factor).round() as u8).collect(),
        };
        if !self.is_channels_first || self.shape.channels == 1 {
            return bytes;
        }
        let ImageShape { height, width, channels } = self.shape;
        let mut out = Vec::with_capacity(bytes.len());
        for image in bytes.chunks_exact(self.shape.len()) {
            for pixel in 0..height * width {
                out.extend((0..channels).map(|channel| image[channel * height * width + pixel]));
            }
        }
        out
    }
}
