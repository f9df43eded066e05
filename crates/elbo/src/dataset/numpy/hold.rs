//! Where images are held: in memory, in a cache file, or in the file of the array itself.

use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::ArrayError;
use super::archive::Arrays;
use super::convert::Maker;
use super::form::Form;
use super::images::Images;
use super::work::Work;
use crate::dataset::cache::{self, Contents, ImageFile};
use crate::dataset::preprocessing::MEMORY;
use crate::dataset::{DataOptions, Dataset, DatasetError};

/// The least bytes of images that are made at a time for a file.
const BLOCK: usize = 1 << 25;

/// Where images are to be held.
pub(super) struct Place<'a> {
    /// The most bytes in memory.
    memory: u64,
    is_in_memory: bool,
    /// Of files for images.
    directory: Option<&'a Path>,
}

impl<'a> Place<'a> {
    /// Of so many images.
    pub(super) fn of(images: usize, form: &Form, options: &'a DataOptions) -> Self {
        let memory = options.memory.unwrap_or(MEMORY);
        let is_in_memory = (images as u64).saturating_mul(form.image_bytes() as u64) <= memory;
        Self { memory, is_in_memory, directory: options.cache.as_deref().map(Path::new) }
    }
}

/// The images of an array without labels, and how many of its numbers were cut to the range.
pub(super) fn hold(
    arrays: &mut Arrays<'_>,
    images: &Images,
    form: &Form,
    place: &Place<'_>,
    work: &Work<'_>,
) -> Result<(Dataset, u64), DatasetError> {
    let Form { shape, depth, .. } = *form;
    let (count, len) = (images.count, form.image_bytes());
    let reach = |images| work.reach(images);
    let (path, memory) = (arrays.path, place.memory);
    let out_of_memory = || ArrayError::OutOfMemory { path: path.to_owned(), memory, images: count, shape };
    let held = if place.is_in_memory {
        let mut values = Vec::new();
        let bytes = count.checked_mul(len).filter(|&bytes| values.try_reserve_exact(bytes).is_ok());
        values.resize(bytes.ok_or_else(out_of_memory)?, 0);
        let mut maker = Maker::new(arrays, images, form)?;
        maker.make(0, &mut values, &reach)?;
        (Dataset::held(shape, depth, values, None)?, maker.outside())
    } else if let Some(start) = arrays.place(&images.name).filter(|_| form.is_as_stored(images)) {
        let file = ImageFile::open_part(path, start + images.header.start, arrays.stamp)?;
        (Dataset::in_file(shape, depth, file, count, None)?, 0)
    } else {
        let directory = place.directory.ok_or_else(out_of_memory)?;
        let cached = directory.join(format!("{}.images", key(arrays, images, form)?));
        let fits = |found: &Contents| found.image_bytes == len && found.images == count && found.bad.is_empty();
        let (file, contents) = match cache::open(&cached).filter(|(_, contents)| fits(contents)) {
            Some(found) => found,
            None => write(&cached, arrays, images, form, memory, &reach)?,
        };
        (Dataset::in_file(shape, depth, file, count, None)?, contents.outside[0])
    };
    work.end(count);
    Ok(held)
}

/// Writes the images of an array to a cache file.
fn write(
    path: &Path,
    arrays: &mut Arrays<'_>,
    images: &Images,
    form: &Form,
    memory: u64,
    reach: &dyn Fn(usize),
) -> Result<(ImageFile, Contents), DatasetError> {
    let (count, len) = (images.count, form.image_bytes());
    // Each block of an array in Fortran order is another pass over it: they are as large as may be.
    let most = if images.header.is_fortran { memory.max(BLOCK as u64) as usize } else { BLOCK };
    let at_once = (most / len.max(images.shape.len() * form.depth.bytes())).clamp(1, count);
    let mut maker = Maker::new(arrays, images, form)?;
    let mut failed = None;
    let written = cache::write_blocks(path, count, len, at_once, |first, out, contents| {
        let made = out.len() / len;
        if let Err(error) = maker.make(first, out, reach) {
            failed = Some(error);
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        contents.outside = [maker.outside(), ((first + made) * images.shape.len()) as u64];
        Ok(())
    });
    match failed {
        Some(error) => Err(error),
        None => written.map_err(DatasetError::Cache),
    }
}

/// What tells images made of this array in this way from others: a digest of the file's path, length and time of change, of
/// the name of the array, and of what its numbers become.
fn key(arrays: &Arrays<'_>, images: &Images, form: &Form) -> Result<String, DatasetError> {
    let mut hasher = Sha256::new();
    let Form { depth, range, preparation, .. } = form;
    hasher.update(format!("elbo arrays 1 {preparation} {range} {}", depth.bytes()));
    let path = arrays.path.canonicalize().map_err(|source| DatasetError::io(arrays.path, source))?;
    for text in [path.as_os_str().as_encoded_bytes(), images.name.as_bytes()] {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    let (length, changed) = arrays.stamp.map_or((0, None), |stamp| (stamp.length, stamp.changed));
    let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    hasher.update(length.to_le_bytes());
    hasher.update(changed.map_or(0, |time| time.as_nanos()).to_le_bytes());
    Ok(hasher.finalize().iter().take(16).fold(String::new(), |digits, byte| digits + &format!("{byte:02x}")))
}
