//! Anomalies: images unlike those that a model was trained on.
//!
//! A model of normal images alone gives others a higher loss, since its decoder never learned to make them. [`scores`]
//! measures it image by image, [`threshold`] says from which score on an image is no longer normal, by normal images and a
//! rate of false alarms, and [`ranking`] tells how well a score parts the two where it is known which is which. Scores are
//! in nats as they are, never rescaled.

pub mod ranking;
mod scores;
mod threshold;

pub use crate::files::threshold::{AnomalyThreshold, Score};
pub use scores::{error_map, reconstructed, scores};
pub use threshold::{ThresholdError, threshold};
