//! A step of training: a gradient for each chunk of a batch, their sum, and what the optimiser makes of it.

use super::chunks::{chunk_count, micro_batches};
use super::{Engine, EngineError, own_scratch};
use crate::batch::Batch;
use crate::latent::Draw;
use crate::layer::GradientSink;
use crate::loss::{Elbo, Objective};
use crate::network::Network;
use crate::optimizer::{Muon, Optimizer, OptimizerState, Orthogonalizer};
use elbo_kernels::{Accumulate, AdamSlices, Buffer, GradientSum, Momentum};
use rayon::prelude::*;

/// Parameters that one thread updates at a time.
const UPDATE: usize = 1 << 13;

/// What only training needs.
#[derive(Debug)]
pub(super) struct TrainingMemory {
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

    /// One step of training: the gradient of the mean of the objective over the batch, then the optimiser. Returns the
    /// batch's mean loss before the step, in nats an image.
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
