//! Neighbourhoods laid out side by side, for images of few channels.
//!
//! With one to four input channels a row of the gather-GEMM would be over before it began. Here the taps of a pixel are
//! copied next to one another instead, so that the layer becomes a pointwise one with `taps * C` input channels. The
//! copies are small, nine numbers for each one, and are made for a few pixels at a time.

use crate::geometry::{Direction, Geometry};
use std::ops::Range;

/// Stands for a tap that reaches outside the image.
const OUTSIDE: u32 = u32::MAX;

/// Where the numbers of a patch come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// From rows of the image that lie a row of it apart; this is where the first begins.
    Inside(u32),
    /// Each from a place of its own: patch number so and so of [`Patches::edges`].
    Edge(u32),
}

/// Which number of an image goes where in its patches.
#[derive(Clone, Debug)]
pub struct Patches {
    pixels: Vec<Source>,
    /// For each number of each patch that reaches outside the image: where it comes from.
    edges: Vec<u32>,
    /// Numbers of a row of taps, and of a row of the image.
    run_len: usize,
    row_len: usize,
    patch_len: usize,
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
        let patch_len = geometry.taps() * channels;
        let mut edges = Vec::new();
        let pixel = |small| {
            let sources = geometry.sources(Direction::Down, small);
            if sources.len() == geometry.taps() {
                return Source::Inside((sources[0].1 * channels) as u32);
            }
            let number = edges.len() / patch_len;
            edges.resize(edges.len() + patch_len, OUTSIDE);
            for (tap, large) in sources {
                for channel in 0..channels {
                    edges[number * patch_len + tap * channels + channel] = (large * channels + channel) as u32;
                }
            }
            Source::Edge(number as u32)
        };
        Self {
            pixels: (0..geometry.small_pixels()).map(pixel).collect(),
            edges,
            run_len: geometry.kernel[1] * channels,
            row_len: geometry.large[1] * channels,
            patch_len,
            source_len,
        }
    }

    /// Pixels of an image that have a patch.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.pixels.len()
    }

    /// Numbers of a patch: `taps * C`.
    #[must_use]
    pub fn patch_len(&self) -> usize {
        self.patch_len
    }

    /// Numbers of an image: `large pixels * C`.
    #[must_use]
    pub fn source_len(&self) -> usize {
        self.source_len
    }

    /// One image `x`, `[large pixels, C]`, to the patches `y` of these of its pixels, `[pixels, taps * C]`, zero where
    /// a tap reaches outside.
    ///
    /// # Panics
    /// If there are no such pixels, or a slice is too short.
    pub fn run(&self, x: &[f32], pixels: Range<usize>, y: &mut [f32]) {
        match self.run_len {
            3 => self.copy::<3>(x, pixels, y),
            6 => self.copy::<6>(x, pixels, y),
            9 => self.copy::<9>(x, pixels, y),
            12 => self.copy::<12>(x, pixels, y),
            _ => self.copy::<0>(x, pixels, y),
        }
    }

    /// [`Patches::run`] for a row of `RUN` taps, known when this is compiled; 0 is any.
    fn copy<const RUN: usize>(&self, x: &[f32], pixels: Range<usize>, y: &mut [f32]) {
        let run_len = if RUN == 0 { self.run_len } else { RUN };
        let x = &x[..self.source_len];
        let y = &mut y[..pixels.len() * self.patch_len];
        for (pixel, y) in self.pixels[pixels].iter().zip(y.chunks_exact_mut(self.patch_len)) {
            match *pixel {
                Source::Inside(first) => {
                    let rows = x[first as usize..].chunks(self.row_len);
                    for (y, x) in y.chunks_exact_mut(run_len).zip(rows) {
                        y.copy_from_slice(&x[..run_len]);
                    }
                }
                Source::Edge(number) => {
                    let sources = &self.edges[number as usize * self.patch_len..];
                    for (y, source) in y.iter_mut().zip(sources) {
                        *y = x.get(*source as usize).copied().unwrap_or(0.0);
                    }
                }
            }
        }
    }
}
