//! What `elbo prior` takes.

use super::DeviceArgs;
use std::path::PathBuf;

/// Fit a prior to the codes of the training set
///
/// Fits a mixture of normal distributions to draws from the latent distributions of the training images, keeps it in the
/// model file for generate --prior aggregate, and prints by how much the loss is lower with it than with the standard
/// normal distribution. How many components it has is chosen by codes that it was not fitted to.
#[derive(clap::Args)]
pub(crate) struct PriorArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// The images that the model was trained on, given as for train [default: the data of the run]
    pub(crate) data: Option<PathBuf>,

    /// Random seed of the draws that the gain is measured with
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}
