//! The importance-weighted bound.

use super::{Evaluator, Mean};
use crate::engine::draw::latent_at;
use crate::error::Error;
use crate::network::prior::LearnedPrior;
use crate::noise::{Noise, Purpose};

/// An estimate of the negative log-likelihood of images from several draws of each one's latent distribution:
/// `-ln (1/K sum over k of p(x | z_k) p(z_k) / q(z_k | x))` (Burda, Grosse and Salakhutdinov, 2016, "Importance Weighted
/// Autoencoders", equation 8), in nats per image.
///
/// In the mean over draws it is never below the negative log-likelihood, falls as there are more draws, and is the loss
/// itself where there is one. What a likelihood leaves out of the loss it leaves out too: see
/// [`Likelihood`](crate::Likelihood).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ImportanceBound {
    /// Images.
    pub images: usize,
    /// Draws of each.
    pub samples: usize,
    /// The bound, and its standard error over images.
    pub bound: Mean,
    /// The effective number of draws, `(sum of weights)^2 / sum of their squares` (Kong, 1992), mean over images: where it
    /// is small, a few draws decide, and more of them would lower the bound.
    pub effective_samples: f64,
}

impl Evaluator<'_> {
    /// The importance-weighted bound with this many draws of each image. A draw follows from the seed, the position of the
    /// image in its data set and its own number alone: the first draws are the same whatever their number.
    ///
    /// # Errors
    /// If the images cannot be read, or the device fails.
    pub fn importance_bound(
        &self,
        samples: usize,
        seed: u64,
        progress: &mut dyn FnMut(usize),
    ) -> Result<ImportanceBound, Error> {
        let engine = self.vae.engine();
        let prior = self.vae.prior()?;
        let samples = samples.max(1);
        let (mut bounds, mut effective) = (Vec::new(), 0.0);
        let mut staging = Vec::new();
        let most = draws_at_once(engine.architecture().image().len());
        for indices in self.indices.chunks((most / samples).max(1)) {
            let batch = self.dataset.gather(indices, &mut staging)?;
            let statistics = engine.encode(batch)?;
            let mut log_weights = vec![Vec::with_capacity(samples); indices.len()];
            let mut first = 0;
            while first < samples {
                let count = most.min(samples - first);
                let draws = draws(seed, indices, first, count, engine.architecture().latent_dim());
                let losses = engine.reconstruction_losses(batch, &draws)?;
                weigh(prior.as_ref(), &statistics, &draws, &losses, &mut log_weights);
                first += count;
            }
            for log_weights in &log_weights {
                let (log_sum, effective_samples) = combined(log_weights);
                bounds.push(libm::log(samples as f64) - log_sum);
                effective += effective_samples;
            }
            progress(indices.len());
        }
        Ok(ImportanceBound {
            images: bounds.len(),
            samples,
            bound: Mean::of(&bounds),
            effective_samples: effective / bounds.len() as f64,
        })
    }
}

/// Draws that an engine is handed at once: enough to keep it busy, and as few large images as fit. It depends on the image alone,
/// so that those which share a pass through the network are the same for any number of threads.
fn draws_at_once(image: usize) -> usize {
    ((1 << 24) / image).clamp(64, 8192)
}

/// Standard normal draws number `first..first + count` of each image, `[N, count, Z]`.
fn draws(seed: u64, indices: &[u32], first: usize, count: usize, dim: usize) -> Vec<f32> {
    let mut draws = vec![0.0; indices.len() * count * dim];
    for (&index, draws) in indices.iter().zip(draws.chunks_exact_mut(count * dim)) {
        let noise = Noise::new(seed, Purpose::Importance, u64::from(index));
        for (number, draw) in draws.chunks_exact_mut(dim).enumerate() {
            noise.normal((first + number) as u64, draw);
        }
    }
    draws
}

/// Appends `ln p(x | z) + ln p(z) - ln q(z | x)` of each draw to those of its image. The prior is the standard normal where
/// none is learned.
fn weigh(
    prior: Option<&LearnedPrior>,
    statistics: &[f32],
    draws: &[f32],
    losses: &[f64],
    log_weights: &mut [Vec<f64>],
) {
    let dim = statistics.len() / log_weights.len() / 2;
    let samples = losses.len() / log_weights.len();
    let images = statistics.chunks_exact(2 * dim).zip(draws.chunks_exact(samples * dim));
    let images = log_weights.iter_mut().zip(losses.chunks_exact(samples)).zip(images);
    for ((log_weights, losses), (statistics, draws)) in images {
        let (means, logvars) = statistics.split_at(dim);
        let square = |number: &f32| f64::from(*number) * f64::from(*number);
        for (loss, draw) in losses.iter().zip(draws.chunks_exact(dim)) {
            let latent: Vec<f32> = draw
                .iter()
                .zip(means.iter().zip(logvars))
                .map(|(&draw, (&mean, &logvar))| latent_at(mean, logvar, draw))
                .collect();
            // Both less the standard normal's constant.
            let log_prior = match prior {
                None => -0.5 * latent.iter().map(square).sum::<f64>(),
                Some(mixture) => mixture.log_density(&latent) + 0.5 * dim as f64 * libm::log(std::f64::consts::TAU),
            };
            let of_draw = draw.iter().zip(logvars).map(|(draw, &logvar)| square(draw) + f64::from(logvar));
            log_weights.push(log_prior + 0.5 * of_draw.sum::<f64>() - loss);
        }
    }
}

/// The logarithm of the sum of some weights, and their effective number, from their logarithms.
fn combined(log_weights: &[f64]) -> (f64, f64) {
    let largest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return (if log_weights.iter().any(|weight| weight.is_nan()) { f64::NAN } else { largest }, f64::NAN);
    }
    let (mut sum, mut squares) = (0.0, 0.0);
    for log_weight in log_weights {
        let weight = libm::exp(log_weight - largest);
        sum += weight;
        squares += weight * weight;
    }
    (largest + libm::log(sum), sum * sum / squares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, ImageShape};
    use crate::engine::{Cpu, Draw};
    use crate::files::Model;
    use crate::files::model::{DataSummary, ModelCard};
    use crate::network::architecture::Architecture;
    use crate::network::likelihood::Likelihood;
    use crate::network::parameters::ParameterTable;
    use crate::recipe::Recipe;
    use crate::vae::Vae;

    const SHAPE: ImageShape = ImageShape { height: 8, width: 9, channels: 1 };

    /// An untrained model of two latent dimensions, on so many threads.
    fn vae(threads: usize) -> Vae {
        let architecture = Architecture::new(SHAPE, &[3], 2).unwrap().with_likelihood(Likelihood::Bernoulli);
        let mut parameters = ParameterTable::new(&architecture).initialize(5);
        // Smaller ones, so that the encoder's distribution is near the prior, and all draws count.
        for parameter in &mut parameters {
            *parameter *= 0.6;
        }
        let data = DataSummary {
            name: "none".to_owned(),
            train_images: 1,
            validation_images: 0,
            test_images: 0,
            train_digest: String::new(),
            validation_digest: None,
            held_out_digest: None,
            test_digest: None,
        };
        let card = ModelCard::new(architecture, Recipe::reference(), data);
        Vae::on(&Cpu::new(threads), Model { card, parameters }).unwrap()
    }

    fn images(count: usize) -> Dataset {
        let pixels = (0..count * SHAPE.len()).map(|i| if i * i % 11 < 5 { 255 } else { 0 }).collect();
        Dataset::new(SHAPE, pixels, None).unwrap()
    }

    #[test]
    fn the_bound_comes_to_the_integral_over_latent_vectors() {
        let (vae, images) = (vae(2), images(3));
        // -ln of the integral of p(x | z) p(z), on a grid; pixels by their definition.
        let grid: Vec<f32> = (-60..=60).map(|i| i as f32 * 0.1).collect();
        let latents: Vec<f32> = grid.iter().flat_map(|&a| grid.iter().flat_map(move |&b| [a, b])).collect();
        let decoded = vae.decode(&latents, None).unwrap();
        let mut staging = Vec::new();
        let pixels = images.gather(&[0, 1, 2], &mut staging).unwrap().pixels;
        let exact = pixels.chunks_exact(SHAPE.len()).map(|image| {
            let mass: f64 = decoded
                .iter()
                .zip(latents.chunks_exact(2))
                .map(|(means, latent)| {
                    let log_likelihood: f64 = means
                        .iter()
                        .zip(image)
                        .map(|(&mean, &pixel)| {
                            let mean = f64::from(mean);
                            if pixel == 255 { mean.ln() } else { (1.0 - mean).ln() }
                        })
                        .sum();
                    let square: f64 = latent.iter().map(|&z| f64::from(z) * f64::from(z)).sum();
                    (log_likelihood - 0.5 * square).exp() / std::f64::consts::TAU * 0.01
                })
                .sum();
            -mass.ln()
        });
        let evaluator = Evaluator::new(&vae, &images).unwrap();
        let exact = exact.sum::<f64>() / 3.0;
        let found = evaluator.importance_bound(4000, 1, &mut |_| {}).unwrap();
        assert!((found.bound.value - exact).abs() < 0.02, "{} and {exact}", found.bound.value);
        assert!(found.effective_samples > 50.0 && found.effective_samples <= 4000.0);
        let one = evaluator.importance_bound(1, 1, &mut |_| {}).unwrap();
        assert!(one.bound.value > exact && one.effective_samples == 1.0);
    }

    #[test]
    fn draws_have_addresses_and_threads_change_nothing() {
        let images = images(5);
        let bound = |threads, limit, samples, seed| {
            let vae = vae(threads);
            let evaluator = Evaluator::new(&vae, &images).unwrap().limited(limit, 1);
            evaluator.importance_bound(samples, seed, &mut |_| {}).unwrap()
        };
        assert_eq!(bound(1, 5, 37, 1), bound(3, 5, 37, 1));
        assert_ne!(bound(1, 5, 37, 1).bound, bound(1, 5, 37, 2).bound);
        // Those of an image are the same among fewer.
        let all = draws(1, &[0, 4], 0, 6, 2);
        assert_eq!(all[12..], draws(1, &[4], 0, 6, 2));
        assert_eq!(all[16..20], draws(1, &[4], 2, 2, 2));
    }

    #[test]
    fn the_processors_own_way_is_that_of_every_engine() {
        let (vae, images) = (vae(2), images(3));
        let (engine, mut staging) = (vae.engine(), Vec::new());
        let batch = images.gather(&[2, 0], &mut staging).unwrap();
        let draws = draws(3, &[2, 0], 0, 21, 2);
        let found = engine.reconstruction_losses(batch, &draws).unwrap();
        assert_eq!(found.len(), 42);
        for (number, found) in found.into_iter().enumerate() {
            let index = [[2, 0][number / 21]];
            let mut staging = Vec::new();
            let batch = images.gather(&index, &mut staging).unwrap();
            let losses = engine.losses(batch, Draw::Given(&draws[number * 2..][..2])).unwrap();
            // What shares a pass through the network may change the last bits.
            let expected = losses[0].reconstruction;
            assert!((found - expected).abs() < 1e-6 * expected, "{number}: {found}, not {expected}");
        }
    }

    #[test]
    fn a_learned_prior_that_is_the_standard_normal_changes_nothing() {
        let architecture = Architecture::new(SHAPE, &[3], 2).unwrap().with_prior_components(1).unwrap();
        let mixture =
            LearnedPrior::of(&ParameterTable::new(&architecture), &vec![0.0; ParameterTable::new(&architecture).len()]);
        let weights = |prior: Option<&LearnedPrior>| {
            let mut weights = vec![Vec::new()];
            weigh(prior, &[0.5, -0.25, 0.4, -0.7], &[0.3, -1.2, 0.1, 2.0], &[3.0, 4.0], &mut weights);
            weights.remove(0)
        };
        let (with, without) = (weights(Some(&mixture.unwrap())), weights(None));
        assert!(with.iter().zip(&without).all(|(a, b)| (a - b).abs() < 1e-12), "{with:?} {without:?}");
    }

    #[test]
    fn sums_of_weights_neither_overflow_nor_vanish() {
        for offset in [0.0, -1e5, 1e5] {
            let (sum, effective) = combined(&[offset, offset + 2.0_f64.ln(), f64::NEG_INFINITY]);
            assert!((sum - offset - 3.0_f64.ln()).abs() < 1e-9, "{sum}");
            assert!((effective - 9.0 / 5.0).abs() < 1e-9, "{effective}");
        }
        assert!(combined(&[0.0, f64::NAN]).0.is_nan());
    }
}
