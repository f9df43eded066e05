//! Data sets: images of one shape, with labels or without, and where they come from.
//!
//! A [`Dataset`] is bytes in memory, `[N, H, W, C]`, checked once when it is made. [`Splits`] is what a run is given:
//! the images to train on and those to test with, either the embedded MNIST ([`Splits::mnist`]) or IDX files
//! ([`Splits::from_path`]). Nothing here scales, shuffles or augments.
//!
//! ```
//! use elbo::dataset::{Dataset, ImageShape};
//!
//! let shape = ImageShape { height: 2, width: 3, channels: 1 };
//! let dataset = Dataset::new(shape, vec![0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15], Some(vec![7, 9]))?;
//! assert_eq!(dataset.len(), 2);
//! assert_eq!(dataset.image(1), [10, 11, 12, 13, 14, 15]);
//! # Ok::<(), elbo::dataset::DatasetError>(())
//! ```

mod error;
mod folder;
mod hold_out;
mod idx;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use error::DatasetError;
pub use hold_out::Part;

/// The shape of one image; its values lie in the order `[height, width, channels]`, row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageShape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values of one pixel: 1 for grey, 3 for colour.
    pub channels: usize,
}

impl ImageShape {
    /// The number of values in one image: `height * width * channels`, or `usize::MAX` if that is more than a
    /// `usize` holds.
    #[must_use]
    pub const fn len(self) -> usize {
        self.height.saturating_mul(self.width).saturating_mul(self.channels)
    }

    /// Whether an image of this shape has no values at all, one of its sides being zero.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Height, width and channels, as in `28x28x1`.
impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One string, so that a width or an alignment holds for the whole.
        f.pad(&format!("{}x{}x{}", self.height, self.width, self.channels))
    }
}

/// At least one image, all of one shape, with a label for each image or with no labels at all.
#[derive(Clone, PartialEq, Eq)]
pub struct Dataset {
    shape: ImageShape,
    /// `[N, H, W, C]`.
    images: Vec<u8>,
    /// `[N]`.
    labels: Option<Vec<u8>>,
}

#[expect(clippy::len_without_is_empty, reason = "a data set holds at least one image")]
impl Dataset {
    /// Takes `images`, `[N, H, W, C]` in row-major order with values from 0 to 255, and `labels`, `[N]`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidShape`] if a side is zero or an image has more values than a `usize` counts;
    /// [`DatasetError::NoImages`] if `images` is empty; [`DatasetError::PartialImage`] if it does not hold a whole
    /// number of images; [`DatasetError::LabelCount`] if there is not one label for each.
    pub fn new(shape: ImageShape, images: Vec<u8>, labels: Option<Vec<u8>>) -> Result<Self, DatasetError> {
        if shape.is_empty() || shape.len() == usize::MAX {
            return Err(DatasetError::InvalidShape { shape });
        }
        if images.is_empty() {
            return Err(DatasetError::NoImages);
        }
        if !images.len().is_multiple_of(shape.len()) {
            return Err(DatasetError::PartialImage { shape, values: images.len() });
        }
        let count = images.len() / shape.len();
        if let Some(labels) = &labels
            && labels.len() != count
        {
            return Err(DatasetError::LabelCount { images: count, labels: labels.len() });
        }
        Ok(Self { shape, images, labels })
    }

    /// The number of images, at least 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.images.len() / self.shape.len()
    }

    /// The shape of every image.
    #[must_use]
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// All values, `[N, H, W, C]`, row-major.
    #[must_use]
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// The values of the image at `index`, `[H, W, C]`, row-major.
    ///
    /// # Panics
    ///
    /// If `index` is not less than [`len`](Self::len).
    #[must_use]
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.shape.len();
        &self.images[index * size..][..size]
    }

    /// The label of each image, `[N]`.
    #[must_use]
    pub fn labels(&self) -> Option<&[u8]> {
        self.labels.as_deref()
    }

    /// SHA-256 of shape, images and labels, as 64 lower-case hexadecimal digits: the same on every machine, and
    /// different for data sets that differ in anything.
    ///
    /// Hashed are the ASCII bytes `elbo dataset 1`; then as 64-bit little-endian numbers the count of images, height,
    /// width and channels; the values of the images; and if there are labels a byte 1 and the labels, else a byte 0.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(b"elbo dataset 1");
        for number in [self.len(), self.shape.height, self.shape.width, self.shape.channels] {
            hasher.update((number as u64).to_le_bytes());
        }
        hasher.update(&self.images);
        match &self.labels {
            Some(labels) => {
                hasher.update([1]);
                hasher.update(labels);
            }
            None => hasher.update([0]),
        }
        let mut digits = String::with_capacity(64);
        for byte in hasher.finalize() {
            for digit in [byte >> 4, byte & 15] {
                digits.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        digits
    }
}

/// Says what the set holds; its values are left out.
impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("len", &self.len())
            .field("shape", &format_args!("{}", self.shape))
            .field("labels", &self.labels.is_some())
            .finish_non_exhaustive()
    }
}

/// A training set and, where there is one, a test set of the same shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    /// The images to train on.
    pub train: Dataset,
    /// The images to test with.
    pub test: Option<Dataset>,
    /// What to call the data: `mnist`, or the prefix or directory of its files.
    pub name: String,
}

impl Splits {
    /// The embedded MNIST: 60,000 training and 10,000 test images of 28x28x1 with their digits, in the order of the
    /// original files.
    #[must_use]
    pub fn mnist() -> Self {
        let shape = ImageShape { height: elbo_mnist::HEIGHT, width: elbo_mnist::WIDTH, channels: 1 };
        let train = Dataset { shape, images: elbo_mnist::train_images(), labels: Some(elbo_mnist::train_labels()) };
        let test = Dataset { shape, images: elbo_mnist::test_images(), labels: Some(elbo_mnist::test_labels()) };
        Self { train, test: Some(test), name: "mnist".to_owned() }
    }

    /// Reads a data set in IDX files: MNIST, Fashion-MNIST, KMNIST, EMNIST and whatever else comes in this format.
    ///
    /// `path` is a directory with the files below; or `DIR/PREFIX` for one of several data sets in a directory, as in
    /// `gzip/emnist-letters`; or the path of one of the files, which stands for the set it belongs to.
    ///
    /// | file | | dimensions |
    /// |---|---|---|
    /// | `[PREFIX-]train-images-idx3-ubyte` | required | `[N, H, W]` |
    /// | `[PREFIX-]train-labels-idx1-ubyte` | optional | `[N]` |
    /// | `[PREFIX-]t10k-images-idx3-ubyte` | optional | `[M, H, W]` |
    /// | `[PREFIX-]t10k-labels-idx1-ubyte` | optional | `[M]` |
    ///
    /// Each may end in `.gz`, may have `test` for `t10k`, and a dot for the dash before `idx`. Where a file is there
    /// under several names, `t10k` goes before `test`, a dash before a dot, and the plain file before the one that
    /// ends in
    /// `.gz`. Whether a file is compressed is told from its first bytes, not from its name.
    ///
    /// Pixels keep the order they have in the file. EMNIST stores its images transposed: a model trained on it sees,
    /// and generates, letters mirrored along the diagonal.
    ///
    /// Memory is taken for what a file holds, never for what its header claims.
    ///
    /// # Errors
    ///
    /// A [`DatasetError`] that names the file and says what is wrong with it.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, DatasetError> {
        folder::read(path.as_ref())
    }
}
