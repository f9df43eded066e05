//! What is computed: the network, its parameters, and its loss.

pub(crate) mod architecture;
pub(crate) mod likelihood;
pub(crate) mod loss;
pub(crate) mod mixture;
pub(crate) mod parameters;
pub(crate) mod prior;
#[allow(clippy::disallowed_methods, reason = "the definition is compared with within tolerances")]
pub mod reference;

pub use architecture::{
    Architecture, ArchitectureError, CLASSES, LATENT_DIMS, LayerSummary, PRIOR_COMPONENTS, STAGES, WIDTHS,
};
pub use likelihood::Likelihood;
pub use loss::{KlGradient, Loss, Objective};
pub use mixture::{Covariance, Mixture, MixtureError};
pub use parameters::{Parameter, ParameterTable};
pub use prior::LearnedPrior;
