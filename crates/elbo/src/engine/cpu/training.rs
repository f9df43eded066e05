//! A step of training: the gradient of a batch, and what the optimiser makes of it.

use super::gradients::Gradients;
use super::muon::{Orthogonalizer, step_all};
use super::network::Network;
use super::threads::Threads;
use crate::dataset::batch::Batch;
use crate::engine::{Draw, OptimizerState};
use crate::network::loss::{Loss, Objective};
use crate::recipe::optimizer::{Muon, Optimizer};
use elbo_kernels::{AdamSlices, Buffer, Momentum};
use rayon::prelude::*;

/// Parameters that one thread sums the gradient of, or updates, at a time: all that belongs to them stays near it.
const STRETCH: usize = 1 << 13;

/// What only training needs.
#[derive(Debug)]
pub(super) struct TrainingMemory {
    gradients: Gradients,
    optimizer: OptimizerMemory,
}

/// The optimiser's state, in memory that its kernels take.
#[derive(Debug)]
struct OptimizerMemory {
    step: u64,
    mean: Buffer,
    square: Buffer,
    /// Muon's, once it has been asked for.
    matrices: Option<Vec<Orthogonalizer>>,
}

impl TrainingMemory {
    /// For a network, after this many steps that left these moments.
    pub(super) fn new(network: &Network, step: u64, mean: Buffer, square: Buffer) -> Self {
        let optimizer = OptimizerMemory { step, mean, square, matrices: None };
        Self { gradients: Gradients::new(network), optimizer }
    }

    pub(super) fn state(&self) -> OptimizerState {
        let OptimizerMemory { step, mean, square, .. } = &self.optimizer;
        OptimizerState { step: *step, mean: mean.to_vec(), square: square.to_vec() }
    }

    /// The mean loss of a batch; what its gradient is made of is kept.
    ///
    /// # Panics
    /// If the batch's pixels are not one image of the network's shape for each index.
    pub(super) fn accumulate(
        &mut self,
        network: &Network,
        threads: &Threads,
        batch: Batch<'_>,
        draw: Draw<'_>,
        objective: Objective,
    ) -> Loss {
        batch.check(network.architecture().image().len());
        threads.install(|| self.gradients.accumulate(network, threads, batch, draw, objective))
    }

    /// The mean gradient of the last batch.
    pub(super) fn gradient(&self, network: &Network, threads: &Threads) -> Vec<f32> {
        let mut gradient = vec![0.0; network.table().len()];
        threads.install(|| {
            let stretches = gradient.par_chunks_mut(STRETCH).enumerate();
            stretches.for_each(|(number, sum)| self.gradients.reduce(network.isa(), number * STRETCH, sum));
        });
        gradient
    }

    /// Takes the step that the gradient of the last batch asks for. It is summed stretch by stretch and used where it is,
    /// rather than written for the whole network and read again.
    pub(super) fn apply_own(
        &mut self,
        network: &mut Network,
        threads: &Threads,
        parameters: &mut [f32],
        optimizer: &Optimizer,
    ) {
        let Self { gradients, optimizer: memory } = self;
        let isa = network.isa();
        let sum = |first: usize, sum: &mut [f32]| gradients.reduce(isa, first, sum);
        threads.install(|| memory.apply(network, parameters, sum, optimizer));
    }

    /// Takes the step that a gradient asks for.
    pub(super) fn apply(
        &mut self,
        network: &mut Network,
        threads: &Threads,
        parameters: &mut [f32],
        gradient: &[f32],
        optimizer: &Optimizer,
    ) {
        let copy = |first: usize, out: &mut [f32]| out.copy_from_slice(&gradient[first..][..out.len()]);
        threads.install(|| self.optimizer.apply(network, parameters, copy, optimizer));
    }
}

impl OptimizerMemory {
    /// Takes a step; `gradient` writes that of the parameters from a number on.
    fn apply(
        &mut self,
        network: &mut Network,
        parameters: &mut [f32],
        gradient: impl Fn(usize, &mut [f32]) + Sync,
        optimizer: &Optimizer,
    ) {
        let isa = network.isa();
        let Self { step, mean, square, matrices } = self;
        *step += 1;
        let matrices = match optimizer.muon {
            Some(_) => &mut **matrices.get_or_insert_with(|| orthogonalizers(network)),
            None => &mut [],
        };
        let stretches = parameters.par_chunks_mut(STRETCH).zip(mean.par_chunks_mut(STRETCH));
        let stretches = stretches.zip(square.par_chunks_mut(STRETCH)).enumerate();
        stretches.for_each(|(number, ((parameters, mean), square))| {
            let first = number * STRETCH;
            #[expect(clippy::large_stack_arrays, reason = "nothing is allocated in a step")]
            let mut memory = [0.0; STRETCH];
            let memory = &mut memory[..parameters.len()];
            gradient(first, memory);
            let gradient = &*memory;
            let mut here = first;
            while here < first + parameters.len() {
                let (is_matrix, end) = of_one_kind(matrices, here, first + parameters.len());
                let range = here - first..end - first;
                let (mean, square) = (&mut mean[range.clone()], &mut square[range.clone()]);
                match optimizer.muon {
                    Some(Muon { momentum, .. }) if is_matrix => {
                        Momentum { decay: momentum }.step(isa, &gradient[range], mean, square);
                    }
                    _ => {
                        let slices = AdamSlices { parameters: &mut parameters[range.clone()], mean, square };
                        optimizer.adam.step(isa, *step, &gradient[range], slices);
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
    }
}

/// What Muon needs for the weights of all layers but the first and the last.
fn orthogonalizers(network: &Network) -> Vec<Orthogonalizer> {
    let inner = network.shapes().iter().enumerate().filter(|(_, layer)| layer.role.is_inner());
    inner.map(|(number, layer)| Orthogonalizer::new(network.isa(), layer, network.table().layer(number).0)).collect()
}

/// Whether parameter number `here` is of a matrix, and the end of what is so from there on, at most `end`.
fn of_one_kind(matrices: &[Orthogonalizer], here: usize, end: usize) -> (bool, usize) {
    match matrices.iter().map(Orthogonalizer::range).find(|range| range.end > here) {
        Some(range) if range.start <= here => (true, range.end.min(end)),
        Some(range) => (false, range.start.min(end)),
        None => (false, end),
    }
}
