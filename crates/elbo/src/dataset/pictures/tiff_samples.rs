//! TIFF pictures of kinds that instruments and scanners write, and the usual decoder does not read.

use std::io::BufReader;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::{SampleFormat, Tag};

use super::MAX_BYTES;
use super::decode::Stored;
use super::deep::{Deep, Numbers};
use super::pages::Source;

/// JPEG in a TIFF file, by its number.
const JPEG: u16 = 7;
/// Numbers that are no alpha, among those of a pixel.
const UNSPECIFIED: u16 = 0;
/// Alpha that the colours are multiplied with.
const PREMULTIPLIED: u16 = 1;

/// A TIFF picture whose header was read.
pub(super) struct Tiff {
    decoder: Decoder<BufReader<Source>>,
    kind: Kind,
    bits: u8,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    /// Whether its pixels have numbers that are neither colours nor alpha.
    pub(super) has_more: bool,
    /// Whether its colours are multiplied with their alpha.
    is_premultiplied: bool,
}

/// What the numbers of a pixel are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Grey, grey and alpha, red with green and blue, or these and alpha.
    Channels(usize),
    /// An index of a table of colours.
    Palette,
    /// Luma and two differences, as in JPEG files.
    Luma,
}

/// What became of a TIFF picture: of 8 bits, or more.
pub(super) enum Decoded {
    Bytes(DynamicImage),
    Deep(Deep),
}

impl Tiff {
    /// Reads the header, or says in words what is not read.
    pub(super) fn open(mut file: Source) -> Result<Self, String> {
        let mut limits = Limits::default();
        limits.decoding_buffer_size = MAX_BYTES as usize;
        limits.intermediate_buffer_size = MAX_BYTES as usize;
        limits.ifd_value_size = MAX_BYTES as usize;
        let is_palette = file.take_palette_for_grey().map_err(|error| super::frames::in_words(&error))?;
        let decoder = Decoder::new(BufReader::new(file)).map_err(in_words)?;
        let mut decoder = decoder.with_limits(limits);
        let (width, height) = decoder.dimensions().map_err(in_words)?;
        let color = decoder.colortype().map_err(in_words)?;
        let bits = color.bit_depth();
        let more = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten().unwrap_or_default();
        let has_alpha = more.first().is_some_and(|&number| number != UNSPECIFIED);
        let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression).ok().flatten();
        let kind = match color {
            ColorType::Gray(..=8) if is_palette => Kind::Palette,
            ColorType::Gray(_) if is_palette => return Err(format!("its palette has {bits} bits; up to 8 are read")),
            ColorType::Gray(_) | ColorType::Multiband { num_samples: 1, .. } => Kind::Channels(1),
            ColorType::GrayA(_) => Kind::Channels(2),
            ColorType::Multiband { num_samples: 2, .. } if has_alpha => Kind::Channels(2),
            ColorType::RGB(_) => Kind::Channels(3),
            ColorType::RGBA(_) => Kind::Channels(4),
            ColorType::YCbCr(8) if compression == Some(JPEG) => Kind::Luma,
            ColorType::YCbCr(_) => return Err("its colours are YCbCr without JPEG, which is not read".to_owned()),
            ColorType::CMYK(_) | ColorType::CMYKA(_) => {
                return Err("its colours are CMYK of an unusual kind".to_owned());
            }
            ColorType::Lab(_) => return Err("its colours are Lab, which is not read; save it as RGB".to_owned()),
            other => {
                let numbers = other.num_samples();
                return Err(format!(
                    "a pixel has {numbers} numbers that are no colours; save each as a page of its own"
                ));
            }
        };
        if !matches!(bits, 1 | 2 | 4 | 8 | 16 | 32 | 64) {
            return Err(format!("its numbers have {bits} bits; 1, 2, 4, 8, 16, 32 and 64 are read"));
        }
        if bits < 8 && !matches!(kind, Kind::Channels(1) | Kind::Palette) {
            return Err(format!("its colours have {bits} bits; 8, 16, 32 and 64 are read"));
        }
        let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
        let orientation = orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
        let has_more = matches!(kind, Kind::Channels(3)) && !more.is_empty();
        let is_premultiplied = matches!(kind, Kind::Channels(2 | 4)) && more.first() == Some(&PREMULTIPLIED);
        Ok(Self { decoder, kind, bits, width, height, orientation, has_more, is_premultiplied })
    }

    /// Whether it is stored without colour.
    pub(super) fn is_grey(&self) -> bool {
        matches!(self.kind, Kind::Channels(1 | 2))
    }

    /// What its numbers are.
    pub(super) fn stored(&mut self) -> Stored {
        let formats = self.decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat).ok().flatten();
        match formats.and_then(|formats| formats.first().copied()).and_then(SampleFormat::from_u16) {
            Some(SampleFormat::IEEEFP) => Stored::FloatingPoint,
            Some(SampleFormat::Int) => Stored::Integers,
            _ if self.bits > 8 => Stored::Integers,
            _ => Stored::Bytes,
        }
    }

    /// Bytes of its numbers in memory.
    pub(super) fn total_bytes(&self) -> u64 {
        let channels = if let Kind::Channels(channels) = self.kind { channels as u64 } else { 3 };
        let bytes = if self.bits <= 8 {
            1
        } else if self.bits == 16 {
            2
        } else {
            8
        };
        u64::from(self.width).saturating_mul(u64::from(self.height)).saturating_mul(channels * bytes)
    }

    /// All of its numbers.
    pub(super) fn decode(mut self) -> Result<Decoded, String> {
        let mut result = DecodingResult::U8(Vec::new());
        let layout = self.decoder.read_image_to_buffer(&mut result).map_err(in_words)?;
        if result.as_buffer(0).byte_len() < layout.complete_len {
            return Err("the picture takes more memory than one may".to_owned());
        }
        let planes = layout.planes;
        if self.bits <= 8
            && let DecodingResult::U8(bytes) = result
        {
            let mut bytes = interleaved(bytes, planes);
            if let (true, Kind::Channels(channels)) = (self.is_premultiplied, self.kind) {
                divide(&mut bytes, channels, 255.0, |number| number.min(255.0).round() as u8);
            }
            return self.of_bytes(&bytes).map(Decoded::Bytes);
        }
        let Kind::Channels(channels) = self.kind else {
            return Err("its colours have an unusual kind of numbers".to_owned());
        };
        let (mut numbers, opaque) = match result {
            DecodingResult::U8(values) => (others(values, planes), 255.0),
            DecodingResult::U16(values) => (Numbers::Words(interleaved(values, planes)), 65535.0),
            DecodingResult::U32(values) => (others(values, planes), f64::from(u32::MAX)),
            // To the nearest that double precision has.
            DecodingResult::U64(values) => {
                let values = values.into_iter().map(|value| value as f64).collect();
                (Numbers::Others(interleaved(values, planes)), u64::MAX as f64)
            }
            DecodingResult::I8(values) => (others(values, planes), f64::from(i8::MAX)),
            DecodingResult::I16(values) => (others(values, planes), f64::from(i16::MAX)),
            DecodingResult::I32(values) => (others(values, planes), f64::from(i32::MAX)),
            DecodingResult::I64(values) => {
                let values = values.into_iter().map(|value| value as f64).collect();
                (Numbers::Others(interleaved(values, planes)), i64::MAX as f64)
            }
            DecodingResult::F16(values) => (others(values, planes), 1.0),
            DecodingResult::F32(values) => (others(values, planes), 1.0),
            DecodingResult::F64(values) => (others(values, planes), 1.0),
        };
        if self.is_premultiplied {
            match &mut numbers {
                Numbers::Words(words) => divide(words, channels, opaque, |number| number.min(65535.0).round() as u16),
                Numbers::Others(others) => divide(others, channels, opaque, |number| number),
            }
        }
        Ok(Decoded::Deep(Deep { width: self.width, height: self.height, channels, numbers, opaque }))
    }

    /// The picture of bytes, or of numbers of which several are in one.
    fn of_bytes(&mut self, bytes: &[u8]) -> Result<DynamicImage, String> {
        let values = unpacked(bytes, self.width as usize, self.bits);
        let most = u16::MAX >> (16 - self.bits);
        let (width, height) = (self.width, self.height);
        let image = match self.kind {
            Kind::Palette => {
                let table = self.palette()?;
                let pixels = values.flat_map(|index| table.get(usize::from(index)).copied().unwrap_or_default());
                RgbImage::from_raw(width, height, pixels.collect()).map(DynamicImage::ImageRgb8)
            }
            Kind::Luma => {
                let pixels = bytes.as_chunks().0.iter().flat_map(|&pixel| rgb(pixel));
                RgbImage::from_raw(width, height, pixels.collect()).map(DynamicImage::ImageRgb8)
            }
            Kind::Channels(1) => {
                let values = values.map(|value| (u16::from(value) * 255 / most) as u8);
                GrayImage::from_raw(width, height, values.collect()).map(DynamicImage::ImageLuma8)
            }
            Kind::Channels(2) => {
                image::GrayAlphaImage::from_raw(width, height, bytes.to_vec()).map(DynamicImage::ImageLumaA8)
            }
            Kind::Channels(3) => RgbImage::from_raw(width, height, bytes.to_vec()).map(DynamicImage::ImageRgb8),
            Kind::Channels(_) => {
                image::RgbaImage::from_raw(width, height, bytes.to_vec()).map(DynamicImage::ImageRgba8)
            }
        };
        image.ok_or_else(|| "the header does not tell the size of the picture".to_owned())
    }

    /// The colours of a palette: all reds, then all greens, then all blues, of 16 bits; some writers use the lower 8 alone.
    fn palette(&mut self) -> Result<Vec<[u8; 3]>, String> {
        let map = self.decoder.get_tag_u16_vec(Tag::ColorMap).map_err(in_words)?;
        let len = map.len() / 3;
        let shift = if map.iter().all(|&value| value < 256) { 0 } else { 8 };
        Ok((0..len).map(|index| [0, 1, 2].map(|channel| (map[channel * len + index] >> shift) as u8)).collect())
    }
}

/// Divides the colours of pixels by their alpha, where that is not 0.
fn divide<T: Copy + Into<f64>>(values: &mut [T], channels: usize, opaque: f64, of: impl Fn(f64) -> T) {
    for pixel in values.chunks_exact_mut(channels) {
        let [colours @ .., alpha] = pixel else { continue };
        let alpha: f64 = (*alpha).into();
        if alpha > 0.0 {
            for colour in colours {
                *colour = of((*colour).into() * opaque / alpha);
            }
        }
    }
}

/// What the numbers of a pixel are that stand behind its colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum More {
    /// There are none, or what they are cannot be told.
    Nothing,
    /// Alpha that the colours are multiplied with.
    Premultiplied,
    /// Alpha, or none of the two.
    Other,
}

impl More {
    /// Of the first page of a file.
    pub(super) fn of(file: Source) -> Self {
        let decoder = Decoder::new(BufReader::new(file)).ok();
        let more =
            decoder.and_then(|mut decoder| decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten());
        match more.as_deref() {
            None | Some([]) => Self::Nothing,
            Some([PREMULTIPLIED, ..]) => Self::Premultiplied,
            Some(_) => Self::Other,
        }
    }
}

/// Numbers of a type that becomes double precision without loss.
fn others<T: Copy + Into<f64>>(values: Vec<T>, planes: usize) -> Numbers {
    Numbers::Others(interleaved(values, planes).into_iter().map(Into::into).collect())
}

/// Numbers pixel by pixel that lie plane by plane.
fn interleaved<T: Copy>(values: Vec<T>, planes: usize) -> Vec<T> {
    if planes <= 1 {
        return values;
    }
    let len = values.len() / planes;
    (0..len).flat_map(|pixel| values[pixel..].iter().step_by(len).take(planes).copied()).collect()
}

/// The numbers of so many bits in bytes, the first in the highest; each row begins with a byte of its own.
fn unpacked(bytes: &[u8], width: usize, bits: u8) -> impl Iterator<Item = u8> + '_ {
    let row_bytes = if bits == 8 { bytes.len().max(1) } else { (width * usize::from(bits)).div_ceil(8).max(1) };
    let in_row = if bits == 8 { row_bytes } else { width };
    let mask = u8::MAX >> (8 - bits);
    bytes.chunks_exact(row_bytes).flat_map(move |row| {
        let in_byte = usize::from(8 / bits);
        (0..in_row).map(move |place| {
            let shift = 8 - bits - (place % in_byte) as u8 * bits;
            row[place / in_byte] >> shift & mask
        })
    })
}

/// Red, green and blue of luma and differences, by ITU-R BT.601 over all of the 8 bits, as JPEG files mean them.
fn rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let (luma, blue, red) = (f32::from(luma), f32::from(blue) - 128.0, f32::from(red) - 128.0);
    [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue]
        .map(|value| value.round().clamp(0.0, 255.0) as u8)
}

/// What a decoder found, for people.
fn in_words(error: tiff::TiffError) -> String {
    match error {
        tiff::TiffError::IoError(error) => super::frames::in_words(&error),
        tiff::TiffError::UnsupportedError(what) => {
            format!("a kind of TIFF that is not read ({what}); save it as grey or RGB of 8 or 16 bits")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_few_bits_are_unpacked_row_by_row() {
        let of = |bytes: &[u8], width, bits| unpacked(bytes, width, bits).collect::<Vec<_>>();
        assert_eq!(of(&[0b1010_0000, 0b0110_0000], 3, 1), [1, 0, 1, 0, 1, 1]);
        assert_eq!(of(&[0b0001_1011, 0b1100_0000], 5, 2), [0, 1, 2, 3, 3]);
        assert_eq!(of(&[0x12, 0x30, 0xff, 0xe0], 3, 4), [1, 2, 3, 15, 15, 14]);
        assert_eq!(of(&[1, 2, 3], 3, 8), [1, 2, 3]);
        assert!(of(&[], 0, 8).is_empty());
    }

    #[test]
    fn luma_and_differences_are_colours() {
        assert_eq!([[255, 128, 128], [76, 85, 255], [29, 255, 107]].map(rgb), [[255; 3], [254, 0, 0], [0, 0, 254]]);
        assert_eq!(interleaved(vec![1, 2, 3, 4, 5, 6], 3), [1, 3, 5, 2, 4, 6]);
    }
}
