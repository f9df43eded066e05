//! The arguments of `encode` and `decode`.

use super::DeviceArgs;
use clap::ValueEnum;
use elbo::dataset::Part;
use std::path::PathBuf;

/// A part of a data set.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum PartName {
    /// Images trained on
    #[value(alias = "train")]
    Training,
    /// Images validated with: of a set of their own, or held out of the training set
    Validation,
    /// Images tested with
    Test,
}

impl From<PartName> for Part {
    fn from(name: PartName) -> Self {
        match name {
            PartName::Training => Self::Training,
            PartName::Validation => Self::Validation,
            PartName::Test => Self::Test,
        }
    }
}

/// Write the codes of images: to .npy, .npz, .csv or .parquet
///
/// The code of an image is the mean of its latent distribution. Images are encoded part by part: training, validation, test. All
/// kinds of files but .npy also hold the name of each image, its part, its class, and which model made its code.
#[derive(clap::Args)]
pub(crate) struct EncodeArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// Images, given as for train, or one picture. Pictures are prepared as they were for training [default: the data of the
    /// run]
    pub(crate) data: Option<PathBuf>,

    /// File to write; its name says its kind
    #[arg(long, value_name = "FILE", default_value = "codes.npz")]
    pub(crate) out: PathBuf,

    /// Encode this part of the data set alone
    #[arg(long, value_enum)]
    pub(crate) part: Option<PartName>,

    /// Write the logarithms of the variances too
    #[arg(long)]
    pub(crate) logvars: bool,

    /// Write so many draws from the latent distribution of each image too
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) samples: u32,

    /// Random seed: the same seed gives the same draws
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}

/// Make images of codes
///
/// Codes are those that encode writes, changed or not, or any others of the right length: an array [N, Z] in .npy, or in .npz as
/// means; columns with the names that encode gives them in .csv or .parquet. Codes that say that another model made them are refused. A conditional
/// model takes the class of each from its label, unless --class is given.
#[derive(clap::Args)]
pub(crate) struct DecodeArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// File of codes
    pub(crate) codes: PathBuf,

    /// Class of all images, by name or number; for conditional models
    #[arg(long)]
    pub(crate) class: Option<String>,

    /// PNG file for one sheet of all images, a directory for one PNG file per image, or .npy for an array [N, H, W, C] of numbers
    /// from 0 to 1
    #[arg(long, value_name = "PATH", default_value = "decoded.png")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}
