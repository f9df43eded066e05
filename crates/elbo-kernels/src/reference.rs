//! The definitions, plainly: what every kernel of this crate is tested against.
//!
//! Straight loops over [`Geometry`]'s formula with its own bounds, in any float type, sharing no code with the kernels.
//! Slow, and to stay so.

use crate::geometry::Geometry;
use std::ops::{Add, AddAssign, Mul};

/// What the definitions need of a number.
pub trait Float: Copy + Default + Add<Output = Self> + Mul<Output = Self> + AddAssign {}
impl Float for f32 {}
impl Float for f64 {}

/// Calls `join(small pixel, tap, large pixel)` for every join of one image.
fn for_each_join(geometry: &Geometry, mut join: impl FnMut(usize, usize, usize)) {
    let Geometry { kernel, stride, pad, large, small } = *geometry;
    for small_row in 0..small[0] {
        for small_column in 0..small[1] {
            for tap_row in 0..kernel[0] {
                for tap_column in 0..kernel[1] {
                    let large_row = (stride[0] * small_row + tap_row) as isize - pad[0] as isize;
                    let large_column = (stride[1] * small_column + tap_column) as isize - pad[1] as isize;
                    let inside =
                        (0..large[0] as isize).contains(&large_row) && (0..large[1] as isize).contains(&large_column);
                    if inside {
                        join(
                            small_row * small[1] + small_column,
                            tap_row * kernel[1] + tap_column,
                            large_row as usize * large[1] + large_column as usize,
                        );
                    }
                }
            }
        }
    }
}

/// A convolution: `y[i, co] = sum over k, ci of x[stride i + k - pad, ci] w[k, ci, co]`.
///
/// `x` is `[images, large, C_in]`, `w` `[taps, C_in, C_out]`; the result is `[images, small, C_out]`.
#[must_use]
pub fn convolution<T: Float>(geometry: &Geometry, [c_in, c_out]: [usize; 2], x: &[T], w: &[T]) -> Vec<T> {
    let images = x.len() / (geometry.large_pixels() * c_in);
    let mut y = vec![T::default(); images * geometry.small_pixels() * c_out];
    for image in 0..images {
        for_each_join(geometry, |small, tap, large| {
            for ci in 0..c_in {
                for co in 0..c_out {
                    y[(image * geometry.small_pixels() + small) * c_out + co] +=
                        x[(image * geometry.large_pixels() + large) * c_in + ci] * w[(tap * c_in + ci) * c_out + co];
                }
            }
        });
    }
    y
}

/// A transposed convolution: `y[stride i + k - pad, co] += sum over ci of x[i, ci] w[k, ci, co]`.
///
/// `x` is `[images, small, C_in]`, `w` `[taps, C_in, C_out]`; the result is `[images, large, C_out]`.
#[must_use]
pub fn transposed_convolution<T: Float>(geometry: &Geometry, [c_in, c_out]: [usize; 2], x: &[T], w: &[T]) -> Vec<T> {
    let images = x.len() / (geometry.small_pixels() * c_in);
    let mut y = vec![T::default(); images * geometry.large_pixels() * c_out];
    for image in 0..images {
        for_each_join(geometry, |small, tap, large| {
            for ci in 0..c_in {
                for co in 0..c_out {
                    y[(image * geometry.large_pixels() + large) * c_out + co] +=
                        x[(image * geometry.small_pixels() + small) * c_in + ci] * w[(tap * c_in + ci) * c_out + co];
                }
            }
        });
    }
    y
}

/// The weight gradient of [`convolution`]: `dw[k, ci, co] = sum over images and i of x[stride i + k - pad, ci] dy[i,
/// co]`.
#[must_use]
pub fn convolution_weight_gradient<T: Float>(
    geometry: &Geometry,
    [c_in, c_out]: [usize; 2],
    x: &[T],
    dy: &[T],
) -> Vec<T> {
    let images = x.len() / (geometry.large_pixels() * c_in);
    let mut dw = vec![T::default(); geometry.taps() * c_in * c_out];
    for image in 0..images {
        for_each_join(geometry, |small, tap, large| {
            for ci in 0..c_in {
                for co in 0..c_out {
                    dw[(tap * c_in + ci) * c_out + co] += x[(image * geometry.large_pixels() + large) * c_in + ci]
                        * dy[(image * geometry.small_pixels() + small) * c_out + co];
                }
            }
        });
    }
    dw
}

/// The weight gradient of [`transposed_convolution`].
#[must_use]
pub fn transposed_convolution_weight_gradient<T: Float>(
    geometry: &Geometry,
    [c_in, c_out]: [usize; 2],
    x: &[T],
    dy: &[T],
) -> Vec<T> {
    let images = x.len() / (geometry.small_pixels() * c_in);
    let mut dw = vec![T::default(); geometry.taps() * c_in * c_out];
    for image in 0..images {
        for_each_join(geometry, |small, tap, large| {
            for ci in 0..c_in {
                for co in 0..c_out {
                    dw[(tap * c_in + ci) * c_out + co] += x[(image * geometry.small_pixels() + small) * c_in + ci]
                        * dy[(image * geometry.large_pixels() + large) * c_out + co];
                }
            }
        });
    }
    dw
}

/// The weights with each tap's matrix transposed: `[taps, C_in, C_out]` to `[taps, C_out, C_in]`. A layer's input
/// gradient is its adjoint with these weights.
#[must_use]
pub fn transpose_taps<T: Float>([c_in, c_out]: [usize; 2], w: &[T]) -> Vec<T> {
    let mut transposed = Vec::with_capacity(w.len());
    for tap in w.chunks_exact(c_in * c_out) {
        for co in 0..c_out {
            transposed.extend((0..c_in).map(|ci| tap[ci * c_out + co]));
        }
    }
    transposed
}
