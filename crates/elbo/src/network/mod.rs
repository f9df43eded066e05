//! What is computed: the network, its parameters, and its loss.

pub(crate) mod architecture;
pub(crate) mod likelihood;
pub(crate) mod loss;
pub(crate) mod parameters;
#[allow(clippy::disallowed_methods, reason = "the definition is compared with within tolerances")]
pub mod reference;
