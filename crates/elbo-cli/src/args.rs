//! The arguments, as clap parses them.

use crate::source::name_of;
use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use elbo::dataset::{Channels, Colour, DataOptions, Fit, Size};
use elbo::{KlGradient, Likelihood};
use std::path::PathBuf;
use std::str::FromStr;

const ABOUT: &str = "\
Train convolutional variational autoencoders (VAEs) on images, on a CPU, and put them to use.

Losses are negative evidence lower bounds (ELBO) in nats an image: reconstruction, the negative log-likelihood of the \
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

/// Recipes to start from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecipeName {
    /// The soonest to a good model: Muon and Adam at rates that fall to zero; the network, the batch size and the epochs
    /// follow from the shape of the images and their number
    #[value(alias = "fast")]
    Auto,
    /// The published run: 50 epochs, batches of 512 in file order, Adam at a constant 1e-3
    Reference,
}

/// Estimators of the gradient of the KL divergence.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KlGradientName {
    /// By its formula
    Analytic,
    /// Along the drawn latent vector, which takes noise out of the encoder's gradient
    Path,
}

impl From<KlGradientName> for KlGradient {
    fn from(name: KlGradientName) -> Self {
        match name {
            KlGradientName::Analytic => Self::Analytic,
            KlGradientName::Path => Self::Path,
        }
    }
}

/// A number, or none.
#[derive(Clone, Copy)]
pub(crate) struct OrNone<T>(pub(crate) Option<T>);

fn or_none<T: FromStr>(text: &str) -> Result<OrNone<T>, String> {
    match text {
        "none" => Ok(OrNone(None)),
        number => {
            number.parse().map(|number| OrNone(Some(number))).map_err(|_| "neither a number nor 'none'".to_owned())
        }
    }
}

/// Courses of the step sizes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScheduleName {
    /// The same from the first step to the last
    Constant,
    /// Up from zero in a straight line, then down to zero
    Linear,
}

/// Likelihoods of a pixel.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LikelihoodName {
    /// Unit variance: half the squared error, up to pixels/2 ln(2 pi)
    Gaussian,
    /// One learned variance for all pixels: a density
    SigmaGaussian,
    /// Cross-entropy: a probability of black and white pixels, no density of grey ones
    Bernoulli,
    /// Cross-entropy with the constant that makes it a density on [0, 1]
    ContinuousBernoulli,
}

impl From<LikelihoodName> for Likelihood {
    fn from(name: LikelihoodName) -> Self {
        match name {
            LikelihoodName::Gaussian => Self::Gaussian,
            LikelihoodName::SigmaGaussian => Self::SigmaGaussian,
            LikelihoodName::Bernoulli => Self::Bernoulli,
            LikelihoodName::ContinuousBernoulli => Self::ContinuousBernoulli,
        }
    }
}

/// What is done about pictures of another aspect ratio.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum FitName {
    /// The whole picture, the rest is background
    Fit,
    /// As much of the middle of the picture as fills the image
    Crop,
    /// The whole picture, distorted
    Stretch,
}

/// Values a pixel.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ChannelsName {
    /// One
    Grey,
    /// Three
    Rgb,
}

/// What pictures are brought to.
#[derive(clap::Args)]
#[command(next_help_heading = "Pictures")]
pub(crate) struct DataArgs {
    /// Size that pictures are brought to, or N for a square [default: theirs if they have one of at most 128 a side,
    /// else 64]
    #[arg(long, value_name = "WxH")]
    size: Option<Size>,

    /// What is done about pictures of another aspect ratio [default: crop]
    #[arg(long, value_enum)]
    fit: Option<FitName>,

    /// Channels of the images [default: grey if all pictures are, else rgb]
    #[arg(long, value_enum)]
    channels: Option<ChannelsName>,

    /// What shows through transparent pixels, and around pictures with --fit fit: #rrggbb, white or black [default:
    /// white]
    #[arg(long, value_name = "COLOUR")]
    background: Option<Colour>,

    /// Share of the pictures that may be unreadable, and are left out [default: 0.1]
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE")]
    max_bad: Option<f64>,

    /// From how many bytes on images are kept in a file rather than in memory, as 500M or 4G [default: 2G]
    #[arg(long, value_name = "BYTES", value_parser = byte_count)]
    memory: Option<u64>,

    /// Directory for such files, which serve later runs too; they may be deleted when no run is under way [default:
    /// .elbo-cache beside the run]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// A number of bytes with K, M, G or T for powers of 1024.
fn byte_count(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((end, 'K' | 'k')) => (&text[..end], 10),
        Some((end, 'M' | 'm')) => (&text[..end], 20),
        Some((end, 'G' | 'g')) => (&text[..end], 30),
        Some((end, 'T' | 't')) => (&text[..end], 40),
        _ => (text, 0),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| "a number of bytes, such as 500M or 4G".to_owned())
}

impl DataArgs {
    /// The options, changed by what is given.
    pub(crate) fn change(&self, options: DataOptions) -> anyhow::Result<DataOptions> {
        let fit = self.fit.map(|fit| match fit {
            FitName::Fit => Fit::Fit,
            FitName::Crop => Fit::Crop,
            FitName::Stretch => Fit::Stretch,
        });
        let channels = self.channels.map(|channels| match channels {
            ChannelsName::Grey => Channels::Grey,
            ChannelsName::Rgb => Channels::Rgb,
        });
        let cache = self.cache.as_deref().map(|cache| name_of(Some(cache))).transpose()?;
        Ok(DataOptions {
            size: self.size.or(options.size),
            channels: channels.or(options.channels),
            fit: fit.or(options.fit),
            background: self.background.or(options.background),
            max_bad: self.max_bad.or(options.max_bad),
            memory: self.memory.or(options.memory),
            cache: cache.or(options.cache),
        })
    }
}

/// Train a model
///
/// Trains on DATA and leaves a run directory with the model, its metrics, its settings, its figures, and a checkpoint
/// to go on from. Ctrl-C finishes the step, saves and stops. The model of the epoch with the lowest loss on images that
/// are not trained on is kept beside the last one, as best.safetensors.
#[derive(clap::Args)]
pub(crate) struct TrainArgs {
    /// Directory with pictures (PNG, JPEG, WebP, GIF, BMP or TIFF; directories in it are classes; train, val and test are parts),
    /// or with IDX files as MNIST has them, DIR/PREFIX where there are several sets of these; or a .npy or .npz file
    /// [default: the MNIST built in]
    pub(crate) data: Option<PathBuf>,

    /// Recipe to start from; the options below change it
    #[arg(long, value_enum, default_value_t = RecipeName::Auto, conflicts_with_all = ["config", "resume"])]
    pub(crate) recipe: RecipeName,

    /// Times to go through the training images; a schedule that falls is stretched to it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,

    /// Images a step
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub(crate) batch_size: Option<usize>,

    /// Step size of Adam
    #[arg(long, allow_negative_numbers = true, value_name = "RATE", conflicts_with = "resume")]
    pub(crate) learning_rate: Option<f64>,

    /// Step size of Muon for the weights of all layers but the first and the last; none leaves them to Adam
    #[arg(long, allow_negative_numbers = true, value_name = "RATE|none", value_parser = or_none::<f64>, conflicts_with = "resume")]
    pub(crate) muon_learning_rate: Option<OrNone<f64>>,

    /// Course of the step sizes: one rate throughout, or up and then down to zero
    #[arg(long, value_enum, conflicts_with = "resume")]
    pub(crate) schedule: Option<ScheduleName>,

    /// Share of the run over which step sizes rise [default: 0.1]; means --schedule linear
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE", conflicts_with = "resume")]
    pub(crate) warmup: Option<f64>,

    /// Dimensions of the latent space
    #[arg(long, value_name = "Z", conflicts_with = "resume")]
    pub(crate) latent_dim: Option<usize>,

    /// Channels of each stride-2 stage, 1 to 5 of them, such as 32,64
    #[arg(long, value_name = "C,C", value_delimiter = ',', conflicts_with = "resume")]
    pub(crate) widths: Option<Vec<usize>>,

    /// Tell encoder and decoder the class of each image, which is its label [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", conflicts_with = "resume")]
    pub(crate) conditional: Option<bool>,

    /// What the decoder says of a pixel; losses can be compared only under the same likelihood [default: gaussian, or
    /// sigma-gaussian for images of fewer than 256 values]
    #[arg(long, value_enum, conflicts_with = "resume")]
    pub(crate) likelihood: Option<LikelihoodName>,

    /// Weight of the KL divergence in what is minimised
    #[arg(long, allow_negative_numbers = true, conflicts_with = "resume")]
    pub(crate) beta: Option<f64>,

    /// Share of the steps over which that weight rises from 0 [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE", conflicts_with = "resume")]
    pub(crate) kl_warmup: Option<f64>,

    /// Nats that the KL divergence of each latent dimension of an image counts at least in what is minimised [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "NATS", conflicts_with = "resume")]
    pub(crate) free_bits: Option<f64>,

    /// How the gradient of the KL divergence is estimated
    #[arg(long, value_enum, conflicts_with = "resume")]
    pub(crate) kl_gradient: Option<KlGradientName>,

    /// What fixes all random numbers; equal runs give equal bits
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64), conflicts_with = "resume")]
    pub(crate) seed: Option<u64>,

    /// Share of the training images, class by class, that is held out to measure the loss on after each epoch, in place
    /// of a validation set that the data may have [default: 0.1 where there is no such set and no test set]
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE|none", value_parser = or_none::<f64>, conflicts_with = "resume")]
    pub(crate) validation: Option<OrNone<f64>>,

    /// End the run after this many epochs without a new lowest loss on images that are not trained on. Meant for
    /// --schedule constant: where rates fall to zero, the loss falls most at the end, which such a run may miss
    #[arg(long, value_name = "EPOCHS|none", value_parser = or_none::<u32>)]
    pub(crate) patience: Option<OrNone<u32>>,

    /// Threads; the result is the same for any number [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,

    /// Go through the images in a new random order each epoch
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "no_shuffle", conflicts_with = "resume")]
    pub(crate) shuffle: bool,

    /// Go through the images in the order of the file
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "shuffle", conflicts_with = "resume")]
    pub(crate) no_shuffle: bool,

    /// Run directory, which must not hold a run yet [default: runs/NAME, with a new number]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub(crate) out: Option<PathBuf>,

    /// Settings from the config.toml of a run; options given beside it go before
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) config: Option<PathBuf>,

    /// Go on with the run in this directory, to the same bits as if it had never stopped; with --epochs, further than
    /// planned, where rates that fall go on as if that had been the plan; with --patience, past an early end
    #[arg(long, value_name = "RUN")]
    pub(crate) resume: Option<PathBuf>,

    /// Print the last line only
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) pictures: DataArgs,
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
/// With one sample an image, as the reference measures it, and with the mean of each image's latent distribution.
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
/// operations a second (GFLOP/s). Takes about twenty seconds; let nothing else run.
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
