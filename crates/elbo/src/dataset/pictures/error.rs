//! What can be wrong with pictures.

use std::path::PathBuf;

use crate::dataset::note::{listing, total};
use crate::dataset::{BadPicture, Channels, ImageShape};

/// Why pictures make no data set.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The only picture cannot be read.
    #[error(transparent)]
    Unreadable(#[from] BadPicture),
    /// More pictures than are let pass cannot be read.
    #[error(
        "{}: {bad} of {total} pictures cannot be read, such as {}",
        .directory.display(),
        .examples.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    TooManyBad {
        /// The directory.
        directory: PathBuf,
        /// The first of those that cannot be read.
        examples: Vec<BadPicture>,
        /// How many cannot.
        bad: usize,
        /// How many there are.
        total: usize,
    },
    /// Most pictures, or all, are of formats that are not read.
    #[error(
        "{}: {} pictures of kinds that are not read ({}), and {read} that can be",
        .directory.display(), total(.kinds), listing(.kinds)
    )]
    UnreadKinds {
        /// The directory.
        directory: PathBuf,
        /// The endings of their names, and how many have each, the commonest first.
        kinds: Vec<(String, usize)>,
        /// How many are of formats that are read.
        read: usize,
    },
    /// The numbers of two sets of pictures do not mean the same.
    #[error("{}: {} have {}, and {} have {}", .directory.display(), .sets[0], .found[0], .sets[1], .found[1])]
    Scales {
        /// The directory.
        directory: PathBuf,
        /// Which pictures.
        sets: [String; 2],
        /// What each has.
        found: [String; 2],
    },
    /// Labels cannot tell so many classes apart.
    #[error("{}: {classes} directories with pictures, and a class for each: the most is 65536", .directory.display())]
    TooManyClasses {
        /// The directory.
        directory: PathBuf,
        /// How many there are.
        classes: usize,
    },
    /// The images take more memory than there may be, or is, and there is no place for a file.
    #[error("{images} images of {shape} do not fit in memory, of which they may take {} MiB", .memory >> 20)]
    OutOfMemory {
        /// The most bytes that they may take.
        memory: u64,
        /// How many.
        images: usize,
        /// Their shape.
        shape: ImageShape,
    },
    /// Pictures have other channels than were asked for.
    #[error("pictures become grey or rgb, and not images of {} channels", .asked.count())]
    Channels {
        /// What was asked for.
        asked: Channels,
    },
    /// The share of bad files is none.
    #[error("the share of pictures that may be unreadable must be from 0 to 1, not {found}")]
    MaxBad {
        /// What it is.
        found: f64,
    },
}
