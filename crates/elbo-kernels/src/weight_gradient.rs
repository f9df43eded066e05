//! The other product: the gradient of a layer's weights.
//!
//! For each tap `t`: `dW[t] += sum over the pixel pairs (p, q) that t joins of x[p]' * dy[q]`, a `C_in x C_out`
//! matrix. A tile of a few rows and vectors of it stays in registers while the kernel sweeps over a block of pairs, short
//! enough for both operands to stay in the first-level cache until all tiles have had their turn.

use crate::extent::{Extent, PixelPair};
use crate::geometry::{Direction, Geometry};
use crate::simd::{Isa, Kernel, Simd};
use crate::tile_shape::{most_rows, tile_rows, tile_vectors, with_constant_shape};

/// Pairs swept over before the next tile's turn.
const BLOCK: usize = 96;

/// A gradient of more numbers does not stay in the second-level cache, and is asked for before it is added to.
const NEAR: usize = 1 << 17;

/// Whether a gradient replaces what is there or is added to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accumulate {
    /// Replace.
    No,
    /// Add.
    Yes,
}

/// A tap and the pixels that it joins.
#[derive(Clone, Debug)]
struct TapPairs {
    /// Image after image.
    pairs: Vec<PixelPair>,
    pairs_an_image: usize,
}

/// A layer's table of pixel pairs, for up to a fixed number of images at a time, and the kernel that goes over it.
#[derive(Clone, Debug)]
pub struct WeightGradient {
    isa: Isa,
    taps: Vec<TapPairs>,
    extent: Extent,
    /// Images gone through with all taps before the next images' turn.
    images_a_round: usize,
}

impl WeightGradient {
    /// The table of the layer that goes over `geometry` in `direction`, from `c_in` channels to `c_out`.
    ///
    /// # Panics
    /// If a count is zero, or the offsets of `images` images do not fit 31 bits.
    #[must_use]
    pub fn new(isa: Isa, geometry: &Geometry, direction: Direction, c_in: usize, c_out: usize, images: usize) -> Self {
        let extent = Extent::new(geometry, direction, [c_in, c_out], images);
        let joins = (0..geometry.target_pixels(direction)).flat_map(|target| {
            geometry.sources(direction, target).into_iter().map(move |(tap, source)| (tap, source, target))
        });
        Self::from_joins(isa, extent, geometry.taps(), joins)
    }

    /// The table of a plain matrix product, `dw += x' dy` for up to `rows` rows of `c_in` and `c_out` numbers: what
    /// [`WeightGradient::run`] takes for an image is a row.
    ///
    /// # Panics
    /// As [`WeightGradient::new`].
    #[must_use]
    pub fn of_rows(isa: Isa, c_in: usize, c_out: usize, rows: usize) -> Self {
        Self::new(isa, &Geometry::pointwise([1, 1]), Direction::Down, c_in, c_out, rows)
    }

    /// The table of what is a layer in all but name: `joins` are `(tap, source pixel, target pixel)`.
    pub(crate) fn from_joins(
        isa: Isa,
        extent: Extent,
        taps: usize,
        joins: impl Iterator<Item = (usize, usize, usize)>,
    ) -> Self {
        let mut one_image = vec![Vec::new(); taps];
        for (tap, source, target) in joins {
            one_image[tap].push(extent.pair(source, target));
        }
        let most = one_image.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let taps = one_image
            .into_iter()
            .map(|one_image| TapPairs { pairs_an_image: one_image.len(), pairs: extent.in_all_images(&one_image) })
            .collect();
        let images_a_round = (BLOCK / most).clamp(1, extent.images);
        Self { isa, taps, extent, images_a_round }
    }

    /// Numbers of the gradient: `taps * C_in * C_out`.
    #[must_use]
    pub fn gradient_len(&self) -> usize {
        self.taps.len() * self.extent.c_in * self.extent.c_out
    }

    /// The gradient `dw`, `[taps, C_in, C_out]`, from the layer's input `x`, `[images, source pixels, C_in]`, and the
    /// gradient of its output `dy`, `[images, target pixels, C_out]`.
    ///
    /// # Panics
    /// If there are more images than the table was made for, `x` or `dy` is too short, or `dw` is not of its length.
    pub fn run(&self, images: usize, x: &[f32], dy: &[f32], accumulate: Accumulate, dw: &mut [f32]) {
        self.extent.check(images, x, dy);
        assert_eq!(dw.len(), self.gradient_len(), "weight gradient");
        if accumulate == Accumulate::No {
            // The first block of a tap's pairs writes its matrix; a tap without pairs has none.
            let matrix = self.extent.c_in * self.extent.c_out;
            for (tap, dw) in self.taps.iter().zip(dw.chunks_exact_mut(matrix)) {
                if images * tap.pairs_an_image == 0 {
                    dw.fill(0.0);
                }
            }
        }
        let (x, dy, dw) = (x.as_ptr(), dy.as_ptr(), dw.as_mut_ptr());
        self.isa.run(Sweeps { plan: self, images, accumulate, x, dy, dw });
    }
}

/// Checked by [`WeightGradient::run`]: `x` and `dy` have room for `images` images of `plan`, `dw` for the gradient.
struct Sweeps<'a> {
    plan: &'a WeightGradient,
    images: usize,
    accumulate: Accumulate,
    x: *const f32,
    dy: *const f32,
    dw: *mut f32,
}

/// Where a tile lies in the matrix of one tap.
#[derive(Clone, Copy)]
struct Tile {
    row: usize,
    column: usize,
    /// Columns that exist.
    used: usize,
    /// Where the tile begins in the gradient.
    offset: usize,
    accumulate: Accumulate,
}

impl Kernel for Sweeps<'_> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let WeightGradient { taps, extent: Extent { c_in, c_out, .. }, .. } = self.plan;
        let (c_in, c_out) = (*c_in, *c_out);
        let vectors = tile_vectors::<S>(c_in, c_out);
        let columns = vectors * S::LANES;
        let mut first_image = 0;
        while first_image < self.images {
            let end = self.images.min(first_image + self.plan.images_a_round);
            for (number, tap) in taps.iter().enumerate() {
                let pairs = &tap.pairs[first_image * tap.pairs_an_image..end * tap.pairs_an_image];
                let mut rest = pairs;
                let mut accumulate = if first_image == 0 { self.accumulate } else { Accumulate::Yes };
                while !rest.is_empty() {
                    let (block, after) = rest.split_at(tile_rows(rest.len(), BLOCK));
                    for column in (0..c_out).step_by(columns) {
                        let used = columns.min(c_out - column);
                        let mut row = 0;
                        while row < c_in {
                            let rows = tile_rows(c_in - row, most_rows::<S>(vectors));
                            let offset = (number * c_in + row) * c_out + column;
                            let tile = Tile { row, column, used, offset, accumulate };
                            // SAFETY: `with_constant_shape` gives the number of rows and that of vectors as constants.
                            // `rows` rows are left from `row` on, and `used` columns from `column` on. `block` is of
                            // this tap and of images below `self.images`. `WeightGradient::run`, which alone makes a
                            // `Sweeps`, has checked the lengths that its documentation states.
                            unsafe {
                                with_constant_shape!(vectors, rows, S, sweep_tile(simd, &self, block, tile));
                            }
                            row += rows;
                        }
                    }
                    rest = after;
                    accumulate = Accumulate::Yes;
                }
            }
            first_image = end;
        }
    }
}

/// A tile of `M` rows of `V` vectors, all of whose columns exist or some; see [`sweep`].
///
/// # Safety
/// `block` is pairs of one tap of the plan and of the first `run.images` images. Rows `tile.row..tile.row + M` and
/// columns `tile.column..tile.column + tile.used` of that tap's matrix exist, and the tile begins at `tile.offset` in
/// the gradient; `tile.used` is at most `V` vectors. The pointers of `run` are as [`Sweeps`] says.
#[inline(always)]
unsafe fn sweep_tile<S: Simd, const M: usize, const V: usize>(
    simd: S,
    run: &Sweeps<'_>,
    block: &[PixelPair],
    tile: Tile,
) {
    // SAFETY: the caller guarantees the pairs, the tile and the pointers; `WHOLE` is true where all `V` vectors are
    // used.
    unsafe {
        if tile.used == V * S::LANES {
            sweep::<S, M, V, true>(simd, run, block, tile);
        } else {
            sweep::<S, M, V, false>(simd, run, block, tile);
        }
    }
}

/// Adds the products of a block of pairs to a tile of `M` rows of `V` vectors of the gradient.
///
/// # Safety
/// As [`sweep_tile`], and `tile.used` is `V` vectors if `WHOLE`.
#[inline(always)]
unsafe fn sweep<S: Simd, const M: usize, const V: usize, const WHOLE: bool>(
    simd: S,
    run: &Sweeps<'_>,
    block: &[PixelPair],
    tile: Tile,
) {
    let lanes: [usize; V] = std::array::from_fn(|j| tile.used.saturating_sub(j * S::LANES).min(S::LANES));
    let mut sums = [[simd.splat(0.0); V]; M];
    // SAFETY: the caller guarantees that the pairs are of images in `x` and `dy`, so that `pair.source` begins `c_in`
    // numbers of a pixel of `x`, of which `tile.row + i` is one, and `pair.target` `c_out` numbers of `dy`, of which
    // `tile.column..tile.column + tile.used` are some. The same rows and columns exist in `dw` from `tile.offset` on.
    // Lanes beyond `tile.used` are neither read nor written. A prefetch may point anywhere.
    unsafe {
        let x = run.x.add(tile.row);
        let dy = run.dy.add(tile.column);
        if run.plan.gradient_len() > NEAR {
            for i in 0..M {
                for j in 0..V {
                    simd.prefetch(run.dw.wrapping_add(tile.offset + i * run.plan.extent.c_out + j * S::LANES));
                }
            }
        }
        for pair in block {
            let from = dy.add(pair.target as usize);
            let d: [S::Vector; V] = std::array::from_fn(|j| {
                if WHOLE {
                    simd.load(from.add(j * S::LANES))
                } else if lanes[j] > 0 {
                    simd.load_first(from.add(j * S::LANES), lanes[j])
                } else {
                    simd.splat(0.0)
                }
            });
            let x = x.add(pair.source as usize);
            for (i, sums) in sums.iter_mut().enumerate() {
                let x = simd.splat(*x.add(i));
                for (sum, d) in sums.iter_mut().zip(d) {
                    *sum = simd.mul_add(x, d, *sum);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let row = run.dw.add(tile.offset + i * run.plan.extent.c_out);
            for (j, sum) in sums.iter().enumerate() {
                let to = row.add((j * S::LANES).min(tile.used));
                let is_first = tile.accumulate == Accumulate::No;
                if WHOLE {
                    simd.store(to, if is_first { *sum } else { simd.add(simd.load(to), *sum) });
                } else {
                    let sum = if is_first { *sum } else { simd.add(simd.load_first(to, lanes[j]), *sum) };
                    simd.store_first(to, sum, lanes[j]);
                }
            }
        }
    }
}
