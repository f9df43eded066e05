//! Data sets of picture files: a directory with PNG, JPEG, WebP, GIF, BMP or TIFF, or one such file.
//!
//! Two passes go over the files, each on all cores: headers, from which follows what is left open, then pixels.

mod animation;
mod apng;
mod canvas;
mod decode;
mod decoded;
mod deep;
mod error;
mod frames;
mod item;
mod kinds;
mod layout;
mod masks;
mod pages;
mod ranges;
mod scan;
#[cfg(test)]
mod tests;
mod tiff_samples;
mod webp;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::preprocessing::{Channels, Colour, DataOptions, Fit, MAX_BAD, MEMORY, Preparation, Preprocessing, Size};
use super::{BadPicture, Dataset, DatasetError, Depth, Loaded, Note, PictureFiles, Splits, ValueRange};
use crate::dataset::shape::SIDES;
use decode::Header;
use decoded::{Decoded, Form, Images};
use deep::Outside;
use item::{Item, Items};
use scan::{Part, Scan};

pub use error::PictureError;

/// Pictures that all have one size keep it up to this many pixels per side; larger networks take very long to train.
const LARGEST_KEPT: usize = 128;

/// The sides of images where their size is left open and does not follow from the pictures.
const USUAL_SIDE: usize = 64;

/// The most memory that a decoded picture may take, and what its decoder needs beside it.
const MAX_BYTES: u64 = 512 << 20;

/// How many unreadable pictures an error lists.
const LISTED: usize = 3;

/// What the pictures are that have these headers.
fn files_of(headers: &[Header]) -> PictureFiles {
    PictureFiles {
        coloured: 0,
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

/// Reads one picture file as a set of one image, or of its pages or frames.
pub(super) fn read_single(path: &Path, options: &DataOptions) -> Result<Loaded, DatasetError> {
    let name = path.file_stem().map_or_else(|| "picture".to_owned(), |name| name.to_string_lossy().into_owned());
    let part = Part { files: vec![(path.to_owned(), PathBuf::new())] };
    let scan = Scan { train: part, ..Scan::default() };
    Reading { root: path, name, options, progress: &|_, _| {} }.read(&scan)
}

/// Reads all pictures under a directory; none if there is no picture.
pub(super) fn read(
    root: &Path,
    name: String,
    options: &DataOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Option<Loaded>, DatasetError> {
    let scan = scan::scan(root)?;
    let (read, unread) = (scan.parts().map(|part| part.files.len()).iter().sum(), scan.unread());
    let is_everything_let_pass = options.max_bad.is_some_and(|max_bad| max_bad >= 1.0);
    let unread_count: usize = unread.iter().map(|kind| kind.1).sum();
    if unread_count > read && (read == 0 || !is_everything_let_pass) {
        return Err(PictureError::UnreadKinds { directory: root.to_owned(), kinds: unread, read }.into());
    }
    if scan.train.files.is_empty() {
        return Ok(None);
    }
    Reading { root, name, options, progress }.read(&scan).map(Some)
}

/// A data set in the making.
struct Reading<'a> {
    root: &'a Path,
    name: String,
    options: &'a DataOptions,
    progress: &'a (dyn Fn(usize, usize) + Sync),
}

impl Reading<'_> {
    fn read(self, scan: &Scan) -> Result<Loaded, DatasetError> {
        let max_bad = self.options.max_bad.unwrap_or(MAX_BAD);
        if !(0.0..=1.0).contains(&max_bad) {
            return Err(PictureError::MaxBad { found: max_bad }.into());
        }
        if let Some(asked) = self.options.channels.filter(|channels| !Channels::OF_PICTURES.contains(channels)) {
            return Err(PictureError::Channels { asked }.into());
        }
        let mut items = Items::of(scan, self.options.frames.unwrap_or_default());
        let total = items.total();
        self.check(&items.bad, total, max_bad, items.good())?;
        let to_measure = ranges::to_measure(&items, self.options.range);
        let (done, total_work) = (AtomicUsize::new(items.bad.len()), total + to_measure);
        let tick = || (self.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, total_work);
        let (range, range_note) = ranges::of(&items, self.root, self.options.range, &tick)?;
        let choose = |items: &Items| choose(&items.headers(), self.options, range);
        let mut decoded = self.decode(&items, &choose(&items).0, &tick)?;
        let (mut form, mut notes) = loop {
            let before = choose(&items).0;
            let is_whole = decoded.iter().all(|part| part.bad.is_empty());
            remove_bad(&mut items, &mut decoded);
            self.check(&items.bad, total, max_bad, items.parts[0].len())?;
            let (form, notes) = choose(&items);
            if is_whole || form == before {
                break (form, notes);
            }
            // What a bad picture claimed to be must not decide what the others become.
            decoded = self.decode(&items, &form, &|| {})?;
        };
        notes.extend(range_note);

        if self.options.channels.is_none()
            && form.preparation.channels == Channels::Rgb
            && decoded.iter().all(|part| part.is_grey)
        {
            form.preparation.channels = Channels::Grey;
            if decoded.iter().all(|part| matches!(part.images, Images::Memory(_))) {
                for part in &mut decoded {
                    part.images.drop_colour(form.depth);
                }
            } else {
                decoded = self.decode(&items, &form, &|| {})?;
                // Files may go while they are read.
                remove_bad(&mut items, &mut decoded);
            }
            notes.push(Note::NoColour);
        }
        let Form { preparation, depth } = form;
        let outside = decoded.iter().fold(Outside::default(), |sum, part| sum + part.outside);
        if let (Some(range), true) = (preparation.range, outside.values > 0) {
            let Outside { values, total, .. } = outside;
            notes.push(Note::OutsideRange { range, values, total });
        }
        notes.append(&mut items.notes);
        if !items.bad.is_empty() {
            let examples = items.bad.iter().take(LISTED).cloned().collect();
            notes.push(Note::Unreadable { examples, bad: items.bad.len(), total });
        }
        notes.append(&mut scan.notes());
        let names = class_names(self.root, scan.parts())?;
        let set = |part: &Part, items: &[Item], decoded: Decoded| -> Result<Option<Dataset>, DatasetError> {
            if items.is_empty() {
                return Ok(None);
            }
            let labels = part.has_classes().then(|| items.iter().map(|item| names[item.class].0).collect());
            let shape = preparation.shape();
            let dataset = match decoded.images {
                Images::Memory(images) => Dataset::held(shape, depth, images, labels)?,
                Images::File(file) => Dataset::in_file(shape, depth, file, items.len(), labels)?,
            };
            let mut classes: Vec<_> = names.values().cloned().collect();
            classes.sort();
            let dataset = dataset.with_classes(classes.into_iter().map(|(_, name)| name).collect())?;
            let dataset = dataset.with_names(items.iter().map(|item| self.name_of(&item.path())).collect())?;
            Ok(Some(dataset.with_preprocessing(Preprocessing::Pictures(preparation))))
        };
        let files = PictureFiles { coloured: outside.coloured as usize, ..files_of(&items.headers()) };
        let ([train, validation, test], of) = (decoded, &items.parts);
        let train = set(&scan.train, &of[0], train)?.ok_or(DatasetError::NoImages)?;
        let validation = set(&scan.validation, &of[1], validation)?;
        let test = set(&scan.test, &of[2], test)?;
        let splits = Splits { train, validation, test, name: self.name };
        Ok(Loaded { splits, notes, bad: items.bad, files })
    }

    /// The images of all parts.
    fn decode(&self, items: &Items, form: &Form, tick: &(dyn Fn() + Sync)) -> Result<[Decoded; 3], DatasetError> {
        let place = self.place(items.good(), form)?;
        let [train, validation, test] = &items.parts;
        let decode = |part: &[Item]| Decoded::of(part, form, place, tick);
        Ok([decode(train)?, decode(validation)?, decode(test)?])
    }

    /// The path of a picture below the directory that is read; of the only picture the name of its file.
    fn name_of(&self, file: &Path) -> String {
        let below = file.strip_prefix(self.root).ok().filter(|below| !below.as_os_str().is_empty());
        joined(below.unwrap_or(Path::new(file.file_name().unwrap_or_default())))
    }

    /// The directory for files of images, if there are more than memory may hold.
    fn place(&self, images: usize, form: &Form) -> Result<Option<&Path>, PictureError> {
        let (shape, memory) = (form.preparation.shape(), self.options.memory.unwrap_or(MEMORY));
        if (images as u64).saturating_mul(form.image_bytes() as u64) <= memory {
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

/// Moves the pictures that could not be decoded to those that are bad.
fn remove_bad(items: &mut Items, decoded: &mut [Decoded; 3]) {
    for (part, decoded) in items.parts.iter_mut().zip(decoded) {
        let bad = std::mem::take(&mut decoded.bad);
        items.bad.extend(bad.iter().map(|(&place, reason)| {
            let (path, reason) = (part[place].path(), reason.clone());
            BadPicture { path, reason }
        }));
        let mut place = 0;
        part.retain(|_| {
            place += 1;
            !bad.contains_key(&(place - 1))
        });
    }
}

/// The parts of a relative path, a `/` between them on every system.
fn joined(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// What the class of a directory is called: its path. Bytes that are no text, and characters that would move the cursor of
/// a terminal, are escaped, so that different directories have different names.
fn class_name(directory: &Path) -> String {
    if directory.as_os_str().is_empty() {
        return ".".to_owned();
    }
    let name = |part: &OsStr| match part.to_str() {
        Some(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => part.as_encoded_bytes().escape_ascii().to_string(),
    };
    directory.iter().map(name).collect::<Vec<_>>().join("/")
}

/// The number and name of the class of each directory, in the order of their paths; none without directories.
fn class_names<'a>(root: &Path, parts: [&'a Part; 3]) -> Result<BTreeMap<&'a Path, (u16, String)>, PictureError> {
    let labelled = parts.into_iter().filter(|part| part.has_classes());
    let directories: BTreeSet<&Path> =
        labelled.flat_map(|part| &part.files).map(|(_, class)| class.as_path()).collect();
    let too_many = || PictureError::TooManyClasses { directory: root.to_owned(), classes: directories.len() };
    let numbered = directories.iter().enumerate().map(|(number, &directory)| {
        Ok((directory, (u16::try_from(number).map_err(|_| too_many())?, class_name(directory))))
    });
    numbered.collect()
}

/// What there is to say of pictures that are far smaller than the images.
fn enlarged(headers: &[Header], size: Size, fit: Fit) -> Option<Note> {
    let is_small = |header: &&Header| {
        let short = [header.width * 2 < size.width, header.height * 2 < size.height];
        // What is fitted into the image grows as far as its longer side lets it.
        if fit == Fit::Fit { short == [true; 2] } else { short.contains(&true) }
    };
    let small: Vec<&Header> = headers.iter().filter(is_small).collect();
    let least = small.iter().min_by_key(|header| header.width * header.height)?;
    let least = Size { width: least.width, height: least.height };
    Some(Note::Enlarged { pictures: small.len(), total: headers.len(), least })
}

/// What pictures with these headers become, by what is asked for and else by what they are; with the reasons. Numbers of more
/// than 8 bits have this range.
fn choose(headers: &[Header], options: &DataOptions, range: Option<ValueRange>) -> (Form, Vec<Note>) {
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
    notes.extend(enlarged(headers, size, fit));
    let colourful = headers.iter().filter(|header| !header.is_grey).count();
    let channels = options.channels.unwrap_or(if colourful == 0 { Channels::Grey } else { Channels::Rgb });
    if options.channels.is_none() && colourful > 0 && colourful < headers.len() {
        notes.push(Note::SomeColour { colourful, total: headers.len() });
    }
    let background = options.background.unwrap_or(Colour::WHITE);
    let is_deep = headers.iter().any(Header::is_deep);
    let depth = if is_deep { Depth::Sixteen } else { Depth::Eight };
    let range = range.filter(|_| is_deep);
    let frames = options.frames.unwrap_or_default();
    (Form { preparation: Preparation { size, channels, fit, background, range, frames }, depth }, notes)
}
