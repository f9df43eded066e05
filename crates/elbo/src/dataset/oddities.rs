//! What is odd about a data set, though each of its files is right: it may not be what was meant.

mod classes;

use super::{Dataset, DatasetError, Part, Splits, Survey};
use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A mean value of all images, from 0 to 255, below which they are next to black; and as far from 255, white.
const DARK: f64 = 3.0;
/// The brightest value of images that are dark throughout, as numbers of 12 bits in files of 16 are; and as far from 255, the
/// darkest of bright ones.
const DIM: usize = 63;
/// The standard deviation of all values below which nothing can be seen.
const FLAT: f64 = 2.0;
/// The most values that are few, where there are more than two: of kinds rather than of shades.
const FEW: usize = 8;
/// The share of the training images that are copies of others from which on that is odd.
const COPIES: f64 = 0.1;

/// Something odd about a data set. Its text is a sentence without a full stop.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Oddity {
    /// All training images are the same.
    AllEqual,
    /// Next to nothing differs among the values of the training images.
    Flat {
        /// Their standard deviation.
        deviation: f64,
        /// Their mean, from 0 to 255.
        mean: f64,
    },
    /// The training images are next to black.
    Dark {
        /// The mean of their values, from 0 to 255.
        mean: f64,
        /// The largest of them.
        most: usize,
    },
    /// The training images are next to white.
    Bright {
        /// The mean of their values, from 0 to 255.
        mean: f64,
        /// The smallest of them.
        least: usize,
    },
    /// The training images have few values, more than two.
    FewValues {
        /// How many.
        values: usize,
    },
    /// Many training images are copies of others.
    Copies {
        /// How many.
        copies: usize,
        /// Of how many.
        total: usize,
    },
    /// Images that losses are measured on are in the training set too.
    Seen {
        /// Of which part.
        part: Part,
        /// How many of it.
        seen: usize,
        /// Of how many.
        total: usize,
    },
    /// Classes of which there is no training image.
    Untrained {
        /// Their names.
        classes: Vec<String>,
    },
    /// Classes are called as the parts of a data set are: images to test with may be among those that are trained on.
    PartsAsClasses {
        /// One that is called as training sets are, and one as others are.
        classes: [String; 2],
    },
    /// Classes whose names look alike.
    Alike {
        /// Two and two.
        pairs: Vec<[String; 2]>,
    },
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllEqual => f.write_str("all training images are equal"),
            Self::Flat { deviation, mean } => {
                write!(
                    f,
                    "the training images are next to one shade: values of 0 to 255 have a mean of {mean:.1} and a standard deviation of {deviation:.2}"
                )
            }
            Self::Dark { mean, most } => write!(
                f,
                "the training images are next to black: values of 0 to 255 have a mean of {mean:.2}, and none is above {most}"
            ),
            Self::Bright { mean, least } => write!(
                f,
                "the training images are next to white: values of 0 to 255 have a mean of {mean:.2}, and none is below {least}"
            ),
            Self::FewValues { values } => write!(
                f,
                "the training images have only {values} different values: if these are kinds and not shades, a model of shades does not fit them"
            ),
            Self::Copies { copies, total } => write!(f, "{copies} of {total} training images are copies of others"),
            Self::Seen { part, seen, total } => {
                write!(
                    f,
                    "{seen} of {total} images of the {part} set are in the training set too: the loss on them says little"
                )
            }
            Self::Untrained { classes } => {
                write!(f, "there are no training images of the classes {}", classes.join(", "))
            }
            Self::PartsAsClasses { classes: [train, other] } => write!(
                f,
                "all images are trained on, though the classes {train} and {other} are called as parts of a data set are"
            ),
            Self::Alike { pairs } => {
                let pairs: Vec<String> = pairs.iter().map(|[a, b]| format!("'{a}' and '{b}'")).collect();
                write!(f, "names of different classes look alike: {}", pairs.join(", "))
            }
        }
    }
}

/// A number for each image that equal ones share, and others hardly ever.
fn hashes(dataset: &Dataset) -> Result<Vec<u64>, DatasetError> {
    let (mut hashes, mut staging) = (Vec::with_capacity(dataset.len()), Vec::new());
    let indices: Vec<u32> = (0..dataset.len() as u32).collect();
    for indices in indices.chunks(256) {
        for image in dataset.gather(indices, &mut staging)?.pixels.chunks_exact(dataset.image_bytes()) {
            let mut hasher = DefaultHasher::new();
            image.hash(&mut hasher);
            hashes.push(hasher.finish());
        }
    }
    Ok(hashes)
}

impl Splits {
    /// What is odd about the images: nothing in most data sets. Looks at all of them.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn oddities(&self) -> Result<Vec<Oddity>, DatasetError> {
        let mut oddities = Vec::new();
        let of_train = hashes(&self.train)?;
        let known: HashSet<u64> = of_train.iter().copied().collect();
        let (total, different) = (self.train.len(), known.len());
        if different == 1 && total > 1 {
            oddities.push(Oddity::AllEqual);
            // Nothing but white may be what is white on transparency.
            let white = of_values(&Survey::of(&self.train)?);
            oddities.extend(white.filter(|odd| matches!(odd, Oddity::Bright { mean, .. } if *mean > 255.0 - DARK)));
        } else {
            oddities.extend(of_values(&Survey::of(&self.train)?));
            let copies = total - different;
            if copies as f64 > COPIES * total as f64 {
                oddities.push(Oddity::Copies { copies, total });
            }
        }
        let parts = [(Part::Validation, &self.validation), (Part::Test, &self.test)];
        for (part, images) in parts.into_iter().filter_map(|(part, images)| Some((part, images.as_ref()?))) {
            let seen = hashes(images)?.iter().filter(|hash| known.contains(hash)).count();
            if seen > 0 {
                oddities.push(Oddity::Seen { part, seen, total: images.len() });
            }
        }
        let classes = self.untrained_classes();
        if !classes.is_empty() {
            oddities.push(Oddity::Untrained { classes });
        }
        let classes = self.trained_classes();
        oddities.extend(classes::called_as_parts(&classes).map(|classes| Oddity::PartsAsClasses { classes }));
        let pairs = classes::alike(self.train.classes());
        if !pairs.is_empty() {
            oddities.push(Oddity::Alike { pairs });
        }
        Ok(oddities)
    }

    /// The names of the classes that there are training images of, in their order; none without labels or names.
    #[must_use]
    pub fn trained_classes(&self) -> Vec<String> {
        let mut labels = self.train.labels().map_or_else(Vec::new, <[u16]>::to_vec);
        labels.sort_unstable();
        labels.dedup();
        labels.into_iter().filter_map(|class| self.train.classes().get(usize::from(class)).cloned()).collect()
    }

    /// The names of the classes that only the other parts have images of, in their order; their numbers where there are no
    /// names.
    #[must_use]
    pub fn untrained_classes(&self) -> Vec<String> {
        let Some(labels) = self.train.labels() else { return Vec::new() };
        let trained: HashSet<u16> = labels.iter().copied().collect();
        let others = [&self.validation, &self.test].into_iter().flatten().filter_map(Dataset::labels).flatten();
        let mut untrained: Vec<u16> = others.copied().filter(|label| !trained.contains(label)).collect();
        untrained.sort_unstable();
        untrained.dedup();
        let name = |class: u16| self.train.classes().get(usize::from(class)).cloned();
        untrained.into_iter().map(|class| name(class).unwrap_or_else(|| class.to_string())).collect()
    }
}

/// What is odd about the values of images that are not all equal.
fn of_values(survey: &Survey) -> Option<Oddity> {
    let count: u64 = survey.histogram.iter().sum();
    let moment = |of: &dyn Fn(f64) -> f64| {
        let terms = survey.histogram.iter().enumerate().map(|(value, &count)| of(value as f64) * count as f64);
        terms.sum::<f64>() / count.max(1) as f64
    };
    let mean = moment(&|value| value);
    let deviation = moment(&|value| (value - mean) * (value - mean)).sqrt();
    let values = survey.histogram.iter().filter(|&&count| count > 0).count();
    let [least, most] = survey.range();
    if mean < DARK || most <= DIM {
        return Some(Oddity::Dark { mean, most });
    }
    if mean > 255.0 - DARK || least >= 255 - DIM {
        return Some(Oddity::Bright { mean, least });
    }
    if deviation < FLAT {
        return Some(Oddity::Flat { deviation, mean });
    }
    ((3..=FEW).contains(&values)).then_some(Oddity::FewValues { values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    const SHAPE: ImageShape = ImageShape { height: 8, width: 8, channels: 1 };

    /// Images of these values, in turn and shifted from image to image.
    fn images(count: usize, values: &[u8]) -> Dataset {
        let pixels = (0..count * 64).map(|i| values[(i + i / 64 * (1 + i / 640)) % values.len()]).collect();
        Dataset::new(SHAPE, pixels, None).unwrap()
    }

    fn said(splits: &Splits) -> Vec<String> {
        splits.oddities().unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn usual_images_are_not_odd() {
        let shades: Vec<u8> = (0..=250).collect();
        assert_eq!(said(&images(10, &shades).into()), [""; 0]);
    }

    #[test]
    fn values_that_show_nothing_are_odd() {
        let shade = |around: u8| -> Vec<u8> { (0..11).map(|i| around + i % 2).collect() };
        for (values, expected) in [
            (shade(0), "next to black"),
            (vec![0, 50, 63, 20], "next to black: values of 0 to 255 have a mean of 33.25, and none is above 63"),
            (shade(254), "next to white"),
            (vec![192, 255, 200, 240, 230, 210, 199], "next to white"),
            (shade(100), "next to one shade"),
            (vec![0, 0, 120, 240, 240, 60, 0], "only 4 different values"),
        ] {
            let said = said(&images(7, &values).into());
            assert!(said[0].contains(expected), "{values:?}: {said:?}");
        }
        assert_eq!(said(&images(7, &[200]).into()), ["all training images are equal"]);
        let white = said(&images(7, &[255]).into());
        assert!(white.len() == 2 && white[1].contains("next to white"), "{white:?}");
    }

    #[test]
    fn copies_are_counted_within_and_between_parts() {
        let shades: Vec<u8> = (0..=250).collect();
        let set = images(10, &shades);
        let twice = [set.gather(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], &mut Vec::new()).unwrap().pixels, &[7; 128]].concat();
        let train = Dataset::new(SHAPE, [twice.clone(), vec![7; 64]].concat(), None).unwrap();
        let test = Dataset::new(SHAPE, [&twice[..3 * 64], &[9; 64]].concat(), None).unwrap();
        let splits = Splits { test: Some(test), ..train.into() };
        assert_eq!(
            said(&splits),
            [
                "2 of 13 training images are copies of others",
                "3 of 4 images of the test set are in the training set too: the loss on them says little"
            ]
        );
    }

    #[test]
    fn classes_without_training_images_are_named() {
        let shades: Vec<u8> = (0..=250).collect();
        let names = || ["owl", "cat", "dog"].map(str::to_owned).to_vec();
        let with = |set: Dataset, labels: Vec<u16>| {
            let pixels = set.gather(&[0, 1], &mut Vec::new()).unwrap().pixels.to_vec();
            Dataset::new(SHAPE, pixels, Some(labels)).unwrap().with_classes(names()).unwrap()
        };
        let test = with(images(2, &[9, 8, 90, 3, 200, 7, 6, 5, 4, 1]), vec![1, 2]);
        let splits = Splits { test: Some(test), ..with(images(2, &shades), vec![1, 0]).into() };
        assert_eq!(said(&splits), ["there are no training images of the classes dog"]);
    }

    #[test]
    fn classes_whose_names_say_something_else_are_odd() {
        let with = |names: [&str; 2], labels: [u16; 2]| -> Splits {
            let set = images(2, &(0..=250).collect::<Vec<u8>>());
            let pixels = set.gather(&[0, 1], &mut Vec::new()).unwrap().pixels.to_vec();
            let set = Dataset::new(SHAPE, pixels, Some(labels.to_vec())).unwrap();
            set.with_classes(names.map(str::to_owned).to_vec()).unwrap().into()
        };
        assert_eq!(
            said(&with(["raw/test/cat", "raw/train/cat"], [0, 1])),
            [
                "all images are trained on, though the classes raw/train/cat and raw/test/cat are called as parts of a data set are"
            ]
        );
        assert_eq!(said(&with(["raw/test/cat", "raw/train/cat"], [1, 1])), [""; 0]);
        assert_eq!(said(&with(["Cat", "cat"], [0, 1])), ["names of different classes look alike: 'Cat' and 'cat'"]);
    }
}
