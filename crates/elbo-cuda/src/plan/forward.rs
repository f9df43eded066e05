//! The way from bytes to the loss.

use super::products::{GatherTo, gather_parts};
use super::{
    Goal, InputPlaces, LATENT_THREADS, LOGIT_THREADS, LOGIT_TILE, Plan, Precision, UPDATE_THREADS, logit_tiles,
};
use crate::args::{Address, LatentArgs, LogitsArgs, NarrowArgs, PixelsArgs};
use crate::launch::Launch;
use crate::network::Role;

impl Plan {
    /// From bytes to statistics, and to latent vectors with their divergences, drawn with the input's noise or none.
    pub(crate) fn encode(&self, images: usize, input: usize, draws: bool) -> Vec<Launch> {
        let input = self.inputs[input];
        let len = images * self.network.image_len();
        let tf32 = self.precision == Precision::Tf32;
        let mut launches = vec![Launch::new(
            "pixels",
            [len.div_ceil(UPDATE_THREADS), 1, 1],
            UPDATE_THREADS as u32,
            0,
            PixelsArgs {
                bytes: input.bytes,
                control: self.state.control,
                pixels: self.pixels,
                rounded: if tf32 { self.rounded_pixels } else { 0 },
                len: len as i64,
            },
        )];
        let head = self.network.number_of(Role::Head);
        launches.extend((0..head).map(|number| self.layer(number, images, input)));
        let layer = &self.network.layers[head];
        let part_count = gather_parts(layer.geometry.taps() * layer.c_in);
        launches.push(self.product().gather(
            &layer.geometry,
            layer.direction,
            images,
            [layer.c_in, layer.c_out],
            (self.source(head), self.weights(layer), false),
            GatherTo { parts: part_count, ..GatherTo::new(self.head_parts) },
        ));
        launches.push(Launch::new(
            "latent_draw",
            [images, 1, 1],
            LATENT_THREADS as u32,
            8 * LATENT_THREADS,
            LatentArgs {
                parts: self.head_parts,
                bias: self.parameter(layer.bias.start),
                class_rows: layer.class_rows.as_ref().map_or(0, |rows| self.parameter(rows.start)),
                classes: input.classes,
                noise: if draws { input.noise } else { 0 },
                statistics: self.statistics,
                latents: self.latents,
                divergences: self.divergences,
                images: images as i32,
                dim: self.network.latent_dim as i32,
                part_count: part_count as i32,
                rounded: self.rounded(),
            },
        ));
        launches
    }

    /// One layer forwards, to its activations.
    fn layer(&self, number: usize, images: usize, input: InputPlaces) -> Launch {
        let layer = &self.network.layers[number];
        if layer.role == Role::Image {
            return Self::narrow_gather(
                layer,
                images,
                NarrowArgs {
                    large: self.source(number),
                    target: self.layers[number].output,
                    bias: self.parameter(layer.bias.start),
                    relu: i32::from(layer.relu),
                    ..self.narrow(layer, images)
                },
            );
        }
        self.product().gather(
            &layer.geometry,
            layer.direction,
            images,
            [layer.c_in, layer.c_out],
            (self.source(number), self.weights(layer), false),
            GatherTo {
                bias: self.parameter(layer.bias.start),
                class_rows: layer.class_rows.as_ref().map_or(0, |rows| self.parameter(rows.start)),
                classes: input.classes,
                relu: layer.relu,
                rounded: self.precision == Precision::Tf32,
                ..GatherTo::new(self.layers[number].output)
            },
        )
    }

    /// From latent vectors to logits, and what `goal` asks of them.
    pub(crate) fn decode(&self, images: usize, input: usize, goal: Goal) -> Vec<Launch> {
        let input = self.inputs[input];
        let first = self.network.number_of(Role::Projection);
        let last = self.network.layers.len() - 1;
        let mut launches: Vec<Launch> = (first..last).map(|number| self.layer(number, images, input)).collect();
        let layer = &self.network.layers[last];
        let [height, width, channels] = self.network.image();
        let [tiles_down, tiles_across] = logit_tiles(&self.network);
        let reach = (LOGIT_TILE[0] + 2) * (LOGIT_TILE[1] + 2);
        let measures = goal != Goal::Means;
        let only = |place: Address, wanted: bool| if wanted { place } else { 0 };
        let learns_sigma = self.network.log_sigma.is_some();
        launches.push(Launch::new(
            ["logits_1", "logits_2", "logits_3", "logits_4"][channels - 1],
            [images * tiles_down * tiles_across, 1, 1],
            LOGIT_THREADS as u32,
            8 * LOGIT_THREADS + 4 * 9 * channels * (32 + reach),
            LogitsArgs {
                source: self.source(last),
                weights: self.parameter(layer.weights.start),
                bias: self.parameter(layer.bias.start),
                pixels: only(self.pixels, measures),
                log_sigma: self.network.log_sigma.map_or(0, |place| self.parameter(place)),
                gradient: only(self.layers[last].gradient, goal == Goal::Gradient),
                means: only(self.means, goal == Goal::Means),
                losses: only(self.losses, measures),
                by_sigma: only(self.by_sigma, goal == Goal::Gradient && learns_sigma),
                control: self.state.control,
                images: images as i32,
                height: height as i32,
                width: width as i32,
                c_source: layer.c_in as i32,
                channels: channels as i32,
                tiles_down: tiles_down as i32,
                tiles_across: tiles_across as i32,
                likelihood: self.network.likelihood as i32,
                rounded: self.rounded(),
            },
        ));
        launches
    }
}
