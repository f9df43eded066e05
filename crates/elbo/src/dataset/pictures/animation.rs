//! Animations, frame by frame: each as it is seen on its canvas.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::metadata::Orientation;
use image::{AnimationDecoder, DynamicImage, Frame, ImageDecoder, ImageFormat, ImageResult, RgbaImage};

use super::apng::Apng;
use super::webp::Webp;
use super::{decode, frames};

type Canvases = Box<dyn Iterator<Item = Result<RgbaImage, String>>>;

/// A file whose frames are taken one after the other, since each is drawn over those before it.
pub(super) struct Animation {
    /// What is left, or why nothing more can be read.
    left: Result<(Canvases, Orientation), String>,
    /// The number of the next frame; the first is 1.
    next: usize,
}

impl Animation {
    pub(super) fn open(path: &Path) -> Self {
        Self { left: canvases(path), next: 1 }
    }

    /// A frame that is still to come, upright, or why it cannot be read; those before it are passed over. What follows a
    /// frame that cannot be read cannot be read either.
    pub(super) fn frame(&mut self, number: usize) -> Result<DynamicImage, String> {
        let (canvases, orientation) = self.left.as_mut().map_err(|reason| reason.clone())?;
        let mut read = Err("the frame is missing".to_owned());
        while self.next <= number {
            self.next += 1;
            read = canvases.next().unwrap_or(read);
            if read.is_err() {
                break;
            }
        }
        let orientation = *orientation;
        let mut image = DynamicImage::from(read.inspect_err(|reason| self.left = Err(reason.clone()))?);
        image.apply_orientation(orientation);
        Ok(image)
    }
}

/// The canvas after each frame of a file, and how all are turned.
fn canvases(path: &Path) -> Result<(Canvases, Orientation), String> {
    let (decoder, _, orientation) = decode::open(path, None)?;
    let (mut file, format) = decode::identify(path)?;
    file.rewind().map_err(|error| error.to_string())?;
    let file = BufReader::new(file);
    let canvases: Canvases = match format {
        ImageFormat::WebP => {
            Box::new(Webp::open(file, decoder.dimensions()).map_err(|error| frames::in_words(&error))?)
        }
        ImageFormat::Png => Box::new(Apng::open(file).map_err(|error| error.to_string())?),
        _ => Box::new(gif(file).map_err(|error| error.to_string())?),
    };
    Ok((canvases, orientation))
}

fn gif(file: BufReader<File>) -> ImageResult<impl Iterator<Item = Result<RgbaImage, String>>> {
    let mut decoder = GifDecoder::new(file)?;
    decoder.set_limits(decode::limits())?;
    Ok(decoder.into_frames().map(|frame| frame.map(Frame::into_buffer).map_err(|error| error.to_string())))
}
