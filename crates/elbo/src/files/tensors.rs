//! Named tensors in a safetensors file, with one JSON document as its metadata.
//!
//! | format | what changed |
//! |---|---|
//! | 1 | |
//! | 2 | the document has `tensors_digest` |
//! | 3 | and `document_digest` |
//! | 4 | a model may say what was fitted to its codes |
//!
//! All formats up to [`FORMAT`] are read, and that is written. [`digest`] and
//! [`document_digest`] say what a digest is of.

use crate::network::parameters::{Parameter, ParameterTable};
use crate::storage::{StorageError, read_file, write_atomically};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The one key of the metadata; its value is JSON. A single key keeps the bytes of a file the same from run to run.
const METADATA_KEY: &str = "elbo";

/// The newest format that this program reads, and the one that it writes.
const FORMAT: u32 = 4;
/// The fields that came with a format: an earlier one has none of them, a later one must.
const FIELDS_SINCE: [(&str, u32); 2] = [("tensors_digest", 2), ("document_digest", 3)];

/// A file of tensors is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    #[error(transparent)]
    Newer(#[from] NewerFileError),
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
    /// The tensors are not those that were written.
    #[error("{}: damaged: its tensors have the digest {found}, not {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SHA-256 of the tensors when they were written.
        expected: String,
        /// That of the tensors as they are.
        found: String,
    },
    /// The document is not the one that was written.
    #[error("{}: damaged: its document has the digest {found}, not {expected}", path.display())]
    DamagedDocument {
        /// The file.
        path: PathBuf,
        /// SHA-256 of the document when it was written.
        expected: String,
        /// That of the document as it is.
        found: String,
    },
    /// A number is NaN or infinite.
    #[error(transparent)]
    NotFinite(#[from] TensorNotFiniteError),
}

/// A newer program wrote a file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: has format {found}; this program knows formats up to {known}", path.display())]
pub struct NewerFileError {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub found: u32,
    /// The newest that this program reads.
    pub known: u32,
}

/// A number of a tensor is NaN or infinite.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{}: number {position} of tensor {name} is {value}", path.display())]
pub struct TensorNotFiniteError {
    /// The file.
    pub path: PathBuf,
    /// The tensor's name there.
    pub name: String,
    /// The first such number's place in it, row-major; that of the first number is 0.
    pub position: usize,
    /// The number.
    pub value: f32,
}

/// What every file's metadata says of itself.
pub(crate) trait Document: Serialize + DeserializeOwned {
    /// What the file is called in messages.
    const KIND: &'static str;
}

/// A document as it stands in a file.
#[derive(Serialize)]
struct Written<'a, D> {
    kind: &'static str,
    format: u32,
    #[serde(flatten)]
    document: &'a D,
    tensors_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    document_digest: Option<String>,
}

/// What the documents of all formats have.
#[derive(Deserialize)]
struct Head {
    kind: String,
    format: u32,
    tensors_digest: Option<String>,
    document_digest: Option<String>,
}

impl Head {
    /// Takes it out of a document.
    fn take(document: &mut Map<String, Value>) -> Result<Self, serde_json::Error> {
        let fields = ["kind", "format", "tensors_digest", "document_digest"].into_iter();
        let taken: Map<String, Value> = fields.filter_map(|field| document.remove_entry(field)).collect();
        serde_json::from_value(Value::Object(taken))
    }
}

/// SHA-256 of tensors, in hexadecimal.
///
/// What is hashed is each tensor in ascending order of their names as bytes: the length of its name, the name, the number
/// of its dimensions, each dimension, and its bytes as they lie in the file. Lengths and dimensions are 8 bytes,
/// little-endian.
fn digest<N: AsRef<str>>(tensors: &[(N, TensorView<'_>)]) -> String {
    let mut tensors: Vec<(&str, &TensorView<'_>)> =
        tensors.iter().map(|(name, tensor)| (name.as_ref(), tensor)).collect();
    tensors.sort_unstable_by_key(|(name, _)| *name);
    let mut hasher = Sha256::new();
    for (name, tensor) in tensors {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update((tensor.shape().len() as u64).to_le_bytes());
        tensor.shape().iter().for_each(|&dimension| hasher.update((dimension as u64).to_le_bytes()));
        hasher.update(tensor.data());
    }
    hexadecimal(hasher)
}

fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

/// SHA-256 of a document, in hexadecimal: of its JSON with all keys in ascending order and no white space, without
/// `document_digest` itself.
fn document_digest(document: &Map<String, Value>) -> Result<String, serde_json::Error> {
    let mut document = document.clone();
    document.remove("document_digest");
    let mut value = Value::Object(document);
    value.sort_all_objects();
    let mut hasher = Sha256::new();
    hasher.update(serde_json::to_string(&value)?);
    Ok(hexadecimal(hasher))
}

/// The first number that is NaN or infinite, with its place.
fn first_not_finite(values: impl Iterator<Item = f32>) -> Option<(usize, f32)> {
    values.enumerate().find(|(_, value)| !value.is_finite())
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// A flat array of the table's layout, stored as one tensor for each parameter, `prefix` before its name.
pub(crate) struct Group<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) values: &'a [f32],
}

/// The digest of one group of tensors, by its values.
///
/// # Panics
/// If they are fewer than those of the table.
pub(crate) fn digest_of(table: &ParameterTable, values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = |parameter: &Parameter| {
        let bytes = &bytes[4 * parameter.range.start..4 * parameter.range.end];
        let tensor = TensorView::new(Dtype::F32, parameter.shape.clone(), bytes);
        (parameter.name.clone(), tensor.expect("a tensor has as many numbers as its shape"))
    };
    digest(&table.iter().map(view).collect::<Vec<_>>())
}

/// Writes groups of tensors and the document, wholly or not at all; not if a number is NaN or infinite.
pub(crate) fn write<D: Document>(
    path: &Path,
    document: &D,
    table: &ParameterTable,
    groups: &[Group<'_>],
) -> Result<(), TensorFileError> {
    let malformed = |reason: String| TensorFileError::Malformed { path: path.to_owned(), reason };
    for group in groups {
        for parameter in table.iter() {
            let values = &group.values[parameter.range.clone()];
            if let Some((position, value)) = first_not_finite(values.iter().copied()) {
                let name = format!("{}{}", group.prefix, parameter.name);
                return Err(TensorNotFiniteError { path: path.to_owned(), name, position, value }.into());
            }
        }
    }
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
    let mut written =
        Written { kind: D::KIND, format: FORMAT, document, tensors_digest: digest(&views), document_digest: None };
    let json = serde_json::to_string(&written)
        .and_then(|json| {
            // Of what a reader will see: the text, not the numbers that it was made of.
            written.document_digest = Some(document_digest(&serde_json::from_str(&json)?)?);
            serde_json::to_string(&written)
        })
        .map_err(|error| malformed(error.to_string()))?;
    // A number that is not finite would be written as null, and could not be read again.
    serde_json::from_str::<Map<String, Value>>(&json)
        .and_then(|mut document| {
            Head::take(&mut document)?;
            serde_json::from_value::<D>(Value::Object(document))
        })
        .map_err(|error| malformed(format!("its document could not be read again: {error}")))?;
    let metadata = std::iter::once((METADATA_KEY.to_owned(), json)).collect();
    let file = safetensors::serialize(views, Some(metadata)).map_err(|error| malformed(error.to_string()))?;
    Ok(write_atomically(path, &file)?)
}

/// A file read into memory, its document understood.
pub(crate) struct TensorFile<D> {
    path: PathBuf,
    bytes: Vec<u8>,
    tensors_digest: Option<String>,
    pub(crate) document: D,
}

impl<D: Document> TensorFile<D> {
    pub(crate) fn read(path: &Path) -> Result<Self, TensorFileError> {
        let bytes = read_file(path)?;
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
        let mut document: Map<String, Value> =
            serde_json::from_str(json).map_err(|error| foreign(error.to_string()))?;
        let found_digest = document_digest(&document).map_err(|error| foreign(error.to_string()))?;
        let fields: Vec<bool> = FIELDS_SINCE.iter().map(|(field, _)| document.contains_key(*field)).collect();
        let head = Head::take(&mut document).map_err(|error| foreign(error.to_string()))?;
        if head.kind != D::KIND {
            return Err(foreign(format!("it is a {}", head.kind)));
        }
        if head.format > FORMAT {
            return Err(NewerFileError { path: path.to_owned(), found: head.format, known: FORMAT }.into());
        }
        if head.format == 0 {
            return Err(foreign("there is no format 0".to_owned()));
        }
        for ((field, since), is_there) in FIELDS_SINCE.into_iter().zip(fields) {
            if head.format >= since && !is_there {
                return Err(foreign(format!("missing field `{field}`")));
            }
            if head.format < since && is_there {
                return Err(foreign(format!("format {} has no field `{field}`", head.format)));
            }
        }
        if let Some(expected) = head.document_digest.filter(|expected| *expected != found_digest) {
            return Err(TensorFileError::DamagedDocument { path: path.to_owned(), expected, found: found_digest });
        }
        let document = serde_json::from_value(Value::Object(document)).map_err(|error| foreign(error.to_string()))?;
        Ok(Self { path: path.to_owned(), bytes, tensors_digest: head.tensors_digest, document })
    }

    fn tensors(&self) -> Result<SafeTensors<'_>, TensorFileError> {
        SafeTensors::deserialize(&self.bytes)
            .map_err(|error| TensorFileError::Malformed { path: self.path.clone(), reason: error.to_string() })
    }

    /// Checks that the tensors are those that were written, which files of format 1 cannot tell, and that their numbers
    /// are finite.
    pub(crate) fn check(&self) -> Result<(), TensorFileError> {
        let file = self.tensors()?;
        let tensors: Vec<(&str, TensorView<'_>)> = file.iter().collect();
        if let Some(expected) = &self.tensors_digest {
            let found = digest(&tensors);
            if found != *expected {
                return Err(TensorFileError::Damaged { path: self.path.clone(), expected: expected.clone(), found });
            }
        }
        for (name, tensor) in tensors.iter().filter(|(_, tensor)| tensor.dtype() == Dtype::F32) {
            if let Some((position, value)) = first_not_finite(numbers(tensor.data())) {
                let (path, name) = (self.path.clone(), (*name).to_owned());
                return Err(TensorNotFiniteError { path, name, position, value }.into());
            }
        }
        Ok(())
    }

    /// A group of tensors as a flat array of the table's layout.
    pub(crate) fn group(&self, table: &ParameterTable, prefix: &str) -> Result<Vec<f32>, TensorFileError> {
        let tensors = self.tensors()?;
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
            values.extend(numbers(tensor.data()));
        }
        Ok(values)
    }
}
