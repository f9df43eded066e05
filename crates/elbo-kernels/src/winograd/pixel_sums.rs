//! Signed sums of pixels: what stands before and after the products of minimal filtering.

use crate::epilogue::{Epilogue, Finish, with_finish};
use crate::simd::{Isa, Kernel, Simd};

/// One target pixel: offsets in numbers of it and of its sources, of which there are up to four. Those that are subtracted
/// stand last.
#[derive(Clone, Copy, Debug)]
struct Sum {
    target: u32,
    sources: [u32; 4],
    terms: u8,
    /// How many of the terms are subtracted.
    negative: u8,
}

/// For each target pixel, a signed sum of up to four source pixels, channel by channel.
#[derive(Clone, Debug)]
pub(super) struct PixelSums {
    isa: Isa,
    sums: Vec<Sum>,
    channels: usize,
    /// Numbers an image that go in and come out, at least.
    source_len: usize,
    target_len: usize,
}

impl PixelSums {
    /// `sums` are target pixels and the terms of each, `(sign, source pixel)`, in the order in which they are to be
    /// made; an image takes `source_pixels` pixels going in and `target_pixels` coming out.
    ///
    /// # Panics
    /// If a sum has more than four terms, or a pixel does not exist.
    pub(super) fn new(
        isa: Isa,
        channels: usize,
        [source_pixels, target_pixels]: [usize; 2],
        sums: impl Iterator<Item = (usize, Vec<(f32, usize)>)>,
    ) -> Self {
        let offset = |pixel: usize| (pixel * channels) as u32;
        let sums = sums.map(|(target, terms)| {
            assert!(target < target_pixels && terms.iter().all(|(_, source)| *source < source_pixels), "pixels exist");
            let (positive, negative): (Vec<_>, Vec<_>) = terms.into_iter().partition(|(sign, _)| *sign > 0.0);
            let [terms, subtracted] = [positive.len() + negative.len(), negative.len()].map(|count| count as u8);
            let mut sum = Sum { target: offset(target), sources: [0; 4], terms, negative: subtracted };
            for (i, (_, source)) in positive.into_iter().chain(negative).enumerate() {
                sum.sources[i] = offset(source);
            }
            sum
        });
        let sums = sums.collect();
        let lens = [source_pixels * channels, target_pixels * channels];
        assert!(lens.iter().all(|&len| i32::try_from(len).is_ok()), "offsets must fit 31 bits");
        Self { isa, sums, channels, source_len: lens[0], target_len: lens[1] }
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
        // SAFETY: `PixelSums::run`, which alone makes a `Run`, has checked the lengths that its documentation states,
        // and the epilogue.
        unsafe { with_finish!(self.epilogue, finish => run_sums(simd, &self, finish)) }
    }
}

/// All sums, with one kind of epilogue.
///
/// # Safety
/// The pointers of `run` are as [`Run`] says; `finish` is of its epilogue.
#[inline(always)]
unsafe fn run_sums<S: Simd>(simd: S, run: &Run<'_>, finish: impl Finish) {
    for sum in &run.plan.sums {
        // SAFETY: the caller guarantees the pointers and `finish`. `sum` is of the plan, and by `PixelSums::new` it
        // has at most four terms, of which `sum.negative` are subtracted: the constants are those numbers.
        unsafe {
            match [sum.terms, sum.negative] {
                [0, _] => add::<S, 0, 0>(simd, run, sum, finish),
                [1, 0] => add::<S, 1, 0>(simd, run, sum, finish),
                [1, _] => add::<S, 1, 1>(simd, run, sum, finish),
                [2, 0] => add::<S, 2, 0>(simd, run, sum, finish),
                [2, 1] => add::<S, 2, 1>(simd, run, sum, finish),
                [2, _] => add::<S, 2, 2>(simd, run, sum, finish),
                [3, 0] => add::<S, 3, 0>(simd, run, sum, finish),
                [3, 1] => add::<S, 3, 1>(simd, run, sum, finish),
                [3, 2] => add::<S, 3, 2>(simd, run, sum, finish),
                [3, _] => add::<S, 3, 3>(simd, run, sum, finish),
                [_, 0] => add::<S, 4, 0>(simd, run, sum, finish),
                [_, 1] => add::<S, 4, 1>(simd, run, sum, finish),
                [_, 2] => add::<S, 4, 2>(simd, run, sum, finish),
                [_, 3] => add::<S, 4, 3>(simd, run, sum, finish),
                [_, _] => add::<S, 4, 4>(simd, run, sum, finish),
            }
        }
    }
}

/// A sum of `N` terms, of which the last `NEGATIVE` are subtracted.
///
/// # Safety
/// `sum` is of the plan and has at least `N` terms. The pointers of `run` are as [`Run`] says; `finish` is of its
/// epilogue.
#[inline(always)]
unsafe fn add<S: Simd, const N: usize, const NEGATIVE: usize>(simd: S, run: &Run<'_>, sum: &Sum, finish: impl Finish) {
    let channels = run.plan.channels;
    let target = run.target + sum.target as usize;
    // SAFETY: `PixelSums::new` has checked that all sources of `sum` and its target are pixels of an image. The caller
    // guarantees an image at `x`, and one from `run.target` on in `y` and what the epilogue reads. So `channels`
    // numbers lie at each source, and at the target, and all reads and writes are of channels below `channels`.
    unsafe {
        let sources: [*const f32; N] = std::array::from_fn(|i| run.x.add(sum.sources[i] as usize));
        let mut channel = 0;
        while channel + S::LANES <= channels {
            let terms = sources.map(|source| simd.load(source.add(channel)));
            finish.write(simd, run.y, target, channel, S::LANES, total::<S, N, NEGATIVE>(simd, terms));
            channel += S::LANES;
        }
        if channel < channels {
            let lanes = channels - channel;
            let terms = sources.map(|source| simd.load_first(source.add(channel), lanes));
            finish.write(simd, run.y, target, channel, lanes, total::<S, N, NEGATIVE>(simd, terms));
        }
    }
}

/// The sum of `N` terms, of which the last `NEGATIVE` are subtracted.
#[inline(always)]
fn total<S: Simd, const N: usize, const NEGATIVE: usize>(simd: S, terms: [S::Vector; N]) -> S::Vector {
    let Some((&first, others)) = terms.split_first() else { return simd.splat(0.0) };
    let first = if N == NEGATIVE { simd.sub(simd.splat(0.0), first) } else { first };
    others.iter().enumerate().fold(first, |total, (i, &term)| {
        if i + 1 + NEGATIVE < N { simd.add(total, term) } else { simd.sub(total, term) }
    })
}
