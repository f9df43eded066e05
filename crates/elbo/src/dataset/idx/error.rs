//! What can be wrong with IDX files.

use std::io;
use std::path::{Path, PathBuf};

use super::{GZIP, IMAGES, LABELS, MAX_SIDE};
use crate::dataset::error::listing;

/// Why IDX files make no data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdxError {
    /// A file that has to be there is not.
    #[error(
        "{}: no {} (also looked for: {}); the directory holds {}",
        .directory.display(),
        first_of(.names),
        rest_of(.names),
        listing(.holds, *.more)
    )]
    MissingFile {
        /// The directory.
        directory: PathBuf,
        /// The names looked for; any one of them would have done.
        names: Vec<String>,
        /// The first few names in the directory, sorted; those of directories end in `/`.
        holds: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// The directory holds several data sets.
    #[error("{}: holds several data sets, with the prefixes {}", .directory.display(), prefix_list(.prefixes))]
    SeveralPrefixes {
        /// The directory.
        directory: PathBuf,
        /// The prefix of each, sorted; empty for the set whose files have none.
        prefixes: Vec<String>,
    },
    /// The file begins like something else.
    #[error(
        "{}: not an IDX {} file: expected magic number {expected} ({expected:#010x}), found {found} ({found:#010x}){}",
        .path.display(),
        if *.expected == IMAGES { "image" } else { "label" },
        which_is(.kind.as_ref(), *.found)
    )]
    WrongMagic {
        /// The file.
        path: PathBuf,
        /// 2051 for images, 2049 for labels.
        expected: u32,
        /// The first four bytes of the file, big-endian.
        found: u32,
        /// What a file that begins so is, as far as that is known.
        kind: Option<FileKind>,
    },
    /// The file ends within its header.
    #[error("{}: truncated: the header has {expected} bytes, the file {found}", .path.display())]
    TruncatedHeader {
        /// The file.
        path: PathBuf,
        /// Bytes of the header.
        expected: u64,
        /// Bytes of the file, decompressed.
        found: u64,
    },
    /// The file ends before all that its header announces.
    #[error(
        "{}: truncated: the header announces {expected} bytes ({announces}), {found} follow it",
        .path.display()
    )]
    TruncatedPayload {
        /// The file.
        path: PathBuf,
        /// What the header says, in words.
        announces: String,
        /// Bytes announced after the header.
        expected: u64,
        /// Bytes after the header, decompressed.
        found: u64,
    },
    /// The file goes on after all that its header announces.
    #[error(
        "{}: too long: the header announces {expected} bytes ({announces}), {} follow it",
        .path.display(),
        .found.map_or_else(|| "more".to_owned(), |found| found.to_string())
    )]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// What the header says, in words.
        announces: String,
        /// Bytes announced after the header.
        expected: u64,
        /// Bytes after the header; unknown for a compressed file, which is not read past what it announces.
        found: Option<u64>,
    },
    /// The file is compressed, and the compressed data contradict themselves.
    #[error("{}: corrupt gzip data: {reason}", .path.display())]
    CorruptGzip {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: io::Error,
    },
    /// The header announces images with a side of zero, or of more than 4096 pixels.
    #[error(
        "{}: images of {height}x{width} pixels: each side must be from 1 to {}",
        .path.display(),
        MAX_SIDE
    )]
    BadDimensions {
        /// The file.
        path: PathBuf,
        /// Rows announced.
        height: u32,
        /// Columns announced.
        width: u32,
    },
    /// The header announces more bytes than this machine can address.
    #[error(
        "{}: the header announces {expected} bytes ({announces}), more than this machine can address",
        .path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What the header says, in words.
        announces: String,
        /// Bytes announced after the header.
        expected: u64,
    },
    /// The header announces no items.
    #[error("{}: the header announces 0 {items}", .path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
        /// `images` or `labels`.
        items: &'static str,
    },
    /// The images and labels of a set are not equally many.
    #[error("{}: {images} images, but {} has {labels} labels", .images_path.display(), .labels_path.display())]
    CountMismatch {
        /// The file of images.
        images_path: PathBuf,
        /// Images in it.
        images: usize,
        /// The file of labels.
        labels_path: PathBuf,
        /// Labels in it.
        labels: usize,
    },
}

/// What a file is by its first four bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FileKind {
    /// IDX images.
    Images,
    /// IDX labels.
    Labels,
    /// Another IDX file: its type and dimensions in words.
    Idx(String),
    /// An IDX file of images or labels, its magic number little-endian.
    Swapped,
    /// Data compressed by gzip.
    Gzip,
    /// Text.
    Text,
}

/// What a file is that begins with this number.
pub(super) fn kind_of(magic: u32) -> Option<FileKind> {
    let bytes = magic.to_be_bytes();
    let element = match bytes {
        [0, 0, 0x08, 1..=255] => Some("unsigned bytes"),
        [0, 0, 0x09, 1..=255] => Some("signed bytes"),
        [0, 0, 0x0b, 1..=255] => Some("16-bit integers"),
        [0, 0, 0x0c, 1..=255] => Some("32-bit integers"),
        [0, 0, 0x0d, 1..=255] => Some("32-bit floats"),
        [0, 0, 0x0e, 1..=255] => Some("64-bit floats"),
        _ => None,
    };
    match (magic, element) {
        (IMAGES, _) => Some(FileKind::Images),
        (LABELS, _) => Some(FileKind::Labels),
        (_, Some(element)) => {
            let plural = if bytes[3] == 1 { "" } else { "s" };
            Some(FileKind::Idx(format!("{element} in {} dimension{plural}", bytes[3])))
        }
        _ if [IMAGES, LABELS].contains(&magic.swap_bytes()) => Some(FileKind::Swapped),
        _ if bytes[..2] == GZIP => Some(FileKind::Gzip),
        _ if bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) => Some(FileKind::Text),
        _ => None,
    }
}

fn which_is(kind: Option<&FileKind>, magic: u32) -> String {
    match kind {
        Some(FileKind::Images) => ", which is an image file".to_owned(),
        Some(FileKind::Labels) => ", which is a label file".to_owned(),
        Some(FileKind::Idx(what)) => format!(", which is an IDX file of {what}"),
        Some(FileKind::Swapped) => ", which has the right bytes in the wrong order".to_owned(),
        Some(FileKind::Gzip) => ", which is gzip data".to_owned(),
        Some(FileKind::Text) => {
            format!(", which is the text {:?}", String::from_utf8_lossy(&magic.to_be_bytes()))
        }
        None => String::new(),
    }
}

pub(in crate::dataset) fn prefixes_in(parent: Option<&Path>, prefixes: &[String]) -> String {
    match parent {
        Some(parent) if !prefixes.is_empty() => {
            format!(", and {} has data sets only with the prefixes {}", parent.display(), prefix_list(prefixes))
        }
        _ => String::new(),
    }
}

fn prefix_list(prefixes: &[String]) -> String {
    let named = |prefix: &String| {
        if prefix.is_empty() { "(none)".to_owned() } else { prefix.clone() }
    };
    prefixes.iter().map(named).collect::<Vec<_>>().join(", ")
}

fn first_of(names: &[String]) -> &str {
    names.first().map_or("file", String::as_str)
}

fn rest_of(names: &[String]) -> String {
    names.get(1..).unwrap_or_default().join(", ")
}
