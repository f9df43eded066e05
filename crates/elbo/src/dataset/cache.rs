//! Images in a file, for sets that are larger than memory should be: a cache file, or one in which they lie as they are.
//!
//! A cache file is the bytes of the images, one after the other, then a JSON document that says what they are, then the
//! length of that as a 64-bit little-endian number, and a mark. It is read by positioned reads, which several threads
//! make at once, and which the system's own cache answers from memory as far as there is room.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::DatasetError;
#[cfg(feature = "pictures")]
use super::Depth;
use super::stamp::Stamp;
use crate::storage::{ABANDONED, StorageError, create_directory, remove_leftovers, write_with};

/// How a cache file ends; another number would be another format.
const MARK: &[u8; 8] = b"elbo im2";

/// The longest document that is taken for sense.
const MAX_DOCUMENT: u64 = 1 << 30;

/// About how many bytes of pictures are made at a time.
#[cfg(feature = "pictures")]
const BLOCK: usize = 1 << 25;

/// What a cache file says of its images.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contents {
    /// Images.
    pub(super) images: usize,
    /// Bytes of each.
    pub(super) image_bytes: usize,
    /// The files that could not be read, by their place in the list, and why.
    pub(super) bad: Vec<(usize, String)>,
    /// Whether the three values of every pixel are the same, if it has three.
    pub(super) is_grey: bool,
    /// How many numbers were cut to a range, of how many.
    pub(super) outside: [u64; 2],
}

/// Images in a file.
#[derive(Debug)]
pub(super) struct ImageFile {
    path: PathBuf,
    file: File,
    /// Where the images begin.
    start: u64,
    /// What the file is as long as nobody changes it; of a cache file, which nobody changes, none.
    stamp: Option<Stamp>,
}

impl ImageFile {
    /// The images that lie in a file from byte `start` on, if it is still as this says.
    #[cfg_attr(not(feature = "arrays"), expect(dead_code, reason = "only arrays lie in files as they are"))]
    pub(super) fn open_part(path: &Path, start: u64, stamp: Option<Stamp>) -> Result<Self, DatasetError> {
        let file = File::open(path).map_err(|error| DatasetError::io(path, error))?;
        let images = Self { path: path.to_owned(), file, start, stamp };
        images.check_unchanged()?;
        Ok(images)
    }

    fn check_unchanged(&self) -> Result<(), DatasetError> {
        match self.stamp {
            Some(stamp) if Stamp::of(&self.file).ok() != Some(stamp) => {
                Err(DatasetError::Changed { path: self.path.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Reads the images whose places in the file are `places` at these indices, of `len` bytes each, to `out`.
    ///
    /// # Panics
    /// If there is no place at an index.
    pub(super) fn gather(
        &self,
        indices: &[u32],
        places: &[u32],
        len: usize,
        out: &mut [u8],
    ) -> Result<(), DatasetError> {
        let read = |(index, out): (&u32, &mut [u8])| {
            read_exact_at(&self.file, out, self.start + u64::from(places[*index as usize]) * len as u64)
        };
        let result = indices.par_iter().zip(out.par_chunks_exact_mut(len)).try_for_each(read);
        // After the images are read, so that they were what they should be.
        self.check_unchanged()?;
        result.map_err(|error| DatasetError::io(&self.path, error))
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut out: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                out = &mut out[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The images that an earlier call of [`write`] left at `path`; none if there is no such file, or it is not whole.
pub(super) fn open(path: &Path) -> Option<(ImageFile, Contents)> {
    let mut file = File::open(path).ok()?;
    let end = file.metadata().ok()?.len().checked_sub(16)?;
    file.seek(SeekFrom::Start(end)).ok()?;
    let mut tail = [0; 16];
    file.read_exact(&mut tail).ok()?;
    let (length, mark) = tail.split_at(8);
    let length = u64::from_le_bytes(length.try_into().ok()?);
    let start = end.checked_sub(length).filter(|_| mark == MARK && length <= MAX_DOCUMENT)?;
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut document = Vec::new();
    (&mut file).take(length).read_to_end(&mut document).ok()?;
    let contents: Contents = serde_json::from_slice(&document).ok()?;
    let expected = (contents.images as u64).checked_mul(contents.image_bytes as u64)?;
    (start == expected).then(|| (ImageFile { path: path.to_owned(), file, start: 0, stamp: None }, contents))
}

/// Makes `count` images of `len` bytes, with values of this depth, on all cores, and writes those that can be made to a file
/// at `path`, wholly or not at all. Where one cannot, `make` says why; when all are made, `outside` says how many numbers were
/// cut to a range.
#[cfg(feature = "pictures")]
pub(super) fn write(
    path: &Path,
    count: usize,
    len: usize,
    depth: Depth,
    make: impl Fn(usize, &mut [u8]) -> Result<(), String> + Sync,
    outside: impl Fn() -> [u64; 2],
) -> Result<(ImageFile, Contents), StorageError> {
    write_blocks(path, count, len, (BLOCK / len).clamp(1, count.max(1)), |first, images, contents| {
        let (good, bad) = make_all(images, len, |number, out| make(first + number, out));
        contents.bad.extend(bad.into_iter().map(|(number, reason)| (first + number, reason)));
        contents.is_grey &= is_grey(&images[..good * len], depth);
        contents.outside = outside();
        Ok(good)
    })
}

/// Makes `count` images of `len` bytes, `at_once` at a time, and writes them to a file at `path`, wholly or not at all. `make`
/// is given the number of the first one and the place of all; it says how many of these, the first ones, are to be written,
/// and keeps what there is to say of them.
pub(super) fn write_blocks(
    path: &Path,
    count: usize,
    len: usize,
    at_once: usize,
    mut make: impl FnMut(usize, &mut [u8], &mut Contents) -> io::Result<usize>,
) -> Result<(ImageFile, Contents), StorageError> {
    let mut contents = Contents { images: 0, image_bytes: len, bad: Vec::new(), is_grey: true, outside: [0; 2] };
    let mut block = vec![0; at_once * len];
    if let Some(directory) = path.parent() {
        create_directory(directory)?;
        remove_leftovers(directory, ABANDONED);
    }
    write_with(path, |file| {
        for first in (0..count).step_by(at_once) {
            let images = &mut block[..at_once.min(count - first) * len];
            let good = make(first, images, &mut contents)?;
            contents.images += good;
            file.write_all(&images[..good * len])?;
        }
        let document = serde_json::to_vec(&contents)?;
        file.write_all(&document)?;
        file.write_all(&(document.len() as u64).to_le_bytes())?;
        file.write_all(MARK)
    })?;
    let file = File::open(path).map_err(StorageError::new("read", path))?;
    Ok((ImageFile { path: path.to_owned(), file, start: 0, stamp: None }, contents))
}

/// Makes images of `len` bytes, on all cores, and moves those that could be made to the front: how many these are, and
/// why the others could not be made, by their number.
#[cfg(feature = "pictures")]
pub(super) fn make_all(
    images: &mut [u8],
    len: usize,
    make: impl Fn(usize, &mut [u8]) -> Result<(), String> + Sync,
) -> (usize, Vec<(usize, String)>) {
    let made = images.par_chunks_exact_mut(len).with_max_len(1).enumerate();
    let results: Vec<Result<(), String>> = made.map(|(number, image)| make(number, image)).collect();
    let (mut good, mut bad) = (0, Vec::new());
    for (number, result) in results.into_iter().enumerate() {
        match result {
            Ok(()) => {
                images.copy_within(number * len..(number + 1) * len, good * len);
                good += 1;
            }
            Err(reason) => bad.push((number, reason)),
        }
    }
    (good, bad)
}

/// Whether the three values of each pixel are the same.
#[cfg(feature = "pictures")]
pub(super) fn is_grey(images: &[u8], depth: Depth) -> bool {
    let bytes = depth.bytes();
    images.par_chunks_exact(3 * bytes).all(|pixel| pixel[..2 * bytes] == pixel[bytes..])
}
