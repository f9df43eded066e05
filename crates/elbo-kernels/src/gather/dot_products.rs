//! The kernel for few output channels: dot products.

use super::{Run, Stretch};
use crate::epilogue::Epilogue;
use crate::extent::PixelPair;
use crate::simd::{Kernel, Simd};

/// Pixels whose dot products are made together: a vector of weights is read once for all of them, and their sums hide
/// each other's latency.
const DOT_ROWS: usize = 8;

/// Dot products; the weights are packed as one row `[taps, C_in]` for each output channel.
pub(super) struct Dots<'a>(pub(super) Run<'a>);

impl Kernel for Dots<'_> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let run = &self.0;
        for group in &run.plan.groups {
            for pixels in group.pixels[..run.images * group.pixels_an_image].chunks(DOT_ROWS) {
                for channel in 0..run.plan.extent.c_out {
                    if pixels.len() == DOT_ROWS {
                        // SAFETY: there are as many pixels as the constant says; the rest is the contract of `Run`.
                        unsafe { dot::<S, DOT_ROWS>(simd, run, &group.stretches, pixels, channel) }
                    } else {
                        for pixel in pixels.chunks(1) {
                            // SAFETY: as above.
                            unsafe { dot::<S, 1>(simd, run, &group.stretches, pixel, channel) }
                        }
                    }
                }
            }
        }
    }
}

/// One output channel of `M` pixels.
///
/// # Safety
/// `pixels` has `M` of a group of the plan with these `stretches`, `channel < c_out`; the pointers are as [`Run`] says.
#[inline(always)]
unsafe fn dot<S: Simd, const M: usize>(
    simd: S,
    run: &Run<'_>,
    stretches: &[Stretch],
    pixels: &[PixelPair],
    channel: usize,
) {
    let (c_in, plan) = (run.plan.extent.c_in, run.plan);
    let mut sums = [simd.splat(0.0); M];
    // SAFETY: rows of `row_len` numbers lie at every source in `x` and at every stretch of the packed row of `channel`;
    // targets lie in `y` and in the gate.
    unsafe {
        let packed = run.packed.add(channel * plan.panel_len());
        for stretch in stretches {
            let row_len = stretch.taps * c_in;
            let whole = row_len - row_len % S::LANES;
            let rows: [*const f32; M] = std::array::from_fn(|i| {
                let source = pixels.get_unchecked(i).source as isize;
                run.x.offset(source + stretch.distance as isize)
            });
            let weights = packed.add(stretch.place * c_in);
            let mut at = 0;
            while at < whole {
                let w = simd.load(weights.add(at));
                for (sum, row) in sums.iter_mut().zip(rows) {
                    *sum = simd.mul_add(simd.load(row.add(at)), w, *sum);
                }
                at += S::LANES;
            }
            if whole < row_len {
                let w = simd.load_first(weights.add(whole), row_len - whole);
                for (sum, row) in sums.iter_mut().zip(rows) {
                    *sum = simd.mul_add(simd.load_first(row.add(whole), row_len - whole), w, *sum);
                }
            }
        }
        let sums = sum_each(simd, sums);
        let each = sums.into_iter().zip(pixels).map(|(sum, pixel)| (sum, pixel.target as usize + channel));
        match run.epilogue {
            Epilogue::Store => each.for_each(|(sum, at)| *run.y.add(at) = sum),
            Epilogue::Bias(bias) => each.for_each(|(sum, at)| *run.y.add(at) = sum + bias[channel]),
            Epilogue::BiasRelu(bias) => each.for_each(|(sum, at)| {
                let sum = sum + bias[channel];
                // Not `f32::max`, which would turn NaN into zero.
                *run.y.add(at) = if sum < 0.0 { 0.0 } else { sum };
            }),
            Epilogue::WherePositive(gate) => each.for_each(|(sum, at)| {
                *run.y.add(at) = if gate[at] > 0.0 { sum } else { 0.0 };
            }),
        }
    }
}

/// The sum over the lanes of each vector.
#[inline(always)]
fn sum_each<S: Simd, const M: usize>(simd: S, vectors: [S::Vector; M]) -> [f32; M] {
    let mut sums = [0.0; M];
    if M == DOT_ROWS {
        let mut eight = [vectors[0]; DOT_ROWS];
        eight.copy_from_slice(&vectors);
        sums.copy_from_slice(&simd.sum_eight(eight));
    } else {
        for (sum, vector) in sums.iter_mut().zip(vectors) {
            *sum = simd.sum(vector);
        }
    }
    sums
}
