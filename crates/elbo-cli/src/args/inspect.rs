//! The arguments of `inspect`.

use super::DeviceArgs;
use std::path::PathBuf;

/// Tell whether a model is well
///
/// Measures what each latent dimension carries, how far the latent vectors of images are from those that new images are made
/// from, and the loss on training images and on others, and looks at the losses of the epochs. Says what is wrong (posterior
/// collapse, under-trained, over-fitted, diverged, a likelihood too wide or too narrow) with the numbers that show it and what
/// to change, or that the model is healthy.
#[derive(clap::Args)]
pub(crate) struct InspectArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// Images, given as for train, or one picture. The test set is used if there is one, else the images that were held out
    /// of training. Pictures are prepared as they were for training [default: the data of the run]
    pub(crate) data: Option<PathBuf>,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// PNG file for a figure: what each latent dimension carries, beside the losses of the epochs
    #[arg(long, value_name = "FIGURE")]
    pub(crate) out: Option<PathBuf>,

    /// Random seed: the same seed draws the same latent vectors
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}
