//! Pictures whose numbers need more than 8 bits, before it is known which of them are black and white.

use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};

use crate::dataset::ValueRange;
use crate::dataset::depth::Depth;
use crate::dataset::scale::Values;

/// A picture as it is stored, no side zero.
#[derive(Debug)]
pub(super) struct Deep {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Grey, grey and alpha, red with green and blue, or these and alpha.
    pub(super) channels: usize,
    /// `[H, W, C]`.
    pub(super) numbers: Numbers,
    /// What the largest alpha is.
    pub(super) opaque: f64,
}

/// Numbers of some type.
#[derive(Debug)]
pub(super) enum Numbers {
    Words(Vec<u16>),
    /// Of types that are rarer.
    Others(Vec<f64>),
}

/// How many of some values lie outside of a range, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Outside {
    pub(super) values: u64,
    pub(super) total: u64,
    /// Pictures that show colour, and are made grey.
    pub(super) coloured: u64,
}

impl std::ops::Add for Outside {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            values: self.values + other.values,
            total: self.total + other.total,
            coloured: self.coloured + other.coloured,
        }
    }
}

impl Deep {
    /// Whether the last channel is alpha.
    fn has_alpha(&self) -> bool {
        self.channels.is_multiple_of(2)
    }

    /// What the numbers are like that are no alpha, or what is wrong with one.
    pub(super) fn values(&self) -> Result<Values, String> {
        let mut values = Values::NONE;
        let seen = self.channels - usize::from(self.has_alpha());
        let mut see = |place: usize, value: f64| {
            if !value.is_finite() {
                return Err(format!("a pixel has the value {value}"));
            }
            if place % self.channels < seen {
                values.see(value);
            }
            Ok(())
        };
        match &self.numbers {
            Numbers::Words(words) => {
                words.iter().enumerate().try_for_each(|(place, &word)| see(place, f64::from(word)))?;
            }
            Numbers::Others(others) => {
                others.iter().enumerate().try_for_each(|(place, &value)| see(place, value))?;
            }
        }
        Ok(values)
    }

    /// The shares of the range, of 16 bits, and how many numbers lie outside of it; or what is wrong with one.
    pub(super) fn scaled(self, range: ValueRange) -> Result<(DynamicImage, Outside), String> {
        let Self { width, height, channels, opaque, .. } = self;
        let has_alpha = self.has_alpha();
        let mut outside = Outside::default();
        let mut share = |place: usize, value: f64| {
            if !value.is_finite() {
                return Err(format!("a pixel has the value {value}"));
            }
            let share = if has_alpha && place % channels == channels - 1 {
                (value / opaque).clamp(0.0, 1.0)
            } else {
                outside.total += 1;
                outside.values += u64::from(!range.contains(value));
                range.share(value)
            };
            Ok((share * f64::from(Depth::Sixteen.most())).round() as u16)
        };
        let words: Vec<u16> = match self.numbers {
            Numbers::Words(mut words) if range == ValueRange::SIXTEEN => {
                outside.total = words.len() as u64;
                std::mem::take(&mut words)
            }
            Numbers::Words(mut words) => {
                for (place, word) in words.iter_mut().enumerate() {
                    *word = share(place, f64::from(*word))?;
                }
                words
            }
            Numbers::Others(others) => {
                let shares = others.into_iter().enumerate().map(|(place, value)| share(place, value));
                shares.collect::<Result<_, _>>()?
            }
        };
        let image = match channels {
            1 => ImageBuffer::<Luma<u16>, _>::from_raw(width, height, words).map(DynamicImage::ImageLuma16),
            2 => ImageBuffer::<LumaA<u16>, _>::from_raw(width, height, words).map(DynamicImage::ImageLumaA16),
            3 => ImageBuffer::<Rgb<u16>, _>::from_raw(width, height, words).map(DynamicImage::ImageRgb16),
            _ => ImageBuffer::<Rgba<u16>, _>::from_raw(width, height, words).map(DynamicImage::ImageRgba16),
        };
        Ok((image.ok_or("the header does not tell the size of the picture")?, outside))
    }
}

/// A picture that a decoder made, if it has more than 8 bits.
impl TryFrom<DynamicImage> for Deep {
    type Error = DynamicImage;
    fn try_from(image: DynamicImage) -> Result<Self, DynamicImage> {
        let (width, height) = (image.width(), image.height());
        let (channels, words) = match image {
            DynamicImage::ImageLuma16(image) => (1, image.into_raw()),
            DynamicImage::ImageLumaA16(image) => (2, image.into_raw()),
            DynamicImage::ImageRgb16(image) => (3, image.into_raw()),
            DynamicImage::ImageRgba16(image) => (4, image.into_raw()),
            other => return Err(other),
        };
        Ok(Self { width, height, channels, numbers: Numbers::Words(words), opaque: 65535.0 })
    }
}
