//! Latent vectors to images.

use crate::layer::{GradientSink, Layer};
use crate::scratch::PingPong;
use elbo_kernels::Buffer;

/// The decoder's layers: the projection, transposed convolutions, and the one that makes logits.
#[derive(Clone, Copy)]
pub(crate) struct Decoder<'a> {
    pub(crate) layers: &'a [Layer],
}

/// What a forward pass leaves for the way back.
#[derive(Debug)]
pub(crate) struct DecoderState {
    /// `[images, Z]`.
    pub(crate) latents: Buffer,
    /// The output of each layer; the last is the logits, `[images, H, W, C]`.
    outputs: Vec<Buffer>,
    patches: Buffer,
}

impl DecoderState {
    pub(crate) fn new(latent_dim: usize, layers: &[Layer], images: usize) -> Self {
        let patches = layers.last().map_or(0, Layer::patches_len);
        Self {
            latents: Buffer::zeros(images * latent_dim),
            outputs: layers.iter().map(|layer| Buffer::zeros(images * layer.output_len())).collect(),
            patches: Buffer::zeros(images * patches),
        }
    }

    /// `[images, H, W, C]`: the logits after a forward pass, and what the loss puts in their place.
    pub(crate) fn logits(&mut self) -> &mut [f32] {
        self.outputs.last_mut().expect("a decoder has layers")
    }
}

impl Decoder<'_> {
    /// From `state.latents`, and the classes if the network is conditional, to `state.logits()`.
    pub(crate) fn forward(&self, images: usize, classes: &[u16], state: &mut DecoderState, scratch: &mut [f32]) {
        for (number, layer) in self.layers.iter().enumerate() {
            let (before, here) = state.outputs.split_at_mut(number);
            layer.forward(images, before.last().unwrap_or(&state.latents), classes, &mut here[0], scratch);
        }
    }

    /// The gradient of the parameters, and in `gradients.here` that of the latent vectors, from that of the logits,
    /// which stands in `state.logits()`.
    pub(crate) fn backward(
        &self,
        images: usize,
        classes: &[u16],
        state: &mut DecoderState,
        gradients: &mut PingPong,
        sink: &mut GradientSink<'_>,
        scratch: &mut [f32],
    ) {
        let (logits, outputs) = state.outputs.split_last().expect("a decoder has layers");
        let (last, inner) = self.layers.split_last().expect("a decoder has layers");
        last.lay_out(images, logits, &mut state.patches);
        last.weight_gradient(images, &outputs[inner.len() - 1], logits, &state.patches, sink, scratch);
        last.input_gradient(images, &state.patches, Some(&outputs[inner.len() - 1]), &mut gradients.here, scratch);
        for (number, layer) in inner.iter().enumerate().rev() {
            let before = number.checked_sub(1).map(|before| &outputs[before]);
            let x = before.unwrap_or(&state.latents);
            layer.weight_gradient(images, x, &gradients.here, &[], sink, scratch);
            layer.class_gradient(images, classes, &gradients.here, sink);
            // The latent vectors come from no ReLU.
            layer.input_gradient(images, &gradients.here, before.map(|x| &**x), &mut gradients.there, scratch);
            gradients.swap();
        }
    }
}
