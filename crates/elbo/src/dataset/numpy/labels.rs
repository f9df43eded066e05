//! Labels in arrays: numbers, whole numbers as floats, words, or one column for each class.

use super::archive::Arrays;
use super::array::Array;
use super::images::Images;
use super::{ArrayError, Note};
use crate::dataset::DatasetError;

/// The class of an image, as an array has it. Numbers come before words.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Label {
    Number(i128),
    Word(String),
}

impl Label {
    /// The name of the class.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Word(word) => word.clone(),
        }
    }
}

/// The labels of images, in the first of these arrays that is there. What is not one class for each image is left out, which
/// a note says.
///
/// # Errors
/// If there are not as many as images: one of the two belongs to another set.
pub(super) fn labels(
    arrays: &mut Arrays<'_>,
    names: &[&str],
    images: &Images,
    notes: &mut Vec<Note>,
) -> Result<Option<Vec<Label>>, DatasetError> {
    let Some(name) = arrays.find(names) else { return Ok(None) };
    let left_out = |reason: String| Note::NoClasses { array: name.clone(), reason };
    let array = match arrays.array(&name) {
        Ok(array) => array,
        Err(DatasetError::Array(ArrayError::Unreadable { reason, .. })) => {
            notes.push(left_out(reason));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let count = array.shape.first().copied().unwrap_or(0);
    if count != images.count {
        return Err(ArrayError::CountMismatch {
            path: arrays.path.to_owned(),
            images_array: images.name.clone(),
            images: images.count,
            labels_array: name,
            labels: count,
        }
        .into());
    }
    Ok(match classes(&array) {
        Ok(labels) => Some(labels),
        Err(reason) => {
            notes.push(left_out(reason.to_owned()));
            None
        }
    })
}

/// The class of each row, or why there is none.
fn classes(array: &Array) -> Result<Vec<Label>, &'static str> {
    match *array.shape {
        [_] | [_, 1] => {
            if let Some(words) = array.words() {
                return Ok(words?.into_iter().map(Label::Word).collect());
            }
            let numbers = array.integers().or_else(|| whole(array)).ok_or("its numbers have fractions")?;
            Ok(numbers.into_iter().map(Label::Number).collect())
        }
        [_, columns] if array.words().is_none() => one_hot(array, columns).ok_or("not one class for each image"),
        _ => Err("not one class for each image"),
    }
}

/// Floats that are whole numbers.
fn whole(array: &Array) -> Option<Vec<i128>> {
    // All integers up to this are floats of 64 bits.
    const MOST: f64 = 9e15;
    array
        .floats()
        .into_iter()
        .map(|value| (value.fract() == 0.0 && value.abs() <= MOST).then_some(value as i128))
        .collect()
}

/// Rows of zeros with a single one, whose column is the class.
fn one_hot(array: &Array, columns: usize) -> Option<Vec<Label>> {
    let values = array.floats();
    let class = |row: &[f64]| {
        let ones: Vec<usize> = (0..columns).filter(|&column| row[column] == 1.0).collect();
        let is_one = ones.len() == 1 && row.iter().filter(|&&value| value == 0.0).count() == columns - 1;
        is_one.then(|| Label::Number(ones[0] as i128))
    };
    values.chunks_exact(columns.max(1)).map(class).collect()
}
