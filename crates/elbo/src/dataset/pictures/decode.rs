//! One picture file, from its first bytes to upright pixels.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::deep::{Deep, Outside};
use super::frames::{self, Count};
use super::item::Inside;
use super::pages::{self, Page, Source};
use super::tiff_samples::{Decoded, More, Tiff};
use super::{MAX_BYTES, kinds};
use crate::dataset::ValueRange;
use crate::dataset::picture::{Picture, Sample, Samples, blend, luma};
use crate::dataset::preprocessing::{Channels, Colour, Frames, Preparation};
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
    /// The pages or frames, where there are several, and what the header of each says or why it cannot be read; of a file
    /// that is one picture, that alone.
    pub(super) images: Vec<(Option<Inside>, Result<Header, String>)>,
    /// Whether it has frames beside the first that are no images.
    pub(super) is_animation: bool,
    /// Pages that are reduced copies or masks of others.
    pub(super) copies: usize,
}

/// What a file holds where these frames of an animation are images, or why it cannot be read.
pub(super) fn contents(path: &Path, frames: Frames) -> Result<Contents, String> {
    let (file, format) = identify(path)?;
    let mut file = BufReader::new(file);
    if format != ImageFormat::Tiff {
        let header = open(path, None).map(|(_, header, _)| header)?;
        let (images, is_animation) = match (frames, frames::count(format, &mut file)) {
            (_, Count { whole: 0, broken: Some(reason) }) | (Frames::First, Count { broken: Some(reason), .. }) => {
                return Err(reason);
            }
            (Frames::All, Count { whole, broken }) if whole > 1 || broken.is_some() => {
                // They are composed in 8 bits.
                let header = Header { stored: Stored::Bytes, ..header };
                let frames = (1..=whole).map(|number| (Some(Inside::Frame(number)), Ok(header)));
                let broken = broken.map(|reason| (Some(Inside::Frame(whole + 1)), Err(reason)));
                (frames.chain(broken).collect(), false)
            }
            (_, Count { whole, .. }) => (vec![(None, Ok(header))], whole > 1),
        };
        return Ok(Contents { images, is_animation, copies: 0 });
    }
    let pages::Pages { listed, copies, broken } = pages::pages(&mut file)?;
    let header = |page| open(path, page).map(|(_, header, _)| header);
    let is_first = |page: &Page| page.number == 1;
    let images = match (&listed[..], broken) {
        ([only], None) if is_first(only) => vec![(None, Ok(header(None)?))],
        (pages, broken) => {
            let pages = pages.iter().map(|&page| (Some(Inside::Page(page)), header(Some(page))));
            pages.chain(broken.map(|(page, reason)| (Some(Inside::Page(page)), Err(reason)))).collect()
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
    /// Whether its pixels have numbers that are neither colours nor alpha, and are left out.
    pub(super) has_more: bool,
}

/// What a file is that begins so and is called as a picture.
fn no_picture(start: &[u8]) -> &'static str {
    let text = start.trim_ascii_start();
    let begins = |with: &str| text.get(..with.len()).is_some_and(|text| text.eq_ignore_ascii_case(with.as_bytes()));
    if begins("version https://git-lfs.github.com/spec/") {
        "a pointer of Git LFS in place of the picture: git lfs pull fetches it"
    } else if begins("<!doctype html") || begins("<html") {
        "a web page in place of the picture: download it again"
    } else {
        "not a picture of a known format"
    }
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
pub(super) fn identify(path: &Path) -> Result<(File, ImageFormat), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let start = start_of(&file).map_err(|error| error.to_string())?;
    match format_of(&start, path) {
        Some(format) => Ok((file, format)),
        None if start.is_empty() => Err("the file is empty".to_owned()),
        None => Err(match kinds::unread(path, &start) {
            Some(kind) => format!("{kind} files are not read"),
            None => no_picture(&start).to_owned(),
        }),
    }
}

/// The most that a decoder may take.
pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    limits
}

/// A picture whose header was read.
pub(super) enum Opened {
    Usual(Box<dyn ImageDecoder>),
    Tiff(Box<Tiff>),
}

impl Opened {
    /// Width and height as they are stored.
    pub(super) fn dimensions(&self) -> (u32, u32) {
        match self {
            Self::Usual(decoder) => decoder.dimensions(),
            Self::Tiff(tiff) => (tiff.width, tiff.height),
        }
    }
}

/// A decoder that has read the header, with what it says, or why the picture cannot be read.
pub(super) fn open(path: &Path, page: Option<Page>) -> Result<(Opened, Header, Orientation), String> {
    let (file, format) = identify(path)?;
    let source = |file| Source::open(file, page).map_err(|error| error.to_string());
    let more = if format == ImageFormat::Tiff {
        let file = File::open(path).map_err(|error| error.to_string())?;
        More::of(source(file)?)
    } else {
        More::Nothing
    };
    let usual = match more {
        More::Premultiplied => Err("alpha that is in the colours".to_owned()),
        _ => usual(source(file)?, format),
    };
    let (opened, dimensions, bytes, orientation, (is_grey, stored, has_more)) = match usual {
        Ok(mut decoder) => {
            let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
            let color = decoder.color_type();
            let is_deep = color.bytes_per_pixel() > color.channel_count();
            let stored = if is_deep { Stored::Integers } else { Stored::Bytes };
            let (dimensions, bytes) = (decoder.dimensions(), decoder.total_bytes());
            let has_more = color.channel_count() == 3 && more != More::Nothing;
            (Opened::Usual(decoder), dimensions, bytes, orientation, (!color.has_color(), stored, has_more))
        }
        // Of few kinds of numbers; our own reading of them says what it does not read in words.
        Err(_) if format == ImageFormat::Tiff => {
            let file = File::open(path).map_err(|error| error.to_string())?;
            let mut tiff = Tiff::open(source(file)?)?;
            let (dimensions, bytes, orientation) = ((tiff.width, tiff.height), tiff.total_bytes(), tiff.orientation);
            let kind = (tiff.is_grey(), tiff.stored(), tiff.has_more);
            (Opened::Tiff(Box::new(tiff)), dimensions, bytes, orientation, kind)
        }
        Err(reason) => return Err(reason),
    };
    let (width, height) = dimensions;
    if width == 0 || height == 0 {
        return Err("the picture is empty".to_owned());
    }
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(format!("{width} x {height} pixels: a side may have {MAX_SIDE}"));
    }
    if bytes > MAX_BYTES {
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
    Ok((opened, Header { format, width, height, is_grey, stored, has_more }, orientation))
}

/// The decoder of a format, for numbers of 8 and 16 bits.
fn usual(source: Source, format: ImageFormat) -> Result<Box<dyn ImageDecoder>, String> {
    let mut reader = ImageReader::with_format(BufReader::new(source), format);
    reader.limits(limits());
    let decoder = reader.into_decoder().map_err(|error| match error {
        image::ImageError::Limits(_) => {
            format!("its sides are longer than {MAX_SIDE} pixels, or it takes more than {} MiB", MAX_BYTES >> 20)
        }
        other => in_words(&other),
    })?;
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        return Err("floating-point numbers".to_owned());
    }
    Ok(Box::new(decoder))
}

/// What a decoder found, for people.
fn in_words(error: &image::ImageError) -> String {
    match error {
        image::ImageError::IoError(error) => frames::in_words(error),
        other => other.to_string(),
    }
}

/// What is decoded before its range is known.
enum Numbers {
    Bytes(DynamicImage),
    Deep(Deep),
}

impl From<DynamicImage> for Numbers {
    fn from(image: DynamicImage) -> Self {
        Deep::try_from(image).map_or_else(Self::Bytes, Self::Deep)
    }
}

/// The pixels of a picture, or of a page, as they are stored, or why it cannot be read.
fn read(opened: Opened) -> Result<Numbers, String> {
    match opened {
        Opened::Usual(decoder) => Ok(DynamicImage::from_decoder(decoder).map_err(|error| in_words(&error))?.into()),
        Opened::Tiff(tiff) => Ok(match tiff.decode()? {
            Decoded::Bytes(image) => Numbers::Bytes(image),
            Decoded::Deep(deep) => Numbers::Deep(deep),
        }),
    }
}

/// What the numbers of a picture with more than 8 bits are like; of none, where it has 8 or cannot be read.
pub(super) fn values(path: &Path, inside: Option<Inside>) -> Values {
    let of = |numbers: Numbers| match numbers {
        Numbers::Deep(deep) => deep.values().unwrap_or(Values::NONE),
        Numbers::Bytes(_) => Values::NONE,
    };
    let page = match inside {
        // Frames are composed in 8 bits.
        Some(Inside::Frame(_)) => return Values::NONE,
        Some(Inside::Page(page)) => Some(page),
        None => None,
    };
    open(path, page).and_then(|(opened, ..)| read(opened)).map_or(Values::NONE, of)
}

/// The upright pixels of a picture, or of a page, in the channels of the preparation, blended with its background, of 16 bits
/// where it has more than 8; and how many numbers lie outside of the range. Or why it cannot be read.
pub(super) fn decode(path: &Path, page: Option<Page>, preparation: &Preparation) -> Result<(Picture, Outside), String> {
    let (opened, header, orientation) = open(path, page)?;
    prepared(read(opened)?, header, orientation, preparation)
}

/// The same of a frame of an animation, which is upright.
pub(super) fn picture(
    frame: DynamicImage,
    header: Header,
    preparation: &Preparation,
) -> Result<(Picture, Outside), String> {
    prepared(frame.into(), header, Orientation::NoTransforms, preparation)
}

fn prepared(
    numbers: Numbers,
    Header { width, height, .. }: Header,
    orientation: Orientation,
    preparation: &Preparation,
) -> Result<(Picture, Outside), String> {
    let (mut image, mut outside) = match numbers {
        Numbers::Bytes(image) => (image, Outside::default()),
        Numbers::Deep(deep) => deep.scaled(preparation.range.unwrap_or(ValueRange::SIXTEEN))?,
    };
    image.apply_orientation(orientation);
    let upright = [image.width() as usize, image.height() as usize];
    if upright != [width, height] {
        return Err("the header does not tell the size of the picture".to_owned());
    }
    let Preparation { channels, background, .. } = *preparation;
    outside.coloured = u64::from(channels == Channels::Grey && shows_colour(&image));
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

/// Whether any pixel has different colours.
fn shows_colour(image: &DynamicImage) -> bool {
    fn differ<T: PartialEq>(values: &[T], stored: usize) -> bool {
        values.chunks_exact(stored).any(|pixel| pixel[0] != pixel[1] || pixel[1] != pixel[2])
    }
    match image {
        DynamicImage::ImageRgb8(image) => differ(image.as_raw(), 3),
        DynamicImage::ImageRgba8(image) => differ(image.as_raw(), 4),
        DynamicImage::ImageRgb16(image) => differ(image.as_raw(), 3),
        DynamicImage::ImageRgba16(image) => differ(image.as_raw(), 4),
        _ => false,
    }
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
