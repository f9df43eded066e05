//! The frames of a WebP animation: each chunk `ANMF` holds the picture of a file that is one, and where it is drawn.
//!
//! `image` composes frames too, but clears the wrong places, or none, where a frame is to be removed.

use std::fs::File;
use std::io::{BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom};

use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, RgbaImage};

use super::canvas::{After, Canvas, Drawing};
use super::frames::in_words;

/// How a chunk of a frame begins: place and size in 24 bits each, duration, flags.
const FRAME_HEADER: usize = 16;
/// Flags: the frame is removed after it was shown, and it replaces what it covers rather than being blended with it.
const REMOVED: u8 = 1;
const REPLACES: u8 = 2;

/// The canvas after each frame.
pub(super) struct Webp {
    file: BufReader<File>,
    /// Bytes of chunks from here on.
    left: u64,
    canvas: Canvas,
}

impl Webp {
    /// The frames of a file with a canvas of this width and height.
    pub(super) fn open(mut file: BufReader<File>, size: (u32, u32)) -> std::io::Result<Self> {
        let [_, _, _, _, length @ ..] = take::<8>(&mut file)?;
        file.seek(SeekFrom::Start(12))?;
        let left = u64::from(u32::from_le_bytes(length)).saturating_sub(4);
        Ok(Self { file, left, canvas: Canvas::new(size) })
    }

    /// The bytes of the next frame's chunk; none after the last.
    fn chunk(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        while self.left >= 8 {
            let [kind @ .., a, b, c, d] = take::<8>(&mut self.file)?;
            let length = u64::from(u32::from_le_bytes([a, b, c, d]));
            let even = length + length % 2;
            self.left = self.left.saturating_sub(8 + even);
            if &kind != b"ANMF" {
                // No file is longer than an `i64` counts.
                self.file.seek_relative(even as i64)?;
                continue;
            }
            let mut chunk = Vec::new();
            self.file.by_ref().take(even).read_to_end(&mut chunk)?;
            if (chunk.len() as u64) < length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            return Ok(Some(chunk));
        }
        Ok(None)
    }

    fn draw(&mut self, chunk: &[u8]) -> Result<RgbaImage, String> {
        let (header, data) = chunk.split_at_checked(FRAME_HEADER).ok_or("the frame has no header")?;
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]);
        let frame = picture(data, [number(6) + 1, number(9) + 1])?.into_rgba8();
        let flags = header[FRAME_HEADER - 1];
        let after = if flags & REMOVED == 0 { After::Stays } else { After::Removed };
        let (left, top, is_blended) = (2 * number(0), 2 * number(3), flags & REPLACES == 0);
        self.canvas.draw(&frame, Drawing { left, top, is_blended, after })
    }
}

impl Iterator for Webp {
    type Item = Result<RgbaImage, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.chunk().map_err(|error| in_words(&error)).transpose()?;
        Some(chunk.and_then(|chunk| self.draw(&chunk)))
    }
}

fn take<const N: usize>(file: &mut impl Read) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The picture in the chunk of a frame, which is decoded as a file of its own.
fn picture(data: &[u8], [width, height]: [u32; 2]) -> Result<DynamicImage, String> {
    let chunk = |name: &[u8], content: &[u8]| [name, &(content.len() as u32).to_le_bytes(), content].concat();
    let mut content = b"WEBP".to_vec();
    // Transparency that lies apart.
    if data.starts_with(b"ALPH") {
        let sides = [width - 1, height - 1].map(u32::to_le_bytes);
        content.extend(chunk(b"VP8X", &[&[0x10, 0, 0, 0], &sides[0][..3], &sides[1][..3]].concat()));
    }
    content.extend(data);
    let decoder = WebPDecoder::new(Cursor::new(chunk(b"RIFF", &content))).map_err(|error| error.to_string())?;
    if decoder.dimensions() != (width, height) || decoder.total_bytes() > super::MAX_BYTES {
        return Err("the frame has another size than it says".to_owned());
    }
    DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())
}
