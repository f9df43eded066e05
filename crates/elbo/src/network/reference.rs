//! The network's definition in `f64`, plainly: what the engine is tested against.
//!
//! Layer after layer over the whole batch, with the definitions of [`elbo_kernels::reference`], and the loss by its
//! formula. The gradient here is itself tested against finite differences. Slow, and to stay so.

mod objectives;

use crate::network::architecture::{Activation, Architecture, LayerShape, Role};
use crate::network::likelihood::Likelihood;
use crate::network::loss::{Loss, Objective};
use crate::network::parameters::ParameterTable;
use elbo_kernels::{Direction, reference as kernels};
use objectives::{Draw, Latent};

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
/// `images` are `[N, H, W, C]` in [0, 1], `noise` the standard normal draws, `[N, K, Z]` with the objective's number of
/// samples `K`, `classes` those of the images, `[N]`, if the network is conditional.
#[must_use]
pub fn gradient(
    architecture: &Architecture,
    parameters: &[f64],
    images: &[f64],
    noise: &[f64],
    classes: &[u16],
    objective: &Objective,
) -> Defined {
    let table = ParameterTable::new(architecture);
    let samples = objective.samples as usize;
    // Each image as often as it has draws: what is the same for all of them is computed as often.
    let images: Vec<f64> = images.chunks(architecture.image().len()).flat_map(|image| image.repeat(samples)).collect();
    let classes: Vec<u16> = classes.iter().flat_map(|&class| vec![class; samples]).collect();
    let network = Network { layers: architecture.layers(), table: &table, parameters, classes: &classes };
    let Activations { inputs, sums, statistics } = network.forward(&images, noise, architecture.latent_dim());

    let log_sigma = table.log_sigma();
    let raw = log_sigma.map(|place| parameters[place]);
    let logits = &sums[sums.len() - 1];
    let pixels: Vec<[f64; 3]> = logits
        .iter()
        .zip(&images)
        .map(|(logit, target)| pixel_loss(architecture.likelihood(), *logit, *target, raw))
        .collect();
    let reconstructions: Vec<f64> = pixels
        .chunks_exact(architecture.image().len())
        .map(|pixels| pixels.iter().map(|[loss, ..]| loss).sum())
        .collect();
    let draws = draws(&statistics, noise, architecture.latent_dim());
    let latent = Latent::new(&table, parameters, draws, &reconstructions, objective);

    // Backward: dy is the gradient of the layer's sum.
    let mut gradient = vec![0.0; parameters.len()];
    let mut dy = Vec::new();
    for (i, [_, by_logit, by_sigma]) in pixels.iter().enumerate() {
        let weight = latent.share(i / architecture.image().len());
        dy.push(weight * by_logit);
        if let Some(place) = log_sigma {
            gradient[place] += weight * by_sigma;
        }
    }
    for (number, layer) in network.layers.iter().enumerate().rev() {
        dy = network.backward(number, &inputs[number], &dy, &mut gradient);
        if layer.role == Role::Projection {
            dy = latent.back(&dy, &mut gradient);
        } else if layer.input_activation == Activation::Relu {
            dy.iter_mut().zip(&sums[number - 1]).for_each(|(dy, sum)| *dy = if *sum <= 0.0 { 0.0 } else { *dy });
        }
    }
    Defined { loss: latent.loss, minimised: latent.minimised, gradient }
}

/// A network with the classes of the rows that go through it.
struct Network<'a> {
    layers: Vec<LayerShape>,
    table: &'a ParameterTable,
    parameters: &'a [f64],
    classes: &'a [u16],
}

/// What a forward pass leaves.
struct Activations {
    /// What each layer sees.
    inputs: Vec<Vec<f64>>,
    /// Its sums, before the activation.
    sums: Vec<Vec<f64>>,
    /// Means and log-variances, `[rows, 2Z]`.
    statistics: Vec<f64>,
}

impl Network<'_> {
    fn forward(&self, images: &[f64], noise: &[f64], latent_dim: usize) -> Activations {
        let mut inputs = vec![images.to_vec()];
        let mut sums = Vec::new();
        let mut statistics = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            let mut y = forward(layer, self.table, number, self.parameters, &inputs[number]);
            if let Some(weight) = self.table.class_rows(layer.role) {
                let numbers = weight.shape[1];
                for (i, y) in y.iter_mut().enumerate() {
                    let class = usize::from(self.classes[i / numbers]);
                    *y += self.parameters[weight.range.start + class * numbers + i % numbers];
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
                output = draws(&statistics, noise, latent_dim).iter().flat_map(Draw::latent).collect();
            }
            sums.push(y);
            inputs.push(output);
        }
        Activations { inputs, sums, statistics }
    }

    /// The gradient of the input of a layer; adds that of its parameters to `gradient`.
    fn backward(&self, number: usize, x: &[f64], dy: &[f64], gradient: &mut [f64]) -> Vec<f64> {
        let layer = &self.layers[number];
        let channels = [layer.c_in, layer.c_out];
        let (weight, bias) = self.table.layer(number);
        let turned = kernels::transpose_taps(channels, &self.parameters[weight.range.clone()]);
        let back = [layer.c_out, layer.c_in];
        let (dw, dx) = match layer.direction {
            Direction::Down => (
                kernels::convolution_weight_gradient(&layer.geometry, channels, x, dy),
                kernels::transposed_convolution(&layer.geometry, back, dy, &turned),
            ),
            Direction::Up => (
                kernels::transposed_convolution_weight_gradient(&layer.geometry, channels, x, dy),
                kernels::convolution(&layer.geometry, back, dy, &turned),
            ),
        };
        gradient[weight.range.clone()].copy_from_slice(&dw);
        for (i, dy) in dy.iter().enumerate() {
            gradient[bias.range.start + i % layer.c_out] += dy;
        }
        if let Some(weight) = self.table.class_rows(layer.role) {
            let numbers = weight.shape[1];
            for (i, dy) in dy.iter().enumerate() {
                let class = usize::from(self.classes[i / numbers]);
                gradient[weight.range.start + class * numbers + i % numbers] += dy;
            }
        }
        dx
    }
}

/// The draws of all rows.
fn draws<'a>(statistics: &'a [f64], noise: &'a [f64], latent_dim: usize) -> Vec<Draw<'a>> {
    let rows = statistics.chunks_exact(2 * latent_dim).zip(noise.chunks_exact(latent_dim));
    rows.map(|(statistics, noise)| Draw { statistics, noise }).collect()
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

#[cfg(test)]
pub(crate) mod cases;
#[cfg(test)]
mod tests;
