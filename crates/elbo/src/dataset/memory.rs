//! Data sets from what a program has in memory: bytes and numbers that stay where they are, and images one by one.

use super::depth::is_byte;
use super::{Dataset, DatasetError, Depth, ImageShape, check_values};

impl Dataset {
    /// Copies `images`, `[N, H, W, C]` in row-major order with values from 0 to 255; `labels` as in [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn from_bytes(shape: ImageShape, images: &[u8], labels: Option<Vec<u16>>) -> Result<Self, DatasetError> {
        check_values(shape, images.len())?;
        Self::new(shape, images.to_vec(), labels)
    }

    /// Copies `images`, `[N, H, W, C]` in row-major order with values from 0 to 65535, which are held in 16 bits; `labels`
    /// as in [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn from_u16(shape: ImageShape, images: &[u16], labels: Option<Vec<u16>>) -> Result<Self, DatasetError> {
        check_values(shape, images.len())?;
        Self::held(shape, Depth::Sixteen, images.iter().flat_map(|value| value.to_le_bytes()).collect(), labels)
    }

    /// Takes `images`, `[N, H, W, C]` in row-major order with values from 0 to 1; `labels` as in [`new`](Self::new). Where
    /// all are 255ths, they are held in 8 bits; else in 16, each to the nearest 65535th.
    ///
    /// ```
    /// use elbo::dataset::{Dataset, ImageShape};
    ///
    /// let shape = ImageShape { height: 1, width: 2, channels: 1 };
    /// let dataset = Dataset::from_floats(shape, &[0.0, 1.0, 0.2, 64.0 / 255.0], None)?;
    /// assert_eq!(dataset.gather(&[0, 1], &mut Vec::new())?.pixels, [0, 255, 51, 64]);
    /// let finer = Dataset::from_floats(shape, &[0.0, 1.0, 0.5, 0.25], None)?;
    /// assert_eq!(finer.gather(&[1], &mut Vec::new())?.pixels, [[0, 128], [0, 64]].concat());
    /// # Ok::<(), elbo::dataset::DatasetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DatasetError::Value`] if a value is not from 0 to 1; and as [`new`](Self::new).
    pub fn from_floats(shape: ImageShape, images: &[f32], labels: Option<Vec<u16>>) -> Result<Self, DatasetError> {
        check_values(shape, images.len())?;
        let (images, depth) = to_bytes(shape, images)?;
        Self::held(shape, depth, images, labels)
    }

    /// Takes the bytes of one image after the other, `[H, W, C]` each in row-major order; `labels` as in
    /// [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`DatasetError::ImageLength`] if one has more or fewer values than the shape; and as [`new`](Self::new).
    pub fn from_images(
        shape: ImageShape,
        images: impl IntoIterator<Item: AsRef<[u8]>>,
        labels: Option<Vec<u16>>,
    ) -> Result<Self, DatasetError> {
        let mut all = Vec::new();
        for (number, image) in images.into_iter().enumerate() {
            let image = image.as_ref();
            if image.len() != shape.len() {
                return Err(DatasetError::ImageLength { image: number, shape, found: image.len() });
            }
            all.extend_from_slice(image);
        }
        Self::new(shape, all, labels)
    }
}

/// The bytes of numbers from 0 to 1, of images with values, and the depth that holds them.
pub(super) fn to_bytes<'a>(
    shape: ImageShape,
    values: impl IntoIterator<Item = &'a f32, IntoIter: Clone>,
) -> Result<(Vec<u8>, Depth), DatasetError> {
    let values = values.into_iter();
    let mut depth = Depth::Eight;
    for (place, &value) in values.clone().enumerate() {
        if !(0.0..=1.0).contains(&value) {
            return Err(DatasetError::Value { image: place / shape.len(), value });
        }
        if !is_byte(f64::from(value)) {
            depth = Depth::Sixteen;
        }
    }
    let mut bytes = Vec::with_capacity(values.size_hint().0 * depth.bytes());
    values.for_each(|&value| depth.push(f64::from(value), &mut bytes));
    Ok((bytes, depth))
}
