//! How pictures become the values of a data set, and those the numbers that the network sees.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{DatasetError, ImageShape, RangeOption, Splits, ValueRange};
use crate::dataset::shape::SIDES;

/// How what a data set comes from becomes the numbers that the network sees: part of a model file, so that a picture
/// is brought years later to exactly what training saw.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Preprocessing {
    /// Images come in the network's shape; what it sees is the share of a value in the largest of its
    /// [`Depth`](super::Depth), in [0, 1].
    #[default]
    UnitScale,
    /// Pictures or arrays are brought to one size and kind first; then as [`UnitScale`](Self::UnitScale).
    Pictures(Preparation),
}

/// How a picture of any size and kind becomes the values of an image.
///
/// In this order: the picture is turned upright as its EXIF orientation says; numbers of more than 8 bits become their
/// share of the range, in 16 bits, each to the nearest; what is transparent is blended, value by value, with the background;
/// colour becomes grey by `0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601) where one channel is asked for; it is brought to size
/// with a triangle filter, as wide as a source or a target pixel, whichever is larger, and each value rounded to the nearest
/// of 8 bits, or of 16 where any picture of the data set has more than 8. The same is done to images in arrays, all numbers of
/// which become their share of the range, in as many bits as hold them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// The size of every image.
    pub size: Size,
    /// Grey or colour.
    pub channels: Channels,
    /// What is done about pictures of another aspect ratio.
    pub fit: Fit,
    /// What shows through transparent pixels, and around pictures that do not fill their image.
    pub background: Colour,
    /// Which numbers become black and white, of pictures with more than 8 bits and of arrays; where there is none, that
    /// follows from the numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<ValueRange>,
    /// Which frames of an animation are images.
    #[serde(default, skip_serializing_if = "Frames::is_first")]
    pub frames: Frames,
}

impl Preparation {
    /// The shape of the images that it makes.
    #[must_use]
    pub fn shape(&self) -> ImageShape {
        let Size { width, height } = self.size;
        ImageShape { height, width, channels: self.channels.count() }
    }
}

/// Width, height, channels and fit in words: `64x48 (width x height), 3 channels, crop`.
impl fmt::Display for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, channels, fit, background, range, frames } = self;
        write!(f, "{size} (width x height), {channels}, {fit}, background {background}")?;
        range.map_or(Ok(()), |range| write!(f, ", range {range}"))?;
        if frames.is_first() { Ok(()) } else { write!(f, ", {frames} frames") }
    }
}

/// What is asked for of data that can be brought to more than one form; what is left open follows from the data.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataOptions {
    /// The size that images are brought to: of arrays their own; of pictures theirs if they all have one of at most 128 per
    /// side, else 64 x 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Grey or colour: of arrays what they are; grey if all pictures are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Channels>,
    /// What is done about pictures of another aspect ratio: [`Fit::Crop`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// What shows through transparent pixels and around pictures: [`Colour::WHITE`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<Colour>,
    /// Which numbers become black and white, of pictures with more than 8 bits and of arrays: the usual range that holds
    /// all of them, or else their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeOption>,
    /// Which frames of an animation are images: [`Frames::First`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<Frames>,
    /// The classes whose images are taken, by name, those of others being left out: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only_classes: Vec<String>,
    /// The share of files that may be unreadable, and are left out: [`MAX_BAD`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bad: Option<f64>,
    /// The most bytes of images that are kept in memory rather than in a file: [`MEMORY`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// The directory for files of images: none, so that too many of them for memory are an error, but for arrays of bytes that
    /// can be left where they are. A file stays there and serves every later run on the same pictures or array, as they are
    /// by their names, lengths and times; it may be deleted when none is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
}

/// The most bytes of images that are kept in memory unless told otherwise: 2 GiB.
pub const MEMORY: u64 = 2 << 30;

/// The share of unreadable files that is let pass unless told otherwise.
pub const MAX_BAD: f64 = 0.1;

/// The directory beside runs for files of images.
const CACHE: &str = ".elbo-cache";

impl DataOptions {
    /// Whether all is left open.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// These options with a directory for files of images: `.elbo-cache` beside the run directory `run`, unless there is one
    /// or its path is not UTF-8.
    #[must_use]
    pub fn cached_beside(mut self, run: &Path) -> Self {
        if self.cache.is_none() {
            let beside = run.parent().unwrap_or(Path::new("")).join(CACHE);
            self.cache = beside.into_os_string().into_string().ok();
        }
        self
    }

    /// These options as they turned out with a data set that was read with them: nothing is left open that decides what
    /// an image is. Reading other data with them does the same to these, whatever they are.
    ///
    /// # Errors
    /// [`DatasetError::NoPictures`] if a form is asked for and the data are neither pictures nor arrays.
    pub fn settled(self, data: &Splits) -> Result<Self, DatasetError> {
        match data.train.preprocessing() {
            Preprocessing::Pictures(made) => {
                let Self { only_classes, max_bad, memory, cache, .. } = self;
                Ok(Self { only_classes, max_bad, memory, cache, ..made.into() })
            }
            Preprocessing::UnitScale => {
                let Self { only_classes, max_bad, memory, cache, .. } = self.clone();
                let open = Self { only_classes, max_bad, memory, cache, ..Self::default() };
                if self == open { Ok(self) } else { Err(DatasetError::NoPictures { name: data.name.clone() }) }
            }
        }
    }
}

impl From<Preparation> for DataOptions {
    fn from(preparation: Preparation) -> Self {
        let Preparation { size, channels, fit, background, range, frames } = preparation;
        Self {
            size: Some(size),
            // Only an array has others, and keeps them unasked.
            channels: Some(channels).filter(|channels| Channels::OF_PICTURES.contains(channels)),
            fit: Some(fit),
            background: Some(background),
            range: range.map(RangeOption::Given),
            frames: Some(frames),
            ..Self::default()
        }
    }
}

/// Width and height of an image in pixels, each from 8 to 4096; as text `64x48`, or `64` for a square.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// A text is no size, colour or share.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct OptionError(pub(super) String);

impl FromStr for Size {
    type Err = OptionError;
    fn from_str(text: &str) -> Result<Self, OptionError> {
        let side = |text: &str| text.parse().map_err(|_| OptionError("a size is WxH, such as 64x48, or N".to_owned()));
        let (width, height) = match text.split_once(['x', 'X']) {
            Some((width, height)) => (side(width)?, side(height)?),
            None => (side(text)?, side(text)?),
        };
        if ![width, height].iter().all(|side| SIDES.contains(side)) {
            let (least, most) = (SIDES.start(), SIDES.end());
            return Err(OptionError(format!(
                "each side must be from {least} to {most}; 32 to 128 train in reasonable time"
            )));
        }
        Ok(Self { width, height })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Values of a pixel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channels {
    /// One.
    Grey,
    /// Three: red, green, blue.
    Rgb,
    /// Two, of arrays only, which keep them.
    Two,
    /// Four, of arrays only, which keep them.
    Four,
}

impl Channels {
    /// What pictures have, and become.
    pub(super) const OF_PICTURES: [Self; 2] = [Self::Grey, Self::Rgb];

    /// What has so many values.
    #[cfg_attr(not(feature = "arrays"), expect(dead_code, reason = "only arrays say how many they have"))]
    pub(super) fn of(count: usize) -> Option<Self> {
        [Self::Grey, Self::Two, Self::Rgb, Self::Four].into_iter().find(|channels| channels.count() == count)
    }

    /// How many values.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grey => "grey",
            Self::Rgb => "rgb",
            Self::Two => "two",
            Self::Four => "four",
        })
    }
}

/// What is done about pictures whose aspect ratio is not that of the images.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fit {
    /// The whole picture, the rest is background.
    Fit,
    /// As much of the middle of the picture as fills the image.
    #[default]
    Crop,
    /// The whole picture, distorted.
    Stretch,
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fit => "fit",
            Self::Crop => "crop",
            Self::Stretch => "stretch",
        })
    }
}

/// Which frames of an animation (GIF, PNG or WebP) are images.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Frames {
    /// The first alone.
    #[default]
    First,
    /// Each, as it is seen on its canvas.
    All,
}

impl Frames {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    fn is_first(&self) -> bool {
        *self == Self::First
    }
}

impl fmt::Display for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::All => "all",
        })
    }
}

/// Red, green and blue from 0 to 255; as text `#rrggbb`, `white` or `black`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour(pub [u8; 3]);

impl Colour {
    /// All channels full. What is drawn on transparency is mostly drawn dark, to be seen on a page, and would vanish
    /// on black.
    pub const WHITE: Self = Self([255; 3]);
    /// All channels empty.
    pub const BLACK: Self = Self([0; 3]);
}

impl FromStr for Colour {
    type Err = OptionError;
    fn from_str(text: &str) -> Result<Self, OptionError> {
        match text {
            "white" => return Ok(Self::WHITE),
            "black" => return Ok(Self::BLACK),
            _ => {}
        }
        let number = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let number = number.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let [_, red, green, blue] = number
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| OptionError("a colour is #rrggbb, white or black".to_owned()))?
            .to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// Text in files, checked as it is read.
macro_rules! as_text {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = OptionError;
            fn try_from(text: String) -> Result<Self, OptionError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

pub(super) use as_text;

as_text!(Size);
as_text!(Colour);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;

    #[test]
    fn sizes_and_colours_are_read_and_written() {
        assert_eq!("64x48".parse(), Ok(Size { width: 64, height: 48 }));
        assert_eq!("64".parse(), Ok(Size { width: 64, height: 64 }));
        assert_eq!(Size { width: 64, height: 48 }.to_string(), "64x48");
        for text in ["", "x", "64x", "7", "8x4097", "64x48x3", "-8", "99999999999999999999"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        assert_eq!("#0aF010".parse(), Ok(Colour([10, 240, 16])));
        assert_eq!("white".parse(), Ok(Colour::WHITE));
        assert_eq!(Colour([10, 240, 16]).to_string(), "#0af010");
        for text in ["", "#", "#12345", "#1234567", "#+12345", "123456", "#12345é", "pink"] {
            assert!(text.parse::<Colour>().is_err(), "{text}");
        }
    }

    #[test]
    fn files_of_images_lie_beside_the_run_unless_a_place_is_given() {
        let cache = |options: DataOptions, run: &str| options.cached_beside(run.as_ref()).cache.unwrap();
        let beside = Path::new("runs").join(".elbo-cache");
        assert_eq!(Path::new(&cache(DataOptions::default(), "runs/one")), beside);
        assert_eq!(cache(DataOptions::default(), "one"), ".elbo-cache");
        let given = DataOptions { cache: Some("mine".to_owned()), ..DataOptions::default() };
        assert_eq!(cache(given, "runs/one"), "mine");
    }

    #[test]
    fn settled_options_leave_nothing_open() {
        let shape = ImageShape { height: 8, width: 9, channels: 1 };
        let images = Dataset::new(shape, vec![0; 72], None).unwrap();
        let numbers = Splits::from(images.clone());
        let asked = DataOptions { memory: Some(5), ..DataOptions::default() };
        assert_eq!(asked.clone().settled(&numbers).unwrap(), asked);
        // What asks for a form has none where images keep theirs.
        let size = DataOptions { size: "9x8".parse().ok(), ..asked.clone() };
        let range = DataOptions { range: "0:5".parse().ok(), ..asked.clone() };
        for form in [size, range] {
            assert!(matches!(form.settled(&numbers), Err(DatasetError::NoPictures { .. })));
        }

        let size = Size { width: 9, height: 8 };
        let range = ValueRange::new(0.0, 4095.0).ok();
        let (channels, fit, background) = (Channels::Grey, Fit::Stretch, Colour::BLACK);
        let made = Preparation { size, channels, fit, background, range, frames: Frames::All };
        let pictures = Splits::from(images.with_preprocessing(Preprocessing::Pictures(made)));
        let settled = asked.settled(&pictures).unwrap();
        assert_eq!(settled, DataOptions { memory: Some(5), ..made.into() });
        assert_eq!(settled.clone().settled(&pictures).unwrap(), settled);
    }

    #[test]
    fn a_model_file_says_all_and_old_ones_mean_what_they_meant() {
        let unit: Preprocessing = serde_json::from_str("\"unit_scale\"").unwrap();
        assert_eq!(unit, Preprocessing::UnitScale);
        assert_eq!(serde_json::to_string(&unit).unwrap(), "\"unit_scale\"");

        let text =
            "{\"pictures\":{\"size\":\"64x48\",\"channels\":\"rgb\",\"fit\":\"crop\",\"background\":\"#0af010\"}}";
        let expected = Preparation {
            size: Size { width: 64, height: 48 },
            channels: Channels::Rgb,
            fit: Fit::Crop,
            background: Colour([10, 240, 16]),
            range: None,
            frames: Frames::First,
        };
        let pictures: Preprocessing = serde_json::from_str(text).unwrap();
        assert_eq!(pictures, Preprocessing::Pictures(expected));
        assert_eq!(serde_json::to_string(&pictures).unwrap(), text);
        assert_eq!(expected.shape(), ImageShape { height: 48, width: 64, channels: 3 });
        assert!(serde_json::from_str::<Preprocessing>(&text.replace("64x48", "64x0")).is_err());
        let all = Preprocessing::Pictures(Preparation { frames: Frames::All, ..expected });
        let with_frames = text.replace("\"}}", "\",\"frames\":\"all\"}}");
        assert_eq!(serde_json::to_string(&all).unwrap(), with_frames);
        assert_eq!(serde_json::from_str::<Preprocessing>(&with_frames).unwrap(), all);
        let deep = text.replace("\"}}", "\",\"range\":\"0:4095\"}}");
        let expected = Preparation { range: ValueRange::new(0.0, 4095.0).ok(), ..expected };
        assert_eq!(serde_json::from_str::<Preprocessing>(&deep).unwrap(), Preprocessing::Pictures(expected));
        assert_eq!(serde_json::to_string(&Preprocessing::Pictures(expected)).unwrap(), deep);
    }
}
