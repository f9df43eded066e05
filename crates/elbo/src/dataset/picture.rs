//! A picture of any size in memory.

use super::Depth;

/// A picture in memory, no side zero.
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) samples: Samples,
}

/// The values of a picture: `[H, W, C]`, row-major.
pub(super) enum Samples {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

impl Picture {
    pub(super) fn depth(&self) -> Depth {
        match self.samples {
            Samples::Eight(_) => Depth::Eight,
            Samples::Sixteen(_) => Depth::Sixteen,
        }
    }
}

/// Grey as ITU-R BT.601 weighs red, green and blue, to the nearest.
pub(super) fn luma<T: Sample>([red, green, blue]: [T; 3]) -> T {
    T::nearest((299 * red.into() + 587 * green.into() + 114 * blue.into() + 500) / 1000)
}

/// A pixel that covers `alpha`, as a share of the largest value, of the background, to the nearest.
#[cfg_attr(not(feature = "pictures"), expect(dead_code, reason = "arrays have no transparency"))]
pub(super) fn blend<T: Sample>(pixel: [T; 3], alpha: T, background: [T; 3]) -> [T; 3] {
    let (alpha, most) = (alpha.into(), T::MOST.into());
    let blend =
        |i: usize| T::nearest((pixel[i].into() * alpha + background[i].into() * (most - alpha) + most / 2) / most);
    [blend(0), blend(1), blend(2)]
}

/// A value of 8 or 16 bits.
pub(super) trait Sample: Copy + Into<u64> {
    /// The largest.
    const MOST: Self;
    /// The same share of the largest value as a byte is of 255.
    #[cfg_attr(not(feature = "pictures"), expect(dead_code, reason = "arrays have no transparency"))]
    fn of_byte(byte: u8) -> Self;
    /// A number that is not above the largest.
    fn nearest(number: u64) -> Self;
}

impl Sample for u8 {
    const MOST: Self = Self::MAX;
    fn of_byte(byte: u8) -> Self {
        byte
    }
    fn nearest(number: u64) -> Self {
        number as Self
    }
}

impl Sample for u16 {
    const MOST: Self = Self::MAX;
    fn of_byte(byte: u8) -> Self {
        Self::from(byte) * 257
    }
    fn nearest(number: u64) -> Self {
        number as Self
    }
}
