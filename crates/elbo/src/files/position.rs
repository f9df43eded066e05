//! Where a run is.

use crate::network::loss::Loss;
use serde::{Deserialize, Serialize};

/// Where a run is: between which two batches.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// Whole epochs done.
    pub(crate) epochs: u32,
    /// Batches done of the epoch after those.
    pub(crate) batches: usize,
    /// Sums over those batches of the parts of their mean losses.
    pub(crate) reconstruction: f64,
    pub(crate) kl: f64,
    /// Time that they took.
    pub(crate) seconds: f64,
}

impl Position {
    /// The beginning of the epoch after `epochs`.
    pub(crate) fn after(epochs: u32) -> Self {
        Self { epochs, batches: 0, reconstruction: 0.0, kl: 0.0, seconds: 0.0 }
    }

    /// Mean loss of the batches of this epoch so far.
    pub(crate) fn mean_loss(&self) -> Loss {
        Loss { reconstruction: self.reconstruction, kl: self.kl }.mean(self.batches.max(1))
    }
}
