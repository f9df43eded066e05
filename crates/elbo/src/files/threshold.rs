//! What a model file keeps of a threshold between normal images and anomalies.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How unlike the images that a model was trained on an image is, in nats: the higher, the more so.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Score {
    /// The negative evidence lower bound, reconstruction plus divergence (An and Cho, 2015, have the first alone). It
    /// bounds the image's `-log p(x)` from above.
    #[default]
    Loss,
    /// Its first part, the negative log-likelihood of the image given its latent vector, in the mean over draws: what the
    /// decoder could not make.
    Reconstruction,
    /// Its second part, the divergence of the image's latent distribution from the standard normal (Kullback-Leibler): how
    /// far from where most images lie the encoder puts it.
    Kl,
}

impl Score {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Loss, Self::Reconstruction, Self::Kl];
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Loss => "loss",
            Self::Reconstruction => "reconstruction",
            Self::Kl => "kl",
        })
    }
}

/// Above which score an image counts as an anomaly, and how that was found.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnomalyThreshold {
    /// Of which score.
    pub score: Score,
    /// The threshold, in nats: what is above it is an anomaly.
    pub value: f64,
    /// The share of normal images that it may take for anomalies.
    pub false_alarms: f64,
    /// Normal images that it was found on.
    pub images: usize,
    /// Draws of which the score of each was the mean.
    pub samples: u32,
    /// Seed of the draws.
    pub seed: u64,
}

impl AnomalyThreshold {
    /// Checks that it can have been found; else says what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { value, false_alarms, images, samples, .. } = *self;
        if !value.is_finite() {
            Err(format!("a threshold of {value} nats"))
        } else if !(false_alarms > 0.0 && false_alarms < 1.0) {
            Err(format!("a threshold with a rate of false alarms of {false_alarms:?}, which is above 0 and below 1"))
        } else if images == 0 || samples == 0 {
            Err(format!("a threshold of {images} images and {samples} draws of each"))
        } else {
            Ok(())
        }
    }

    /// Whether an image of this score is an anomaly.
    #[must_use]
    pub fn is_anomaly(&self, score: f64) -> bool {
        // So that a score that is not a number is one too.
        score.is_nan() || score > self.value
    }
}
