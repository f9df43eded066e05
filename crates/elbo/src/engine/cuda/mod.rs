//! An NVIDIA card as a device, and its engine.

mod bench;

use crate::dataset::ImageShape;
use crate::dataset::batch::Batch;
use crate::engine::{Cpu, Device, Draw, Engine, EngineError, OptimizerState, Precision};
use crate::network::architecture::{Activation, Architecture, LayerShape, Role};
use crate::network::likelihood::Likelihood;
use crate::network::loss::{KlGradient, Loss, Objective};
use crate::network::parameters::ParameterTable;
use crate::recipe::optimizer::Optimizer;
use elbo_cuda::Card;
use rayon::prelude::*;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use bench::{CardReport, CardStep, KernelTime};
pub use elbo_cuda::{CardInfo, CudaError, Profile, card_count, card_info};

/// The most images that are handed in at once.
const BLOCK: usize = 1024;
/// How far the gradient of a card's test may be off, relative to its size: TF32's factors have 11 bits.
const TESTED: f64 = 1e-2;
/// Images whose draws one thread makes at a time.
const DRAWN: usize = 16;

/// An NVIDIA card of compute capability 8.0 or newer: Ampere, Ada, Hopper, Blackwell.
///
/// Results have the same bits from run to run on one architecture, and differ from the processor's by rounding: that of
/// `f32`, or with [`Precision::Tf32`] that of products whose factors are rounded to 11 bits.
#[derive(Clone, Debug)]
pub struct Cuda {
    card: Arc<Card>,
    precision: Precision,
}

impl Cuda {
    /// The card of this number, the first being 0.
    ///
    /// # Errors
    /// If there is no driver or no such card, or it is too old.
    pub fn new(number: usize, precision: Precision) -> Result<Self, EngineError> {
        let card = Card::new(number).map_err(|source| unavailable(number, source))?;
        Ok(Self { card: Arc::new(card), precision })
    }

    /// What there is to know of the card.
    #[must_use]
    pub fn info(&self) -> &CardInfo {
        self.card.info()
    }

    /// Checks that the card computes what the processor does: the gradient of a small network.
    ///
    /// # Errors
    /// If it does not, or fails.
    pub fn test(&self) -> Result<(), EngineError> {
        let number = self.info().number;
        let image = ImageShape { height: 8, width: 8, channels: 1 };
        let architecture = Architecture::new(image, &[8], 2).map_err(|error| unavailable(number, error))?;
        let parameters = ParameterTable::new(&architecture).initialize(1);
        let pixels: Vec<u8> = (0..4 * image.len()).map(|i| (i * i % 251) as u8).collect();
        let batch = Batch::new(&pixels, &[0, 1, 2, 3], None);
        let gradient = |device: &dyn Device| {
            let draw = Draw::Given(&[0.5, -1.0, 0.25, 2.0, -0.5, 1.5, 0.0, -0.75]);
            device.engine(&architecture, &parameters)?.gradient(batch, draw, Objective::default())
        };
        let (_, expected) = gradient(&Cpu::new(1))?;
        let (_, found) = gradient(self).map_err(|error| unavailable(number, error))?;
        let sum = |squares: &mut dyn Iterator<Item = f64>| squares.sum::<f64>().sqrt();
        let squared = |number: f64| number * number;
        let error = sum(&mut expected.iter().zip(&found).map(|(x, y)| squared(f64::from(x - y))));
        let size = sum(&mut expected.iter().map(|x| squared(f64::from(*x))));
        // Not the other way about: what is not a number is wrong.
        let is_right = error <= TESTED * size;
        if is_right {
            return Ok(());
        }
        let source =
            "the gradient of a small network is not what the processor makes of it; the card or its driver is at fault";
        Err(unavailable(number, source))
    }

    fn description(&self) -> String {
        format!("{} ({})", self.info().name, self.precision)
    }
}

impl Device for Cuda {
    fn engine(&self, architecture: &Architecture, parameters: &[f32]) -> Result<Box<dyn Engine>, EngineError> {
        if architecture.prior_components() > 0 {
            return Err(EngineError::Unsupported { device: self.description(), what: "a learned prior" });
        }
        let network = network(architecture);
        EngineError::check_count(network.parameters, parameters.len())?;
        let description = self.description();
        let engine = elbo_cuda::Engine::new(Arc::clone(&self.card), network, precision(self.precision), parameters)
            .map_err(|source| failed(&description, source))?;
        let (major, minor) = self.info().capability;
        Ok(Box::new(CudaEngine {
            architecture: architecture.clone(),
            description,
            arithmetic: format!("NVIDIA sm_{major}{minor}, {}", self.precision),
            block: engine.most_images().min(BLOCK),
            engine: Mutex::new(engine),
        }))
    }
}

fn precision(precision: Precision) -> elbo_cuda::Precision {
    match precision {
        Precision::F32 => elbo_cuda::Precision::F32,
        Precision::Tf32 => elbo_cuda::Precision::Tf32,
    }
}

fn unavailable(number: usize, source: impl Into<Box<dyn Error + Send + Sync>>) -> EngineError {
    EngineError::Unavailable { what: format!("cuda:{number}"), source: source.into() }
}

fn failed(description: &str, source: CudaError) -> EngineError {
    let device = description.to_owned();
    match source {
        CudaError::OutOfMemory { .. } => EngineError::OutOfMemory { device, source: source.into() },
        _ => EngineError::Device { device, source: source.into() },
    }
}

/// The network as the card's crate has it.
fn network(architecture: &Architecture) -> elbo_cuda::Network {
    let table = ParameterTable::new(architecture);
    let layers = architecture.layers().into_iter().enumerate().map(|(number, layer)| {
        let (weights, bias) = table.layer(number);
        let class_rows = table.class_rows(layer.role).map(|rows| rows.range.clone());
        let LayerShape { role, geometry, direction, c_in, c_out, activation, .. } = layer;
        elbo_cuda::Layer {
            role: match role {
                Role::Image => elbo_cuda::Role::Image,
                Role::Stage => elbo_cuda::Role::Stage,
                Role::Head => elbo_cuda::Role::Head,
                Role::Projection => elbo_cuda::Role::Projection,
                Role::Logits => elbo_cuda::Role::Logits,
            },
            geometry,
            direction,
            c_in,
            c_out,
            relu: activation == Activation::Relu,
            weights: weights.range.clone(),
            bias: bias.range.clone(),
            class_rows,
        }
    });
    elbo_cuda::Network {
        layers: layers.collect(),
        latent_dim: architecture.latent_dim(),
        classes: architecture.classes(),
        likelihood: match architecture.likelihood() {
            Likelihood::Gaussian => elbo_cuda::Likelihood::Gaussian,
            Likelihood::SigmaGaussian => elbo_cuda::Likelihood::SigmaGaussian,
            Likelihood::Bernoulli => elbo_cuda::Likelihood::Bernoulli,
            Likelihood::ContinuousBernoulli => elbo_cuda::Likelihood::ContinuousBernoulli,
        },
        log_sigma: table.log_sigma(),
        parameters: table.len(),
    }
}

/// A network on a card.
#[derive(Debug)]
struct CudaEngine {
    architecture: Architecture,
    description: String,
    arithmetic: String,
    block: usize,
    engine: Mutex<elbo_cuda::Engine>,
}

/// A batch's draws and classes, as the card is given them.
struct Given {
    noise: Vec<f32>,
    classes: Vec<u16>,
}

impl Given {
    fn batch<'a>(&'a self, batch: Batch<'a>) -> elbo_cuda::Batch<'a> {
        let Batch { pixels, depth, .. } = batch;
        elbo_cuda::Batch { pixels, value_bytes: depth.bytes(), noise: &self.noise, classes: &self.classes }
    }
}

impl CudaEngine {
    fn lock(&self) -> MutexGuard<'_, elbo_cuda::Engine> {
        // What a thread left that panicked is at worst a batch that was not used.
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&mut self) -> &mut elbo_cuda::Engine {
        self.engine.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn given(&self, batch: Batch<'_>, draw: Draw<'_>) -> Given {
        batch.check(self.architecture.image().len());
        let dim = self.architecture.latent_dim();
        let mut noise = vec![0.0; batch.len() * dim];
        noise.par_chunks_mut(DRAWN * dim).enumerate().for_each(|(number, noise)| {
            let position = number * DRAWN;
            draw.write(&batch.indices[position..][..noise.len() / dim], position, dim, noise);
        });
        let classes = if self.architecture.classes() > 0 { batch.classes() } else { Vec::new() };
        Given { noise, classes }
    }

    /// An objective as the card takes it.
    fn objective(&self, of: Objective) -> Result<elbo_cuda::Objective, EngineError> {
        let unsupported = |what| EngineError::Unsupported { device: self.description.clone(), what };
        match of {
            Objective { samples: 1, total_correlation: 0.0, .. } => Ok(objective(of)),
            Objective { samples: 1, .. } => Err(unsupported("the total correlation")),
            _ => Err(unsupported("an objective of several samples")),
        }
    }

    fn checked<T>(&self, result: Result<T, CudaError>) -> Result<T, EngineError> {
        result.map_err(|source| failed(&self.description, source))
    }
}

/// An objective of those that a card computes.
fn objective(objective: Objective) -> elbo_cuda::Objective {
    let Objective { beta, free_bits, kl_gradient, .. } = objective;
    elbo_cuda::Objective { beta, free_bits, path_gradient: kl_gradient == KlGradient::Path }
}

fn optimizer(optimizer: &Optimizer) -> elbo_cuda::Optimizer {
    let Optimizer { adam, muon } = optimizer;
    elbo_cuda::Optimizer {
        learning_rate: adam.learning_rate,
        beta1: adam.beta1,
        beta2: adam.beta2,
        epsilon: adam.epsilon,
        muon: muon.map(|muon| [muon.learning_rate, muon.momentum]),
    }
}

fn loss([reconstruction, kl]: [f64; 2]) -> Loss {
    Loss { reconstruction, kl }
}

impl Engine for CudaEngine {
    fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn description(&self) -> String {
        self.description.clone()
    }

    fn arithmetic(&self) -> String {
        self.arithmetic.clone()
    }

    fn parameters(&self) -> Result<Vec<f32>, EngineError> {
        self.checked(self.lock().parameters())
    }

    fn optimizer(&self) -> Result<OptimizerState, EngineError> {
        let elbo_cuda::Moments { step, mean, square } = self.checked(self.lock().moments())?;
        Ok(OptimizerState { step, mean, square })
    }

    fn resume(&mut self, state: OptimizerState) -> Result<(), EngineError> {
        let expected = ParameterTable::new(&self.architecture).len();
        for moments in [&state.mean, &state.square] {
            EngineError::check_count(expected, moments.len())?;
        }
        let OptimizerState { step, mean, square } = state;
        let result = self.engine().set_moments(&elbo_cuda::Moments { step, mean, square });
        self.checked(result)
    }

    fn step(&mut self, batch: Batch<'_>, draw: Draw<'_>, of: Objective, by: &Optimizer) -> Result<(), EngineError> {
        let of = self.objective(of)?;
        let given = self.given(batch, draw);
        let result = self.engine().step(given.batch(batch), of, &optimizer(by));
        self.checked(result)
    }

    fn next_loss(&mut self, wait: bool) -> Result<Option<Loss>, EngineError> {
        let result = self.engine().next_loss(wait);
        Ok(self.checked(result)?.map(loss))
    }

    fn gradient(&mut self, batch: Batch<'_>, draw: Draw<'_>, of: Objective) -> Result<(Loss, Vec<f32>), EngineError> {
        let of = self.objective(of)?;
        let given = self.given(batch, draw);
        let result = self.engine().gradient(given.batch(batch), of);
        let (mean, gradient) = self.checked(result)?;
        Ok((loss(mean), gradient))
    }

    fn apply(&mut self, gradient: &[f32], by: &Optimizer) -> Result<(), EngineError> {
        EngineError::check_count(ParameterTable::new(&self.architecture).len(), gradient.len())?;
        let result = self.engine().apply(gradient, &optimizer(by));
        self.checked(result)
    }

    fn losses(&self, batch: Batch<'_>, draw: Draw<'_>) -> Result<Vec<Loss>, EngineError> {
        let given = self.given(batch, draw);
        let losses = self.checked(self.lock().losses(given.batch(batch)))?;
        Ok(losses.into_iter().map(loss).collect())
    }

    fn encode(&self, batch: Batch<'_>) -> Result<Vec<f32>, EngineError> {
        let given = self.given(batch, Draw::Mean);
        self.checked(self.lock().encode(given.batch(batch)))
    }

    fn decode(&self, latents: &[f32], classes: &[u16]) -> Result<Vec<f32>, EngineError> {
        self.checked(self.lock().decode(latents, classes))
    }

    fn block(&self) -> usize {
        self.block
    }
}
