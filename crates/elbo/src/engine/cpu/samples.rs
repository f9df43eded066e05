//! Several draws of each image's latent vector, and any prior: the gradient of the importance-weighted bound, and of the
//! evidence lower bound with a learned prior, which is that of one draw.
//!
//! The weight of a draw is known when all draws of its image have been decoded, and by then the decoder's activations are
//! those of others. So draws are decoded twice: for their weights, and then on the way there and back.

use super::encoder::EncoderState;
use super::network::{ChunkGradient, Network, Scratch};
use crate::dataset::batch::Batch;
use crate::engine::Draw;
use crate::engine::draw::latent_at;
use crate::network::loss::{KlGradient, Loss, Objective};
use crate::network::prior::{MixtureGradient, log_sum_exp};
use std::ops::Range;

/// A thread's memory for the draws of a micro-batch. Numbers of a draw stand in the order of the images, `[images, K]`.
#[derive(Debug, Default)]
pub(crate) struct SampleMemory {
    /// Standard normal, `[images, K, Z]`.
    noise: Vec<f32>,
    /// `[images, K, Z]`.
    latents: Vec<f32>,
    /// The class of each.
    classes: Vec<u16>,
    reconstructions: Vec<f64>,
    /// The share of each in the gradient of its image.
    weights: Vec<f64>,
    /// The gradient of `log p(z)` by a draw, `[Z]`.
    by_latent: Vec<f32>,
    /// The share of each of the prior's components in a draw.
    shares: Vec<f64>,
}

impl SampleMemory {
    /// Draws from the distributions of some images, and from their classes.
    fn draw(&mut self, statistics: &[f32], classes: &[u16], samples: usize, dim: usize) {
        let draws = self.noise.len() / dim;
        self.latents.clear();
        for (draw, noise) in self.noise.chunks_exact(dim).enumerate() {
            let (means, logvars) = statistics[draw / samples * 2 * dim..][..2 * dim].split_at(dim);
            let numbers = means.iter().zip(logvars).zip(noise);
            self.latents.extend(numbers.map(|((mean, logvar), noise)| latent_at(*mean, *logvar, *noise)));
        }
        self.classes.clear();
        self.classes.extend((0..draws).map(|draw| classes[draw / samples]));
        self.reconstructions.clear();
        self.reconstructions.resize(draws, 0.0);
    }
}

impl Network {
    /// The loss of a micro-batch that stands at `position` in its batch, and the gradient of the objective, both summed over
    /// its images; of several draws the loss is their mean.
    pub(super) fn gradient_of_samples(
        &self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        position: usize,
        objective: Objective,
        scratch: &mut Scratch,
        ChunkGradient { values: gradient, kept: [head, mut project] }: ChunkGradient<'_>,
    ) -> Loss {
        let samples = objective.samples as usize;
        let (dim, len) = (self.architecture().latent_dim(), self.architecture().image().len());
        self.encode_statistics(batch, scratch);
        let Scratch { encoder, decoder, samples: memory, kernel, classes, .. } = scratch;
        memory.noise.resize(batch.len() * samples * dim, 0.0);
        draw.write(batch.indices, position, samples * dim, &mut memory.noise);
        memory.draw(encoder.statistics(), classes, samples, dim);
        let draws = batch.len() * samples;
        let blocks =
            || (0..draws).step_by(self.micro_batch()).map(|first| first..draws.min(first + self.micro_batch()));
        let image_of = |draw: usize| draw / samples * len..(draw / samples + 1) * len;
        if samples > 1 {
            let SampleMemory { latents, classes, reconstructions, .. } = &mut *memory;
            for block in blocks() {
                let numbers = &latents[block.start * dim..block.end * dim];
                decoder.latents[..numbers.len()].copy_from_slice(numbers);
                let classes = &classes[block.clone()];
                self.decoder().forward(block.len(), classes, decoder, kernel, &mut |[first, _], logits| {
                    for (draw, logits) in (block.start + first..).zip(logits.chunks_exact_mut(len)) {
                        let image = &encoder.images[image_of(draw)];
                        reconstructions[draw] = self.pixel_model().loss(self.isa(), logits, image);
                    }
                });
            }
        }
        let mut loss = self.weigh(samples, objective.beta, encoder.statistics(), memory);
        let mut weighted = 0.0;
        encoder.statistics_and_gradient().1[..batch.len() * 2 * dim].fill(0.0);
        for block in blocks() {
            let SampleMemory { latents, classes, weights, .. } = &*memory;
            let numbers = &latents[block.start * dim..block.end * dim];
            decoder.latents[..numbers.len()].copy_from_slice(numbers);
            let classes = &classes[block.clone()];
            let on_logits = &mut |[first, _]: [usize; 2], logits: &mut [f32]| {
                for (draw, logits) in (block.start + first..).zip(logits.chunks_exact_mut(len)) {
                    let image = &encoder.images[image_of(draw)];
                    weighted += weights[draw] * self.pixel_model().loss(self.isa(), logits, image);
                    if samples > 1 {
                        let weight = weights[draw] as f32;
                        for by_logit in logits {
                            *by_logit *= weight;
                        }
                    }
                }
            };
            self.decoder().forward_and_backward(block.len(), classes, decoder, gradient, kernel, on_logits);
            project.keep_rows(block.clone(), draws, &decoder.latents, decoder.projection_gradient());
            self.back_through_draws(block, objective, &decoder.latent_gradient, memory, encoder, gradient);
        }
        if samples == 1 {
            loss.reconstruction = weighted;
        }
        if let Some(log_sigma) = self.table().log_sigma() {
            let here = self.layout().of_chunk(log_sigma..log_sigma + 1).start;
            gradient[here] += self.pixel_model().sigma_gradient(weighted, batch.len() * len) as f32;
        }
        self.encoder().backward(batch.len(), classes, encoder, gradient, kernel);
        head.keep(encoder.features(), encoder.statistics_gradient());
        loss
    }

    /// The weights of all draws, from their reconstruction losses: `w_k / sum over k of w_k`, with `log w_k = log p(x | z_k) +
    /// beta (log p(z_k) - log q(z_k | x))`. Returns the sum over images of the mean loss.
    fn weigh(&self, samples: usize, beta: f32, statistics: &[f32], memory: &mut SampleMemory) -> Loss {
        let dim = self.architecture().latent_dim();
        let mut loss = Loss::default();
        memory.weights.clear();
        let draws = memory.latents.chunks_exact(dim).zip(memory.noise.chunks_exact(dim)).zip(&memory.reconstructions);
        for (draw, ((latent, noise), reconstruction)) in draws.enumerate() {
            let statistics = &statistics[draw / samples * 2 * dim..][..2 * dim];
            let log_prior = self.log_prior(latent);
            loss += Loss { reconstruction: *reconstruction, kl: self.divergence(statistics, latent) };
            memory.weights.push(-reconstruction + f64::from(beta) * (log_prior - log_posterior(statistics, noise)));
        }
        for weights in memory.weights.chunks_exact_mut(samples) {
            let sum = log_sum_exp(weights);
            for weight in weights {
                *weight = libm::exp(*weight - sum);
            }
        }
        loss.mean(samples)
    }

    /// Adds to the gradient of the statistics, and to that of the prior, what follows from some draws: `by_latent` is the
    /// gradient of their reconstruction losses, each times its weight.
    ///
    /// Of `-log sum w` it is `-sum over k of (w_k / sum w) d log w_k`, all that `log w_k` depends on included; along the
    /// draws alone the weights are squared (Tucker et al., 2019, equation 7), and `log q`'s own parameters are left out.
    fn back_through_draws(
        &self,
        draws: Range<usize>,
        objective: Objective,
        by_latent: &[f32],
        memory: &mut SampleMemory,
        encoder: &mut EncoderState,
        gradient: &mut [f32],
    ) {
        let Objective { beta, kl_gradient, samples, .. } = objective;
        let dim = self.architecture().latent_dim();
        let (statistics, statistics_gradient) = encoder.statistics_and_gradient();
        let SampleMemory { noise, latents, weights, by_latent: by_prior, shares, .. } = memory;
        by_prior.resize(dim, 0.0);
        let prior = self.table().prior().map(|prior| self.layout().of_chunk(prior.range()));
        for (draw, by_latent) in draws.zip(by_latent.chunks_exact(dim)) {
            let weight = weights[draw] as f32;
            let (latent, noise) = (&latents[draw * dim..][..dim], &noise[draw * dim..][..dim]);
            match (self.prior(), &prior) {
                (Some(mixture), Some(range)) => {
                    let mut parameters = MixtureGradient::new(&mut gradient[range.clone()], mixture.weights().len());
                    // What is minimised has -log p(z).
                    mixture.gradient(latent, by_prior, -f64::from(beta * weight), &mut parameters, shares);
                }
                _ => by_prior.iter_mut().zip(latent).for_each(|(by_prior, latent)| *by_prior = -latent),
            }
            let image = draw / samples as usize;
            let logvars = &statistics[image * 2 * dim + dim..][..dim];
            let (by_means, by_logvars) = statistics_gradient[image * 2 * dim..][..2 * dim].split_at_mut(dim);
            for i in 0..dim {
                let sigma = libm::expf(0.5 * logvars[i]);
                let (along, apart) = match kl_gradient {
                    KlGradient::Analytic => (by_latent[i] - beta * weight * by_prior[i], -0.5 * beta * weight),
                    KlGradient::Path => {
                        (weight * (by_latent[i] - beta * weight * (by_prior[i] + noise[i] / sigma)), 0.0)
                    }
                };
                by_means[i] += along;
                by_logvars[i] += 0.5 * along * noise[i] * sigma + apart;
            }
        }
    }
}

/// `log q(z | x)` of a draw of an image's distribution, means and then log-variances, by its noise.
fn log_posterior(statistics: &[f32], noise: &[f32]) -> f64 {
    let logvars = &statistics[noise.len()..];
    let log_tau = libm::log(std::f64::consts::TAU);
    let of = |logvar: f32, noise: f64| f64::from(logvar) + noise * noise + log_tau;
    -0.5 * logvars.iter().zip(noise).map(|(logvar, noise)| of(*logvar, f64::from(*noise))).sum::<f64>()
}
