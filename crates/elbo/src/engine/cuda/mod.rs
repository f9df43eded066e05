//! An NVIDIA card as a device, and its engine.

use crate::dataset::batch::Batch;
use crate::engine::{Device, Draw, Engine, EngineError, OptimizerState};
use crate::network::architecture::{Activation, Architecture, LayerShape, Role};
use crate::network::likelihood::Likelihood;
use crate::network::loss::{KlGradient, Loss, Objective};
use crate::network::parameters::ParameterTable;
use crate::recipe::optimizer::Optimizer;
use elbo_cuda::{Card, CudaError};
use rayon::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use elbo_cuda::{CardInfo, Precision, Profile, cards};

/// The most images that are handed in at once.
const BLOCK: usize = 1024;
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
        let card = Card::new(number)
            .map_err(|source| EngineError::Unavailable { what: format!("cuda:{number}"), source: source.into() })?;
        Ok(Self { card: Arc::new(card), precision })
    }

    /// What there is to know of the card.
    #[must_use]
    pub fn info(&self) -> &CardInfo {
        self.card.info()
    }
}

impl Cuda {
    /// What a step of training costs on the card: see [`Profile`].
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
        let description = format!("{} ({})", self.card.info().name, name(self.precision));
        let noise = vec![0.5; batch.len() * architecture.latent_dim()];
        let batch = elbo_cuda::Batch { pixels: batch.pixels, noise: &noise, classes: &[] };
        elbo_cuda::Engine::new(Arc::clone(&self.card), network(architecture), self.precision, parameters)
            .and_then(|mut engine| engine.profile(batch, objective(Objective::default()), &optimizer(by), repeats))
            .map_err(|source| failed(&description, source))
    }
}

impl Device for Cuda {
    fn engine(&self, architecture: &Architecture, parameters: &[f32]) -> Result<Box<dyn Engine>, EngineError> {
        let network = network(architecture);
        EngineError::check_count(network.parameters, parameters.len())?;
        let description = format!("{} ({})", self.card.info().name, name(self.precision));
        let engine = elbo_cuda::Engine::new(Arc::clone(&self.card), network, self.precision, parameters)
            .map_err(|source| failed(&description, source))?;
        let block = engine.most_images().min(BLOCK);
        Ok(Box::new(CudaEngine { architecture: architecture.clone(), description, block, engine: Mutex::new(engine) }))
    }
}

fn name(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::Tf32 => "tf32",
    }
}

fn failed(description: &str, source: CudaError) -> EngineError {
    EngineError::Device { device: description.to_owned(), source: source.into() }
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
        elbo_cuda::Batch { pixels: batch.pixels, noise: &self.noise, classes: &self.classes }
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

    fn checked<T>(&self, result: Result<T, CudaError>) -> Result<T, EngineError> {
        result.map_err(|source| failed(&self.description, source))
    }
}

fn objective(objective: Objective) -> elbo_cuda::Objective {
    let Objective { beta, free_bits, kl_gradient } = objective;
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
        let given = self.given(batch, draw);
        let result = self.engine().step(given.batch(batch), objective(of), &optimizer(by));
        self.checked(result)
    }

    fn next_loss(&mut self, wait: bool) -> Result<Option<Loss>, EngineError> {
        let result = self.engine().next_loss(wait);
        Ok(self.checked(result)?.map(loss))
    }

    fn gradient(&mut self, batch: Batch<'_>, draw: Draw<'_>, of: Objective) -> Result<(Loss, Vec<f32>), EngineError> {
        let given = self.given(batch, draw);
        let result = self.engine().gradient(given.batch(batch), objective(of));
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
