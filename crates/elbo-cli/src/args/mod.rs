//! The arguments, as clap parses them.

mod arithmetic;
mod codes;
mod compare;
mod device;
mod evaluate;
mod exchange;
mod generate;
mod help;
mod inspect;
mod interpolate;
mod pictures;
mod prior;
mod score;
mod sweep;
mod train;
mod traverse;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

pub(crate) use arithmetic::ArithmeticArgs;
pub(crate) use codes::{DecodeArgs, EncodeArgs};
pub(crate) use compare::CompareArgs;
pub(crate) use device::DeviceArgs;
pub(crate) use evaluate::EvaluateArgs;
pub(crate) use exchange::{ExportArgs, ImportArgs};
pub(crate) use generate::{FormatName, GenerateArgs, Grid, PriorName};
pub(crate) use help::HelpArgs;
pub(crate) use inspect::InspectArgs;
pub(crate) use interpolate::{InterpolateArgs, KindName};
pub(crate) use pictures::DataArgs;
pub(crate) use prior::PriorArgs;
pub(crate) use score::{PartName, ScoreArgs};
pub(crate) use sweep::SweepArgs;
pub(crate) use train::{RecipeName, ScheduleName, TrainArgs};
pub(crate) use traverse::TraverseArgs;

const ABOUT: &str = "\
Train convolutional variational autoencoders (VAEs) on images, on a processor or an NVIDIA card, and put them to use.

A loss is the negative evidence lower bound (ELBO) in nats per image: the reconstruction loss, which is the negative \
log-likelihood of the image, plus the Kullback-Leibler divergence (KL). By default the likelihood is a Gaussian of unit \
variance, and the reconstruction loss is 0.5 * sum (x' - x)^2, without the constant pixels/2 ln(2 pi).";

const ENVIRONMENT: &str = "\
Environment:
  ELBO_ISA  instruction set to use: avx512, avx2, neon or portable [default: the fastest of this machine]

Examples:
  elbo train                                    a good model of MNIST (built in), in minutes
  elbo train DATA                               a model of other images, with settings chosen for them
  elbo train --recipe reference                 the published run, 50 epochs
  elbo train photos --size 64                   a model of a directory of pictures, scaled to 64x64
  elbo generate runs/mnist --count 100          new digits";

#[derive(Parser)]
#[command(name = "elbo", version, about = ABOUT.lines().next(), long_about = ABOUT, after_help = ENVIRONMENT, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Train(Box<TrainArgs>),
    Data(ShowDataArgs),
    Generate(GenerateArgs),
    Encode(EncodeArgs),
    Decode(DecodeArgs),
    Interpolate(InterpolateArgs),
    Traverse(TraverseArgs),
    Arithmetic(ArithmeticArgs),
    Prior(PriorArgs),
    Reconstruct(ReconstructArgs),
    Evaluate(EvaluateArgs),
    Inspect(InspectArgs),
    Score(ScoreArgs),
    Figures(FiguresArgs),
    Summary(SummaryArgs),
    Compare(CompareArgs),
    Sweep(SweepArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Bench(BenchArgs),
    Devices(DevicesArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    Help(HelpArgs),
}

/// Print completions for a shell
///
/// The script goes where the shell looks for completions, for example:
///   elbo completions bash > ~/.local/share/bash-completion/completions/elbo
///   elbo completions fish > ~/.config/fish/completions/elbo.fish
///   elbo completions zsh > DIR/_elbo, where DIR is in $fpath
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Write manual pages
///
/// One for the command and one for each of its commands: elbo.1, elbo-train.1 and so on.
#[derive(clap::Args)]
pub(crate) struct ManArgs {
    /// Directory to write to; it is made if there is none
    #[arg(long, value_name = "DIR", default_value = "man")]
    pub(crate) out: PathBuf,
}

/// Show what is in a data set
///
/// Prints how many images there are, their formats, sizes, classes and values, which files cannot be read and why, and how
/// training would prepare the images.
#[derive(clap::Args)]
pub(crate) struct ShowDataArgs {
    /// Images, given as for train [default: the built-in MNIST]
    pub(crate) data: Option<PathBuf>,

    /// Write training images, as the network sees them, to this PNG file; they are chosen at random, the classes in
    /// turn if there are labels
    #[arg(long, value_name = "FILE")]
    pub(crate) sheet: Option<PathBuf>,

    /// Images on the sheet
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,

    /// Random seed: the same seed chooses the same images
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) pictures: DataArgs,
}

/// Show images beside their reconstructions
///
/// Writes a sheet of pairs: an image and, to its right, its reconstruction. The images are chosen at random, the classes
/// in turn if there are labels.
#[derive(clap::Args)]
pub(crate) struct ReconstructArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// Images, given as for train, or one picture. The test set is used if there is one, else the images that were held out
    /// of training. Pictures are prepared as they were for training [default: the data of the run]
    pub(crate) data: Option<PathBuf>,

    /// Pairs to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) count: u32,

    /// Random seed: the same seed chooses the same images and draws
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// PNG file to write
    #[arg(long, value_name = "FILE", default_value = "reconstructions.png")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}

/// Draw the figures of a run
///
/// Writes reconstructions, the latent space, generated samples and the loss curve as PNG and SVG to the directory figures of
/// the run. Training does the same at its end.
#[derive(clap::Args)]
pub(crate) struct FiguresArgs {
    /// Run directory
    pub(crate) run: PathBuf,

    /// Images, given as for train, or one picture. The test set is used if there is one, else the images that were held out
    /// of training. Pictures are prepared as they were for training [default: the data of the run]
    pub(crate) data: Option<PathBuf>,

    /// Random seed: the same seed chooses the same images and draws [default: the seed of the run]
    #[arg(long)]
    pub(crate) seed: Option<u64>,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}

/// Show the layers, shapes, parameters and cost of a model
#[derive(clap::Args)]
pub(crate) struct SummaryArgs {
    /// Run directory or model file [default: the reference network]
    pub(crate) run: Option<PathBuf>,
}

/// Measure how fast this machine trains
///
/// Measures training steps, each layer, and for comparison a plain matrix product, in billions of operations per second
/// (GFLOP/s). This takes about twenty seconds; run nothing else meanwhile.
#[derive(clap::Args)]
pub(crate) struct BenchArgs {
    /// Run directory or model file whose network to measure [default: the reference network]
    pub(crate) run: Option<PathBuf>,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,
}

/// Show what can compute here
///
/// Lists the processor and the NVIDIA cards that the driver shows, whether each can be used, and which one --device auto
/// takes.
#[derive(clap::Args)]
pub(crate) struct DevicesArgs {
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
