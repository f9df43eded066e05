//! What `elbo traverse` takes.

use super::DeviceArgs;
use std::path::PathBuf;

/// Show what each latent dimension does
///
/// Sweeps one latent dimension after the other, all else at the mean of the codes, or at the code of a picture. The dimension
/// that says most comes first, by its KL in nats per image, measured on the test set or the images that were held out of
/// training.
#[derive(clap::Args)]
pub(crate) struct TraverseArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// A picture to begin from, or the number of an image in the data of the run [default: the mean of all codes]
    #[arg(value_name = "PICTURE")]
    pub(crate) around: Option<String>,

    /// Images to measure the KL with, given as for train [default: the data of the run]
    #[arg(long, value_name = "DATA")]
    pub(crate) data: Option<PathBuf>,

    /// Dimensions to show
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) dims: u32,

    /// Images in a sweep
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u32).range(2..=51))]
    pub(crate) steps: u32,

    /// How far a sweep goes either way, from -S to S
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = range)]
    pub(crate) range: f32,

    /// Class as which all images are decoded, by name or number; for conditional models, which need it
    #[arg(long)]
    pub(crate) class: Option<String>,

    /// PNG file to write
    #[arg(long, value_name = "FILE", default_value = "traverse.png")]
    pub(crate) out: PathBuf,

    /// Print the KL of every dimension as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Show the images in the terminal too: as they are in kitty, Ghostty and the like, else in blocks of 24-bit colour
    #[arg(long)]
    pub(crate) show: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}

fn range(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (1e-3..=1e3).contains(number));
    number.ok_or_else(|| "a number from 0.001 to 1000 is wanted".to_owned())
}
