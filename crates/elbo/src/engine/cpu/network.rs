//! The layers, put together: one micro-batch through the network, and back.

use crate::dataset::batch::Batch;
use crate::engine::cpu::decoder::{Decoder, OnLogits};
use crate::engine::cpu::dense_gradient::Kept;
use crate::engine::cpu::encoder::Encoder;
use crate::engine::cpu::gradient_layout::GradientLayout;
use crate::engine::cpu::latent::Draw;
use crate::engine::cpu::layer::Layer;
use crate::engine::cpu::pixel_model::PixelModel;
use crate::engine::cpu::scratch::{Scratch, micro_batch};
use crate::network::architecture::{Architecture, LayerShape};
use crate::network::loss::{Elbo, Objective};
use crate::network::parameters::ParameterTable;
use elbo_kernels::Isa;
use rayon::prelude::*;

/// A network with its weights laid out for the kernels.
#[derive(Debug)]
pub(crate) struct Network {
    isa: Isa,
    architecture: Architecture,
    table: ParameterTable,
    layout: GradientLayout,
    shapes: Vec<LayerShape>,
    layers: Vec<Layer>,
    micro_batch: usize,
    pixel_model: PixelModel,
}

/// Where the gradient of a chunk goes.
pub(crate) struct ChunkGradient<'a> {
    /// What it is added to, as [`GradientLayout`] has it.
    pub(crate) values: &'a mut [f32],
    /// What that of the head's and the projection's weights is made of.
    pub(crate) kept: [Kept<'a>; 2],
}

impl Network {
    /// The network, its weights not yet set.
    pub(crate) fn new(isa: Isa, architecture: Architecture) -> Self {
        let table = ParameterTable::new(&architecture);
        let micro_batch = micro_batch(&architecture);
        let shapes = architecture.layers();
        let layout = GradientLayout::new(&table, &shapes);
        let layers = shapes
            .iter()
            .enumerate()
            .map(|(number, shape)| Layer::new(isa, shape, &table, &layout, [number, shapes.len()], micro_batch))
            .collect();
        let pixel_model = PixelModel::new(architecture.likelihood(), 0.0);
        Self { isa, architecture, table, layout, shapes, layers, micro_batch, pixel_model }
    }

    pub(crate) fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    pub(crate) fn table(&self) -> &ParameterTable {
        &self.table
    }

    /// Where gradients lie.
    pub(crate) fn layout(&self) -> &GradientLayout {
        &self.layout
    }

    /// The head and the projection, whose weights' gradient is not part of a chunk's.
    pub(crate) fn dense_layers(&self) -> [&LayerShape; 2] {
        let head = self.architecture.widths().len();
        [&self.shapes[head], &self.shapes[head + 1]]
    }

    pub(crate) fn isa(&self) -> Isa {
        self.isa
    }

    /// The most images that go through it at once.
    pub(crate) fn micro_batch(&self) -> usize {
        self.micro_batch
    }

    pub(crate) fn encoder(&self) -> Encoder<'_> {
        Encoder { layers: &self.layers[..=self.architecture.widths().len()] }
    }

    pub(crate) fn decoder(&self) -> Decoder<'_> {
        Decoder { layers: &self.layers[self.architecture.widths().len() + 1..] }
    }

    /// What the logits say of the pixels.
    pub(crate) fn pixel_model(&self) -> PixelModel {
        self.pixel_model
    }

    /// Lays the weights out anew; with `backward`, for the way back too.
    pub(crate) fn pack(&mut self, parameters: &[f32], backward: bool) {
        if let Some(log_sigma) = self.table.log_sigma() {
            self.pixel_model = PixelModel::new(self.architecture.likelihood(), parameters[log_sigma]);
        }
        self.layers.par_iter_mut().with_max_len(1).for_each(|layer| layer.pack(parameters, backward));
    }

    /// From images to means and log-variances in `scratch`, where their classes stand too if the network is conditional.
    pub(crate) fn encode_statistics(&self, batch: Batch<'_>, scratch: &mut Scratch) {
        let Scratch { encoder, classes, kernel, .. } = scratch;
        batch.write(&mut encoder.images);
        if self.architecture.classes() > 0 {
            batch.write_classes(classes);
        }
        self.encoder().forward(batch.len(), classes, encoder, kernel);
    }

    /// From the latent vectors in `scratch`, and the classes there, to logits, some images at a time.
    pub(crate) fn decode(&self, images: usize, scratch: &mut Scratch, on_logits: OnLogits<'_>) {
        let Scratch { decoder, classes, kernel, .. } = scratch;
        self.decoder().forward(images, classes, decoder, kernel, on_logits);
    }

    /// From images to latent vectors in `scratch`; the sum over images of the divergence.
    pub(crate) fn encode(&self, batch: Batch<'_>, draw: Draw<'_>, position: usize, scratch: &mut Scratch) -> f64 {
        self.encode_statistics(batch, scratch);
        let Scratch { encoder, latent, decoder, .. } = scratch;
        latent.draw(draw, batch.indices, position);
        latent.forward(batch.len(), encoder.statistics(), &mut decoder.latents)
    }

    /// The loss of a micro-batch that stands at `position` in its batch, summed over its images.
    pub(crate) fn loss(&self, batch: Batch<'_>, draw: Draw<'_>, position: usize, scratch: &mut Scratch) -> Elbo {
        let kl = self.encode(batch, draw, position, scratch);
        let Scratch { encoder, decoder, classes, kernel, .. } = scratch;
        let mut reconstruction = 0.0;
        let images = &encoder.images;
        self.decoder().forward(batch.len(), classes, decoder, kernel, &mut |[first, _], logits| {
            self.add_reconstruction(first, logits, images, &mut reconstruction);
        });
        Elbo { reconstruction, kl }
    }

    /// Adds the losses of some images' logits, which become their gradients; `first` is the number of the first image.
    fn add_reconstruction(&self, first: usize, logits: &mut [f32], images: &[f32], total: &mut f64) {
        let len = self.architecture.image().len();
        for (logits, image) in logits.chunks_exact_mut(len).zip(images.chunks_exact(len).skip(first)) {
            *total += self.pixel_model.loss(self.isa, logits, image);
        }
    }

    /// The loss of a micro-batch as [`Network::loss`], and the gradient of the objective, summed over its images.
    pub(crate) fn gradient(
        &self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        position: usize,
        objective: Objective,
        scratch: &mut Scratch,
        ChunkGradient { values: gradient, kept: [head, project] }: ChunkGradient<'_>,
    ) -> Elbo {
        let kl = self.encode(batch, draw, position, scratch);
        let Scratch { encoder, latent, classes, decoder, kernel } = scratch;
        let mut reconstruction = 0.0;
        let images = &encoder.images;
        self.decoder().forward_and_backward(
            batch.len(),
            classes,
            decoder,
            gradient,
            kernel,
            &mut |[first, _], logits| {
                self.add_reconstruction(first, logits, images, &mut reconstruction);
            },
        );
        if let Some(log_sigma) = self.table.log_sigma() {
            let pixels = batch.len() * self.architecture.image().len();
            let here = self.layout.of_chunk(log_sigma..log_sigma + 1).start;
            gradient[here] += self.pixel_model.sigma_gradient(reconstruction, pixels) as f32;
        }
        let (statistics, statistics_gradient) = encoder.statistics_and_gradient();
        latent.backward(batch.len(), statistics, &decoder.latent_gradient, objective, statistics_gradient);
        self.encoder().backward(batch.len(), classes, encoder, gradient, kernel);
        head.keep(encoder.features(), encoder.statistics_gradient());
        project.keep(&decoder.latents, decoder.projection_gradient());
        Elbo { reconstruction, kl }
    }
}
