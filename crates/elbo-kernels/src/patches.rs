//! Neighbourhoods laid out side by side, for images of few channels.
//!
//! With one to four input channels a row of the gather-GEMM would be over before it began. Here the taps of a pixel are
//! copied next to one another instead, so that the layer becomes a pointwise one with `taps * C` input channels. The
//! copies are small: nine numbers for each one.

use crate::geometry::{Direction, Geometry};

/// Stands for a tap that reaches outside the image.
const OUTSIDE: u32 = u32::MAX;

/// Which number of an image goes where in its patches.
#[derive(Clone, Debug)]
pub struct Patches {
    sources: Vec<u32>,
    source_len: usize,
}

impl Patches {
    /// The patches of the small side's pixels, from a large side of `channels` channels.
    ///
    /// # Panics
    /// If an image has more than 2^32 - 2 numbers.
    #[must_use]
    pub fn new(geometry: &Geometry, channels: usize) -> Self {
        let source_len = geometry.large_pixels() * channels;
        assert!(u32::try_from(source_len).is_ok_and(|len| len < OUTSIDE), "offsets must fit 32 bits");
        let patch = geometry.taps() * channels;
        let mut sources = vec![OUTSIDE; geometry.small_pixels() * patch];
        for (small, patch) in sources.chunks_exact_mut(patch).enumerate() {
            for (tap, large) in geometry.sources(Direction::Down, small) {
                for channel in 0..channels {
                    patch[tap * channels + channel] = (large * channels + channel) as u32;
                }
            }
        }
        Self { sources, source_len }
    }

    /// Numbers an image that come out: `small pixels * taps * channels`.
    #[must_use]
    pub fn target_len(&self) -> usize {
        self.sources.len()
    }

    /// `images` images `x`, `[images, large pixels, C]`, to patches `y`, `[images, small pixels, taps * C]`, zero
    /// where a tap reaches outside.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn run(&self, images: usize, x: &[f32], y: &mut [f32]) {
        assert!(y.len() >= images * self.target_len(), "patches");
        let x = x[..images * self.source_len].chunks_exact(self.source_len);
        for (x, y) in x.zip(y.chunks_exact_mut(self.target_len())) {
            for (y, source) in y.iter_mut().zip(&self.sources) {
                *y = x.get(*source as usize).copied().unwrap_or(0.0);
            }
        }
    }
}
