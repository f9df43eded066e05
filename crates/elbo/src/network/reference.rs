//! The network's definition in `f64`, plainly: what the engine is tested against.
//!
//! Layer after layer over the whole batch, with the definitions of [`elbo_kernels::reference`], and the loss by its
//! formula. The gradient here is itself tested against finite differences. Slow, and to stay so.

use crate::network::architecture::{Activation, Architecture, LayerShape, Role};
use crate::network::likelihood::Likelihood;
use crate::network::loss::{Loss, Objective};
use crate::network::parameters::ParameterTable;
use elbo_kernels::{Direction, reference as kernels};

/// What the definition says of a batch.
#[derive(Clone, PartialEq, Debug)]
pub struct Defined {
    /// The mean loss, in its parts.
    pub loss: Loss,
    /// The mean of what is minimised.
    pub minimised: f64,
    /// The gradient of `minimised`, in the layout of [`ParameterTable`].
    pub gradient: Vec<f64>,
}

/// The mean loss of a batch, and the gradient of what is minimised.
///
/// `images` are `[N, H, W, C]` in [0, 1], `noise` the standard normal draws, `[N, Z]`, `classes` those of the images,
/// `[N]`, if the network is conditional.
#[must_use]
pub fn gradient(
    architecture: &Architecture,
    parameters: &[f64],
    images: &[f64],
    noise: &[f64],
    classes: &[u16],
    objective: &Objective,
) -> Defined {
    let layers = architecture.layers();
    let table = ParameterTable::new(architecture);
    let latent_dim = architecture.latent_dim();
    let count = (images.len() / architecture.image().len()) as f64;

    // Forward: inputs[i] is what layer i sees.
    let mut inputs = vec![images.to_vec()];
    let mut sums = Vec::new();
    let mut statistics = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let mut y = forward(layer, &table, number, parameters, &inputs[number]);
        if let Some(weight) = table.class_rows(layer.role) {
            let numbers = weight.shape[1];
            for (i, y) in y.iter_mut().enumerate() {
                let class = usize::from(classes[i / numbers]);
                *y += parameters[weight.range.start + class * numbers + i % numbers];
            }
        }
        let mut output = y.clone();
        if layer.activation == Activation::Relu {
            for y in &mut output {
                // Not `f64::max`, which would turn NaN into zero.
                *y = if *y < 0.0 { 0.0 } else { *y };
            }
        }
        if layer.role == Role::Head {
            statistics.clone_from(&y);
            output = sample(&statistics, noise, latent_dim);
        }
        sums.push(y);
        inputs.push(output);
    }
    let logits = &sums[layers.len() - 1];
    let mut loss = Loss::default();
    let mut dy = Vec::new();
    let mut gradient = vec![0.0; parameters.len()];
    let log_sigma = table.log_sigma();
    for (logit, target) in logits.iter().zip(images) {
        let raw = log_sigma.map(|place| parameters[place]);
        let [pixel, by_logit, by_sigma] = pixel_loss(architecture.likelihood(), *logit, *target, raw);
        loss.reconstruction += pixel / count;
        dy.push(by_logit / count);
        if let Some(place) = log_sigma {
            gradient[place] += by_sigma / count;
        }
    }
    let mut counted = 0.0;
    for row in statistics.chunks_exact(2 * latent_dim) {
        for (mean, logvar) in row[..latent_dim].iter().zip(&row[latent_dim..]) {
            let kl = kl(*mean, *logvar);
            loss.kl += kl / count;
            let free = f64::from(objective.free_bits);
            counted += if kl < free { free } else { kl } / count;
        }
    }

    let beta = f64::from(objective.beta);
    let minimised = loss.reconstruction + beta * counted;

    // Backward: dy is the gradient of the layer's sum.
    for (number, layer) in layers.iter().enumerate().rev() {
        let channels = [layer.c_in, layer.c_out];
        let x = &inputs[number];
        let (weight, bias) = table.layer(number);
        let weights = &parameters[weight.range.clone()];
        let turned = kernels::transpose_taps(channels, weights);
        let back = [layer.c_out, layer.c_in];
        let (dw, dx) = match layer.direction {
            Direction::Down => (
                kernels::convolution_weight_gradient(&layer.geometry, channels, x, &dy),
                kernels::transposed_convolution(&layer.geometry, back, &dy, &turned),
            ),
            Direction::Up => (
                kernels::transposed_convolution_weight_gradient(&layer.geometry, channels, x, &dy),
                kernels::convolution(&layer.geometry, back, &dy, &turned),
            ),
        };
        gradient[weight.range.clone()].copy_from_slice(&dw);
        for (i, dy) in dy.iter().enumerate() {
            gradient[bias.range.start + i % layer.c_out] += dy;
        }
        if let Some(weight) = table.class_rows(layer.role) {
            let numbers = weight.shape[1];
            for (i, dy) in dy.iter().enumerate() {
                let class = usize::from(classes[i / numbers]);
                gradient[weight.range.start + class * numbers + i % numbers] += dy;
            }
        }
        dy = dx;
        if layer.role == Role::Projection {
            let weight =
                |mean, logvar| if kl(mean, logvar) < f64::from(objective.free_bits) { 0.0 } else { beta / count };
            dy = sample_gradient(&statistics, noise, &dy, latent_dim, weight);
        } else if layer.input_activation == Activation::Relu {
            dy.iter_mut().zip(&sums[number - 1]).for_each(|(dy, sum)| *dy = if *sum <= 0.0 { 0.0 } else { *dy });
        }
    }
    Defined { loss, minimised, gradient }
}

/// The negative log-likelihood of one pixel, and its derivatives by the logit and by what is learned of sigma.
fn pixel_loss(likelihood: Likelihood, logit: f64, x: f64, raw: Option<f64>) -> [f64; 3] {
    let s = 1.0 / (1.0 + (-logit).exp());
    let error = s - x;
    let cross_entropy = x * (-logit).exp().ln_1p() + (1.0 - x) * logit.exp().ln_1p();
    match likelihood {
        Likelihood::Gaussian => [0.5 * error * error, error * s * (1.0 - s), 0.0],
        Likelihood::SigmaGaussian => {
            let raw = raw.unwrap_or_default();
            let sigma = (-6.0 + (raw + 6.0).exp().ln_1p()).exp();
            let density = (-0.5 * (error / sigma).powi(2)).exp() / (sigma * std::f64::consts::TAU.sqrt());
            let by_log_sigma = 1.0 - (error / sigma).powi(2);
            [-density.ln(), error * s * (1.0 - s) / (sigma * sigma), by_log_sigma / (1.0 + (-6.0 - raw).exp())]
        }
        Likelihood::Bernoulli => [cross_entropy, s - x, 0.0],
        Likelihood::ContinuousBernoulli => {
            let bounded = logit.clamp(-16.0, 16.0);
            let constant = bounded / (bounded / 2.0).tanh();
            // Beyond the bound the constant has no gradient, and the mean is the sigmoid.
            let mean = if bounded == logit { 1.0 / -(-logit).exp_m1() - 1.0 / logit } else { s };
            [cross_entropy - constant.ln(), mean - x, 0.0]
        }
    }
}

fn forward(layer: &LayerShape, table: &ParameterTable, number: usize, parameters: &[f64], x: &[f64]) -> Vec<f64> {
    let (weight, bias) = table.layer(number);
    let (weights, bias) = (&parameters[weight.range.clone()], &parameters[bias.range.clone()]);
    let channels = [layer.c_in, layer.c_out];
    let mut y = match layer.direction {
        Direction::Down => kernels::convolution(&layer.geometry, channels, x, weights),
        Direction::Up => kernels::transposed_convolution(&layer.geometry, channels, x, weights),
    };
    y.iter_mut().enumerate().for_each(|(i, y)| *y += bias[i % layer.c_out]);
    y
}

/// `z = mean + noise * exp(logvar / 2)`.
fn sample(statistics: &[f64], noise: &[f64], latent_dim: usize) -> Vec<f64> {
    let rows = statistics.chunks_exact(2 * latent_dim).zip(noise.chunks_exact(latent_dim));
    rows.flat_map(|(row, noise)| (0..latent_dim).map(move |i| row[i] + noise[i] * (row[latent_dim + i] / 2.0).exp()))
        .collect()
}

/// The divergence of one latent dimension from the standard normal.
fn kl(mean: f64, logvar: f64) -> f64 {
    -0.5 * (1.0 + logvar - mean * mean - logvar.exp())
}

/// The gradient of the statistics from that of the latent vectors, and of the divergence `weight(mean, logvar)` times.
fn sample_gradient(
    statistics: &[f64],
    noise: &[f64],
    dz: &[f64],
    latent_dim: usize,
    weight: impl Fn(f64, f64) -> f64,
) -> Vec<f64> {
    let mut gradient = Vec::new();
    let rows =
        statistics.chunks_exact(2 * latent_dim).zip(noise.chunks_exact(latent_dim)).zip(dz.chunks_exact(latent_dim));
    for ((row, noise), dz) in rows {
        let (mean, logvar) = row.split_at(latent_dim);
        let weights: Vec<f64> = mean.iter().zip(logvar).map(|(mean, logvar)| weight(*mean, *logvar)).collect();
        gradient.extend((0..latent_dim).map(|i| dz[i] + weights[i] * mean[i]));
        gradient
            .extend((0..latent_dim).map(|i| {
                dz[i] * noise[i] * 0.5 * (logvar[i] / 2.0).exp() + weights[i] * 0.5 * (logvar[i].exp() - 1.0)
            }));
    }
    gradient
}

#[cfg(test)]
pub(crate) mod cases;
#[cfg(test)]
mod tests;
