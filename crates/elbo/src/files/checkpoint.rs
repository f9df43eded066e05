//! All that is needed to go on with a run as if it had never stopped.

use super::position::Position;
use crate::engine::OptimizerState;
use crate::files::metrics::EpochMetrics;
use crate::files::model::DataSummary;
use crate::files::tensors::{self, Document, Group, TensorFile, TensorFileError};
use crate::network::architecture::Architecture;
use crate::network::parameters::ParameterTable;
use crate::recipe::settings::Settings;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// The part of a checkpoint that is no tensor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckpointCard {
    pub(crate) architecture: Architecture,
    pub(crate) settings: Settings,
    pub(crate) data: DataSummary,
    pub(crate) position: Position,
    /// How long the run has taken, in seconds. None in files that were written before there was this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) elapsed: Option<f64>,
    pub(crate) adam_step: u64,
    /// On what its last bits depend: see [`Engine::arithmetic`](crate::Engine::arithmetic). None in files that were written
    /// before there was this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arithmetic: Option<String>,
    pub(crate) history: Vec<EpochMetrics>,
}

impl CheckpointCard {
    /// How long the run has taken: all of it, or what is known of it.
    pub(crate) fn elapsed(&self) -> Duration {
        let in_steps = || self.history.iter().map(|row| row.seconds).sum::<f64>() + self.position.seconds;
        // A damaged file may say anything.
        Duration::try_from_secs_f64(self.elapsed.unwrap_or_else(in_steps)).unwrap_or_default()
    }
}

impl Document for CheckpointCard {
    const KIND: &'static str = "checkpoint";
}

/// A checkpoint in memory.
pub(crate) struct Checkpoint {
    pub(crate) card: CheckpointCard,
    pub(crate) parameters: Vec<f32>,
    pub(crate) optimizer: OptimizerState,
}

const PARAMETERS: &str = "parameters.";
const MEAN: &str = "adam.mean.";
const SQUARE: &str = "adam.square.";

/// Writes a checkpoint, wholly or not at all.
pub(crate) fn write(
    path: &Path,
    card: &CheckpointCard,
    parameters: &[f32],
    optimizer: &OptimizerState,
) -> Result<(), TensorFileError> {
    let groups = [
        Group { prefix: PARAMETERS, values: parameters },
        Group { prefix: MEAN, values: &optimizer.mean },
        Group { prefix: SQUARE, values: &optimizer.square },
    ];
    tensors::write(path, card, &ParameterTable::new(&card.architecture), &groups)
}

/// Reads a checkpoint.
pub(crate) fn read(path: &Path) -> Result<Checkpoint, TensorFileError> {
    let file = TensorFile::<CheckpointCard>::read(path)?;
    let table = ParameterTable::new(&file.document.architecture);
    let parameters = file.group(&table, PARAMETERS)?;
    let (mean, square) = (file.group(&table, MEAN)?, file.group(&table, SQUARE)?);
    file.check()?;
    let optimizer = OptimizerState { step: file.document.adam_step, mean, square };
    Ok(Checkpoint { card: file.document, parameters, optimizer })
}
