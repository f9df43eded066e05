//! Images to the mean and log-variance of their latent vectors.

use super::layer::{Layer, groups};
use crate::network::architecture::Architecture;
use elbo_kernels::Buffer;

/// The encoder's layers: convolutions, then the head.
///
/// Each takes a [group](Layer::group) of images at a time, after the layers before it have taken theirs: the nearer to
/// the image, the fewer.
#[derive(Clone, Copy)]
pub(crate) struct Encoder<'a> {
    pub(crate) layers: &'a [Layer],
}

/// What a forward pass leaves for the way back.
#[derive(Debug)]
pub(crate) struct EncoderState {
    /// `[images, H, W, C]`.
    pub(crate) images: Buffer,
    /// The output of each layer; the last is `[images, 2Z]`, means first.
    outputs: Vec<Buffer>,
    /// The gradient of each output, but of the head's for one group of the layer after it.
    gradients: Vec<Buffer>,
}

impl EncoderState {
    pub(crate) fn new(architecture: &Architecture, layers: &[Layer], images: usize) -> Self {
        let groups = layers.iter().skip(1).map(Layer::group).chain([images]);
        Self {
            images: Buffer::zeros(images * architecture.image().len()),
            outputs: layers.iter().map(|layer| Buffer::zeros(images * layer.output_len())).collect(),
            gradients: layers
                .iter()
                .zip(groups)
                .map(|(layer, group)| Buffer::zeros(group * layer.output_len()))
                .collect(),
        }
    }

    /// Means and log-variances, `[images, 2Z]`, means first.
    pub(crate) fn statistics(&self) -> &[f32] {
        self.outputs.last().expect("an encoder has layers")
    }

    /// The input of the head, `[images, ..]`.
    pub(crate) fn features(&self) -> &[f32] {
        &self.outputs[self.outputs.len() - 2]
    }

    /// Means and log-variances, and where their gradients go.
    pub(crate) fn statistics_and_gradient(&mut self) -> (&[f32], &mut [f32]) {
        let statistics = self.outputs.last().expect("an encoder has layers");
        (statistics, self.gradients.last_mut().expect("an encoder has layers"))
    }

    /// The gradient of the statistics.
    pub(crate) fn statistics_gradient(&self) -> &[f32] {
        self.gradients.last().expect("an encoder has layers")
    }
}

impl Encoder<'_> {
    /// From `state.images` of these classes, if the network is conditional, to `state.statistics()`.
    pub(crate) fn forward(&self, images: usize, classes: &[u16], state: &mut EncoderState, scratch: &mut [f32]) {
        self.forward_to(self.layers.len() - 1, [0, images], classes, state, scratch);
    }

    /// The output of layer number `number` for images `first..first + images`.
    fn forward_to(
        &self,
        number: usize,
        [first, images]: [usize; 2],
        classes: &[u16],
        state: &mut EncoderState,
        scratch: &mut [f32],
    ) {
        let layer = &self.layers[number];
        for (first, images) in groups(layer, [first, images]) {
            if number > 0 {
                self.forward_to(number - 1, [first, images], classes, state, scratch);
            }
            let (before, here) = state.outputs.split_at_mut(number);
            let x = &before.last().unwrap_or(&state.images)[first * layer.input_len()..];
            let y = &mut here[0][first * layer.output_len()..];
            layer.forward(images, x, &classes[first..], y, scratch);
        }
    }

    /// Adds the gradient of the parameters to `gradient`, from that of the statistics, which is in its place in `state`.
    pub(crate) fn backward(
        &self,
        images: usize,
        classes: &[u16],
        state: &mut EncoderState,
        gradient: &mut [f32],
        scratch: &mut [f32],
    ) {
        let EncoderState { images: pixels, outputs, gradients } = state;
        let (statistics, inner) = gradients.split_last_mut().expect("an encoder has layers");
        self.layers[inner.len()].class_gradient(images, classes, statistics, gradient);
        let inputs = Inputs { pixels, outputs };
        self.backward_from(inputs, [0, images], statistics, inner, gradient, scratch);
    }

    /// Backward through as many layers as there are `gradients` of outputs, and the one after them, whose sums have the
    /// gradient `dy`, for images `first..first + images`.
    fn backward_from(
        &self,
        inputs: Inputs<'_>,
        [first, images]: [usize; 2],
        dy: &[f32],
        gradients: &mut [Buffer],
        gradient: &mut [f32],
        scratch: &mut [f32],
    ) {
        let number = gradients.len();
        let layer = &self.layers[number];
        for (start, images) in groups(layer, [first, images]) {
            let x = &inputs.of(number)[start * layer.input_len()..];
            let dy = &dy[(start - first) * layer.output_len()..];
            match gradients.split_last_mut() {
                Some((dx, before)) => {
                    layer.backward(images, x, dy, dx, gradient, scratch);
                    self.backward_from(inputs, [start, images], dx, before, gradient, scratch);
                }
                None => layer.weight_gradient(images, x, dy, gradient, scratch),
            }
        }
    }
}

/// What the layers have read.
#[derive(Clone, Copy)]
struct Inputs<'a> {
    pixels: &'a [f32],
    outputs: &'a [Buffer],
}

impl<'a> Inputs<'a> {
    /// The input of layer number `number`.
    fn of(&self, number: usize) -> &'a [f32] {
        number.checked_sub(1).map_or(self.pixels, |before| &self.outputs[before])
    }
}
