//! From a gradient to a step: Adam for every parameter, or Muon for the inner weights and Adam for the rest.

mod muon;
mod schedule;

use elbo_kernels::Buffer;

pub use elbo_kernels::Adam;
pub use muon::Muon;
pub(crate) use muon::{Orthogonalizer, step_all};
pub use schedule::Schedule;

/// How one step is taken.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Optimizer {
    /// For every parameter that Muon does not take.
    pub adam: Adam,
    /// For the weights of all layers but the first and the last, which are matrices; none: Adam for all.
    pub muon: Option<Muon>,
}

impl From<Adam> for Optimizer {
    fn from(adam: Adam) -> Self {
        Self { adam, muon: None }
    }
}

impl Optimizer {
    /// The same with all rates times `factor`.
    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Self {
        let scale = |rate: &mut f32| *rate = (f64::from(*rate) * factor) as f32;
        scale(&mut self.adam.learning_rate);
        if let Some(muon) = &mut self.muon {
            scale(&mut muon.learning_rate);
        }
        self
    }
}

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
