//! Whether a model is well: what can be measured of it, and rules that tell the usual ways in which training fails.
//!
//! [`measure`] looks at images, [`findings`] applies the rules to that and to the course of the losses. Each [`Finding`] has
//! its numbers; where there is none, nothing is wrong as far as these rules go. Each rule is documented at its finding, with
//! its threshold and why.

mod course;
#[cfg(feature = "figures")]
pub(crate) mod figure;
mod latent;
mod measure;

use crate::files::metrics::EpochMetrics;
use crate::recipe::Recipe;
use std::fmt;

pub use course::{dead_decoder, is_slow, standstill};
pub use latent::{ACTIVE, LatentUse};
pub use measure::{Measured, evenly, measure, sigma};

/// What the rules look at. Whatever is missing is not judged.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// How the model was trained.
    pub recipe: &'a Recipe,
    /// The standard deviation of the pixels under a Gaussian likelihood; see [`sigma`].
    pub sigma: Option<f64>,
    /// Images that were not trained on.
    pub held_out: Option<&'a Measured>,
    /// Images that were trained on.
    pub training: Option<&'a Measured>,
    /// The epochs until the model was as it is.
    pub history: &'a [EpochMetrics],
}

/// Something wrong with a model, with the numbers that show it. Its [`Display`](fmt::Display) says them in words.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Finding {
    /// The training loss has risen from its lowest value by more than half of its fall until then, or a loss is not finite.
    /// A loss that stumbles comes back within an epoch or two; one that has lost half of what it had won does not.
    Diverged {
        /// The epoch of the lowest training loss.
        epoch: u32,
        /// That loss, in nats per image; NaN where one is not finite.
        lowest: f64,
        /// The last one.
        now: f64,
    },
    /// The reconstruction has had the same loss since epoch 2, to a millionth; see [`dead_decoder`].
    DeadDecoder {
        /// The loss of the reconstruction, in nats per image.
        reconstruction: f64,
    },
    /// Reconstructions are worse than the mean image is: the share of the variance that they explain is below -0.05. Zero is
    /// what a decoder reaches first and without any latent vector; 0.05 is room for the mean of other images.
    Untrained {
        /// The share explained.
        explained: f64,
    },
    /// Over the last fifth of the epochs the loss fell by more than a tenth of its whole fall, and by more than a thousandth of
    /// itself: with more epochs it falls on.
    StillFalling {
        /// The fall over the last epochs, in nats per image.
        fall: f64,
        /// How many these are.
        epochs: u32,
        /// The fall since the first epoch.
        whole: f64,
    },
    /// The training loss has not fallen by a thousandth since epoch 2; see [`standstill`].
    Standstill {
        /// The training loss of epoch 2, in nats per image.
        before: f64,
        /// The last one.
        now: f64,
    },
    /// The latent vectors say nothing of the images: a divergence below 0.1 nats per image, as
    /// [`Loss::is_collapsed`](crate::Loss::is_collapsed) has it, or no latent dimension that is [`ACTIVE`]. Of images that are
    /// all equal, or a single one, this cannot be told.
    Collapsed {
        /// The divergence, in nats per image.
        kl: f64,
        /// Active dimensions, if that was measured.
        active: Option<usize>,
        /// Latent dimensions.
        dim: usize,
    },
    /// At most a quarter of the latent dimensions is active, and reconstructions explain less than half of the variance. That
    /// dimensions are left unused is no failure by itself: those that would cost more nats than they save are (Lucas et al.,
    /// 2019, section 4), and half of them are on MNIST at unit variance. Few of them and poor reconstructions are.
    PartlyCollapsed {
        /// Active dimensions.
        active: usize,
        /// Latent dimensions.
        dim: usize,
        /// The share of the variance explained.
        explained: f64,
    },
    /// Reconstructions of images that were not trained on explain less of the variance than those of images that were, by more
    /// than 0.2. A share has no unit, so that the rule is the same for every likelihood; two samples of the same images differ
    /// by a few hundredths.
    OverFitted {
        /// The share of the variance explained on training images.
        training: f64,
        /// That on others.
        held_out: f64,
    },
    /// The held-out loss has risen from its lowest by more than a tenth of its fall until then, while the training loss fell.
    OverFittedSince {
        /// The epoch of the lowest held-out loss.
        epoch: u32,
        /// That loss, in nats per image.
        lowest: f64,
        /// The last one.
        now: f64,
    },
    /// The Gaussian's standard deviation is more than three times the error of the reconstructions, which explain less than
    /// half of the variance: under it, what is left out of an image is noise, not worth the nats that would tell it. A wide
    /// Gaussian alone is no fault: 1 is six times the error on MNIST, where more than half is explained all the same.
    ///
    /// `beta` counts: a divergence of weight `beta` beside a variance is the same objective, times `beta`, as one of weight 1
    /// beside `beta` times the variance (Rybkin, Daniilidis and Levine, 2021, section 3), so that the standard deviation is
    /// taken as `sigma * sqrt(beta)`.
    TooWide {
        /// The standard deviation, times the root of `beta`, of values from 0 to 1.
        sigma: f64,
        /// The root of the mean square error of a value.
        error: f64,
        /// The share of the variance explained.
        explained: f64,
    },
    /// The standard deviation, taken likewise, is less than a third of the error: errors that the model makes everywhere count
    /// as all but impossible, and the divergence, which makes new images like the others, next to nothing beside them.
    TooNarrow {
        /// The standard deviation, times the root of `beta`, of values from 0 to 1.
        sigma: f64,
        /// The root of the mean square error of a value.
        error: f64,
    },
}

/// What [`Finding`]s take: the room for the mean of other images, the least share explained that is no failure, the share of
/// active dimensions, the loss of it that is over-fitting, and how often the error goes into sigma.
const WORSE_THAN_MEAN: f64 = -0.05;
const HALF: f64 = 0.5;
const QUARTER: usize = 4;
const GAP: f64 = 0.2;
const TIMES: f64 = 3.0;

/// What is wrong with a model, the causes before what follows from them; nothing where it is healthy.
#[must_use]
pub fn findings(evidence: &Evidence<'_>) -> Vec<Finding> {
    let Evidence { recipe, sigma, held_out, training, history } = *evidence;
    let mut found = Vec::new();
    if let Some(not_finite) = training.into_iter().chain(held_out).find(|measured| !measured.loss.is_finite()) {
        return vec![Finding::Diverged {
            epoch: history.last().map_or(0, |row| row.epoch),
            lowest: f64::NAN,
            now: not_finite.loss.total(),
        }];
    }
    // With another weight the losses of the epochs, which are those of weight 1, may rise while what is minimised falls.
    let minimised = if recipe.beta == 1.0 { history } else { &[] };
    let broken = course::diverged(minimised).or_else(|| dead_decoder(history, recipe));
    found.extend(broken);
    let fitted = training.or(held_out);
    let explained = fitted.and_then(Measured::explained);
    let untrained =
        explained.filter(|share| *share < WORSE_THAN_MEAN).map(|explained| Finding::Untrained { explained });
    found.extend(untrained);
    if broken.is_none() {
        found.extend(course::still_falling(history).or_else(|| standstill(history)));
    }
    let width = fitted.zip(sigma).and_then(|(fitted, sigma)| width(fitted, sigma * recipe.beta.max(0.0).sqrt()));
    // Too wide a likelihood may be why not even the mean image is learned.
    found.extend(width.filter(|width| untrained.is_none() || matches!(width, Finding::TooWide { .. })));
    // What has not learned the mean image is too young for any of this to mean something.
    if untrained.is_none() {
        found.extend(held_out.or(fitted).and_then(|measured| collapse(measured, explained)));
        found.extend(course::risen(minimised).or_else(|| {
            let (training, held_out) = (training?.explained()?, held_out?.explained()?);
            (training - held_out > GAP).then_some(Finding::OverFitted { training, held_out })
        }));
    }
    found
}

/// Whether a likelihood of this standard deviation is too wide or too narrow.
fn width(measured: &Measured, sigma: f64) -> Option<Finding> {
    let error = measured.error();
    let explained = measured.explained()?;
    if sigma > TIMES * error && explained < HALF {
        return Some(Finding::TooWide { sigma, error, explained });
    }
    (sigma * TIMES < error).then_some(Finding::TooNarrow { sigma, error })
}

fn collapse(measured: &Measured, explained: Option<f64>) -> Option<Finding> {
    // Of equal images all latent vectors are equal, however much they say.
    measured.explained()?;
    let (active, dim) = (measured.latent.active(), measured.latent.dim());
    if measured.loss.is_collapsed() || active == 0 {
        return Some(Finding::Collapsed { kl: measured.loss.kl, active: Some(active), dim });
    }
    let explained = explained?;
    (active * QUARTER <= dim && explained < HALF).then_some(Finding::PartlyCollapsed { active, dim, explained })
}

impl Finding {
    /// What it is called: `posterior collapse`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Diverged { .. } => "diverged",
            Self::DeadDecoder { .. } => "dead decoder",
            Self::Untrained { .. } | Self::StillFalling { .. } => "under-trained",
            Self::Standstill { .. } => "standstill",
            Self::Collapsed { .. } => "posterior collapse",
            Self::PartlyCollapsed { .. } => "partly collapsed",
            Self::OverFitted { .. } | Self::OverFittedSince { .. } => "over-fitted",
            Self::TooWide { .. } => "likelihood too wide",
            Self::TooNarrow { .. } => "likelihood too narrow",
        }
    }
}

/// The numbers that show it.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        match *self {
            Self::Diverged { lowest, .. } if lowest.is_nan() => write!(f, "a loss is not finite"),
            Self::Diverged { epoch, lowest, now } => {
                write!(f, "the training loss was {lowest:.4} nats per image in epoch {epoch} and is {now:.4} now")
            }
            Self::DeadDecoder { reconstruction } => write!(
                f,
                "the decoder makes the same of every latent vector: its loss has been {reconstruction:.4} nats per image \
                 since epoch 2"
            ),
            Self::Untrained { explained } => write!(
                f,
                "reconstructions are worse than the mean image: they explain {} of the images' variance",
                percent(explained)
            ),
            Self::StillFalling { fall, epochs: 1, whole } => {
                write!(f, "the loss fell by {fall:.4} nats in the last epoch, of {whole:.4} since the first")
            }
            Self::StillFalling { fall, epochs, whole } => {
                write!(f, "the loss fell by {fall:.4} nats in the last {epochs} epochs, of {whole:.4} since the first")
            }
            Self::Standstill { before, now } => write!(
                f,
                "the loss on the training images has not fallen since epoch 2 ({before:.4}, now {now:.4} nats per image)"
            ),
            Self::Collapsed { kl, active, dim } => {
                let active =
                    active.map_or(String::new(), |active| format!(", {active} of {dim} latent dimensions active"));
                write!(f, "the latent vectors say nothing of the images (KL {kl:.4} nats{active})")
            }
            Self::PartlyCollapsed { active, dim, explained } => write!(
                f,
                "{active} of {dim} latent dimensions are active, and reconstructions explain {} of the images' variance",
                percent(explained)
            ),
            Self::OverFitted { training, held_out } => write!(
                f,
                "reconstructions explain {} of the variance of training images, and {} of that of others",
                percent(training),
                percent(held_out)
            ),
            Self::OverFittedSince { epoch, lowest, now } => write!(
                f,
                "the held-out loss was {lowest:.4} nats per image after epoch {epoch} and is {now:.4} now, while the training \
                 loss fell"
            ),
            Self::TooWide { sigma, error, explained } => write!(
                f,
                "a standard deviation of {sigma:.4} beside an error of {error:.4}, and reconstructions explain {} of the \
                 images' variance",
                percent(explained)
            ),
            Self::TooNarrow { sigma, error } => {
                write!(f, "a standard deviation of {sigma:.4} beside an error of {error:.4}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
