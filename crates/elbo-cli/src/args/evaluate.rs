//! The arguments of `elbo evaluate`.

use super::DeviceArgs;
use std::path::PathBuf;

/// Measure how good a model is
///
/// Prints two losses with their standard errors over images: with one latent vector drawn for each image, as in training,
/// and with the mean of each image's latent distribution; and how images come back from that mean. A closer bound of the
/// likelihood takes --importance-samples, and what the codes know of classes --probes.
#[derive(clap::Args)]
pub(crate) struct EvaluateArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// Images, given as for train, or one picture. The test set is used if there is one, else the images that were held out
    /// of training. Pictures are prepared as they were for training [default: the data of the run]
    pub(crate) data: Option<PathBuf>,

    /// Estimate the negative log-likelihood by the importance-weighted bound with so many draws of each image; published
    /// tables have 5000
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) importance_samples: Option<u32>,

    /// Measure only so many of the images, chosen at random
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,

    /// Tell classes by the codes, by as many principal components and by the pixels: by logistic regression, and by the 5
    /// nearest training images
    #[arg(long)]
    pub(crate) probes: bool,

    /// Draw each pixel black or white first, with its grey value as the probability of white, always in the same way. Models
    /// that were trained with --binarize do so unasked
    #[arg(long)]
    pub(crate) binarize: bool,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Random seed: the same seed draws the same latent vectors, and chooses the same images
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}
