//! The kernel for few output channels: dot products.

use super::{Group, Run, Stretch};
use crate::epilogue::Epilogue;
use crate::extent::PixelPair;
use crate::simd::{Kernel, Simd};

/// Pixels whose dot products are made together: a vector of weights is read once for all of them, and their sums hide
/// each other's latency. Of each, as many output channels are made at once as there are accumulators for: a vector of the
/// input is read once for all of those.
const DOT_ROWS: usize = 8;

/// Dot products; the weights are packed as one row `[taps, C_in]` for each output channel.
pub(super) struct Dots<'a>(pub(super) Run<'a>);

impl Kernel for Dots<'_> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let run = &self.0;
        for group in &run.plan.groups {
            // Image by image: a pixel alone is summed in another order than among others, and which it is must follow from
            // its place in its own image.
            let images = group.pixels[..run.images * group.pixels_an_image].chunks(group.pixels_an_image);
            for pixels in images.flat_map(|image| image.chunks(DOT_ROWS)) {
                let mut channel = 0;
                while channel < run.plan.extent.c_out {
                    let channels = (S::ACCUMULATORS / DOT_ROWS).min(run.plan.extent.c_out - channel);
                    // SAFETY: the constant is the number of channels, which are left from `channel` on. `pixels` are
                    // of this group and of the first `run.images` images. `Gather::run`, which alone makes a `Run`,
                    // has checked the lengths that its documentation states, and the epilogue.
                    unsafe {
                        match channels {
                            3 if S::ACCUMULATORS >= 3 * DOT_ROWS => dots::<S, 3>(simd, run, group, pixels, channel),
                            2 if S::ACCUMULATORS >= 2 * DOT_ROWS => dots::<S, 2>(simd, run, group, pixels, channel),
                            1 => dots::<S, 1>(simd, run, group, pixels, channel),
                            channels => unreachable!("{channels} channels at once"),
                        }
                    }
                    channel += channels;
                }
            }
        }
    }
}

/// Output channels `channel..channel + C` of up to [`DOT_ROWS`] pixels of a group.
///
/// # Safety
/// `pixels` are of this `group` of the plan and of the first `run.images` images; channels `channel..channel + C`
/// exist. The pointers of `run` are as [`Run`] says, and its epilogue has passed [`Epilogue::check`].
#[inline(always)]
unsafe fn dots<S: Simd, const C: usize>(simd: S, run: &Run<'_>, group: &Group, pixels: &[PixelPair], channel: usize) {
    // SAFETY: `DOT_ROWS` pixels are compared to be as many, and a chunk of one has one. The caller guarantees that
    // they are of this group, which has these stretches, and the channels, the pointers and the epilogue.
    unsafe {
        if pixels.len() == DOT_ROWS {
            dot::<S, DOT_ROWS, C>(simd, run, &group.stretches, pixels, channel);
        } else {
            for pixel in pixels.chunks(1) {
                dot::<S, 1, C>(simd, run, &group.stretches, pixel, channel);
            }
        }
    }
}

/// Output channels `channel..channel + C` of `M` pixels.
///
/// # Safety
/// `pixels` are `M` pixels of the first `run.images` images, of a group of the plan with these `stretches`; channels
/// `channel..channel + C` exist. The pointers of `run` are as [`Run`] says, and its epilogue has passed
/// [`Epilogue::check`].
#[inline(always)]
unsafe fn dot<S: Simd, const M: usize, const C: usize>(
    simd: S,
    run: &Run<'_>,
    stretches: &[Stretch],
    pixels: &[PixelPair],
    channel: usize,
) {
    let (c_in, plan) = (run.plan.extent.c_in, run.plan);
    let mut sums = [[simd.splat(0.0); M]; C];
    // SAFETY: the caller guarantees `M` pixels, the images in `x` that they are of, and the channels, each of which
    // has a packed row of `panel_len()` numbers. By the making of the table, `source + distance` is the offset of as
    // many pixels of `c_in` numbers, one after another in one of those images, as the stretch has taps, which is
    // `row_len` numbers; and the taps' places lie in the packed row. The sums are written for the same pixels and
    // channels.
    unsafe {
        let packed: [*const f32; C] = std::array::from_fn(|c| run.packed.add((channel + c) * plan.panel_len()));
        for stretch in stretches {
            let row_len = stretch.taps * c_in;
            let whole = row_len - row_len % S::LANES;
            let rows: [*const f32; M] = std::array::from_fn(|i| {
                let source = pixels.get_unchecked(i).source as isize;
                run.x.offset(source + stretch.distance as isize)
            });
            let weights = packed.map(|packed| packed.add(stretch.place * c_in));
            let mut at = 0;
            while at < whole {
                let w = weights.map(|weights| simd.load(weights.add(at)));
                for (i, row) in rows.into_iter().enumerate() {
                    let x = simd.load(row.add(at));
                    for (sums, w) in sums.iter_mut().zip(w) {
                        sums[i] = simd.mul_add(x, w, sums[i]);
                    }
                }
                at += S::LANES;
            }
            if whole < row_len {
                let w = weights.map(|weights| simd.load_first(weights.add(whole), row_len - whole));
                for (i, row) in rows.into_iter().enumerate() {
                    let x = simd.load_first(row.add(whole), row_len - whole);
                    for (sums, w) in sums.iter_mut().zip(w) {
                        sums[i] = simd.mul_add(x, w, sums[i]);
                    }
                }
            }
        }
        for (c, sums) in sums.into_iter().enumerate() {
            write_dots(run, channel + c, pixels, sum_each(simd, sums));
        }
    }
}

/// Writes one output channel of some pixels.
///
/// # Safety
/// `pixels` are of the plan and of the first `run.images` images, and `channel` exists. The pointers of `run` are as
/// [`Run`] says, and its epilogue has passed [`Epilogue::check`].
#[inline(always)]
unsafe fn write_dots<const M: usize>(run: &Run<'_>, channel: usize, pixels: &[PixelPair], sums: [f32; M]) {
    let each = sums.into_iter().zip(pixels).map(|(sum, pixel)| (sum, pixel.target as usize + channel));
    // SAFETY: the caller guarantees that the pixels' targets lie in `y`, and that they have this channel. What the
    // epilogue has is read with checks.
    unsafe {
        match run.epilogue {
            Epilogue::Store => each.for_each(|(sum, at)| *run.y.add(at) = sum),
            Epilogue::Bias(bias) => each.for_each(|(sum, at)| *run.y.add(at) = sum + bias[channel]),
            Epilogue::BiasRelu(bias) => each.for_each(|(sum, at)| {
                let sum = sum + bias[channel];
                // Not `f32::max`, which would turn NaN into zero.
                *run.y.add(at) = if sum < 0.0 { 0.0 } else { sum };
            }),
            Epilogue::WherePositive(gate) => each.for_each(|(sum, at)| {
                *run.y.add(at) = if gate[at] <= 0.0 { 0.0 } else { sum };
            }),
        }
    }
}

/// The sum over the lanes of each vector.
#[inline(always)]
fn sum_each<S: Simd, const M: usize>(simd: S, vectors: [S::Vector; M]) -> [f32; M] {
    if M == DOT_ROWS {
        let eight = simd.sum_eight(std::array::from_fn(|i| vectors[i % M]));
        std::array::from_fn(|i| eight[i])
    } else {
        vectors.map(|vector| simd.sum(vector))
    }
}
