//! One picture file, from its first bytes to upright pixels.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::deep::{Deep, Outside};
use super::pages::{self, Page, Source};
use super::tiff_samples::{Decoded, Tiff};
use super::{MAX_BYTES, frames, kinds};
use crate::dataset::ValueRange;
use crate::dataset::picture::{Picture, Sample, Samples, blend, luma};
use crate::dataset::preprocessing::{Channels, Colour, Preparation};
use crate::dataset::scale::Values;

/// The longest side of a picture that is decoded.
const MAX_SIDE: u32 = 20_000;

/// The formats that are read, and how their files' names end.
const FORMATS: [(ImageFormat, &str, &[&str]); 6] = [
    (ImageFormat::Png, "PNG", &["png"]),
    (ImageFormat::Jpeg, "JPEG", &["jpg", "jpeg", "jpe", "jfif"]),
    (ImageFormat::WebP, "WebP", &["webp"]),
    (ImageFormat::Gif, "GIF", &["gif"]),
    (ImageFormat::Bmp, "BMP", &["bmp"]),
    (ImageFormat::Tiff, "TIFF", &["tif", "tiff"]),
];

/// Whether a file is called as pictures are.
pub(super) fn is_picture_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        FORMATS.iter().flat_map(|format| format.2).any(|name| extension.eq_ignore_ascii_case(name))
    })
}

/// The format that the first bytes of a file tell. Two letters tell a BMP file, which text may begin with too: its name
/// has to as well. Cameras' own formats begin as TIFF files do, and their first page is a small copy, if it can be read:
/// their names tell them.
pub(super) fn format_of(start: &[u8], path: &Path) -> Option<ImageFormat> {
    let format = match start.first_chunk() {
        Some(mark) if pages::MARKS.contains(&mark) => ImageFormat::Tiff,
        _ => image::guess_format(start).ok()?,
    };
    if format == ImageFormat::Tiff && kinds::is_unread_name(path) {
        return None;
    }
    let is_read = FORMATS.iter().any(|known| known.0 == format);
    (is_read && (format != ImageFormat::Bmp || is_picture_name(path))).then_some(format)
}

/// What a file is, by its first bytes.
pub(super) fn sniff(path: &Path) -> std::io::Result<Option<ImageFormat>> {
    Ok(format_of(&start_of(&File::open(path)?)?, path))
}

/// The first bytes of a file that was just opened.
pub(super) fn start_of(file: &File) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(kinds::START);
    file.take(kinds::START as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// What a picture file holds.
#[derive(Debug)]
pub(super) struct Contents {
    /// The pages, where there are several, and what the header of each says or why it cannot be read; of a file that is
    /// one picture, that alone.
    pub(super) images: Vec<(Option<Page>, Result<Header, String>)>,
    /// Whether it has frames beside the first.
    pub(super) is_animation: bool,
    /// Pages that are reduced copies or masks of others.
    pub(super) copies: usize,
}

/// What a file holds, or why it cannot be read.
pub(super) fn contents(path: &Path) -> Result<Contents, String> {
    let (file, format) = identify(path)?;
    let mut file = BufReader::new(file);
    if format != ImageFormat::Tiff {
        let header = open(path, None).map(|(_, header, _)| header)?;
        let is_animation = frames::count(format, &mut file)? > 1;
        return Ok(Contents { images: vec![(None, Ok(header))], is_animation, copies: 0 });
    }
    let pages::Pages { listed, copies, broken } = pages::pages(&mut file)?;
    let header = |page| open(path, page).map(|(_, header, _)| header);
    let is_first = |page: &Page| page.number == 1;
    let images = match (&listed[..], broken) {
        ([only], None) if is_first(only) => vec![(None, Ok(header(None)?))],
        (pages, broken) => {
            let pages = pages.iter().map(|&page| (Some(page), header(Some(page))));
            pages.chain(broken.map(|(page, reason)| (Some(page), Err(reason)))).collect()
        }
    };
    Ok(Contents { images, is_animation: false, copies })
}

/// What a picture's header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// `PNG`, `JPEG` and so on.
    pub(super) format: &'static str,
    /// Columns, upright.
    pub(super) width: usize,
    /// Rows, upright.
    pub(super) height: usize,
    /// Whether it is stored without colour.
    pub(super) is_grey: bool,
    pub(super) stored: Stored,
}

/// What the numbers of a picture are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stored {
    /// Of 8 bits or fewer.
    Bytes,
    /// Of more bits, or with a sign.
    Integers,
    FloatingPoint,
}

impl Header {
    /// Whether its numbers may need more than 8 bits.
    pub(super) fn is_deep(&self) -> bool {
        self.stored != Stored::Bytes
    }
}

/// A file and its format, or why it cannot be read.
fn identify(path: &Path) -> Result<(File, ImageFormat), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let start = start_of(&file).map_err(|error| error.to_string())?;
    match format_of(&start, path) {
        Some(format) => Ok((file, format)),
        None if start.is_empty() => Err("the file is empty".to_owned()),
        None => Err(match kinds::unread(path, &start) {
            Some(kind) => format!("{kind} files are not read"),
            None => "not a picture of a known format".to_owned(),
        }),
    }
}

/// A picture whose header was read.
enum Opened {
    Usual(Box<dyn ImageDecoder>),
    Tiff(Tiff),
}

/// A decoder that has read the header, with what it says, or why the picture cannot be read.
fn open(path: &Path, page: Option<Page>) -> Result<(Opened, Header, Orientation), String> {
    let (file, format) = identify(path)?;
    let source = |file| Source::open(file, page).map_err(|error| error.to_string());
    let (opened, dimensions, bytes, orientation, (is_grey, stored)) = match usual(source(file)?, format) {
        Ok(mut decoder) => {
            let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
            let color = decoder.color_type();
            let is_deep = color.bytes_per_pixel() > color.channel_count();
            let stored = if is_deep { Stored::Integers } else { Stored::Bytes };
            let (dimensions, bytes) = (decoder.dimensions(), decoder.total_bytes());
            (Opened::Usual(decoder), dimensions, bytes, orientation, (!color.has_color(), stored))
        }
        // Of few kinds of numbers; our own reading of them says what it does not read in words.
        Err(_) if format == ImageFormat::Tiff => {
            let file = File::open(path).map_err(|error| error.to_string())?;
            let mut tiff = Tiff::open(source(file)?)?;
            let (dimensions, bytes, orientation) = ((tiff.width, tiff.height), tiff.total_bytes(), tiff.orientation);
            let kind = (tiff.is_grey(), tiff.stored());
            (Opened::Tiff(tiff), dimensions, bytes, orientation, kind)
        }
        Err(reason) => return Err(reason),
    };
    let (width, height) = dimensions;
    if width == 0 || height == 0 {
        return Err("the picture is empty".to_owned());
    }
    if width > MAX_SIDE || height > MAX_SIDE || bytes > MAX_BYTES {
        return Err(format!(
            "{width} x {height} pixels are more than the {} MiB that a picture may take",
            MAX_BYTES >> 20
        ));
    }
    let is_turned = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let (width, height) = if is_turned { (height, width) } else { (width, height) };
    let format = FORMATS.iter().find(|known| known.0 == format).map_or("", |known| known.1);
    let (width, height) = (width as usize, height as usize);
    Ok((opened, Header { format, width, height, is_grey, stored }, orientation))
}

/// The decoder of a format, for numbers of 8 and 16 bits.
fn usual(source: Source, format: ImageFormat) -> Result<Box<dyn ImageDecoder>, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    let mut reader = ImageReader::with_format(BufReader::new(source), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        return Err("floating-point numbers".to_owned());
    }
    Ok(Box::new(decoder))
}

/// What is decoded before its range is known.
enum Numbers {
    Bytes(DynamicImage),
    Deep(Deep),
}

/// The pixels of a picture, or of a page, as they are stored, or why it cannot be read.
fn read(opened: Opened) -> Result<Numbers, String> {
    match opened {
        Opened::Usual(decoder) => {
            let image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
            Ok(Deep::try_from(image).map_or_else(Numbers::Bytes, Numbers::Deep))
        }
        Opened::Tiff(tiff) => Ok(match tiff.decode()? {
            Decoded::Bytes(image) => Numbers::Bytes(image),
            Decoded::Deep(deep) => Numbers::Deep(deep),
        }),
    }
}

/// What the numbers of a picture with more than 8 bits are like; of none, where it has 8 or cannot be read.
pub(super) fn values(path: &Path, page: Option<Page>) -> Values {
    let read = open(path, page).and_then(|(opened, ..)| read(opened));
    match read {
        Ok(Numbers::Deep(deep)) => deep.values().unwrap_or(Values::NONE),
        _ => Values::NONE,
    }
}

/// The upright pixels of a picture, or of a page, in the channels of the preparation, blended with its background, of 16 bits
/// where it has more than 8; and how many numbers lie outside of the range. Or why it cannot be read.
pub(super) fn decode(path: &Path, page: Option<Page>, preparation: &Preparation) -> Result<(Picture, Outside), String> {
    let (opened, Header { width, height, .. }, orientation) = open(path, page)?;
    let (mut image, outside) = match read(opened)? {
        Numbers::Bytes(image) => (image, Outside::default()),
        Numbers::Deep(deep) => deep.scaled(preparation.range.unwrap_or(ValueRange::SIXTEEN))?,
    };
    image.apply_orientation(orientation);
    let upright = [image.width() as usize, image.height() as usize];
    if upright != [width, height] {
        return Err("the header does not tell the size of the picture".to_owned());
    }
    let Preparation { channels, background, .. } = *preparation;
    let samples = match image {
        DynamicImage::ImageLuma8(image) => Samples::Eight(in_channels(1, image.into_raw(), channels, background)),
        DynamicImage::ImageLumaA8(image) => Samples::Eight(in_channels(2, image.into_raw(), channels, background)),
        DynamicImage::ImageRgb8(image) => Samples::Eight(in_channels(3, image.into_raw(), channels, background)),
        DynamicImage::ImageRgba8(image) => Samples::Eight(in_channels(4, image.into_raw(), channels, background)),
        DynamicImage::ImageLuma16(image) => Samples::Sixteen(in_channels(1, image.into_raw(), channels, background)),
        DynamicImage::ImageLumaA16(image) => Samples::Sixteen(in_channels(2, image.into_raw(), channels, background)),
        DynamicImage::ImageRgb16(image) => Samples::Sixteen(in_channels(3, image.into_raw(), channels, background)),
        DynamicImage::ImageRgba16(image) => Samples::Sixteen(in_channels(4, image.into_raw(), channels, background)),
        other => return Err(format!("its colours are of an unusual kind, {:?}", other.color())),
    };
    Ok((Picture { width, height, samples }, outside))
}

/// Pixels of so many stored values each in these channels, blended with the background where they have alpha.
fn in_channels<T: Sample>(stored: usize, values: Vec<T>, channels: Channels, background: Colour) -> Vec<T> {
    if stored == channels.count() {
        return values;
    }
    let background = background.0.map(T::of_byte);
    let pixels = values.chunks_exact(stored).map(|pixel| match *pixel {
        [grey, alpha] => blend([grey; 3], alpha, background),
        [red, green, blue] => [red, green, blue],
        [red, green, blue, alpha] => blend([red, green, blue], alpha, background),
        _ => [pixel[0]; 3],
    });
    match channels {
        Channels::Grey => pixels.map(luma).collect(),
        // Nothing else is asked of pictures.
        _ => pixels.flatten().collect(),
    }
}
