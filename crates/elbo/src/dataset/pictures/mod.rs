//! Data sets of picture files: a directory with PNG, JPEG, WebP, GIF, BMP or TIFF, or one such file.
//!
//! Two passes go over the files, each on all cores: headers, from which follows what is left open, then pixels.

mod decode;
mod decoded;
mod error;
mod fit;
mod picture;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::preprocessing::{Channels, Colour, DataOptions, MAX_BAD, MEMORY, Preparation, Preprocessing, Size};
use super::{BadPicture, Dataset, DatasetError, Loaded, Note, PictureFiles, Splits};
use crate::dataset::shape::SIDES;
use decode::Header;
use decoded::{Decoded, Images};
use scan::{Part, Scan};

pub use error::PictureError;

/// Pictures that all have one size keep it up to this many pixels per side; larger networks take very long to train.
const LARGEST_KEPT: usize = 128;

/// The sides of images where their size is left open and does not follow from the pictures.
const USUAL_SIDE: usize = 64;

/// How many unreadable pictures an error lists.
const LISTED: usize = 3;

/// What the pictures are that have these headers.
fn files_of(headers: &[Header]) -> PictureFiles {
    PictureFiles {
        formats: counted(headers.iter().map(|header| header.format)),
        sizes: counted(headers.iter().map(|header| [header.width, header.height])),
    }
}

/// How often each item occurs, the commonest first.
fn counted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut counts = BTreeMap::new();
    items.for_each(|item| *counts.entry(item).or_default() += 1);
    let mut counts: Vec<(T, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.1));
    counts
}

/// Whether a file begins as pictures do.
pub(super) fn is_picture(path: &Path) -> bool {
    decode::is_picture_name(path) || decode::sniff(path).ok().flatten().is_some()
}

/// Reads one picture as a set of one image.
pub(super) fn read_single(path: &Path, options: &DataOptions) -> Result<Loaded, DatasetError> {
    let bad = |reason| PictureError::Unreadable(BadPicture { path: path.to_owned(), reason });
    let header = decode::header(path).map_err(bad)?;
    let name = path.file_stem().map_or_else(|| "picture".to_owned(), |name| name.to_string_lossy().into_owned());
    let part = Part { files: vec![(path.to_owned(), PathBuf::new())] };
    let scan = Scan { train: part, ..Scan::default() };
    Reading { root: path, name, options, progress: &|_, _| {} }.read(&scan, vec![Ok(header)])
}

/// Reads all pictures under a directory; none if there is no picture.
pub(super) fn read(
    root: &Path,
    name: String,
    options: &DataOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Option<Loaded>, DatasetError> {
    let scan = scan::scan(root)?;
    if scan.train.files.is_empty() {
        return Ok(None);
    }
    let files: Vec<_> = scan.files().collect();
    let headers = files.par_iter().map(|(path, _)| decode::header(path)).collect();
    Reading { root, name, options, progress }.read(&scan, headers).map(Some)
}

/// A data set in the making.
struct Reading<'a> {
    root: &'a Path,
    name: String,
    options: &'a DataOptions,
    progress: &'a (dyn Fn(usize, usize) + Sync),
}

impl Reading<'_> {
    /// From the headers of all files, in their order.
    fn read(self, scan: &Scan, headers: Vec<Result<Header, String>>) -> Result<Loaded, DatasetError> {
        let max_bad = self.options.max_bad.unwrap_or(MAX_BAD);
        if !(0.0..=1.0).contains(&max_bad) {
            return Err(PictureError::MaxBad { found: max_bad }.into());
        }
        let total = headers.len();
        let (mut bad, mut good) = (Vec::new(), Vec::new());
        for ((path, _), header) in scan.files().zip(headers) {
            match header {
                Ok(header) => good.push(header),
                Err(reason) => bad.push(BadPicture { path: path.clone(), reason }),
            }
        }
        self.check(&bad, total, max_bad, total - bad.len())?;
        let (mut preparation, mut notes) = choose(&good, self.options);
        let done = AtomicUsize::new(bad.len());
        let unreadable: BTreeSet<PathBuf> = bad.iter().map(|bad| bad.path.clone()).collect();
        let tick = || (self.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, total);
        let decode = |preparation: &Preparation, tick: &(dyn Fn() + Sync)| -> Result<[Decoded; 3], DatasetError> {
            let place = self.place(good.len(), preparation)?;
            let decode = |part| Decoded::of(part, &unreadable, preparation, place, tick);
            Ok([decode(&scan.train)?, decode(&scan.validation)?, decode(&scan.test)?])
        };
        let mut parts = decode(&preparation, &tick)?;
        for part in &mut parts {
            bad.append(&mut part.bad);
        }
        self.check(&bad, total, max_bad, parts[0].classes.len())?;

        if self.options.channels.is_none()
            && preparation.channels == Channels::Rgb
            && parts.iter().all(|part| part.is_grey)
        {
            preparation.channels = Channels::Grey;
            if parts.iter().all(|part| matches!(part.images, Images::Memory(_))) {
                for part in &mut parts {
                    part.images.drop_colour();
                }
            } else {
                parts = decode(&preparation, &|| {})?;
            }
            notes.push(Note::NoColour);
        }
        if !bad.is_empty() {
            let examples = bad.iter().take(LISTED).cloned().collect();
            notes.push(Note::Unreadable { examples, bad: bad.len(), total });
        }
        if scan.outside > 0 {
            notes.push(Note::OutsideParts { pictures: scan.outside });
        }
        let names = class_names(self.root, scan.parts())?;
        let set = |part: &Part, decoded: Decoded| -> Result<Option<Dataset>, DatasetError> {
            if decoded.classes.is_empty() {
                return Ok(None);
            }
            let labels = part.has_classes().then(|| decoded.classes.iter().map(|class| names[class].0).collect());
            let shape = preparation.shape();
            let dataset = match decoded.images {
                Images::Memory(images) => Dataset::new(shape, images, labels)?,
                Images::File(file) => Dataset::in_file(shape, file, decoded.classes.len(), labels)?,
            };
            let mut classes: Vec<_> = names.values().cloned().collect();
            classes.sort();
            let dataset = dataset.with_classes(classes.into_iter().map(|(_, name)| name).collect())?;
            let dataset = dataset.with_names(decoded.files.into_iter().map(|file| self.name_of(file)).collect())?;
            Ok(Some(dataset.with_preprocessing(Preprocessing::Pictures(preparation))))
        };
        let [train, validation, test] = parts;
        let train = set(&scan.train, train)?.ok_or(DatasetError::NoImages)?;
        let (validation, test) = (set(&scan.validation, validation)?, set(&scan.test, test)?);
        let splits = Splits { train, validation, test, name: self.name };
        Ok(Loaded { splits, notes, bad, files: files_of(&good) })
    }

    /// The path of a picture below the directory that is read; of the only picture the name of its file.
    fn name_of(&self, file: &Path) -> String {
        let below = file.strip_prefix(self.root).ok().filter(|below| !below.as_os_str().is_empty());
        joined(below.unwrap_or(Path::new(file.file_name().unwrap_or_default())))
    }

    /// The directory for files of images, if there are more than memory may hold.
    fn place(&self, images: usize, preparation: &Preparation) -> Result<Option<&Path>, PictureError> {
        let (shape, memory) = (preparation.shape(), self.options.memory.unwrap_or(MEMORY));
        if (images as u64).saturating_mul(shape.len() as u64) <= memory {
            return Ok(None);
        }
        let cache = self.options.cache.as_deref().ok_or(PictureError::OutOfMemory { memory, images, shape })?;
        Ok(Some(Path::new(cache)))
    }

    /// That not too many pictures are bad, and that any is left to train on.
    fn check(&self, bad: &[BadPicture], total: usize, max_bad: f64, left: usize) -> Result<(), PictureError> {
        if left > 0 && bad.len() as f64 <= max_bad * total as f64 {
            return Ok(());
        }
        Err(match bad {
            [only] if total == 1 => PictureError::Unreadable(only.clone()),
            _ => PictureError::TooManyBad {
                directory: self.root.to_owned(),
                examples: bad.iter().take(LISTED).cloned().collect(),
                bad: bad.len(),
                total,
            },
        })
    }
}

/// The parts of a relative path, a `/` between them on every system.
fn joined(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The number and name of the class of each directory, in the order of their paths; none without directories.
fn class_names<'a>(root: &Path, parts: [&'a Part; 3]) -> Result<BTreeMap<&'a Path, (u16, String)>, PictureError> {
    let labelled = parts.into_iter().filter(|part| part.has_classes());
    let directories: BTreeSet<&Path> =
        labelled.flat_map(|part| &part.files).map(|(_, class)| class.as_path()).collect();
    let name = |directory: &Path| if directory.as_os_str().is_empty() { ".".to_owned() } else { joined(directory) };
    let too_many = || PictureError::TooManyClasses { directory: root.to_owned(), classes: directories.len() };
    let numbered = directories
        .iter()
        .enumerate()
        .map(|(number, &directory)| Ok((directory, (u16::try_from(number).map_err(|_| too_many())?, name(directory)))));
    numbered.collect()
}

/// What pictures with these headers become, by what is asked for and else by what they are; with the reasons.
fn choose(headers: &[Header], options: &DataOptions) -> (Preparation, Vec<Note>) {
    let mut notes = Vec::new();
    let sizes: BTreeSet<_> = headers.iter().map(|header| (header.width, header.height)).collect();
    let usual = Size { width: USUAL_SIDE, height: USUAL_SIDE };
    let size = options.size.unwrap_or_else(|| {
        let kept = *SIDES.start()..=LARGEST_KEPT;
        let (size, reason) = match sizes.first() {
            Some(&(width, height)) if sizes.len() == 1 && kept.contains(&width) && kept.contains(&height) => {
                (Size { width, height }, "all pictures have that size".to_owned())
            }
            Some((width, height)) if sizes.len() == 1 => {
                (usual, format!("all pictures are {width}x{height}, outside of {} to {LARGEST_KEPT}", kept.start()))
            }
            _ => (usual, format!("the pictures have {} sizes", sizes.len())),
        };
        notes.push(Note::Size { size, reason });
        size
    });
    let fit = options.fit.unwrap_or_default();
    let is_like = |&(width, height): &(usize, usize)| width * size.height == height * size.width;
    if options.fit.is_none() && !sizes.iter().all(is_like) {
        notes.push(Note::Cropped);
    }
    let colourful = headers.iter().filter(|header| !header.is_grey).count();
    let channels = options.channels.unwrap_or(if colourful == 0 { Channels::Grey } else { Channels::Rgb });
    if options.channels.is_none() && colourful > 0 && colourful < headers.len() {
        notes.push(Note::SomeColour { colourful, total: headers.len() });
    }
    let background = options.background.unwrap_or(Colour::WHITE);
    (Preparation { size, channels, fit, background }, notes)
}
