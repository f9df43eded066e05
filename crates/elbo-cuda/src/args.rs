//! What kernels are given, as their sources in `kernels/` declare it.

use elbo_kernels::Geometry;

/// An address in the card's memory; 0 is none.
pub(crate) type Address = u64;

/// Numbers that a kernel takes as they lie in memory.
///
/// # Safety
/// The type is `repr(C)` with the fields of the structure of the kernel's source, and holds no reference.
pub(crate) unsafe trait Args: Copy {}

macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name { $(pub(crate) $field: $type,)* }
        // SAFETY: `repr(C)`, and its fields are numbers and such structures.
        unsafe impl Args for $name {}
    )*};
}

structures! {
    Axis { kernel: i32, stride: i32, pad: i32, large: i32, small: i32, }
    Join { y: Axis, x: Axis, }
    GatherArgs {
        source: Address, weights: Address, bias: Address, class_rows: Address, classes: Address, gate: Address, target: Address,
        join: Join,
        images: i32, c_source: i32, c_target: i32,
        up: i32, parts: i32, row_tiles: i32, phases: i32, relu: i32, rounded: i32,
    }
    WeightGradientArgs {
        large: Address, small: Address, weights: Address, sums: Address,
        join: Join,
        images: i32, c_large: i32, c_small: i32, up: i32, row_tiles: i32, parts: i32,
    }
    LogitsArgs {
        source: Address, weights: Address, bias: Address, pixels: Address, log_sigma: Address, gradient: Address, means: Address,
        losses: Address, by_sigma: Address, control: Address,
        images: i32, height: i32, width: i32, c_source: i32, channels: i32, tiles_down: i32, tiles_across: i32, likelihood: i32,
        rounded: i32,
    }
    NarrowArgs {
        large: Address, small: Address, target: Address, sums: Address, back: Address, weights: Address, bias: Address,
        join: Join,
        images: i32, channels: i32, up: i32, relu: i32, rounded: i32,
    }
    LatentArgs {
        parts: Address, bias: Address, class_rows: Address, classes: Address, noise: Address, statistics: Address,
        latents: Address, divergences: Address,
        images: i32, dim: i32, part_count: i32, rounded: i32,
    }
    LatentBackArgs {
        parts: Address, statistics: Address, noise: Address, gradient: Address, control: Address,
        images: i32, dim: i32, part_count: i32, rounded: i32,
    }
    ClassSumsArgs { gradient: Address, classes: Address, rows: Address, images: i32, numbers: i32, accumulate: i32, }
    PixelsArgs { bytes: Address, control: Address, pixels: Address, rounded: Address, len: i64, }
    RoundArgs { from: Address, to: Address, len: i64, }
    Segment {
        parts: Address, first: i64, len: i64, part_step: i64, row_step: i64, column_step: i64,
        part_count: i32, rows: i32, columns: i32,
    }
    ReduceArgs { segments: Address, gradient: Address, segment_count: i32, accumulate: i32, len: i64, }
    LossArgs {
        losses: Address, divergences: Address, by_sigma: Address, sigma_gradient: Address, control: Address, outcome: Address,
        images: i32, tiles: i32, accumulate: i32, last: i32,
    }
    Matrix { first: i64, len: i64, rows: Address, columns: i32, others: i32, turned: i32, }
    UpdateArgs {
        gradient: Address, parameters: Address, mean: Address, square: Address, rounded: Address, control: Address,
        outcome: Address, len: i64, matrix_count: i32, matrices: [Matrix; MATRICES],
    }
    Gram { parts: Address, polynomial: Address, columns: i32, part_count: i32, }
    PolynomialArgs { grams: [Gram; MATRICES], }
    MuonArgs {
        parts: Address, gram: Address, square: Address, all: Address, scale: Address,
        columns: i32, part_count: i32, iteration: i32,
    }
    /// What changes from step to step.
    Control {
        adam_rate: f32, square_scale: f32, beta1: f32, beta2: f32, epsilon: f32, muon_rate: f32, momentum: f32,
        beta: f32, free_bits: f32, path_gradient: i32, images: i32, slot: i32, value_bytes: i32,
    }
}

/// The most matrices that Muon steps: all weights but the first and the last of five stages.
pub(crate) const MATRICES: usize = 12;

/// Steps whose losses can wait to be fetched.
pub(crate) const SLOTS: usize = 64;

/// Bytes of the flag and the losses of all slots.
pub(crate) const OUTCOME_LEN: usize = 8 + 16 * SLOTS;

impl Default for Matrix {
    fn default() -> Self {
        Self { first: 0, len: 0, rows: 0, columns: 1, others: 1, turned: 0 }
    }
}

impl Default for Gram {
    fn default() -> Self {
        Self { parts: 0, polynomial: 0, columns: 1, part_count: 0 }
    }
}

impl From<&Geometry> for Join {
    fn from(geometry: &Geometry) -> Self {
        let Geometry { kernel, stride, pad, large, small } = geometry;
        let axis = |i: usize| {
            let [kernel, stride, pad, large, small] =
                [kernel[i], stride[i], pad[i], large[i], small[i]].map(|number| number as i32);
            Axis { kernel, stride, pad, large, small }
        };
        Self { y: axis(0), x: axis(1) }
    }
}
