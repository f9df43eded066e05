//! One IDX file: a big-endian magic number, the dimensions, then unsigned bytes.
//!
//! Plain or gzip is told from the first bytes: gzip begins with 0x1f, IDX with 0. Whatever the header claims, memory
//! is taken only for bytes that are there.

use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use super::IdxError;
use super::error::kind_of;
use crate::dataset::{DatasetError, ImageShape};
use crate::storage::open_file;

/// The magic number of images: unsigned bytes (0x08) in 3 dimensions.
pub(in crate::dataset) const IMAGES: u32 = 0x0803;
/// The magic number of labels: unsigned bytes (0x08) in 1 dimension.
pub(in crate::dataset) const LABELS: u32 = 0x0801;
/// The longest side of an image that is taken for sense.
pub(in crate::dataset) const MAX_SIDE: u32 = 4096;
/// The first bytes of gzip data.
pub(in crate::dataset) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Images: their shape, and `[N, H, W, 1]` values of at least one.
pub(super) fn read_images(mut file: IdxFile) -> Result<(ImageShape, Vec<u8>), DatasetError> {
    let path = file.path;
    file.expect_magic(IMAGES, 16)?;
    let [count, height, width] = [file.number()?, file.number()?, file.number()?];
    if count == 0 {
        return Err(IdxError::EmptyFile { path: path.to_owned(), items: "images" }.into());
    }
    if ![height, width].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
        return Err(IdxError::BadDimensions { path: path.to_owned(), height, width }.into());
    }
    // At most 2^32 * 2^12 * 2^12.
    let size = u64::from(count) * u64::from(height) * u64::from(width);
    let images = file.payload(size, || format!("{count} images of {height}x{width}"))?;
    Ok((ImageShape { height: height as usize, width: width as usize, channels: 1 }, images))
}

/// Labels, at least one.
pub(super) fn read_labels(mut file: IdxFile) -> Result<Vec<u16>, DatasetError> {
    file.expect_magic(LABELS, 8)?;
    let count = file.number()?;
    if count == 0 {
        return Err(IdxError::EmptyFile { path: file.path.to_owned(), items: "labels" }.into());
    }
    let labels = file.payload(u64::from(count), || format!("{count} labels"))?;
    Ok(labels.into_iter().map(u16::from).collect())
}

/// What a reader of gzip data holds.
#[cfg(feature = "arrays")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it is an error")]
fn unpacked<'a>(_: &Path, packed: impl Read + 'a) -> Result<Box<dyn Read + 'a>, DatasetError> {
    Ok(Box::new(flate2::read::MultiGzDecoder::new(packed)))
}

#[cfg(not(feature = "arrays"))]
fn unpacked<'a>(path: &Path, _: impl Read) -> Result<Box<dyn Read + 'a>, DatasetError> {
    Err(crate::dataset::load::without("arrays", path))
}

/// An IDX file being read, from front to end.
pub(super) struct IdxFile<'a> {
    /// Its path, or what errors call it.
    path: &'a Path,
    reader: Box<dyn Read + 'a>,
    /// Whether it is compressed.
    is_packed: bool,
    /// The length of the content where that is known before it is read.
    length: Option<u64>,
    /// Bytes of the header.
    header: u64,
    /// Bytes of the header that have been read.
    position: u64,
}

impl<'a> IdxFile<'a> {
    /// The file at a path.
    pub(super) fn open(path: &'a Path) -> Result<Self, DatasetError> {
        let failed = |source| DatasetError::io(path, source);
        let file = open_file(path).map_err(|error| failed(error.source))?;
        let length = file.metadata().map_err(failed)?.len();
        let file = Self::from_reader(path, file)?;
        Ok(Self { length: Some(length).filter(|_| !file.is_packed), ..file })
    }

    /// What a reader gives until it ends; errors call it by this name.
    pub(super) fn from_reader(name: &'a Path, mut reader: impl Read + 'a) -> Result<Self, DatasetError> {
        let mut start = Vec::with_capacity(GZIP.len());
        let read = reader.by_ref().take(GZIP.len() as u64).read_to_end(&mut start);
        read.map_err(|error| DatasetError::io(name, error))?;
        let is_packed = start == GZIP;
        let whole = BufReader::with_capacity(1 << 16, Cursor::new(start).chain(reader));
        let reader = if is_packed { unpacked(name, whole)? } else { Box::new(whole) };
        Ok(Self { path: name, reader, is_packed, length: None, header: 0, position: 0 })
    }

    /// Its path, or what errors call it.
    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// Reads the magic number, of a header that has so many bytes.
    fn expect_magic(&mut self, magic: u32, header: u64) -> Result<(), DatasetError> {
        self.header = header;
        let found = self.number()?;
        if found != magic {
            return Err(IdxError::WrongMagic {
                path: self.path.to_owned(),
                expected: magic,
                found,
                kind: kind_of(found),
            }
            .into());
        }
        Ok(())
    }

    /// The next number of the header.
    fn number(&mut self) -> Result<u32, DatasetError> {
        let mut bytes = Vec::with_capacity(4);
        let result = self.reader.by_ref().take(4).read_to_end(&mut bytes);
        self.position += bytes.len() as u64;
        self.check(result)?;
        match <[u8; 4]>::try_from(bytes) {
            Ok(bytes) => Ok(u32::from_be_bytes(bytes)),
            Err(_) => Err(IdxError::TruncatedHeader {
                path: self.path.to_owned(),
                expected: self.header,
                found: self.position,
            }
            .into()),
        }
    }

    /// All that follows the header, which has to be exactly `size` bytes; `announces` says in words why.
    fn payload(mut self, size: u64, announces: impl Fn() -> String) -> Result<Vec<u8>, DatasetError> {
        let path = self.path.to_owned();
        let truncated =
            |found| IdxError::TruncatedPayload { path: path.clone(), announces: announces(), expected: size, found };
        let trailing =
            |found| IdxError::TrailingBytes { path: path.clone(), announces: announces(), expected: size, found };
        let Ok(capacity) = usize::try_from(size) else {
            return Err(IdxError::TooLarge { path: path.clone(), announces: announces(), expected: size }.into());
        };

        let mut bytes = Vec::new();
        if let Some(length) = self.length {
            let found = length.saturating_sub(self.header);
            if found < size {
                return Err(truncated(found).into());
            }
            if found > size {
                return Err(trailing(Some(found)).into());
            }
            // The file is as long as this. What then remains to go wrong is an error of the operating system's.
            bytes
                .try_reserve_exact(capacity)
                .map_err(|_| DatasetError::io(self.path, io::ErrorKind::OutOfMemory.into()))?;
        }
        // One byte more than announced, to see the end: of the file, and of the compressed data with their checksum.
        // The vector grows with what has been read.
        let result = self.reader.by_ref().take(size + 1).read_to_end(&mut bytes);
        let found = bytes.len() as u64;
        if found > size {
            return Err(trailing(None).into());
        }
        match result {
            // Compressed data that end early: either bytes are missing, or only the checksum is.
            Err(source) if self.ends_early(&source) && found == size => {
                return Err(IdxError::CorruptGzip { path: self.path.to_owned(), reason: source }.into());
            }
            result => self.check(result)?,
        }
        if found < size {
            return Err(truncated(found).into());
        }
        // A vector that grew may have twice the capacity it needs.
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    /// Whether the compressed data end before they say so themselves.
    fn ends_early(&self, error: &io::Error) -> bool {
        self.is_packed && error.kind() == io::ErrorKind::UnexpectedEof
    }

    /// Tells damage of compressed data from failures of the operating system. Compressed data that end early pass:
    /// the caller sees which bytes are missing.
    fn check(&self, result: io::Result<usize>) -> Result<(), DatasetError> {
        match result {
            Err(source) if self.ends_early(&source) => Ok(()),
            Err(source)
                if self.is_packed
                    && matches!(source.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) =>
            {
                Err(IdxError::CorruptGzip { path: self.path.to_owned(), reason: source }.into())
            }
            Err(source) => Err(DatasetError::io(self.path, source)),
            Ok(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    /// A megabyte of zeros, as a bomb unpacks to; counts what is taken of it.
    struct Bomb(Rc<Cell<usize>>);

    impl Read for Bomb {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let given = out.len().min((1 << 20) - self.0.get());
            out[..given].fill(0);
            self.0.set(self.0.get() + given);
            Ok(given)
        }
    }

    #[test]
    fn no_more_is_unpacked_than_shows_that_there_is_too_much() {
        let taken = Rc::new(Cell::new(0));
        let reader = Box::new(Bomb(Rc::clone(&taken)));
        let file =
            IdxFile { path: Path::new("bomb.gz"), reader, is_packed: true, length: None, header: 16, position: 16 };
        let error = file.payload(60, String::new).unwrap_err();
        assert!(matches!(error, DatasetError::Idx(IdxError::TrailingBytes { expected: 60, .. })), "{error}");
        assert_eq!(taken.get(), 61);
    }
}
