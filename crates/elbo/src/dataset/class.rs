//! Classes of a conditional model: which there are, and what an argument or a data set means by them.

use crate::dataset::Dataset;
use std::borrow::Cow;

/// Classes are not what a model needs.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassError {
    /// A conditional model needs the class of each image.
    #[error("a conditional model needs the class of each image, and the images have no labels")]
    NoLabels,
    /// There is no such class.
    #[error("there is no class '{found}': the model knows {}", listed(classes))]
    Unknown {
        /// What was asked for, or stands in the labels.
        found: String,
        /// The names of those that the model knows.
        classes: Vec<String>,
    },
    /// The model is not conditional.
    #[error("the model was not trained with classes, and makes no image of a class")]
    NotConditional,
    /// There is not one class for each latent vector.
    #[error("the model tells {known} classes apart and needs one for each of {latents} latent vectors, not {classes}")]
    Count {
        /// How many the model knows.
        known: usize,
        /// How many latent vectors.
        latents: usize,
        /// How many classes were given.
        classes: usize,
    },
    /// There is not one name for each class of a network.
    #[error("{names} names of classes for a network that tells {classes} apart")]
    Names {
        /// How many it tells apart.
        classes: usize,
        /// How many names there are.
        names: usize,
    },
}

/// How many classes a message names.
const LISTED: usize = 12;

/// The first of some names, and how many more there are.
pub(super) fn listed(classes: &[String]) -> String {
    let more = classes.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", classes[..classes.len().min(LISTED)].join(", "))
}

/// The number of the class that a text means, by its name or its number, of a model that knows these; one that is not
/// conditional knows none.
pub(crate) fn resolve_class(text: &str, classes: &[String]) -> Result<u16, ClassError> {
    if classes.is_empty() {
        return Err(ClassError::NotConditional);
    }
    let named = classes.iter().position(|name| name == text);
    let numbered = || text.trim().parse::<usize>().ok().filter(|&number| number < classes.len());
    let number = named.or_else(numbered).and_then(|number| u16::try_from(number).ok());
    number.ok_or_else(|| ClassError::Unknown { found: text.to_owned(), classes: classes.to_vec() })
}

/// The names of the classes that a conditional model of a data set tells apart.
///
/// # Errors
/// If it has no labels.
pub(crate) fn classes_of(dataset: &Dataset) -> Result<Vec<String>, ClassError> {
    if dataset.labels().is_none() { Err(ClassError::NoLabels) } else { Ok(dataset.classes().to_vec()) }
}

/// Checks that each image of a data set has a class that a model of these classes knows, and by the same name; a model
/// that is not conditional takes any image.
pub(crate) fn check_labels(dataset: &Dataset, classes: &[String]) -> Result<(), ClassError> {
    if classes.is_empty() {
        return Ok(());
    }
    let labels = dataset.labels().ok_or(ClassError::NoLabels)?;
    let names = dataset.classes();
    let is_known = |label: &u16| {
        let label = usize::from(*label);
        label < names.len() && classes.get(label) == Some(&names[label])
    };
    match labels.iter().find(|&label| !is_known(label)) {
        None => Ok(()),
        Some(&label) => {
            let found = names.get(usize::from(label)).cloned().unwrap_or_else(|| label.to_string());
            Err(ClassError::Unknown { found, classes: classes.to_vec() })
        }
    }
}

/// The images with the numbers that a model of these classes has for their classes, found by name; as they are where the
/// numbers are the same, or the model is not conditional.
pub(crate) fn matched<'a>(dataset: &'a Dataset, classes: &[String]) -> Result<Cow<'a, Dataset>, ClassError> {
    if check_labels(dataset, classes).is_ok() {
        return Ok(Cow::Borrowed(dataset));
    }
    let labels = dataset.labels().ok_or(ClassError::NoLabels)?;
    let number = |&label: &u16| {
        let name = &dataset.classes()[usize::from(label)];
        let number = classes.iter().position(|class| class == name).and_then(|number| u16::try_from(number).ok());
        number.ok_or_else(|| ClassError::Unknown { found: name.clone(), classes: classes.to_vec() })
    };
    let labels = labels.iter().map(number).collect::<Result<_, _>>()?;
    Ok(Cow::Owned(dataset.clone().relabelled(labels, classes.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_class_is_a_name_or_a_number() {
        let classes = names(&["cat", "dog", "7", "owl"]);
        for (text, number) in [("cat", 0), ("owl", 3), ("1", 1), ("7", 2)] {
            assert_eq!(resolve_class(text, &classes), Ok(number), "{text}");
        }
        for text in ["4", "-1", "cow", "", "65536", "3.0"] {
            let error = resolve_class(text, &classes).unwrap_err();
            assert!(error.to_string().contains("cat, dog, 7, owl"), "{error}");
            assert_eq!(error, ClassError::Unknown { found: text.to_owned(), classes: classes.clone() });
        }
        assert_eq!(resolve_class("0", &[]), Err(ClassError::NotConditional));
        let many: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        assert!(resolve_class("x", &many).unwrap_err().to_string().ends_with("10, 11 and 28 more"));
    }

    #[test]
    fn labels_must_be_known_by_the_same_names() {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let of = |labels: Option<Vec<u16>>| Dataset::new(shape, vec![0; 3], labels).unwrap();
        let digits = of(Some(vec![1, 3, 0]));
        let known = classes_of(&digits).unwrap();
        assert_eq!(known, names(&["0", "1", "2", "3"]));
        assert_eq!(check_labels(&digits, &known), Ok(()));
        assert!(matches!(check_labels(&digits, &known[..3]), Err(ClassError::Unknown { .. })));
        let named = digits.with_classes(names(&["0", "one", "2", "3"])).unwrap();
        assert!(check_labels(&named, &known).unwrap_err().to_string().contains("'one'"));
        assert_eq!(check_labels(&of(None), &known), Err(ClassError::NoLabels));
        assert_eq!(classes_of(&of(None)), Err(ClassError::NoLabels));
        assert_eq!(check_labels(&of(None), &[]), Ok(()));
    }

    #[test]
    fn classes_are_found_by_their_names() {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let known = names(&["bars", "circles", "dots"]);
        let set = |labels: Vec<u16>, classes: &[&str]| {
            Dataset::new(shape, vec![0; labels.len()], Some(labels)).unwrap().with_classes(names(classes)).unwrap()
        };
        let part = set(vec![0, 1, 1], &["circles", "dots"]);
        let found = matched(&part, &known).unwrap();
        assert_eq!((found.labels(), found.classes()), (Some(&[1, 2, 2][..]), &known[..]));
        assert!(matches!(matched(&set(vec![0], &["bars"]), &known), Ok(Cow::Borrowed(_))));
        let error = matched(&set(vec![0, 1], &["bars", "stars"]), &known).unwrap_err();
        assert_eq!(error.to_string(), "there is no class 'stars': the model knows bars, circles, dots");
    }
}
