//! What is done with a network without training it: losses, encoding, decoding. Each thread takes a micro-batch at a time.

use super::network::{Network, Scratch};
use super::threads::Threads;
use crate::dataset::batch::Batch;
use crate::engine::Draw;
use crate::engine::draw::latent_at;
use crate::network::loss::Loss;
use rayon::prelude::*;

/// The loss of each image.
///
/// # Panics
/// If the batch's pixels are not one image of the network's shape for each index.
pub(super) fn losses(network: &Network, threads: &Threads, batch: Batch<'_>, draw: Draw<'_>) -> Vec<Loss> {
    batch.check(network.architecture().image().len());
    let most = network.micro_batch();
    let mut losses = vec![Loss::default(); batch.len()];
    threads.install(|| {
        losses.par_chunks_mut(most).with_max_len(1).enumerate().for_each(|(number, losses)| {
            let position = number * most;
            let part = batch.part(position, losses.len());
            network.losses(part, draw, position, &mut threads.own_scratch(), losses);
        });
    });
    losses
}

/// The reconstruction loss of each image at each of its draws, `[N, S]`; `draws`, `[N, S, Z]`, are standard normal. An image
/// is encoded once.
///
/// # Panics
/// If the batch's pixels are not one image of the network's shape for each index.
pub(super) fn reconstruction_losses(network: &Network, threads: &Threads, batch: Batch<'_>, draws: &[f32]) -> Vec<f64> {
    let (dim, len) = (network.architecture().latent_dim(), network.architecture().image().len());
    let statistics = encode(network, threads, batch);
    let classes = if network.architecture().classes() > 0 { batch.classes() } else { vec![0; batch.len()] };
    let mut images = vec![0.0; batch.values()];
    batch.write(&mut images);
    let samples = draws.len() / (batch.len() * dim).max(1);
    let mut losses = vec![0.0; batch.len() * samples];
    let most = network.micro_batch();
    threads.install(|| {
        losses.par_chunks_mut(most).with_max_len(1).enumerate().for_each(|(number, losses)| {
            let mut scratch = threads.own_scratch();
            let image_of = |position: usize| (number * most + position) / samples;
            for position in 0..losses.len() {
                let draw = &draws[(number * most + position) * dim..][..dim];
                let (mean, logvar) = statistics[image_of(position) * 2 * dim..][..2 * dim].split_at(dim);
                let latents = &mut scratch.decoder.latents[position * dim..][..dim];
                for (((latent, draw), mean), logvar) in latents.iter_mut().zip(draw).zip(mean).zip(logvar) {
                    *latent = latent_at(*mean, *logvar, *draw);
                }
                scratch.classes[position] = classes[image_of(position)];
            }
            network.decode(losses.len(), &mut scratch, &mut |[first, _], logits| {
                for (position, logits) in (first..).zip(logits.chunks_exact_mut(len)) {
                    let image = &images[image_of(position) * len..][..len];
                    losses[position] = network.pixel_model().loss(network.isa(), logits, image);
                }
            });
        });
    });
    losses
}

/// The latent distribution of each image: `[N, 2Z]`, means first, then log-variances.
///
/// # Panics
/// If the batch's pixels are not one image of the network's shape for each index.
pub(super) fn encode(network: &Network, threads: &Threads, batch: Batch<'_>) -> Vec<f32> {
    batch.check(network.architecture().image().len());
    let most = network.micro_batch();
    let statistics_len = 2 * network.architecture().latent_dim();
    let mut statistics = vec![0.0; batch.len() * statistics_len];
    threads.install(|| {
        statistics.par_chunks_mut(most * statistics_len).with_max_len(1).enumerate().for_each(|(number, out)| {
            let mut scratch = threads.own_scratch();
            let images = out.len() / statistics_len;
            network.encode_statistics(batch.part(number * most, images), &mut scratch);
            out.copy_from_slice(&scratch.encoder.statistics()[..out.len()]);
        });
    });
    statistics
}

/// The image of each latent vector: `[N, Z]` to `[N, H, W, C]` in [0, 1], each pixel the mean of its distribution; for the
/// class of each, `[N]`, if the network is conditional.
///
/// # Panics
/// If `latents` is no whole number of latent vectors, or a conditional network is not given a class for each.
pub(super) fn decode(network: &Network, threads: &Threads, latents: &[f32], classes: &[u16]) -> Vec<f32> {
    let (dim, len) = (network.architecture().latent_dim(), network.architecture().image().len());
    assert!(
        latents.len().is_multiple_of(dim),
        "{} numbers are no whole number of latent vectors of {dim}",
        latents.len()
    );
    let is_conditional = network.architecture().classes() > 0;
    let count = if is_conditional { latents.len() / dim } else { 0 };
    assert_eq!(classes.len(), count, "a class for each latent vector of a conditional network");
    let most = network.micro_batch();
    let mut images = vec![0.0; latents.len() / dim * len];
    threads.install(|| {
        let parts = images.par_chunks_mut(most * len).zip(latents.par_chunks(most * dim));
        parts.with_max_len(1).enumerate().for_each(|(number, (out, latents))| {
            let mut scratch = threads.own_scratch();
            let images = latents.len() / dim;
            scratch.decoder.latents[..latents.len()].copy_from_slice(latents);
            if is_conditional {
                scratch.classes[..images].copy_from_slice(&classes[number * most..][..images]);
            }
            decode_into(network, images, &mut scratch, out);
        });
    });
    images
}

/// The images of the latent vectors in `scratch`, and of the classes there.
fn decode_into(network: &Network, images: usize, scratch: &mut Scratch, out: &mut [f32]) {
    let len = network.architecture().image().len();
    network.decode(images, scratch, &mut |[first, images], logits| {
        let out = &mut out[first * len..][..images * len];
        out.copy_from_slice(logits);
        network.pixel_model().mean(network.isa(), out);
    });
}
