//! What all images of a file become: which numbers are black and white, how they are held, and in which shape.

use std::path::Path;

use super::archive::key;
use super::images::Images;
use super::{ArrayError, Note};
use crate::dataset::preprocessing::{Channels, Colour, Preparation, Preprocessing, Size};
use crate::dataset::scale::{Scale, Values};
use crate::dataset::{DataOptions, DatasetError, Depth, Frames, ImageShape, RangeOption, ValueRange};

/// What numbers become.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Form {
    /// Of the images.
    pub(super) shape: ImageShape,
    pub(super) depth: Depth,
    /// The numbers that become black and white.
    pub(super) range: ValueRange,
    /// Size, channels and how images are brought to these.
    pub(super) preparation: Preparation,
    /// What later data must be told.
    pub(super) preprocessing: Preprocessing,
}

impl Form {
    /// Bytes of an image.
    pub(super) fn image_bytes(&self) -> usize {
        self.shape.len() * self.depth.bytes()
    }

    /// Whether the numbers of an array are held as they are stored.
    pub(super) fn is_as_stored(&self, images: &Images) -> bool {
        let is_same = self.range == ValueRange::BYTES && self.depth == Depth::Eight;
        is_same && images.header.element.is_byte() && images.shape == self.shape && images.is_in_order()
    }
}

/// What arrays with such numbers become, the first of them the training images, by what is asked for and else by what they
/// are.
pub(super) fn choose(
    parts: &[(&Images, Values)],
    options: &DataOptions,
    path: &Path,
    notes: &mut Vec<Note>,
) -> Result<Form, DatasetError> {
    let all = parts.iter().fold(Values::NONE, |all, part| all.with(part.1));
    let Chosen { range, kept, note } = range(parts, &all, options.range, path)?;
    notes.extend(note);
    let preparation = preparation(parts, options, kept, path)?;
    let shape = preparation.shape();
    for (images, _) in parts {
        let Images { shape: from, .. } = **images;
        let is_like = from.width * shape.height == from.height * shape.width;
        let brought = (from != shape).then_some(Note::Brought { from, to: shape });
        let cropped = (options.fit.is_none() && !is_like).then_some(Note::Cropped);
        let new: Vec<Note> = brought.into_iter().chain(cropped).filter(|note| !notes.contains(note)).collect();
        notes.extend(new);
    }
    let DataOptions { size, channels, fit, background, range: asked, .. } = options;
    let is_asked = size.is_some() || channels.is_some() || fit.is_some() || background.is_some() || asked.is_some();
    let preprocessing =
        if is_asked || kept.is_some() { Preprocessing::Pictures(preparation) } else { Preprocessing::UnitScale };
    Ok(Form { shape, depth: all.depth(range), range, preparation, preprocessing })
}

/// Which numbers become black and white.
struct Chosen {
    range: ValueRange,
    /// The same where later data must be told: it was asked for, or it is none that their own numbers show.
    kept: Option<ValueRange>,
    note: Option<Note>,
}

fn range(
    parts: &[(&Images, Values)],
    all: &Values,
    asked: Option<RangeOption>,
    path: &Path,
) -> Result<Chosen, ArrayError> {
    let are_bytes = parts.iter().all(|(images, _)| images.header.element.is_byte());
    let without_effect = match asked {
        Some(RangeOption::Given(range)) if are_bytes && range.high() > ValueRange::BYTES.high() => Some(range),
        Some(RangeOption::Given(range)) => return Ok(Chosen { range, kept: Some(range), note: None }),
        Some(RangeOption::Auto) => {
            let range = all.range();
            return Ok(Chosen { range, kept: Some(range), note: Some(Note::range(range, all)) });
        }
        None => None,
    };
    let scale = scale(parts, path)?;
    let range = scale.range(all);
    if without_effect.is_some() {
        return Ok(Chosen { range, kept: without_effect, note: Some(Note::NoRange) });
    }
    let note = match scale {
        Scale::Zeros => None,
        Scale::Mask => Some(Note::Mask),
        Scale::Bytes if all.is_whole => None,
        _ => Some(Note::range(range, all)),
    };
    let is_usual = [ValueRange::BYTES, ValueRange::UNIT].contains(&range);
    Ok(Chosen { range, kept: (!is_usual).then_some(range), note })
}

/// The scale that all arrays have.
fn scale(parts: &[(&Images, Values)], path: &Path) -> Result<Scale, ArrayError> {
    let mut all: Option<(Scale, &str)> = None;
    for (images, values) in parts {
        let scale = Scale::of(values);
        let Some((before, array)) = all else {
            all = Some((scale, &images.name));
            continue;
        };
        let Some(together) = before.with(scale) else {
            return Err(ArrayError::Scales {
                path: path.to_owned(),
                arrays: Box::new([array, &images.name].map(str::to_owned)),
                found: Box::new([before.name(), scale.name()]),
            });
        };
        all = Some((together, if before == Scale::Zeros { &images.name } else { array }));
    }
    Ok(all.map_or(Scale::Zeros, |(scale, _)| scale))
}

/// The size and channels of all images.
fn preparation(
    parts: &[(&Images, Values)],
    options: &DataOptions,
    range: Option<ValueRange>,
    path: &Path,
) -> Result<Preparation, DatasetError> {
    let mut first: Option<Preparation> = None;
    for (images, _) in parts {
        let ImageShape { height, width, channels } = images.shape;
        let own = Channels::of(channels).ok_or(DatasetError::InvalidShape { shape: images.shape })?;
        let made = Preparation {
            size: options.size.unwrap_or(Size { width, height }),
            channels: options.channels.unwrap_or(own),
            fit: options.fit.unwrap_or_default(),
            background: options.background.unwrap_or(Colour::WHITE),
            range,
            frames: Frames::First,
        };
        let are_colours = [own, made.channels].iter().all(|channels| Channels::OF_PICTURES.contains(channels));
        if own != made.channels && !are_colours {
            let asked = made.channels;
            return Err(
                ArrayError::Channels { path: path.to_owned(), array: key(&images.name), channels, asked }.into()
            );
        }
        let first = first.get_or_insert(made);
        if *first != made {
            let (train, other) = (first.shape(), made.shape());
            let (train_path, other_path) = (path.to_owned(), path.to_owned());
            return Err(DatasetError::ShapeMismatch { train_path, train, other_path, other });
        }
    }
    first.ok_or(DatasetError::NoImages)
}
