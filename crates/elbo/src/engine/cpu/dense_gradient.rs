//! The gradient of the dense layers' weights, for many images at once.
//!
//! These are most of the weights of a network. A gradient of them for each chunk of a batch would be more to write and
//! to add up than the products that make it; so what they are made of is kept instead, and each tap's matrix is one
//! product over all images of a unit, whichever chunk they were in.

use crate::network::architecture::LayerShape;
use elbo_kernels::{Accumulate, Buffer, Direction, Isa, WeightGradient};
use rayon::prelude::*;
use std::ops::Range;

/// Images whose rows are multiplied together: they stay in the first-level cache.
const ROWS: usize = 96;

/// Matrices that a task makes at least.
const LEAST_MATRICES: usize = 4;

/// Lends the memory of the thread that asks to some work.
pub(crate) trait Lend: Sync {
    fn lend(&self, work: impl FnOnce(&mut [f32]));
}

/// One dense layer: its input and the gradient of its sums, `[images, ..]`, as the chunks leave them.
#[derive(Debug)]
pub(crate) struct DenseLayer {
    /// The side that has a row of channels for each tap of the filter, which is as large as the image; the other has
    /// just one.
    direction: Direction,
    c_in: usize,
    c_out: usize,
    taps: usize,
    product: WeightGradient,
    input: Buffer,
    gradient: Buffer,
}

/// What one chunk keeps of a dense layer: its input and the gradient of its sums.
pub(crate) struct Kept<'a> {
    pub(crate) input: &'a mut [f32],
    pub(crate) gradient: &'a mut [f32],
}

impl Kept<'_> {
    /// Takes as many numbers as there is room for.
    pub(crate) fn keep(self, input: &[f32], gradient: &[f32]) {
        self.input.copy_from_slice(&input[..self.input.len()]);
        self.gradient.copy_from_slice(&gradient[..self.gradient.len()]);
    }

    /// Takes rows `rows` of `total` that there is room for; those given begin with the first of them.
    pub(crate) fn keep_rows(&mut self, rows: Range<usize>, total: usize, input: &[f32], gradient: &[f32]) {
        for (kept, numbers) in [(&mut *self.input, input), (&mut *self.gradient, gradient)] {
            let row = kept.len() / total.max(1);
            kept[rows.start * row..rows.end * row].copy_from_slice(&numbers[..rows.len() * row]);
        }
    }
}

impl DenseLayer {
    pub(crate) fn new(isa: Isa, shape: &LayerShape) -> Self {
        let LayerShape { geometry, direction, c_in, c_out, .. } = *shape;
        let product = WeightGradient::of_rows(isa, c_in, c_out, ROWS);
        let (input, gradient) = (Buffer::zeros(0), Buffer::zeros(0));
        Self { direction, c_in, c_out, taps: geometry.taps(), product, input, gradient }
    }

    /// How many weights it has.
    pub(crate) fn weights(&self) -> usize {
        self.taps * self.c_in * self.c_out
    }

    /// Numbers an image of its input and of its sums.
    fn lens(&self) -> [usize; 2] {
        match self.direction {
            Direction::Down => [self.taps * self.c_in, self.c_out],
            Direction::Up => [self.c_in, self.taps * self.c_out],
        }
    }

    /// Makes room for so many images.
    pub(crate) fn reserve(&mut self, images: usize) {
        let [input, gradient] = self.lens().map(|len| images * len);
        if self.input.len() < input {
            (self.input, self.gradient) = (Buffer::zeros(input), Buffer::zeros(gradient));
        }
    }

    /// A part for every `images` of `total` images.
    pub(crate) fn parts(&mut self, images: usize, total: usize) -> impl IndexedParallelIterator<Item = Kept<'_>> {
        let [input, gradient] = self.lens();
        let inputs = self.input[..total * input].par_chunks_mut(images * input);
        let gradients = self.gradient[..total * gradient].par_chunks_mut(images * gradient);
        inputs.zip(gradients).map(|(input, gradient)| Kept { input, gradient })
    }

    /// The gradient `dw`, `[C_in, C_out]`, of tap number `tap` over images `first..first + images`; `rows` is scratch.
    fn tap_gradient(
        &self,
        tap: usize,
        [first, images]: [usize; 2],
        accumulate: Accumulate,
        dw: &mut [f32],
        rows: &mut [f32],
    ) {
        let mut accumulate = accumulate;
        let end = first + images;
        for first in (first..end).step_by(ROWS) {
            let images = ROWS.min(end - first);
            let (input, gradient) = (&self.input[..], &self.gradient[..]);
            match self.direction {
                Direction::Down => {
                    gather_rows(input, [first, images], self.taps, tap, self.c_in, rows);
                    self.product.run(images, rows, &gradient[first * self.c_out..], accumulate, dw);
                }
                Direction::Up => {
                    gather_rows(gradient, [first, images], self.taps, tap, self.c_out, rows);
                    self.product.run(images, &input[first * self.c_in..], rows, accumulate, dw);
                }
            }
            accumulate = Accumulate::Yes;
        }
    }

    /// The gradient `dw`, `[taps, C_in, C_out]`, over `images` images; `rows` is scratch.
    pub(crate) fn weight_gradient(&self, images: usize, dw: &mut [f32], rows: &mut [f32]) {
        for (tap, dw) in dw.chunks_exact_mut(self.c_in * self.c_out).enumerate() {
            self.tap_gradient(tap, [0, images], Accumulate::No, dw, rows);
        }
    }

    /// The same over images `first..first + images` on all threads of a pool.
    fn run(&self, images: [usize; 2], accumulate: Accumulate, dw: &mut [f32], scratch: &impl Lend) {
        let matrices = dw.par_chunks_mut(self.c_in * self.c_out).enumerate();
        matrices.with_min_len(LEAST_MATRICES).for_each(|(tap, dw)| {
            scratch.lend(|rows| self.tap_gradient(tap, images, accumulate, dw, rows));
        });
    }
}

/// The rows of one tap, `channels` numbers each, of images `first..first + images` of `[images, taps, channels]`.
fn gather_rows(
    numbers: &[f32],
    [first, images]: [usize; 2],
    taps: usize,
    tap: usize,
    channels: usize,
    rows: &mut [f32],
) {
    for (image, row) in rows.chunks_exact_mut(channels).take(images).enumerate() {
        row.copy_from_slice(&numbers[((first + image) * taps + tap) * channels..][..channels]);
    }
}

/// The head of the encoder and the first layer of the decoder.
#[derive(Debug)]
pub(crate) struct DenseGradient {
    layers: [DenseLayer; 2],
    /// Latent vectors of each image: rows of the second layer where the first has one.
    samples: usize,
    /// Of each unit, one layer's gradient behind the other's.
    units: Vec<Buffer>,
}

impl DenseGradient {
    /// For these two layers of a network.
    pub(crate) fn new(isa: Isa, layers: [&LayerShape; 2]) -> Self {
        Self { layers: layers.map(|layer| DenseLayer::new(isa, layer)), samples: 1, units: Vec::new() }
    }

    /// Numbers that a task needs as scratch, for a network of these layers.
    pub(crate) fn scratch_len(layers: [&LayerShape; 2]) -> usize {
        ROWS * layers.into_iter().map(|layer| layer.c_in.max(layer.c_out)).max().unwrap_or(0)
    }

    /// The gradient of the weights of each unit, one layer's behind the other's.
    pub(crate) fn units(&self) -> &[Buffer] {
        &self.units
    }

    /// Makes room for so many images at a time, each with so many latent vectors, and so many units.
    pub(crate) fn reserve(&mut self, images: usize, samples: usize, units: usize) {
        self.samples = samples;
        for (layer, rows) in self.layers.iter_mut().zip([1, samples]) {
            layer.reserve(images * rows);
        }
        let len = self.layers.iter().map(DenseLayer::weights).sum();
        if self.units.len() < units {
            self.units.resize_with(units, || Buffer::zeros(len));
        }
    }

    /// What there is to keep of `total` images, a part for every `images` of them.
    ///
    /// # Panics
    /// If there is no room for so many.
    pub(crate) fn parts(&mut self, images: usize, total: usize) -> impl IndexedParallelIterator<Item = [Kept<'_>; 2]> {
        let Self { layers: [head, project], samples, .. } = self;
        let project = project.parts(images * *samples, total * *samples);
        head.parts(images, total).zip(project).map(|(head, project)| [head, project])
    }

    /// The gradient of each of `units` units over those of its images that are kept, from a place on so many of them as
    /// `images` says, put in the place of what is there or added to it.
    pub(crate) fn run(
        &mut self,
        units: usize,
        images: impl Fn(usize) -> (usize, usize) + Sync,
        accumulate: Accumulate,
        scratch: &impl Lend,
    ) {
        let Self { layers: [head, project], samples, units: values } = self;
        values[..units].par_iter_mut().enumerate().for_each(|(unit, values)| {
            let (first, images) = images(unit);
            let (of_head, of_project) = values.split_at_mut(head.weights());
            rayon::join(
                || head.run([first, images], accumulate, of_head, scratch),
                || project.run([first, images].map(|images| images * *samples), accumulate, of_project, scratch),
            );
        });
    }
}
