//! A picture of any size in memory.

/// A picture in memory: `[H, W, C]`, row-major, no side zero.
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

/// Grey as ITU-R BT.601 weighs red, green and blue, to the nearest.
pub(super) fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) + 500) / 1000) as u8
}
