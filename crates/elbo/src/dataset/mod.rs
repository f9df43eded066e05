//! Data sets: images of one shape, with labels or without, and where they come from.
//!
//! A [`Dataset`] is bytes, `[N, H, W, C]`, in memory or in a file, checked once when it is made. [`Splits`] is what a run is given:
//! the images to train on, validate and test with: the embedded MNIST (`Splits::mnist`), or IDX files, pictures or
//! arrays of one's own ([`Splits::from_path`], [`load`]). Nothing here shuffles or augments.
//!
//! ```
//! use elbo::dataset::{Dataset, ImageShape};
//!
//! let shape = ImageShape { height: 2, width: 3, channels: 1 };
//! let dataset = Dataset::new(shape, vec![0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15], Some(vec![7, 9]))?;
//! assert_eq!((dataset.len(), dataset.classes().len()), (2, 10));
//! let mut pixels = Vec::new();
//! assert_eq!(dataset.gather(&[1], &mut pixels)?.pixels, [10, 11, 12, 13, 14, 15]);
//! # Ok::<(), elbo::dataset::DatasetError>(())
//! ```

#[cfg(feature = "ndarray")]
mod array_view;
pub(crate) mod batch;
pub(crate) mod binarize;
#[cfg_attr(
    not(any(feature = "pictures", feature = "arrays")),
    expect(dead_code, reason = "only pictures and arrays are kept in files")
)]
mod cache;
pub(crate) mod class;
pub(crate) mod depth;
mod error;
#[cfg(any(feature = "pictures", feature = "arrays"))]
mod fit;
mod hold_out;
mod idx;
mod load;
mod loaded;
mod memory;
mod note;
#[cfg(feature = "arrays")]
pub(crate) mod numpy;
mod oddities;
mod only_classes;
#[cfg(any(feature = "pictures", feature = "arrays"))]
mod picture;
#[cfg(feature = "pictures")]
mod pictures;
mod preprocessing;
mod range;
#[cfg(any(feature = "pictures", feature = "arrays"))]
mod scale;
pub(crate) mod shape;
mod splits;
mod stamp;
mod survey;
#[cfg(all(test, feature = "arrays"))]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use binarize::Drawn;
use cache::ImageFile;

#[cfg(feature = "ndarray")]
pub use array_view::Value;
pub use batch::Batch;
pub use binarize::Binarize;
pub use class::ClassError;
pub use depth::Depth;
pub use error::DatasetError;
pub use hold_out::Part;
pub use idx::{FileKind, IdxError};
pub use load::load;
pub use loaded::{BadPicture, Loaded, PictureFiles};
pub use note::{Note, PassedOver};
#[cfg(feature = "arrays")]
pub use numpy::ArrayError;
pub use oddities::Oddity;
#[cfg(feature = "pictures")]
pub use pictures::PictureError;
pub use preprocessing::{
    Channels, Colour, DataOptions, Fit, Frames, MAX_BAD, MEMORY, OptionError, Preparation, Preprocessing, Size,
};
pub use range::{RangeOption, ValueRange};
pub use shape::{CHANNELS, ImageShape, SIDES, ShapeError};
pub use splits::Splits;
pub use survey::Survey;

/// About how many bytes are hashed at a time.
const HASHED: usize = 1 << 24;

/// Where the values of all images are, `[N, H, W, C]`, of as many bytes as their depth has.
#[derive(Clone)]
enum Pixels {
    Memory(Vec<u8>),
    /// In a file, at these places of it, `[N]`.
    File(Arc<ImageFile>, Vec<u32>),
}

/// At least one image, all of one shape, with a label for each image or with no labels at all.
#[derive(Clone)]
pub struct Dataset {
    shape: ImageShape,
    depth: Depth,
    images: Pixels,
    /// `[N]`, each the position of a name in `classes`.
    labels: Option<Vec<u16>>,
    /// Empty without labels.
    classes: Vec<String>,
    /// `[N]`.
    names: Option<Vec<String>>,
    preprocessing: Preprocessing,
    /// Which draw of black and white pixels stands for the values, if one does.
    drawn: Option<Drawn>,
}

#[expect(clippy::len_without_is_empty, reason = "a data set holds at least one image")]
impl Dataset {
    /// Takes `images`, `[N, H, W, C]` in row-major order with values from 0 to 255, and `labels`, `[N]`: the number of
    /// each image's class. The classes are called by their numbers, from 0 to the largest; see
    /// [`with_classes`](Self::with_classes).
    ///
    /// # Errors
    ///
    /// [`DatasetError::TooManyImages`] if there are 2^32 or more; [`DatasetError::InvalidShape`] if a side is zero or an image has more values than a `usize` counts;
    /// [`DatasetError::NoImages`] if `images` is empty; [`DatasetError::PartialImage`] if it does not hold a whole
    /// number of images; [`DatasetError::LabelCount`] if there is not one label for each.
    pub fn new(shape: ImageShape, images: Vec<u8>, labels: Option<Vec<u16>>) -> Result<Self, DatasetError> {
        Self::held(shape, Depth::Eight, images, labels)
    }

    /// As [`new`](Self::new), of values held in this depth.
    pub(crate) fn held(
        shape: ImageShape,
        depth: Depth,
        images: Vec<u8>,
        labels: Option<Vec<u16>>,
    ) -> Result<Self, DatasetError> {
        check_values(shape, images.len() / depth.bytes())?;
        Self::labelled(shape, depth, Pixels::Memory(images), labels)
    }

    /// Images of a shape with values, at least one of them, in a file.
    #[cfg_attr(
        not(any(feature = "pictures", feature = "arrays")),
        expect(dead_code, reason = "only pictures and arrays are kept in files")
    )]
    fn in_file(
        shape: ImageShape,
        depth: Depth,
        file: ImageFile,
        count: usize,
        labels: Option<Vec<u16>>,
    ) -> Result<Self, DatasetError> {
        Self::labelled(shape, depth, Pixels::File(Arc::new(file), (0..count as u32).collect()), labels)
    }

    fn labelled(
        shape: ImageShape,
        depth: Depth,
        images: Pixels,
        labels: Option<Vec<u16>>,
    ) -> Result<Self, DatasetError> {
        let dataset = Self {
            shape,
            depth,
            images,
            labels: None,
            classes: Vec::new(),
            names: None,
            preprocessing: Preprocessing::UnitScale,
            drawn: None,
        };
        match labels {
            Some(labels) => dataset.with_labels(labels),
            None => Ok(dataset),
        }
    }

    /// The same images with one label each, of these classes.
    pub(crate) fn relabelled(mut self, labels: Vec<u16>, classes: Vec<String>) -> Self {
        (self.labels, self.classes) = (Some(labels), classes);
        self
    }

    /// The same images with these labels, `[N]`: the number of each image's class. The classes are called by their
    /// numbers, from 0 to the largest.
    ///
    /// # Errors
    ///
    /// [`DatasetError::LabelCount`] if there is not one label for each image.
    pub fn with_labels(mut self, labels: Vec<u16>) -> Result<Self, DatasetError> {
        if labels.len() != self.len() {
            return Err(DatasetError::LabelCount { images: self.len(), labels: labels.len() });
        }
        let largest = labels.iter().max();
        self.classes = largest.map_or_else(Vec::new, |&largest| (0..=largest).map(|class| class.to_string()).collect());
        self.labels = Some(labels);
        Ok(self)
    }

    /// The same images, their classes called by these names; of a set without labels, which has no classes, unchanged.
    ///
    /// # Errors
    ///
    /// [`DatasetError::ClassNames`] if a label has no name, [`DatasetError::SameClassNames`] if two classes have the same.
    pub fn with_classes(mut self, classes: Vec<String>) -> Result<Self, DatasetError> {
        match self.labels.iter().flatten().max() {
            Some(&largest) if usize::from(largest) >= classes.len() => {
                return Err(DatasetError::ClassNames { names: classes.len(), largest });
            }
            Some(_) => {
                let mut seen = HashSet::new();
                if let Some(name) = classes.iter().find(|name| !seen.insert(*name)) {
                    return Err(DatasetError::SameClassNames { name: name.clone() });
                }
                self.classes = classes;
            }
            None => {}
        }
        Ok(self)
    }

    /// The same images, each called by its name, `[N]`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::NameCount`] if there is not one name for each image.
    pub fn with_names(mut self, names: Vec<String>) -> Result<Self, DatasetError> {
        if names.len() != self.len() {
            return Err(DatasetError::NameCount { images: self.len(), names: names.len() });
        }
        self.names = Some(names);
        Ok(self)
    }

    /// The same images, said to have been made in this way.
    #[must_use]
    pub fn with_preprocessing(mut self, preprocessing: Preprocessing) -> Self {
        self.preprocessing = preprocessing;
        self
    }

    /// How the images were made from what they come from, and numbers are from them.
    #[must_use]
    pub fn preprocessing(&self) -> Preprocessing {
        self.preprocessing
    }

    /// The number of images, at least 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.images.count(self.image_bytes())
    }

    /// The shape of every image.
    #[must_use]
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// The bits that every value is held in; one that is drawn black or white is handed out in eight.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// The bytes of an image.
    pub(crate) fn image_bytes(&self) -> usize {
        self.shape.len() * self.depth.bytes()
    }

    /// The images at these positions, in this order, one after the other.
    ///
    /// Images that lie together in memory are lent as they are; others are copied to `staging`, which takes new memory
    /// only where it has too little.
    ///
    /// # Errors
    ///
    /// [`DatasetError::NoSuchImage`] if an index is not less than [`len`](Self::len); and if a file cannot be read,
    /// where images are in one.
    pub fn gather<'a>(&'a self, indices: &'a [u32], staging: &'a mut Vec<u8>) -> Result<Batch<'a>, DatasetError> {
        let Some(drawn) = self.drawn else { return self.gather_values(indices, staging) };
        self.check_indices(indices)?;
        self.copy_values(indices, staging)?;
        drawn.draw(indices, self.depth, staging);
        Ok(Batch { pixels: staging, depth: Depth::Eight, indices, labels: self.labels() })
    }

    /// The same, as the values are held.
    fn gather_values<'a>(&'a self, indices: &'a [u32], staging: &'a mut Vec<u8>) -> Result<Batch<'a>, DatasetError> {
        self.check_indices(indices)?;
        let size = self.image_bytes();
        let pixels = match &self.images {
            Pixels::Memory(images) if indices.is_sorted_by(|a, b| a.checked_add(1) == Some(*b)) => {
                let start = indices.first().map_or(0, |&first| first as usize);
                &images[start * size..][..indices.len() * size]
            }
            _ => {
                self.copy_values(indices, staging)?;
                staging
            }
        };
        Ok(Batch { pixels, depth: self.depth, indices, labels: self.labels() })
    }

    /// Copies the images at these positions, which are there, to `staging`.
    fn copy_values(&self, indices: &[u32], staging: &mut Vec<u8>) -> Result<(), DatasetError> {
        let size = self.image_bytes();
        match &self.images {
            Pixels::Memory(images) => {
                staging.clear();
                staging.reserve(indices.len() * size);
                for &index in indices {
                    staging.extend_from_slice(&images[index as usize * size..][..size]);
                }
                Ok(())
            }
            Pixels::File(file, places) => {
                staging.resize(indices.len() * size, 0);
                file.gather(indices, places, size, staging)
            }
        }
    }

    fn check_indices(&self, indices: &[u32]) -> Result<(), DatasetError> {
        match indices.iter().max() {
            Some(&index) if index as usize >= self.len() => {
                Err(DatasetError::NoSuchImage { index, images: self.len() })
            }
            _ => Ok(()),
        }
    }

    /// The class of each image, `[N]`: the position of its name among the [`classes`](Self::classes).
    #[must_use]
    pub fn labels(&self) -> Option<&[u16]> {
        self.labels.as_deref()
    }

    /// The names of the classes; none without labels. There may be names that no image has.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The name of each image, `[N]`, where images have names. That of a picture is its path below the directory that
    /// was read, its parts joined by `/`, and of a page in a file with several its number after that, as in
    /// `cells/well.tif#7`; images from arrays and IDX files have none.
    #[must_use]
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// SHA-256 of shape, images and labels, as 64 lower-case hexadecimal digits: the same on every machine, and
    /// different for data sets that differ in anything but the names of images.
    ///
    /// Hashed are the ASCII bytes `elbo dataset 1`, of values of 16 bits `elbo dataset 2`; then as 64-bit little-endian
    /// numbers the count of images, height, width and channels; the values of the images, the lower byte first; and without labels a byte 0. Labels below 256 whose classes are
    /// called by their numbers are a byte 1 and a byte each. Others are a byte 2, two little-endian bytes each, and
    /// the names of the classes, each after the count of its bytes as a 64-bit little-endian number.
    ///
    /// # Errors
    ///
    /// If a file cannot be read; none for images in memory.
    pub fn digest(&self) -> Result<String, DatasetError> {
        let mut hasher = Sha256::new();
        hasher.update(match self.depth {
            Depth::Eight => b"elbo dataset 1",
            Depth::Sixteen => b"elbo dataset 2",
        });
        for number in [self.len(), self.shape.height, self.shape.width, self.shape.channels] {
            hasher.update((number as u64).to_le_bytes());
        }
        let (indices, mut staging): (Vec<u32>, _) = ((0..self.len() as u32).collect(), Vec::new());
        for indices in indices.chunks((HASHED / self.image_bytes()).max(1)) {
            hasher.update(self.gather_values(indices, &mut staging)?.pixels);
        }
        match &self.labels {
            None => hasher.update([0]),
            Some(labels) => self.hash_labels(labels, &mut hasher),
        }
        let mut digits = String::with_capacity(64);
        for byte in hasher.finalize() {
            for digit in [byte >> 4, byte & 15] {
                digits.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        Ok(digits)
    }

    fn hash_labels(&self, labels: &[u16], hasher: &mut Sha256) {
        if let Some(labels) = self.byte_labels(labels) {
            hasher.update([1]);
            hasher.update(labels);
            return;
        }
        hasher.update([2]);
        for label in labels {
            hasher.update(label.to_le_bytes());
        }
        for name in &self.classes {
            hasher.update((name.len() as u64).to_le_bytes());
            hasher.update(name);
        }
    }

    /// The labels as bytes, where that says all about them: no number is above 255, and all names are numbers.
    fn byte_labels(&self, labels: &[u16]) -> Option<Vec<u8>> {
        let numbered = self.classes.iter().enumerate().all(|(number, name)| *name == number.to_string());
        labels.iter().map(|&label| u8::try_from(label).ok().filter(|_| numbered)).collect()
    }
}

impl Pixels {
    /// How many images of so many bytes there are.
    fn count(&self, image_bytes: usize) -> usize {
        match self {
            Self::Memory(images) => images.len() / image_bytes,
            Self::File(_, places) => places.len(),
        }
    }
}

/// That so many values are at least one whole image of a shape with values.
fn check_values(shape: ImageShape, values: usize) -> Result<(), DatasetError> {
    if shape.is_empty() || shape.len() == usize::MAX {
        return Err(DatasetError::InvalidShape { shape });
    }
    if values == 0 {
        return Err(DatasetError::NoImages);
    }
    if !values.is_multiple_of(shape.len()) {
        return Err(DatasetError::PartialImage { shape, values });
    }
    // Positions of images are of 32 bits.
    if u32::try_from(values / shape.len()).is_err() {
        return Err(DatasetError::TooManyImages { images: values / shape.len() });
    }
    Ok(())
}

/// Says what the set holds; its values are left out.
impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("len", &self.len())
            .field("shape", &format_args!("{}", self.shape))
            .field("depth", &self.depth)
            .field("labels", &self.labels.is_some())
            .field("classes", &self.classes.len())
            .field("names", &self.names.is_some())
            .finish_non_exhaustive()
    }
}
