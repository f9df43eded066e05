//! Where everything lies.

use super::muon::is_matrix;
use super::products::gather_parts;
use super::{Plan, Precision, is_narrow, logit_tiles, parts_of};
use crate::args::{Address, OUTCOME_LEN, Segment};
use crate::network::{Network, Role};
use elbo_kernels::Direction;
use std::ops::Range;

/// Bytes behind each other, each piece where the widest access is aligned.
#[derive(Default)]
struct Arena {
    len: u64,
}

impl Arena {
    fn take(&mut self, bytes: usize) -> Address {
        let place = self.len;
        self.len += (bytes as u64).next_multiple_of(256);
        place
    }

    fn floats(&mut self, count: usize) -> Address {
        self.take(4 * count)
    }
}

/// Where the parameters lie, and all that has a number for each.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Of each tensor: its numbers on the host, and where its first one lies on the card, in numbers.
    tensors: Vec<(Range<usize>, usize)>,
    /// Numbers on the card: the tensors with what aligns them.
    pub(crate) len: usize,
}

impl Layout {
    pub(crate) fn new(network: &Network) -> Self {
        let mut tensors = Vec::new();
        for layer in &network.layers {
            tensors.extend([layer.weights.clone(), layer.bias.clone()]);
            tensors.extend(layer.class_rows.clone());
        }
        tensors.extend(network.log_sigma.map(|place| place..place + 1));
        tensors.sort_by_key(|range| range.start);
        let mut len = 0;
        let tensors = tensors.into_iter().map(|range| {
            let first = len;
            len += range.len().next_multiple_of(64);
            (range, first)
        });
        Self { tensors: tensors.collect(), len }
    }

    /// Where the number `host` of the parameters lies on the card.
    pub(super) fn place(&self, host: usize) -> usize {
        let tensor = self.tensors.partition_point(|(range, _)| range.start <= host) - 1;
        let (range, first) = &self.tensors[tensor];
        first + host - range.start
    }

    /// As on the card, zeros between.
    pub(crate) fn scatter(&self, host: &[f32]) -> Vec<f32> {
        let mut card = vec![0.0; self.len];
        for (range, first) in &self.tensors {
            card[*first..][..range.len()].copy_from_slice(&host[range.clone()]);
        }
        card
    }

    /// As on the host.
    pub(crate) fn gather(&self, card: &[f32], count: usize) -> Vec<f32> {
        let mut host = vec![0.0; count];
        for (range, first) in &self.tensors {
            host[range.clone()].copy_from_slice(&card[*first..][..range.len()]);
        }
        host
    }
}

/// What stays when the number of images changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatePlaces {
    pub(crate) parameters: Address,
    pub(crate) rounded: Address,
    pub(crate) gradient: Address,
    pub(crate) mean: Address,
    pub(crate) square: Address,
    pub(crate) control: Address,
    pub(crate) outcome: Address,
    pub(crate) bytes: u64,
}

impl StatePlaces {
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut arena = Arena::default();
        let mut floats = || arena.floats(layout.len);
        let [parameters, rounded, gradient, mean, square] = std::array::from_fn(|_| floats());
        let control = arena.take(256);
        let outcome = arena.take(OUTCOME_LEN);
        Self { parameters, rounded, gradient, mean, square, control, outcome, bytes: arena.len }
    }

    /// The same from `base` on.
    pub(crate) fn at(self, base: Address) -> Self {
        Self {
            parameters: base + self.parameters,
            rounded: base + self.rounded,
            gradient: base + self.gradient,
            mean: base + self.mean,
            square: base + self.square,
            control: base + self.control,
            outcome: base + self.outcome,
            bytes: self.bytes,
        }
    }
}

/// What a batch is, as it comes from the host. There are two, so that one can be filled while the other is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InputPlaces {
    pub(crate) bytes: Address,
    pub(crate) noise: Address,
    pub(crate) classes: Address,
}

#[derive(Clone, Debug)]
pub(super) struct LayerPlaces {
    /// Of an image's activations, and the gradient by them.
    pub(super) output: Address,
    pub(super) gradient: Address,
    /// Parts of the gradient of the weights, and of the sums of which the bias's is made.
    pub(super) weight_parts: Address,
    pub(super) sum_parts: Address,
}

#[derive(Clone, Debug)]
pub(super) struct MuonPlaces {
    pub(super) rows: Address,
    pub(super) product: Address,
    pub(super) gram_parts: Address,
    /// `[columns, columns]`, five of them; the first is the polynomial of all iterations.
    pub(super) squares: [Address; 5],
    pub(super) scale: Address,
}

impl Plan {
    /// With everything from address 0 on, for `images` at once at most, on a card whose blocks may have so much memory.
    pub(crate) fn new(network: &Network, precision: Precision, block_memory: usize, images: usize) -> Self {
        let layout = Layout::new(network);
        let mut arena = Arena::default();
        let image_len = network.image_len();
        let dim = network.latent_dim;
        let input = |arena: &mut Arena| InputPlaces {
            bytes: arena.take(2 * images * image_len),
            noise: arena.floats(images * dim),
            classes: arena.take(2 * images),
        };
        let inputs = [input(&mut arena), input(&mut arena)];
        let pixels = arena.floats(images * image_len);
        let rounded_pixels = arena.floats(images * image_len);
        let layers = network.layers.iter().map(|layer| {
            let own = if layer.role == Role::Head { 0 } else { images * layer.len_out() };
            let parts = parts_of(layer);
            let sums = match layer.direction {
                Direction::Up if !is_narrow(layer) => layer.geometry.taps() * layer.c_out,
                _ => layer.c_out,
            };
            LayerPlaces {
                output: arena.floats(own),
                gradient: arena.floats(images * layer.len_out()),
                weight_parts: arena.floats(parts * layer.weights.len()),
                sum_parts: arena.floats(parts * sums),
            }
        });
        let layers: Vec<LayerPlaces> = layers.collect();
        let head = &network.layers[network.number_of(Role::Head)];
        let projection = &network.layers[network.number_of(Role::Projection)];
        let head_parts = arena.floats(gather_parts(head.weights.len() / head.c_out) * images * 2 * dim);
        let latent_parts = arena.floats(gather_parts(projection.geometry.taps() * projection.c_out) * images * dim);
        let statistics = arena.floats(images * 2 * dim);
        let latents = arena.floats(images * dim);
        let means = arena.floats(images * image_len);
        let tiles: usize = logit_tiles(network).iter().product();
        let losses = arena.take(8 * images * tiles);
        let by_sigma = arena.take(8 * images * tiles);
        let divergences = arena.take(8 * images);
        let segments = arena.take(size_of::<Segment>() * 3 * network.layers.len());
        let muon = network.layers.iter().enumerate().filter(|(_, layer)| is_matrix(layer)).map(|(number, layer)| {
            let columns = layer.channels_large_small().1;
            let rows = layer.weights.len() / columns;
            let squares = std::array::from_fn(|_| arena.floats(columns * columns));
            let parts = gather_parts(rows);
            let places = MuonPlaces {
                rows: arena.floats(rows * columns),
                product: arena.floats(rows * columns),
                gram_parts: arena.floats(parts * columns * columns),
                squares,
                scale: arena.floats(1),
            };
            (number, places)
        });
        let muon = muon.collect();
        Self {
            network: network.clone(),
            state: StatePlaces::new(&layout),
            layout,
            precision,
            block_memory,
            capacity: images,
            inputs,
            pixels,
            rounded_pixels,
            layers,
            head_parts,
            statistics,
            latents,
            latent_parts,
            means,
            losses,
            divergences,
            by_sigma,
            segments,
            muon,
            bytes: arena.len,
        }
    }

    /// The same where the memory begins at these addresses.
    pub(crate) fn at(mut self, state: StatePlaces, base: Address) -> Self {
        self.state = state;
        for input in &mut self.inputs {
            for place in [&mut input.bytes, &mut input.noise, &mut input.classes] {
                *place += base;
            }
        }
        for layer in &mut self.layers {
            for place in [&mut layer.output, &mut layer.gradient, &mut layer.weight_parts, &mut layer.sum_parts] {
                *place += base;
            }
        }
        for (_, muon) in &mut self.muon {
            let own = [&mut muon.rows, &mut muon.product, &mut muon.gram_parts, &mut muon.scale];
            for place in own.into_iter().chain(&mut muon.squares) {
                *place += base;
            }
        }
        for place in [
            &mut self.pixels,
            &mut self.rounded_pixels,
            &mut self.head_parts,
            &mut self.statistics,
            &mut self.latents,
            &mut self.latent_parts,
            &mut self.means,
            &mut self.losses,
            &mut self.divergences,
            &mut self.by_sigma,
            &mut self.segments,
        ] {
            *place += base;
        }
        self
    }
}
