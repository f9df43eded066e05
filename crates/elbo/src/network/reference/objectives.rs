//! What is minimised, and its gradient by what the encoder says and by the prior's parameters: the part of the definition
//! between encoder and decoder.

use crate::network::loss::{Loss, Objective};
use crate::network::parameters::ParameterTable;

/// What is minimised of a batch, by its draws.
pub(super) struct Latent<'a> {
    /// `[N, K]`.
    draws: Vec<Draw<'a>>,
    /// Of each draw `log p(z)`, its gradient by the draw, and that by the parameters.
    priors: Vec<(f64, Vec<f64>, Vec<f64>)>,
    /// The share of each draw in what is minimised of its image.
    weights: Vec<f64>,
    /// The total correlation with its gradient, if it counts.
    correlation: Option<(f64, Vec<f64>)>,
    objective: Objective,
    /// Whether the divergence is that of the formula.
    is_elbo: bool,
    images: f64,
    pub(super) loss: Loss,
    pub(super) minimised: f64,
}

impl<'a> Latent<'a> {
    pub(super) fn new(
        table: &ParameterTable,
        parameters: &[f64],
        draws: Vec<Draw<'a>>,
        reconstructions: &[f64],
        objective: &Objective,
    ) -> Self {
        let (rows, samples) = (draws.len(), objective.samples as usize);
        let images = (rows / samples) as f64;
        let priors: Vec<_> = draws.iter().map(|draw| log_prior(table, parameters, &draw.latent())).collect();
        let has_formula = table.prior().is_none();
        let kl = |row: usize| if has_formula { draws[row].kl() } else { draws[row].sampled_kl(priors[row].0) };
        let mean = |sum: f64| sum / rows as f64;
        let loss = Loss { reconstruction: mean(reconstructions.iter().sum()), kl: mean((0..rows).map(kl).sum()) };
        let beta = f64::from(objective.beta);
        let is_elbo = samples == 1 && has_formula;
        let correlation = (objective.total_correlation != 0.0).then(|| total_correlation(&draws));
        let (weights, minimised) = if is_elbo {
            let divergence: f64 = draws.iter().map(|draw| draw.counted_kl(objective)).sum();
            let weight = f64::from(objective.total_correlation);
            let correlation = correlation.as_ref().map_or(0.0, |(total, _)| weight * total);
            (vec![1.0; rows], loss.reconstruction + beta * divergence / images + correlation)
        } else {
            let log_weight = |row: usize| -reconstructions[row] + beta * (priors[row].0 - draws[row].log_density());
            importance_weights(&(0..rows).map(log_weight).collect::<Vec<_>>(), samples)
        };
        Self { draws, priors, weights, correlation, objective: *objective, is_elbo, images, loss, minimised }
    }

    /// The share of a draw in what is minimised of the batch.
    pub(super) fn share(&self, row: usize) -> f64 {
        self.weights[row] / self.images
    }

    /// The gradient by the statistics, `[N K, 2Z]`, from that of the reconstruction by the draws; adds that of the prior's
    /// parameters to `gradient`.
    pub(super) fn back(&self, by_latents: &[f64], gradient: &mut [f64]) -> Vec<f64> {
        let dim = self.draws[0].noise.len();
        let mut by_statistics = vec![0.0; self.draws.len() * 2 * dim];
        let parts = by_statistics.chunks_exact_mut(2 * dim).zip(by_latents.chunks_exact(dim));
        for (row, (by_statistics, by_latent)) in parts.enumerate() {
            let draw = &self.draws[row];
            let weight = f64::from(self.objective.beta) * self.share(row);
            if self.is_elbo {
                draw.back(by_latent, by_statistics);
                for i in 0..dim {
                    let (mean, logvar) = (draw.statistics[i], draw.statistics[dim + i]);
                    let is_free = kl(mean, logvar) < f64::from(self.objective.free_bits);
                    let weight = if is_free { 0.0 } else { weight };
                    by_statistics[i] += weight * mean;
                    by_statistics[dim + i] += weight * 0.5 * (logvar.exp() - 1.0);
                }
            } else {
                let (_, by_prior, prior_gradient) = &self.priors[row];
                let by_latent: Vec<f64> =
                    by_latent.iter().zip(by_prior).map(|(by, prior)| by - weight * prior).collect();
                draw.back(&by_latent, by_statistics);
                // What log q(z | x) depends on beside the draw.
                by_statistics[dim..].iter_mut().for_each(|by_logvar| *by_logvar -= 0.5 * weight);
                gradient.iter_mut().zip(prior_gradient).for_each(|(sum, by)| *sum -= weight * by);
            }
        }
        if let Some((_, by)) = &self.correlation {
            let weight = f64::from(self.objective.total_correlation);
            by_statistics.iter_mut().zip(by).for_each(|(sum, by)| *sum += weight * by);
        }
        by_statistics
    }
}

/// One draw of an image's latent vector, and what belongs to it.
pub(super) struct Draw<'a> {
    /// Means, then log-variances, `[2Z]`.
    pub(super) statistics: &'a [f64],
    /// Standard normal, `[Z]`.
    pub(super) noise: &'a [f64],
}

impl Draw<'_> {
    /// `z = mean + noise * exp(logvar / 2)`.
    pub(super) fn latent(&self) -> Vec<f64> {
        let (means, logvars) = self.statistics.split_at(self.noise.len());
        means.iter().zip(logvars).zip(self.noise).map(|((m, v), e)| m + e * (v / 2.0).exp()).collect()
    }

    /// `log q(z | x)` at the draw.
    fn log_density(&self) -> f64 {
        let logvars = &self.statistics[self.noise.len()..];
        logvars.iter().zip(self.noise).map(|(v, e)| -0.5 * (v + e * e + std::f64::consts::TAU.ln())).sum()
    }

    /// The divergence from the standard normal, by its formula.
    fn kl(&self) -> f64 {
        let (means, logvars) = self.statistics.split_at(self.noise.len());
        means.iter().zip(logvars).map(|(mean, logvar)| kl(*mean, *logvar)).sum()
    }

    /// The same, each dimension counting as the objective has it.
    fn counted_kl(&self, objective: &Objective) -> f64 {
        let (means, logvars) = self.statistics.split_at(self.noise.len());
        let free = f64::from(objective.free_bits);
        let counted = |kl: f64| if kl < free { free } else { kl };
        means.iter().zip(logvars).map(|(mean, logvar)| counted(kl(*mean, *logvar))).sum()
    }

    /// The divergence with the prior's density at the draw, and the formula for the rest.
    fn sampled_kl(&self, log_prior: f64) -> f64 {
        let logvars = &self.statistics[self.noise.len()..];
        logvars.iter().map(|v| -0.5 * (1.0 + v + std::f64::consts::TAU.ln())).sum::<f64>() - log_prior
    }

    /// Adds to the gradient of the statistics what follows from that of the latent vector.
    fn back(&self, by_latent: &[f64], gradient: &mut [f64]) {
        let dim = self.noise.len();
        for i in 0..dim {
            gradient[i] += by_latent[i];
            gradient[dim + i] += by_latent[i] * self.noise[i] * 0.5 * (self.statistics[dim + i] / 2.0).exp();
        }
    }
}

/// The divergence of one latent dimension from the standard normal.
fn kl(mean: f64, logvar: f64) -> f64 {
    -0.5 * (1.0 + logvar - mean * mean - logvar.exp())
}

/// `log p(z)`, its gradient by `z`, and by all parameters of the network, of which only the prior's have one.
fn log_prior(table: &ParameterTable, parameters: &[f64], latent: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let mut by_parameters = vec![0.0; parameters.len()];
    let Some(prior) = table.prior() else {
        let density = latent.iter().map(|z| -0.5 * (z * z + std::f64::consts::TAU.ln())).sum();
        return (density, latent.iter().map(|z| -z).collect(), by_parameters);
    };
    let dim = latent.len();
    let (means, logvars) = (&parameters[prior.means.clone()], &parameters[prior.logvars.clone()]);
    let logits = &parameters[prior.logits.clone()];
    let norm: f64 = logits.iter().map(|logit| logit.exp()).sum();
    let densities: Vec<f64> = (0..logits.len())
        .map(|c| {
            let exponent = |d: usize| {
                let (mean, logvar) = (means[c * dim + d], logvars[c * dim + d]);
                -0.5 * (logvar + (latent[d] - mean).powi(2) / logvar.exp() + std::f64::consts::TAU.ln())
            };
            logits[c].exp() / norm * (0..dim).map(exponent).sum::<f64>().exp()
        })
        .collect();
    let total: f64 = densities.iter().sum();
    let mut by_latent = vec![0.0; dim];
    for (c, density) in densities.iter().enumerate() {
        let share = density / total;
        for d in 0..dim {
            let (mean, variance) = (means[c * dim + d], logvars[c * dim + d].exp());
            let off = latent[d] - mean;
            by_latent[d] -= share * off / variance;
            by_parameters[prior.means.start + c * dim + d] = share * off / variance;
            by_parameters[prior.logvars.start + c * dim + d] = share * 0.5 * (off * off / variance - 1.0);
        }
        by_parameters[prior.logits.start + c] = share - logits[c].exp() / norm;
    }
    (total.ln(), by_latent, by_parameters)
}

/// The importance weights of the draws of each image, `[N, K]`, which add up to 1 for each image, and the mean over images
/// of `-log (1 / K sum exp(log w))`.
fn importance_weights(log_weights: &[f64], samples: usize) -> (Vec<f64>, f64) {
    let mut bound = 0.0;
    let mut weights = Vec::new();
    for log_weights in log_weights.chunks_exact(samples) {
        let largest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = log_weights.iter().map(|w| (w - largest).exp()).sum();
        bound -= largest + (sum / samples as f64).ln();
        weights.extend(log_weights.iter().map(|w| (w - largest).exp() / sum));
    }
    (weights, bound / (log_weights.len() / samples) as f64)
}

/// The total correlation of a batch but for a constant, mean over its images, and its gradient by the statistics,
/// `[N, 2Z]`, through the draws too: `mean over i of (log sum over j of q(z_i | x_j) - sum over d of log sum over j of
/// q(z_id | x_j))`.
fn total_correlation(draws: &[Draw<'_>]) -> (f64, Vec<f64>) {
    let (count, dim) = (draws.len(), draws[0].noise.len());
    let latents: Vec<Vec<f64>> = draws.iter().map(Draw::latent).collect();
    let log_density = |i: usize, j: usize, d: usize| {
        let (mean, logvar) = (draws[j].statistics[d], draws[j].statistics[dim + d]);
        -0.5 * (logvar + (latents[i][d] - mean).powi(2) / logvar.exp() + std::f64::consts::TAU.ln())
    };
    let mut total = 0.0;
    let mut gradient = vec![0.0; count * 2 * dim];
    for i in 0..count {
        let whole: Vec<f64> = (0..count).map(|j| (0..dim).map(|d| log_density(i, j, d)).sum::<f64>().exp()).collect();
        let whole_sum: f64 = whole.iter().sum();
        total += whole_sum.ln() / count as f64;
        let mut by_latent = vec![0.0; dim];
        for d in 0..dim {
            let each: Vec<f64> = (0..count).map(|j| log_density(i, j, d).exp()).collect();
            let each_sum: f64 = each.iter().sum();
            total -= each_sum.ln() / count as f64;
            for j in 0..count {
                let pull = (whole[j] / whole_sum - each[j] / each_sum) / count as f64;
                let (mean, variance) = (draws[j].statistics[d], draws[j].statistics[dim + d].exp());
                let off = latents[i][d] - mean;
                by_latent[d] -= pull * off / variance;
                gradient[j * 2 * dim + d] += pull * off / variance;
                gradient[j * 2 * dim + dim + d] += pull * 0.5 * (off * off / variance - 1.0);
            }
        }
        draws[i].back(&by_latent, &mut gradient[i * 2 * dim..][..2 * dim]);
    }
    (total, gradient)
}
