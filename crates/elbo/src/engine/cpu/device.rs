//! The processor as a device, and its engine.

use super::inference;
use super::network::Network;
use super::threads::Threads;
use super::training::TrainingMemory;
use crate::dataset::batch::Batch;
use crate::engine::{Device, Draw, Engine, EngineError, OptimizerState};
use crate::network::architecture::Architecture;
use crate::network::loss::{Loss, Objective};
use crate::recipe::optimizer::Optimizer;
use elbo_kernels::{Buffer, Isa};
use std::collections::VecDeque;

/// The environment variable that forces an instruction set: `avx512`, `avx2`, `neon` or `portable`.
pub const ISA_VARIABLE: &str = "ELBO_ISA";

/// About the most values of the images of a block.
const BLOCK: usize = 1 << 24;

/// This machine's processor.
///
/// It uses the fastest instruction set that the machine has, unless another is named here or in the environment variable
/// `ELBO_ISA`. Results have the same bits for any number of threads, and differ by rounding between instruction sets.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Cpu {
    threads: usize,
    instruction_set: Option<String>,
}

impl Cpu {
    /// So many threads of it; 0 is one per core.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self { threads, instruction_set: None }
    }

    /// The same with the instruction set of this name, one of [`Cpu::instruction_sets`].
    #[must_use]
    pub fn with_instruction_set(self, name: &str) -> Self {
        Self { instruction_set: Some(name.to_owned()), ..self }
    }

    /// The names of the instruction sets that this machine has, the fastest first.
    #[must_use]
    pub fn instruction_sets() -> Vec<&'static str> {
        Isa::available().iter().map(Isa::name).collect()
    }

    fn isa(&self) -> Result<Isa, EngineError> {
        let named = |what: &str, name: &str| {
            Isa::named(name)
                .map_err(|unknown| EngineError::Unavailable { what: what.to_owned(), source: unknown.into() })
        };
        match (&self.instruction_set, std::env::var(ISA_VARIABLE)) {
            (Some(name), _) => named("instruction set", name),
            (None, Ok(name)) => named(ISA_VARIABLE, &name),
            (None, Err(_)) => Ok(Isa::fastest()),
        }
    }

    /// The engine itself.
    pub(super) fn load(&self, architecture: &Architecture, parameters: &[f32]) -> Result<CpuEngine, EngineError> {
        let mut network = Network::new(self.isa()?, architecture.clone());
        EngineError::check_count(network.table().len(), parameters.len())?;
        let threads = Threads::new(self.threads, &network)?;
        let parameters = buffer(parameters);
        threads.install(|| network.pack(&parameters, false));
        Ok(CpuEngine { network, parameters, threads, training: None, losses: VecDeque::new(), has_failed: false })
    }
}

impl Device for Cpu {
    fn engine(&self, architecture: &Architecture, parameters: &[f32]) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(self.load(architecture, parameters)?))
    }
}

/// The numbers in memory that begins on a cache line.
fn buffer(numbers: &[f32]) -> Buffer {
    let mut buffer = Buffer::zeros(numbers.len());
    buffer.copy_from_slice(numbers);
    buffer
}

/// A network on the processor: its parameters, its threads, and all memory that its work needs.
#[derive(Debug)]
pub(super) struct CpuEngine {
    network: Network,
    parameters: Buffer,
    threads: Threads,
    /// What only training needs, once there has been any.
    training: Option<TrainingMemory>,
    /// Of steps whose loss was not asked for yet.
    losses: VecDeque<Loss>,
    /// Whether a step's loss was not finite: nothing is learned any more.
    has_failed: bool,
}

impl CpuEngine {
    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    pub(super) fn threads(&self) -> &Threads {
        &self.threads
    }

    /// What training needs, made where there has been none.
    fn training(&mut self) -> (&mut TrainingMemory, &mut Network, &mut Buffer, &Threads) {
        let Self { network, parameters, threads, training, .. } = self;
        let training = training.get_or_insert_with(|| {
            threads.install(|| network.pack(parameters, true));
            let len = parameters.len();
            TrainingMemory::new(network, 0, Buffer::zeros(len), Buffer::zeros(len))
        });
        (training, network, parameters, threads)
    }
}

impl Engine for CpuEngine {
    fn architecture(&self) -> &Architecture {
        self.network.architecture()
    }

    fn description(&self) -> String {
        let count = self.threads.count();
        format!("{count} thread{} ({})", if count == 1 { "" } else { "s" }, self.network.isa())
    }

    fn arithmetic(&self) -> String {
        format!("{} {}", std::env::consts::ARCH, self.network.isa())
    }

    fn parameters(&self) -> Result<Vec<f32>, EngineError> {
        Ok(self.parameters.to_vec())
    }

    fn optimizer(&self) -> Result<OptimizerState, EngineError> {
        let fresh = || OptimizerState::new(self.parameters.len());
        Ok(self.training.as_ref().map_or_else(fresh, TrainingMemory::state))
    }

    fn resume(&mut self, state: OptimizerState) -> Result<(), EngineError> {
        for moments in [&state.mean, &state.square] {
            EngineError::check_count(self.parameters.len(), moments.len())?;
        }
        let Self { network, parameters, threads, training, .. } = self;
        threads.install(|| network.pack(parameters, true));
        *training = Some(TrainingMemory::new(network, state.step, buffer(&state.mean), buffer(&state.square)));
        Ok(())
    }

    fn step(
        &mut self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        objective: Objective,
        optimizer: &Optimizer,
    ) -> Result<(), EngineError> {
        let has_failed = self.has_failed;
        let (training, network, parameters, threads) = self.training();
        let loss = training.accumulate(network, threads, batch, draw, objective);
        let is_finite = loss.is_finite();
        if is_finite && !has_failed && !batch.is_empty() {
            training.apply_own(network, threads, parameters, optimizer);
        }
        self.has_failed |= !is_finite;
        self.losses.push_back(loss);
        Ok(())
    }

    fn next_loss(&mut self, _wait: bool) -> Result<Option<Loss>, EngineError> {
        Ok(self.losses.pop_front())
    }

    fn gradient(
        &mut self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        objective: Objective,
    ) -> Result<(Loss, Vec<f32>), EngineError> {
        let (training, network, _, threads) = self.training();
        let loss = training.accumulate(network, threads, batch, draw, objective);
        Ok((loss, training.gradient(network, threads)))
    }

    fn apply(&mut self, gradient: &[f32], optimizer: &Optimizer) -> Result<(), EngineError> {
        EngineError::check_count(self.parameters.len(), gradient.len())?;
        let (training, network, parameters, threads) = self.training();
        training.apply(network, threads, parameters, gradient, optimizer);
        Ok(())
    }

    fn losses(&self, batch: Batch<'_>, draw: Draw<'_>) -> Result<Vec<Loss>, EngineError> {
        Ok(inference::losses(&self.network, &self.threads, batch, draw))
    }

    fn reconstruction_losses(&self, batch: Batch<'_>, draws: &[f32]) -> Result<Vec<f64>, EngineError> {
        Ok(inference::reconstruction_losses(&self.network, &self.threads, batch, draws))
    }

    fn encode(&self, batch: Batch<'_>) -> Result<Vec<f32>, EngineError> {
        Ok(inference::encode(&self.network, &self.threads, batch))
    }

    fn decode(&self, latents: &[f32], classes: &[u16]) -> Result<Vec<f32>, EngineError> {
        Ok(inference::decode(&self.network, &self.threads, latents, classes))
    }

    /// Work for every thread, and whole micro-batches.
    fn block(&self) -> usize {
        let most = self.network.micro_batch();
        let micro_batch_len = most * self.architecture().image().len();
        most * (BLOCK / micro_batch_len).max(self.threads.count())
    }
}
