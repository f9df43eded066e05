//! The engine: parameters, and what can be done with them on this machine's cores.
//!
//! Everything above talks to an [`Engine`] and to nothing below it. Work is depth first: a thread takes a few images
//! (a micro-batch) through the whole network and back while their activations are still in cache. A batch is cut into
//! chunks by the position of its images alone; each chunk has a gradient of its own, and the chunks are added in
//! their order. So the result is the same to the last bit for any number of threads, and threads meet once per step.

pub(crate) mod bench;
mod chunks;
mod class_weight;
mod decoder;
mod dense_gradient;
mod encoder;
mod gradient_layout;
mod gradients;
mod inference;
pub(crate) mod latent;
mod layer;
mod muon;
mod network;
mod patched;
mod pixel_model;
mod product;
pub(crate) mod scratch;
mod step;

use crate::engine::cpu::layer::Layer;
use crate::engine::cpu::network::Network;
use crate::engine::cpu::scratch::Scratch;
use crate::network::architecture::Architecture;
use crate::network::parameters::ParameterTable;
use elbo_kernels::{Buffer, Isa, UnknownIsa};
use std::sync::{Mutex, MutexGuard, PoisonError};
use step::TrainingMemory;

/// The environment variable that forces an instruction set: `avx512`, `avx2`, `neon` or `portable`.
pub const ISA_VARIABLE: &str = "ELBO_ISA";

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// [`ISA_VARIABLE`] names what this machine does not have.
    #[error("{ISA_VARIABLE}: {0}")]
    Isa(#[from] UnknownIsa),
    /// The threads could not be started.
    #[error("cannot start {threads} threads: {source}")]
    Threads {
        /// How many were to be started; 0 for one per core.
        threads: usize,
        /// What the system said.
        source: rayon::ThreadPoolBuildError,
    },
    /// The parameters are not those of the architecture.
    #[error("{found} parameters for a network that has {expected}")]
    ParameterCount {
        /// Those of the architecture.
        expected: usize,
        /// Those given.
        found: usize,
    },
}

/// A network on the processor: its parameters, its threads, and all memory that its work needs.
#[derive(Debug)]
pub struct Engine {
    network: Network,
    parameters: Buffer,
    pool: rayon::ThreadPool,
    scratch: Vec<Mutex<Scratch>>,
    training: Option<TrainingMemory>,
}

impl Engine {
    /// A network with these parameters, on `threads` threads; 0 is one per core.
    ///
    /// The instruction set is the fastest of the machine, unless the environment variable [`ISA_VARIABLE`] names
    /// another.
    ///
    /// # Errors
    /// If the number of parameters is not that of the architecture, the threads cannot be started, or the variable
    /// names no instruction set of this machine.
    pub fn new(architecture: Architecture, parameters: &[f32], threads: usize) -> Result<Self, EngineError> {
        let isa = match std::env::var(ISA_VARIABLE) {
            Ok(name) => Isa::named(&name)?,
            Err(_) => Isa::fastest(),
        };
        let mut network = Network::new(isa, architecture);
        if parameters.len() != network.table().len() {
            return Err(EngineError::ParameterCount { expected: network.table().len(), found: parameters.len() });
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("elbo-{number}"))
            .build()
            .map_err(|source| EngineError::Threads { threads, source })?;
        let scratch = (0..pool.current_num_threads()).map(|_| Mutex::new(Scratch::new(&network))).collect();
        let mut owned = Buffer::zeros(parameters.len());
        owned.copy_from_slice(parameters);
        pool.install(|| network.pack(&owned, false));
        Ok(Self { network, parameters: owned, pool, scratch, training: None })
    }

    /// The shape of the network.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        self.network.architecture()
    }

    /// Names, shapes and places of the parameters.
    #[must_use]
    pub fn table(&self) -> &ParameterTable {
        self.network.table()
    }

    /// All parameters, in the layout of [`Engine::table`].
    #[must_use]
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// How many threads work.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// The instruction set in use.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.network.isa()
    }

    /// The layers in the order in which data flows.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.network.encoder().layers.iter().chain(self.network.decoder().layers)
    }

    /// Does the work once on each thread, all at the same time, and waits for all; `work` is given the number of its
    /// thread.
    pub(crate) fn on_each_thread(&self, work: impl Fn(usize) + Sync) {
        self.pool.broadcast(|context| work(context.index()));
    }
}

/// The memory of the thread that asks. No other thread takes it, so the lock is always free.
fn own_scratch(scratch: &[Mutex<Scratch>]) -> MutexGuard<'_, Scratch> {
    let number = rayon::current_thread_index().unwrap_or(0);
    // Memory that a panicking thread left is overwritten before it is read.
    scratch[number].lock().unwrap_or_else(PoisonError::into_inner)
}
