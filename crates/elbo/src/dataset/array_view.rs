//! Data sets from arrays of the crate `ndarray`.

use ndarray::{ArrayView, Dimension};

use super::memory::to_bytes;
use super::{Dataset, DatasetError, Depth, ImageShape, check_values};

/// A value of an image: a byte from 0 to 255, a number of 16 bits from 0 to 65535, or one from 0 to 1.
pub trait Value: Copy {
    /// The bytes of values in their order, of images of a shape that has values, and the depth that holds them.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Value`] if one is not in its range.
    fn to_bytes<'a>(
        shape: ImageShape,
        values: impl Iterator<Item = &'a Self> + Clone,
    ) -> Result<(Vec<u8>, Depth), DatasetError>
    where
        Self: 'a;
}

impl Value for u8 {
    fn to_bytes<'a>(
        _: ImageShape,
        values: impl Iterator<Item = &'a Self> + Clone,
    ) -> Result<(Vec<u8>, Depth), DatasetError> {
        Ok((values.copied().collect(), Depth::Eight))
    }
}

/// Held in 16 bits.
impl Value for u16 {
    fn to_bytes<'a>(
        _: ImageShape,
        values: impl Iterator<Item = &'a Self> + Clone,
    ) -> Result<(Vec<u8>, Depth), DatasetError> {
        Ok((values.flat_map(|value| value.to_le_bytes()).collect(), Depth::Sixteen))
    }
}

/// As [`Dataset::from_floats`] takes them.
impl Value for f32 {
    fn to_bytes<'a>(
        shape: ImageShape,
        values: impl Iterator<Item = &'a Self> + Clone,
    ) -> Result<(Vec<u8>, Depth), DatasetError> {
        to_bytes(shape, values)
    }
}

impl Dataset {
    /// Copies an array of images, `[N, H, W]` or `[N, H, W, C]`, in whatever order it lies in memory: bytes, `u16`,
    /// or `f32` from 0 to 1 as [`from_floats`](Self::from_floats) takes them; `labels` as in [`new`](Self::new). An array with channels
    /// before rows comes as `array.view().permuted_axes([0, 2, 3, 1])`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::ArrayShape`] if the array has another number of dimensions, [`DatasetError::Value`] if a value is
    /// not from 0 to 1; and as [`new`](Self::new).
    pub fn from_array<T: Value, D: Dimension>(
        images: ArrayView<'_, T, D>,
        labels: Option<Vec<u16>>,
    ) -> Result<Self, DatasetError> {
        let shape = match *images.shape() {
            [_, height, width] => ImageShape { height, width, channels: 1 },
            [_, height, width, channels] => ImageShape { height, width, channels },
            ref other => return Err(DatasetError::ArrayShape { shape: other.to_vec() }),
        };
        check_values(shape, images.len())?;
        let (images, depth) = T::to_bytes(shape, images.into_iter())?;
        Self::held(shape, depth, images, labels)
    }
}
