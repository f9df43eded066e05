//! Which numbers of pictures with more than 8 bits are black and white.

use std::path::Path;

use rayon::prelude::*;

use super::decode::{self, Stored};
use super::item::{Item, Items};
use super::{Note, PictureError, ValueRange};
use crate::dataset::RangeOption;
use crate::dataset::scale::{Scale, Values};

/// What the parts of a data set are called.
const PARTS: [&str; 3] = ["training", "validation", "test"];

/// How many pictures must be looked at for their range.
pub(super) fn to_measure(items: &Items, asked: Option<RangeOption>) -> usize {
    match asked {
        Some(RangeOption::Given(_)) => 0,
        _ => items.parts.iter().flatten().filter(|item| item.header.is_deep()).count(),
    }
}

/// The range of all pictures with more than 8 bits, as it is asked for or else as their numbers are; none if there is no such
/// picture. With what there is to say about it.
pub(super) fn of(
    items: &Items,
    root: &Path,
    asked: Option<RangeOption>,
    tick: &(dyn Fn() + Sync),
) -> Result<(Option<ValueRange>, Option<Note>), PictureError> {
    let is_deep = |part: &Vec<Item>| part.iter().any(|item| item.header.is_deep());
    if !items.parts.iter().any(is_deep) {
        return Ok((None, asked.map(|_| Note::NoRange)));
    }
    if let Some(RangeOption::Given(range)) = asked {
        return Ok((Some(range), None));
    }
    let mut all = Values::NONE;
    let mut found: Option<(Scale, String)> = None;
    for (part, name) in items.parts.iter().zip(PARTS) {
        // Kinds of numbers may have scales of their own.
        for (stored, kind) in [(Stored::Integers, "integers"), (Stored::FloatingPoint, "floating-point numbers")] {
            let values = part.par_iter().filter(|item| item.header.stored == stored).map(|item| {
                let values = decode::values(item.file, item.inside);
                tick();
                values
            });
            let values = values.reduce(|| Values::NONE, Values::with);
            if values.count == 0 {
                continue;
            }
            all = all.with(values);
            let (scale, called) = (Scale::of(&values), format!("{kind} of the {name} pictures"));
            let Some((before, other)) = &found else {
                found = Some((scale, called));
                continue;
            };
            match before.with(scale) {
                Some(together) => {
                    found = Some((together, if *before == Scale::Zeros { called } else { other.clone() }));
                }
                None if asked == Some(RangeOption::Auto) => {}
                None => {
                    let directory = root.to_owned();
                    let (sets, found) = ([other.clone(), called], [before.name(), scale.name()]);
                    return Err(PictureError::Scales { directory, sets, found });
                }
            }
        }
    }
    let scale = found.map_or(Scale::Zeros, |found| found.0);
    let range = if asked == Some(RangeOption::Auto) { all.range() } else { scale.range(&all) };
    let note = (all.count > 0).then(|| Note::range(range, &all));
    Ok((Some(range), note))
}
