//! How many frames a picture file has, and whether it is there to its end: decoders make something of a JPEG that is cut
//! off, and look at no more than the first frame of an animation.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek};

use image::ImageFormat;

/// The frames of a file, at least 1, or why it cannot be read. BMP and TIFF files count as one: their decoders miss
/// whatever is missing.
pub(super) fn count(format: ImageFormat, file: &mut BufReader<File>) -> Result<usize, String> {
    let walked = Walk::new(file).and_then(|mut walk| match format {
        ImageFormat::Jpeg => walk.jpeg(),
        ImageFormat::Png => walk.png(),
        ImageFormat::Gif => walk.gif(),
        ImageFormat::WebP => walk.webp(),
        _ => Ok(1),
    });
    walked.map(|frames| frames.max(1)).map_err(|error| in_words(&error))
}

/// Why a file cannot be read to its end.
pub(super) fn in_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "the file is cut off".to_owned(),
        _ => error.to_string(),
    }
}

/// A file, from its first byte to its last.
struct Walk<'a> {
    file: &'a mut BufReader<File>,
    left: u64,
}

impl<'a> Walk<'a> {
    fn new(file: &'a mut BufReader<File>) -> io::Result<Self> {
        file.rewind()?;
        let left = file.get_ref().metadata()?.len();
        Ok(Self { file, left })
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        self.left = self.left.saturating_sub(N as u64);
        Ok(bytes)
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or(ErrorKind::UnexpectedEof)?;
        // No file is longer than an `i64` counts.
        self.file.seek_relative(bytes as i64)
    }

    /// Segments and the data between them, to the end of the first picture in the file; those after it, as of phones
    /// that keep a second one for bright screens, are nobody's.
    fn jpeg(&mut self) -> io::Result<usize> {
        loop {
            self.left = self.left.saturating_sub(self.file.skip_until(0xff)? as u64);
            let mut marker = 0xff;
            while marker == 0xff {
                [marker] = self.take()?;
            }
            match marker {
                0xd9 => return Ok(1),
                // A byte of the data, or a marker that stands alone.
                0x00 | 0x01 | 0xd0..=0xd8 => {}
                _ => {
                    let length = u16::from_be_bytes(self.take()?);
                    self.skip(u64::from(length.saturating_sub(2)))?;
                }
            }
        }
    }

    /// Chunks, to the last.
    fn png(&mut self) -> io::Result<usize> {
        const CHECKSUM: u64 = 4;
        self.skip(8)?;
        let mut frames = 1;
        loop {
            let length = u64::from(u32::from_be_bytes(self.take()?));
            match &self.take()? {
                b"IEND" => return self.skip(length + CHECKSUM).map(|()| frames),
                b"acTL" if length >= 4 => {
                    frames = u32::from_be_bytes(self.take()?) as usize;
                    self.skip(length - 4 + CHECKSUM)?;
                }
                _ => self.skip(length + CHECKSUM)?,
            }
        }
    }

    /// Blocks, to the last; a file may end after any of them.
    fn gif(&mut self) -> io::Result<usize> {
        let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
        self.skip(10)?;
        let [flags, _, _] = self.take()?;
        self.skip(table(flags))?;
        let mut frames = 0;
        while self.left > 0 {
            match self.take()? {
                [0x21] => self.skip(1)?,
                [0x2c] => {
                    let [.., flags] = self.take::<9>()?;
                    self.skip(table(flags) + 1)?;
                    frames += 1;
                }
                _ => break,
            }
            loop {
                let [length] = self.take()?;
                if length == 0 {
                    break;
                }
                self.skip(u64::from(length))?;
            }
        }
        Ok(frames)
    }

    /// Chunks of an animation; of another file only that it is as long as it says.
    fn webp(&mut self) -> io::Result<usize> {
        let [_, _, _, _, length @ ..] = self.take::<8>()?;
        // Some leave out the byte that makes the last chunk even.
        let missing = u64::from(u32::from_le_bytes(length)).saturating_sub(self.left);
        if missing > 1 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.skip(4)?;
        let mut frames = 0;
        while self.left >= 8 {
            let kind: [u8; 4] = self.take()?;
            let length = u64::from(u32::from_le_bytes(self.take()?));
            match &kind {
                b"VP8 " | b"VP8L" => break,
                b"ANMF" => frames += 1,
                _ => {}
            }
            self.skip((length + length % 2).min(self.left))?;
        }
        Ok(frames)
    }
}
