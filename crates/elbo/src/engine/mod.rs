//! What computes: parameters, a step on a batch, encode and decode.

pub(crate) mod cpu;
pub(crate) mod evaluate;

use elbo_kernels::Buffer;

/// What an optimiser remembers from step to step, in the layout of the parameters.
#[derive(Clone, Debug)]
pub struct OptimizerState {
    /// Steps taken.
    pub step: u64,
    /// Running mean of the gradients; Muon's momentum.
    pub mean: Buffer,
    /// Running mean of their squares; for Muon's weights, where their momentum was last heading.
    pub square: Buffer,
}

impl OptimizerState {
    /// Before the first step, for this many parameters.
    #[must_use]
    pub fn new(parameters: usize) -> Self {
        Self { step: 0, mean: Buffer::zeros(parameters), square: Buffer::zeros(parameters) }
    }
}
