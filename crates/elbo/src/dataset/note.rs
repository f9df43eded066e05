//! What there is to say about how a data set came about.

use std::fmt;

#[cfg(any(feature = "pictures", feature = "arrays"))]
use super::scale::Values;
use super::{BadPicture, ImageShape, Size, ValueRange};

/// What was chosen or left out when a data set was read. Its text is a sentence without a full stop.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Note {
    /// The size of the images was left open.
    Size {
        /// The size that they have.
        size: Size,
        /// Why it is that one.
        reason: String,
    },
    /// Images of other classes than those asked for are left out.
    OtherClasses {
        /// The classes asked for.
        kept: Vec<String>,
        /// How many images of others there are, in all parts.
        left_out: usize,
    },
    /// Pictures of another aspect ratio are cropped, since nothing else was asked for.
    Cropped,
    /// Some pictures are far smaller than the images.
    Enlarged {
        /// How many are enlarged to more than twice their width or height.
        pictures: usize,
        /// How many pictures there are.
        total: usize,
        /// The size of the smallest.
        least: Size,
    },
    /// Some pictures are stored in colour, and nothing was said of the channels: the images have three.
    SomeColour {
        /// How many pictures are stored in colour.
        colourful: usize,
        /// How many pictures there are.
        total: usize,
    },
    /// Pictures are stored in colour, but none shows any, and nothing was said of the channels: the images have one.
    NoColour,
    /// Pictures that cannot be read are left out.
    Unreadable {
        /// The first of them.
        examples: Vec<BadPicture>,
        /// How many there are.
        bad: usize,
        /// How many pictures there are, with these.
        total: usize,
    },
    /// Pictures lie beside the directories of the parts, and are left out.
    OutsideParts {
        /// How many.
        pictures: usize,
    },
    /// The directories of the parts lie below others, and not at the first level.
    PartsBelow {
        /// The path of the first directory that holds some, below the directory that was read.
        example: String,
        /// How many there are: the classes of several begin with their names.
        directories: usize,
    },
    /// Directories are called as parts of a data set, but are taken for classes.
    PartsAsClasses {
        /// The path of one, below the directory that was read.
        example: String,
    },
    /// Files or directories that are none of a data set's are left out.
    PassedOver {
        /// What they are.
        reason: PassedOver,
        /// The path of one, below the directory that was read.
        example: String,
        /// How many there are.
        count: usize,
    },
    /// Pictures of formats that are not read are left out.
    UnreadKinds {
        /// The endings of their names, and how many have each, the commonest first.
        kinds: Vec<(String, usize)>,
    },
    /// Files that are no pictures are left out.
    OtherFiles {
        /// The endings of their names, and how many have each, the commonest first.
        endings: Vec<(String, usize)>,
    },
    /// The pages of files that have several are images.
    Pages {
        /// How many files have several.
        files: usize,
        /// How many pages they have together.
        pages: usize,
    },
    /// Pages that are reduced copies or masks of others are left out.
    Copies {
        /// How many.
        pages: usize,
    },
    /// Of pictures whose pixels have more numbers than colours, such as a near infrared, only the colours are taken.
    MoreNumbers {
        /// How many such pictures there are.
        pictures: usize,
        /// How many pictures there are.
        total: usize,
    },
    /// Of animations only the first frame is taken.
    FirstFrames {
        /// How many pictures are animations.
        animations: usize,
        /// How many pictures there are.
        total: usize,
    },
    /// The frames of animations are images.
    AllFrames {
        /// How many animations there are.
        animations: usize,
        /// How many frames they have together.
        frames: usize,
    },
    /// Values that are all 0 or 1 are taken for black and white.
    Mask,
    /// An array of labels is left out.
    NoClasses {
        /// The name of the array.
        array: String,
        /// Why.
        reason: String,
    },
    /// Images of an array are brought to another size, or become grey or colour.
    Brought {
        /// The shape that they have.
        from: ImageShape,
        /// The shape that they get.
        to: ImageShape,
    },
    /// Which numbers became black and white, of pictures with more than 8 bits or of an array.
    Range {
        /// The range.
        range: ValueRange,
        /// The smallest value.
        least: String,
        /// The largest value.
        most: String,
    },
    /// A range was asked for, but all pictures have 8 bits, of which 0 is black and 255 white; or an array of bytes was read
    /// with a range that goes beyond 255.
    NoRange,
    /// Some values lie outside of the range, and are cut to it.
    OutsideRange {
        /// The range.
        range: ValueRange,
        /// How many values.
        values: u64,
        /// Of how many.
        total: u64,
    },
    /// There are as many images as each has rows, and these are longer or shorter: as an array of square images is read
    /// whose last index counts them.
    LastMayCount {
        /// How many images there are.
        images: usize,
        /// What shape they have.
        shape: ImageShape,
    },
    /// Arrays of a file have names that say nothing of images or labels, and are left out.
    UnusedArrays {
        /// Their names, or the first of them.
        arrays: Vec<String>,
    },
    /// There is nothing but what is called a test or validation set: it is taken for all of the images.
    OnlyPart {
        /// What it is called.
        name: String,
    },
    /// IDX files are always read into memory, though the images are more than it may hold.
    InMemory {
        /// The most bytes that they may take.
        memory: u64,
    },
    /// Labels are left out, since they are too many to be classes.
    TooManyClasses {
        /// How many different labels there are.
        labels: usize,
    },
}

/// Why files and directories are none of a data set's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum PassedOver {
    /// A run of elbo, with its figures.
    Run,
    /// A figure or a sheet of images that elbo has drawn.
    Figure,
    /// What operating systems and network drives keep for themselves.
    System,
    /// Copies that editors leave, and downloads that have not ended.
    Backup,
    /// Links, called as pictures are, that lead to nothing.
    DeadLink,
    /// Masks of the pictures beside them, by the names of files or directories.
    Masks,
}

#[cfg(any(feature = "pictures", feature = "arrays"))]
impl Note {
    /// That values like these have this range.
    pub(super) fn range(range: ValueRange, values: &Values) -> Self {
        Self::Range { range, least: short(values.least), most: short(values.most) }
    }
}

/// A number with as many digits as one reads.
fn short(number: f64) -> String {
    let size = number.abs();
    if number.fract() == 0.0 && size < 1e15 {
        format!("{number}")
    } else if (1e-3..1e7).contains(&size) {
        format!("{number:.4}")
    } else {
        format!("{number:.3e}")
    }
}

/// How many kinds of files a note lists.
const LISTED: usize = 5;

/// How many there are of each kind: `60 HEIC, 10 AVIF`.
pub(super) fn listing(kinds: &[(String, usize)]) -> String {
    let mut listed: Vec<_> = kinds.iter().take(LISTED).map(|(kind, count)| format!("{count} {kind}")).collect();
    let rest: usize = kinds.iter().skip(LISTED).map(|kind| kind.1).sum();
    if rest > 0 {
        listed.push(format!("{rest} others"));
    }
    listed.join(", ")
}

/// How many there are in all.
pub(super) fn total(kinds: &[(String, usize)]) -> usize {
    kinds.iter().map(|kind| kind.1).sum()
}

/// `1 file is` or `2 files are`.
fn there_are(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one} is") } else { format!("{count} {many} are") }
}

/// What is passed over, with an example.
fn passed_over(reason: PassedOver, example: &str, count: usize) -> String {
    let what = match reason {
        PassedOver::Run => there_are(count, "run of elbo", "runs of elbo"),
        PassedOver::Figure => there_are(count, "figure of elbo", "figures of elbo"),
        PassedOver::System => there_are(count, "entry of the system", "entries of the system"),
        PassedOver::Masks => there_are(count, "mask", "masks"),
        PassedOver::DeadLink => there_are(count, "link to nothing", "links to nothing"),
        PassedOver::Backup => there_are(count, "backup or unfinished download", "backups or unfinished downloads"),
    };
    let such_as = if count == 1 { ":" } else { ", such as" };
    format!("{what} passed over{such_as} {example}")
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { size, reason } => write!(f, "images of {size} (width x height): {reason}"),
            Self::OtherClasses { kept, left_out } => {
                write!(f, "images of other classes than {} are left out: {left_out}", kept.join(", "))
            }
            Self::Cropped => f.write_str("cropped in the middle where a picture has another shape"),
            Self::Enlarged { pictures, total, least } => {
                let are = if *pictures == 1 { "is" } else { "are" };
                write!(f, "{pictures} of {total} pictures {are} enlarged more than twofold, the smallest from {least}")
            }
            Self::SomeColour { colourful, total } => {
                write!(f, "3 channels: {colourful} of {total} pictures are stored in colour")
            }
            Self::NoColour => f.write_str("1 channel: no picture has any colour"),
            Self::Unreadable { examples, bad, total } => {
                let examples = examples.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                write!(f, "{bad} of {total} pictures cannot be read and are left out, such as {examples}")
            }
            Self::OutsideParts { pictures } => {
                write!(f, "{pictures} pictures beside train, val and test are left out")
            }
            Self::PartsBelow { example, directories: 1 } => {
                write!(f, "train, val and test are the directories in {example}")
            }
            Self::PartsBelow { example, directories } => write!(
                f,
                "train, val and test are those in each of {directories} directories, such as {example}: classes begin \
                 with their names"
            ),
            Self::PartsAsClasses { example } => write!(
                f,
                "{example} is taken for a class, not for a part: there are parts where a train is at the first level, or in \
                 every directory of it"
            ),
            Self::PassedOver { reason, example, count } => f.write_str(&passed_over(*reason, example, *count)),
            Self::UnreadKinds { kinds } => {
                let what = there_are(total(kinds), "picture", "pictures");
                write!(f, "{what} of kinds that are not read, and left out: {}", listing(kinds))
            }
            Self::OtherFiles { endings } => {
                let what = there_are(total(endings), "file", "files");
                write!(f, "{what} no pictures, and left out: {}", listing(endings))
            }
            Self::Pages { files, pages } => {
                let have = if *files == 1 { "file has" } else { "files have" };
                write!(f, "{files} {have} several pages, {pages} together: each page is an image")
            }
            Self::Copies { pages } => {
                write!(f, "{} left out: reduced copies or masks of others", there_are(*pages, "page", "pages"))
            }
            Self::MoreNumbers { pictures, total } => {
                let have = if *pictures == 1 { "has" } else { "have" };
                write!(
                    f,
                    "{pictures} of {total} pictures {have} more numbers per pixel than colours: the others are left out"
                )
            }
            Self::FirstFrames { animations, total } => {
                let are = if *animations == 1 { "is an animation" } else { "are animations" };
                write!(f, "{animations} of {total} pictures {are}: only the first frame is taken")
            }
            Self::AllFrames { animations, frames } => {
                let have = if *animations == 1 { "animation has" } else { "animations have" };
                write!(f, "{animations} {have} several frames, {frames} together: each frame is an image")
            }
            Self::Mask => f.write_str("values 0 and 1 are taken for black and white"),
            Self::NoClasses { array, reason } => write!(f, "{array} is left out: {reason}"),
            Self::Brought { from, to } => {
                write!(f, "images of {from} are brought to {to} (height x width x channels)")
            }
            Self::Range { range, least, most } => {
                let (low, high) = (short(range.low()), short(range.high()));
                write!(f, "values from {least} to {most}: {low} is black and {high} white")
            }
            Self::NoRange => f.write_str("no range is needed: all values are bytes, of which 0 is black and 255 white"),
            Self::OutsideRange { range, values, total } => {
                let lie = if *values == 1 { ["lies", "is"] } else { ["lie", "are"] };
                write!(f, "{values} of {total} values {} outside of the range {range} and {} cut to it", lie[0], lie[1])
            }
            Self::LastMayCount { images, shape } => {
                write!(
                    f,
                    "{images} images of {shape}: if the last index of the array counts the images, it must be the first"
                )
            }
            Self::UnusedArrays { arrays } => {
                write!(f, "by their names these arrays are neither images nor labels: {}", arrays.join(", "))
            }
            Self::OnlyPart { name } => write!(f, "there is nothing but {name}, which is taken for the whole data set"),
            Self::InMemory { memory } => {
                write!(f, "images of IDX files are always kept in memory, though they are more than {memory} bytes")
            }
            Self::TooManyClasses { labels } => {
                write!(f, "{labels} different labels are no classes, and are left out")
            }
        }
    }
}
