//! Data sets in IDX files: MNIST and whatever else comes in its format.

mod error;
mod file;
mod folder;

pub use error::IdxError;
pub(super) use error::{prefixes_in, select};
pub(super) use file::{GZIP, IMAGES, LABELS, MAX_SIDE};
pub(super) use folder::{holds_files, is_file_name, read};
