//! The kernel for many output channels: register tiles.

use super::{Run, Stretch};
use crate::epilogue::{Finish, with_finish};
use crate::extent::PixelPair;
use crate::simd::{Kernel, Simd};
use crate::tile_shape::{most_rows, tile_rows, with_constant_shape};

/// Pixels gone through with one panel of weights before the next panel's turn: their inputs stay in the first-level
/// cache.
const BLOCK: usize = 96;

/// Rows of a panel of weights that a tile asks for ahead of their use. Panels that do not stay in the second-level cache
/// come from afar, and a processor's own prefetching ends at each page.
const ROWS_AHEAD: usize = 16;

/// Numbers in a cache line.
const LINE: usize = 16;

/// Register tiles; the weights are packed in panels.
pub(super) struct Tiles<'a>(pub(super) Run<'a>);

/// One panel of weights, and the channels it makes.
#[derive(Clone, Copy)]
struct Panel {
    weights: *const f32,
    first: usize,
    used: usize,
}

impl Kernel for Tiles<'_> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let run = &self.0;
        let plan = run.plan;
        let vectors = plan.columns / S::LANES;
        for group in &plan.groups {
            for block in group.pixels[..run.images * group.pixels_an_image].chunks(BLOCK) {
                for number in 0..plan.panels() {
                    let first = number * plan.columns;
                    let panel = Panel {
                        // SAFETY: `packed` holds `panels()` panels of this length.
                        weights: unsafe { run.packed.add(number * plan.panel_len()) },
                        first,
                        used: plan.columns.min(plan.extent.c_out - first),
                    };
                    let mut pixels = block;
                    while !pixels.is_empty() {
                        let (tile, rest) = pixels.split_at(tile_rows(pixels.len(), most_rows::<S>(vectors)));
                        // SAFETY: `tile` has as many pixels as the constant, a panel so many vectors; the rest is the contract
                        // of `Run`.
                        unsafe {
                            with_constant_shape!(
                                vectors,
                                tile.len(),
                                S,
                                multiply_tile(simd, run, &group.stretches, tile, panel)
                            );
                        }
                        pixels = rest;
                    }
                }
            }
        }
    }
}

/// `M` pixels times one panel of `V` vectors.
///
/// # Safety
/// `pixels` has `M` of a group of the plan with these `stretches`, whose panels have `V` vectors; the pointers of `run` and
/// `panel` are as [`Run`] says.
#[inline(always)]
unsafe fn multiply_tile<S: Simd, const M: usize, const V: usize>(
    simd: S,
    run: &Run<'_>,
    stretches: &[Stretch],
    pixels: &[PixelPair],
    panel: Panel,
) {
    debug_assert_eq!(pixels.len(), M);
    let row_len = run.plan.extent.c_in;
    let columns = V * S::LANES;
    let mut sums = [[simd.splat(0.0); V]; M];
    for stretch in stretches {
        // SAFETY: source + distance is the offset of as many rows of `row_len` numbers of an image in `x` as the stretch has
        // taps, by the making of the table; the panel holds `row_len` rows of `columns` numbers for each tap.
        unsafe {
            let rows: [*const f32; M] = std::array::from_fn(|i| {
                let source = pixels.get_unchecked(i).source as isize;
                run.x.offset(source + stretch.distance as isize)
            });
            let mut weights = panel.weights.add(stretch.place * row_len * columns);
            for channel in 0..stretch.taps * row_len {
                let w: [S::Vector; V] = std::array::from_fn(|j| simd.load(weights.add(j * S::LANES)));
                for line in 0..columns.div_ceil(LINE) {
                    simd.prefetch(weights.wrapping_add(ROWS_AHEAD * columns + line * LINE));
                }
                for (sums, row) in sums.iter_mut().zip(rows) {
                    let x = simd.splat(*row.add(channel));
                    for (sum, w) in sums.iter_mut().zip(w) {
                        *sum = simd.mul_add(x, w, *sum);
                    }
                }
                weights = weights.add(columns);
            }
        }
    }
    // SAFETY: the caller's.
    unsafe { with_finish!(run.epilogue, finish => write_tile(simd, run, pixels, panel, sums, finish)) }
}

/// Writes the sums of a tile.
///
/// # Safety
/// As [`multiply_tile`].
#[inline(always)]
unsafe fn write_tile<S: Simd, const M: usize, const V: usize>(
    simd: S,
    run: &Run<'_>,
    pixels: &[PixelPair],
    panel: Panel,
    sums: [[S::Vector; V]; M],
    finish: impl Finish,
) {
    if panel.used == V * S::LANES {
        // So short that it is written out for each row: an accumulator that is found by its number has to lie in memory.
        for (sums, pixel) in sums.iter().zip(pixels) {
            for (j, sum) in sums.iter().enumerate() {
                // SAFETY: these channels of the target pixel exist; `Gather::run` has checked the epilogue.
                unsafe { finish.write(simd, run.y, pixel.target as usize, panel.first + j * S::LANES, S::LANES, *sum) }
            }
        }
    } else {
        for (sums, pixel) in sums.iter().zip(pixels) {
            for (j, sum) in sums.iter().enumerate() {
                let lanes = panel.used.saturating_sub(j * S::LANES).min(S::LANES);
                if lanes > 0 {
                    // SAFETY: as above.
                    unsafe { finish.write(simd, run.y, pixel.target as usize, panel.first + j * S::LANES, lanes, *sum) }
                }
            }
        }
    }
}
