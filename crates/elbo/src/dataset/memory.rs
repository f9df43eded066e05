//! Data sets from what a program has in memory: bytes and numbers that stay where they are, and images one by one.

use super::{Dataset, DatasetError, ImageShape, check_values};

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

    /// Rounds `images`, `[N, H, W, C]` in row-major order with values from 0 to 1, to the nearest 255th; `labels` as in
    /// [`new`](Self::new).
    ///
    /// ```
    /// use elbo::dataset::{Dataset, ImageShape};
    ///
    /// let shape = ImageShape { height: 1, width: 2, channels: 1 };
    /// let dataset = Dataset::from_floats(shape, &[0.0, 1.0, 0.5, 0.25], None)?;
    /// assert_eq!(dataset.gather(&[0, 1], &mut Vec::new())?.pixels, [0, 255, 128, 64]);
    /// # Ok::<(), elbo::dataset::DatasetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DatasetError::Value`] if a value is not from 0 to 1; and as [`new`](Self::new).
    pub fn from_floats(shape: ImageShape, images: &[f32], labels: Option<Vec<u16>>) -> Result<Self, DatasetError> {
        check_values(shape, images.len())?;
        Self::new(shape, to_bytes(shape, images)?, labels)
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

/// The byte whose 255th is nearest to each value, of images with values.
pub(super) fn to_bytes<'a>(
    shape: ImageShape,
    values: impl IntoIterator<Item = &'a f32>,
) -> Result<Vec<u8>, DatasetError> {
    let to_byte = |(place, &value): (usize, &f32)| {
        if !(0.0..=1.0).contains(&value) {
            return Err(DatasetError::Value { image: place / shape.len(), value });
        }
        // The product is exact, so that what is rounded is the value and nothing else.
        Ok((f64::from(value) * 255.0).round() as u8)
    };
    values.into_iter().enumerate().map(to_byte).collect()
}
