//! The arguments of `elbo train`.

use super::DataArgs;
use clap::{ArgAction, ValueEnum};
use elbo::{KlGradient, Likelihood};
use std::path::PathBuf;
use std::str::FromStr;

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
