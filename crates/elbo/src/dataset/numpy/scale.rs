//! What the values of images in arrays mean: decided array by array, from all of their values.

use super::{ArrayError, Images, Note};
use std::path::Path;

/// By how much values may pass the ends of a range, as a share of it: interpolation does that to pictures. More says that
/// the range is another one.
const OVERSHOOT: f64 = 0.25;
/// The largest value of numbers with fractions that is still too small for a range up to 255, which would be next to black.
const DARK: f64 = 16.0;

/// What the values of images mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scale {
    /// From 0 to 255.
    Bytes,
    /// From 0 to 1, with fractions.
    Unit,
    /// 0 and 1, and nothing between.
    Mask,
    /// Nothing but zeros, which may mean any of them.
    Zeros,
}

/// The scale of an array, and what is to be said of it.
pub(super) struct Decided {
    pub(super) scale: Scale,
    pub(super) note: Option<Note>,
}

/// What all values of an array are like.
struct Measured {
    least: f64,
    most: f64,
    is_whole: bool,
    /// How many lie below 0, above 1 and above 255, and how many there are.
    outside: [usize; 3],
    count: usize,
}

impl Measured {
    fn of(images: &Images, path: &Path) -> Result<Self, ArrayError> {
        let mut measured =
            Self { least: f64::INFINITY, most: f64::NEG_INFINITY, is_whole: true, outside: [0; 3], count: 0 };
        for value in images.array.floats() {
            if !value.is_finite() {
                let image = measured.count / images.shape.len();
                return Err(ArrayError::NotFinite { path: path.to_owned(), array: images.key(), image, value });
            }
            measured.count += 1;
            measured.least = measured.least.min(value);
            measured.most = measured.most.max(value);
            measured.is_whole &= value.fract() == 0.0;
            for (outside, is_outside) in measured.outside.iter_mut().zip([value < 0.0, value > 1.0, value > 255.0]) {
                *outside += usize::from(is_outside);
            }
        }
        Ok(measured)
    }

    /// Whether all values lie in a range from 0 on, or pass its ends by as little as interpolation makes them.
    fn is_about(&self, end: f64) -> bool {
        self.least >= -OVERSHOOT * end && self.most <= (1.0 + OVERSHOOT) * end
    }
}

impl Scale {
    /// What the values of an array mean.
    pub(super) fn of(images: &Images, path: &Path) -> Result<Decided, ArrayError> {
        let only = |scale| Decided { scale, note: None };
        if let Some(bytes) = images.array.as_bytes() {
            return Ok(match bytes.iter().max() {
                Some(0) | None => only(Self::Zeros),
                Some(1) => Decided { scale: Self::Mask, note: Some(Note::Mask) },
                Some(_) => only(Self::Bytes),
            });
        }
        let measured = Measured::of(images, path)?;
        let Measured { least, most, is_whole, outside: [below, above_one, above_bytes], count } = measured;
        let wrong = || ArrayError::Range { path: path.to_owned(), array: images.key(), least, most };
        let cut = |above: usize, end: u8| {
            let array = images.key();
            let (least, most) = (format!("{least:.4}"), format!("{most:.4}"));
            (below + above > 0).then_some(Note::Cut { array, least, most, end, values: below + above, total: count })
        };
        if is_whole {
            return match (least >= 0.0, most) {
                (true, 0.0) => Ok(only(Self::Zeros)),
                (true, 1.0) => Ok(Decided { scale: Self::Mask, note: Some(Note::Mask) }),
                (true, most) if most <= 255.0 => Ok(only(Self::Bytes)),
                _ => Err(wrong()),
            };
        }
        if measured.is_about(1.0) {
            return Ok(Decided { scale: Self::Unit, note: cut(above_one, 1).or(Some(Note::UnitValues)) });
        }
        if measured.is_about(255.0) && most > DARK {
            return Ok(Decided { scale: Self::Bytes, note: cut(above_bytes, 255).or(Some(Note::RoundedValues)) });
        }
        Err(wrong())
    }

    /// What two arrays of one data set mean together; none if they have different scales.
    pub(super) fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (same, other) if same == other => Some(same),
            (Self::Zeros, other) | (other, Self::Zeros) => Some(other),
            // A part may have nothing but black and white.
            (Self::Unit, Self::Mask) | (Self::Mask, Self::Unit) => Some(Self::Unit),
            _ => None,
        }
    }

    /// In words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "values from 0 to 255",
            Self::Unit => "values from 0 to 1",
            Self::Mask => "only 0 and 1",
            Self::Zeros => "only 0",
        }
    }

    /// What values are multiplied with to be bytes.
    pub(super) fn factor(self) -> f64 {
        match self {
            Self::Bytes | Self::Zeros => 1.0,
            Self::Unit | Self::Mask => 255.0,
        }
    }
}
