//! The total correlation of a batch's latent vectors, which no image has by itself: its gradient.
//!
//! By minibatch-weighted sampling (Chen et al., 2018, appendix C.1) it is, but for a constant, the mean over images `i` of
//! `log sum over j of q(z_i | x_j) - sum over dimensions d of log sum over j of q(z_id | x_j)`.

use super::inference;
use super::network::Network;
use super::threads::Threads;
use crate::dataset::batch::Batch;
use crate::engine::Draw;
use crate::network::loss::Objective;
use elbo_kernels::{Isa, exponential};
use rayon::prelude::*;

/// Images whose part is summed by one thread before it is added to that of others: a matter of the batch alone.
const ROWS: usize = 16;

/// The gradient of the objective's part of the total correlation by what the encoder says of the batch, `[N, 2Z]`, as a sum
/// over images; empty where the objective has no such part.
pub(super) fn penalty(
    network: &Network,
    threads: &Threads,
    batch: Batch<'_>,
    draw: Draw<'_>,
    objective: Objective,
) -> Vec<f32> {
    if objective.total_correlation == 0.0 || batch.is_empty() {
        return Vec::new();
    }
    let dim = network.architecture().latent_dim();
    let statistics = inference::encode(network, threads, batch);
    let mut noise = vec![0.0; batch.len() * dim];
    draw.write(batch.indices, 0, dim, &mut noise);
    let mut gradient = gradient(network.isa(), &Posteriors::new(&statistics, dim), &statistics, &noise);
    for number in &mut gradient {
        *number *= objective.total_correlation;
    }
    gradient
}

/// What the encoder says of a batch, dimension by dimension, `[Z, N]`.
struct Posteriors {
    dim: usize,
    count: usize,
    means: Vec<f32>,
    logvars: Vec<f32>,
    precisions: Vec<f32>,
}

impl Posteriors {
    fn new(statistics: &[f32], dim: usize) -> Self {
        let count = statistics.len() / (2 * dim);
        let column = |d: usize| statistics.iter().skip(d).step_by(2 * dim).copied();
        let logvars: Vec<f32> = (dim..2 * dim).flat_map(column).collect();
        let precisions = logvars.iter().map(|logvar| libm::expf(-logvar)).collect();
        Self { dim, count, means: (0..dim).flat_map(column).collect(), logvars, precisions }
    }
}

/// The gradient, `[N, 2Z]`, of the sum over images.
fn gradient(isa: Isa, posteriors: &Posteriors, statistics: &[f32], noise: &[f32]) -> Vec<f32> {
    let dim = posteriors.dim;
    let blocks = statistics.par_chunks(ROWS * 2 * dim).zip(noise.par_chunks(ROWS * dim)).enumerate();
    let parts: Vec<Vec<f32>> = blocks
        .map(|(block, (statistics, noise))| {
            let mut part = Part::new(posteriors);
            for (row, (statistics, noise)) in statistics.chunks_exact(2 * dim).zip(noise.chunks_exact(dim)).enumerate()
            {
                part.add(isa, block * ROWS + row, statistics, noise);
            }
            part.gradient
        })
        .collect();
    let mut sum = vec![0.0; statistics.len()];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, number)| *sum += number);
    }
    sum
}

/// What some images add to the gradient.
struct Part<'a> {
    posteriors: &'a Posteriors,
    /// `[N, 2Z]`.
    gradient: Vec<f32>,
    /// For one image: the share of each posterior in the density of its latent vector, in each dimension, `[Z, N]`.
    shares: Vec<f32>,
    /// The same in all dimensions together, `[N]`.
    whole: Vec<f32>,
}

impl<'a> Part<'a> {
    fn new(posteriors: &'a Posteriors) -> Self {
        let Posteriors { dim, count, .. } = *posteriors;
        let gradient = vec![0.0; 2 * dim * count];
        Self { posteriors, gradient, shares: vec![0.0; dim * count], whole: vec![0.0; count] }
    }

    /// Adds the part of image number `image`.
    fn add(&mut self, isa: Isa, image: usize, statistics: &[f32], noise: &[f32]) {
        let Self { posteriors: Posteriors { dim, count, means, logvars, precisions }, gradient, shares, whole } = self;
        let (dim, count) = (*dim, *count);
        let sigmas = &statistics[dim..].iter().map(|logvar| libm::expf(0.5 * logvar)).collect::<Vec<f32>>();
        let latent = |d: usize| statistics[d] + noise[d] * sigmas[d];
        whole.fill(0.0);
        for (d, shares) in shares.chunks_exact_mut(count).enumerate() {
            let z = latent(d);
            let here = d * count..(d + 1) * count;
            let posteriors = means[here.clone()].iter().zip(&logvars[here.clone()]).zip(&precisions[here]);
            for ((share, whole), ((mean, logvar), precision)) in shares.iter_mut().zip(whole.iter_mut()).zip(posteriors)
            {
                let off = z - mean;
                *share = -0.5 * (off * off * precision + logvar);
                *whole += *share;
            }
            normalize(isa, shares);
        }
        normalize(isa, whole);
        for (d, shares) in shares.chunks_exact(count).enumerate() {
            let z = latent(d);
            let mut by_latent = 0.0;
            for (j, (share, whole)) in shares.iter().zip(&*whole).enumerate() {
                let (off, precision) = (z - means[d * count + j], precisions[d * count + j]);
                let weight = whole - share;
                let pull = weight * off * precision;
                by_latent -= pull;
                gradient[j * 2 * dim + d] += pull;
                gradient[j * 2 * dim + dim + d] += 0.5 * (pull * off - weight);
            }
            // Through the draw.
            gradient[image * 2 * dim + d] += by_latent;
            gradient[image * 2 * dim + dim + d] += 0.5 * by_latent * noise[d] * sigmas[d];
        }
    }
}

/// Logarithms of densities as shares of their sum.
fn normalize(isa: Isa, numbers: &mut [f32]) {
    let largest = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for number in &mut *numbers {
        *number -= largest;
    }
    exponential(isa, numbers);
    let sum: f64 = numbers.iter().map(|number| f64::from(*number)).sum();
    let scale = (1.0 / sum) as f32;
    for number in numbers {
        *number *= scale;
    }
}
