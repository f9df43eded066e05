//! The gather-GEMM: every layer, forward and towards its input.
//!
//! For each target pixel `p`: `y[p] = sum over taps t of x[source(p, t)] * W[t]`, where `x[..]` is a row of `C_in`
//! numbers and `W[t]` a `C_in x C_out` matrix. Pixels that the same taps reach, at the same distances, form a
//! [`Group`]: the phases of a transposed convolution and the edges of the image are groups like any other, so nothing
//! is ever multiplied by a zero of padding. A tile of `ROWS` pixels of a group times `COLUMNS` channels stays in
//! registers while the kernel runs over taps and input channels; the pixels of a group may come from several images.

use crate::epilogue::{Epilogue, Finish, with_finish};
use crate::extent::{Extent, PixelPair};
use crate::geometry::{Direction, Geometry};
use crate::simd::{Isa, Kernel, MAX_ROWS, PANEL_VECTORS, Simd};
use std::collections::BTreeMap;

/// Up to this many output channels, pixels are made one dot product at a time: a panel would be mostly padding.
pub const MAX_DOT_OUTPUTS: usize = 4;

/// Pixels gone through with one panel of weights before the next panel's turn: their inputs stay in the first-level
/// cache.
const BLOCK: usize = 96;

/// How the weights `[taps, C_in, C_out]` of a layer enter the product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    /// As they are: the layer itself.
    Weights,
    /// Each tap's matrix transposed: the layer's input gradient, which goes from `C_out` channels to `C_in`.
    Transposed,
}

/// A tap of a group: which of the filter's it is, and how far its source lies from the pixel's first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Tap {
    index: u32,
    distance: i32,
}

/// Pixels that the same taps reach at the same distances.
#[derive(Clone, Debug)]
struct Group {
    taps: Vec<Tap>,
    /// Each target pixel with its first source, image after image.
    pixels: Vec<PixelPair>,
    pixels_an_image: usize,
}

/// A layer's table of taps, for up to a fixed number of images at a time, and the kernel that goes over it.
#[derive(Clone, Debug)]
pub struct Gather {
    isa: Isa,
    groups: Vec<Group>,
    taps: usize,
    /// Input channels of the weights: fewer than of the extent where the input is patches.
    c_in: usize,
    extent: Extent,
}

impl Gather {
    /// The table of one layer.
    ///
    /// # Panics
    /// If a count is zero, or the offsets of `images` images do not fit 31 bits.
    #[must_use]
    pub fn new(isa: Isa, geometry: &Geometry, direction: Direction, c_in: usize, c_out: usize, images: usize) -> Self {
        let extent = Extent::new(geometry, direction, [c_in, c_out], images);
        let targets =
            (0..geometry.target_pixels(direction)).map(|target| (target, geometry.sources(direction, target)));
        Self::from_sources(isa, extent, geometry.taps(), targets)
    }

    /// The table of what is a layer in all but name: `targets` are target pixels of an image, with the matrices
    /// (`taps` of them) and the source pixels that make each. Other pixels are not touched.
    pub(crate) fn from_sources(
        isa: Isa,
        extent: Extent,
        taps: usize,
        targets: impl Iterator<Item = (usize, Vec<(usize, usize)>)>,
    ) -> Self {
        let c_in = extent.c_in;
        let mut pixels_by_taps: BTreeMap<Vec<Tap>, Vec<PixelPair>> = BTreeMap::new();
        for (target, sources) in targets {
            let first = sources.first().map_or(0, |&(_, source)| source);
            let distance = |source: usize| (source * c_in) as i32 - (first * c_in) as i32;
            let taps = sources
                .iter()
                .map(|&(index, source)| Tap { index: index as u32, distance: distance(source) })
                .collect();
            pixels_by_taps.entry(taps).or_default().push(extent.pair(first, target));
        }
        let groups = pixels_by_taps
            .into_iter()
            .map(|(taps, one_image)| Group {
                taps,
                pixels_an_image: one_image.len(),
                pixels: extent.in_all_images(&one_image),
            })
            .collect();
        Self { isa, groups, taps, c_in, extent }
    }

    /// The table of a layer that goes down `geometry` and reads its input as [`Patches`](crate::Patches) of it. The
    /// weights are the same as without them.
    ///
    /// # Panics
    /// As [`Gather::new`].
    #[must_use]
    pub fn over_patches(isa: Isa, geometry: &Geometry, c_in: usize, c_out: usize, images: usize) -> Self {
        let row_len = geometry.taps() * c_in;
        let pointwise = Geometry::pointwise(geometry.small);
        let table = Self::new(isa, &pointwise, Direction::Down, row_len, c_out, images);
        Self { taps: geometry.taps(), c_in, ..table }
    }

    /// Numbers an image that go in.
    #[must_use]
    pub fn source_len(&self) -> usize {
        self.extent.source_len
    }

    /// Numbers an image that come out.
    #[must_use]
    pub fn target_len(&self) -> usize {
        self.extent.target_len
    }

    fn is_dot(&self) -> bool {
        self.extent.c_out <= MAX_DOT_OUTPUTS
    }

    fn panels(&self) -> usize {
        self.extent.c_out.div_ceil(self.isa.columns())
    }

    /// Numbers of a packed panel of weights.
    #[must_use]
    pub fn panel_len(&self) -> usize {
        if self.is_dot() { self.taps * self.c_in } else { self.taps * self.c_in * self.isa.columns() }
    }

    /// Numbers that the packed weights take: whole panels, each of [`Gather::panel_len`].
    #[must_use]
    pub fn packed_len(&self) -> usize {
        self.panel_len() * if self.is_dot() { self.extent.c_out } else { self.panels() }
    }

    /// Lays panel number `panel` of the weights out as the kernel reads them.
    ///
    /// `weights` are `[taps, C_in, C_out]` of this table, or `[taps, C_out, C_in]` with [`Operand::Transposed`].
    ///
    /// # Panics
    /// If a length is not that of the table.
    pub fn pack_panel(&self, operand: Operand, weights: &[f32], panel: usize, packed: &mut [f32]) {
        let (c_in, c_out) = (self.c_in, self.extent.c_out);
        assert_eq!(weights.len(), self.taps * c_in * c_out, "weights");
        assert_eq!(packed.len(), self.panel_len(), "packed weights");
        let columns = if self.is_dot() { 1 } else { self.isa.columns() };
        let first = panel * columns;
        let used = columns.min(c_out - first);
        match operand {
            Operand::Weights => {
                for (row, packed) in weights.chunks_exact(c_out).zip(packed.chunks_exact_mut(columns)) {
                    packed[..used].copy_from_slice(&row[first..first + used]);
                    packed[used..].fill(0.0);
                }
            }
            Operand::Transposed => {
                let taps = weights.chunks_exact(c_in * c_out);
                for (tap, packed) in taps.zip(packed.chunks_exact_mut(c_in * columns)) {
                    for (column, row) in tap.chunks_exact(c_in).skip(first).take(used).enumerate() {
                        for (number, packed) in row.iter().zip(packed.chunks_exact_mut(columns)) {
                            packed[column] = *number;
                        }
                    }
                    for packed in packed.chunks_exact_mut(columns) {
                        packed[used..].fill(0.0);
                    }
                }
            }
        }
    }

    /// Lays all the weights out; see [`Gather::pack_panel`].
    ///
    /// # Panics
    /// If a length is not that of the table.
    pub fn pack(&self, operand: Operand, weights: &[f32], packed: &mut [f32]) {
        assert_eq!(packed.len(), self.packed_len(), "packed weights");
        for (panel, packed) in packed.chunks_exact_mut(self.panel_len()).enumerate() {
            self.pack_panel(operand, weights, panel, packed);
        }
    }

    /// Runs the layer over `images` images: `x` is `[images, source pixels, C_in]`, `y` `[images, target pixels,
    /// C_out]`. Longer slices are fine; what lies beyond is not touched.
    ///
    /// # Panics
    /// If there are more images than the table was made for, or a slice is too short.
    pub fn run(&self, images: usize, x: &[f32], packed: &[f32], epilogue: Epilogue<'_>, y: &mut [f32]) {
        self.extent.check(images, x, y);
        assert_eq!(packed.len(), self.packed_len(), "packed weights");
        epilogue.check(self.extent.c_out, images * self.extent.target_len);
        let (x, packed, y) = (x.as_ptr(), packed.as_ptr(), y.as_mut_ptr());
        let run = Run { plan: self, images, x, packed, epilogue, y };
        if self.is_dot() {
            self.isa.run(Dots(run));
        } else {
            self.isa.run(Tiles(run));
        }
    }
}

/// Checked by [`Gather::run`]: `x`, `packed`, `y` and what the epilogue reads have room for `images` images of `plan`.
struct Run<'a> {
    plan: &'a Gather,
    images: usize,
    x: *const f32,
    packed: *const f32,
    epilogue: Epilogue<'a>,
    y: *mut f32,
}

/// How many rows the next tile takes so that `remaining` rows make tiles of nearly equal height, none above `most`.
#[inline(always)]
pub(crate) fn tile_rows(remaining: usize, most: usize) -> usize {
    remaining.div_ceil(remaining.div_ceil(most))
}

/// Calls `$call::<S, M>` with the number of rows `$rows` as the constant `M`.
macro_rules! with_constant_rows {
    ($rows:expr, $simd:ident, $function:ident ( $($argument:expr),* )) => {
        match $rows {
            1 => $function::<$simd, 1>($($argument),*),
            2 => $function::<$simd, 2>($($argument),*),
            3 => $function::<$simd, 3>($($argument),*),
            4 => $function::<$simd, 4>($($argument),*),
            5 if $simd::ROWS >= 5 => $function::<$simd, 5>($($argument),*),
            6 if $simd::ROWS >= 6 => $function::<$simd, 6>($($argument),*),
            7 if $simd::ROWS >= 7 => $function::<$simd, 7>($($argument),*),
            8 if $simd::ROWS >= 8 => $function::<$simd, 8>($($argument),*),
            9 if $simd::ROWS >= 9 => $function::<$simd, 9>($($argument),*),
            10 if $simd::ROWS >= 10 => $function::<$simd, 10>($($argument),*),
            11 if $simd::ROWS >= 11 => $function::<$simd, 11>($($argument),*),
            12 if $simd::ROWS >= 12 => $function::<$simd, 12>($($argument),*),
            rows => unreachable!("a tile of {rows} rows"),
        }
    };
}
pub(crate) use with_constant_rows;

/// Register tiles; the weights are packed in panels.
struct Tiles<'a>(Run<'a>);

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
        assert!(S::ROWS <= MAX_ROWS);
        let run = &self.0;
        let plan = run.plan;
        for group in &plan.groups {
            for block in group.pixels[..run.images * group.pixels_an_image].chunks(BLOCK) {
                for number in 0..plan.panels() {
                    let first = number * S::COLUMNS;
                    let panel = Panel {
                        // SAFETY: `packed` holds `panels()` panels of this length.
                        weights: unsafe { run.packed.add(number * plan.panel_len()) },
                        first,
                        used: S::COLUMNS.min(plan.extent.c_out - first),
                    };
                    let mut pixels = block;
                    while !pixels.is_empty() {
                        let (tile, rest) = pixels.split_at(tile_rows(pixels.len(), S::ROWS));
                        // SAFETY: `tile` has as many pixels as the constant; the rest is the contract of `Run`.
                        unsafe {
                            with_constant_rows!(tile.len(), S, multiply_tile(simd, run, &group.taps, tile, panel));
                        }
                        pixels = rest;
                    }
                }
            }
        }
    }
}

/// `M` pixels times one panel.
///
/// # Safety
/// `pixels` has `M` of a group of the plan with these `taps`; the pointers of `run` and `panel` are as [`Run`] says.
#[inline(always)]
unsafe fn multiply_tile<S: Simd, const M: usize>(
    simd: S,
    run: &Run<'_>,
    taps: &[Tap],
    pixels: &[PixelPair],
    panel: Panel,
) {
    debug_assert_eq!(pixels.len(), M);
    let row_len = run.plan.extent.c_in;
    let mut sums = [[simd.splat(0.0); PANEL_VECTORS]; M];
    for tap in taps {
        // SAFETY: source + distance is the offset of a whole row of `row_len` numbers of an image in `x`, by the
        // making of the table; the panel holds `row_len` rows of `COLUMNS` numbers for each tap.
        unsafe {
            let rows: [*const f32; M] = std::array::from_fn(|i| {
                let source = pixels.get_unchecked(i).source as isize;
                run.x.offset(source + tap.distance as isize)
            });
            let mut weights = panel.weights.add(tap.index as usize * row_len * S::COLUMNS);
            for channel in 0..row_len {
                let w: [S::Vector; PANEL_VECTORS] = std::array::from_fn(|j| simd.load(weights.add(j * S::LANES)));
                for (sums, row) in sums.iter_mut().zip(rows) {
                    let x = simd.splat(*row.add(channel));
                    for (sum, w) in sums.iter_mut().zip(w) {
                        *sum = simd.mul_add(x, w, *sum);
                    }
                }
                weights = weights.add(S::COLUMNS);
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
unsafe fn write_tile<S: Simd, const M: usize>(
    simd: S,
    run: &Run<'_>,
    pixels: &[PixelPair],
    panel: Panel,
    sums: [[S::Vector; PANEL_VECTORS]; M],
    finish: impl Finish,
) {
    let is_whole = panel.used == S::COLUMNS;
    for (sums, pixel) in sums.into_iter().zip(pixels) {
        let target = pixel.target as usize;
        for (j, sum) in sums.into_iter().enumerate() {
            let channel = panel.first + j * S::LANES;
            let lanes = panel.used.saturating_sub(j * S::LANES).min(S::LANES);
            // SAFETY: these channels of the target pixel exist; `Gather::run` has checked the epilogue.
            unsafe {
                if is_whole {
                    finish.write(simd, run.y, target, channel, S::LANES, sum);
                } else if lanes > 0 {
                    finish.write(simd, run.y, target, channel, lanes, sum);
                }
            }
        }
    }
}

/// Pixels whose dot products are made together: a vector of weights is read once for all of them, and their sums hide
/// each other's latency.
const DOT_ROWS: usize = 8;

/// Dot products; the weights are packed as one row `[taps, C_in]` for each output channel.
struct Dots<'a>(Run<'a>);

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
                        unsafe { dot::<S, DOT_ROWS>(simd, run, &group.taps, pixels, channel) }
                    } else {
                        for pixel in pixels.chunks(1) {
                            // SAFETY: as above.
                            unsafe { dot::<S, 1>(simd, run, &group.taps, pixel, channel) }
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
/// `pixels` has `M` of a group of the plan with these `taps`, `channel < c_out`; the pointers are as [`Run`] says.
#[inline(always)]
unsafe fn dot<S: Simd, const M: usize>(simd: S, run: &Run<'_>, taps: &[Tap], pixels: &[PixelPair], channel: usize) {
    let (row_len, plan) = (run.plan.extent.c_in, run.plan);
    let whole = row_len - row_len % S::LANES;
    let mut sums = [simd.splat(0.0); M];
    // SAFETY: rows of `row_len` numbers lie at every source in `x` and at every tap of the packed row of `channel`;
    // targets lie in `y` and in the gate.
    unsafe {
        let packed = run.packed.add(channel * plan.panel_len());
        for tap in taps {
            let rows: [*const f32; M] = std::array::from_fn(|i| {
                let source = pixels.get_unchecked(i).source as isize;
                run.x.offset(source + tap.distance as isize)
            });
            let weights = packed.add(tap.index as usize * row_len);
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
        for (sum, pixel) in sums.into_iter().zip(pixels) {
            let sum = simd.sum(sum);
            let at = pixel.target as usize + channel;
            *run.y.add(at) = match run.epilogue {
                Epilogue::Store => sum,
                // Not `f32::max`, which would turn NaN into zero.
                Epilogue::BiasRelu(bias) if sum + bias[channel] < 0.0 => 0.0,
                Epilogue::Bias(bias) | Epilogue::BiasRelu(bias) => sum + bias[channel],
                Epilogue::WherePositive(gate) if gate[at] > 0.0 => sum,
                Epilogue::WherePositive(_) => 0.0,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_balanced() {
        assert_eq!(tile_rows(6, 6), 6);
        assert_eq!(tile_rows(7, 6), 4);
        assert_eq!(tile_rows(16, 6), 6);
        assert_eq!(tile_rows(10, 6), 5);
        assert_eq!(tile_rows(1, 12), 1);
    }

    #[test]
    fn phases_and_edges_become_groups_without_padding() {
        let geometry = Geometry::halving([14, 14]);
        let gather = Gather::new(Isa::fastest(), &geometry, Direction::Up, 64, 64, 1);
        let products: usize = gather.groups.iter().map(|group| group.taps.len() * group.pixels.len()).sum();
        // Along an axis of 14, three taps make 20 joins that stay inside.
        assert_eq!(products, 20 * 20);
        let pixels: usize = gather.groups.iter().map(|group| group.pixels.len()).sum();
        assert_eq!(pixels, 14 * 14);
    }
}
