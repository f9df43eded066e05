//! What `elbo arithmetic` takes.

use super::DeviceArgs;
use std::path::PathBuf;

/// Add and subtract images by their codes
///
/// For example: elbo arithmetic RUN smiling.png - serious.png + another.png
///
/// An operand is a picture, prepared as those that the model was trained on; a directory, which stands for the mean of the
/// codes of all pictures in it; or the number of an image in the data of the run, from 0: of its test set if there is one,
/// else of the images that were held out of training. Signs stand between them, with spaces around.
#[derive(clap::Args)]
pub(crate) struct ArithmeticArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// Operands, with + or - between each and the next
    #[arg(required = true, num_args = 1.., value_name = "OPERAND [+|- OPERAND]")]
    pub(crate) terms: Vec<String>,

    /// Class as which all images are encoded and decoded, by name or number; for conditional models, which need it
    #[arg(long)]
    pub(crate) class: Option<String>,

    /// PNG file to write: operands and result on one sheet
    #[arg(long, value_name = "FILE", default_value = "result.png")]
    pub(crate) out: PathBuf,

    /// Show the images in the terminal too: as they are in kitty, Ghostty and the like, else in blocks of 24-bit colour
    #[arg(long)]
    pub(crate) show: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}
