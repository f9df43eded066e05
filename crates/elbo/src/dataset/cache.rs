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
use crate::storage::{ABANDONED, StorageError, create_directory, open_file, remove_leftovers, write_with};

/// How a cache file ends; another number would be another format.
const MARK: &[u8; 8] = b"elbo im2";

/// The longest document that is taken for sense.
const MAX_DOCUMENT: u64 = 1 << 30;

/// About how many bytes of pictures are made at a time; in tests as few as make several blocks.
#[cfg(feature = "pictures")]
const BLOCK: usize = if cfg!(test) { 1 << 12 } else { 1 << 25 };

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
    /// How many pictures show colour, and were made grey.
    #[serde(default)]
    pub(super) coloured: u64,
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
    let mut file = open_file(path).ok()?;
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

/// Makes `count` images of `len` bytes, with values of this depth, as [`make_all`] does, and writes those that can be made to
/// a file at `path`, wholly or not at all. Images that follow one another and are too many to be made at once are made on one
/// core. When all are made, `outside` says how many numbers were cut to a range, of how many, and how many pictures made grey.
#[cfg(feature = "pictures")]
pub(super) fn write<S: Default>(
    path: &Path,
    count: usize,
    (len, depth): (usize, Depth),
    follows: impl Fn(usize) -> bool,
    make: impl Fn(&mut S, usize, &mut [u8]) -> Result<(), String> + Sync,
    outside: impl Fn() -> [u64; 3],
) -> Result<(ImageFile, Contents), StorageError> {
    let at_once = (BLOCK / len).clamp(1, count.max(1));
    let mut block = vec![0; at_once * len];
    write_images(path, len, |file, contents| {
        let mut keep = |first: usize, images: &[u8], bad: Vec<(usize, String)>| {
            contents.bad.extend(bad.into_iter().map(|(number, reason)| (first + number, reason)));
            contents.images += images.len() / len;
            contents.is_grey &= is_grey(images, depth);
            file.write_all(images)
        };
        let end_of = |first: usize| (first + 1..count).find(|&number| !follows(number)).unwrap_or(count);
        let mut first = 0;
        while first < count {
            let mut end = first;
            while end < count && end_of(end) - first <= at_once {
                end = end_of(end);
            }
            if end > first {
                let images = &mut block[..(end - first) * len];
                let follows = |number: usize| follows(first + number);
                let (good, bad) = make_all(images, len, follows, |state, number, out| make(state, first + number, out));
                keep(first, &images[..good * len], bad)?;
                first = end;
                continue;
            }
            let (mut state, end) = (S::default(), end_of(first));
            while first < end {
                let images = &mut block[..at_once.min(end - first) * len];
                let made = images.chunks_exact_mut(len).enumerate();
                let results = made.map(|(number, image)| make(&mut state, first + number, image)).collect();
                let count = images.len() / len;
                let (good, bad) = only_good(images, len, results);
                keep(first, &images[..good * len], bad)?;
                first += count;
            }
        }
        let [values, total, coloured] = outside();
        (contents.outside, contents.coloured) = ([values, total], coloured);
        Ok(())
    })
}

/// Makes `count` images of `len` bytes, `at_once` at a time, and writes them to a file at `path`, wholly or not at all. `make`
/// is given the number of the first one and the place of all, and keeps what there is to say of them.
#[cfg(feature = "arrays")]
pub(super) fn write_blocks(
    path: &Path,
    count: usize,
    len: usize,
    at_once: usize,
    mut make: impl FnMut(usize, &mut [u8], &mut Contents) -> io::Result<()>,
) -> Result<(ImageFile, Contents), StorageError> {
    let mut block = vec![0; at_once * len];
    write_images(path, len, |file, contents| {
        for first in (0..count).step_by(at_once) {
            let images = &mut block[..at_once.min(count - first) * len];
            make(first, images, contents)?;
            contents.images += images.len() / len;
            file.write_all(images)?;
        }
        Ok(())
    })
}

/// Writes a file of images of `len` bytes, wholly or not at all: `write` its images, then what it has said of them.
fn write_images(
    path: &Path,
    len: usize,
    write: impl FnOnce(&mut dyn Write, &mut Contents) -> io::Result<()>,
) -> Result<(ImageFile, Contents), StorageError> {
    let mut contents =
        Contents { images: 0, image_bytes: len, bad: Vec::new(), is_grey: true, outside: [0; 2], coloured: 0 };
    if let Some(directory) = path.parent() {
        create_directory(directory)?;
        remove_leftovers(directory, ABANDONED);
    }
    write_with(path, |file| {
        write(file, &mut contents)?;
        let document = serde_json::to_vec(&contents)?;
        file.write_all(&document)?;
        file.write_all(&(document.len() as u64).to_le_bytes())?;
        file.write_all(MARK)
    })?;
    let file = open_file(path)?;
    Ok((ImageFile { path: path.to_owned(), file, start: 0, stamp: None }, contents))
}

/// Makes images of `len` bytes, on all cores, and moves those that could be made to the front: how many these are, and
/// why the others could not be made, by their number. `make` is given a number and the place for that image, and says why it cannot
/// be made. Those that by `follows` go on from the one before them are made after it, with the state that it has left.
#[cfg(feature = "pictures")]
pub(super) fn make_all<S: Default>(
    images: &mut [u8],
    len: usize,
    follows: impl Fn(usize) -> bool,
    make: impl Fn(&mut S, usize, &mut [u8]) -> Result<(), String> + Sync,
) -> (usize, Vec<(usize, String)>) {
    let mut sequences: Vec<Vec<(usize, &mut [u8])>> = Vec::new();
    for (number, image) in images.chunks_exact_mut(len).enumerate() {
        match sequences.last_mut() {
            Some(sequence) if follows(number) => sequence.push((number, image)),
            _ => sequences.push(vec![(number, image)]),
        }
    }
    let made = sequences.into_par_iter().with_max_len(1).map(|sequence| {
        let mut state = S::default();
        sequence.into_iter().map(|(number, image)| make(&mut state, number, image)).collect::<Vec<_>>()
    });
    let results: Vec<Vec<Result<(), String>>> = made.collect();
    only_good(images, len, results.into_iter().flatten().collect())
}

/// Moves the images that could be made to the front.
#[cfg(feature = "pictures")]
fn only_good(images: &mut [u8], len: usize, results: Vec<Result<(), String>>) -> (usize, Vec<(usize, String)>) {
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

#[cfg(all(test, feature = "pictures"))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Images of which every third cannot be made, in sequences of these lengths, of which the longest do not fit a block.
    /// What is made of each is how many there were before it in its sequence: no sequence is begun anew.
    #[test]
    fn images_that_follow_one_another_are_made_in_turn() {
        const LEN: usize = BLOCK / 10;
        let lengths = [1, 1, 3, 9, 4, 35, 1, 10, 10, 11, 1, 1, 1];
        let places: Vec<usize> = lengths.into_iter().flat_map(|length| 0..length).collect();
        let (count, made) = (places.len(), AtomicUsize::new(0));
        let follows = |number: usize| places[number] > 0;
        let make = |state: &mut usize, number: usize, image: &mut [u8]| {
            made.fetch_add(1, Ordering::Relaxed);
            assert_eq!(*state, places[number], "image {number}");
            *state += 1;
            image.fill(number as u8);
            if number % 3 == 2 { Err(number.to_string()) } else { Ok(()) }
        };
        let bad: Vec<_> =
            (0..count).filter(|number| number % 3 == 2).map(|number| (number, number.to_string())).collect();
        let good: Vec<u8> =
            (0..count).filter(|number| number % 3 != 2).flat_map(|number| [number as u8; LEN]).collect();

        let mut images = vec![0; count * LEN];
        assert_eq!(make_all(&mut images, LEN, follows, make), (good.len() / LEN, bad.clone()));
        assert_eq!(images[..good.len()], good);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let (file, contents) = write(&path, count, (LEN, Depth::Eight), follows, make, || [3, 7, 2]).unwrap();
        let (images, is_grey) = (good.len() / LEN, contents.is_grey);
        let expected = Contents { images, image_bytes: LEN, bad, is_grey, outside: [3, 7], coloured: 2 };
        assert_eq!(contents, expected);
        assert_eq!(std::fs::read(&file.path).unwrap()[..good.len()], good);
        assert_eq!(made.into_inner(), 2 * count);
    }
}
