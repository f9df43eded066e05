//! The frames of a PNG animation.
//!
//! `image` composes such frames too, but brings back the wrong picture where a frame that is undone follows one that is
//! removed, and reads none of 16 bits.

use std::fs::File;
use std::io::BufReader;

use image::RgbaImage;
use png::{BlendOp, Decoder, DecodingError, DisposeOp, Limits, Reader, Transformations};

use super::canvas::{After, Canvas, Drawing};

/// The canvas after each frame.
pub(super) struct Apng {
    reader: Reader<BufReader<File>>,
    /// How many frames the file says that it has, less those that were taken.
    left: u32,
    canvas: Canvas,
}

impl Apng {
    pub(super) fn open(file: BufReader<File>) -> Result<Self, DecodingError> {
        let bytes = usize::try_from(super::MAX_BYTES).unwrap_or(usize::MAX);
        let mut decoder = Decoder::new_with_limits(file, Limits { bytes });
        decoder.set_transformations(Transformations::EXPAND);
        let mut reader = decoder.read_info()?;
        let info = reader.info();
        let left = info.animation_control().map_or(0, |control| control.num_frames);
        let canvas = Canvas::new(info.size());
        // The first picture is no frame unless that is said before it.
        if info.frame_control().is_none() && left > 0 {
            read(&mut reader)?;
        }
        Ok(Self { reader, left, canvas })
    }

    fn draw(&mut self) -> Result<RgbaImage, String> {
        let frame = read(&mut self.reader).map_err(|error| error.to_string())?;
        let control = self.reader.info().frame_control().ok_or("the frame has no place")?;
        let after = match control.dispose_op {
            DisposeOp::None => After::Stays,
            DisposeOp::Background => After::Removed,
            DisposeOp::Previous => After::Undone,
        };
        let is_blended = control.blend_op == BlendOp::Over;
        let drawing = Drawing { left: control.x_offset, top: control.y_offset, is_blended, after };
        self.canvas.draw(&frame, drawing)
    }
}

impl Iterator for Apng {
    type Item = Result<RgbaImage, String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.draw())
    }
}

/// The next picture in the file; values of 16 bits are brought to 8, each to the nearest.
fn read(reader: &mut Reader<BufReader<File>>) -> Result<RgbaImage, DecodingError> {
    let mut bytes = vec![0; reader.output_buffer_size().ok_or(DecodingError::LimitsExceeded)?];
    let frame = reader.next_frame(&mut bytes)?;
    let info = reader.info();
    // Interlaced rows lie as far apart as those of the whole canvas.
    let whole = if info.interlaced { reader.output_line_size(info.width) } else { None };
    let lines = bytes.chunks_exact(whole.unwrap_or(frame.line_size).max(1));
    let mut values: Vec<u8> = lines.flat_map(|line| &line[..frame.line_size]).copied().collect();
    if frame.bit_depth == png::BitDepth::Sixteen {
        let of_two = |pair: &[u8]| ((u32::from(pair[0]) * 256 + u32::from(pair[1]) + 128) / 257) as u8;
        values = values.chunks_exact(2).map(of_two).collect();
    }
    let samples = frame.color_type.samples();
    let pixels = values.chunks_exact(samples).flat_map(|pixel| match *pixel {
        [grey] => [grey, grey, grey, 255],
        [grey, alpha] => [grey, grey, grey, alpha],
        [red, green, blue] => [red, green, blue, 255],
        [red, green, blue, alpha, ..] => [red, green, blue, alpha],
        [] => [0; 4],
    });
    let pixels = pixels.take(frame.width as usize * frame.height as usize * 4).collect();
    RgbaImage::from_raw(frame.width, frame.height, pixels).ok_or(DecodingError::LimitsExceeded)
}
