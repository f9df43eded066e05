//! The arguments of `elbo train`.

use super::{DataArgs, DeviceArgs};
use clap::{ArgAction, ValueEnum};
use elbo::Likelihood;
use elbo::dataset::Binarize;
use elbo::network::KlGradient;
use elbo::recipe::ObjectiveKind;
use std::path::PathBuf;
use std::str::FromStr;

/// Recipes to start from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecipeName {
    /// A good model soon: Muon and Adam with step sizes that fall to zero; the network, the batch size and the epochs are
    /// chosen from the shape and the number of the images
    #[value(alias = "fast")]
    Auto,
    /// The published run: 50 epochs, batches of 512 in file order, Adam with a constant step size of 1e-3
    Reference,
}

/// Estimators of the gradient of the KL divergence.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KlGradientName {
    /// From the formula of the divergence
    Analytic,
    /// Through the drawn latent vector: less noise in the gradient of the encoder
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

/// Training objectives.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ObjectiveName {
    /// The evidence lower bound, with the KL divergence weighted by --beta
    Elbo,
    /// The importance-weighted bound of --samples latent vectors per image: closer to the likelihood of the image
    Iwae,
    /// The evidence lower bound with only the total correlation of the latent dimensions weighted by --beta: makes them
    /// independent of each other
    BetaTc,
}

impl From<ObjectiveName> for ObjectiveKind {
    fn from(name: ObjectiveName) -> Self {
        match name {
            ObjectiveName::Elbo => Self::Elbo,
            ObjectiveName::Iwae => Self::Iwae,
            ObjectiveName::BetaTc => Self::BetaTc,
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

/// How step sizes change.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScheduleName {
    /// The same in all steps
    Constant,
    /// Linearly up from zero, then linearly down to zero
    Linear,
}

/// Likelihoods of a pixel.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LikelihoodName {
    /// Gaussian of unit variance: half the squared error, without the constant pixels/2 ln(2 pi)
    Gaussian,
    /// Gaussian with one learned variance for all pixels
    SigmaGaussian,
    /// Cross-entropy: for black and white pixels; not a density for grey ones
    Bernoulli,
    /// Cross-entropy with the constant that makes it a density for pixels from 0 to 1
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

/// Whether and when grey pixels are drawn black or white.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum BinarizeName {
    /// Once
    Static,
    /// Anew in each epoch; images that are not trained on once
    Dynamic,
}

impl From<BinarizeName> for Binarize {
    fn from(name: BinarizeName) -> Self {
        match name {
            BinarizeName::Static => Self::Static,
            BinarizeName::Dynamic => Self::Dynamic,
        }
    }
}

/// Train a model
///
/// Trains on DATA and writes a run directory with the model, metrics, settings, figures, and a checkpoint to continue from.
/// Ctrl-C finishes the current step, saves and stops. The model of the epoch with the lowest loss on images that are not
/// trained on is kept too, as best.safetensors.
#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    clippy::doc_markdown,
    reason = "switches of a command; its help is no Markdown"
)]
pub(crate) struct TrainArgs {
    /// Directory of pictures (PNG, JPEG, WebP, GIF, BMP or TIFF; each directory in it is a class, and train, val and test are
    /// the parts of the data set); or directory of IDX files like those of MNIST, DIR/PREFIX if it has several sets; or a
    /// .npy or .npz file [default: the built-in MNIST]
    pub(crate) data: Option<PathBuf>,

    /// Settings to start from; the options below change them
    #[arg(long, value_enum, default_value_t = RecipeName::Auto, conflicts_with_all = ["config", "resume"])]
    pub(crate) recipe: RecipeName,

    /// Number of times to go through the training images; the schedule of the step sizes is stretched over them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,

    /// Images per step
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub(crate) batch_size: Option<usize>,

    /// Step size of Adam
    #[arg(long, allow_negative_numbers = true, value_name = "RATE", conflicts_with = "resume")]
    pub(crate) learning_rate: Option<f64>,

    /// Step size of Muon, for the weights of all layers except the first and the last; none: use Adam for these too
    #[arg(long, allow_negative_numbers = true, value_name = "RATE|none", value_parser = or_none::<f64>, conflicts_with = "resume")]
    pub(crate) muon_learning_rate: Option<OrNone<f64>>,

    /// How step sizes change: constant, or up and then down to zero
    #[arg(long, value_enum, conflicts_with = "resume")]
    pub(crate) schedule: Option<ScheduleName>,

    /// Share of the run, from 0 to 1, in which step sizes rise; implies --schedule linear [default: 0.1]
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE", conflicts_with = "resume")]
    pub(crate) warmup: Option<f64>,

    /// Number of dimensions of the latent space
    #[arg(long, value_name = "Z", conflicts_with = "resume")]
    pub(crate) latent_dim: Option<usize>,

    /// Channels of each of the 1 to 5 stages of the encoder, such as 32,64; each stage halves the image's sides
    #[arg(long, value_name = "C,C", value_delimiter = ',', num_args = 1, action = ArgAction::Set, conflicts_with = "resume")]
    pub(crate) widths: Option<Vec<usize>>,

    /// Train a conditional model: encoder and decoder are given the class (label) of each image [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", conflicts_with = "resume")]
    pub(crate) conditional: Option<bool>,

    /// Distribution of a pixel, given the latent vector; losses can be compared only for the same likelihood [default:
    /// gaussian, or sigma-gaussian for images of fewer than 256 values]
    #[arg(long, value_enum, conflicts_with = "resume")]
    pub(crate) likelihood: Option<LikelihoodName>,

    /// Draw each pixel black or white, with its grey value as the probability of white; implies --likelihood bernoulli, unless
    /// another is given. Later commands do the same to images for the model
    #[arg(long, value_enum, conflicts_with = "resume")]
    pub(crate) binarize: Option<BinarizeName>,

    /// What training minimises
    #[arg(long, value_enum, conflicts_with = "resume")]
    pub(crate) objective: Option<ObjectiveName>,

    /// Latent vectors drawn for each image in a step, with --objective iwae [default: 5]
    #[arg(long, value_name = "K", conflicts_with = "resume")]
    pub(crate) samples: Option<u32>,

    /// Components of a mixture of Gaussians that is learned as the prior; none is the standard normal
    #[arg(long, value_name = "K|none", value_parser = or_none::<usize>, conflicts_with = "resume")]
    pub(crate) prior_components: Option<OrNone<usize>>,

    /// Weight of the KL divergence in the training objective; with --objective beta-tc, of its part that is the total
    /// correlation
    #[arg(long, allow_negative_numbers = true, conflicts_with = "resume")]
    pub(crate) beta: Option<f64>,

    /// Share of the steps, from 0 to 1, in which the weight of the KL divergence rises from 0 [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE", conflicts_with = "resume")]
    pub(crate) kl_warmup: Option<f64>,

    /// Smallest KL divergence, in nats, that each latent dimension of an image counts in the training objective: there is no
    /// gain in going below it [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "NATS", conflicts_with = "resume")]
    pub(crate) free_bits: Option<f64>,

    /// How to estimate the gradient of the KL divergence
    #[arg(long, value_enum, conflicts_with = "resume")]
    pub(crate) kl_gradient: Option<KlGradientName>,

    /// Random seed: the same settings, data and seed give the same model, bit for bit, on the same kind of device
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64), conflicts_with = "resume")]
    pub(crate) seed: Option<u64>,

    /// Share of the training images of each class to hold out: the loss on them is measured after each epoch. They replace
    /// the validation set of the data, if there is one [default: 0.1 if the data have neither a validation set nor a test
    /// set, else none]
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE|none", value_parser = or_none::<f64>, conflicts_with = "resume")]
    pub(crate) validation: Option<OrNone<f64>>,

    /// Stop after this many epochs without a new lowest loss on images that are not trained on. Use it with --schedule
    /// constant: with step sizes that fall to zero, the loss falls most at the end, and stopping early would lose that
    #[arg(long, value_name = "EPOCHS|none", value_parser = or_none::<u32>)]
    pub(crate) patience: Option<OrNone<u32>>,

    #[command(flatten)]
    pub(crate) on: DeviceArgs,

    /// Go through the images in a new random order each epoch
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "no_shuffle", conflicts_with = "resume")]
    pub(crate) shuffle: bool,

    /// Go through the images in the order of the files
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "shuffle", conflicts_with = "resume")]
    pub(crate) no_shuffle: bool,

    /// Run directory to write; it must not hold a run already [default: runs/NAME, with a number if that exists]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub(crate) out: Option<PathBuf>,

    /// Take the settings from the config.toml of a run; options on the command line override them
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) config: Option<PathBuf>,

    /// Continue the run in this directory, or of this checkpoint.safetensors; on the same device, the result is the same, bit
    /// for bit, as if it had never stopped. With
    /// --epochs it trains to that number of epochs, and step sizes go on as if that had been the plan; with --patience it
    /// can go on after an early end
    #[arg(long, value_name = "RUN")]
    pub(crate) resume: Option<PathBuf>,

    /// Stop after this many epochs of the run, saved to go on with --resume: step sizes stay those of the whole run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) stop_after: Option<u32>,

    /// Write what is measured after each epoch, with samples and reconstructions, for TensorBoard, to a directory in this one
    /// that is called as the run directory. A run that goes on needs it again
    #[arg(long, value_name = "DIR")]
    pub(crate) tensorboard: Option<PathBuf>,

    /// Draw no figures at the end; elbo figures draws them later
    #[arg(long)]
    pub(crate) no_figures: bool,

    /// Save and stop when standard input ends, as on Ctrl-C; for programs that start this one
    #[arg(long, hide = true)]
    pub(crate) while_stdin: bool,

    /// Print only the last line
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) pictures: DataArgs,
}
