//! The figure of a diagnosis.

use super::{ACTIVE, LatentUse};
use crate::files::metrics::EpochMetrics;
use crate::network::likelihood::Likelihood;
use crate::vae::run_figures::{held_out_label, loss_label, loss_rows};
use elbo_figures::{Dimension, Figure};

/// What the latent dimensions carry, beside the losses by epoch.
#[must_use]
pub fn inspection_figure(title: &str, latent: &LatentUse, history: &[EpochMetrics], likelihood: Likelihood) -> Figure {
    let dimensions = latent.kl.iter().zip(&latent.variance_of_mean);
    let dimensions: Vec<Dimension> =
        dimensions.map(|(&kl, &variance)| Dimension { kl, is_active: variance > ACTIVE }).collect();
    Figure::inspection(title, &dimensions, &loss_rows(history), &loss_label(likelihood), &held_out_label(history))
}
