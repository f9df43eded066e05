//! The launches that multiply matrices: which variant of a kernel, and how many blocks.

use super::Precision;
use crate::args::{Address, GatherArgs, WeightGradientArgs};
use crate::launch::Launch;
use elbo_kernels::{Direction, Geometry};

const THREADS: u32 = 256;
/// A block makes a tile of so many rows.
const ROWS: usize = 128;
/// What is summed over at a time.
const CHUNK: usize = 32;
/// Chunks in a block's memory.
const STAGES: usize = 3;
/// About how many blocks a launch has at least, if its sum can be shared: twice the multiprocessors of a large card. A fixed
/// number, so that sums do not depend on the card.
const BLOCKS: usize = 264;
/// The least chunks, and the most parts, of a sum that several blocks of a layer share.
const LEAST_CHUNKS: usize = 4;
const MOST_PARTS: usize = 16;

/// Products of one precision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    pub(crate) precision: Precision,
}

/// What becomes of a layer's sums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GatherTo {
    pub(crate) target: Address,
    pub(crate) bias: Address,
    pub(crate) class_rows: Address,
    pub(crate) classes: Address,
    pub(crate) gate: Address,
    pub(crate) relu: bool,
    pub(crate) rounded: bool,
    pub(crate) parts: usize,
}

impl GatherTo {
    /// Nothing: the sums go there as they are.
    pub(crate) fn new(target: Address) -> Self {
        Self { target, bias: 0, class_rows: 0, classes: 0, gate: 0, relu: false, rounded: false, parts: 1 }
    }
}

/// Blocks that share a sum over so many numbers, in a product that has few tiles.
pub(crate) fn gather_parts(depth: usize) -> usize {
    (depth.div_ceil(CHUNK) / LEAST_CHUNKS).clamp(1, MOST_PARTS)
}

/// How wide a tile is, and how many numbers are copied at once.
fn variant(wide: bool, columns: usize) -> (&'static str, usize) {
    match (wide, columns > 32) {
        (false, _) => ("any", 32),
        (true, false) => ("32", 32),
        (true, true) => ("64", 64),
    }
}

fn weight_gradient_variant(c_large: usize, c_small: usize) -> (&'static str, usize) {
    variant(c_large.is_multiple_of(4) && c_small.is_multiple_of(4), c_small)
}

/// Row and column tiles of a gradient of weights.
fn weight_gradient_tiles(geometry: &Geometry, c_large: usize, c_small: usize) -> [usize; 2] {
    let (_, columns) = weight_gradient_variant(c_large, c_small);
    [(geometry.taps() * c_large).div_ceil(ROWS), c_small.div_ceil(columns)]
}

/// Blocks that share a gradient of weights.
pub(crate) fn weight_gradient_parts(geometry: &Geometry, c_large: usize, c_small: usize) -> usize {
    let [rows, columns] = weight_gradient_tiles(geometry, c_large, c_small);
    (BLOCKS / (rows * columns)).max(1)
}

impl Product {
    fn name(self, kernel: &str, variant: &str, turned: bool) -> &'static str {
        let precision = match self.precision {
            Precision::F32 => "f32",
            Precision::Tf32 => "tf32",
        };
        let name = format!("{kernel}_{precision}_{variant}{}", if turned { "_turned" } else { "" });
        crate::kernel_name(&name)
    }

    /// A layer, or with its weights `turned` its way back.
    ///
    /// `channels` are those read and made; `from` is what is read, the weights, and whether they are turned.
    pub(crate) fn gather(
        self,
        geometry: &Geometry,
        direction: Direction,
        images: usize,
        channels: [usize; 2],
        from: (Address, Address, bool),
        to: GatherTo,
    ) -> Launch {
        let [c_source, c_target] = channels;
        let (source, weights, turned) = from;
        let wide = c_source.is_multiple_of(4) && (turned || c_target.is_multiple_of(4));
        let (name, columns) = variant(wide, c_target);
        let Geometry { stride, large, small, .. } = *geometry;
        let (phases, pixels) = match direction {
            Direction::Down => (1, small[0] * small[1]),
            Direction::Up => (stride[0] * stride[1], large[0].div_ceil(stride[0]) * large[1].div_ceil(stride[1])),
        };
        let row_tiles = (images * pixels).div_ceil(ROWS);
        let left = ROWS * (CHUNK + 4);
        let right = if turned { columns * (CHUNK + 4) } else { CHUNK * (columns + 8) };
        Launch::new(
            self.name("gather", name, turned),
            [phases * row_tiles, c_target.div_ceil(columns), to.parts],
            THREADS,
            4 * STAGES * (left + right),
            GatherArgs {
                source,
                weights,
                bias: to.bias,
                class_rows: to.class_rows,
                classes: to.classes,
                gate: to.gate,
                target: to.target,
                join: geometry.into(),
                images: images as i32,
                c_source: c_source as i32,
                c_target: c_target as i32,
                up: i32::from(direction == Direction::Up),
                parts: to.parts as i32,
                row_tiles: row_tiles as i32,
                relu: i32::from(to.relu),
                rounded: i32::from(to.rounded),
            },
        )
    }

    /// The parts of a layer's gradient: `of` are the large and the small side, `to` where the weights' and the sums go.
    pub(crate) fn weight_gradient(
        self,
        geometry: &Geometry,
        direction: Direction,
        images: usize,
        channels: [usize; 2],
        of: [Address; 2],
        to: [Address; 2],
    ) -> Launch {
        let [c_large, c_small] = channels;
        let (name, columns) = weight_gradient_variant(c_large, c_small);
        let [row_tiles, column_tiles] = weight_gradient_tiles(geometry, c_large, c_small);
        let parts = weight_gradient_parts(geometry, c_large, c_small);
        Launch::new(
            self.name("weight_gradient", name, false),
            [row_tiles * column_tiles, parts, 1],
            THREADS,
            4 * STAGES * CHUNK * (ROWS + 8 + columns + 8),
            WeightGradientArgs {
                large: of[0],
                small: of[1],
                weights: to[0],
                sums: to[1],
                join: geometry.into(),
                images: images as i32,
                c_large: c_large as i32,
                c_small: c_small as i32,
                up: i32::from(direction == Direction::Up),
                row_tiles: row_tiles as i32,
                parts: parts as i32,
            },
        )
    }
}
