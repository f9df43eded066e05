//! Charts and sheets of images as SVG and PNG, and the figures of a run: what a trained model does.

pub use crate::diagnosis::figure::inspection_figure;
pub use crate::vae::run_figures::{
    RECONSTRUCTIONS, SAMPLES, choose_examples, latent_space_figure, loss_figure, reconstruction_figure, samples_figure,
    write_figures,
};
pub use elbo_figures::*;
