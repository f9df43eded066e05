//! Masks of the pictures beside them, which are told by their names.
//!
//! A class may be called `mask` too: a name alone says nothing, unless nobody calls a class so.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::layout::{from, parent};

/// Directories that hold nothing but masks, if there are pictures beside them.
const CERTAIN: [&str; 7] =
    ["ground_truth", "ground-truth", "groundtruth", "SegmentationClass", "SegmentationObject", "gtFine", "gtCoarse"];

/// Directories that hold masks beside one of [`IMAGES`], or beside pictures that are called as they are, in the same directory
/// or in one beside it.
const POSSIBLE: [&str; 9] =
    ["mask", "masks", "label", "labels", "annotation", "annotations", "segmentation", "segmentations", "gt"];

/// How the directory is called whose pictures these are of.
const IMAGES: [&str; 5] = ["image", "images", "img", "imgs", "JPEGImages"];

/// Those of them that may well be classes beside others.
const CLASSES: [&str; 4] = ["mask", "label", "labels", "annotation"];

/// How the name of a mask ends that lies beside its picture.
const ENDING: &str = "_mask";

fn is_one_of(name: &OsStr, names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a directory is called as those with masks may be.
pub(super) fn is_name(name: &OsStr) -> bool {
    is_one_of(name, &CERTAIN) || is_one_of(name, &POSSIBLE)
}

/// Which of these pictures are masks of others.
pub(super) fn masks(pictures: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let directories: BTreeSet<&Path> = pictures.iter().map(|picture| parent(picture)).collect();
    let mut decided = BTreeMap::new();
    let mut is_of_masks = |directory: &Path| {
        let above: Vec<&Path> = directory.ancestors().collect();
        above.into_iter().any(|above| {
            let is_called_so = above.file_name().is_some_and(is_name);
            is_called_so
                && *decided.entry(above.to_owned()).or_insert_with(|| holds_masks(above, &directories, pictures))
        })
    };
    let of_masks: BTreeSet<&Path> = directories.iter().copied().filter(|directory| is_of_masks(directory)).collect();
    let stems: HashSet<PathBuf> = pictures
        .iter()
        .filter(|picture| picture_of(picture).is_none())
        .map(|picture| picture.with_extension(""))
        .collect();
    let is_mask = |picture: &&PathBuf| {
        of_masks.contains(parent(picture)) || picture_of(picture).is_some_and(|of| stems.contains(&of))
    };
    pictures.iter().filter(is_mask).cloned().collect()
}

/// The path without its ending of the picture whose mask one is called as: `a/b_mask.png` and `a/b_mask_1.png` as that
/// of `a/b.png`.
fn picture_of(path: &Path) -> Option<PathBuf> {
    let stem = path.file_stem()?.to_str()?;
    let unnumbered = stem.trim_end_matches(|last: char| last.is_ascii_digit());
    let unnumbered = unnumbered.strip_suffix('_').filter(|_| unnumbered.len() < stem.len()).unwrap_or(stem);
    let place = unnumbered.len().checked_sub(ENDING.len())?;
    let (of, ending) = unnumbered.split_at_checked(place)?;
    (!of.is_empty() && ending.eq_ignore_ascii_case(ENDING)).then(|| path.with_file_name(of))
}

/// Whether a directory that is called so holds masks, of pictures that lie beside it.
fn holds_masks(directory: &Path, directories: &BTreeSet<&Path>, pictures: &BTreeSet<PathBuf>) -> bool {
    let beside = parent(directory);
    let under = directories.range::<Path, _>(from(beside)).take_while(|below| below.starts_with(beside));
    let mut below = under.filter_map(|below| below.strip_prefix(beside).ok());
    if directory.file_name().is_some_and(|name| is_one_of(name, &CERTAIN)) {
        return below.any(|below| !below.iter().any(is_name));
    }
    if below.any(|below| below.iter().next().is_some_and(|name| is_one_of(name, &IMAGES))) {
        return true;
    }
    let stem = |picture: &PathBuf| picture_of(picture).unwrap_or_else(|| picture.with_extension(""));
    let stems: HashSet<PathBuf> =
        pictures.iter().filter(|picture| parent(picture) == beside).map(|picture| picture.with_extension("")).collect();
    let under = || pictures.range::<Path, _>(from(directory)).take_while(|picture| picture.starts_with(directory));
    let of_others = under().filter(|picture| {
        let name = stem(picture);
        name.file_name().is_some_and(|name| stems.contains(&beside.join(name)))
    });
    if of_others.count() * 2 > under().count() {
        return true;
    }
    // Directories beside it may hold the pictures; but people who wear a mask and those who do not are counted alike.
    if directory.file_name().is_some_and(|name| is_one_of(name, &CLASSES)) {
        return false;
    }
    let below = |picture: &Path, above: &Path| Some(picture.strip_prefix(above).ok()?.to_owned());
    let beside_it: HashSet<PathBuf> = pictures
        .range::<Path, _>(from(beside))
        .take_while(|picture| picture.starts_with(beside))
        .filter(|picture| !picture.starts_with(directory))
        .filter_map(|picture| Some(below(picture, beside)?.with_extension("").iter().skip(1).collect()))
        .collect();
    let of_those =
        under().filter(|picture| below(&stem(picture), directory).is_some_and(|stem| beside_it.contains(&stem)));
    of_those.count() * 2 > under().count()
}
