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
                        // SAFETY: `Gather::run` has checked that `packed` holds `panels()` panels of this length.
                        weights: unsafe { run.packed.add(number * plan.panel_len()) },
                        first,
                        used: plan.columns.min(plan.extent.c_out - first),
                    };
                    let mut pixels = block;
                    while !pixels.is_empty() {
                        let (tile, rest) = pixels.split_at(tile_rows(pixels.len(), most_rows::<S>(vectors)));
                        // SAFETY: `with_constant_shape` gives the number of pixels of `tile` and that of vectors of a
                        // panel as constants. `tile` is of this group, whose stretches these are, and of the first
                        // `run.images` images. `Gather::run`, which alone makes a `Run`, has checked the lengths that
                        // its documentation states, and the epilogue; `panel` is one of the panels.
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
/// `pixels` are `M` pixels of the first `run.images` images, of a group of the plan with these `stretches`. The
/// pointers of `run` are as [`Run`] says, and its epilogue has passed
/// [`Epilogue::check`](crate::epilogue::Epilogue::check). `panel` is a panel of its packed weights, of `V` vectors,
/// for channels `panel.first..panel.first + panel.used`.
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
        // SAFETY: the caller guarantees `M` pixels, and the images in `x` that they are of. By the making of the
        // table, `source + distance` is the offset of as many pixels of `row_len` numbers, one after another in one of
        // those images, as the stretch has taps; and `place` and the taps after it are places of the plan. The caller
        // guarantees a panel, which holds `row_len` rows of `columns` numbers for each place. A prefetch may point
        // anywhere.
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
    // SAFETY: the caller guarantees the pixels, the panel, the pointers and the epilogue, of which `finish` is made.
    unsafe { with_finish!(run.epilogue, finish => write_tile(simd, run, pixels, panel, sums, finish)) }
}

/// Writes the sums of a tile.
///
/// # Safety
/// `pixels`, `panel` and `run` are as [`multiply_tile`] asks; `finish` is of the epilogue of `run`.
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
                // SAFETY: the caller guarantees the target pixel in `y` and a checked epilogue. All `V` vectors of the
                // panel are used, so that these channels exist.
                unsafe { finish.write(simd, run.y, pixel.target as usize, panel.first + j * S::LANES, S::LANES, *sum) }
            }
        }
    } else {
        for (sums, pixel) in sums.iter().zip(pixels) {
            for (j, sum) in sums.iter().enumerate() {
                let lanes = panel.used.saturating_sub(j * S::LANES).min(S::LANES);
                if lanes > 0 {
                    // SAFETY: the caller guarantees the target pixel in `y` and a checked epilogue. `lanes` are the
                    // channels of this vector that the panel uses, so that they exist.
                    unsafe { finish.write(simd, run.y, pixel.target as usize, panel.first + j * S::LANES, lanes, *sum) }
                }
            }
        }
    }
}
