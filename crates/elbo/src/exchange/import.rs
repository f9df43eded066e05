//! A model from the files of another program.

use super::description::Description;
use super::layout::tensors;
use super::{ExchangeError, Format, arrays, onnx};
use crate::files::Model;
use crate::storage::{directory_of, read_file};
use std::path::{Path, PathBuf};

/// A model that was read back.
#[derive(Clone, PartialEq, Debug)]
pub struct Imported {
    /// The model.
    pub model: Model,
    /// How its files had it.
    pub format: Format,
    /// Whether its parameters are others than those that were exported: it was trained further. What was measured of those
    /// and fitted to their codes and scores is then no longer said.
    pub is_changed: bool,
}

/// Reads a model that [`export`](super::export) wrote: from its directory, or from the file with the weights, of any name,
/// beside which `model.json` must lie.
///
/// # Errors
/// If there is none, a file is damaged or no export of this program, or a tensor is missing, is one that the network does not
/// have, is of another type or shape, or has a number that is NaN or infinite.
pub fn import(path: &Path) -> Result<Imported, ExchangeError> {
    let (description, parameters) = match find(path)? {
        Found::Onnx(directory) => onnx::read(&directory)?,
        Found::Described { description: beside, weights } => {
            let description = Description::read(&read_file(&beside)?, &beside)?;
            let format = description.framework;
            let Some(name) = format.weights() else {
                let reason = "it is of an ONNX model, which lies in encoder.onnx and decoder.onnx".to_owned();
                return Err(ExchangeError::Foreign { path: beside, reason });
            };
            let weights = weights.unwrap_or_else(|| beside.with_file_name(name));
            let tensors = tensors(format, &description.card.architecture);
            let parameters = arrays::read(&weights, format, &tensors)?;
            (description, parameters)
        }
    };
    let Description { framework, digest, card, .. } = description;
    let mut model = Model { card, parameters };
    let is_changed = model.digest() != digest;
    if is_changed {
        model.card.forget_weights();
    }
    Ok(Imported { model, format: framework, is_changed })
}

/// Where an exported model lies.
enum Found {
    /// The directory of its two graphs.
    Onnx(PathBuf),
    /// Its description, and its weights if they were named.
    Described { description: PathBuf, weights: Option<PathBuf> },
}

fn find(path: &Path) -> Result<Found, ExchangeError> {
    let foreign = |reason: &str| ExchangeError::Foreign { path: path.to_owned(), reason: reason.to_owned() };
    if path.is_dir() {
        let description = path.join("model.json");
        if onnx::FILES.iter().any(|name| path.join(name).exists()) {
            return Ok(Found::Onnx(path.to_owned()));
        }
        if !description.exists() {
            return Err(foreign("there is no encoder.onnx and no model.json in it"));
        }
        return Ok(Found::Described { description, weights: None });
    }
    let directory = directory_of(path);
    if !path.exists() {
        // The system's own words for it.
        read_file(path)?;
    }
    if path.extension().is_some_and(|extension| extension == "onnx") {
        if onnx::FILES.iter().all(|name| path.file_name().is_none_or(|found| found != *name)) {
            return Err(foreign("a model is two files, encoder.onnx and decoder.onnx, in one directory"));
        }
        return Ok(Found::Onnx(directory.to_owned()));
    }
    let description = directory.join("model.json");
    if path.file_name() == description.file_name() {
        return Ok(Found::Described { description, weights: None });
    }
    if !description.exists() {
        return Err(foreign("there is no model.json beside it, which says what network it is of"));
    }
    Ok(Found::Described { description, weights: Some(path.to_owned()) })
}
