//! Both gradients of a layer that makes an image of few channels and keeps its size.
//!
//! For each pixel `p` of the layer's input, with `d(p, k)` the numbers of the gradient of the image around it, tap by tap and
//! channel by channel: `dx[p] = sum over k of d(p, k) W[k]`, and `dW[k] += d(p, k) x[p]`, where `W[k]` is a row of as many
//! numbers as the input has channels. As products of matrices either would be over before it began. Here both are made in one
//! go: nine rows of the gradient of the weights stay in registers, and each number around a pixel, and the pixel itself, are
//! read once for both. A border of zeros is put around the gradient of the image first.

use crate::geometry::Geometry;
use crate::simd::{Isa, Kernel, Simd};
use std::ops::Range;

/// Pixels gone through with some rows of the weights before the next rows' turn: they and their gradients stay in the
/// first-level cache.
const BLOCK: usize = 96;

/// The layer's table, and the kernel that goes over it.
#[derive(Clone, Debug)]
pub struct ImageGradients {
    isa: Isa,
    geometry: Geometry,
    /// Channels of the layer's input and of the image.
    c_in: usize,
    c_out: usize,
    /// Columns of the weights that are gone through together, and packed so.
    width: usize,
}

/// Operands and results of [`ImageGradients::run`].
#[derive(Debug)]
pub struct ImageGradientsOf<'a> {
    /// The layer's input, `[images, H, W, C_in]`.
    pub x: &'a [f32],
    /// Whether it came out of a `ReLU`, whose gradient is then zero where it is.
    pub x_is_relu: bool,
    /// The gradient of the image, `[images, H, W, C_out]`.
    pub dy: &'a [f32],
    /// The weights, as [`ImageGradients::pack`] lays them out.
    pub packed: &'a [f32],
    /// Where the gradient of the input goes.
    pub dx: &'a mut [f32],
    /// What the gradient of the weights is added to, `[taps, C_in, C_out]`.
    pub dw: &'a mut [f32],
}

impl ImageGradients {
    /// The table of the layer that goes up `geometry` from `c_in` channels to `c_out`.
    ///
    /// # Panics
    /// If the geometry does not keep the image's size, or a count is zero.
    #[must_use]
    pub fn new(isa: Isa, geometry: &Geometry, [c_in, c_out]: [usize; 2]) -> Self {
        assert!(geometry.stride == [1; 2] && geometry.small == geometry.large, "a layer that keeps the image's size");
        assert!(c_in > 0 && c_out > 0, "a layer has channels");
        Self { isa, geometry: *geometry, c_in, c_out, width: isa.run(Width) }
    }

    /// Rows of the weights: a number for each tap and channel of the image.
    fn rows(&self) -> usize {
        self.geometry.taps() * self.c_out
    }

    /// Numbers of a row of the image with its border, and how many rows there are.
    fn padded(&self) -> [usize; 2] {
        let [height, width] = std::array::from_fn(|axis| self.geometry.large[axis] + self.geometry.kernel[axis] - 1);
        [width * self.c_out, height]
    }

    /// Numbers that the packed weights take.
    #[must_use]
    pub fn packed_len(&self) -> usize {
        self.rows() * self.c_in.next_multiple_of(self.width)
    }

    /// Lays the weights, `[taps, C_in, C_out]`, out as the kernel reads them.
    ///
    /// # Panics
    /// If a length is not that of the layer.
    pub fn pack(&self, weights: &[f32], packed: &mut [f32]) {
        assert_eq!(weights.len(), self.rows() * self.c_in, "weights");
        assert_eq!(packed.len(), self.packed_len(), "packed weights");
        packed.fill(0.0);
        for (packed, from) in packed.chunks_exact_mut(self.width).zip(self.stretches()) {
            let weights = weights[from].iter().step_by(self.c_out);
            packed.iter_mut().zip(weights).for_each(|(packed, weight)| *packed = *weight);
        }
    }

    /// Where each width of packed weights comes from in `[taps, C_in, C_out]`: from the first number to behind the last, of
    /// which every one `C_out` further on is taken. The first columns of all rows come first, then the next.
    fn stretches(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let Self { c_in, c_out, width, .. } = *self;
        let rows = self.rows();
        (0..c_in).step_by(width).flat_map(move |column| {
            (0..rows).map(move |row| {
                let tap = row / c_out * c_in;
                (tap + column) * c_out + row % c_out..(tap + c_in.min(column + width)) * c_out
            })
        })
    }

    /// Numbers that [`ImageGradients::run`] needs as scratch.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        let [row_len, rows] = self.padded();
        row_len * rows + self.packed_len()
    }

    /// Both gradients for `images` images.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn run(&self, images: usize, of: ImageGradientsOf<'_>, scratch: &mut [f32]) {
        let ImageGradientsOf { x, x_is_relu, dy, packed, dx, dw } = of;
        let [height, width] = self.geometry.large;
        let [x_len, dy_len] = [self.c_in, self.c_out].map(|channels| height * width * channels);
        assert!(x.len() >= images * x_len && dx.len() >= images * x_len, "the layer's input is too short");
        assert!(dy.len() >= images * dy_len, "the image's gradient is too short");
        assert!(packed.len() == self.packed_len() && dw.len() == self.rows() * self.c_in, "weights");
        let (sums, padded) = scratch.split_at_mut(self.packed_len());
        let [row_len, rows] = self.padded();
        let padded = &mut padded[..row_len * rows];
        sums.fill(0.0);
        padded.fill(0.0);
        let images = x.chunks_exact(x_len).zip(dx.chunks_exact_mut(x_len)).zip(dy.chunks_exact(dy_len)).take(images);
        for ((x, dx), dy) in images {
            let border = self.geometry.pad[1] * self.c_out;
            let inside = padded.chunks_exact_mut(row_len).skip(self.geometry.pad[0]);
            for (padded, dy) in inside.zip(dy.chunks_exact(width * self.c_out)) {
                padded[border..][..dy.len()].copy_from_slice(dy);
            }
            let (x, d, dx, dw) = (x.as_ptr(), padded.as_ptr(), dx.as_mut_ptr(), sums.as_mut_ptr());
            self.isa.run(Run { plan: self, x, x_is_relu, d, weights: packed.as_ptr(), dx, dw });
        }
        for (sums, to) in sums.chunks_exact(self.width).zip(self.stretches()) {
            let dw = dw[to].iter_mut().step_by(self.c_out);
            dw.zip(sums).for_each(|(dw, sum)| *dw += sum);
        }
    }
}

/// Columns of the weights that have registers: nine rows of their sums, and two pixels with their gradients.
struct Width;

impl Kernel for Width {
    type Output = usize;
    fn call<S: Simd>(self, _: S) -> usize {
        vectors::<S>() * S::LANES
    }
}

/// Vectors of [`Width`].
#[inline(always)]
fn vectors<S: Simd>() -> usize {
    if S::ACCUMULATORS >= 18 { 2 } else { 1 }
}

/// Checked by [`ImageGradients::run`]: there are an image of `x` and of `dx`, one of `d` with its border, and `weights` and
/// `dw` as [`ImageGradients::pack`] has them.
struct Run<'a> {
    plan: &'a ImageGradients,
    x: *const f32,
    x_is_relu: bool,
    d: *const f32,
    weights: *const f32,
    dx: *mut f32,
    dw: *mut f32,
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

impl Kernel for Run<'_> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        // SAFETY: the contract of `Run`.
        unsafe { if vectors::<S>() == 2 { blocks::<S, 2>(simd, &self) } else { blocks::<S, 1>(simd, &self) } }
    }
}

/// # Safety
/// As [`Run`] says.
#[inline(always)]
unsafe fn blocks<S: Simd, const V: usize>(simd: S, run: &Run<'_>) {
    let ImageGradients { geometry, c_in, .. } = run.plan;
    let [height, width] = geometry.large;
    let block_columns = width.div_ceil(width.div_ceil(BLOCK));
    let block_rows = (BLOCK / width).clamp(1, height);
    for row in (0..height).step_by(block_rows) {
        for column in (0..width).step_by(block_columns) {
            let pixels = [row..height.min(row + block_rows), column..width.min(column + block_columns)];
            for column in (0..*c_in).step_by(V * S::LANES) {
                let used = (V * S::LANES).min(c_in - column);
                // SAFETY: the caller's.
                unsafe {
                    if used == V * S::LANES {
                        all_rows::<S, V, true>(simd, run, &pixels, column, used);
                    } else {
                        all_rows::<S, V, false>(simd, run, &pixels, column, used);
                    }
                }
            }
        }
    }
}

/// Some columns of some pixels with all rows of the weights.
///
/// # Safety
/// As [`Run`] says, and these pixels and columns exist.
#[inline(always)]
unsafe fn all_rows<S: Simd, const V: usize, const WHOLE: bool>(
    simd: S,
    run: &Run<'_>,
    pixels: &[Range<usize>; 2],
    column: usize,
    used: usize,
) {
    let plan = run.plan;
    let [kernel_rows, kernel_columns] = plan.geometry.kernel;
    let run_len = kernel_columns * plan.c_out;
    let mut piece = Piece { pixels: pixels.clone(), column, used, row: 0, distance: 0 };
    // SAFETY: so many rows of the weights are left; the rest is the caller's.
    unsafe {
        if [kernel_rows, run_len] == [3, 3] {
            rows::<S, 3, 3, V, WHOLE>(simd, run, &piece);
            return;
        }
        for kernel_row in 0..kernel_rows {
            let mut inside = 0;
            while inside < run_len {
                piece.row = kernel_row * run_len + inside;
                piece.distance = kernel_row * plan.padded()[0] + inside;
                inside += match run_len - inside {
                    9.. => rows::<S, 1, 9, V, WHOLE>(simd, run, &piece),
                    3.. => rows::<S, 1, 3, V, WHOLE>(simd, run, &piece),
                    _ => rows::<S, 1, 1, V, WHOLE>(simd, run, &piece),
                };
            }
        }
    }
}

/// `R` times `N` rows of the weights: those of numbers that lie side by side, in rows of the image. Returns `N`.
///
/// # Safety
/// As [`all_rows`], and there are so many rows.
#[inline(always)]
unsafe fn rows<S: Simd, const R: usize, const N: usize, const V: usize, const WHOLE: bool>(
    simd: S,
    run: &Run<'_>,
    piece: &Piece,
) -> usize {
    let [rows, columns] = &piece.pixels;
    let even = columns.end - columns.len() % 2;
    // SAFETY: the caller's.
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
    N
}

/// `P` pixels at a time: adds what they add to the gradient of the weights, and writes or goes on with their own.
///
/// # Safety
/// As [`rows`], and the columns of the pixels are whole numbers of `P`.
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
    run: &Run<'_>,
    piece: Piece,
) {
    let ImageGradients { geometry, c_in, c_out, .. } = *run.plan;
    let padded_len = run.plan.padded()[0];
    let lanes: [usize; V] = std::array::from_fn(|j| piece.used.saturating_sub(j * S::LANES).min(S::LANES));
    let [rows, columns] = piece.pixels;
    let mut sums = [[[simd.splat(0.0); V]; N]; R];
    // SAFETY: the caller's.
    unsafe {
        // Columns come in whole widths, each with all rows of the weights.
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
                        let weights = weights.add((r * N + n) * V * S::LANES);
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
        for (number, sums) in sums.into_iter().flatten().enumerate() {
            for (j, sum) in sums.into_iter().enumerate() {
                let dw = run.dw.add(place + (number * V + j) * S::LANES);
                simd.store(dw, simd.add(simd.load(dw), sum));
            }
        }
    }
}

/// The first `lanes` of vector `j` of the numbers at `from`, or all if it is `WHOLE`.
///
/// # Safety
/// They exist.
#[inline(always)]
unsafe fn load<S: Simd, const WHOLE: bool>(simd: S, from: *const f32, j: usize, lanes: usize) -> S::Vector {
    let from = from.wrapping_add(j * S::LANES);
    // SAFETY: the caller's.
    unsafe { if WHOLE { simd.load(from) } else { simd.load_first(from, lanes) } }
}

/// Writes what [`load`] reads.
///
/// # Safety
/// As [`load`].
#[inline(always)]
unsafe fn store<S: Simd, const WHOLE: bool>(simd: S, to: *mut f32, j: usize, lanes: usize, value: S::Vector) {
    let to = to.wrapping_add(j * S::LANES);
    // SAFETY: the caller's.
    unsafe { if WHOLE { simd.store(to, value) } else { simd.store_first(to, value, lanes) } }
}
