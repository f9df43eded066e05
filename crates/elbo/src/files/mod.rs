//! What a run keeps: model, checkpoint, metrics, and where they lie.

#[cfg(feature = "runs")]
mod change;
#[cfg(feature = "runs")]
pub(crate) mod checkpoint;
#[cfg(feature = "arrays")]
pub(crate) mod codes;
#[cfg(feature = "runs")]
pub(crate) mod lock;
pub(crate) mod metrics;
pub(crate) mod model;
pub(crate) mod npy;
pub(crate) mod position;
pub(crate) mod run_directory;
pub(crate) mod tensors;
pub(crate) mod threshold;

#[cfg(feature = "arrays")]
pub use codes::{Codes, CodesError, CodesKind, CodesOrigin, OriginPart, ReadCodes};
#[cfg(feature = "runs")]
pub use metrics::read_metrics;
pub use metrics::{EpochMetrics, best_epoch};
pub use model::{DataSummary, HeldOutError, Model, ModelCard, ModelMetrics, PartImages, Tested};
pub use run_directory::{RunDirectory, RunDirectoryError};
pub use tensors::{NewerFileError, TensorFileError, TensorNotFiniteError};
pub use threshold::{AnomalyThreshold, Score};
