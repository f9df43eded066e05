//! From a picture of any size to an image of one size.

use super::Depth;
use super::picture::{Picture, Samples, luma};
use super::preprocessing::{Fit, Preparation, Size};

/// Brings a picture, whose channels are those of the preparation, to its size; writes all of `out`, `[H, W, C]` in this
/// depth, which is no less than the picture's.
pub(super) fn fit(picture: &Picture, preparation: &Preparation, depth: Depth, out: &mut [u8]) {
    let Size { width, height } = preparation.size;
    let (columns, rows) = match preparation.fit {
        Fit::Stretch => (Axis::whole(picture.width, width), Axis::whole(picture.height, height)),
        Fit::Crop => {
            // The wider of the two ratios loses at its sides.
            let is_wide = picture.width * height >= picture.height * width;
            let visible = |side: usize, across: usize, of: usize| side as f64 * across as f64 / of as f64;
            if is_wide {
                let visible = visible(picture.height, width, height);
                (Axis::middle(picture.width, visible, width), Axis::whole(picture.height, height))
            } else {
                let visible = visible(picture.width, height, width);
                (Axis::whole(picture.width, width), Axis::middle(picture.height, visible, height))
            }
        }
        Fit::Fit => {
            let is_wide = picture.width * height >= picture.height * width;
            let share = |side: usize, across: usize, of: usize, most: usize| {
                ((side as f64 * across as f64 / of as f64).round() as usize).clamp(1, most)
            };
            if is_wide {
                let filled = share(picture.height, width, picture.width, height);
                (Axis::whole(picture.width, width), Axis::whole(picture.height, filled))
            } else {
                let filled = share(picture.width, height, picture.height, width);
                (Axis::whole(picture.width, filled), Axis::whole(picture.height, height))
            }
        }
    };
    let channels = preparation.channels.count();
    let bytes = depth.bytes();
    if columns.len() < width || rows.len() < height {
        let background = preparation.background.0;
        let background = if channels == 3 { background.to_vec() } else { vec![luma(background); channels] };
        for pixel in out.chunks_exact_mut(channels * bytes) {
            // A byte times 257 is the same share of 16 bits.
            for (out, &byte) in pixel.chunks_exact_mut(bytes).zip(&background) {
                out.fill(byte);
            }
        }
    }
    let (left, top) = ((width - columns.len()) / 2, (height - rows.len()) / 2);
    let factor = f32::from(depth.most() / picture.depth().most());
    let mut write = |row: usize, line: &[f32]| {
        let out = &mut out[((top + row) * width + left) * channels * bytes..];
        // Weights are positive and add up to one, but for rounding.
        match depth {
            Depth::Eight => {
                out.iter_mut().zip(line).for_each(|(out, value)| *out = (value + 0.5).clamp(0.0, 255.0) as u8);
            }
            Depth::Sixteen => {
                for (out, value) in out.as_chunks_mut().0.iter_mut().zip(line) {
                    *out = ((value * factor + 0.5).clamp(0.0, 65535.0) as u16).to_le_bytes();
                }
            }
        }
    };
    match &picture.samples {
        Samples::Eight(samples) => resample(samples, picture.width, channels, &columns, &rows, &mut write),
        Samples::Sixteen(samples) => resample(samples, picture.width, channels, &columns, &rows, &mut write),
    }
}

/// Which source pixels make each target pixel along one axis, and with which weights.
struct Axis {
    /// The first source pixel, and its place and number among the weights.
    taps: Vec<(usize, usize, usize)>,
    weights: Vec<f32>,
}

impl Axis {
    /// All of `source` pixels to `target`.
    fn whole(source: usize, target: usize) -> Self {
        Self::new(source, 0.0, source as f64, target)
    }

    /// The middle `visible` of `source` pixels to `target`, beginning with a whole pixel.
    fn middle(source: usize, visible: f64, target: usize) -> Self {
        Self::new(source, ((source as f64 - visible) / 2.0).max(0.0).floor(), visible, target)
    }

    /// A triangle filter: its half width is a target pixel where pixels become fewer, else a source pixel. It looks at
    /// nothing outside of what is visible.
    fn new(source: usize, start: f64, visible: f64, target: usize) -> Self {
        let scale = visible / target as f64;
        let radius = scale.max(1.0);
        let (first, last) = (start as usize, ((start + visible).ceil() as usize).min(source));
        let (mut taps, mut weights) = (Vec::with_capacity(target), Vec::new());
        for pixel in 0..target {
            let centre = start + (pixel as f64 + 0.5) * scale;
            let from = ((centre - radius).floor().max(0.0) as usize).clamp(first, last - 1);
            let to = ((centre + radius).ceil() as usize).clamp(from + 1, last);
            let place = weights.len();
            let weight = |source: usize| (1.0 - (source as f64 + 0.5 - centre).abs() / radius).max(0.0);
            let sum: f64 = (from..to).map(weight).sum();
            weights.extend((from..to).map(|source| (weight(source) / sum) as f32));
            taps.push((from, place, to - from));
        }
        Self { taps, weights }
    }

    fn len(&self) -> usize {
        self.taps.len()
    }

    /// For each target pixel its first source pixel, and the weight of this one and those after it.
    fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.taps.iter().map(|&(first, place, count)| (first, &self.weights[place..][..count]))
    }
}

/// Hands each row of the resampled picture, `[columns, C]`, to `write`.
fn resample<T: Copy + Into<f32>>(
    samples: &[T],
    width: usize,
    channels: usize,
    columns: &Axis,
    rows: &Axis,
    write: &mut impl FnMut(usize, &[f32]),
) {
    let line_len = columns.len() * channels;
    // Source rows brought to the target's width, from number `first` on: only as many as one target row needs.
    let mut lines: std::collections::VecDeque<Vec<f32>> = std::collections::VecDeque::new();
    let mut first = 0;
    let mut sum = vec![0.0; line_len];
    for (row, (from, weights)) in rows.iter().enumerate() {
        while first < from {
            lines.pop_front();
            first += 1;
        }
        while lines.len() < weights.len() {
            let source = &samples[(first + lines.len()) * width * channels..][..width * channels];
            let mut line = vec![0.0; line_len];
            for ((from, weights), pixel) in columns.iter().zip(line.chunks_exact_mut(channels)) {
                let pixels = source[from * channels..].chunks_exact(channels);
                for (weight, source) in weights.iter().zip(pixels) {
                    pixel.iter_mut().zip(source).for_each(|(out, &value)| *out += weight * value.into());
                }
            }
            lines.push_back(line);
        }
        sum.fill(0.0);
        for (weight, line) in weights.iter().zip(&lines) {
            sum.iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
        }
        write(row, &sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::preprocessing::{Channels, Colour, Frames};
    use proptest::prelude::*;

    fn preparation(width: usize, height: usize, fit: Fit, channels: Channels) -> Preparation {
        let (size, background) = (Size { width, height }, Colour([9, 9, 9]));
        Preparation { size, channels, fit, background, range: None, frames: Frames::First }
    }

    fn fitted(picture: &Picture, preparation: &Preparation) -> Vec<u8> {
        let mut out = vec![77; preparation.shape().len()];
        fit(picture, preparation, Depth::Eight, &mut out);
        out
    }

    fn picture(width: usize, height: usize, bytes: Vec<u8>) -> Picture {
        Picture { width, height, samples: Samples::Eight(bytes) }
    }

    fn noise(width: usize, height: usize, channels: usize) -> Vec<u8> {
        (0..width * height * channels).map(|i| (i * i * 31 % 253) as u8).collect()
    }

    #[test]
    fn a_picture_of_the_right_size_stays_as_it_is() {
        for fit in [Fit::Fit, Fit::Crop, Fit::Stretch] {
            let pixels = noise(13, 9, 3);
            let preparation = preparation(13, 9, fit, Channels::Rgb);
            assert_eq!(fitted(&picture(13, 9, pixels.clone()), &preparation), pixels);
            let samples: Vec<u16> = pixels.iter().map(|&byte| u16::from(byte) * 251 + 3).collect();
            let expected: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let deep = Picture { width: 13, height: 9, samples: Samples::Sixteen(samples) };
            let mut out = vec![77; expected.len()];
            super::fit(&deep, &preparation, Depth::Sixteen, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn crop_takes_the_middle_and_fit_leaves_bars() {
        // Columns 0 to 15, of which the middle eight are seen.
        let pixels = (0..8).flat_map(|_| 0..16).collect();
        let wide = picture(16, 8, pixels);
        let cropped = fitted(&wide, &preparation(8, 8, Fit::Crop, Channels::Grey));
        assert_eq!(&cropped[..8], [4, 5, 6, 7, 8, 9, 10, 11]);
        // An odd rest goes to the right: no pixel is blurred.
        let odd = picture(9, 8, (0..8).flat_map(|_| 0..9).collect());
        assert_eq!(&fitted(&odd, &preparation(8, 8, Fit::Crop, Channels::Grey))[..8], [0, 1, 2, 3, 4, 5, 6, 7]);

        let flat = picture(16, 8, vec![200; 128]);
        let letterboxed = fitted(&flat, &preparation(8, 8, Fit::Fit, Channels::Grey));
        let rows: Vec<u8> = letterboxed.chunks(8).map(|row| row[3]).collect();
        assert_eq!(rows, [9, 9, 200, 200, 200, 200, 9, 9]);
        let tall = picture(8, 16, vec![200; 128]);
        let pillarboxed = fitted(&tall, &preparation(8, 8, Fit::Fit, Channels::Grey));
        assert_eq!(&pillarboxed[..8], [9, 9, 200, 200, 200, 200, 9, 9]);
    }

    #[test]
    fn halving_weighs_like_the_filter() {
        // A triangle two target pixels wide over pixels at distances 0.5 and 1.5 of 2: weights 3 and 1, of 8.
        let picture = picture(16, 8, [[0; 8], [200; 8]].concat().repeat(8));
        let row = &fitted(&picture, &preparation(8, 8, Fit::Stretch, Channels::Grey))[..8];
        assert_eq!(row, [0, 0, 0, 25, 175, 200, 200, 200]);
        // A picture of 8 bits among deeper ones keeps what lies between its levels.
        let preparation = preparation(8, 8, Fit::Stretch, Channels::Grey);
        let mut out = vec![0; 128];
        fit(&picture, &preparation, Depth::Sixteen, &mut out);
        let row: Vec<u16> = Depth::Sixteen.values(&out[..16]).collect();
        assert_eq!(row, [0, 0, 0, 6425, 44975, 51400, 51400, 51400]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Any picture gives exactly the shape asked for, and no value outside of those it has.
        #[test]
        fn any_size_gives_the_shape(
            (from, to) in ((1..70usize, 1..70usize), (8..40usize, 8..40usize)),
            fit in prop_oneof![Just(Fit::Fit), Just(Fit::Crop), Just(Fit::Stretch)],
            channels in prop_oneof![Just(Channels::Grey), Just(Channels::Rgb)],
            (low, spread) in (0..=255u8, 0..=255u8),
        ) {
            let mut pixels = noise(from.0, from.1, channels.count());
            for pixel in &mut pixels {
                *pixel = (low.saturating_add(*pixel % spread.max(1))).max(low);
            }
            let (least, most) = (*pixels.iter().min().unwrap(), *pixels.iter().max().unwrap());
            let picture = picture(from.0, from.1, pixels);
            let preparation = preparation(to.0, to.1, fit, channels);
            let out = fitted(&picture, &preparation);
            prop_assert_eq!(out.len(), to.0 * to.1 * channels.count());
            let is_background = |value: u8| fit == Fit::Fit && value == 9;
            prop_assert!(out.iter().all(|&value| (least..=most).contains(&value) || is_background(value)));
        }
    }
}
