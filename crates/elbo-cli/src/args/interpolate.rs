//! What `elbo interpolate` takes.

use super::DeviceArgs;
use clap::ValueEnum;
use std::path::PathBuf;

/// Show the way from one image to another
///
/// Encodes two images, goes from the code of one to that of the other in even steps, and decodes each. An image is a picture,
/// prepared as those that the model was trained on, or the number of an image in the data of the run, from 0: of its test
/// set if there is one, else of the images that were held out of training.
#[derive(clap::Args)]
pub(crate) struct InterpolateArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// Where to begin: a picture, or the number of an image in the data of the run
    #[arg(value_name = "A")]
    pub(crate) from: String,

    /// Where to end
    #[arg(value_name = "B")]
    pub(crate) to: String,

    /// Images on the way, both ends among them
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub(crate) steps: u32,

    /// Which way
    #[arg(long, value_enum, default_value_t = KindName::Linear)]
    pub(crate) kind: KindName,

    /// Class as which both images are encoded and all are decoded, by name or number; for conditional models, which need it
    #[arg(long)]
    pub(crate) class: Option<String>,

    /// PNG file for a strip with both pictures at its ends; .gif or .apng file for an animation that goes there and back; or
    /// a directory for one PNG file per image
    #[arg(long, value_name = "PATH", default_value = "interpolation.png")]
    pub(crate) out: PathBuf,

    /// Show the images in the terminal too: as they are in kitty, Ghostty and the like, else in blocks of 24-bit colour
    #[arg(long)]
    pub(crate) show: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}

/// Ways from one code to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum KindName {
    /// A straight line
    Linear,
    /// An arc, on which codes keep their usual distance from zero
    Spherical,
}
