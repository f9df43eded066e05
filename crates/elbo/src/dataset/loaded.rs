//! A data set that was read, and what there is to say about it.

use std::path::PathBuf;

use super::{Note, Splits};

/// A data set, and what there is to say about how it came about.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The images.
    pub splits: Splits,
    /// What was chosen and why, and what was left out.
    pub notes: Vec<Note>,
    /// The pictures that could not be read.
    pub bad: Vec<BadPicture>,
    /// What the pictures are that could be.
    pub files: PictureFiles,
}

/// Images of which there is nothing to say.
impl From<Splits> for Loaded {
    fn from(splits: Splits) -> Self {
        Self { splits, notes: Vec::new(), bad: Vec::new(), files: PictureFiles::default() }
    }
}

/// A picture that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
pub struct BadPicture {
    /// The file; with `#7` after its name, the seventh page or frame of one with several.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What pictures are by their headers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PictureFiles {
    /// How many there are of each format, the commonest first.
    pub formats: Vec<(&'static str, usize)>,
    /// How many of them show colour, but are made grey.
    pub coloured: usize,
    /// How many there are of each `[width, height]`, upright, the commonest first.
    pub sizes: Vec<([usize; 2], usize)>,
}
