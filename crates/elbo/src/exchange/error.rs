//! What can go wrong between a model and the files of other programs.

use crate::files::{NewerFileError, TensorNotFiniteError};
use crate::storage::StorageError;
use std::path::PathBuf;

/// A model could not be exported, or a file is no exported model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is there might be overwritten, or taken for a part of the export.
    #[error("{}: there are files in it", path.display())]
    Occupied {
        /// The directory.
        path: PathBuf,
    },
    /// The model is larger than a format can hold.
    #[error("{} would have {bytes} bytes, and a file of ONNX holds at most {most}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        bytes: u64,
        /// The most.
        most: u64,
    },
    /// The numbers of the files that a model was trained on lie too close or too far apart for single precision.
    #[error("numbers from {low} to {high} cannot be told apart in 32-bit floats")]
    Range {
        /// The number that is black.
        low: f64,
        /// The number that is white.
        high: f64,
    },
    /// A file is damaged, or is not of its kind.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It was not written by an export of this program.
    #[error("{}: not an exported model of this program: {reason}", path.display())]
    Foreign {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A newer program wrote it.
    #[error(transparent)]
    Newer(#[from] NewerFileError),
    /// Two files that belong together are of different models.
    #[error("{} and {} are of different models", first.display(), second.display())]
    Apart {
        /// The one.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A tensor is missing, or of another type or shape.
    #[error("{}: tensor {name} must be 32-bit floats {expected:?}, but {found}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name there.
        name: String,
        /// Its shape there.
        expected: Vec<usize>,
        /// What is there.
        found: String,
    },
    /// There is a tensor that the network does not have.
    #[error("{}: the network has no tensor {name}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The tensor's name there.
        name: String,
    },
    /// A number is NaN or infinite.
    #[error(transparent)]
    NotFinite(#[from] TensorNotFiniteError),
}
