//! Images held out of the training set, where a data set comes without a test set.

use super::cache::ImageFile;
use super::{Dataset, DatasetError, Pixels, Splits};
use crate::noise::{Noise, Purpose};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The share of the training set that is held out where a data set has no other set.
const USUAL_SHARE: f64 = 0.1;

/// A part of a data set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Part {
    /// The images trained on.
    Training,
    /// Images held out of the training set.
    Validation,
    /// The images of a test set.
    Test,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

impl Dataset {
    /// The images at these positions, in this order, with their labels and names; classes have the same names and
    /// numbers.
    ///
    /// # Errors
    /// [`DatasetError::NoImages`] if there are no positions, [`DatasetError::NoSuchImage`] if one is not less than
    /// [`len`](Self::len).
    pub fn subset(&self, indices: &[u32]) -> Result<Self, DatasetError> {
        if indices.is_empty() {
            return Err(DatasetError::NoImages);
        }
        self.check_indices(indices)?;
        let images = match &self.images {
            Pixels::Memory(_) => {
                let mut images = Vec::with_capacity(indices.len() * self.image_bytes());
                for &index in indices {
                    images.extend_from_slice(self.gather_values(&[index], &mut Vec::new())?.pixels);
                }
                Pixels::Memory(images)
            }
            Pixels::File(file, places) => file_part(file, places, indices),
        };
        Ok(self.part(indices, images))
    }

    /// The images at the positions `taken`; `left` stay, which are all others, both in ascending order. Besides the images
    /// there is only memory for the smaller part of them at any time.
    fn take_out(&mut self, taken: &[u32], left: &[u32]) -> Self {
        let size = self.image_bytes();
        let [of_taken, of_left] = match &mut self.images {
            Pixels::Memory(images) => {
                let mut all = std::mem::take(images);
                if taken.len() <= left.len() {
                    let copies = copy_out(&mut all, taken, left, size);
                    [copies, all]
                } else {
                    let copies = copy_out(&mut all, left, taken, size);
                    [all, copies]
                }
                .map(Pixels::Memory)
            }
            Pixels::File(file, places) => [taken, left].map(|part| file_part(file, places, part)),
        };
        let part = self.part(taken, of_taken);
        *self = self.part(left, of_left);
        part
    }

    /// The labels and names of these images, whose values are `images`.
    fn part(&self, indices: &[u32], images: Pixels) -> Self {
        let labels = self.labels().map(|labels| indices.iter().map(|&index| labels[index as usize]).collect());
        let names = self.names().map(|names| indices.iter().map(|&index| names[index as usize].clone()).collect());
        Self { images, labels, classes: self.classes.clone(), names, ..*self }
    }
}

/// Images of a file.
fn file_part(file: &Arc<ImageFile>, places: &[u32], indices: &[u32]) -> Pixels {
    Pixels::File(Arc::clone(file), indices.iter().map(|&index| places[index as usize]).collect())
}

/// Copies images of `size` bytes out of all, and moves the others, which are kept, together.
fn copy_out(all: &mut Vec<u8>, copied: &[u32], kept: &[u32], size: usize) -> Vec<u8> {
    let mut copies = Vec::with_capacity(copied.len() * size);
    for &index in copied {
        copies.extend_from_slice(&all[index as usize * size..][..size]);
    }
    for (place, &index) in kept.iter().enumerate() {
        // None of these is written over before it is moved, since they ascend.
        all.copy_within(index as usize * size..(index as usize + 1) * size, place * size);
    }
    all.truncate(kept.len() * size);
    all.shrink_to_fit();
    copies
}

impl Splits {
    /// The share of the training set that is held out unless another is asked for: a tenth where there is neither a
    /// validation set nor a test set, and none where there is, or where there is only one image.
    #[must_use]
    pub fn usual_validation(&self) -> f64 {
        let is_needed = self.validation.is_none() && self.test.is_none() && self.train.len() > 1;
        if is_needed { USUAL_SHARE } else { 0.0 }
    }

    /// How many images are left to train on when this share of the training set is held out.
    #[must_use]
    pub fn trained_on(&self, validation: f64) -> usize {
        if validation == 0.0 { self.train.len() } else { self.train.len() - held_out_of(self.train.len(), validation) }
    }

    /// Takes a validation set out of the training set, in place of the one there is: `share` of its images, at least one
    /// and never all, class by class where there are labels. A share of 0 changes nothing. Both parts keep the order
    /// that the images had, and `seed` fixes which they are.
    ///
    /// # Errors
    /// [`DatasetError::CannotHoldOut`] if there is only one image.
    pub(crate) fn hold_out(&mut self, share: f64, seed: u64) -> Result<(), DatasetError> {
        if share == 0.0 {
            return Ok(());
        }
        if self.train.len() == 1 {
            return Err(DatasetError::CannotHoldOut { name: self.name.clone() });
        }
        let (held_out, rest) = divide(&self.train, share, seed);
        self.validation = Some(self.train.take_out(&held_out, &rest));
        Ok(())
    }
}

/// How many of so many images are held out: at least one, and never all where there are two or more.
fn held_out_of(images: usize, share: f64) -> usize {
    ((images as f64 * share).round() as usize).max(1).min(images.saturating_sub(1))
}

/// The positions of the images held out and those of the rest, each in ascending order; neither is empty where there
/// are two images or more.
///
/// Each class, shuffled, is spread evenly over the line from 0 to 1, image `k` of `n` at `(k + 1/2) / n`; those nearest
/// 0 are held out. So each class gives about its share, and a class of very few images keeps them.
fn divide(dataset: &Dataset, share: f64, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let mut shuffled: Vec<u32> = (0..dataset.len() as u32).collect();
    Noise::new(seed, Purpose::Validation, 0).shuffle(&mut shuffled);
    let class = |index: u32| dataset.labels().map_or(0, |labels| labels[index as usize]);
    let mut sizes: BTreeMap<u16, u32> = BTreeMap::new();
    for &index in &shuffled {
        *sizes.entry(class(index)).or_default() += 1;
    }
    let mut seen: BTreeMap<u16, u32> = BTreeMap::new();
    let mut places: Vec<(f64, u32)> = Vec::with_capacity(shuffled.len());
    for &index in &shuffled {
        let seen = seen.entry(class(index)).or_default();
        places.push(((f64::from(*seen) + 0.5) / f64::from(sizes[&class(index)]), index));
        *seen += 1;
    }
    // Stable, so that classes of one size take turns as they were shuffled.
    places.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let count = held_out_of(dataset.len(), share);
    let mut held_out: Vec<u32> = places[..count].iter().map(|&(_, index)| index).collect();
    let mut rest: Vec<u32> = places[count..].iter().map(|&(_, index)| index).collect();
    held_out.sort_unstable();
    rest.sort_unstable();
    (held_out, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;
    use proptest::prelude::*;

    const PIXEL: ImageShape = ImageShape { height: 1, width: 2, channels: 1 };

    /// Images that say their own positions.
    fn numbered(count: usize, labels: Option<Vec<u16>>) -> Dataset {
        let images = (0..count).flat_map(|i| [(i >> 8) as u8, i as u8]).collect();
        Dataset::new(PIXEL, images, labels).unwrap()
    }

    fn splits(train: Dataset) -> Splits {
        Splits { train, validation: None, test: None, name: "numbers".to_owned() }
    }

    /// One after the other.
    fn images_of(dataset: &Dataset) -> Vec<Vec<u8>> {
        let indices: Vec<u32> = (0..dataset.len() as u32).collect();
        let mut staging = Vec::new();
        let pixels = dataset.gather(&indices, &mut staging).unwrap().pixels;
        pixels.chunks_exact(dataset.shape().len()).map(<[u8]>::to_vec).collect()
    }

    proptest! {
        #[test]
        fn every_image_is_on_one_side_and_classes_give_their_share(
            labels in proptest::collection::vec(0_u16..4, 2..300), share in 0.01_f64..0.99, seed in any::<u64>(),
            labelled in any::<bool>(),
        ) {
            let count = labels.len();
            let dataset = numbered(count, labelled.then(|| labels.clone()));
            let (held_out, rest) = divide(&dataset, share, seed);
            let mut all = [&held_out[..], &rest[..]].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..count as u32).collect::<Vec<_>>());
            let expected = ((count as f64 * share).round() as usize).clamp(1, count - 1);
            prop_assert_eq!(held_out.len(), expected);
            if labelled {
                // The count is rounded, and so is each class; what that leaves over falls on any of the four.
                for class in 0..4 {
                    let all = (0..count).filter(|&i| labels[i] == class).count() as f64;
                    let held = held_out.iter().filter(|&&i| labels[i as usize] == class).count() as f64;
                    let overall = expected as f64 / count as f64;
                    prop_assert!((held - all * overall).abs() <= 3.0, "{held} of {all} at {overall}");
                }
            }
        }
    }

    #[test]
    fn a_single_image_of_a_class_stays_to_be_trained_on() {
        let labels: Vec<u16> = (0..100).map(|i| if i == 40 { 9 } else { i % 2 }).collect();
        for seed in 0..50 {
            assert!(!divide(&numbered(100, Some(labels.clone())), 0.2, seed).0.contains(&40));
        }
    }

    #[test]
    fn a_seed_fixes_the_division_and_both_parts_keep_their_order() {
        let splits = || splits(numbered(500, None));
        let held_out = |seed| {
            let mut splits = splits();
            splits.hold_out(0.1, seed).unwrap();
            let validation = splits.validation.unwrap();
            assert_eq!((validation.len(), splits.train.len()), (50, 450));
            let mut images = images_of(&splits.train);
            assert!(images.is_sorted());
            images.extend(images_of(&validation));
            assert!(images[450..].is_sorted());
            images.sort_unstable();
            images.dedup();
            assert_eq!(images.len(), 500);
            images_of(&validation)
        };
        assert_eq!(held_out(1), held_out(1));
        assert_ne!(held_out(1), held_out(2));
        let mut whole = splits();
        whole.hold_out(0.0, 1).unwrap();
        assert!(whole.validation.is_none());
        assert_eq!(images_of(&whole.train), images_of(&splits().train));
    }

    /// Models name the images that they were trained without by a seed and a share alone: another division would have
    /// them tried on images that they have seen. The positions are those of `tests/golden/make_noise.py`.
    #[test]
    fn the_division_is_what_it_was() {
        let labels: Vec<u16> = (0..60).map(|i| i * i % 5).collect();
        for (labels, seed, expected) in [
            (None, 1, [1, 22, 28, 30, 32, 39]),
            (None, u64::MAX, [12, 16, 17, 31, 36, 57]),
            (Some(labels.clone()), 1, [1, 22, 28, 30, 32, 39]),
            (Some(labels), 7, [4, 17, 27, 28, 40, 44]),
        ] {
            assert_eq!(divide(&numbered(60, labels), 0.1, seed).0, expected, "{seed}");
        }
        let (held_out, _) = divide(&numbered(60_000, None), 0.1, 1);
        assert_eq!(held_out.len(), 6_000);
        assert_eq!(held_out[..4], [16, 17, 23, 42]);
        assert_eq!(held_out[5_996..], [59_982, 59_987, 59_992, 59_997]);
    }

    #[test]
    fn labels_go_with_their_images() {
        let labels: Vec<u16> = (0..60).map(|i| i % 7).collect();
        let mut splits = splits(numbered(60, Some(labels.clone())));
        splits.hold_out(0.25, 3).unwrap();
        for part in [&splits.validation.unwrap(), &splits.train] {
            for (i, label) in part.labels().unwrap().iter().enumerate() {
                assert_eq!(*label, labels[usize::from(images_of(part)[i][1])]);
            }
        }
    }

    #[test]
    fn images_are_moved_as_they_are_chosen_whichever_part_is_the_larger() {
        let labels: Vec<u16> = (0..70).map(|i| i % 3).collect();
        for share in [0.01, 0.3, 0.5, 0.9, 0.99] {
            let whole = numbered(70, Some(labels.clone()));
            let (held_out, rest) = divide(&whole, share, 5);
            let mut splits = splits(whole.clone());
            splits.hold_out(share, 5).unwrap();
            for (found, indices) in [(&splits.validation.unwrap(), held_out), (&splits.train, rest)] {
                let expected = whole.subset(&indices).unwrap();
                assert_eq!(images_of(found), images_of(&expected), "{share}");
                assert_eq!((found.labels(), found.len()), (expected.labels(), indices.len()));
            }
        }
    }

    #[test]
    fn a_tenth_is_held_out_where_there_is_no_other_set() {
        let alone = splits(numbered(45, None));
        let other = || Some(numbered(7, None));
        assert_eq!(alone.usual_validation(), 0.1);
        assert_eq!(Splits { validation: other(), ..alone.clone() }.usual_validation(), 0.0);
        assert_eq!(Splits { test: other(), ..alone.clone() }.usual_validation(), 0.0);
        assert_eq!(splits(numbered(1, None)).usual_validation(), 0.0);
        for share in [0.0, 0.001, 0.1, 0.5, 0.999] {
            let mut divided = alone.clone();
            divided.hold_out(share, 1).unwrap();
            assert_eq!(alone.trained_on(share), divided.train.len(), "{share}");
        }
    }

    #[test]
    fn a_validation_set_of_its_own_is_kept_unless_images_are_held_out() {
        let own = || Splits { validation: Some(numbered(7, None)), ..splits(numbered(100, None)) };
        for (share, validation, train) in [(0.0, 7, 100), (0.2, 20, 80)] {
            let mut splits = own();
            splits.hold_out(share, 1).unwrap();
            assert_eq!((splits.validation.unwrap().len(), splits.train.len()), (validation, train));
        }
    }

    #[test]
    fn one_image_cannot_be_divided() {
        let mut splits = splits(numbered(1, None));
        let error = splits.hold_out(0.1, 1).unwrap_err();
        assert!(matches!(error, DatasetError::CannotHoldOut { .. }), "{error}");
    }
}
