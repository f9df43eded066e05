//! What can be wrong with a data set.

use std::io;
use std::path::{Path, PathBuf};

use crate::storage::StorageError;

#[cfg(feature = "arrays")]
use super::ArrayError;
use super::ImageShape;
#[cfg(feature = "pictures")]
use super::PictureError;
use super::class::listed;
use super::idx::{IdxError, prefixes_in};

/// What is wrong with a data set: the file, what was expected there, and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The path is neither a file nor a directory, nor a directory and the prefix of a data set in it.
    #[error("{}: no such directory{}", .path.display(), prefixes_in(.parent.as_deref(), .prefixes))]
    MissingDirectory {
        /// The path as given.
        path: PathBuf,
        /// Its parent, if that is a directory.
        parent: Option<PathBuf>,
        /// The prefixes of the data sets in the parent.
        prefixes: Vec<String>,
    },
    /// There are no images of a class that is asked for.
    #[error("{name}: there is no class '{found}'; {}", if .classes.is_empty() { "the images have no labels".to_owned() } else { format!("there are {}", listed(.classes)) })]
    NoClass {
        /// What the data are called.
        name: String,
        /// The class.
        found: String,
        /// The classes that there are.
        classes: Vec<String>,
    },
    /// The path is a file whose name is not one of a data set.
    #[error("{}: neither a directory, nor a picture, an array or a file of an IDX data set", .path.display())]
    UnknownFile {
        /// The path as given.
        path: PathBuf,
    },
    /// A directory holds neither pictures nor IDX files.
    #[error("{}: no pictures and no IDX files here; the directory holds {}", .directory.display(), listing(.holds, *.more))]
    NoData {
        /// The directory.
        directory: PathBuf,
        /// The first few names in it, sorted. Those of directories end in `/`, and what most files in them are follows, as in
        /// `a/ (20 NPY)`; links that lead nowhere end in ` (a link to nothing)`.
        holds: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// Only a feature of this crate that was left out reads what is at a path.
    #[error("{}: needs the feature `{feature}` of the crate elbo, which was left out", .path.display())]
    Feature {
        /// The path.
        path: PathBuf,
        /// The feature.
        feature: &'static str,
    },
    /// Pictures make no data set.
    #[cfg(feature = "pictures")]
    #[error(transparent)]
    Pictures(#[from] PictureError),
    /// A file for images could not be written.
    #[error(transparent)]
    Cache(StorageError),
    /// IDX files make no data set.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// Arrays make no data set.
    #[cfg(feature = "arrays")]
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// The operating system does not let this user read a file or a directory.
    #[error("{}: permission denied", .path.display())]
    PermissionDenied {
        /// The file or directory.
        path: PathBuf,
    },
    /// Reading failed for a reason that lies outside the file's content.
    #[error("{}: {reason}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
    /// A file is not any more what it was when it was first read.
    #[error("{}: the file has changed since it was first read", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The images of the training set and of another differ in shape.
    #[error(
        "{}: images of {train}, but {} has images of {other}",
        .train_path.display(),
        .other_path.display()
    )]
    ShapeMismatch {
        /// The file of training images.
        train_path: PathBuf,
        /// Their shape.
        train: ImageShape,
        /// The file of the other images.
        other_path: PathBuf,
        /// Their shape.
        other: ImageShape,
    },
    /// A shape with a side of zero, or with more values than a `usize` counts.
    #[error("images of {shape}: no side may be zero, and the product must fit in memory")]
    InvalidShape {
        /// The shape.
        shape: ImageShape,
    },
    /// More images than positions of 32 bits count.
    #[error("{images} images are too many: a data set has at most {}", u32::MAX)]
    TooManyImages {
        /// How many there are.
        images: usize,
    },
    /// A data set without images.
    #[error("a data set needs at least one image")]
    NoImages,
    /// Values that are not a whole number of images.
    #[error("{values} values are not a whole number of {shape} images, of {} values each", .shape.len())]
    PartialImage {
        /// The shape of one image.
        shape: ImageShape,
        /// Values given.
        values: usize,
    },
    /// A label for whose class there is no name.
    #[error("a label {largest}, but names only for classes below {names}")]
    ClassNames {
        /// Names given.
        names: usize,
        /// The largest label.
        largest: u16,
    },
    /// Two classes that nothing tells apart.
    #[error("two classes are called '{}'", .name.escape_debug())]
    SameClassNames {
        /// The name of both.
        name: String,
    },
    /// Labels that are not one for each image.
    #[error("{images} images, but {labels} labels")]
    LabelCount {
        /// Images given.
        images: usize,
        /// Labels given.
        labels: usize,
    },
    /// Names that are not one for each image.
    #[error("{images} images, but {names} names")]
    NameCount {
        /// Images given.
        images: usize,
        /// Names given.
        names: usize,
    },
    /// An image that has more or fewer values than its shape.
    #[error("image {image} (the first is 0) has {found} values; one of {shape} has {}", .shape.len())]
    ImageLength {
        /// Which image.
        image: usize,
        /// The shape of every image.
        shape: ImageShape,
        /// Values that this one has.
        found: usize,
    },
    /// A value that no byte stands for.
    #[error("image {image} (the first is 0) has the value {value}, which is not from 0 to 1")]
    Value {
        /// Which image.
        image: usize,
        /// The value.
        value: f32,
    },
    /// An array whose dimensions are not those of images.
    #[error("an array of the shape {shape:?} is none of images, [N, H, W] or [N, H, W, C]")]
    ArrayShape {
        /// Its dimensions.
        shape: Vec<usize>,
    },
    /// There is no image at a position.
    #[error("there is no image {index} (the first is 0) among {images}")]
    NoSuchImage {
        /// The position.
        index: u32,
        /// How many images there are.
        images: usize,
    },
    /// Images were to be brought to a form, which only pictures and arrays are.
    #[error("{name}: options for pictures and arrays were given, and these images are neither")]
    NoPictures {
        /// What the data set is called.
        name: String,
    },
    /// Images were to be held out, but there is only one to train on.
    #[error("{name}: none can be held out of a single image")]
    CannotHoldOut {
        /// What the data set is called.
        name: String,
    },
}

impl DatasetError {
    /// The error for a failure of the operating system at `path`.
    pub(super) fn io(path: &Path, reason: io::Error) -> Self {
        let path = path.to_owned();
        match reason.kind() {
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { path },
            _ => Self::Io { path, reason },
        }
    }
}

/// The first few names in a directory, and how many more there are.
pub(super) fn listing(holds: &[String], more: usize) -> String {
    match (holds, more) {
        ([], _) => "nothing".to_owned(),
        (_, 0) => holds.join(", "),
        _ => format!("{} and {more} more", holds.join(", ")),
    }
}
