//! The arguments, as clap parses them.

mod pictures;
mod train;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

pub(crate) use pictures::DataArgs;
pub(crate) use train::{RecipeName, ScheduleName, TrainArgs};

const ABOUT: &str = "\
Train convolutional variational autoencoders (VAEs) on images, on a CPU, and put them to use.

Losses are negative evidence lower bounds (ELBO) in nats per image: reconstruction, the negative log-likelihood of the \
image, plus Kullback-Leibler divergence (KL). Unless told otherwise the likelihood is a Gaussian of unit variance, and \
reconstruction 0.5 * sum (x' - x)^2, up to the constant pixels/2 ln(2 pi).";

const ENVIRONMENT: &str = "\
Environment:
  ELBO_ISA  instruction set to use: avx512, avx2, neon or portable [default: the fastest that the machine has]

Examples:
  elbo train                                    a good model of MNIST, which is built in, in minutes
  elbo train DATA                               the same of other images, with settings that suit them
  elbo train --recipe reference                 the published run, 50 epochs
  elbo train photos --size 64                   a model of your own pictures
  elbo generate runs/mnist --count 100          new digits";

#[derive(Parser)]
#[command(name = "elbo", version, about = ABOUT.lines().next(), long_about = ABOUT, after_help = ENVIRONMENT, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Train(Box<TrainArgs>),
    Data(ShowDataArgs),
    Generate(GenerateArgs),
    Reconstruct(ReconstructArgs),
    Evaluate(EvaluateArgs),
    Figures(FiguresArgs),
    Summary(SummaryArgs),
    Bench(BenchArgs),
}

/// Show what is in a data set
///
/// Counts, formats, sizes, classes, values, what cannot be read and why, and what training would make of it.
#[derive(clap::Args)]
pub(crate) struct ShowDataArgs {
    /// Data as for train [default: the MNIST built in]
    pub(crate) data: Option<PathBuf>,

    /// PNG file for a sheet of training images as the network sees them, chosen at random, class by class where there
    /// are labels
    #[arg(long, value_name = "FILE")]
    pub(crate) sheet: Option<PathBuf>,

    /// Images on the sheet
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,

    /// What fixes the choice of these
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) pictures: DataArgs,
}

/// Generate new images
///
/// Decodes draws from the standard normal distribution. The same seed gives the same images, whatever the count. In a
/// conditional model the classes have their turns, unless one is given.
#[derive(clap::Args)]
pub(crate) struct GenerateArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// Class of all images, of a conditional model
    #[arg(long)]
    pub(crate) class: Option<String>,

    /// Images to generate
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: u32,

    /// What fixes the draws
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// PNG file for a sheet of all images, or a directory for single ones
    #[arg(long, value_name = "PATH", default_value = "generated.png")]
    pub(crate) out: PathBuf,

    /// Threads [default: all cores]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: usize,
}

/// Show images beside their reconstructions
///
/// Writes a sheet of pairs, image and reconstruction, of images chosen at random, class by class where there are
/// labels.
#[derive(clap::Args)]
pub(crate) struct ReconstructArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// Images, as for train, or one picture; the test set is taken where there is one, or else the images held out of the
    /// run's training. Pictures are brought to what training did [default: what the run was trained on]
    pub(crate) data: Option<PathBuf>,

    /// Pairs to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) count: u32,

    /// What fixes the choice and the draws
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// PNG file
    #[arg(long, value_name = "FILE", default_value = "reconstructions.png")]
    pub(crate) out: PathBuf,

    /// Threads [default: all cores]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: usize,
}

/// Measure the loss of a model
///
/// With one sample per image, as the reference measures it, and with the mean of each image's latent distribution.
#[derive(clap::Args)]
pub(crate) struct EvaluateArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// Images, as for train, or one picture; the test set is taken where there is one, or else the images held out of the
    /// run's training. Pictures are brought to what training did [default: what the run was trained on]
    pub(crate) data: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// What fixes the samples
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Threads [default: all cores]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: usize,
}

/// Draw the figures of a run
///
/// Reconstructions, latent space, generated samples and loss curve, as PNG and SVG, into the run's figures directory.
/// Training ends with this.
#[derive(clap::Args)]
pub(crate) struct FiguresArgs {
    /// Run directory
    pub(crate) run: PathBuf,

    /// Images, as for train, or one picture; the test set is taken where there is one, or else the images held out of the
    /// run's training. Pictures are brought to what training did [default: what the run was trained on]
    pub(crate) data: Option<PathBuf>,

    /// What fixes the choice and the draws [default: the seed of the run]
    #[arg(long)]
    pub(crate) seed: Option<u64>,

    /// Threads [default: all cores]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: usize,
}

/// Show the layers, shapes, parameters and cost of a model
#[derive(clap::Args)]
pub(crate) struct SummaryArgs {
    /// Run directory or model file [default: the reference network]
    pub(crate) run: Option<PathBuf>,
}

/// Measure how fast this machine trains
///
/// Training steps of the reference network, each of its layers, and a plain matrix product beside them, in billions of
/// operations per second (GFLOP/s). Takes about twenty seconds; let nothing else run.
#[derive(clap::Args)]
pub(crate) struct BenchArgs {
    /// Run directory or model file whose network is measured [default: the reference network]
    pub(crate) run: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Threads [default: all cores]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: usize,
}
