//! From a gradient to a step: Adam for every parameter, or Muon for the inner weights and Adam for the rest.

pub use elbo_kernels::Adam;

/// Muon (Jordan et al., 2024, <https://kellerjordan.github.io/posts/muon>): of each weight matrix's momentum, taken as
/// Nesterov does, the nearest orthogonal matrix is made by five Newton-Schulz iterations, and the weights fall by
/// `learning_rate` times that.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Muon {
    /// Learning rate.
    pub learning_rate: f32,
    /// Decay of the running mean of the gradients.
    pub momentum: f32,
}

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
