//! One picture file, from its first bytes to upright pixels.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::picture::{Picture, luma};
use crate::dataset::preprocessing::{Channels, Colour};

/// The longest side of a picture that is decoded.
const MAX_SIDE: u32 = 20_000;
/// The most memory that a decoded picture may take, and what its decoder needs beside it.
const MAX_BYTES: u64 = 512 << 20;

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
/// has to as well.
fn format_of(start: &[u8], path: &Path) -> Option<ImageFormat> {
    let format = image::guess_format(start).ok()?;
    let is_read = FORMATS.iter().any(|known| known.0 == format);
    (is_read && (format != ImageFormat::Bmp || is_picture_name(path))).then_some(format)
}

/// What a file is, by its first bytes.
pub(super) fn sniff(path: &Path) -> std::io::Result<Option<ImageFormat>> {
    let mut start = Vec::with_capacity(16);
    File::open(path)?.take(16).read_to_end(&mut start)?;
    Ok(format_of(&start, path))
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

/// A decoder that has read the header, with what it says, or why the picture cannot be read.
fn open(path: &Path) -> Result<(impl ImageDecoder, Header, Orientation), String> {
    let mut file = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let mut start = Vec::with_capacity(16);
    file.by_ref().take(16).read_to_end(&mut start).map_err(|error| error.to_string())?;
    file.rewind().map_err(|error| error.to_string())?;
    let format = format_of(&start, path).ok_or_else(|| {
        if start.is_empty() { "the file is empty".to_owned() } else { "not a picture of a known format".to_owned() }
    })?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    let mut reader = ImageReader::with_format(file, format);
    reader.limits(limits);
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

/// What a picture's header says, or why it cannot be read.
pub(super) fn header(path: &Path) -> Result<Header, String> {
    open(path).map(|(_, header, _)| header)
}

/// A picture's upright pixels in these channels, blended with the background, or why it cannot be read.
pub(super) fn decode(path: &Path, channels: Channels, background: Colour) -> Result<Picture, String> {
    let (decoder, Header { width, height, .. }, orientation) = open(path)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    image.apply_orientation(orientation);
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
