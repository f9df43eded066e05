//! Neighbourhoods laid out side by side, for images of few channels.
//!
//! With one to four input channels a row of the gather-GEMM would be over before it began. Here the taps of a pixel are
//! copied next to one another instead, so that the layer becomes a pointwise one with `taps * C` input channels. The
//! copies are small, nine numbers for each one, and are made for a few pixels at a time.

use crate::geometry::{Direction, Geometry};
use std::ops::Range;

/// Stands for a tap that reaches outside the image.
const OUTSIDE: u32 = u32::MAX;

/// Pixels that follow one another, and where the numbers of their patches come from.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// The first of the pixels; the last is the one before the next span's first.
    pixel: usize,
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    /// A row of taps is a piece of a row of the image; this is where the first pixel's first begins.
    Inside(usize),
    /// Each number has a place of its own, from this one of [`Patches::edges`] on.
    Edge(usize),
}

/// Which number of an image goes where in its patches.
#[derive(Clone, Debug)]
pub struct Patches {
    spans: Vec<Span>,
    /// For each number of each patch that reaches outside the image: where it comes from.
    edges: Vec<u32>,
    pixels: usize,
    /// Numbers of the image from one pixel's taps to the next's, and from one row to the next.
    step: usize,
    row_len: usize,
    /// Numbers of a row of taps.
    run_len: usize,
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
        let (mut spans, mut edges) = (Vec::new(), Vec::new());
        let mut before_is_inside = false;
        for pixel in 0..geometry.small_pixels() {
            let sources = geometry.sources(Direction::Down, pixel);
            let is_inside = sources.len() == geometry.taps();
            if is_inside {
                let begins_row = pixel.is_multiple_of(geometry.small[1]);
                if !before_is_inside || begins_row {
                    spans.push(Span { pixel, source: Source::Inside(sources[0].1 * channels) });
                }
            } else {
                spans.push(Span { pixel, source: Source::Edge(edges.len()) });
                let begin = edges.len();
                edges.resize(begin + patch_len, OUTSIDE);
                for (tap, large) in sources {
                    for channel in 0..channels {
                        edges[begin + tap * channels + channel] = (large * channels + channel) as u32;
                    }
                }
            }
            before_is_inside = is_inside;
        }
        Self {
            spans,
            edges,
            pixels: geometry.small_pixels(),
            step: geometry.stride[1] * channels,
            row_len: geometry.large[1] * channels,
            run_len: geometry.kernel[1] * channels,
            patch_len,
            source_len,
        }
    }

    /// Pixels of an image that have a patch.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.pixels
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
        let (x, y) = (&x[..self.source_len], &mut y[..pixels.len() * self.patch_len]);
        match [self.run_len, self.patch_len] {
            [3, 9] => self.write::<3>(x, pixels, y),
            [6, 18] => self.write::<6>(x, pixels, y),
            [9, 27] => self.write::<9>(x, pixels, y),
            [12, 36] => self.write::<12>(x, pixels, y),
            _ => self.write::<0>(x, pixels, y),
        }
    }

    /// [`Patches::run`] for three rows of `RUN` numbers a patch, which are copied fast; 0 is any others.
    fn write<const RUN: usize>(&self, x: &[f32], pixels: Range<usize>, mut y: &mut [f32]) {
        let mut span = self.spans.partition_point(|span| span.pixel <= pixels.start).saturating_sub(1);
        let mut pixel = pixels.start;
        while pixel < pixels.end {
            let end = self.spans.get(span + 1).map_or(self.pixels, |next| next.pixel).min(pixels.end);
            let (here, rest) = y.split_at_mut((end - pixel) * self.patch_len);
            let Span { pixel: begin, source } = self.spans[span];
            match source {
                Source::Inside(first) => {
                    let x = &x[first + (pixel - begin) * self.step..];
                    if RUN == 0 {
                        self.copy(x, here);
                    } else {
                        self.copy_three::<RUN>(x, here);
                    }
                }
                Source::Edge(begin) => {
                    for (y, source) in here.iter_mut().zip(&self.edges[begin..]) {
                        *y = x.get(*source as usize).copied().unwrap_or(0.0);
                    }
                }
            }
            (y, pixel, span) = (rest, end, span + 1);
        }
    }

    /// The patches of pixels that follow one another inside the image, of which the first's begins at `x`.
    fn copy(&self, x: &[f32], y: &mut [f32]) {
        for (pixel, y) in y.chunks_exact_mut(self.patch_len).enumerate() {
            for (row, y) in y.chunks_exact_mut(self.run_len).enumerate() {
                y.copy_from_slice(&x[pixel * self.step + row * self.row_len..][..self.run_len]);
            }
        }
    }

    /// [`Patches::copy`] for three rows of `RUN` numbers a patch.
    fn copy_three<const RUN: usize>(&self, x: &[f32], y: &mut [f32]) {
        let pixels = y.len() / (3 * RUN);
        let last = pixels.saturating_sub(1) * self.step + 2 * self.row_len;
        assert!(x.len() >= last + RUN, "the last row of the last patch");
        for pixel in 0..pixels {
            // SAFETY: row `row` of patch `pixel` begins at `pixel * step + row * row_len`, which is at most `last`,
            // and has `RUN` numbers, by the assertion; `y` has `3 * RUN` for each of `pixels` patches, by the
            // division. `y` is borrowed mutably, so that `x` is another slice. An array of `f32` is aligned as `f32`
            // is.
            unsafe {
                let from = x.as_ptr().add(pixel * self.step);
                let to = y.as_mut_ptr().add(pixel * 3 * RUN).cast::<[f32; RUN]>();
                for row in 0..3 {
                    to.add(row).write(from.add(row * self.row_len).cast::<[f32; RUN]>().read());
                }
            }
        }
    }
}
