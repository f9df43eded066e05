//! The pages of a TIFF file. A page is decoded as the first one of a file that begins otherwise.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};

use super::frames::in_words;

/// How TIFF files begin: as they were first, and with 64-bit offsets.
pub(super) const MARKS: [&[u8; 4]; 4] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];

/// The tag that tells a page from a copy of one.
const NEW_SUBFILE_TYPE: u64 = 254;
/// Its bits: a reduced copy, and a mask.
const COPY: u8 = 0b101;
/// The tag that tells what numbers mean.
const PHOTOMETRIC: u64 = 262;
/// That they are indices of a palette, and that they are shades of grey.
const PALETTE: u16 = 3;
const BLACK_IS_ZERO: u16 = 1;

/// A page of a file with several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Page {
    /// The first is 1.
    pub(super) number: usize,
    /// Where in the file its directory is.
    directory: u64,
}

/// What a TIFF file holds.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// At least one.
    pub(super) listed: Vec<Page>,
    /// How many reduced copies and masks of these there are beside them.
    pub(super) copies: usize,
    /// A page that should be there after these, and why it is not.
    pub(super) broken: Option<(Page, String)>,
}

/// The pages of a file, or why there is none.
pub(super) fn pages(file: &mut BufReader<File>) -> Result<Pages, String> {
    let len = file.get_ref().metadata().map_err(|error| in_words(&error))?.len();
    let mut list = List::new(file, len).map_err(|error| in_words(&error))?;
    let (mut found, mut copies) = (Pages::default(), Vec::new());
    let mut number = 1;
    loop {
        match list.next() {
            Ok(None) => break,
            Ok(Some(Directory { place: directory, is_copy, .. })) => {
                if is_copy { &mut copies } else { &mut found.listed }.push(Page { number, directory });
            }
            Err(error) if number == 1 => return Err(in_words(&error)),
            Err(error) => {
                found.broken = Some((Page { number, directory: 0 }, in_words(&error)));
                break;
            }
        }
        number += 1;
    }
    if found.listed.is_empty() {
        found.listed = std::mem::take(&mut copies);
    }
    found.copies = copies.len();
    if found.listed.is_empty() { Err("no page in it".to_owned()) } else { Ok(found) }
}

/// What a page's directory says.
struct Directory {
    /// Where it is.
    place: u64,
    is_copy: bool,
    /// Where it says that there is a palette, if it does, and whether the lower byte comes first there.
    palette: Option<(u64, bool)>,
}

/// The list of directories in a TIFF file.
struct List<'a, R> {
    file: &'a mut R,
    is_little: bool,
    is_big: bool,
    next: u64,
    seen: HashSet<u64>,
    /// Bytes that directories may yet take: they do not overlap.
    left: u64,
}

impl<'a, R: Read + Seek> List<'a, R> {
    /// Of a file of so many bytes.
    fn new(file: &'a mut R, left: u64) -> io::Result<Self> {
        file.rewind()?;
        let mut start = [0; 4];
        file.read_exact(&mut start)?;
        let (is_little, is_big) = (start[0] == b'I', start.contains(&b'+'));
        let mut list = Self { file, is_little, is_big, next: 0, seen: HashSet::new(), left };
        if is_big {
            list.number(4)?;
        }
        list.next = list.number(list.offset())?;
        Ok(list)
    }

    /// The bytes of an offset.
    fn offset(&self) -> usize {
        if self.is_big { 8 } else { 4 }
    }

    /// A number of so many bytes, at most 8.
    fn number(&mut self, bytes: usize) -> io::Result<u64> {
        let mut read = [0; 8];
        self.file.read_exact(&mut read[..bytes])?;
        let shift = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        let read = &read[..bytes];
        Ok(if self.is_little { read.iter().rev().fold(0, shift) } else { read.iter().fold(0, shift) })
    }

    /// The next directory; none after the last.
    fn next(&mut self) -> io::Result<Option<Directory>> {
        let place = self.next;
        if place == 0 {
            return Ok(None);
        }
        if !self.seen.insert(place) {
            return Err(io::Error::other("the list of pages leads back to one of them"));
        }
        self.file.seek(SeekFrom::Start(place))?;
        let entries = self.number(if self.is_big { 8 } else { 2 })?;
        let (entry, link) = (4 + 2 * self.offset() as u64, self.offset() as u64);
        let bytes = entries.checked_mul(entry).and_then(|bytes| bytes.checked_add(link));
        let taken = bytes.and_then(|bytes| self.left.checked_sub(bytes));
        self.left = taken.ok_or(ErrorKind::UnexpectedEof)?;
        let (mut is_copy, mut palette) = (false, None);
        let mut entry_place = place + if self.is_big { 8 } else { 2 };
        for _ in 0..entries {
            let tag = self.number(2)?;
            let kind = self.number(2)?;
            self.number(self.offset())?;
            let mut value = [0; 8];
            let offset = self.offset();
            self.file.read_exact(&mut value[..offset])?;
            // Bits of a number of 16 or 32 bits that stands in the place of an offset.
            let last = if self.is_little {
                0
            } else if kind == 3 {
                1
            } else {
                3
            };
            is_copy |= tag == NEW_SUBFILE_TYPE && value[last] & COPY != 0;
            let read = if self.is_little { u16::from_le_bytes } else { u16::from_be_bytes };
            if tag == PHOTOMETRIC && read([value[0], value[1]]) == PALETTE {
                palette = Some((entry_place + 4 + offset as u64, self.is_little));
            }
            entry_place += entry;
        }
        self.next = self.number(self.offset())?;
        Ok(Some(Directory { place, is_copy, palette }))
    }
}

/// A file, read as if some of its bytes were others.
pub(super) struct Source {
    file: File,
    /// What stands where instead.
    patches: Vec<(u64, Vec<u8>)>,
    /// That of the file.
    position: u64,
}

impl Source {
    /// A file as it is, or a TIFF file as if it began with this page.
    pub(super) fn open(mut file: File, page: Option<Page>) -> io::Result<Self> {
        let mut patches = Vec::new();
        if let Some(Page { directory, .. }) = page {
            let mut mark = [0; 4];
            file.rewind()?;
            file.read_exact(&mut mark)?;
            let mut bytes = directory.to_le_bytes()[..if mark.contains(&b'+') { 8 } else { 4 }].to_vec();
            let place = bytes.len() as u64;
            if mark.starts_with(b"MM") {
                bytes.reverse();
            }
            patches.push((place, bytes));
        }
        file.rewind()?;
        Ok(Self { file, patches, position: 0 })
    }

    /// Has the indices of the first page's palette read as if they were shades of grey: whether it has a palette.
    pub(super) fn take_palette_for_grey(&mut self) -> io::Result<bool> {
        let len = self.file.metadata()?.len();
        let first = List::new(&mut BufReader::new(&mut *self), len)?.next()?;
        let patch = first.and_then(|first| first.palette).map(|(place, is_little)| {
            let grey = if is_little { BLACK_IS_ZERO.to_le_bytes() } else { BLACK_IS_ZERO.to_be_bytes() };
            (place, grey.to_vec())
        });
        let has_palette = patch.is_some();
        self.patches.extend(patch);
        self.rewind()?;
        Ok(has_palette)
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        for (place, bytes) in &self.patches {
            for (place, &byte) in (*place..).zip(bytes) {
                let read_here = place.checked_sub(self.position).filter(|&at| at < read as u64);
                if let Some(at) = read_here {
                    out[at as usize] = byte;
                }
            }
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Source {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.position = self.file.seek(place)?;
        Ok(self.position)
    }
}
