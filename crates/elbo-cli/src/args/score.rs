//! The arguments of `score`.

use super::DeviceArgs;
use clap::{ArgGroup, ValueEnum};
use elbo::anomaly::Score;
use std::path::PathBuf;

/// Which score counts.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ScoreName {
    /// Reconstruction plus KL: the negative ELBO
    Loss,
    /// What the decoder could not make: the negative log-likelihood given the latent vector
    Reconstruction,
    /// How far from most images the encoder puts it: the divergence from the standard normal
    Kl,
}

impl From<ScoreName> for Score {
    fn from(name: ScoreName) -> Self {
        match name {
            ScoreName::Loss => Self::Loss,
            ScoreName::Reconstruction => Self::Reconstruction,
            ScoreName::Kl => Self::Kl,
        }
    }
}

/// Which images of the data are scored.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartName {
    /// Those trained on
    #[value(alias = "training")]
    Train,
    /// The validation set, or the images held out of training
    Validation,
    /// The test set
    Test,
    /// All of them
    All,
}

/// Score how unlike the training images others are
///
/// Gives each image three scores in nats: its loss, which is the negative ELBO, and the two parts of it, reconstruction and KL,
/// in the mean over some draws. The higher, the less is the image like those that the model was trained on. A threshold by
/// images that are known to be normal is found with --fit-threshold, kept in the model file, and used from then on. Where it
/// is known which classes are normal, --normal or --anomalous measures how well the scores part the others from them.
#[derive(clap::Args)]
#[command(group(ArgGroup::new("known").args(["normal", "anomalous"])))]
pub(crate) struct ScoreArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// Images, given as for train, or one picture. Pictures are prepared as they were for training [default: the data of the
    /// run]
    pub(crate) data: Option<PathBuf>,

    /// CSV file for the scores, a row for each image: name, part, label, loss, reconstruction, kl, and where there is a threshold
    /// whether the image is above it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Which images to score [default: the test set if there is one, else the images that were held out of training]
    #[arg(long, value_enum)]
    pub(crate) part: Option<PartName>,

    /// Score that a threshold is of, and that orders the maps [default: that of the model's threshold, else loss]
    #[arg(long, value_enum, value_name = "SCORE")]
    pub(crate) by: Option<ScoreName>,

    /// Draws of the latent vector that a score is the mean of [default: those of the model's threshold, else 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) samples: Option<u32>,

    /// Random seed: the same seed draws the same latent vectors [default: that of the model's threshold, else 1]
    #[arg(long)]
    pub(crate) seed: Option<u64>,

    /// Find the threshold that at most this share of normal images is above, and keep it in the model file. All images scored
    /// count as normal, or those of the --normal classes
    #[arg(long, value_name = "RATE")]
    pub(crate) fit_threshold: Option<f64>,

    /// Classes that are normal, all others being anomalies: names or numbers, separated by commas
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub(crate) normal: Vec<String>,

    /// Classes that are anomalies, all others being normal: names or numbers, separated by commas
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub(crate) anomalous: Vec<String>,

    /// Directory for pictures of the images with the highest scores: image, reconstruction, and how far each pixel is from it
    #[arg(long, value_name = "DIR")]
    pub(crate) maps: Option<PathBuf>,

    /// How many of them
    #[arg(long, value_name = "N", default_value_t = 20, requires = "maps", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}
