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
/// Bytes of a block's memory so that two of them have room on a multiprocessor of a large card.
const RESIDENT: usize = 113 << 10;
/// Chunks of weights in the memory of a block that keeps its source there.
const WEIGHT_STAGES: usize = 3;
/// Up to how many tiles the phases of one are made by four blocks, and by two.
const APART: [usize; 2] = [132, 1056];
/// The least chunks, and the most parts, of a sum that several blocks of a layer share.
const LEAST_CHUNKS: usize = 4;
const MOST_PARTS: usize = 16;

/// Products of one precision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    pub(crate) precision: Precision,
    /// The most memory of a block.
    pub(crate) block_memory: usize,
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

/// Which kernel makes a product, and how it is cut.
struct Tiling {
    kernel: &'static str,
    grid: [usize; 3],
    threads: u32,
    shared: usize,
    /// That a block makes.
    phases: usize,
    row_tiles: usize,
}

/// Kinds of targets that other taps reach, and the most targets of one of them in an image.
fn phases_and_pixels(geometry: &Geometry, direction: Direction) -> (usize, usize) {
    let Geometry { stride, large, small, .. } = *geometry;
    match direction {
        Direction::Down => (1, small[0] * small[1]),
        Direction::Up => (stride[0] * stride[1], large[0].div_ceil(stride[0]) * large[1].div_ceil(stride[1])),
    }
}

/// Bytes of the memory of a block that makes `height` targets of a stage, for channels of the source and columns: the lines
/// that they read, a pixel of zeros, and the weights on their way.
fn resident_bytes(
    geometry: &Geometry,
    direction: Direction,
    [c_source, columns]: [usize; 2],
    turned: bool,
    height: usize,
) -> usize {
    let Geometry { large, small, .. } = *geometry;
    let channels = c_source.next_multiple_of(8);
    let (source_width, targets, step, more, pixel_len) = match direction {
        Direction::Down => (large[1], small[1], 2, 3, channels + 4),
        Direction::Up => {
            let bank = if channels.is_multiple_of(16) { 8 } else { 0 };
            (small[1], large[1].div_ceil(2), 1, 2, channels + bank)
        }
    };
    // Tiles begin anywhere in a line that a multiple of their height may fall on.
    let steps = (0..targets).map(|tile| (tile * height % targets + height - 1) / targets).max().unwrap_or(0);
    let lines = step * steps + more;
    let weights = WEIGHT_STAGES * if turned { columns * CHUNK } else { CHUNK * (columns + 4) };
    4 * ((lines * source_width + 1) * pixel_len + weights)
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
        // Four numbers at once are read along the weights' rows, and two are written.
        let wide = c_source.is_multiple_of(4) && c_target.is_multiple_of(if turned { 2 } else { 4 });
        let (name, columns) = variant(wide, c_target);
        let (phases, pixels) = phases_and_pixels(geometry, direction);
        let row_tiles = (images * pixels).div_ceil(ROWS);
        let left = ROWS * (CHUNK + 4);
        let right = if turned { columns * (CHUNK + 4) } else { CHUNK * (columns + 8) };
        let mut tiling = Tiling {
            kernel: self.name("gather", name, turned),
            grid: [phases * row_tiles, c_target.div_ceil(columns), to.parts],
            threads: THREADS,
            shared: 4 * STAGES * (left + right),
            phases: 1,
            row_tiles,
        };
        if wide && to.parts == 1 {
            tiling = self.resident(geometry, direction, images, channels, turned).unwrap_or(tiling);
        }
        Launch::new(
            tiling.kernel,
            tiling.grid,
            tiling.threads,
            tiling.shared,
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
                row_tiles: tiling.row_tiles as i32,
                phases: tiling.phases as i32,
                relu: i32::from(to.relu),
                rounded: i32::from(to.rounded),
            },
        )
    }

    /// The tiles of a layer of a stage whose blocks keep what they read in their memory, if that has room for it.
    fn resident(
        self,
        geometry: &Geometry,
        direction: Direction,
        images: usize,
        channels: [usize; 2],
        turned: bool,
    ) -> Option<Tiling> {
        let [c_source, c_target] = channels;
        let Geometry { kernel, stride, pad, large, small } = *geometry;
        let halves = |axis: usize| pad[axis] <= 1 && small[axis] == large[axis].div_ceil(2);
        if kernel != [3, 3] || stride != [2, 2] || !halves(0) || !halves(1) {
            return None;
        }
        let (phases, pixels) = phases_and_pixels(geometry, direction);
        let (columns, warps) = if c_target > 32 { (64, [4, 2]) } else { (32, [8, 1]) };
        let column_tiles = c_target.div_ceil(columns);
        let fit = |warps: [usize; 2], is_small: bool| {
            let height = 32 * warps[0];
            let shared = resident_bytes(geometry, direction, [c_source, columns], turned, height);
            let row_tiles = (images * pixels).div_ceil(height);
            let kernel = format!("{columns}{}", if is_small { "_small" } else { "" });
            // A tile's phases are made apart where there would be too few blocks, or too little for the last of them.
            let apart = match row_tiles * column_tiles {
                tiles if phases == 1 || tiles > APART[1] => 1,
                tiles if tiles > APART[0] => 2,
                _ => phases,
            };
            let tiling = Tiling {
                kernel: self.name("resident", &kernel, turned),
                grid: [row_tiles, column_tiles, apart],
                threads: (32 * warps[0] * warps[1]) as u32,
                shared,
                phases: phases / apart,
                row_tiles,
            };
            (shared <= RESIDENT.min(self.block_memory)).then_some(tiling)
        };
        let whole = fit(warps, false);
        let blocks = |tiling: &Tiling| tiling.grid.iter().product::<usize>();
        let small = if columns == 64 { [2, 2] } else { [4, 1] };
        whole.filter(|tiling| blocks(tiling) >= BLOCKS / 2).or_else(|| fit(small, true))
    }

    /// The parts of a layer's gradient: `of` are the large and the small side, `to` where the weights' and the sums go, each in
    /// so many `parts`.
    pub(crate) fn weight_gradient(
        self,
        geometry: &Geometry,
        direction: Direction,
        images: usize,
        channels: [usize; 2],
        of: [Address; 2],
        (to, parts): ([Address; 2], usize),
    ) -> Launch {
        let [c_large, c_small] = channels;
        let (name, columns) = weight_gradient_variant(c_large, c_small);
        let [row_tiles, column_tiles] = weight_gradient_tiles(geometry, c_large, c_small);
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
