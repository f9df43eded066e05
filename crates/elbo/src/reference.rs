//! The network's definition in `f64`, plainly: what the engine is tested against.
//!
//! Layer after layer over the whole batch, with the definitions of [`elbo_kernels::reference`], and the loss by its
//! formula. The gradient here is itself tested against finite differences. Slow, and to stay so.

use crate::architecture::{Activation, Architecture, LayerShape};
use crate::loss::Elbo;
use crate::parameters::ParameterTable;
use elbo_kernels::{Direction, reference as kernels};

/// The mean loss of a batch and the gradient of the mean of `reconstruction + beta * kl`, in the layout of
/// [`ParameterTable`].
///
/// `images` are `[N, H, W, C]` in [0, 1], `noise` the standard normal draws, `[N, Z]`.
#[must_use]
pub fn gradient(
    architecture: &Architecture,
    parameters: &[f64],
    images: &[f64],
    noise: &[f64],
    beta: f64,
) -> (Elbo, Vec<f64>) {
    let layers = architecture.layers();
    let table = ParameterTable::new(architecture);
    let latent_dim = architecture.latent_dim();
    let count = (images.len() / architecture.image().len()) as f64;
    let head = architecture.widths().len();

    // Forward: inputs[i] is what layer i sees.
    let mut inputs = vec![images.to_vec()];
    let mut sums = Vec::new();
    let mut statistics = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let y = forward(layer, &table, number, parameters, &inputs[number]);
        let mut output = y.clone();
        if layer.activation == Activation::Relu {
            for y in &mut output {
                *y = y.max(0.0);
            }
        }
        if number == head {
            statistics.clone_from(&y);
            output = sample(&statistics, noise, latent_dim);
        }
        sums.push(y);
        inputs.push(output);
    }
    let logits = &sums[layers.len() - 1];
    let mut loss = Elbo::default();
    let mut dy = Vec::new();
    for (logit, target) in logits.iter().zip(images) {
        let output = 1.0 / (1.0 + (-logit).exp());
        let error = output - target;
        loss.reconstruction += 0.5 * error * error / count;
        dy.push(error * output * (1.0 - output) / count);
    }
    for row in statistics.chunks_exact(2 * latent_dim) {
        for (mean, logvar) in row[..latent_dim].iter().zip(&row[latent_dim..]) {
            loss.kl += -0.5 * (1.0 + logvar - mean * mean - logvar.exp()) / count;
        }
    }

    // Backward: dy is the gradient of the layer's sum.
    let mut gradient = vec![0.0; parameters.len()];
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
        dy = dx;
        if number == head + 1 {
            dy = sample_gradient(&statistics, noise, &dy, latent_dim, beta / count);
        } else if number > 0 {
            // Through the ReLU that made the input.
            dy.iter_mut().zip(&sums[number - 1]).for_each(|(dy, sum)| *dy = if *sum > 0.0 { *dy } else { 0.0 });
        }
    }
    (loss, gradient)
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

/// The gradient of the statistics from that of the latent vectors, and `beta` times that of the divergence.
fn sample_gradient(statistics: &[f64], noise: &[f64], dz: &[f64], latent_dim: usize, beta: f64) -> Vec<f64> {
    let mut gradient = Vec::new();
    let rows =
        statistics.chunks_exact(2 * latent_dim).zip(noise.chunks_exact(latent_dim)).zip(dz.chunks_exact(latent_dim));
    for ((row, noise), dz) in rows {
        let (mean, logvar) = row.split_at(latent_dim);
        gradient.extend((0..latent_dim).map(|i| dz[i] + beta * mean[i]));
        gradient.extend(
            (0..latent_dim)
                .map(|i| dz[i] * noise[i] * 0.5 * (logvar[i] / 2.0).exp() + beta * 0.5 * (logvar[i].exp() - 1.0)),
        );
    }
    gradient
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, scale};
    use crate::dataset::ImageShape;
    use crate::engine::Engine;
    use crate::latent::Draw;
    use crate::loss::Objective;
    use crate::noise::{Noise, Purpose};

    struct Case {
        architecture: Architecture,
        pixels: Vec<u8>,
        parameters: Vec<f32>,
        noise: Vec<f32>,
        beta: f64,
    }

    impl Case {
        fn new(
            [height, width, channels]: [usize; 3],
            widths: &[usize],
            latent_dim: usize,
            count: usize,
            beta: f64,
        ) -> Self {
            let image = ImageShape { height, width, channels };
            let architecture = Architecture::new(image, widths, latent_dim).unwrap();
            let pixels = (0..count * image.len()).map(|i| (i * i % 251) as u8).collect();
            let table = ParameterTable::new(&architecture);
            let mut parameters = table.initialize(5);
            // Biases too, or no test would see them.
            let random = Noise::new(6, Purpose::Choice, 0);
            for (i, parameter) in table.iter().enumerate().filter(|(_, parameter)| parameter.shape.len() == 1) {
                random.uniform(i as u64, 0.3, &mut parameters[parameter.range.clone()]);
            }
            let mut noise = vec![0.0; count * latent_dim];
            random.normal(1_000, &mut noise);
            Self { architecture, pixels, parameters, noise, beta }
        }

        fn images(&self) -> Vec<f64> {
            let mut images = vec![0.0; self.pixels.len()];
            scale(&self.pixels, &mut images);
            images.into_iter().map(f64::from).collect()
        }

        fn gradient_at(&self, parameters: &[f64]) -> (Elbo, Vec<f64>) {
            let noise: Vec<f64> = self.noise.iter().map(|&x| f64::from(x)).collect();
            gradient(&self.architecture, parameters, &self.images(), &noise, self.beta)
        }

        fn parameters(&self) -> Vec<f64> {
            self.parameters.iter().map(|&x| f64::from(x)).collect()
        }
    }

    fn cases() -> Vec<Case> {
        vec![
            Case::new([8, 8, 1], &[3, 5], 2, 2, 1.0),
            Case::new([9, 11, 3], &[4], 3, 2, 0.7),
            Case::new([10, 9, 2], &[3, 2, 4], 2, 3, 2.0),
        ]
    }

    /// Every tensor's gradient is what the loss does when one of its numbers moves a little.
    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        for case in cases() {
            let parameters = case.parameters();
            let (_, gradient) = case.gradient_at(&parameters);
            let objective = |parameters: &[f64]| {
                let (loss, _) = case.gradient_at(parameters);
                loss.reconstruction + case.beta * loss.kl
            };
            for parameter in ParameterTable::new(&case.architecture).iter() {
                // All of a small tensor, a few dozen of a large one.
                for i in parameter.range.clone().step_by(parameter.range.len().div_ceil(24)) {
                    let step = 1e-6;
                    let (mut above, mut below) = (parameters.clone(), parameters.clone());
                    above[i] += step;
                    below[i] -= step;
                    let difference = (objective(&above) - objective(&below)) / (2.0 * step);
                    // The difference itself is good to about 1e-9; a ReLU's kink within the step would show.
                    let error = (difference - gradient[i]).abs();
                    assert!(
                        error <= 1e-7 + 1e-6 * difference.abs(),
                        "{}: {difference}, not {}",
                        parameter.name,
                        gradient[i]
                    );
                }
            }
        }
    }

    /// The engine, on every thread count, computes what the definition says.
    #[test]
    fn the_engine_agrees_with_the_definition() {
        let mut cases = cases();
        // More images than a chunk or a micro-batch, and no multiple of either; many stages; sides of one pixel.
        cases.push(Case::new([8, 8, 1], &[3, 5], 2, 37, 1.0));
        cases.push(Case::new([8, 10, 4], &[9, 3, 2, 4, 17], 3, 5, 1.0));
        for case in cases {
            let (expected_loss, expected) = case.gradient_at(&case.parameters());
            let scale = expected.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
            let objective = Objective { beta: case.beta as f32, ..Objective::default() };
            for threads in [1, 3] {
                let mut engine = Engine::new(case.architecture.clone(), &case.parameters, threads).unwrap();
                let indices: Vec<u32> = (0..(case.pixels.len() / case.architecture.image().len()) as u32).collect();
                let batch = Batch { pixels: &case.pixels, indices: &indices };
                let (loss, gradient) = engine.gradient(batch, Draw::Given(&case.noise), objective);
                assert!((loss.loss() - expected_loss.loss()).abs() < 1e-5 * expected_loss.loss());
                for (i, (found, expected)) in gradient.iter().zip(&expected).enumerate() {
                    let error = (f64::from(*found) - expected).abs();
                    assert!(error <= 1e-5 * scale, "parameter {i}: {found}, not {expected}");
                }
            }
        }
    }
}
