//! The optimiser's state. The arithmetic of a step is [`Adam`]'s, in the kernels.

use elbo_kernels::Buffer;

pub use elbo_kernels::Adam;

/// What Adam remembers from step to step, in the layout of the parameters.
#[derive(Clone, Debug)]
pub struct AdamState {
    /// Steps taken.
    pub step: u64,
    /// Running mean of the gradients.
    pub mean: Buffer,
    /// Running mean of their squares.
    pub square: Buffer,
}

impl AdamState {
    /// Before the first step, for this many parameters.
    #[must_use]
    pub fn new(parameters: usize) -> Self {
        Self { step: 0, mean: Buffer::zeros(parameters), square: Buffer::zeros(parameters) }
    }
}
