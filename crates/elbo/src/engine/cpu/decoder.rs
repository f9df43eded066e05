//! Latent vectors to images.

use super::layer::{Layer, groups};
use elbo_kernels::Buffer;

/// The decoder's layers: the projection, transposed convolutions, and the one that makes logits.
///
/// Each takes a [group](Layer::group) of images at a time and hands them on to the next, which takes fewer: the large
/// activations next to the image are used, and on the way back used again, before they leave the cache.
#[derive(Clone, Copy)]
pub(crate) struct Decoder<'a> {
    pub(crate) layers: &'a [Layer],
}

/// What the decoder reads and writes.
#[derive(Debug)]
pub(crate) struct DecoderState {
    /// `[images, Z]`.
    pub(crate) latents: Buffer,
    /// The gradient of the latent vectors.
    pub(crate) latent_gradient: Buffer,
    /// The output of each layer for a group of it; the last is the logits.
    outputs: Vec<Buffer>,
    /// The gradient of each output but the logits', which takes their place.
    gradients: Vec<Buffer>,
}

impl DecoderState {
    pub(crate) fn new(latent_dim: usize, layers: &[Layer], images: usize) -> Self {
        let output = |layer: &Layer| Buffer::zeros(layer.group() * layer.output_len());
        Self {
            latents: Buffer::zeros(images * latent_dim),
            latent_gradient: Buffer::zeros(images * latent_dim),
            outputs: layers.iter().map(output).collect(),
            gradients: layers.iter().take(layers.len() - 1).map(output).collect(),
        }
    }

    /// The gradient of the sums of the projection, `[images, ..]`.
    pub(crate) fn projection_gradient(&self) -> &[f32] {
        &self.gradients[0]
    }
}

/// What is done with the logits of images `first..first + images`, `[images, H, W, C]`; on the way back, their gradient
/// is put in their place.
pub(crate) type OnLogits<'a> = &'a mut dyn FnMut([usize; 2], &mut [f32]);

impl Decoder<'_> {
    /// From `state.latents`, and the classes if the network is conditional, to logits, some images at a time.
    pub(crate) fn forward(
        &self,
        images: usize,
        classes: &[u16],
        state: &mut DecoderState,
        scratch: &mut [f32],
        on_logits: OnLogits<'_>,
    ) {
        let DecoderState { latents, outputs, .. } = state;
        forward_from(self.layers, [0, images], classes, latents, outputs, scratch, on_logits);
    }

    /// The same and back: adds the gradient of the parameters to `gradient` and leaves that of the latent vectors in
    /// `state`, from that of the logits, which `on_logits` puts in their place.
    pub(crate) fn forward_and_backward(
        &self,
        images: usize,
        classes: &[u16],
        state: &mut DecoderState,
        gradient: &mut [f32],
        scratch: &mut [f32],
        on_logits: OnLogits<'_>,
    ) {
        let DecoderState { latents, latent_gradient, outputs, gradients } = state;
        let mut pass = Pass { classes, gradient, scratch, on_logits };
        pass.through(self.layers, [0, images], latents, latent_gradient, outputs, gradients);
    }
}

/// Images `first..first + images` through `layers`; `x` is the input of the first.
fn forward_from(
    layers: &[Layer],
    [first, images]: [usize; 2],
    classes: &[u16],
    x: &[f32],
    outputs: &mut [Buffer],
    scratch: &mut [f32],
    on_logits: OnLogits<'_>,
) {
    let (Some((layer, layers)), Some((y, outputs))) = (layers.split_first(), outputs.split_first_mut()) else { return };
    for (start, images) in groups(layer, [first, images]) {
        let x = &x[(start - first) * layer.input_len()..];
        layer.forward(images, x, &classes[start..], y, scratch);
        if layers.is_empty() {
            on_logits([start, images], &mut y[..images * layer.output_len()]);
        } else {
            forward_from(layers, [start, images], classes, y, outputs, scratch, on_logits);
        }
    }
}

/// What is the same for all layers on the way through and back.
struct Pass<'a> {
    classes: &'a [u16],
    gradient: &'a mut [f32],
    scratch: &'a mut [f32],
    on_logits: OnLogits<'a>,
}

impl Pass<'_> {
    /// Images `first..first + images` through `layers` and back; `x` is the input of the first, `dx` its gradient.
    fn through(
        &mut self,
        layers: &[Layer],
        [first, images]: [usize; 2],
        x: &[f32],
        dx: &mut [f32],
        outputs: &mut [Buffer],
        gradients: &mut [Buffer],
    ) {
        let (Some((layer, layers)), Some((y, outputs))) = (layers.split_first(), outputs.split_first_mut()) else {
            return;
        };
        for (start, images) in groups(layer, [first, images]) {
            let begin = (start - first) * layer.input_len();
            let x = &x[begin..];
            layer.forward(images, x, &self.classes[start..], y, self.scratch);
            let dy = if let Some((dy, gradients)) = gradients.split_first_mut() {
                self.through(layers, [start, images], y, dy, outputs, gradients);
                &*dy
            } else {
                (self.on_logits)([start, images], &mut y[..images * layer.output_len()]);
                &*y
            };
            layer.class_gradient(images, &self.classes[start..], dy, self.gradient);
            layer.backward(images, x, dy, &mut dx[begin..], self.gradient, self.scratch);
        }
    }
}
