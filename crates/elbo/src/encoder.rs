//! Images to the mean and log-variance of their latent vectors.

use crate::architecture::Architecture;
use crate::layer::{GradientSink, Layer};
use crate::scratch::PingPong;
use elbo_kernels::Buffer;

/// The encoder's layers: convolutions, then the head.
#[derive(Clone, Copy)]
pub(crate) struct Encoder<'a> {
    pub(crate) layers: &'a [Layer],
}

/// What a forward pass leaves for the way back.
#[derive(Debug)]
pub(crate) struct EncoderState {
    /// `[images, H, W, C]`.
    pub(crate) images: Buffer,
    patches: Buffer,
    /// The output of each layer; the last is `[images, 2Z]`, means first.
    outputs: Vec<Buffer>,
}

impl EncoderState {
    pub(crate) fn new(architecture: &Architecture, layers: &[Layer], images: usize) -> Self {
        Self {
            images: Buffer::zeros(images * architecture.image().len()),
            patches: Buffer::zeros(images * layers[0].patches_len()),
            outputs: layers.iter().map(|layer| Buffer::zeros(images * layer.output_len())).collect(),
        }
    }

    /// Means and log-variances, `[images, 2Z]`, means first.
    pub(crate) fn statistics(&self) -> &[f32] {
        self.outputs.last().expect("an encoder has layers")
    }
}

impl Encoder<'_> {
    /// From `state.images` of these classes, if the network is conditional, to `state.statistics()`.
    pub(crate) fn forward(&self, images: usize, classes: &[u16], state: &mut EncoderState, scratch: &mut [f32]) {
        self.layers[0].lay_out(images, &state.images, &mut state.patches);
        for (number, layer) in self.layers.iter().enumerate() {
            let (before, here) = state.outputs.split_at_mut(number);
            let x = before.last().unwrap_or(&state.patches);
            layer.forward(images, x, classes, &mut here[0], scratch);
        }
    }

    /// The gradient of the parameters from that of the statistics, which is in `gradients.here`.
    pub(crate) fn backward(
        &self,
        images: usize,
        classes: &[u16],
        state: &EncoderState,
        gradients: &mut PingPong,
        sink: &mut GradientSink<'_>,
        scratch: &mut [f32],
    ) {
        for (number, layer) in self.layers.iter().enumerate().rev() {
            let before = number.checked_sub(1).map(|before| &state.outputs[before]);
            let x = before.unwrap_or(&state.patches);
            layer.weight_gradient(images, x, &gradients.here, &[], sink, scratch);
            layer.class_gradient(images, classes, &gradients.here, sink);
            if let Some(x) = before {
                layer.input_gradient(images, &gradients.here, Some(x), &mut gradients.there, scratch);
                gradients.swap();
            }
        }
    }
}
