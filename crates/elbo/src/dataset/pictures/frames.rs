//! How many frames a picture file has, and whether it is there to its end: decoders make something of a JPEG that is cut
//! off, and look at no more than the first frame of an animation.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek};

use image::ImageFormat;

/// The frames of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Count {
    /// Those that are there to their ends.
    pub(super) whole: usize,
    /// Why there is no more, where there should be.
    pub(super) broken: Option<String>,
}

/// The frames of a file: one at least, or it is broken. BMP and TIFF files count as one: their decoders miss whatever is
/// missing.
pub(super) fn count(format: ImageFormat, file: &mut BufReader<File>) -> Count {
    let mut walk = match Walk::new(file) {
        Ok(walk) => walk,
        Err(error) => return Count { whole: 0, broken: Some(in_words(&error)) },
    };
    let walked = match format {
        ImageFormat::Jpeg => walk.jpeg(),
        ImageFormat::Png => walk.png(),
        ImageFormat::Gif => walk.gif(),
        ImageFormat::WebP => walk.webp(),
        _ => Ok(()),
    };
    match walked {
        Ok(()) => Count { whole: walk.frames.max(1), broken: None },
        Err(error) => Count { whole: walk.frames, broken: Some(in_words(&error)) },
    }
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
    /// The frames of an animation that have ended.
    frames: usize,
}

impl<'a> Walk<'a> {
    fn new(file: &'a mut BufReader<File>) -> io::Result<Self> {
        file.rewind()?;
        let left = file.get_ref().metadata()?.len();
        Ok(Self { file, left, frames: 0 })
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
    fn jpeg(&mut self) -> io::Result<()> {
        loop {
            self.left = self.left.saturating_sub(self.file.skip_until(0xff)? as u64);
            let mut marker = 0xff;
            while marker == 0xff {
                [marker] = self.take()?;
            }
            match marker {
                0xd9 => return Ok(()),
                // A byte of the data, or a marker that stands alone.
                0x00 | 0x01 | 0xd0..=0xd8 => {}
                _ => {
                    let length = u16::from_be_bytes(self.take()?);
                    self.skip(u64::from(length.saturating_sub(2)))?;
                }
            }
        }
    }

    /// Chunks, to the last. An animation has as many frames as it says, if it holds them.
    fn png(&mut self) -> io::Result<()> {
        const CHECKSUM: u64 = 4;
        self.skip(8)?;
        let (mut said, mut has_begun) = (0, false);
        loop {
            let length = u64::from(u32::from_be_bytes(self.take()?));
            let kind: [u8; 4] = self.take()?;
            let ends = has_begun && matches!(&kind, b"fcTL" | b"IEND");
            if ends && self.frames < said {
                self.frames += 1;
            }
            has_begun = (has_begun && !ends) || &kind == b"fcTL";
            match &kind {
                b"IEND" => return self.skip(length + CHECKSUM),
                b"acTL" if length >= 4 => {
                    said = u32::from_be_bytes(self.take()?) as usize;
                    self.skip(length - 4 + CHECKSUM)?;
                }
                _ => self.skip(length + CHECKSUM)?,
            }
        }
    }

    /// Blocks, to the last; a file may end after any of them.
    fn gif(&mut self) -> io::Result<()> {
        let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
        self.skip(10)?;
        let [flags, _, _] = self.take()?;
        self.skip(table(flags))?;
        while self.left > 0 {
            let [kind] = self.take()?;
            match kind {
                0x21 => self.skip(1)?,
                0x2c => {
                    let [.., flags] = self.take::<9>()?;
                    self.skip(table(flags) + 1)?;
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
            self.frames += usize::from(kind == 0x2c);
        }
        Ok(())
    }

    /// Chunks of an animation; of another file only that it is as long as it says.
    fn webp(&mut self) -> io::Result<()> {
        let [_, _, _, _, length @ ..] = self.take::<8>()?;
        let length = u64::from(u32::from_le_bytes(length));
        // Some leave out the byte that makes the last chunk even.
        let is_whole = length <= self.left + 1;
        self.left = self.left.min(length);
        self.skip(4)?;
        while self.left >= 8 {
            let kind: [u8; 4] = self.take()?;
            let length = u64::from(u32::from_le_bytes(self.take()?));
            match &kind {
                b"VP8 " | b"VP8L" => break,
                b"ANMF" if length <= self.left => self.frames += 1,
                _ => {}
            }
            self.skip((length + length % 2).min(self.left))?;
        }
        if is_whole { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}
