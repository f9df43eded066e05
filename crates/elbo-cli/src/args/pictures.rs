//! What pictures and arrays are brought to, which several commands are told.

use crate::source::name_of;
use clap::ValueEnum;
use elbo::dataset::{Channels, Colour, DataOptions, Fit, Frames, RangeOption, Size};
use std::path::PathBuf;

/// What to do with images of another aspect ratio.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum FitName {
    /// Show the whole picture, with background around it
    Fit,
    /// Fill the image with the middle of the picture
    Crop,
    /// Show the whole picture, distorted to fill the image
    Stretch,
}

/// Values per pixel.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ChannelsName {
    /// One value per pixel
    #[value(alias = "gray")]
    Grey,
    /// Three values per pixel: red, green, blue
    Rgb,
}

/// Frames of an animation.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum FramesName {
    /// The first frame alone
    First,
    /// Every frame, as a viewer shows it
    All,
}

/// What pictures and arrays are brought to.
#[derive(clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataArgs {
    /// Scale images to this size (width x height), or N for a square [default: of arrays their own; of pictures their own if
    /// all have the same, of 8 to 128 pixels per side, else 64]
    #[arg(long, value_name = "WxH")]
    size: Option<Size>,

    /// What to do with images of another aspect ratio [default: crop]
    #[arg(long, value_enum)]
    fit: Option<FitName>,

    /// Channels of the images [default: of arrays their own; grey if all pictures are grey, else rgb]
    #[arg(long, value_enum)]
    channels: Option<ChannelsName>,

    /// Colour behind transparent pixels, and around pictures with --fit fit: #rrggbb, white or black [default: white]
    #[arg(long, value_name = "COLOUR")]
    background: Option<Colour>,

    /// Values that become black and white, of pictures with more than 8 bits and of arrays: LOW:HIGH such as 0:4095, or auto
    /// for the smallest and the largest value [default: 0:1, or 0 and the largest number of 8 to 16 bits, whichever holds all
    /// values; else auto]
    #[arg(long, allow_hyphen_values = true, value_name = "LOW:HIGH")]
    range: Option<RangeOption>,
    /// Which frames of an animation (GIF, PNG or WebP) are images [default: first]
    #[arg(long, value_enum)]
    frames: Option<FramesName>,

    /// Take the images of these classes alone, such as the normal ones to find anomalies: names separated by commas
    #[arg(long, value_name = "CLASS,...", value_delimiter = ',')]
    only_classes: Vec<String>,

    /// Largest share of the pictures that may be unreadable, from 0 to 1; unreadable ones are left out [default: 0.1]
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE", value_parser = share)]
    max_bad: Option<f64>,

    /// Most memory for images, such as 500M or 4G; more images are kept in a file [default: 2G]
    #[arg(long, value_name = "BYTES", value_parser = byte_count)]
    memory: Option<u64>,

    /// Directory for such files. Later runs use them again; they may be deleted when no run is active [default: .elbo-cache
    /// beside the run]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is a number from 0 to 1".to_owned())
}

/// A number of bytes with K, M, G or T for powers of 1024.
fn byte_count(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((end, 'K' | 'k')) => (&text[..end], 10),
        Some((end, 'M' | 'm')) => (&text[..end], 20),
        Some((end, 'G' | 'g')) => (&text[..end], 30),
        Some((end, 'T' | 't')) => (&text[..end], 40),
        _ => (text, 0),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| "a number of bytes, such as 500M or 4G".to_owned())
}

impl DataArgs {
    /// The options, changed by what is given.
    pub(crate) fn change(&self, options: DataOptions) -> anyhow::Result<DataOptions> {
        let fit = self.fit.map(|fit| match fit {
            FitName::Fit => Fit::Fit,
            FitName::Crop => Fit::Crop,
            FitName::Stretch => Fit::Stretch,
        });
        let channels = self.channels.map(|channels| match channels {
            ChannelsName::Grey => Channels::Grey,
            ChannelsName::Rgb => Channels::Rgb,
        });
        let frames = self.frames.map(|frames| match frames {
            FramesName::First => Frames::First,
            FramesName::All => Frames::All,
        });
        let cache = self.cache.as_deref().map(|cache| name_of(Some(cache))).transpose()?;
        Ok(DataOptions {
            size: self.size.or(options.size),
            channels: channels.or(options.channels),
            fit: fit.or(options.fit),
            background: self.background.or(options.background),
            range: self.range.or(options.range),
            frames: frames.or(options.frames),
            only_classes: if self.only_classes.is_empty() { options.only_classes } else { self.only_classes.clone() },
            max_bad: self.max_bad.or(options.max_bad),
            memory: self.memory.or(options.memory),
            cache: cache.or(options.cache),
        })
    }
}
