//! What is said of training while it goes on.

use crate::files::metrics::EpochMetrics;

/// What a call of [`Training::advance`](super::Training::advance) did.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// One step.
    Batch(BatchProgress),
    /// The end of an epoch: the held-out loss is measured. A run with a directory is saved, unless an epoch was saved just
    /// before; its model as the best one too, if that loss is the lowest so far.
    Epoch(EpochMetrics),
}

/// Where training is within an epoch.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BatchProgress {
    /// Number of the epoch; the first is 1.
    pub epoch: u32,
    /// Batches done of this epoch.
    pub batch: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// Mean loss over the epoch's batches so far, in nats per image.
    pub loss: f64,
    /// Images trained on in one second, in this epoch.
    pub images_per_second: f64,
}
