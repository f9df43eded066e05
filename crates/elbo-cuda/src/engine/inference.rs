//! What is done with a network without training it: losses, encoding, decoding.

use super::{Batch, Engine, Objective, part_of, ready};
use crate::card::Card;
use crate::error::CudaError;
use crate::launch::Launch;
use crate::plan::{Goal, Plan};

impl Engine {
    /// Runs images forwards, as many at a time as there is room for; `read` takes what comes of each part.
    fn forwards(
        &mut self,
        batch: Batch<'_>,
        launches: impl Fn(&Plan, usize, usize) -> Vec<Launch>,
        mut read: impl FnMut(&Card, &Plan, usize) -> Result<(), CudaError>,
    ) -> Result<(), CudaError> {
        let image_len = self.network.image_len();
        let images = batch.images(image_len);
        let most = self.most_images().min(images);
        let none = Objective { beta: 0.0, free_bits: 0.0, path_gradient: false };
        let mut start = 0;
        while start < images {
            let count = most.min(images - start);
            self.work(most)?;
            let control = self.control(none, None, images, batch.value_bytes);
            let input = self.upload(part_of(&batch, start, count, image_len, self.network.latent_dim), control)?;
            let work = ready(&mut self.work);
            self.card.launch(&launches(&work.plan, count, input))?;
            work.staging[input].used = Some(self.card.mark()?);
            read(&self.card, &work.plan, count)?;
            start += count;
        }
        Ok(())
    }

    /// Reconstruction and divergence of each image.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn losses(&mut self, batch: Batch<'_>) -> Result<Vec<[f64; 2]>, CudaError> {
        let mut losses = Vec::new();
        self.forwards(
            batch,
            |plan, images, input| {
                let mut launches = plan.encode(images, input, true);
                launches.extend(plan.decode(images, input, Goal::Losses));
                launches
            },
            |card, plan, images| {
                let mut reconstruction = vec![0.0_f64; images * plan.loss_tiles()];
                let mut divergence = vec![0.0_f64; images];
                card.read(plan.losses, &mut reconstruction)?;
                card.read(plan.divergences, &mut divergence)?;
                let sums = reconstruction.chunks_exact(plan.loss_tiles()).map(|tiles| tiles.iter().sum());
                losses.extend(sums.zip(divergence).map(|(reconstruction, kl)| [reconstruction, kl]));
                Ok(())
            },
        )?;
        Ok(losses)
    }

    /// Means and log-variances of each image, `[N, 2Z]`.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn encode(&mut self, batch: Batch<'_>) -> Result<Vec<f32>, CudaError> {
        let dim = self.network.latent_dim;
        let mut statistics = Vec::new();
        self.forwards(
            batch,
            |plan, images, input| plan.encode(images, input, false),
            |card, plan, images| {
                let mut part = vec![0.0_f32; images * 2 * dim];
                card.read(plan.statistics, &mut part)?;
                statistics.append(&mut part);
                Ok(())
            },
        )?;
        Ok(statistics)
    }

    /// The mean of each pixel of the images of these latent vectors, `[N, Z]` to `[N, H, W, C]`.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn decode(&mut self, latents: &[f32], classes: &[u16]) -> Result<Vec<f32>, CudaError> {
        let precision = self.precision;
        let dim = self.network.latent_dim;
        let image_len = self.network.image_len();
        let images = latents.len() / dim;
        let most = self.most_images().min(images);
        let mut means = Vec::with_capacity(images * image_len);
        let mut start = 0;
        while start < images {
            let count = most.min(images - start);
            self.work(most)?;
            let plan = &ready(&mut self.work).plan;
            let part: Vec<f32> = latents[start * dim..][..count * dim].iter().map(|z| precision.rounded(*z)).collect();
            self.card.write(plan.latents, &part)?;
            if !classes.is_empty() {
                self.card.write(plan.inputs[0].classes, &classes[start..][..count])?;
            }
            self.card.launch(&plan.decode(count, 0, Goal::Means))?;
            let mut part = vec![0.0_f32; count * image_len];
            self.card.read(plan.means, &mut part)?;
            means.append(&mut part);
            start += count;
        }
        Ok(means)
    }
}
