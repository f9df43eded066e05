//! Which arrays hold images, and how these lie in them.

use std::ops::RangeInclusive;
use std::path::Path;

use super::archive::{key, unreadable};
use super::header::Header;
use super::{ArrayError, SOURCE_SIDES};
use crate::dataset::shape::{CHANNELS, SIDES};
use crate::dataset::{DatasetError, ImageShape};

/// The most bytes of the numbers of an image, each of which is in memory as a whole: what the largest that needs no resizing
/// has.
const MAX_BYTES: usize = 512 << 20;

/// An array of images.
#[derive(Clone, Debug)]
pub(super) struct Images {
    /// Empty if the array has none.
    pub(super) name: String,
    pub(super) header: Header,
    pub(super) count: usize,
    /// As the array has them.
    pub(super) shape: ImageShape,
    /// Whether the channels of a pixel lie apart, `[N, C, H, W]`.
    is_channels_first: bool,
}

impl Images {
    /// What an array holds, if that is images; `is_resized` if they may have any size.
    pub(super) fn new(header: Header, path: &Path, name: String, is_resized: bool) -> Result<Self, DatasetError> {
        if header.element.is_text() {
            return Err(unreadable(path, &name, "images must be numbers, not words".to_owned()));
        }
        // No side of an image is as short as there are channels.
        let is_side = |side: &usize| side > CHANNELS.end();
        let parts = match *header.shape {
            [count, height, width] => Some((count, height, width, 1, false)),
            [count, channels, height, width] if CHANNELS.contains(&channels) && is_side(&height) && is_side(&width) => {
                Some((count, height, width, channels, true))
            }
            [count, height, width, channels] if CHANNELS.contains(&channels) => {
                Some((count, height, width, channels, false))
            }
            _ => None,
        };
        let Some((count, height, width, channels, is_channels_first)) = parts.filter(|parts| parts.0 > 0) else {
            let shape = header.shape;
            return Err(ArrayError::Shape { path: path.to_owned(), array: key(&name), shape }.into());
        };
        let sides: RangeInclusive<usize> = if is_resized { SOURCE_SIDES } else { SIDES };
        if ![height, width].iter().all(|side| sides.contains(side)) {
            let found = [height, width];
            return Err(ArrayError::Sides { path: path.to_owned(), array: key(&name), found, sides }.into());
        }
        if u32::try_from(count).is_err() {
            return Err(DatasetError::TooManyImages { images: count });
        }
        let shape = ImageShape { height, width, channels };
        let bytes = shape.len().saturating_mul(header.element.size);
        if bytes > MAX_BYTES {
            let reason = format!("an image of {shape} has {} MiB, and the most is {}", bytes >> 20, MAX_BYTES >> 20);
            return Err(unreadable(path, &name, reason));
        }
        Ok(Self { name, header, count, shape, is_channels_first })
    }

    /// Bytes of the numbers of an image.
    pub(super) fn source_bytes(&self) -> usize {
        self.shape.len() * self.header.element.size
    }

    /// How many numbers lie together of an image, all of one channel or of all; and how many such planes there are.
    pub(super) fn planes(&self) -> (usize, usize) {
        let ImageShape { height, width, channels } = self.shape;
        if self.is_channels_first { (height * width, channels) } else { (self.shape.len(), 1) }
    }

    /// Whether an image lies row by row, and the channels of a pixel together.
    pub(super) fn is_in_order(&self) -> bool {
        !self.header.is_fortran && self.planes().1 == 1
    }

    /// The place in an image, `[H, W, C]`, of what comes after so many numbers of it, where the first index goes fastest.
    pub(super) fn fortran_place(&self, number: usize) -> usize {
        let ImageShape { height, width, channels } = self.shape;
        let (row, column, channel) = if self.is_channels_first {
            let pixel = number / channels;
            (pixel % height, pixel / height, number % channels)
        } else {
            let rest = number / height;
            (number % height, rest % width, rest / width)
        };
        (row * width + column) * channels + channel
    }
}
