//! The kernel: sweeps over the pixels of a block, each with some rows of the weights.

use super::ImageGradients;
use crate::simd::{Kernel, Simd};
use std::ops::Range;

/// Pixels gone through with some rows of the weights before the next rows' turn: they and their gradients stay in the
/// first-level cache.
const BLOCK: usize = 96;

/// Numbers of a vector and of a slice, whose columns of the weights have registers: nine rows of their sums, and two pixels
/// with their gradients.
pub(super) struct Width;

impl Kernel for Width {
    type Output = [usize; 2];
    fn call<S: Simd>(self, _: S) -> [usize; 2] {
        [S::LANES, vectors::<S>() * S::LANES]
    }
}

/// Vectors of [`Width`].
#[inline(always)]
fn vectors<S: Simd>() -> usize {
    if S::ACCUMULATORS >= 18 { 2 } else { 1 }
}

/// Checked by [`ImageGradients::run`]: there are an image of `x` and of `dx`, one of `d` with its border, and `weights` and
/// `dw` as [`ImageGradients::pack`] has them.
pub(super) struct Sweeps<'a> {
    pub(super) plan: &'a ImageGradients,
    pub(super) x: *const f32,
    pub(super) x_is_relu: bool,
    pub(super) d: *const f32,
    pub(super) weights: *const f32,
    pub(super) dx: *mut f32,
    pub(super) dw: *mut f32,
}

/// Some pixels of an image, columns of their channels and rows of the weights.
#[derive(Clone)]
struct Piece {
    pixels: [Range<usize>; 2],
    /// The first of the columns, and how many.
    column: usize,
    used: usize,
    /// The first of the rows of the weights, and where its number lies from that of the pixel's first.
    row: usize,
    distance: usize,
}

impl Kernel for Sweeps<'_> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        // SAFETY: `ImageGradients::run`, which alone makes a `Sweeps`, has checked the lengths that its documentation
        // states. `blocks` takes as many vectors as `Width` told the plan, whose packed weights are laid out for them.
        unsafe { if vectors::<S>() == 2 { blocks::<S, 2>(simd, &self) } else { blocks::<S, 1>(simd, &self) } }
    }
}

/// # Safety
/// The pointers of `run` are as [`Sweeps`] says, and `V` is [`vectors`].
#[inline(always)]
unsafe fn blocks<S: Simd, const V: usize>(simd: S, run: &Sweeps<'_>) {
    let ImageGradients { geometry, c_in, .. } = run.plan;
    let [height, width] = geometry.large;
    let block_columns = width.div_ceil(width.div_ceil(BLOCK));
    let block_rows = (BLOCK / width).clamp(1, height);
    for row in (0..height).step_by(block_rows) {
        for column in (0..width).step_by(block_columns) {
            let pixels = [row..height.min(row + block_rows), column..width.min(column + block_columns)];
            for column in (0..*c_in).step_by(V * S::LANES) {
                let used = (V * S::LANES).min(c_in - column);
                // SAFETY: the caller guarantees the pointers of `run` and `V`. `pixels` are cut from the image's rows
                // and columns, and `column..column + used` from the `c_in` channels. `used` is at most `V` vectors, at
                // most one where the constant is 1, and whole vectors where the constant is true.
                unsafe {
                    match (used <= S::LANES, used.is_multiple_of(S::LANES)) {
                        (true, true) => all_rows::<S, 1, true>(simd, run, &pixels, column, used),
                        (true, false) => all_rows::<S, 1, false>(simd, run, &pixels, column, used),
                        (false, true) => all_rows::<S, V, true>(simd, run, &pixels, column, used),
                        (false, false) => all_rows::<S, V, false>(simd, run, &pixels, column, used),
                    }
                }
            }
        }
    }
}

/// Some columns of some pixels with all rows of the weights.
///
/// # Safety
/// The pointers of `run` are as [`Sweeps`] says. The image has these `pixels`, and each has the channels
/// `column..column + used`; `column` is the first of a slice of the packed weights, `V` vectors wide. `used` is at
/// most `V` vectors, and exactly as many if `WHOLE`.
#[inline(always)]
unsafe fn all_rows<S: Simd, const V: usize, const WHOLE: bool>(
    simd: S,
    run: &Sweeps<'_>,
    pixels: &[Range<usize>; 2],
    column: usize,
    used: usize,
) {
    let plan = run.plan;
    let [kernel_rows, kernel_columns] = plan.geometry.kernel;
    let run_len = kernel_columns * plan.c_out;
    let mut piece = Piece { pixels: pixels.clone(), column, used, row: 0, distance: 0 };
    // SAFETY: the caller guarantees the pointers, the pixels and the columns. The rows of the weights are
    // `kernel_rows` times `run_len`. With a kernel of 3 x 3, `run_len` is `3 * c_out`, so that the three from `inside`
    // on exist in each of the three rows of the image; otherwise `rows` takes one, `piece.row`, which is one of them.
    // `distance` leads to that row's number from the first around a pixel, as `padded` lays the rows of the image out.
    unsafe {
        if [kernel_rows, kernel_columns] == [3; 2] {
            for inside in (0..run_len).step_by(3) {
                rows::<S, 3, 3, V, WHOLE>(simd, run, &Piece { row: inside, distance: inside, ..piece.clone() });
            }
        } else {
            for (kernel_row, inside) in (0..kernel_rows).flat_map(|row| (0..run_len).map(move |inside| (row, inside))) {
                piece.row = kernel_row * run_len + inside;
                piece.distance = kernel_row * plan.padded()[0] + inside;
                rows::<S, 1, 1, V, WHOLE>(simd, run, &piece);
            }
        }
    }
}

/// `R` times `N` rows of the weights: those of `N` numbers that lie side by side, in `R` rows of the image.
///
/// # Safety
/// The pointers of `run` are as [`Sweeps`] says. The pixels and columns of `piece` are as [`all_rows`] asks. For each
/// `r` below `R` and `n` below `N` there is a row `piece.row + r * kernel_columns * c_out + n` of the weights, whose
/// number lies `piece.distance + n` numbers after the pixel's first, `r` rows of the image further down.
#[inline(always)]
unsafe fn rows<S: Simd, const R: usize, const N: usize, const V: usize, const WHOLE: bool>(
    simd: S,
    run: &Sweeps<'_>,
    piece: &Piece,
) {
    let [rows, columns] = &piece.pixels;
    let even = columns.end - columns.len() % 2;
    // SAFETY: the caller guarantees the pointers and all of the piece. Both ranges are parts of its columns: the first
    // has an even number of them, for two pixels at a time, and one pixel at a time takes any number.
    unsafe {
        for (columns, two) in [(columns.start..even, true), (even..columns.end, false)] {
            let piece = Piece { pixels: [rows.clone(), columns], ..piece.clone() };
            match (two, run.x_is_relu) {
                (true, true) => sweep::<S, 2, R, N, V, WHOLE, true>(simd, run, piece),
                (true, false) => sweep::<S, 2, R, N, V, WHOLE, false>(simd, run, piece),
                (false, true) => sweep::<S, 1, R, N, V, WHOLE, true>(simd, run, piece),
                (false, false) => sweep::<S, 1, R, N, V, WHOLE, false>(simd, run, piece),
            }
        }
    }
}

/// `P` pixels at a time: adds what they add to the gradient of the weights, and writes or goes on with their own.
///
/// # Safety
/// The pointers of `run` and `piece` are as [`rows`] asks, and the number of columns of its pixels is a multiple of
/// `P`.
#[inline(always)]
unsafe fn sweep<
    S: Simd,
    const P: usize,
    const R: usize,
    const N: usize,
    const V: usize,
    const WHOLE: bool,
    const GATE: bool,
>(
    simd: S,
    run: &Sweeps<'_>,
    piece: Piece,
) {
    let ImageGradients { geometry, c_in, c_out, .. } = *run.plan;
    let padded_len = run.plan.padded()[0];
    // From a row of the weights to that of the same number in the next row of the image.
    let next_row = geometry.kernel[1] * c_out;
    let lanes: [usize; V] = std::array::from_fn(|j| piece.used.saturating_sub(j * S::LANES).min(S::LANES));
    let [rows, columns] = piece.pixels;
    let mut sums = [[[simd.splat(0.0); V]; N]; R];
    // SAFETY: the caller guarantees the following. `x` and `dx` have `c_in` numbers for each of the pixels, of which
    // `piece.column..piece.column + used` exist, and `lanes` are those of each vector; all are full if `WHOLE`. `d` is
    // the image with its border, so that a number for each row of the weights lies at `distance` from each pixel's
    // first. And `weights` and `dw` have, from `place` on, `V` vectors for each row of the weights that the piece has.
    unsafe {
        // As `ImageGradients::stretches` has it.
        let place = run.plan.rows() * piece.column + piece.row * V * S::LANES;
        let weights = run.weights.add(place);
        for row in rows {
            let mut column = columns.start;
            while column < columns.end {
                let at = (row * geometry.large[1] + column) * c_in + piece.column;
                let d = run.d.add(row * padded_len + column * c_out + piece.distance);
                let mut x = [[simd.splat(0.0); V]; P];
                let mut dx = [[simd.splat(0.0); V]; P];
                for (p, (x, dx)) in x.iter_mut().zip(&mut dx).enumerate() {
                    for (j, (x, dx)) in x.iter_mut().zip(dx).enumerate() {
                        *x = load::<S, WHOLE>(simd, run.x.add(at + p * c_in), j, lanes[j]);
                        if piece.row > 0 {
                            *dx = load::<S, WHOLE>(simd, run.dx.add(at + p * c_in), j, lanes[j]);
                        }
                    }
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    for (n, sums) in sums.iter_mut().enumerate() {
                        let weights = weights.add((r * next_row + n) * V * S::LANES);
                        let w: [S::Vector; V] = std::array::from_fn(|j| simd.load(weights.add(j * S::LANES)));
                        for (p, (x, dx)) in x.iter().zip(&mut dx).enumerate() {
                            let d = simd.splat(*d.add(r * padded_len + p * c_out + n));
                            for ((dx, w), (sum, x)) in dx.iter_mut().zip(w).zip(sums.iter_mut().zip(x)) {
                                *dx = simd.mul_add(d, w, *dx);
                                *sum = simd.mul_add(d, *x, *sum);
                            }
                        }
                    }
                }
                for (p, (x, dx)) in x.into_iter().zip(dx).enumerate() {
                    for (j, (x, dx)) in x.into_iter().zip(dx).enumerate() {
                        let dx = if GATE { simd.where_positive(x, dx) } else { dx };
                        store::<S, WHOLE>(simd, run.dx.add(at + p * c_in), j, lanes[j], dx);
                    }
                }
                column += P;
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (n, sums) in sums.into_iter().enumerate() {
                for (j, sum) in sums.into_iter().enumerate() {
                    let dw = run.dw.add(place + ((r * next_row + n) * V + j) * S::LANES);
                    simd.store(dw, simd.add(simd.load(dw), sum));
                }
            }
        }
    }
}

/// The first `lanes` of vector `j` of the numbers at `from`, or all if it is `WHOLE`.
///
/// # Safety
/// `lanes` numbers are readable from number `j * LANES` after `from` on, and these are `LANES` if `WHOLE`.
#[inline(always)]
unsafe fn load<S: Simd, const WHOLE: bool>(simd: S, from: *const f32, j: usize, lanes: usize) -> S::Vector {
    let from = from.wrapping_add(j * S::LANES);
    // SAFETY: the caller guarantees that `lanes` numbers are readable there, and that they are a whole vector if
    // `WHOLE`.
    unsafe { if WHOLE { simd.load(from) } else { simd.load_first(from, lanes) } }
}

/// Writes what [`load`] reads.
///
/// # Safety
/// `lanes` numbers are writable from number `j * LANES` after `to` on, and these are `LANES` if `WHOLE`.
#[inline(always)]
unsafe fn store<S: Simd, const WHOLE: bool>(simd: S, to: *mut f32, j: usize, lanes: usize, value: S::Vector) {
    let to = to.wrapping_add(j * S::LANES);
    // SAFETY: the caller guarantees that `lanes` numbers are writable there, and that they are a whole vector if
    // `WHOLE`.
    unsafe { if WHOLE { simd.store(to, value) } else { simd.store_first(to, value, lanes) } }
}
