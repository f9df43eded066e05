//! A model to the files of another program.

use super::bundle::{self, Files};
use super::description::describe;
use super::layout::tensors;
use super::scale::{Numbers, Scale};
use super::{ExchangeError, Format, arrays, onnx, python};
use crate::files::Model;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What was exported.
#[derive(Clone, PartialEq, Debug)]
pub struct Exported {
    /// The files, in the order in which one would list them.
    pub files: Vec<PathBuf>,
    /// The numbers that are black and white in images that go in and come out.
    pub ends: [f32; 2],
}

/// Writes a model into a directory, which is made if need be, as a format has it; wholly or not at all.
///
/// # Errors
/// If there are files in the directory or it cannot be written, the model is too large for the format, or `numbers` are
/// those of files and too close together for 32-bit floats.
///
/// # Panics
/// If there are fewer parameters than the network has.
pub fn export(model: &Model, format: Format, numbers: Numbers, directory: &Path) -> Result<Exported, ExchangeError> {
    bundle::check_free(directory)?;
    let scale = Scale::new(numbers, &model.card)?;
    let tensors = tensors(format, &model.card.architecture);
    let description = describe(model, format, scale, &tensors);
    let files: Files = match format {
        Format::Onnx => onnx::files(model, scale, &tensors, &description, directory)?,
        Format::PyTorch => {
            let weights = arrays::safetensors(&tensors, &model.parameters, directory)?;
            let script = python::pytorch(&model.card, scale);
            vec![("weights.safetensors", weights), ("model.py", script), ("model.json", pretty(&description))]
        }
        Format::Keras => {
            let weights = arrays::npz(&tensors, &model.parameters, directory)?;
            let script = python::keras(&model.card, scale);
            vec![("weights.npz", weights), ("model.py", script), ("model.json", pretty(&description))]
        }
        Format::Npz => {
            let weights = arrays::npz(&tensors, &model.parameters, directory)?;
            vec![("weights.npz", weights), ("model.json", pretty(&description))]
        }
    };
    Ok(Exported { files: bundle::write(directory, &files)?, ends: [scale.low, scale.high] })
}

fn pretty(description: &Value) -> Vec<u8> {
    format!("{description:#}\n").into_bytes()
}
