//! What this machine makes of a network: the rate of a training step, of each layer, and of a plain matrix product
//! beside them.
//!
//! A shared machine changes speed while one looks. So the steps and the matrix product have their turns round after
//! round, and what is reported is the median over the rounds with the slowest and the fastest.

use super::dense_gradient::{DenseLayer, Kept};
use super::device::{Cpu, CpuEngine};
use super::layer::Layer;
use crate::dataset::batch::Batch;
use crate::engine::{Draw, Engine, EngineError};
use crate::error::Error;
use crate::network::architecture::{Architecture, LayerShape};
use crate::network::loss::Objective;
use crate::network::parameters::ParameterTable;
use crate::noise::{Noise, Purpose};
use crate::recipe::optimizer::Adam;
use elbo_kernels::{Buffer, square_product};
use rayon::prelude::*;
use serde::Serialize;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Batch sizes of the steps that are measured.
pub const BATCHES: [usize; 2] = [512, 64];

/// Rounds in which everything has its turn.
const ROUNDS: usize = 7;

/// How often a layer does its work before it is measured, and to find out how long it takes.
const WARM_UP: usize = 8;

/// About how long one turn of a layer takes.
const TURN_SECONDS: f64 = 0.05;

/// Side of the square matrices whose product is the yardstick: large enough for its own best rate.
const PRODUCT_SIDE: usize = 768;

/// Images over which a thread makes the gradient of a dense layer's weights: a share of a large batch.
const DENSE_IMAGES: usize = 192;

/// A rate over several rounds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Rate {
    /// The middle one.
    pub median: f64,
    /// The slowest.
    pub least: f64,
    /// The fastest.
    pub most: f64,
}

impl Rate {
    fn of(mut rates: Vec<f64>) -> Self {
        rates.sort_by(f64::total_cmp);
        let at = |index: usize| rates.get(index).copied().unwrap_or(f64::NAN);
        Self { median: at(rates.len() / 2), least: at(0), most: at(rates.len().saturating_sub(1)) }
    }

    fn times(self, factor: f64) -> Self {
        Self { median: self.median * factor, least: self.least * factor, most: self.most * factor }
    }
}

/// A whole training step: forward, backward, Adam.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct StepRate {
    /// Images a step.
    pub batch: usize,
    /// Images in one second.
    pub images_per_second: Rate,
    /// Billions of the layers' nominal floating-point operations in one second.
    pub gflops: Rate,
    /// The median's share of that of the matrix product.
    pub share_of_product: f64,
}

/// One layer in each direction, all threads at once, in billions of nominal floating-point operations per second.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LayerRate {
    /// As in the names of its parameters.
    pub name: String,
    /// The layer itself.
    pub forward: Rate,
    /// The gradient of its input; the first layer has none. The last layer makes this and the next in one go: both rates are
    /// that of both.
    pub input_gradient: Option<Rate>,
    /// The gradient of its parameters.
    pub weight_gradient: Rate,
}

/// All that was measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct BenchReport {
    /// The instruction set in use.
    pub isa: &'static str,
    /// Threads in use.
    pub threads: usize,
    /// Billions of floating-point operations of a training step for one image.
    pub gflop_an_image: f64,
    /// A product of single-precision matrices on each thread, billions of floating-point operations in one second
    /// together.
    pub product: Rate,
    /// Steps at each of [`BATCHES`].
    pub steps: Vec<StepRate>,
    /// The layers in the order in which data flows.
    pub layers: Vec<LayerRate>,
}

/// Measures a network on `threads` threads; 0 is one per core. Takes about twenty seconds for the reference network.
///
/// # Errors
/// If the engine cannot be made.
pub fn bench(architecture: &Architecture, threads: usize) -> Result<BenchReport, Error> {
    bench_in_turns(architecture, threads, TURN_SECONDS)
}

fn bench_in_turns(architecture: &Architecture, threads: usize, turn_seconds: f64) -> Result<BenchReport, Error> {
    let table = ParameterTable::new(architecture);
    let mut engine = Cpu::new(threads).load(architecture, &table.initialize(1))?;
    let (product, images_per_second) = product_and_steps(&mut engine)?;
    let layers = layers(&engine, turn_seconds);
    let gflop_an_image = architecture.training_flops() as f64 / 1e9;
    let steps = images_per_second
        .into_iter()
        .zip(BATCHES)
        .map(|(images_per_second, batch)| {
            let gflops = images_per_second.times(gflop_an_image);
            StepRate { batch, images_per_second, gflops, share_of_product: gflops.median / product.median }
        })
        .collect();
    Ok(BenchReport {
        isa: engine.network().isa().name(),
        threads: engine.threads().count(),
        gflop_an_image,
        product,
        steps,
        layers,
    })
}

/// The rate of `repeats` times `work`, each of which counts for `amount`.
fn turn(amount: f64, repeats: usize, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..repeats {
        work();
    }
    amount * repeats as f64 / start.elapsed().as_secs_f64()
}

/// How often work that takes this long fits a turn.
fn repeats(turn_seconds: f64, work: impl FnOnce()) -> usize {
    let start = Instant::now();
    work();
    (turn_seconds / start.elapsed().as_secs_f64().max(1e-9)).clamp(1.0, 1e6) as usize
}

/// The matrix product in billions of operations per second, and the steps in images per second, in turns.
fn product_and_steps(engine: &mut CpuEngine) -> Result<(Rate, Vec<Rate>), EngineError> {
    let side = PRODUCT_SIDE;
    let matrix: Vec<f32> = (0..side * side).map(|i| ((i % side * 7 + i / side * 3) % 11) as f32 - 5.0).collect();
    let product_gflop = 2.0 * (side * side * side * engine.threads().count()) as f64 / 1e9;

    let shape = engine.architecture().image();
    let most = BATCHES.into_iter().max().unwrap_or(0);
    let pixels: Vec<u8> = (0..most * shape.len()).map(|i| (i * i % 251) as u8).collect();
    let indices: Vec<u32> = (0..most as u32).collect();
    let noise = Noise::new(1, Purpose::Training, 1);
    let adam = Adam::new(1e-3);

    let mut product = Vec::new();
    let mut steps = vec![Vec::new(); BATCHES.len()];
    for round in 0..=ROUNDS {
        let multiply = |_| {
            let mut product = vec![0.0; side * side];
            square_product(side, &matrix, &matrix, &mut product);
            drop(std::hint::black_box(product));
        };
        let product_rate = turn(product_gflop, 2, || engine.threads().each(multiply));
        let mut result = Ok(());
        let step_rates = BATCHES.map(|len| {
            let batch = Batch::new(&pixels[..len * shape.len()], &indices[..len], None);
            // As many images for each batch size.
            turn(len as f64, most / len, || {
                let step = engine.step(batch, Draw::Noise(&noise), Objective::default(), &adam.into());
                if let Err(error) = step.and_then(|()| engine.next_loss(true)) {
                    result = Err(error);
                }
            })
        });
        result?;
        // The first round warms up.
        if round > 0 {
            product.push(product_rate);
            steps.iter_mut().zip(step_rates).for_each(|(rates, rate)| rates.push(rate));
        }
    }
    Ok((Rate::of(product), steps.into_iter().map(Rate::of).collect()))
}

/// What a layer reads and writes, for one thread.
struct LayerBuffers {
    x: Buffer,
    y: Buffer,
    dx: Buffer,
    gradient: Buffer,
    scratch: Buffer,
    /// For a layer whose weights' gradient is made for a whole batch.
    dense: Option<DenseLayer>,
}

impl LayerBuffers {
    fn new(engine: &CpuEngine, layer: &Layer, shape: &LayerShape) -> Self {
        let filled = |len: usize| {
            let mut buffer = Buffer::zeros(len);
            fill(&mut buffer);
            buffer
        };
        let images = layer.group();
        let dense = shape.role.is_dense().then(|| {
            let mut dense = DenseLayer::new(engine.network().isa(), shape);
            dense.reserve(DENSE_IMAGES);
            dense.parts(DENSE_IMAGES, DENSE_IMAGES).for_each(|Kept { input, gradient }| {
                fill(input);
                fill(gradient);
            });
            dense
        });
        Self {
            x: filled(images * layer.input_len()),
            y: filled(images * layer.output_len()),
            dx: filled(images * layer.input_len()),
            gradient: filled(engine.network().table().len()),
            scratch: filled(layer.scratch_len().max(shape.c_in.max(shape.c_out) * DENSE_IMAGES)),
            dense,
        }
    }
}

fn fill(numbers: &mut [f32]) {
    numbers.iter_mut().enumerate().for_each(|(i, number)| *number = (i as f32 * 0.7).sin());
}

/// Each layer in each direction, on all threads at once.
fn layers(engine: &CpuEngine, turn_seconds: f64) -> Vec<LayerRate> {
    let network = engine.network();
    let rates = network.layers().iter().zip(network.shapes()).map(|(layer, shape)| {
        let images = layer.group();
        let buffers: Vec<_> =
            (0..engine.threads().count()).map(|_| Mutex::new(LayerBuffers::new(engine, layer, shape))).collect();
        let gflop_an_image = 2.0 * (shape.multiply_adds() * engine.threads().count()) as f64 / 1e9;
        // A thread repeats its work by itself: a group of images may take no longer than to wake a thread.
        let rate = |images: usize, work: fn(&Layer, &mut LayerBuffers)| {
            let work = |repeats: usize| {
                engine.threads().each(|thread| {
                    let mut buffers = buffers[thread].lock().unwrap_or_else(PoisonError::into_inner);
                    for _ in 0..repeats {
                        work(layer, &mut buffers);
                    }
                });
            };
            work(WARM_UP);
            let repeats = WARM_UP * repeats(turn_seconds, || work(WARM_UP));
            let gflop = gflop_an_image * (images * repeats) as f64;
            Rate::of((0..ROUNDS).map(|_| turn(gflop, 1, || work(repeats))).collect())
        };
        let forward = rate(images, |layer, LayerBuffers { x, y, scratch, .. }| {
            layer.forward(layer.group(), x, &[], y, scratch);
        });
        if layer.makes_gradients_together() {
            let both = rate(2 * images, |layer, LayerBuffers { x, y, dx, gradient, scratch, .. }| {
                layer.backward(layer.group(), x, y, dx, gradient, scratch);
            });
            return LayerRate { forward, input_gradient: Some(both), weight_gradient: both, name: shape.name.clone() };
        }
        LayerRate {
            forward,
            input_gradient: layer.has_input_gradient().then(|| {
                rate(images, |layer, LayerBuffers { x, y, dx, scratch, .. }| {
                    layer.input_gradient(layer.group(), x, y, dx, scratch);
                })
            }),
            weight_gradient: if shape.role.is_dense() {
                rate(DENSE_IMAGES, |_, LayerBuffers { dense, gradient, scratch, .. }| {
                    if let Some(dense) = dense {
                        let weights = dense.weights();
                        dense.weight_gradient(DENSE_IMAGES, &mut gradient[..weights], scratch);
                    }
                })
            } else {
                rate(images, |layer, LayerBuffers { x, y, gradient, scratch, .. }| {
                    layer.weight_gradient(layer.group(), x, y, gradient, scratch);
                })
            },
            name: shape.name.clone(),
        }
    });
    rates.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    #[test]
    fn a_small_network_is_measured_in_all_its_parts() {
        let image = ImageShape { height: 9, width: 8, channels: 3 };
        let report = bench_in_turns(&Architecture::new(image, &[4, 5], 2).unwrap(), 2, 1e-3).unwrap();
        assert_eq!(report.threads, 2);
        let names: Vec<_> = report.layers.iter().map(|layer| layer.name.as_str()).collect();
        assert_eq!(names.first(), Some(&"encoder.conv1"));
        assert_eq!(names.len(), 7);
        let rates = report.layers.iter().flat_map(|layer| {
            [Some(layer.forward), layer.input_gradient, Some(layer.weight_gradient)].into_iter().flatten()
        });
        for rate in rates.chain([report.product]).chain(report.steps.iter().map(|step| step.gflops)) {
            assert!(rate.least > 0.0 && rate.least <= rate.median && rate.median <= rate.most, "{rate:?}");
        }
        assert_eq!(report.layers.iter().filter(|layer| layer.input_gradient.is_none()).count(), 1);
    }

    #[test]
    fn a_rate_is_the_median_of_its_rounds() {
        assert_eq!(Rate::of(vec![3.0, 1.0, 2.0]), Rate { median: 2.0, least: 1.0, most: 3.0 });
    }
}
