//! Data sets in arrays of `NumPy`: one array in a `.npy` file, or several with names in a `.npz` file.

//!
//! Two passes go over each array of images, piece by piece: one finds what its numbers are like, from which follows what they
//! mean and how they are held; the other makes the images.

mod archive;
mod array;
mod convert;
mod element;
mod error;
mod form;
mod header;
mod hold;
mod images;
mod labels;
mod measure;
mod stream;
#[cfg(test)]
mod tests;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;

use super::{DataOptions, Dataset, DatasetError, Loaded, Note, PictureFiles, Splits};
use crate::dataset::scale::Values;
use archive::Arrays;
pub(crate) use array::Array;
use form::Form;
use hold::{Place, hold};
use images::Images;
use labels::{Label, labels};
use measure::measure;
use work::Work;

pub(super) use archive::is_arrays;
#[cfg(feature = "exchange")]
pub(crate) use array::floats;
pub use error::ArrayError;

/// Names of arrays, in the order in which they are tried: those of `MedMNIST`, of Keras, and what others use.
const TRAIN_IMAGES: [&str; 10] =
    ["train_images", "x_train", "X_train", "train_x", "images", "imgs", "x", "X", "data", "arr_0"];
const TRAIN_LABELS: [&str; 6] = ["train_labels", "y_train", "Y_train", "train_y", "labels", "y"];
const TEST_IMAGES: [&str; 4] = ["test_images", "x_test", "X_test", "test_x"];
const TEST_LABELS: [&str; 4] = ["test_labels", "y_test", "Y_test", "test_y"];
const VALIDATION_IMAGES: [&str; 4] = ["val_images", "x_val", "X_val", "val_x"];
const VALIDATION_LABELS: [&str; 4] = ["val_labels", "y_val", "Y_val", "val_y"];

/// Heights and widths of images that are brought to another size: longer than there are channels, so that it can be told
/// which is which.
const SOURCE_SIDES: RangeInclusive<usize> = 5..=20_000;

/// Reads the data set in a `.npy` or `.npz` file; `progress` is told how many images are read of how many, over both passes.
pub(super) fn read(
    path: &Path,
    options: &DataOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Loaded, DatasetError> {
    let mut arrays = Arrays::open(path)?;
    let loaded = read_arrays(&mut arrays, options, progress);
    if arrays.has_changed() {
        return Err(DatasetError::Changed { path: path.to_owned() });
    }
    loaded
}

/// Reads one array of numbers or texts as it stands in a `.npy` file, which must end with the reader; the error says what is
/// wrong.
pub(crate) fn read_array(reader: impl Read) -> Result<Array, String> {
    Array::read(stream::Stream::open(reader)?)
}

/// A part of a data set.
struct Part {
    images: Images,
    values: Values,
    labels: Option<Vec<Label>>,
}

fn read_arrays(
    arrays: &mut Arrays<'_>,
    options: &DataOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Loaded, DatasetError> {
    let path = arrays.path;
    let mut notes = Vec::new();
    let found = find(arrays, options, &mut notes)?;
    notes.extend(found[0].as_ref().and_then(last_may_count));
    let total = found.iter().flatten().map(|images| images.count).sum();
    let work = Work::of(total, progress);
    let mut parts = [None, None, None];
    let label_names = [&TRAIN_LABELS[..], &VALIDATION_LABELS, &TEST_LABELS];
    for ((part, images), names) in parts.iter_mut().zip(found).zip(label_names) {
        let Some(images) = images else { continue };
        let values = measure(arrays, &images, &work)?;
        let labels = labels(arrays, names, &images, &mut notes)?;
        *part = Some(Part { images, values, labels });
    }
    let of_parts: Vec<(&Images, Values)> = parts.iter().flatten().map(|part| (&part.images, part.values)).collect();
    let form = form::choose(&of_parts, options, path, &mut notes)?;
    let unused = arrays.unused();
    if !unused.is_empty() {
        notes.push(Note::UnusedArrays { arrays: unused });
    }
    let classes = Classes::of(&parts, &mut notes);
    let place = Place::of(total, &form, options);
    let (mut sets, mut outside, mut numbers) = (Vec::new(), 0, 0);
    for part in parts {
        let Some(Part { images, labels, values }) = part else {
            sets.push(None);
            continue;
        };
        let (images, cut) = hold(arrays, &images, &form, &place, &work)?;
        (outside, numbers) = (outside + cut, numbers + values.count);
        sets.push(Some(classes.label(images, labels)?.with_preprocessing(form.preprocessing)));
    }
    if outside > 0 {
        notes.push(Note::OutsideRange { range: form.range, values: outside, total: numbers });
    }
    let [train, validation, test] = <[_; 3]>::try_from(sets).unwrap_or_default();
    let train = train.ok_or(DatasetError::NoImages)?;
    let name = path.file_stem().map_or_else(|| "arrays".to_owned(), |name| name.to_string_lossy().into_owned());
    let splits = Splits { train, validation, test, name };
    Ok(Loaded { splits, notes, bad: Vec::new(), files: PictureFiles::default() })
}

/// What there is to say of an array that looks as if its last index counted the images: a square one `[S, S, N]` is read as `S`
/// images of `S` rows and `N` columns.
fn last_may_count(images: &Images) -> Option<Note> {
    let (count, shape) = (images.count, images.shape);
    let is_odd = count == shape.height && shape.width != shape.height && shape.channels == 1;
    is_odd.then_some(Note::LastMayCount { images: count, shape })
}

/// The images to train, validate and test with; those to train on are there.
fn find(
    arrays: &mut Arrays<'_>,
    options: &DataOptions,
    notes: &mut Vec<Note>,
) -> Result<[Option<Images>; 3], DatasetError> {
    let path = arrays.path;
    let of = |arrays: &mut Arrays<'_>, name: String| -> Result<Option<Images>, DatasetError> {
        let header = arrays.stream(&name)?.header;
        Ok(Some(Images::new(header, path, name, options.size.is_some())?))
    };
    let first_of = |arrays: &mut Arrays<'_>, names: &[&str]| match arrays.find(names) {
        Some(name) => of(arrays, name),
        None => Ok(None),
    };
    let train = first_of(arrays, &TRAIN_IMAGES)?;
    let [validation, test] = [first_of(arrays, &VALIDATION_IMAGES)?, first_of(arrays, &TEST_IMAGES)?];
    if train.is_some() {
        return Ok([train, validation, test]);
    }
    let Some(only) = arrays.only() else { return Err(arrays.no_images().into()) };
    if validation.is_some() || test.is_some() {
        notes.push(Note::OnlyPart { name: only.clone() });
    }
    Ok([of(arrays, only)?, None, None])
}

/// The classes of all parts, if they are few enough for labels.
struct Classes(Option<BTreeMap<Label, u16>>);

impl Classes {
    fn of(parts: &[Option<Part>; 3], notes: &mut Vec<Note>) -> Self {
        let found: BTreeSet<&Label> = parts.iter().flatten().flat_map(|part| part.labels.iter().flatten()).collect();
        if found.len() > 1 << 16 {
            notes.push(Note::TooManyClasses { labels: found.len() });
            return Self(None);
        }
        Self(Some(found.into_iter().cloned().zip(0..=u16::MAX).collect()))
    }

    /// Images with the numbers and names of their labels.
    fn label(&self, images: Dataset, labels: Option<Vec<Label>>) -> Result<Dataset, DatasetError> {
        let (Some(classes), Some(labels)) = (&self.0, labels) else { return Ok(images) };
        let labels = labels.iter().map(|label| classes[label]).collect();
        images.with_labels(labels)?.with_classes(classes.keys().map(Label::name).collect())
    }
}

impl Dataset {
    /// Reads one array of images as `NumPy` stores it in a `.npy` file, which must end with the reader; the values are
    /// taken as [`Splits::from_path`] takes them. Errors call it `array`. All of it is in memory while it is read.
    ///
    /// # Errors
    ///
    /// A [`DatasetError`] that says what is wrong with it.
    pub fn read_npy(mut reader: impl Read) -> Result<Self, DatasetError> {
        let path = Path::new("array");
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(|error| archive::unreadable(path, "", error.to_string()))?;
        let mut arrays = Arrays::in_memory(path, bytes);
        let options = DataOptions { memory: Some(u64::MAX), ..DataOptions::default() };
        let header = arrays.stream("")?.header;
        let images = Images::new(header, path, String::new(), false)?;
        let work = Work::of(0, &|_, _| {});
        let values = measure(&mut arrays, &images, &work)?;
        let form: Form = form::choose(&[(&images, values)], &options, path, &mut Vec::new())?;
        if form.is_as_stored(&images) {
            let mut bytes = arrays.into_memory();
            bytes.drain(..images.header.start as usize);
            return Self::new(form.shape, bytes, None);
        }
        let (dataset, _) = hold(&mut arrays, &images, &form, &Place::of(0, &form, &options), &work)?;
        Ok(dataset.with_preprocessing(form.preprocessing))
    }
}
