//! Structural similarity.

use crate::dataset::ImageShape;

/// Pixels from the middle of the window to its edge: 3.5 standard deviations.
const RADIUS: usize = 5;
const WINDOW: usize = 2 * RADIUS + 1;
const SIGMA: f64 = 1.5;
/// `(K1 L)^2` and `(K2 L)^2` with `K1 = 0.01`, `K2 = 0.03` and the range of values `L = 1`.
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// The mean structural similarity of two images, `[H, W, C]` with values from 0 to 1: 1 of equal ones. None where a side is
/// shorter than the window, 11 pixels.
///
/// As Wang, Bovik, Sheikh and Simoncelli (2004, "Image Quality Assessment: From Error Visibility to Structural Similarity",
/// section III.C) have it: a Gaussian window of 11 x 11 with a standard deviation of 1.5 pixels, at all places where it
/// lies within the image; a channel by itself, and the mean over channels.
///
/// # Panics
/// If the images are not of this shape.
#[must_use]
pub fn ssim(shape: ImageShape, a: &[f32], b: &[f32]) -> Option<f64> {
    let ImageShape { height, width, channels } = shape;
    assert!(a.len() == shape.len() && b.len() == shape.len(), "images of {shape}");
    if height < WINDOW || width < WINDOW {
        return None;
    }
    let window = window();
    let mut sum = 0.0;
    for channel in 0..channels {
        let plane = |image: &[f32]| -> Vec<f64> {
            image.iter().skip(channel).step_by(channels).map(|&value| f64::from(value)).collect()
        };
        let (a, b) = (plane(a), plane(b));
        let product = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
        let planes = [product(&a, &a), product(&b, &b), product(&a, &b), a, b];
        let [aa, bb, ab, a, b] = planes.map(|plane| filtered(&plane, width, &window));
        for i in 0..a.len() {
            let (mean_a, mean_b) = (a[i], b[i]);
            let (var_a, var_b) = (aa[i] - mean_a * mean_a, bb[i] - mean_b * mean_b);
            let covariance = ab[i] - mean_a * mean_b;
            sum += (2.0 * mean_a * mean_b + C1) * (2.0 * covariance + C2)
                / ((mean_a * mean_a + mean_b * mean_b + C1) * (var_a + var_b + C2));
        }
    }
    let places = (height + 1 - WINDOW) * (width + 1 - WINDOW) * channels;
    Some(sum / places as f64)
}

/// The window along one axis, which adds up to 1.
fn window() -> [f64; WINDOW] {
    let weight = |i: usize| libm::exp(-0.5 * (i as f64 - RADIUS as f64) * (i as f64 - RADIUS as f64) / (SIGMA * SIGMA));
    let weights: [f64; WINDOW] = std::array::from_fn(weight);
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

/// The weighted mean of a plane, rows of `width`, in the window at each place where it lies within.
fn filtered(plane: &[f64], width: usize, window: &[f64; WINDOW]) -> Vec<f64> {
    let along: Vec<f64> =
        plane.chunks_exact(width).flat_map(|row| row.windows(WINDOW).map(|part| dot(part, window))).collect();
    let width = width + 1 - WINDOW;
    let mut out = vec![0.0; along.len() - (WINDOW - 1) * width];
    for (row, out) in out.chunks_exact_mut(width).enumerate() {
        for (number, weight) in window.iter().enumerate() {
            let values = &along[(row + number) * width..][..width];
            out.iter_mut().zip(values).for_each(|(out, value)| *out += weight * value);
        }
    }
    out
}

fn dot(a: &[f64], b: &[f64; WINDOW]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That of `tests/golden/make_evaluation.py`.
    fn image(shape: ImageShape, seed: usize) -> Vec<f32> {
        let ImageShape { width, channels, .. } = shape;
        let value = |i: usize| {
            let (c, x, y) = (i % channels, i / channels % width, i / channels / width);
            let slope = (x * (5 + seed) + y * (11 - 2 * seed) + 40 * c) % 160;
            (slope + (i * i * (7 + seed) + 13 * i) % 89) as f32 / 255.0
        };
        (0..shape.len()).map(value).collect()
    }

    #[test]
    fn similarities_are_those_of_scikit_image() {
        for (height, width, channels, expected) in [
            (11, 11, 1, 0.204_013_598_893_743_74),
            (28, 28, 1, 0.261_032_461_130_363_66),
            (12, 31, 1, 0.381_952_383_640_053_13),
            (20, 16, 3, 0.317_893_434_664_292),
        ] {
            let shape = ImageShape { height, width, channels };
            let (a, b) = (image(shape, 0), image(shape, 1));
            let found = ssim(shape, &a, &b).unwrap();
            assert!((found - expected).abs() < 1e-12, "{shape}: {found}, not {expected}");
            assert!((ssim(shape, &a, &a).unwrap() - 1.0).abs() < 1e-12);
            assert!((ssim(shape, &b, &a).unwrap() - found).abs() < 1e-12);
        }
    }

    #[test]
    fn images_smaller_than_the_window_have_none() {
        for (height, width) in [(10, 30), (30, 10)] {
            let shape = ImageShape { height, width, channels: 1 };
            assert_eq!(ssim(shape, &[0.0; 300], &[0.0; 300]), None);
        }
    }
}
