//! Named tensors in a safetensors file, with one JSON document as its metadata.

use crate::network::parameters::ParameterTable;
use crate::storage::{StorageError, write_atomically};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The one key of the metadata; its value is JSON. A single key keeps the bytes of a file the same from run to run.
const METADATA_KEY: &str = "elbo";

/// A file of tensors is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum TensorFileError {
    /// It could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It is no safetensors file, or cut short.
    #[error("{}: not a safetensors file, or cut short: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It was not written by this program, or by a much older or newer one.
    #[error("{}: not a {kind} of this program: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it should be.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A newer program wrote it.
    #[error("{}: has format {found}; this program knows formats up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that this program reads.
        known: u32,
    },
    /// A tensor is missing, or of another type or shape.
    #[error("{}: tensor {name} must be {expected}, but {found}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// Its type and shape by the file's metadata.
        expected: String,
        /// What is there.
        found: String,
    },
}

impl TensorFileError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Storage(error) => error.hint(),
            Self::Malformed { .. } => Some("the file is damaged; copy it again or train again".to_owned()),
            Self::Newer { .. } => Some("update elbo to read it".to_owned()),
            Self::Foreign { .. } | Self::Tensor { .. } => None,
        }
    }
}

/// What every file's metadata says of itself.
pub(crate) trait Document: Serialize + DeserializeOwned {
    /// What the file is called in messages.
    const KIND: &'static str;
    /// The newest format that this program reads and the one it writes.
    const FORMAT: u32;
    /// The format of this one.
    fn format(&self) -> u32;
}

/// What the documents of all formats have.
#[derive(serde::Deserialize)]
struct Format {
    kind: String,
    format: u32,
}

/// A flat array of the table's layout, stored as one tensor for each parameter, `prefix` before its name.
pub(crate) struct Group<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) values: &'a [f32],
}

/// Writes groups of tensors and the document.
pub(crate) fn write<D: Document>(
    path: &Path,
    document: &D,
    table: &ParameterTable,
    groups: &[Group<'_>],
) -> Result<(), TensorFileError> {
    let malformed = |reason: String| TensorFileError::Malformed { path: path.to_owned(), reason };
    let json = serde_json::to_string(document).map_err(|error| malformed(error.to_string()))?;
    let bytes: Vec<Vec<u8>> = groups
        .iter()
        .flat_map(|group| table.iter().map(|parameter| &group.values[parameter.range.clone()]))
        .map(|values| values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let names = groups.iter().flat_map(|group| {
        table.iter().map(|parameter| (format!("{}{}", group.prefix, parameter.name), &parameter.shape))
    });
    let mut views = Vec::new();
    for ((name, shape), bytes) in names.zip(&bytes) {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|error| malformed(error.to_string()))?;
        views.push((name, view));
    }
    let metadata = std::iter::once((METADATA_KEY.to_owned(), json)).collect();
    let file = safetensors::serialize(views, Some(metadata)).map_err(|error| malformed(error.to_string()))?;
    Ok(write_atomically(path, &file)?)
}

/// A file read into memory, its document understood.
pub(crate) struct TensorFile<D> {
    path: PathBuf,
    bytes: Vec<u8>,
    pub(crate) document: D,
}

impl<D: Document> TensorFile<D> {
    pub(crate) fn read(path: &Path) -> Result<Self, TensorFileError> {
        let bytes = std::fs::read(path).map_err(StorageError::new("read", path))?;
        let malformed = |error: safetensors::SafeTensorError| TensorFileError::Malformed {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        // The whole file is checked here, so that a damaged one is not taken for a foreign one.
        SafeTensors::deserialize(&bytes).map_err(malformed)?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(malformed)?;
        let foreign = |reason: String| TensorFileError::Foreign { path: path.to_owned(), kind: D::KIND, reason };
        let json = header
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(METADATA_KEY))
            .ok_or_else(|| foreign(format!("its metadata has no entry '{METADATA_KEY}'")))?;
        // The format first: a newer document may have fields that this program does not know.
        let format: Format = serde_json::from_str(json).map_err(|error| foreign(error.to_string()))?;
        if format.kind != D::KIND {
            return Err(foreign(format!("it is a {}", format.kind)));
        }
        if format.format > D::FORMAT {
            return Err(TensorFileError::Newer { path: path.to_owned(), found: format.format, known: D::FORMAT });
        }
        let document: D = serde_json::from_str(json).map_err(|error| foreign(error.to_string()))?;
        debug_assert_eq!(document.format(), format.format);
        Ok(Self { path: path.to_owned(), bytes, document })
    }

    /// A group of tensors as a flat array of the table's layout.
    pub(crate) fn group(&self, table: &ParameterTable, prefix: &str) -> Result<Vec<f32>, TensorFileError> {
        let tensors = SafeTensors::deserialize(&self.bytes)
            .map_err(|error| TensorFileError::Malformed { path: self.path.clone(), reason: error.to_string() })?;
        let mut values = Vec::new();
        for parameter in table.iter() {
            let name = format!("{prefix}{}", parameter.name);
            let wrong = |found: String| TensorFileError::Tensor {
                path: self.path.clone(),
                name: name.clone(),
                expected: format!("F32 {:?}", parameter.shape),
                found,
            };
            let tensor = tensors.tensor(&name).map_err(|_| wrong("is not there".to_owned()))?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != parameter.shape {
                return Err(wrong(format!("is {:?} {:?}", tensor.dtype(), tensor.shape())));
            }
            let numbers =
                tensor.data().chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            values.extend(numbers);
        }
        Ok(values)
    }
}
