//! The engine: parameters, and what can be done with them on this machine's cores.
//!
//! Everything above talks to an [`Engine`] and to nothing below it. Work is depth first: a thread takes a few images
//! (a micro-batch) through the whole network and back while their activations are still in cache. A batch is cut into
//! chunks by the position of its images alone; each chunk has a gradient of its own, and the chunks are added in
//! their order. So the result is the same to the last bit for any number of threads, and threads meet once a step.

use crate::architecture::Architecture;
use crate::batch::Batch;
use crate::latent::Draw;
use crate::layer::{GradientSink, Layer};
use crate::loss::{Elbo, Objective};
use crate::network::Network;
use crate::optimizer::{Muon, Optimizer, OptimizerState, Orthogonalizer};
use crate::parameters::ParameterTable;
use crate::scratch::Scratch;
use elbo_kernels::{Accumulate, AdamSlices, Buffer, GradientSum, Isa, Momentum, UnknownIsa};
use rayon::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The environment variable that forces an instruction set: `avx512`, `avx2`, `neon` or `portable`.
pub const ISA_VARIABLE: &str = "ELBO_ISA";

/// The most chunks that a batch is cut into, and so the most threads that a step can use.
const MAX_CHUNKS: usize = 32;

/// The least images in a chunk: below that the fully connected layers read their weights for too little work.
const MIN_CHUNK: usize = 8;

/// The most numbers that the gradients of all chunks may take together: 256 MiB.
const MAX_GRADIENT_NUMBERS: usize = 1 << 26;

/// About the most values of the images of a block.
const BLOCK: usize = 1 << 24;

/// Parameters that one thread updates at a time.
const UPDATE: usize = 1 << 13;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// [`ISA_VARIABLE`] names what this machine does not have.
    #[error("{ISA_VARIABLE}: {0}")]
    Isa(#[from] UnknownIsa),
    /// The threads could not be started.
    #[error("cannot start {threads} threads: {source}")]
    Threads {
        /// How many were to be started; 0 for one a core.
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

/// What only training needs.
#[derive(Debug)]
struct TrainingMemory {
    state: OptimizerState,
    /// One gradient a chunk, and its loss.
    chunks: Vec<(Buffer, Elbo)>,
    /// Muon's, once it has been asked for.
    matrices: Option<Vec<Orthogonalizer>>,
}

impl TrainingMemory {
    fn new(state: OptimizerState) -> Self {
        Self { state, chunks: Vec::new(), matrices: None }
    }
}

impl Engine {
    /// A network with these parameters, on `threads` threads; 0 is one a core.
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

    /// The optimiser's state, once there has been training.
    #[must_use]
    pub fn optimizer(&self) -> Option<&OptimizerState> {
        self.training.as_ref().map(|training| &training.state)
    }

    /// Goes on with training from this state of the optimiser.
    ///
    /// # Errors
    /// If it is not of the length of the parameters.
    pub fn resume_training(&mut self, state: OptimizerState) -> Result<(), EngineError> {
        let expected = self.parameters.len();
        for found in [state.mean.len(), state.square.len()] {
            if found != expected {
                return Err(EngineError::ParameterCount { expected, found });
            }
        }
        let Self { network, parameters, pool, .. } = self;
        pool.install(|| network.pack(parameters, true));
        self.training = Some(TrainingMemory::new(state));
        Ok(())
    }

    /// One step of training: the gradient of the mean of the objective over the batch, then the optimiser. Returns the batch's mean loss before the step, in nats an image.
    ///
    /// A loss that is not finite changes nothing: the parameters stay as they were.
    ///
    /// # Panics
    /// If the batch's pixels are not one image of the network's shape for each index.
    pub fn train_batch(
        &mut self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        objective: Objective,
        optimizer: &Optimizer,
    ) -> Elbo {
        let loss = self.accumulate(batch, draw, objective);
        if loss.is_finite() && !batch.is_empty() {
            self.update(batch.len(), optimizer);
        }
        loss
    }

    /// Takes the step that the gradients of the chunks of a batch of this length ask for.
    fn update(&mut self, batch_len: usize, optimizer: &Optimizer) {
        let isa = self.isa();
        let Self { network, parameters, pool, training, .. } = self;
        let Some(TrainingMemory { state, chunks, matrices }) = training else { return };
        let OptimizerState { step, mean, square } = state;
        *step += 1;
        let chunks = &chunks[..chunk_count(batch_len, network.table().len())];
        let parts = chunks.iter().map(|(gradient, _)| &**gradient);
        let gradient = GradientSum { parts, scale: 1.0 / batch_len as f32 };
        let matrices = match optimizer.muon {
            Some(_) => &mut **matrices.get_or_insert_with(|| orthogonalizers(network)),
            None => &mut [],
        };
        pool.install(|| {
            let stretches = parameters.par_chunks_mut(UPDATE).zip(mean.par_chunks_mut(UPDATE));
            let stretches = stretches.zip(square.par_chunks_mut(UPDATE)).enumerate();
            stretches.for_each(|(number, ((parameters, mean), square))| {
                let first = number * UPDATE;
                let mut here = first;
                while here < first + parameters.len() {
                    let (is_matrix, end) = piece(matrices, here, first + parameters.len());
                    let (offset, range) = (here, here - first..end - first);
                    let (mean, square) = (&mut mean[range.clone()], &mut square[range.clone()]);
                    match optimizer.muon {
                        Some(Muon { momentum, .. }) if is_matrix => {
                            Momentum { decay: momentum }.step(isa, gradient.clone(), offset, mean, square);
                        }
                        _ => {
                            let slices = AdamSlices { parameters: &mut parameters[range], mean, square };
                            optimizer.adam.step(isa, *step, gradient.clone(), offset, slices);
                        }
                    }
                    here = end;
                }
            });
            matrices.par_iter_mut().with_max_len(1).for_each(|matrix| matrix.run(square));
        });
        if let Some(muon) = optimizer.muon {
            for matrix in matrices {
                matrix.step(muon.learning_rate, parameters);
            }
        }
        pool.install(|| network.pack(parameters, true));
    }

    /// The mean loss of a batch and the gradient of the mean of the objective, in the layout of [`Engine::table`].
    ///
    /// # Panics
    /// If the batch's pixels are not one image of the network's shape for each index.
    pub fn gradient(&mut self, batch: Batch<'_>, draw: Draw<'_>, objective: Objective) -> (Elbo, Vec<f32>) {
        let loss = self.accumulate(batch, draw, objective);
        let mut sum = vec![0.0; self.parameters.len()];
        if let Some(training) = &self.training {
            for (gradient, _) in &training.chunks[..chunk_count(batch.len(), sum.len())] {
                sum.iter_mut().zip(&**gradient).for_each(|(sum, part)| *sum += part);
            }
        }
        let scale = 1.0 / batch.len().max(1) as f32;
        for sum in &mut sum {
            *sum *= scale;
        }
        (loss, sum)
    }

    /// Fills the gradients of the batch's chunks and returns its mean loss.
    fn accumulate(&mut self, batch: Batch<'_>, draw: Draw<'_>, objective: Objective) -> Elbo {
        batch.check(self.architecture().image().len());
        let parameter_count = self.parameters.len();
        let Self { network, parameters, pool, scratch, training } = self;
        let training = training.get_or_insert_with(|| {
            pool.install(|| network.pack(parameters, true));
            TrainingMemory::new(OptimizerState::new(parameter_count))
        });
        let count = chunk_count(batch.len(), parameter_count);
        if training.chunks.len() < count {
            training.chunks.resize_with(count, || (Buffer::zeros(parameter_count), Elbo::default()));
        }
        let chunk_len = batch.len().div_ceil(count.max(1));
        let network = &*network;
        pool.install(|| {
            training.chunks[..count].par_iter_mut().with_max_len(1).enumerate().for_each(
                |(number, (gradient, loss))| {
                    let start = number * chunk_len;
                    let len = chunk_len.min(batch.len() - start);
                    let mut scratch = own_scratch(scratch);
                    let mut sink = GradientSink { values: gradient, accumulate: Accumulate::No };
                    *loss = Elbo::default();
                    for (position, images) in micro_batches(len, network.micro_batch()) {
                        let position = start + position;
                        let part = batch.part(position, images);
                        *loss += network.gradient(part, draw, position, objective, &mut scratch, &mut sink);
                        sink.accumulate = Accumulate::Yes;
                    }
                },
            );
        });
        let mut total = Elbo::default();
        for (_, loss) in &training.chunks[..count] {
            total += *loss;
        }
        total.mean(batch.len().max(1))
    }

    /// The mean loss over a batch of any length, in nats an image; nothing is learned.
    ///
    /// # Panics
    /// If the batch's pixels are not one image of the network's shape for each index.
    #[must_use]
    pub fn evaluate(&self, batch: Batch<'_>, draw: Draw<'_>) -> Elbo {
        let mut total = Elbo::default();
        self.add_losses(batch, draw, &mut total);
        total.mean(batch.len().max(1))
    }

    /// Adds the losses of a batch's micro-batches to `total`, one after the other: over blocks of [`Engine::block`]
    /// images the sum is the same, to the last bit, as over all of them at once.
    pub(crate) fn add_losses(&self, batch: Batch<'_>, draw: Draw<'_>, total: &mut Elbo) {
        batch.check(self.architecture().image().len());
        let most = self.network.micro_batch();
        let mut losses = vec![Elbo::default(); batch.len().div_ceil(most)];
        self.pool.install(|| {
            losses.par_iter_mut().with_max_len(1).enumerate().for_each(|(number, loss)| {
                let position = number * most;
                let part = batch.part(position, most.min(batch.len() - position));
                *loss = self.network.loss(part, draw, position, &mut own_scratch(&self.scratch));
            });
        });
        for loss in losses {
            *total += loss;
        }
    }

    /// How many images to hand in at once where there are many: a few megabytes of them, but work for every thread,
    /// and whole micro-batches.
    pub(crate) fn block(&self) -> usize {
        let most = self.network.micro_batch();
        let micro_batch_len = most * self.architecture().image().len();
        most * (BLOCK / micro_batch_len).max(self.threads())
    }

    /// The latent distribution of each image: `[N, 2Z]`, means first, then log-variances.
    ///
    /// # Panics
    /// If the batch's pixels are not one image of the network's shape for each index.
    #[must_use]
    pub fn encode(&self, batch: Batch<'_>) -> Vec<f32> {
        batch.check(self.architecture().image().len());
        let most = self.network.micro_batch();
        let statistics_len = 2 * self.architecture().latent_dim();
        let mut statistics = vec![0.0; batch.len() * statistics_len];
        self.pool.install(|| {
            statistics.par_chunks_mut(most * statistics_len).with_max_len(1).enumerate().for_each(|(number, out)| {
                let mut scratch = own_scratch(&self.scratch);
                let images = out.len() / statistics_len;
                self.network.encode_statistics(batch.part(number * most, images), &mut scratch);
                out.copy_from_slice(&scratch.encoder.statistics()[..out.len()]);
            });
        });
        statistics
    }

    /// The image of each latent vector: `[N, Z]` to `[N, H, W, C]` in [0, 1], each pixel the mean of its
    /// distribution.
    ///
    /// A conditional network is given the class of each, `[N]`; `classes` is empty otherwise.
    ///
    /// # Panics
    /// If `latents` is no whole number of latent vectors, or a conditional network is not given a class that it knows for
    /// each.
    #[must_use]
    pub fn decode(&self, latents: &[f32], classes: &[u16]) -> Vec<f32> {
        let dim = self.architecture().latent_dim();
        assert!(
            latents.len().is_multiple_of(dim),
            "{} numbers are no whole number of latent vectors of {dim}",
            latents.len()
        );
        let is_conditional = self.architecture().classes() > 0;
        let count = if is_conditional { latents.len() / dim } else { 0 };
        assert_eq!(classes.len(), count, "a class for each latent vector of a conditional network");
        let most = self.network.micro_batch();
        let len = self.architecture().image().len();
        let mut images = vec![0.0; latents.len() / dim * len];
        self.pool.install(|| {
            let parts = images.par_chunks_mut(most * len).zip(latents.par_chunks(most * dim));
            parts.with_max_len(1).enumerate().for_each(|(number, (out, latents))| {
                let mut scratch = own_scratch(&self.scratch);
                let images = latents.len() / dim;
                scratch.decoder.latents[..latents.len()].copy_from_slice(latents);
                if is_conditional {
                    scratch.classes[..images].copy_from_slice(&classes[number * most..][..images]);
                }
                self.network.decode(images, &mut scratch);
                out.copy_from_slice(&scratch.decoder.logits()[..out.len()]);
                self.network.pixel_model().mean(self.isa(), out);
            });
        });
        images
    }

    /// Each image encoded, drawn from and decoded: `[N, H, W, C]` in [0, 1].
    ///
    /// # Panics
    /// If the batch's pixels are not one image of the network's shape for each index.
    #[must_use]
    pub fn reconstruct(&self, batch: Batch<'_>, draw: Draw<'_>) -> Vec<f32> {
        let most = self.network.micro_batch();
        let len = self.architecture().image().len();
        batch.check(len);
        let mut images = vec![0.0; batch.len() * len];
        self.pool.install(|| {
            images.par_chunks_mut(most * len).with_max_len(1).enumerate().for_each(|(number, out)| {
                let mut scratch = own_scratch(&self.scratch);
                let part = batch.part(number * most, out.len() / len);
                self.network.encode(part, draw, number * most, &mut scratch);
                self.network.decode(part.len(), &mut scratch);
                out.copy_from_slice(&scratch.decoder.logits()[..out.len()]);
                self.network.pixel_model().mean(self.isa(), out);
            });
        });
        images
    }
}

/// The memory of the thread that asks. No other thread takes it, so the lock is always free.
fn own_scratch(scratch: &[Mutex<Scratch>]) -> MutexGuard<'_, Scratch> {
    let number = rayon::current_thread_index().unwrap_or(0);
    // Memory that a panicking thread left is overwritten before it is read.
    scratch[number].lock().unwrap_or_else(PoisonError::into_inner)
}

/// What Muon needs for the weights of all layers but the first and the last.
fn orthogonalizers(network: &Network) -> Vec<Orthogonalizer> {
    let (table, layers) = (network.table(), network.architecture().layers());
    let inner = layers.iter().enumerate().take(layers.len() - 1).skip(1);
    inner.map(|(number, layer)| Orthogonalizer::new(network.isa(), layer, table.layer(number).0)).collect()
}

/// Whether parameter number `here` is of a matrix, and the end of what is so from there on, at most `end`.
fn piece(matrices: &[Orthogonalizer], here: usize, end: usize) -> (bool, usize) {
    match matrices.iter().map(Orthogonalizer::range).find(|range| range.end > here) {
        Some(range) if range.start <= here => (true, range.end.min(end)),
        Some(range) => (false, range.start.min(end)),
        None => (false, end),
    }
}

/// How many chunks a batch is cut into: a matter of the batch and the network alone.
fn chunk_count(batch: usize, parameters: usize) -> usize {
    let most = (MAX_GRADIENT_NUMBERS / parameters.max(1)).clamp(1, MAX_CHUNKS);
    let chunk = batch.div_ceil(most).max(MIN_CHUNK);
    batch.div_ceil(chunk)
}

/// Cuts `len` images into micro-batches of nearly equal length, none above `most`: (position, images).
fn micro_batches(len: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = len.div_ceil(most);
    (0..count).map(move |number| {
        let (start, end) = (number * len / count, (number + 1) * len / count);
        (start, end - start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_batch_and_none_is_empty() {
        for parameters in [100, 262_761, 50_000_000] {
            for batch in 1..600 {
                let count = chunk_count(batch, parameters);
                let len = batch.div_ceil(count);
                assert!(count <= MAX_CHUNKS && (count - 1) * len < batch && count * len >= batch, "{batch}");
            }
        }
        assert_eq!(chunk_count(512, 262_761), 32);
        assert_eq!(chunk_count(64, 262_761), 8);
    }

    #[test]
    fn micro_batches_cover_the_chunk() {
        for len in 0..100 {
            let mut next = 0;
            for (start, images) in micro_batches(len, 16) {
                assert!(start == next && (1..=16).contains(&images));
                next = start + images;
            }
            assert_eq!(next, len);
        }
    }
}
