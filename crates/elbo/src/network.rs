//! The layers, put together: one micro-batch through the network, and back.

use crate::architecture::Architecture;
use crate::batch::Batch;
use crate::decoder::Decoder;
use crate::encoder::Encoder;
use crate::latent::Draw;
use crate::layer::{GradientSink, Layer};
use crate::likelihood::PixelModel;
use crate::loss::{Elbo, Objective};
use crate::parameters::ParameterTable;
use crate::scratch::{Scratch, micro_batch};
use elbo_kernels::Isa;
use rayon::prelude::*;

/// A network with its weights laid out for the kernels.
#[derive(Debug)]
pub(crate) struct Network {
    isa: Isa,
    architecture: Architecture,
    table: ParameterTable,
    layers: Vec<Layer>,
    micro_batch: usize,
    pixel_model: PixelModel,
}

impl Network {
    /// The network, its weights not yet set.
    pub(crate) fn new(isa: Isa, architecture: Architecture) -> Self {
        let table = ParameterTable::new(&architecture);
        let micro_batch = micro_batch(&architecture);
        let shapes = architecture.layers();
        let layers = shapes
            .iter()
            .enumerate()
            .map(|(number, shape)| Layer::new(isa, shape, &table, [number, shapes.len()], micro_batch))
            .collect();
        let pixel_model = PixelModel::new(architecture.likelihood(), 0.0);
        Self { isa, architecture, table, layers, micro_batch, pixel_model }
    }

    pub(crate) fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    pub(crate) fn table(&self) -> &ParameterTable {
        &self.table
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

    /// From the latent vectors in `scratch`, and the classes there, to logits.
    pub(crate) fn decode(&self, images: usize, scratch: &mut Scratch) {
        let Scratch { decoder, classes, kernel, .. } = scratch;
        self.decoder().forward(images, classes, decoder, kernel);
    }

    /// From images to latent vectors in `scratch`; the sum over images of the divergence.
    pub(crate) fn encode(&self, batch: Batch<'_>, draw: Draw<'_>, position: usize, scratch: &mut Scratch) -> f64 {
        self.encode_statistics(batch, scratch);
        let Scratch { encoder, latent, decoder, .. } = scratch;
        latent.draw(draw, batch.indices, position);
        latent.forward(batch.len(), encoder.statistics(), &mut decoder.latents)
    }

    /// The loss of a micro-batch that stands at `position` in its batch, summed over its images. The decoder's logits
    /// become their gradients.
    pub(crate) fn loss(&self, batch: Batch<'_>, draw: Draw<'_>, position: usize, scratch: &mut Scratch) -> Elbo {
        let kl = self.encode(batch, draw, position, scratch);
        self.decode(batch.len(), scratch);
        let Scratch { encoder, decoder, .. } = scratch;
        let len = self.architecture.image().len();
        let images = encoder.images.chunks_exact(len);
        let logits = decoder.logits().chunks_exact_mut(len);
        let losses = logits.zip(images).map(|(logits, image)| self.pixel_model.loss(self.isa, logits, image));
        Elbo { reconstruction: losses.take(batch.len()).sum(), kl }
    }

    /// The loss of a micro-batch as [`Network::loss`], and the gradient of the objective, both summed over its images.
    pub(crate) fn gradient(
        &self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        position: usize,
        objective: Objective,
        scratch: &mut Scratch,
        sink: &mut GradientSink<'_>,
    ) -> Elbo {
        let loss = self.loss(batch, draw, position, scratch);
        if let Some(log_sigma) = self.table.log_sigma() {
            let pixels = batch.len() * self.architecture.image().len();
            let gradient = self.pixel_model.sigma_gradient(loss.reconstruction, pixels) as f32;
            sink.add(log_sigma, &[gradient]);
        }
        let Scratch { encoder, latent, classes, decoder, gradients, kernel } = scratch;
        self.decoder().backward(batch.len(), classes, decoder, gradients, sink, kernel);
        latent.backward(batch.len(), encoder.statistics(), &gradients.here, objective, &mut gradients.there);
        gradients.swap();
        self.encoder().backward(batch.len(), classes, encoder, gradients, sink, kernel);
        loss
    }
}
