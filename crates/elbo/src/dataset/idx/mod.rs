//! Data sets in IDX files: MNIST and whatever else comes in its format.

mod error;
mod file;
mod folder;

pub(super) use error::prefixes_in;
pub use error::{FileKind, IdxError};
pub(super) use file::{GZIP, IMAGES, LABELS, MAX_SIDE};
pub(super) use folder::{holds_files, is_file_name, read};
