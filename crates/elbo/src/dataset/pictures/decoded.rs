//! All pictures of a part, decoded and brought to shape, in memory or in a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::scan::Part;
use super::{PictureError, decode, fit};
use crate::dataset::cache::{self, ImageFile};
use crate::dataset::preprocessing::Preparation;
use crate::dataset::{BadPicture, DatasetError};

/// The values of images, `[N, H, W, C]`.
pub(super) enum Images {
    Memory(Vec<u8>),
    File(ImageFile),
}

impl Images {
    /// Keeps one channel of three, of images in memory.
    pub(super) fn drop_colour(&mut self) {
        let Self::Memory(images) = self else { return };
        let pixels = images.len() / 3;
        for pixel in 0..pixels {
            images[pixel] = images[3 * pixel];
        }
        images.truncate(pixels);
        images.shrink_to_fit();
    }
}

/// The images of a part, with the files and the classes of those that could be read.
pub(super) struct Decoded<'a> {
    pub(super) images: Images,
    pub(super) files: Vec<&'a Path>,
    pub(super) classes: Vec<&'a Path>,
    pub(super) bad: Vec<BadPicture>,
    /// Whether the three values of every pixel are the same, if it has three.
    pub(super) is_grey: bool,
}

impl<'a> Decoded<'a> {
    /// In memory, or in a file in the directory `place`, where an earlier run may have left it.
    pub(super) fn of(
        part: &'a Part,
        unreadable: &BTreeSet<PathBuf>,
        preparation: &Preparation,
        place: Option<&Path>,
        tick: &(dyn Fn() + Sync),
    ) -> Result<Self, DatasetError> {
        let files: Vec<_> = part.files.iter().filter(|(path, _)| !unreadable.contains(path)).collect();
        let shape = preparation.shape();
        let len = shape.len();
        let make = |number: usize, image: &mut [u8]| {
            let result = decode::decode(&files[number].0, preparation.channels, preparation.background)
                .map(|picture| fit::fit(&picture, preparation, image));
            tick();
            result
        };
        let (images, reasons, is_grey) = if let Some(directory) = place.filter(|_| !files.is_empty()) {
            let path = directory.join(format!("{}.images", key(&files, preparation)?));
            let fits = |found: &cache::Contents| {
                found.image_len == len && found.images.checked_add(found.bad.len()) == Some(files.len())
            };
            let (file, contents) = match cache::open(&path).filter(|(_, contents)| fits(contents)) {
                Some(found) => found,
                None => cache::write(&path, files.len(), len, make).map_err(DatasetError::Cache)?,
            };
            (Images::File(file), contents.bad.into_iter().collect(), contents.is_grey)
        } else {
            let (images, bad) = in_memory(files.len(), len, make).ok_or(PictureError::OutOfMemory {
                memory: u64::MAX,
                images: files.len(),
                shape,
            })?;
            let is_grey = cache::is_grey(&images);
            (Images::Memory(images), bad, is_grey)
        };
        let (mut read, mut classes, mut bad) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (path, class)) in files.iter().enumerate() {
            match reasons.get(&number) {
                None => {
                    read.push(path.as_path());
                    classes.push(class.as_path());
                }
                Some(reason) => bad.push(BadPicture { path: path.clone(), reason: reason.clone() }),
            }
        }
        Ok(Self { images, files: read, classes, bad, is_grey })
    }
}

/// Makes `count` images of `len` bytes, on all cores: those that can be made, and why the others cannot, by their
/// number. None where there is no memory for them.
fn in_memory(
    count: usize,
    len: usize,
    make: impl Fn(usize, &mut [u8]) -> Result<(), String> + Sync,
) -> Option<(Vec<u8>, BTreeMap<usize, String>)> {
    let mut images = Vec::new();
    let bytes = count.checked_mul(len).filter(|&bytes| images.try_reserve_exact(bytes).is_ok())?;
    images.resize(bytes, 0);
    let (good, bad) = cache::make_all(&mut images, len, make);
    images.truncate(good * len);
    Some((images, bad.into_iter().collect()))
}

/// What tells images made of these files in this way from others: a digest of the files' paths, lengths and times of
/// change, and of the preparation.
fn key(files: &[&(PathBuf, PathBuf)], preparation: &Preparation) -> Result<String, DatasetError> {
    let mut hasher = Sha256::new();
    hasher.update(format!("elbo images 1 {preparation}"));
    for (path, _) in files {
        let failed = |source| DatasetError::io(path, source);
        let (absolute, metadata) = (path.canonicalize().map_err(failed)?, path.metadata().map_err(failed)?);
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let name = absolute.as_os_str().as_encoded_bytes();
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update(metadata.len().to_le_bytes());
        hasher.update(changed.map_or(0, |time| time.as_nanos()).to_le_bytes());
    }
    Ok(hasher.finalize().iter().take(16).fold(String::new(), |digits, byte| digits + &format!("{byte:02x}")))
}
