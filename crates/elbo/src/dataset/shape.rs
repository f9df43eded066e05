//! The shape of an image, and which shapes there may be.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::RangeInclusive;

/// Heights and widths that a network can take.
pub const SIDES: RangeInclusive<usize> = 8..=4096;
/// Channels that an image can have.
pub const CHANNELS: RangeInclusive<usize> = 1..=4;
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

/// The images are not of the shape that the model was trained on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the model takes {expected} images, these are {found}")]
pub struct ShapeError {
    /// What the model takes.
    pub expected: ImageShape,
    /// What was given.
    pub found: ImageShape,
}
