//! Signed sums of pixels: what stands before and after the products of minimal filtering.

use crate::epilogue::Epilogue;
use crate::simd::{Isa, Kernel, Simd};

/// The most pixels that a sum has.
const MOST_TERMS: usize = 4;

/// One target pixel: offsets in numbers of it and of its sources.
#[derive(Clone, Copy, Debug)]
struct Sum {
    target: u32,
    sources: [u32; MOST_TERMS],
    signs: [f32; MOST_TERMS],
}

/// For each target pixel, a signed sum of up to four source pixels, channel by channel.
#[derive(Clone, Debug)]
pub(super) struct PixelSums {
    isa: Isa,
    /// By number of terms.
    sums: [Vec<Sum>; MOST_TERMS + 1],
    channels: usize,
    /// Numbers an image that go in and come out, at least.
    source_len: usize,
    target_len: usize,
}

impl PixelSums {
    /// `sums` are target pixels and the terms of each, `(sign, source pixel)`; an image takes `source_pixels` pixels
    /// going in and `target_pixels` coming out.
    ///
    /// # Panics
    /// If a sum has more than four terms, or a pixel does not exist.
    pub(super) fn new(
        isa: Isa,
        channels: usize,
        [source_pixels, target_pixels]: [usize; 2],
        sums: impl Iterator<Item = (usize, Vec<(f32, usize)>)>,
    ) -> Self {
        let mut by_terms: [Vec<Sum>; MOST_TERMS + 1] = Default::default();
        for (target, terms) in sums {
            assert!(target < target_pixels && terms.iter().all(|(_, source)| *source < source_pixels), "pixels exist");
            let mut sum =
                Sum { target: (target * channels) as u32, sources: [0; MOST_TERMS], signs: [0.0; MOST_TERMS] };
            for (i, (sign, source)) in terms.iter().enumerate() {
                sum.sources[i] = (source * channels) as u32;
                sum.signs[i] = *sign;
            }
            by_terms[terms.len()].push(sum);
        }
        let lens = [source_pixels * channels, target_pixels * channels];
        assert!(lens.iter().all(|&len| i32::try_from(len).is_ok()), "offsets must fit 31 bits");
        Self { isa, sums: by_terms, channels, source_len: lens[0], target_len: lens[1] }
    }

    /// Goes over `images` images: `x` to `y`. Target pixels without a sum are not touched.
    ///
    /// # Panics
    /// If a slice is too short.
    pub(super) fn run(&self, images: usize, x: &[f32], epilogue: Epilogue<'_>, y: &mut [f32]) {
        assert!(x.len() >= images * self.source_len && y.len() >= images * self.target_len, "images");
        epilogue.check(self.channels, images * self.target_len);
        for image in 0..images {
            let target = image * self.target_len;
            let x = x[image * self.source_len..].as_ptr();
            self.isa.run(Run { plan: self, x, epilogue, y: y.as_mut_ptr(), target });
        }
    }
}

/// Checked by [`PixelSums::run`]: there is an image at `x`, and one in `y` and the epilogue's gate from `target` on.
struct Run<'a> {
    plan: &'a PixelSums,
    x: *const f32,
    epilogue: Epilogue<'a>,
    y: *mut f32,
    target: usize,
}

impl Kernel for Run<'_> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let [none, one, two, three, four] = &self.plan.sums;
        // SAFETY: the lists hold sums of as many terms as the constants, of pixels that exist; the rest is `Run`'s.
        unsafe {
            sums::<S, 0>(simd, &self, none);
            sums::<S, 1>(simd, &self, one);
            sums::<S, 2>(simd, &self, two);
            sums::<S, 3>(simd, &self, three);
            sums::<S, 4>(simd, &self, four);
        }
    }
}

/// Sums of `N` terms.
///
/// # Safety
/// `sums` are of the plan, of `N` terms each; the rest is as [`Run`] says.
#[inline(always)]
unsafe fn sums<S: Simd, const N: usize>(simd: S, run: &Run<'_>, sums: &[Sum]) {
    let channels = run.plan.channels;
    let whole = channels - channels % S::LANES;
    for sum in sums {
        let signs: [S::Vector; N] = std::array::from_fn(|i| simd.splat(sum.signs[i]));
        let target = run.target + sum.target as usize;
        // SAFETY: `channels` numbers lie at each source in `x` and at the target in `y` and the gate.
        unsafe {
            let sources: [*const f32; N] = std::array::from_fn(|i| run.x.add(sum.sources[i] as usize));
            let mut channel = 0;
            while channel < channels {
                let lanes = S::LANES.min(channels - channel);
                let mut total = simd.splat(0.0);
                for (source, sign) in sources.iter().zip(signs) {
                    let from = source.add(channel);
                    let x = if channel < whole { simd.load(from) } else { simd.load_first(from, lanes) };
                    total = simd.mul_add(x, sign, total);
                }
                run.epilogue.write(simd, run.y, target, channel, lanes, total);
                channel += S::LANES;
            }
        }
    }
}
