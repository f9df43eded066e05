//! What a thread needs to take a few images through the network and back.

use crate::engine::cpu::decoder::DecoderState;
use crate::engine::cpu::dense_gradient::DenseGradient;
use crate::engine::cpu::encoder::EncoderState;
use crate::engine::cpu::latent::Latent;
use crate::engine::cpu::layer::Layer;
use crate::engine::cpu::network::Network;
use crate::network::architecture::Architecture;
use elbo_kernels::Buffer;

/// One thread's memory.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) encoder: EncoderState,
    pub(crate) latent: Latent,
    /// The class of each image, 0 where the network is not conditional.
    pub(crate) classes: Vec<u16>,
    pub(crate) decoder: DecoderState,
    /// What kernels need while they work.
    pub(crate) kernel: Buffer,
}

impl Scratch {
    pub(crate) fn new(network: &Network) -> Self {
        let architecture = network.architecture();
        let images = network.micro_batch();
        let (encoder, decoder) = (network.encoder(), network.decoder());
        let layers = encoder.layers.iter().chain(decoder.layers);
        let kernel = layers.map(Layer::scratch_len).max().unwrap_or(0);
        let dense = DenseGradient::scratch_len(network.dense_layers());
        Self {
            encoder: EncoderState::new(architecture, encoder.layers, images),
            latent: Latent::new(architecture.latent_dim(), images),
            classes: vec![0; images],
            decoder: DecoderState::new(architecture.latent_dim(), decoder.layers, images),
            kernel: Buffer::zeros(kernel.max(dense)),
        }
    }
}

/// The most images taken through the network at once, and so through its dense layers: as many as serve to fill their
/// tiles, unless the encoder's activations, which all stay until the way back, would take tens of megabytes. It depends
/// on the network alone, so that results do not depend on the machine.
pub(crate) fn micro_batch(architecture: &Architecture) -> usize {
    const ACTIVATIONS: usize = 1 << 23;
    (ACTIVATIONS / architecture.activations()).clamp(4, 16)
}
