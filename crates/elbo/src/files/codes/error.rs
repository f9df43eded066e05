//! What can be wrong with files of codes.

use super::{CodesKind, MODEL_DIGITS};
use crate::storage::StorageError;
use std::path::PathBuf;

/// Codes cannot be written or read, or are not what a model takes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodesError {
    /// The file could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The name of a file does not say what it should be.
    #[error("{}: files of codes are {}", path.display(), kinds())]
    UnknownKind {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no codes, or is damaged.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no code in the file.
    #[error("{}: there are no codes in it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file of this kind has no place for it.
    #[error("{}: a .{} file holds the means alone, and no {what}", path.display(), kind.extension())]
    NoPlace {
        /// The file.
        path: PathBuf,
        /// Its kind.
        kind: CodesKind,
        /// For what.
        what: &'static str,
    },
    /// A number is NaN or infinite.
    #[error("{}: row {row} (the first is 0), column {column}, is {value}", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The image.
        row: usize,
        /// Which of its numbers: `mean_0` is the first of its code.
        column: String,
        /// The number.
        value: f64,
    },
    /// Codes are longer or shorter than those of a model.
    #[error("codes of {found} numbers, and the model takes {expected}")]
    Width {
        /// Numbers of a code.
        found: usize,
        /// Latent dimensions of the model.
        expected: usize,
    },
    /// Another model made the codes.
    #[error("the codes are of the model {}, and this is the model {}", digits(found), digits(expected))]
    OtherModel {
        /// The first digits of the digest of the model that made them, or all.
        found: String,
        /// The digest of the model that should decode them.
        expected: String,
    },
    /// A newer program wrote them.
    #[error("the codes have metadata of format {found}; this program knows formats up to {known}")]
    Newer {
        /// The format.
        found: u32,
        /// The newest that this program reads.
        known: u32,
    },
    /// A conditional model needs the class of each code.
    #[error("row {row} (the first is 0) has no label, and a conditional model needs the class of each code")]
    NoLabel {
        /// The first code without.
        row: usize,
    },
}

/// `.npy, .npz or .csv`.
fn kinds() -> String {
    let names: Vec<String> = CodesKind::ALL.iter().map(|kind| format!(".{}", kind.extension())).collect();
    match names.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// As much of a digest as a table has.
fn digits(digest: &str) -> &str {
    digest.get(..MODEL_DIGITS).unwrap_or(digest)
}
