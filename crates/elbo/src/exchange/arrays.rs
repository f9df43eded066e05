//! Weights by name in one file: safetensors and `.npz`, written and read.

use super::layout::Foreign;
use super::{ExchangeError, Format};
use crate::dataset::numpy::floats;
use crate::files::{TensorNotFiniteError, npy};
use crate::storage::{open_file, read_file};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeSet;
use std::io::{BufReader, Cursor, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// From so many bytes on a member of an archive needs lengths of 64 bits.
const LARGE: usize = 1 << 31;

/// A safetensors file of all tensors; errors call it by its directory.
pub(super) fn safetensors(tensors: &[Foreign], parameters: &[f32], path: &Path) -> Result<Vec<u8>, ExchangeError> {
    let wrong = |error: safetensors::SafeTensorError| malformed(path, error.to_string());
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|tensor| little_endian(&tensor.numbers(parameters))).collect();
    let mut views = Vec::new();
    for (tensor, bytes) in tensors.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(wrong)?;
        views.push((tensor.name.clone(), view));
    }
    safetensors::serialize(views, None).map_err(wrong)
}

/// An `.npz` file of all tensors; errors call it by its directory. There is no time in it, so that equal models make equal
/// files.
pub(super) fn npz(tensors: &[Foreign], parameters: &[f32], path: &Path) -> Result<Vec<u8>, ExchangeError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let write = |archive: &mut ZipWriter<Cursor<Vec<u8>>>, tensor: &Foreign| -> Result<(), String> {
        let array = npy::floats(&tensor.shape, &tensor.numbers(parameters));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(array.len() >= LARGE);
        archive.start_file(format!("{}.npy", tensor.name), options).map_err(|error| error.to_string())?;
        archive.write_all(&array).map_err(|error| error.to_string())
    };
    for tensor in tensors {
        write(&mut archive, tensor).map_err(|reason| malformed(path, reason))?;
    }
    Ok(archive.finish().map_err(|error| malformed(path, error.to_string()))?.into_inner())
}

/// The parameters that a file of weights holds: all of these tensors, and no others.
pub(super) fn read(path: &Path, format: Format, tensors: &[Foreign]) -> Result<Vec<f32>, ExchangeError> {
    let numbers = if format == Format::PyTorch { read_safetensors(path, tensors)? } else { read_npz(path, tensors)? };
    gathered(path, tensors, &numbers)
}

/// Puts the numbers of each tensor in their place.
pub(super) fn gathered(path: &Path, tensors: &[Foreign], numbers: &[Vec<f32>]) -> Result<Vec<f32>, ExchangeError> {
    let mut parameters = vec![0.0; numbers.iter().map(Vec::len).sum()];
    for (tensor, numbers) in tensors.iter().zip(numbers) {
        if let Some(position) = numbers.iter().position(|number| !number.is_finite()) {
            let (path, name, value) = (path.to_owned(), tensor.name.clone(), numbers[position]);
            return Err(TensorNotFiniteError { path, name, position, value }.into());
        }
        tensor.take(numbers, &mut parameters);
    }
    Ok(parameters)
}

fn read_safetensors(path: &Path, tensors: &[Foreign]) -> Result<Vec<Vec<f32>>, ExchangeError> {
    let bytes = read_file(path)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| malformed(path, format!("not a safetensors file, or cut short: {error}")))?;
    check_known(path, tensors, file.names().into_iter())?;
    let read = |tensor: &Foreign| {
        let found = file.tensor(&tensor.name).map_err(|_| wrong(path, tensor, "is not there".to_owned()))?;
        if found.dtype() != Dtype::F32 || found.shape() != tensor.shape {
            return Err(wrong(path, tensor, format!("is {:?} {:?}", found.dtype(), found.shape())));
        }
        Ok(from_little_endian(found.data()))
    };
    tensors.iter().map(read).collect()
}

fn read_npz(path: &Path, tensors: &[Foreign]) -> Result<Vec<Vec<f32>>, ExchangeError> {
    let file = open_file(path)?;
    let not_npz = |error: zip::result::ZipError| malformed(path, format!("not an .npz file, or cut short: {error}"));
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(not_npz)?;
    let names: Vec<String> = archive.file_names().flatten().map(std::borrow::Cow::into_owned).collect();
    check_known(path, tensors, names.iter().map(|name| name.strip_suffix(".npy").unwrap_or(name)))?;
    let mut read = |tensor: &Foreign| {
        let found = archive
            .by_name(&format!("{}.npy", tensor.name))
            .map_err(|_| wrong(path, tensor, "is not there".to_owned()))?;
        floats(BufReader::new(found), &tensor.shape).map_err(|found| wrong(path, tensor, found))
    };
    tensors.iter().map(&mut read).collect()
}

/// Checks that the network has all tensors of a file.
fn check_known<'a>(
    path: &Path,
    tensors: &[Foreign],
    names: impl Iterator<Item = &'a str>,
) -> Result<(), ExchangeError> {
    let known: BTreeSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    // The first by name, since a file has no order that a reader would see.
    match names.filter(|name| !known.contains(name)).min() {
        None => Ok(()),
        Some(name) => Err(ExchangeError::Unknown { path: path.to_owned(), name: name.escape_debug().to_string() }),
    }
}

pub(super) fn wrong(path: &Path, tensor: &Foreign, found: String) -> ExchangeError {
    let (path, name, expected) = (path.to_owned(), tensor.name.clone(), tensor.shape.clone());
    ExchangeError::Tensor { path, name, expected, found }
}

pub(super) fn malformed(path: &Path, reason: String) -> ExchangeError {
    ExchangeError::Malformed { path: path.to_owned(), reason }
}

pub(super) fn little_endian(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

pub(super) fn from_little_endian(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
