//! How fast a card takes steps of training.

use super::{Cuda, failed, network, objective, optimizer, precision};
use crate::dataset::batch::Batch;
use crate::engine::{EngineError, Precision, bench::BATCHES};
use crate::error::Error;
use crate::network::architecture::Architecture;
use crate::network::loss::Objective;
use crate::network::parameters::ParameterTable;
use crate::recipe::optimizer::{Adam, Optimizer};
use elbo_cuda::Profile;
use serde::Serialize;
use std::sync::Arc;

/// How often a step and each of its kernels is timed.
const REPEATS: usize = 20;

/// A kernel of a step, by itself.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct KernelTime {
    /// Its name.
    pub kernel: &'static str,
    /// From its launch to its end, the middle one of several.
    pub microseconds: f64,
}

/// A training step on a card: forward, backward, Adam, with the batch in its memory.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CardStep {
    /// Images a step.
    pub batch: usize,
    /// Of a step among many.
    pub microseconds: f64,
    /// Images in one second.
    pub images_per_second: f64,
    /// Billions of the layers' nominal floating-point operations in one second.
    pub gflops: f64,
    /// Its kernels, in their order. Together they take longer than the step: each is begun apart.
    pub kernels: Vec<KernelTime>,
}

/// All that was measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CardReport {
    /// The card's name.
    pub card: String,
    /// How products are made.
    pub precision: Precision,
    /// Billions of floating-point operations of a training step for one image.
    pub gflop_an_image: f64,
    /// Steps at each of [`BATCHES`], or as many images as the card takes at once.
    pub steps: Vec<CardStep>,
}

impl Cuda {
    /// Measures a network: a second or two.
    ///
    /// # Errors
    /// If the network takes more than the card's memory, or the card fails.
    pub fn bench(&self, architecture: &Architecture) -> Result<CardReport, Error> {
        let parameters = ParameterTable::new(architecture).initialize(1);
        let gflop_an_image = architecture.training_flops() as f64 / 1e9;
        let most = elbo_cuda::most_images(&network(architecture));
        let mut steps = Vec::new();
        for batch in BATCHES.map(|batch| batch.min(most)) {
            let image_len = architecture.image().len();
            let pixels: Vec<u8> = (0..batch * image_len).map(|i| (i * i % 251) as u8).collect();
            let indices: Vec<u32> = (0..batch as u32).collect();
            let images = Batch::new(&pixels, &indices, None);
            let profile = self.profile(architecture, &parameters, images, &Adam::new(1e-3).into(), REPEATS)?;
            let images_per_second = 1e6 * batch as f64 / f64::from(profile.in_a_row);
            let kernels = profile
                .launches
                .into_iter()
                .map(|(kernel, microseconds)| KernelTime { kernel, microseconds: microseconds.into() });
            steps.push(CardStep {
                batch,
                microseconds: profile.in_a_row.into(),
                images_per_second,
                gflops: images_per_second * gflop_an_image,
                kernels: kernels.collect(),
            });
        }
        steps.dedup_by_key(|step| step.batch);
        Ok(CardReport { card: self.info().name.clone(), precision: self.precision, gflop_an_image, steps })
    }

    /// What a step of training costs on the card: see [`Profile`]. Images of a conditional network are all of its first class.
    ///
    /// # Errors
    /// If the card fails.
    pub fn profile(
        &self,
        architecture: &Architecture,
        parameters: &[f32],
        batch: Batch<'_>,
        by: &Optimizer,
        repeats: usize,
    ) -> Result<Profile, EngineError> {
        let noise = vec![0.5; batch.len() * architecture.latent_dim()];
        let classes = vec![0; if architecture.classes() > 0 { batch.len() } else { 0 }];
        let batch = elbo_cuda::Batch { pixels: batch.pixels, value_bytes: 1, noise: &noise, classes: &classes };
        elbo_cuda::Engine::new(Arc::clone(&self.card), network(architecture), precision(self.precision), parameters)
            .and_then(|mut engine| engine.profile(batch, objective(Objective::default()), &optimizer(by), repeats))
            .map_err(|source| failed(&self.description(), source))
    }
}
