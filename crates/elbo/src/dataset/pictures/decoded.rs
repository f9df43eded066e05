//! All pictures of a part, decoded and brought to shape, in memory or in a file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::animation::Animation;
use super::deep::Outside;
use super::item::{Inside, Item};
use super::{PictureError, decode};
use crate::dataset::DatasetError;
use crate::dataset::cache::{self, ImageFile};
use crate::dataset::depth::Depth;
use crate::dataset::fit::fit;
use crate::dataset::preprocessing::Preparation;

/// The values of images, `[N, H, W, C]`.
pub(super) enum Images {
    Memory(Vec<u8>),
    File(ImageFile),
}

impl Images {
    /// Keeps one channel of three, of images in memory, of values of this depth.
    pub(super) fn drop_colour(&mut self, depth: Depth) {
        let Self::Memory(images) = self else { return };
        let (len, bytes) = (images.len() / 3, depth.bytes());
        for value in (0..len).step_by(bytes) {
            images.copy_within(3 * value..3 * value + bytes, value);
        }
        images.truncate(len);
        images.shrink_to_fit();
    }
}

/// The images of a part.
pub(super) struct Decoded {
    /// Of those that could be read.
    pub(super) images: Images,
    /// Why the others could not, by their places.
    pub(super) bad: BTreeMap<usize, String>,
    /// Whether the three values of every pixel are the same, if it has three.
    pub(super) is_grey: bool,
    /// Numbers of pictures with more than 8 bits that lie outside of the range.
    pub(super) outside: Outside,
}

/// What all pictures are brought to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Form {
    pub(super) preparation: Preparation,
    pub(super) depth: Depth,
}

impl Form {
    /// Bytes of an image.
    pub(super) fn image_bytes(&self) -> usize {
        self.preparation.shape().len() * self.depth.bytes()
    }
}

impl Decoded {
    /// In memory, or in a file in the directory `place`, where an earlier run may have left it.
    pub(super) fn of(
        items: &[Item],
        form: &Form,
        place: Option<&Path>,
        tick: &(dyn Fn() + Sync),
    ) -> Result<Self, DatasetError> {
        let Form { preparation, depth } = form;
        let len = form.image_bytes();
        let [values, total, coloured] = [const { AtomicU64::new(0) }; 3];
        let make = |animation: &mut Option<Animation>, number: usize, image: &mut [u8]| {
            let Item { file, inside, header, .. } = items[number];
            let picture = match inside {
                Some(Inside::Frame(frame)) => {
                    let animation = animation.get_or_insert_with(|| Animation::open(file));
                    animation.frame(frame).and_then(|image| decode::picture(image, header, preparation))
                }
                Some(Inside::Page(page)) => decode::decode(file, Some(page), preparation),
                None => decode::decode(file, None, preparation),
            };
            let result = picture.map(|(picture, outside)| {
                values.fetch_add(outside.values, Ordering::Relaxed);
                total.fetch_add(outside.total, Ordering::Relaxed);
                coloured.fetch_add(outside.coloured, Ordering::Relaxed);
                fit(&picture, preparation, *depth, image);
            });
            tick();
            result
        };
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let outside = || Outside { values: load(&values), total: load(&total), coloured: load(&coloured) };
        let follows = |number: usize| items[number].follows(&items[number - 1]);
        if let Some(directory) = place.filter(|_| !items.is_empty()) {
            let path = directory.join(format!("{}.images", key(items, form)?));
            let fits = |found: &cache::Contents| {
                found.image_bytes == len && found.images.checked_add(found.bad.len()) == Some(items.len())
            };
            let found = cache::open(&path).filter(|(_, contents)| fits(contents));
            let (file, contents) = if let Some(found) = found {
                found
            } else {
                let about = || [outside().values, outside().total, outside().coloured];
                cache::write(&path, items.len(), (len, *depth), follows, make, about).map_err(DatasetError::Cache)?
            };
            let bad = contents.bad.into_iter().collect();
            let ([values, total], coloured) = (contents.outside, contents.coloured);
            let outside = Outside { values, total, coloured };
            return Ok(Self { images: Images::File(file), bad, is_grey: contents.is_grey, outside });
        }
        let (images, bad) = in_memory(items.len(), len, follows, make).ok_or(PictureError::OutOfMemory {
            memory: u64::MAX,
            images: items.len(),
            shape: preparation.shape(),
        })?;
        let is_grey = cache::is_grey(&images, *depth);
        Ok(Self { images: Images::Memory(images), bad, is_grey, outside: outside() })
    }
}

/// Makes `count` images of `len` bytes, on all cores: those that can be made, and why the others cannot, by their
/// number. None where there is no memory for them.
fn in_memory<S: Default>(
    count: usize,
    len: usize,
    follows: impl Fn(usize) -> bool,
    make: impl Fn(&mut S, usize, &mut [u8]) -> Result<(), String> + Sync,
) -> Option<(Vec<u8>, BTreeMap<usize, String>)> {
    let mut images = Vec::new();
    let bytes = count.checked_mul(len).filter(|&bytes| images.try_reserve_exact(bytes).is_ok())?;
    images.resize(bytes, 0);
    let (good, bad) = cache::make_all(&mut images, len, follows, make);
    images.truncate(good * len);
    Some((images, bad.into_iter().collect()))
}

/// What tells images made of these files in this way from others: a digest of the files' paths, lengths and times of
/// change, the numbers of pages and frames, and of the preparation.
fn key(items: &[Item], form: &Form) -> Result<String, DatasetError> {
    let mut hasher = Sha256::new();
    let Form { preparation, depth } = form;
    hasher.update(format!("elbo images 3 {preparation} {}", depth.bytes()));
    for item in items {
        let failed = |source| DatasetError::io(item.file, source);
        let absolute = item.file.canonicalize().map_err(failed)?;
        let metadata = item.file.metadata().map_err(failed)?;
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let name = absolute.as_os_str().as_encoded_bytes();
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update(metadata.len().to_le_bytes());
        hasher.update(changed.map_or(0, |time| time.as_nanos()).to_le_bytes());
        hasher.update(item.inside.map_or(0, |inside| inside.number() as u64).to_le_bytes());
    }
    Ok(hasher.finalize().iter().take(16).fold(String::new(), |digits, byte| digits + &format!("{byte:02x}")))
}
