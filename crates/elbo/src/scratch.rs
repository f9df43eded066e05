//! What a thread needs to take a few images through the network and back.

use crate::architecture::Architecture;
use crate::decoder::DecoderState;
use crate::encoder::EncoderState;
use crate::latent::Latent;
use crate::layer::Layer;
use crate::network::Network;
use elbo_kernels::Buffer;

/// Two buffers that change places from layer to layer.
#[derive(Debug)]
pub(crate) struct PingPong {
    pub(crate) here: Buffer,
    pub(crate) there: Buffer,
}

impl PingPong {
    pub(crate) fn swap(&mut self) {
        std::mem::swap(&mut self.here, &mut self.there);
    }
}

/// One thread's memory.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) encoder: EncoderState,
    pub(crate) latent: Latent,
    /// The class of each image, 0 where the network is not conditional.
    pub(crate) classes: Vec<u16>,
    pub(crate) decoder: DecoderState,
    pub(crate) gradients: PingPong,
    /// What kernels need while they work.
    pub(crate) kernel: Buffer,
}

impl Scratch {
    pub(crate) fn new(network: &Network) -> Self {
        let architecture = network.architecture();
        let images = network.micro_batch();
        let (encoder, decoder) = (network.encoder(), network.decoder());
        let layers = encoder.layers.iter().chain(decoder.layers);
        let widest = layers.clone().map(Layer::output_len).max().unwrap_or(0);
        let kernel = layers.map(Layer::scratch_len).max().unwrap_or(0);
        Self {
            encoder: EncoderState::new(architecture, encoder.layers, images),
            latent: Latent::new(architecture.latent_dim(), images),
            classes: vec![0; images],
            decoder: DecoderState::new(architecture.latent_dim(), decoder.layers, images),
            gradients: PingPong { here: Buffer::zeros(images * widest), there: Buffer::zeros(images * widest) },
            kernel: Buffer::zeros(kernel),
        }
    }
}

/// The most images taken through the network at once: as many as keep their activations within a few megabytes, but
/// no more than serve to fill a tile of the fully connected layers. It depends on the network alone, so that results
/// do not depend on the machine.
pub(crate) fn micro_batch(architecture: &Architecture) -> usize {
    const ACTIVATIONS: usize = 1 << 20;
    (ACTIVATIONS / architecture.activations()).clamp(4, 16)
}
