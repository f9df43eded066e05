//! Where everything lies in the card's memory, and which kernels a step launches: a function of the network, the
//! precision, the most memory of a block and the number of images alone, which asks no card.
//!
//! `places` says where, `forward`, `backward` and `update` which kernels.

mod backward;
mod forward;
mod muon;
mod narrow;
mod places;
mod products;
mod update;

use crate::args::Address;
use crate::network::{Layer, Network, Role};
use places::{InputPlaces, LayerPlaces, MuonPlaces};
pub(crate) use places::{Layout, StatePlaces};
use products::{Product, weight_gradient_parts};

/// How products of matrices are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precision {
    /// Factors of 24 bits: errors as in f32.
    F32,
    /// Factors rounded to the 11 bits that a tensor core multiplies at once; sums are f32.
    Tf32,
}

impl Precision {
    /// As products take a number.
    pub(crate) fn rounded(self, number: f32) -> f32 {
        match self {
            Precision::F32 => number,
            Precision::Tf32 if number.is_nan() => number,
            Precision::Tf32 => f32::from_bits(number.to_bits().wrapping_add(0x1000) & !0x1fff),
        }
    }
}

/// Bytes that the images of a batch may take on the card; larger batches are taken in parts. No card's size is in it, so that
/// the same batch gives the same bits on any.
const BUDGET: usize = 4 << 30;
/// The most images at once.
const MOST_IMAGES: usize = 4096;

const UPDATE_THREADS: usize = 256;
const LATENT_THREADS: usize = 128;
const LOGIT_THREADS: usize = 256;
/// Pixels of the image that a block makes the logits of.
const LOGIT_TILE: [usize; 2] = [16, 32];
/// Blocks that share the gradient of weights of a layer one side of which is an image.
const NARROW_PARTS: usize = 512;
/// Numbers of the gradient that a block adds the parts of.
const REDUCED: usize = 32;

/// All places of a network, for up to so many images, and its launches.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    network: Network,
    layout: Layout,
    precision: Precision,
    block_memory: usize,
    state: StatePlaces,
    pub(crate) capacity: usize,
    pub(crate) inputs: [InputPlaces; 2],
    pixels: Address,
    rounded_pixels: Address,
    layers: Vec<LayerPlaces>,
    head_parts: Address,
    pub(crate) statistics: Address,
    pub(crate) latents: Address,
    latent_parts: Address,
    pub(crate) means: Address,
    pub(crate) losses: Address,
    pub(crate) divergences: Address,
    by_sigma: Address,
    segments: Address,
    muon: Vec<(usize, MuonPlaces)>,
    pub(crate) bytes: u64,
}

/// Tiles of an image that a block each makes the logits of.
fn logit_tiles(network: &Network) -> [usize; 2] {
    let [height, width, _] = network.image();
    [height.div_ceil(LOGIT_TILE[0]), width.div_ceil(LOGIT_TILE[1])]
}

/// Images that are worked on at once, of a batch of `images`.
#[must_use]
pub fn most_images(network: &Network) -> usize {
    let numbers: usize = network.layers.iter().map(|layer| 2 * layer.len_out()).sum();
    let of_image = 4 * (numbers + 4 * network.image_len() + 64 * network.latent_dim) + 32;
    (BUDGET / of_image).clamp(1, MOST_IMAGES)
}

impl Plan {
    /// Tiles of an image whose losses are apart.
    pub(crate) fn loss_tiles(&self) -> usize {
        logit_tiles(&self.network).iter().product()
    }

    /// Weights as products take them.
    fn weights(&self, layer: &Layer) -> Address {
        let base = if self.precision == Precision::Tf32 { self.state.rounded } else { self.state.parameters };
        base + 4 * self.layout.place(layer.weights.start) as u64
    }

    fn parameter(&self, host: usize) -> Address {
        self.state.parameters + 4 * self.layout.place(host) as u64
    }

    fn gradient(&self, host: usize) -> Address {
        self.state.gradient + 4 * self.layout.place(host) as u64
    }

    fn rounded(&self) -> i32 {
        i32::from(self.precision == Precision::Tf32)
    }

    fn product(&self) -> Product {
        Product { precision: self.precision, block_memory: self.block_memory }
    }

    /// What layer number `number` reads.
    fn source(&self, number: usize) -> Address {
        match self.network.layers[number].role {
            Role::Image if self.precision == Precision::Tf32 => self.rounded_pixels,
            Role::Image => self.pixels,
            Role::Projection => self.latents,
            _ => self.layers[number - 1].output,
        }
    }
}

/// Whether one side of the layer is an image.
fn is_narrow(layer: &Layer) -> bool {
    matches!(layer.role, Role::Image | Role::Logits)
}

/// Blocks that share the layer's gradient of weights.
fn parts_of(layer: &Layer) -> usize {
    let (c_large, c_small) = layer.channels_large_small();
    if is_narrow(layer) { NARROW_PARTS } else { weight_gradient_parts(&layer.geometry, c_large, c_small) }
}

/// What is wanted of the logits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Goal {
    /// The mean of each pixel.
    Means,
    /// The losses.
    Losses,
    /// The losses and the gradient.
    Gradient,
}

/// Which part of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Part {
    pub(crate) first: bool,
    pub(crate) last: bool,
}
