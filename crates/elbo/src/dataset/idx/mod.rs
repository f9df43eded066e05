//! Data sets in IDX files: MNIST and whatever else comes in its format.

mod file;
mod folder;

pub(super) use file::{GZIP, IMAGES, LABELS, MAX_SIDE};
pub(super) use folder::{holds_files, is_file_name, read};
