//! What is minimised, and its gradient by what the encoder says and by the prior's parameters: the part of the definition
//! between encoder and decoder.

use crate::network::loss::Objective;
use crate::network::parameters::ParameterTable;

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
    pub(super) fn log_density(&self) -> f64 {
        let logvars = &self.statistics[self.noise.len()..];
        logvars.iter().zip(self.noise).map(|(v, e)| -0.5 * (v + e * e + std::f64::consts::TAU.ln())).sum()
    }

    /// The divergence from the standard normal, by its formula.
    pub(super) fn kl(&self) -> f64 {
        let (means, logvars) = self.statistics.split_at(self.noise.len());
        means.iter().zip(logvars).map(|(mean, logvar)| kl(*mean, *logvar)).sum()
    }

    /// The divergence with the prior's density at the draw, and the formula for the rest.
    pub(super) fn sampled_kl(&self, log_prior: f64) -> f64 {
        let logvars = &self.statistics[self.noise.len()..];
        logvars.iter().map(|v| -0.5 * (1.0 + v + std::f64::consts::TAU.ln())).sum::<f64>() - log_prior
    }

    /// Adds to the gradient of the statistics what follows from that of the latent vector.
    pub(super) fn back(&self, by_latent: &[f64], gradient: &mut [f64]) {
        let dim = self.noise.len();
        for i in 0..dim {
            gradient[i] += by_latent[i];
            gradient[dim + i] += by_latent[i] * self.noise[i] * 0.5 * (self.statistics[dim + i] / 2.0).exp();
        }
    }
}

/// The divergence of one latent dimension from the standard normal.
pub(super) fn kl(mean: f64, logvar: f64) -> f64 {
    -0.5 * (1.0 + logvar - mean * mean - logvar.exp())
}

/// `log p(z)`, its gradient by `z`, and by all parameters of the network, of which only the prior's have one.
pub(super) fn log_prior(table: &ParameterTable, parameters: &[f64], latent: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
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
pub(super) fn importance_weights(log_weights: &[f64], samples: usize) -> (Vec<f64>, f64) {
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
pub(super) fn total_correlation(draws: &[Draw<'_>]) -> (f64, Vec<f64>) {
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

/// The least that the divergence of a dimension counts.
pub(super) fn counted(objective: &Objective, kl: f64) -> f64 {
    let free = f64::from(objective.free_bits);
    if kl < free { free } else { kl }
}
