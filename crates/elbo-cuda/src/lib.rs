//! The training step of a convolutional variational autoencoder on NVIDIA cards.
//!
//! Nothing is needed but NVIDIA's driver, which is looked for when the program runs. The kernels are in `kernels/`, and were
//! compiled to PTX, which is part of the library: the driver makes of it what the card takes.
//!
//! A [`Card`] is what computes; an [`Engine`] has a [`Network`]'s parameters on it. `plan` says where everything lies
//! and which kernels a step launches, and asks no card for that.

mod args;
mod card;
mod engine;
mod error;
mod launch;
mod memory;
mod network;
mod plan;

pub use card::{Card, CardInfo, card_count, card_info};
pub use engine::{Batch, Engine, Moments, Objective, Optimizer, Profile};
pub use error::CudaError;
pub use network::{Layer, Likelihood, Network, Role};
pub use plan::{Precision, most_images};

/// The names of all kernels.
const KERNELS: [&str; 62] = [
    "gather_tf32_64",
    "gather_tf32_32",
    "gather_tf32_64_turned",
    "gather_tf32_32_turned",
    "gather_tf32_any",
    "gather_tf32_any_turned",
    "gather_f32_64",
    "gather_f32_32",
    "gather_f32_64_turned",
    "gather_f32_32_turned",
    "gather_f32_any",
    "gather_f32_any_turned",
    "resident_tf32_64",
    "resident_tf32_32",
    "resident_tf32_64_turned",
    "resident_tf32_32_turned",
    "resident_tf32_64_small",
    "resident_tf32_32_small",
    "resident_tf32_64_small_turned",
    "resident_tf32_32_small_turned",
    "resident_f32_64",
    "resident_f32_32",
    "resident_f32_64_turned",
    "resident_f32_32_turned",
    "resident_f32_64_small",
    "resident_f32_32_small",
    "resident_f32_64_small_turned",
    "resident_f32_32_small_turned",
    "weight_gradient_tf32_64",
    "weight_gradient_tf32_32",
    "weight_gradient_tf32_any",
    "weight_gradient_f32_64",
    "weight_gradient_f32_32",
    "weight_gradient_f32_any",
    "logits_1",
    "logits_2",
    "logits_3",
    "logits_4",
    "narrow_gather_1",
    "narrow_gather_2",
    "narrow_gather_3",
    "narrow_gather_4",
    "narrow_weight_gradient_1",
    "narrow_weight_gradient_2",
    "narrow_weight_gradient_3",
    "narrow_weight_gradient_4",
    "narrow_gradients_1",
    "narrow_gradients_2",
    "narrow_gradients_3",
    "narrow_gradients_4",
    "latent_draw",
    "latent_back",
    "class_sums",
    "pixels",
    "round_all",
    "reduce",
    "mean_loss",
    "update",
    "muon_step",
    "muon_polynomial",
    "muon_normalize",
    "muon_combine",
];

/// The kernel of this name.
fn kernel_name(name: &str) -> &'static str {
    KERNELS.iter().find(|kernel| **kernel == name).expect("every variant has its kernel")
}
