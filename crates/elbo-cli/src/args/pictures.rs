//! What pictures are brought to, which several commands are told.

use crate::source::name_of;
use clap::ValueEnum;
use elbo::dataset::{Channels, Colour, DataOptions, Fit, Size};
use std::path::PathBuf;

/// What is done about pictures of another aspect ratio.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum FitName {
    /// The whole picture, the rest is background
    Fit,
    /// As much of the middle of the picture as fills the image
    Crop,
    /// The whole picture, distorted
    Stretch,
}

/// Values a pixel.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ChannelsName {
    /// One
    #[value(alias = "gray")]
    Grey,
    /// Three
    Rgb,
}

/// What pictures are brought to.
#[derive(clap::Args)]
#[command(next_help_heading = "Pictures")]
pub(crate) struct DataArgs {
    /// Size that pictures are brought to, or N for a square [default: theirs if they have one of at most 128 per side,
    /// else 64]
    #[arg(long, value_name = "WxH")]
    size: Option<Size>,

    /// What is done about pictures of another aspect ratio [default: crop]
    #[arg(long, value_enum)]
    fit: Option<FitName>,

    /// Channels of the images [default: grey if all pictures are, else rgb]
    #[arg(long, value_enum)]
    channels: Option<ChannelsName>,

    /// What shows through transparent pixels, and around pictures with --fit fit: #rrggbb, white or black [default:
    /// white]
    #[arg(long, value_name = "COLOUR")]
    background: Option<Colour>,

    /// Share of the pictures that may be unreadable, and are left out [default: 0.1]
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE")]
    max_bad: Option<f64>,

    /// From how many bytes on images are kept in a file rather than in memory, as 500M or 4G [default: 2G]
    #[arg(long, value_name = "BYTES", value_parser = byte_count)]
    memory: Option<u64>,

    /// Directory for such files, which serve later runs too; they may be deleted when no run is under way [default:
    /// .elbo-cache beside the run]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
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
        let cache = self.cache.as_deref().map(|cache| name_of(Some(cache))).transpose()?;
        Ok(DataOptions {
            size: self.size.or(options.size),
            channels: channels.or(options.channels),
            fit: fit.or(options.fit),
            background: self.background.or(options.background),
            max_bad: self.max_bad.or(options.max_bad),
            memory: self.memory.or(options.memory),
            cache: cache.or(options.cache),
        })
    }
}
