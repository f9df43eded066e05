//! What `elbo generate` takes.

use super::DeviceArgs;
use clap::ValueEnum;
use std::path::PathBuf;
use std::str::FromStr;

/// Generate new images
///
/// Decodes latent vectors drawn from the standard normal distribution, or with --prior aggregate from what the codes of the
/// training set come to together. The same seed gives the same images, for any count. A conditional model generates the
/// classes in turn, unless --class is given.
#[derive(clap::Args)]
pub(crate) struct GenerateArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// Class of all generated images, by name or number; for conditional models
    #[arg(long)]
    pub(crate) class: Option<String>,

    /// Images to generate [default: 25, or as many as --grid has places]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: Option<u32>,

    /// Random seed: the same seed gives the same images
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// What latent vectors are drawn from
    #[arg(long, value_name = "PRIOR", value_enum, default_value_t = PriorName::Normal)]
    pub(crate) prior: PriorName,

    /// What the standard deviation of a draw is multiplied by: below 1, images are more usual and more alike
    #[arg(long, allow_negative_numbers = true, value_name = "T", default_value_t = 1.0, value_parser = temperature)]
    pub(crate) temperature: f64,

    /// PNG file for one sheet of all images, .npy file for an array, or a directory for one PNG file per image
    /// [default: generated.png, or generated.npy or generated with --format]
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,

    /// What to write: one sheet, an array of 32-bit floats from 0 to 1, or single files [default: as --out is called]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatName>,

    /// Rows and columns of the sheet, such as 4x8
    #[arg(long, value_name = "RxC")]
    pub(crate) grid: Option<Grid>,

    /// Bits of the values in files of single images. With 16, numbers are those of the files that the model was trained on,
    /// where 16 bits hold their range, else from 0 to 65535
    #[arg(long, default_value = "8", value_parser = ["8", "16"])]
    pub(crate) bits: String,

    /// Show the images in the terminal too: as they are in kitty, Ghostty and the like, else in blocks of 24-bit colour
    #[arg(long)]
    pub(crate) show: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}

/// What latent vectors are drawn from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum PriorName {
    /// The prior that the model was trained with: the standard normal distribution, unless a mixture was learned
    Normal,
    /// A mixture of normal distributions fitted to the codes of the training set; it is fitted when first asked for, and
    /// kept in the model file
    Aggregate,
}

/// What images are written as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum FormatName {
    /// One sheet
    Png,
    /// One array, [N, H, W, C]
    Npy,
    /// A PNG file for each image, in a directory
    Dir,
}

/// Rows and columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Grid {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl FromStr for Grid {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|number| (1..=1000).contains(number));
        let sides = text.split_once(['x', 'X']).and_then(|(rows, columns)| Some((number(rows)?, number(columns)?)));
        let (rows, columns) =
            sides.ok_or_else(|| "rows and columns from 1 to 1000, with an x between them, such as 4x8".to_owned())?;
        Ok(Self { rows, columns })
    }
}

fn temperature(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| "a number from 0 to 100 is wanted".to_owned())
}
