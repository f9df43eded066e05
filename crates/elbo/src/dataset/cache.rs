//! Images in a file, for sets that are larger than memory should be.
//!
//! A cache file is the bytes of the images, one after the other, then a JSON document that says what they are, then the
//! length of that as a 64-bit little-endian number, and a mark. It is read by positioned reads, which several threads
//! make at once, and which the system's own cache answers from memory as far as there is room.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{DatasetError, Depth};
use crate::storage::{ABANDONED, StorageError, create_directory, remove_leftovers, write_with};

/// How a cache file ends; another number would be another format.
const MARK: &[u8; 8] = b"elbo im2";

/// The longest document that is taken for sense.
const MAX_DOCUMENT: u64 = 1 << 30;

/// About how many bytes of images are made at a time.
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
}

impl ImageFile {
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
            read_exact_at(&self.file, out, u64::from(places[*index as usize]) * len as u64)
        };
        let result = indices.par_iter().zip(out.par_chunks_exact_mut(len)).try_for_each(read);
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
    (start == expected).then(|| (ImageFile { path: path.to_owned(), file }, contents))
}

/// Makes `count` images of `len` bytes, with values of this depth, on all cores, and writes those that can be made to a file
/// at `path`, wholly or not at all. Where one cannot, `make` says why; when all are made, `outside` says how many numbers were
/// cut to a range.
pub(super) fn write(
    path: &Path,
    count: usize,
    len: usize,
    depth: Depth,
    make: impl Fn(usize, &mut [u8]) -> Result<(), String> + Sync,
    outside: impl Fn() -> [u64; 2],
) -> Result<(ImageFile, Contents), StorageError> {
    let mut contents = Contents { images: 0, image_bytes: len, bad: Vec::new(), is_grey: true, outside: [0; 2] };
    let mut block = vec![0; (BLOCK / len).clamp(1, count.max(1)) * len];
    if let Some(directory) = path.parent() {
        create_directory(directory)?;
        remove_leftovers(directory, ABANDONED);
    }
    write_with(path, |file| {
        let at_once = block.len() / len;
        for first in (0..count).step_by(at_once) {
            let images = &mut block[..at_once.min(count - first) * len];
            let (good, bad) = make_all(images, len, |number, out| make(first + number, out));
            contents.bad.extend(bad.into_iter().map(|(number, reason)| (first + number, reason)));
            contents.images += good;
            contents.is_grey &= is_grey(&images[..good * len], depth);
            file.write_all(&images[..good * len])?;
        }
        contents.outside = outside();
        let document = serde_json::to_vec(&contents)?;
        file.write_all(&document)?;
        file.write_all(&(document.len() as u64).to_le_bytes())?;
        file.write_all(MARK)
    })?;
    let file = File::open(path).map_err(StorageError::new("read", path))?;
    Ok((ImageFile { path: path.to_owned(), file }, contents))
}

/// Makes images of `len` bytes, on all cores, and moves those that could be made to the front: how many these are, and
/// why the others could not be made, by their number.
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
pub(super) fn is_grey(images: &[u8], depth: Depth) -> bool {
    let bytes = depth.bytes();
    images.par_chunks_exact(3 * bytes).all(|pixel| pixel[..2 * bytes] == pixel[bytes..])
}
