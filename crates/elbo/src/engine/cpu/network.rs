//! The layers, put together: one micro-batch through the network, and back.

use super::decoder::{Decoder, DecoderState, OnLogits};
use super::dense_gradient::{DenseGradient, Kept};
use super::encoder::{Encoder, EncoderState};
use super::gradient_layout::GradientLayout;
use super::latent::{Latent, kl, negative_entropy};
use super::layer::Layer;
use super::pixel_model::PixelModel;
use super::samples::SampleMemory;
use crate::dataset::batch::Batch;
use crate::engine::Draw;
use crate::network::architecture::{Architecture, LayerShape, Role};
use crate::network::loss::{Loss, Objective};
use crate::network::parameters::ParameterTable;
use crate::network::prior::LearnedPrior;
use elbo_kernels::{Buffer, Isa};
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
    /// Number of the encoder's last layer; the decoder's first comes after it.
    head: usize,
    micro_batch: usize,
    pixel_model: PixelModel,
    /// None is the standard normal.
    prior: Option<LearnedPrior>,
}

/// Where the gradient of a chunk goes.
pub(crate) struct ChunkGradient<'a> {
    /// What it is added to, as [`GradientLayout`] has it.
    pub(crate) values: &'a mut [f32],
    /// What that of the head's and the projection's weights is made of.
    pub(crate) kept: [Kept<'a>; 2],
}

/// What a step minimises.
#[derive(Clone, Copy)]
pub(crate) struct Minimised<'a> {
    pub(crate) objective: Objective,
    /// The gradient by the statistics of the batch, `[N, 2Z]`, of what no image has by itself; empty if there is no such part.
    pub(crate) penalty: &'a [f32],
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
            .map(|(number, shape)| Layer::new(isa, shape, &table, &layout, number, micro_batch))
            .collect();
        let head = shapes.iter().position(|shape| shape.role == Role::Head).expect("an encoder has a head");
        let pixel_model = PixelModel::new(architecture.likelihood(), 0.0);
        Self { isa, architecture, table, layout, shapes, layers, head, micro_batch, pixel_model, prior: None }
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
        [&self.shapes[self.head], &self.shapes[self.head + 1]]
    }

    /// All layers in the order in which data flows.
    pub(crate) fn shapes(&self) -> &[LayerShape] {
        &self.shapes
    }

    /// The same, with their weights.
    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    pub(crate) fn isa(&self) -> Isa {
        self.isa
    }

    /// The most images that go through it at once.
    pub(crate) fn micro_batch(&self) -> usize {
        self.micro_batch
    }

    pub(crate) fn encoder(&self) -> Encoder<'_> {
        Encoder { layers: &self.layers[..=self.head] }
    }

    pub(crate) fn decoder(&self) -> Decoder<'_> {
        Decoder { layers: &self.layers[self.head + 1..] }
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
        self.prior = LearnedPrior::of(&self.table, parameters);
        self.layers.par_iter_mut().with_max_len(1).for_each(|layer| layer.pack(parameters, backward));
    }

    /// The mixture that is the prior; none if that is the standard normal.
    pub(crate) fn prior(&self) -> Option<&LearnedPrior> {
        self.prior.as_ref()
    }

    /// `log p(z)` of a latent vector, `[Z]`.
    pub(crate) fn log_prior(&self, latent: &[f32]) -> f64 {
        let of = |z: &f32| -0.5 * (f64::from(*z) * f64::from(*z) + libm::log(std::f64::consts::TAU));
        let standard = || latent.iter().map(of).sum();
        self.prior().map_or_else(standard, |mixture| mixture.log_density(latent))
    }

    /// The divergence of an image's distribution, means and then log-variances, from the prior, by a formula as far as there
    /// is one: that of a mixture's density is taken at the draw, `latent`.
    pub(crate) fn divergence(&self, statistics: &[f32], latent: &[f32]) -> f64 {
        self.prior()
            .map_or_else(|| kl(statistics), |mixture| negative_entropy(statistics) - mixture.log_density(latent))
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

    /// From images to latent vectors in `scratch`.
    fn encode(&self, batch: Batch<'_>, draw: Draw<'_>, position: usize, scratch: &mut Scratch) {
        self.encode_statistics(batch, scratch);
        let Scratch { encoder, latent, decoder, .. } = scratch;
        latent.draw(draw, batch.indices, position);
        latent.forward(batch.len(), encoder.statistics(), &mut decoder.latents);
    }

    /// The divergence of each encoded image, of which these are the draws, `[images, Z]`.
    fn divergences<'a>(
        &'a self,
        images: usize,
        encoder: &'a EncoderState,
        latents: &'a [f32],
    ) -> impl Iterator<Item = f64> + 'a {
        let dim = self.architecture.latent_dim();
        let rows = encoder.statistics().chunks_exact(2 * dim).zip(latents.chunks_exact(dim));
        rows.take(images).map(|(statistics, latent)| self.divergence(statistics, latent))
    }

    /// The loss of each image of a micro-batch that stands at `position` in its batch.
    pub(crate) fn losses(
        &self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        position: usize,
        scratch: &mut Scratch,
        losses: &mut [Loss],
    ) {
        self.encode(batch, draw, position, scratch);
        let Scratch { encoder, decoder, classes, kernel, .. } = scratch;
        for (loss, kl) in losses.iter_mut().zip(self.divergences(batch.len(), encoder, &decoder.latents)) {
            loss.kl = kl;
        }
        let images = &encoder.images;
        self.decoder().forward(batch.len(), classes, decoder, kernel, &mut |[first, _], logits| {
            self.each_reconstruction(first, logits, images, |image, loss| losses[image].reconstruction = loss);
        });
    }

    /// Hands the number and the reconstruction loss of each image to `take`; the logits become their gradients. `first` is
    /// the number of the first image.
    fn each_reconstruction(&self, first: usize, logits: &mut [f32], images: &[f32], mut take: impl FnMut(usize, f64)) {
        let len = self.architecture.image().len();
        let pairs = logits.chunks_exact_mut(len).zip(images.chunks_exact(len).skip(first));
        for (number, (logits, image)) in pairs.enumerate() {
            take(first + number, self.pixel_model.loss(self.isa, logits, image));
        }
    }

    /// The loss of a micro-batch that stands at `position` in its batch, and the gradient of the objective, both summed over
    /// its images.
    pub(crate) fn gradient(
        &self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        position: usize,
        Minimised { objective, penalty }: Minimised<'_>,
        scratch: &mut Scratch,
        gradient: ChunkGradient<'_>,
    ) -> Loss {
        if objective.samples > 1 || self.prior.is_some() {
            return self.gradient_of_samples(batch, draw, position, objective, scratch, gradient);
        }
        let ChunkGradient { values: gradient, kept: [head, project] } = gradient;
        self.encode(batch, draw, position, scratch);
        let Scratch { encoder, latent, classes, decoder, kernel, .. } = scratch;
        let kl = self.divergences(batch.len(), encoder, &decoder.latents).sum();
        let mut reconstruction = 0.0;
        let images = &encoder.images;
        self.decoder().forward_and_backward(
            batch.len(),
            classes,
            decoder,
            gradient,
            kernel,
            &mut |[first, _], logits| {
                self.each_reconstruction(first, logits, images, |_, loss| reconstruction += loss);
            },
        );
        if let Some(log_sigma) = self.table.log_sigma() {
            let pixels = batch.len() * self.architecture.image().len();
            let here = self.layout.of_chunk(log_sigma..log_sigma + 1).start;
            gradient[here] += self.pixel_model.sigma_gradient(reconstruction, pixels) as f32;
        }
        let (statistics, statistics_gradient) = encoder.statistics_and_gradient();
        latent.backward(batch.len(), statistics, &decoder.latent_gradient, objective, statistics_gradient);
        if !penalty.is_empty() {
            let row = 2 * self.architecture.latent_dim();
            let penalty = &penalty[position * row..][..batch.len() * row];
            statistics_gradient.iter_mut().zip(penalty).for_each(|(sum, part)| *sum += part);
        }
        self.encoder().backward(batch.len(), classes, encoder, gradient, kernel);
        head.keep(encoder.features(), encoder.statistics_gradient());
        project.keep(&decoder.latents, decoder.projection_gradient());
        Loss { reconstruction, kl }
    }
}

/// One thread's memory: what it needs to take a few images through the network and back.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) encoder: EncoderState,
    pub(crate) latent: Latent,
    /// The class of each image, 0 where the network is not conditional.
    pub(crate) classes: Vec<u16>,
    pub(crate) decoder: DecoderState,
    pub(crate) samples: SampleMemory,
    /// What kernels need while they work.
    pub(crate) kernel: Buffer,
}

impl Scratch {
    pub(crate) fn new(network: &Network) -> Self {
        let architecture = network.architecture();
        let images = network.micro_batch();
        let (encoder, decoder) = (network.encoder(), network.decoder());
        let kernel = network.layers().iter().map(Layer::scratch_len).max().unwrap_or(0);
        let dense = DenseGradient::scratch_len(network.dense_layers());
        Self {
            encoder: EncoderState::new(architecture, encoder.layers, images),
            latent: Latent::new(architecture.latent_dim(), images),
            classes: vec![0; images],
            decoder: DecoderState::new(architecture.latent_dim(), decoder.layers, images),
            samples: SampleMemory::default(),
            kernel: Buffer::zeros(kernel.max(dense)),
        }
    }
}

/// The most images taken through the network at once, and so through its dense layers: as many as serve to fill their
/// tiles, unless the encoder's activations, which all stay until the way back, would take tens of megabytes. It depends
/// on the network alone, so that results do not depend on the machine.
fn micro_batch(architecture: &Architecture) -> usize {
    const ACTIVATIONS: usize = 1 << 23;
    (ACTIVATIONS / architecture.activations()).clamp(4, 16)
}
