//! What can be wrong with arrays.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::dataset::{Channels, ImageShape};

/// Why arrays make no data set.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// An array, or the file that it is in, is damaged or of another kind than is read.
    #[error("{}{}: {reason}", .path.display(), key(.array.as_deref()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The name of the array in it, if it has one.
        array: Option<String>,
        /// What is wrong.
        reason: String,
    },
    /// No array of a file is known to hold images.
    #[error("{}: {}", .path.display(), no_images(.arrays))]
    NoImages {
        /// The file.
        path: PathBuf,
        /// The names of the first arrays.
        arrays: Vec<String>,
    },
    /// An array does not have the dimensions of images.
    #[error(
        "{}{}: the shape {shape:?} is not that of images: [N, H, W], [N, H, W, C] or [N, C, H, W] with at most 4 channels",
        .path.display(),
        key(.array.as_deref())
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The name of the array in it, if it has one.
        array: Option<String>,
        /// Its dimensions.
        shape: Vec<usize>,
    },
    /// Images are too small or too large.
    #[error(
        "{}{}: images of {}x{} (height x width): sides must be from {} to {}",
        .path.display(), key(.array.as_deref()), .found[0], .found[1], .sides.start(), .sides.end()
    )]
    Sides {
        /// The file.
        path: PathBuf,
        /// The name of the array in it, if it has one.
        array: Option<String>,
        /// Height and width.
        found: [usize; 2],
        /// What they may be; more where the images are brought to another size.
        sides: RangeInclusive<usize>,
    },
    /// Images can become neither grey nor colour.
    #[error("{}{}: images of {channels} channels cannot become {asked}: only grey and rgb become one another", .path.display(), key(.array.as_deref()))]
    Channels {
        /// The file.
        path: PathBuf,
        /// The name of the array in it, if it has one.
        array: Option<String>,
        /// Values of a pixel.
        channels: usize,
        /// What they should become.
        asked: Channels,
    },
    /// The images take more memory than there may be, or is, and there is no place for a file.
    #[error(
        "{}: {images} images of {shape} do not fit in memory, of which they may take {} MiB",
        .path.display(), .memory >> 20
    )]
    OutOfMemory {
        /// The file.
        path: PathBuf,
        /// The most bytes that they may take.
        memory: u64,
        /// How many.
        images: usize,
        /// Their shape.
        shape: ImageShape,
    },
    /// A value is infinite or not a number.
    #[error("{}{}: image {image} (the first is 0) has the value {value}", .path.display(), key(.array.as_deref()))]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The name of the array in it, if it has one.
        array: Option<String>,
        /// Which image.
        image: usize,
        /// The value.
        value: f64,
    },
    /// Two arrays of a data set have values that do not mean the same.
    #[error("{}: {} has {}, and {} has {}", .path.display(), .arrays[0], .found[0], .arrays[1], .found[1])]
    Scales {
        /// The file.
        path: PathBuf,
        /// Their names.
        arrays: Box<[String; 2]>,
        /// What each has.
        found: Box<[String; 2]>,
    },
    /// The images and labels of a set are not equally many.
    #[error("{}: {images} images in {images_array}, but {labels} labels in {labels_array}", .path.display())]
    CountMismatch {
        /// The file.
        path: PathBuf,
        /// The array of images.
        images_array: String,
        /// Images in it.
        images: usize,
        /// The array of labels.
        labels_array: String,
        /// Labels in it.
        labels: usize,
    },
}

fn no_images(arrays: &[String]) -> String {
    match arrays {
        [] => "there is no array in it".to_owned(),
        [only] => format!("no array is known to hold images; there is {only}"),
        arrays => format!("no array is known to hold images; there are {}", arrays.join(", ")),
    }
}

fn key(array: Option<&str>) -> String {
    array.map_or_else(String::new, |array| format!(": {array}"))
}
