//! A step of training: a gradient for each chunk of a batch, their sum, and what the optimiser makes of it.

use super::gradients::Gradients;
use super::{Engine, EngineError};
use crate::dataset::batch::Batch;
use crate::engine::OptimizerState;
use crate::engine::cpu::gradient_layout::Piece;
use crate::engine::cpu::latent::Draw;
use crate::engine::cpu::muon::{Orthogonalizer, step_all};
use crate::engine::cpu::network::Network;
use crate::network::loss::{Elbo, Objective};
use crate::recipe::optimizer::{Muon, Optimizer};
use elbo_kernels::{AdamSlices, Momentum};
use rayon::prelude::*;

/// Parameters that one thread updates at a time.
const UPDATE: usize = 1 << 13;

/// What only training needs.
#[derive(Debug)]
pub(super) struct TrainingMemory {
    state: OptimizerState,
    gradients: Gradients,
    /// Muon's, once it has been asked for.
    matrices: Option<Vec<Orthogonalizer>>,
}

impl TrainingMemory {
    fn new(network: &Network, state: OptimizerState) -> Self {
        Self { state, gradients: Gradients::new(network), matrices: None }
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
        self.training = Some(TrainingMemory::new(network, state));
        Ok(())
    }

    /// One step of training: the gradient of the mean of the objective over the batch, then the optimiser. Returns the
    /// batch's mean loss before the step, in nats per image.
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
            self.update(optimizer);
        }
        loss
    }

    /// Takes the step that the gradients ask for.
    fn update(&mut self, optimizer: &Optimizer) {
        let isa = self.isa();
        let Self { network, parameters, pool, training, .. } = self;
        let Some(TrainingMemory { state, gradients, matrices }) = training else { return };
        let OptimizerState { step, mean, square } = state;
        *step += 1;
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
                    let (is_matrix, end) = of_one_kind(matrices, here, first + parameters.len());
                    let (Piece { end, offset, .. }, gradient) = gradients.piece(here, end);
                    let range = here - first..end - first;
                    let (mean, square) = (&mut mean[range.clone()], &mut square[range.clone()]);
                    match optimizer.muon {
                        Some(Muon { momentum, .. }) if is_matrix => {
                            Momentum { decay: momentum }.step(isa, gradient, offset, mean, square);
                        }
                        _ => {
                            let slices = AdamSlices { parameters: &mut parameters[range], mean, square };
                            optimizer.adam.step(isa, *step, gradient, offset, slices);
                        }
                    }
                    here = end;
                }
            });
            matrices.par_iter_mut().with_max_len(1).for_each(|matrix| matrix.run(square));
            if let Some(muon) = optimizer.muon {
                step_all(matrices, muon.learning_rate, 0, parameters);
            }
            network.pack(parameters, true);
        });
    }

    /// The mean loss of a batch and the gradient of the mean of the objective, in the layout of [`Engine::table`].
    ///
    /// # Panics
    /// If the batch's pixels are not one image of the network's shape for each index.
    pub fn gradient(&mut self, batch: Batch<'_>, draw: Draw<'_>, objective: Objective) -> (Elbo, Vec<f32>) {
        let loss = self.accumulate(batch, draw, objective);
        let mut mean = vec![0.0; self.parameters.len()];
        if let Some(training) = &self.training {
            let mut here = 0;
            while here < mean.len() {
                let (Piece { end, offset, .. }, gradient) = training.gradients.piece(here, mean.len());
                gradient.write(offset, &mut mean[here..end]);
                here = end;
            }
        }
        (loss, mean)
    }

    /// Fills in the gradients of a batch and returns its mean loss.
    fn accumulate(&mut self, batch: Batch<'_>, draw: Draw<'_>, objective: Objective) -> Elbo {
        batch.check(self.architecture().image().len());
        let Self { network, parameters, pool, scratch, training } = self;
        let training = training.get_or_insert_with(|| {
            pool.install(|| network.pack(parameters, true));
            TrainingMemory::new(network, OptimizerState::new(parameters.len()))
        });
        pool.install(|| training.gradients.accumulate(network, scratch, batch, draw, objective))
    }
}

/// What Muon needs for the weights of all layers but the first and the last.
fn orthogonalizers(network: &Network) -> Vec<Orthogonalizer> {
    let (table, layers) = (network.table(), network.architecture().layers());
    let inner = layers.iter().enumerate().take(layers.len() - 1).skip(1);
    inner.map(|(number, layer)| Orthogonalizer::new(network.isa(), layer, table.layer(number).0)).collect()
}

/// Whether parameter number `here` is of a matrix, and the end of what is so from there on, at most `end`.
fn of_one_kind(matrices: &[Orthogonalizer], here: usize, end: usize) -> (bool, usize) {
    match matrices.iter().map(Orthogonalizer::range).find(|range| range.end > here) {
        Some(range) if range.start <= here => (true, range.end.min(end)),
        Some(range) => (false, range.start.min(end)),
        None => (false, end),
    }
}
