//! What is done with a network without training it: losses, encoding, decoding.

use super::{Engine, own_scratch};
use crate::dataset::batch::Batch;
use crate::engine::cpu::latent::Draw;
use crate::engine::cpu::scratch::Scratch;
use crate::network::loss::Elbo;
use rayon::prelude::*;

/// About the most values of the images of a block.
const BLOCK: usize = 1 << 24;

impl Engine {
    /// The mean loss over a batch of any length, in nats per image; nothing is learned.
    ///
    /// # Panics
    /// If the batch's pixels are not one image of the network's shape for each index.
    #[must_use]
    pub fn evaluate(&self, batch: Batch<'_>, draw: Draw<'_>) -> Elbo {
        let mut total = Elbo::default();
        self.add_losses(batch, draw, &mut total);
        total.mean(batch.len().max(1))
    }

    /// Adds the losses of a batch's micro-batches to `total`, one after the other: over blocks of [`Engine::block`]
    /// images the sum is the same, to the last bit, as over all of them at once.
    pub(crate) fn add_losses(&self, batch: Batch<'_>, draw: Draw<'_>, total: &mut Elbo) {
        batch.check(self.architecture().image().len());
        let most = self.network.micro_batch();
        let mut losses = vec![Elbo::default(); batch.len().div_ceil(most)];
        self.pool.install(|| {
            losses.par_iter_mut().with_max_len(1).enumerate().for_each(|(number, loss)| {
                let position = number * most;
                let part = batch.part(position, most.min(batch.len() - position));
                *loss = self.network.loss(part, draw, position, &mut own_scratch(&self.scratch));
            });
        });
        for loss in losses {
            *total += loss;
        }
    }

    /// How many images to hand in at once where there are many: a few megabytes of them, but work for every thread,
    /// and whole micro-batches.
    pub(crate) fn block(&self) -> usize {
        let most = self.network.micro_batch();
        let micro_batch_len = most * self.architecture().image().len();
        most * (BLOCK / micro_batch_len).max(self.threads())
    }

    /// The latent distribution of each image: `[N, 2Z]`, means first, then log-variances.
    ///
    /// # Panics
    /// If the batch's pixels are not one image of the network's shape for each index.
    #[must_use]
    pub fn encode(&self, batch: Batch<'_>) -> Vec<f32> {
        batch.check(self.architecture().image().len());
        let most = self.network.micro_batch();
        let statistics_len = 2 * self.architecture().latent_dim();
        let mut statistics = vec![0.0; batch.len() * statistics_len];
        self.pool.install(|| {
            statistics.par_chunks_mut(most * statistics_len).with_max_len(1).enumerate().for_each(|(number, out)| {
                let mut scratch = own_scratch(&self.scratch);
                let images = out.len() / statistics_len;
                self.network.encode_statistics(batch.part(number * most, images), &mut scratch);
                out.copy_from_slice(&scratch.encoder.statistics()[..out.len()]);
            });
        });
        statistics
    }

    /// The image of each latent vector: `[N, Z]` to `[N, H, W, C]` in [0, 1], each pixel the mean of its
    /// distribution.
    ///
    /// A conditional network is given the class of each, `[N]`; `classes` is empty otherwise.
    ///
    /// # Panics
    /// If `latents` is no whole number of latent vectors, or a conditional network is not given a class that it knows for
    /// each.
    #[must_use]
    pub fn decode(&self, latents: &[f32], classes: &[u16]) -> Vec<f32> {
        let dim = self.architecture().latent_dim();
        assert!(
            latents.len().is_multiple_of(dim),
            "{} numbers are no whole number of latent vectors of {dim}",
            latents.len()
        );
        let is_conditional = self.architecture().classes() > 0;
        let count = if is_conditional { latents.len() / dim } else { 0 };
        assert_eq!(classes.len(), count, "a class for each latent vector of a conditional network");
        let most = self.network.micro_batch();
        let len = self.architecture().image().len();
        let mut images = vec![0.0; latents.len() / dim * len];
        self.pool.install(|| {
            let parts = images.par_chunks_mut(most * len).zip(latents.par_chunks(most * dim));
            parts.with_max_len(1).enumerate().for_each(|(number, (out, latents))| {
                let mut scratch = own_scratch(&self.scratch);
                let images = latents.len() / dim;
                scratch.decoder.latents[..latents.len()].copy_from_slice(latents);
                if is_conditional {
                    scratch.classes[..images].copy_from_slice(&classes[number * most..][..images]);
                }
                self.decode_into(images, &mut scratch, out);
            });
        });
        images
    }

    /// The images of the latent vectors in `scratch`, and of the classes there.
    fn decode_into(&self, images: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let len = self.architecture().image().len();
        self.network.decode(images, scratch, &mut |[first, images], logits| {
            let out = &mut out[first * len..][..images * len];
            out.copy_from_slice(logits);
            self.network.pixel_model().mean(self.isa(), out);
        });
    }

    /// Each image encoded, drawn from and decoded: `[N, H, W, C]` in [0, 1].
    ///
    /// # Panics
    /// If the batch's pixels are not one image of the network's shape for each index.
    #[must_use]
    pub fn reconstruct(&self, batch: Batch<'_>, draw: Draw<'_>) -> Vec<f32> {
        let most = self.network.micro_batch();
        let len = self.architecture().image().len();
        batch.check(len);
        let mut images = vec![0.0; batch.len() * len];
        self.pool.install(|| {
            images.par_chunks_mut(most * len).with_max_len(1).enumerate().for_each(|(number, out)| {
                let mut scratch = own_scratch(&self.scratch);
                let part = batch.part(number * most, out.len() / len);
                self.network.encode(part, draw, number * most, &mut scratch);
                self.decode_into(part.len(), &mut scratch, out);
            });
        });
        images
    }
}
