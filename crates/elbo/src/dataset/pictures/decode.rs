//! One picture file, from its first bytes to upright pixels.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::frames::{self, Count};
use super::item::Inside;
use super::kinds;
use super::pages::{self, Page, Source};
use super::picture::{Picture, luma};
use crate::dataset::preprocessing::{Channels, Colour, Frames};

/// The longest side of a picture that is decoded.
const MAX_SIDE: u32 = 20_000;
/// The most memory that a decoded picture may take, and what its decoder needs beside it.
pub(super) const MAX_BYTES: u64 = 512 << 20;

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
            None => "not a picture of a known format".to_owned(),
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

/// A decoder that has read the header, with what it says, or why the picture cannot be read.
pub(super) fn open(
    path: &Path,
    page: Option<Page>,
) -> Result<(impl ImageDecoder + use<>, Header, Orientation), String> {
    let (file, format) = identify(path)?;
    let file = BufReader::new(Source::open(file, page).map_err(|error| error.to_string())?);
    let mut reader = ImageReader::with_format(file, format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err("the picture is empty".to_owned());
    }
    if width > MAX_SIDE || height > MAX_SIDE || decoder.total_bytes() > MAX_BYTES {
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
    let is_grey = !decoder.color_type().has_color();
    let format = FORMATS.iter().find(|known| known.0 == format).map_or("", |known| known.1);
    Ok((decoder, Header { format, width: width as usize, height: height as usize, is_grey }, orientation))
}

/// The upright pixels of a picture, or of a page, in these channels, blended with the background, or why it cannot be
/// read.
pub(super) fn decode(
    path: &Path,
    page: Option<Page>,
    channels: Channels,
    background: Colour,
) -> Result<Picture, String> {
    let (decoder, header, orientation) = open(path, page)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    image.apply_orientation(orientation);
    picture(image, header, channels, background)
}

/// The pixels of an upright picture that has this header.
pub(super) fn picture(
    image: DynamicImage,
    Header { width, height, .. }: Header,
    channels: Channels,
    background: Colour,
) -> Result<Picture, String> {
    let grey = |value: u8| [value; 3];
    let background = background.0;
    let upright = [image.width() as usize, image.height() as usize];
    if upright != [width, height] {
        return Err("the header does not tell the size of the picture".to_owned());
    }
    let color = image.color();
    let pixels = if color.has_color() {
        if color.has_alpha() {
            let rgba = image.into_rgba8().into_raw();
            in_channels(channels, rgba.chunks_exact(4).map(|p| blend([p[0], p[1], p[2]], p[3], background)))
        } else {
            let rgb = image.into_rgb8().into_raw();
            if channels == Channels::Rgb {
                rgb
            } else {
                rgb.chunks_exact(3).map(|p| luma([p[0], p[1], p[2]])).collect()
            }
        }
    } else if color.has_alpha() {
        let grey_alpha = image.into_luma_alpha8().into_raw();
        in_channels(channels, grey_alpha.chunks_exact(2).map(|p| blend(grey(p[0]), p[1], background)))
    } else {
        debug_assert!(matches!(color, ColorType::L8 | ColorType::L16));
        let luma = image.into_luma8().into_raw();
        if channels == Channels::Grey { luma } else { luma.into_iter().flat_map(grey).collect() }
    };
    Ok(Picture { width, height, pixels })
}

fn in_channels(channels: Channels, pixels: impl Iterator<Item = [u8; 3]>) -> Vec<u8> {
    match channels {
        Channels::Grey => pixels.map(luma).collect(),
        Channels::Rgb => pixels.flatten().collect(),
    }
}

/// A pixel that covers `alpha / 255` of the background, to the nearest.
fn blend(pixel: [u8; 3], alpha: u8, background: [u8; 3]) -> [u8; 3] {
    let alpha = u32::from(alpha);
    let blend = |i: usize| ((u32::from(pixel[i]) * alpha + u32::from(background[i]) * (255 - alpha) + 127) / 255) as u8;
    [blend(0), blend(1), blend(2)]
}
