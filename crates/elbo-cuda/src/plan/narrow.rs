//! Layers one side of which is an image: one to four channels.

use super::{NARROW_PARTS, Plan};
use crate::args::{Address, NarrowArgs};
use crate::launch::Launch;
use crate::network::{Layer, Role};
use elbo_kernels::Direction;

/// Channels of a block of a layer one side of which has few.
const NARROW_CHANNELS: usize = 32;
const NARROW_THREADS: usize = 256;

impl Plan {
    /// A layer one side of which has few channels, to be completed.
    pub(super) fn narrow(&self, layer: &Layer, images: usize) -> NarrowArgs {
        NarrowArgs {
            large: 0,
            small: 0,
            target: 0,
            sums: 0,
            back: 0,
            weights: self.parameter(layer.weights.start),
            bias: 0,
            join: (&layer.geometry).into(),
            images: images as i32,
            channels: layer.channels_large_small().1 as i32,
            up: i32::from(layer.direction == Direction::Up),
            relu: 0,
            rounded: self.rounded(),
        }
    }

    pub(super) fn narrow_gather(layer: &Layer, images: usize, args: NarrowArgs) -> Launch {
        let (few, channels) = layer.channels_large_small();
        let across = NARROW_CHANNELS / [4, 2, 1, 1][few - 1];
        let rows = images * layer.geometry.small[0];
        Launch::new(
            ["narrow_gather_1", "narrow_gather_2", "narrow_gather_3", "narrow_gather_4"][few - 1],
            [rows.div_ceil(NARROW_THREADS / across), channels.div_ceil(NARROW_CHANNELS), 1],
            NARROW_THREADS as u32,
            0,
            args,
        )
    }

    /// The parts of the gradient of its weights, and of the last layer the gradient by what it reads.
    pub(super) fn narrow_gradients(&self, number: usize, images: usize, sides: [Address; 2]) -> Launch {
        const WEIGHTS: [&str; 4] = [
            "narrow_weight_gradient_1",
            "narrow_weight_gradient_2",
            "narrow_weight_gradient_3",
            "narrow_weight_gradient_4",
        ];
        const BOTH: [&str; 4] =
            ["narrow_gradients_1", "narrow_gradients_2", "narrow_gradients_3", "narrow_gradients_4"];
        let layer = &self.network.layers[number];
        let (few, channels) = layer.channels_large_small();
        let across = NARROW_CHANNELS / [4, 2, 1, 1][few - 1];
        let is_last = layer.role == Role::Logits;
        Launch::new(
            if is_last { BOTH } else { WEIGHTS }[few - 1],
            [NARROW_PARTS, channels.div_ceil(NARROW_CHANNELS), 1],
            NARROW_THREADS as u32,
            4 * (9 * few + 1) * (NARROW_THREADS / across) * NARROW_CHANNELS,
            NarrowArgs {
                large: sides[0],
                small: sides[1],
                target: self.layers[number].weight_parts,
                sums: self.layers[number].sum_parts,
                back: if is_last { self.layers[number - 1].gradient } else { 0 },
                ..self.narrow(layer, images)
            },
        )
    }
}
