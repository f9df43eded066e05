//! The way back, from the loss to one gradient of all parameters.

use super::products::{GatherTo, gather_parts, weight_gradient_parts};
use super::{Goal, LATENT_THREADS, Part, Plan, Precision, REDUCED, UPDATE_THREADS, is_narrow, parts_of};
use crate::args::{Address, ClassSumsArgs, LatentBackArgs, LossArgs, ReduceArgs, Segment};
use crate::launch::{Launch, Order};
use crate::network::{Layer, Role};
use elbo_kernels::{Direction, Geometry};

impl Plan {
    /// The gradient of the batch's loss, or of a part of the batch; and the mean loss.
    pub(crate) fn gradient_of(&self, images: usize, input: usize, part: Part) -> Vec<Launch> {
        let mut launches = self.encode(images, input, true);
        launches.extend(self.decode(images, input, Goal::Gradient));
        let accumulate = i32::from(!part.first);
        let tiles = self.loss_tiles();
        let sigma = self.network.log_sigma;
        launches.push(
            Launch::new(
                "mean_loss",
                [1; 3],
                UPDATE_THREADS as u32,
                8 * UPDATE_THREADS,
                LossArgs {
                    losses: self.losses,
                    divergences: self.divergences,
                    by_sigma: sigma.map_or(0, |_| self.by_sigma),
                    sigma_gradient: sigma.map_or(0, |place| self.gradient(place)),
                    control: self.state.control,
                    outcome: self.state.outcome,
                    images: images as i32,
                    tiles: tiles as i32,
                    accumulate,
                    last: i32::from(part.last),
                },
            )
            .ordered(Order::Beside),
        );
        let last = self.network.layers.len() - 1;
        for number in (0..=last).rev() {
            let layer = &self.network.layers[number];
            let own = self.layers[number].gradient;
            // Of what is made of a layer's gradient, only the gradient before it is waited for.
            let class_gradient = self.class_gradient(layer, own, images, input, accumulate);
            launches.extend(class_gradient.map(|launch| launch.ordered(Order::Beside)));
            let order = if layer.role == Role::Logits { Order::Next } else { Order::Beside };
            launches.push(self.weight_gradient(number, images).ordered(order));
            match layer.role {
                // The last layer's came with that of its weights.
                Role::Image | Role::Logits => {}
                Role::Projection => launches.extend(self.latent_back(number, images, input)),
                Role::Stage | Role::Head => launches.push(self.product().gather(
                    &layer.geometry,
                    layer.direction.reversed(),
                    images,
                    [layer.c_out, layer.c_in],
                    (own, self.weights(layer), true),
                    GatherTo {
                        gate: self.source(number),
                        rounded: self.precision == Precision::Tf32,
                        ..GatherTo::new(self.layers[number - 1].gradient)
                    },
                )),
            }
        }
        let len = self.layout.len;
        launches.push(
            Launch::new(
                "reduce",
                [len.div_ceil(REDUCED), 1, 1],
                UPDATE_THREADS as u32,
                4 * UPDATE_THREADS,
                ReduceArgs {
                    segments: self.segments,
                    gradient: self.state.gradient,
                    segment_count: 2 * self.network.layers.len() as i32,
                    accumulate,
                    len: len as i64,
                },
            )
            .ordered(Order::Joined),
        );
        launches
    }

    fn class_gradient(
        &self,
        layer: &Layer,
        gradient: Address,
        images: usize,
        input: usize,
        accumulate: i32,
    ) -> Option<Launch> {
        let rows = layer.class_rows.as_ref()?;
        let numbers = layer.len_out();
        Some(Launch::new(
            "class_sums",
            [numbers.div_ceil(LATENT_THREADS), self.network.classes, 1],
            LATENT_THREADS as u32,
            0,
            ClassSumsArgs {
                gradient,
                classes: self.inputs[input].classes,
                rows: self.gradient(rows.start),
                images: images as i32,
                numbers: numbers as i32,
                accumulate,
            },
        ))
    }

    fn weight_gradient(&self, number: usize, images: usize) -> Launch {
        let layer = &self.network.layers[number];
        let places = &self.layers[number];
        let (c_large, c_small) = layer.channels_large_small();
        let (large, small) = match layer.direction {
            Direction::Down => (self.source(number), places.gradient),
            Direction::Up => (places.gradient, self.source(number)),
        };
        if is_narrow(layer) {
            return self.narrow_gradients(number, images, [large, small]);
        }
        self.product().weight_gradient(
            &layer.geometry,
            layer.direction,
            images,
            [c_large, c_small],
            [large, small],
            ([places.weight_parts, places.sum_parts], weight_gradient_parts(&layer.geometry, c_large, c_small)),
        )
    }

    /// Through the projection, number `number`, to the gradient by the statistics.
    fn latent_back(&self, number: usize, images: usize, input: usize) -> [Launch; 2] {
        let layer = &self.network.layers[number];
        let part_count = gather_parts(layer.geometry.taps() * layer.c_out);
        let dim = self.network.latent_dim;
        let product = self.product().gather(
            &layer.geometry,
            layer.direction.reversed(),
            images,
            [layer.c_out, layer.c_in],
            (self.layers[number].gradient, self.weights(layer), true),
            GatherTo { parts: part_count, ..GatherTo::new(self.latent_parts) },
        );
        let back = Launch::new(
            "latent_back",
            [(images * dim).div_ceil(LATENT_THREADS), 1, 1],
            LATENT_THREADS as u32,
            0,
            LatentBackArgs {
                parts: self.latent_parts,
                statistics: self.statistics,
                noise: self.inputs[input].noise,
                gradient: self.layers[number - 1].gradient,
                control: self.state.control,
                images: images as i32,
                dim: dim as i32,
                part_count: part_count as i32,
                rounded: self.rounded(),
            },
        );
        [product, back]
    }

    /// Where the table of [`segments`](Self::segments) goes.
    pub(crate) fn segments_place(&self) -> Address {
        self.segments
    }

    /// Of what the gradient is made, in the order of the parameters.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        let mut segments = Vec::new();
        for (layer, places) in self.network.layers.iter().zip(&self.layers) {
            let (c_large, _) = layer.channels_large_small();
            let part_count = parts_of(layer) as i32;
            let len = layer.weights.len() as i64;
            segments.push(Segment {
                parts: places.weight_parts,
                first: self.layout.place(layer.weights.start) as i64,
                len,
                part_step: len,
                row_step: 0,
                column_step: 0,
                part_count,
                rows: 1,
                columns: 1,
            });
            let Geometry { kernel, stride, pad, .. } = layer.geometry;
            let own = Segment {
                parts: places.sum_parts,
                first: self.layout.place(layer.bias.start) as i64,
                len: layer.c_out as i64,
                part_step: layer.c_out as i64,
                row_step: 0,
                column_step: 0,
                part_count,
                rows: 1,
                columns: 1,
            };
            segments.push(match layer.direction {
                _ if is_narrow(layer) => own,
                Direction::Down => own,
                // Taps `pad` to `pad + stride - 1` join each large pixel once.
                Direction::Up => Segment {
                    parts: places.sum_parts + 4 * ((pad[0] * kernel[1] + pad[1]) * c_large) as u64,
                    part_step: (layer.geometry.taps() * c_large) as i64,
                    row_step: (kernel[1] * c_large) as i64,
                    column_step: c_large as i64,
                    rows: stride[0].min(kernel[0] - pad[0]) as i32,
                    columns: stride[1].min(kernel[1] - pad[1]) as i32,
                    ..own
                },
            });
        }
        segments.sort_by_key(|segment| segment.first);
        segments
    }
}
