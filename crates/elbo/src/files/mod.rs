//! What a run keeps: model, checkpoint, metrics, and where they lie.

#[cfg(feature = "runs")]
pub(crate) mod checkpoint;
pub(crate) mod metrics;
pub(crate) mod model;
pub(crate) mod position;
pub(crate) mod run_directory;
pub(crate) mod tensors;
