//! The first pass over an array of images: what its numbers are like.

use rayon::prelude::*;

use super::ArrayError;
use super::archive::{Arrays, key, unreadable};
use super::element::Element;
use super::images::Images;
use super::work::Work;
use crate::dataset::DatasetError;
use crate::dataset::scale::Values;

/// Bytes that are read at a time: a whole number of elements.
const BLOCK: usize = 1 << 23;
/// Bytes that a thread looks at at a time: a whole number of elements.
const PART: usize = 1 << 16;

/// What all numbers are like, which are finite and as many as the header says.
pub(super) fn measure(arrays: &mut Arrays<'_>, images: &Images, work: &Work<'_>) -> Result<Values, DatasetError> {
    let path = arrays.path;
    let wrong = |reason| unreadable(path, &images.name, reason);
    let element = images.header.element;
    let mut stream = arrays.stream(&images.name)?;
    let (mut all, mut block) = (Values::NONE, Vec::new());
    loop {
        stream.next(BLOCK, &mut block).map_err(wrong)?;
        if block.is_empty() {
            break;
        }
        let parts = block.par_chunks(PART).enumerate();
        let values = parts.map(|(part, bytes)| {
            of_part(element, bytes).map_err(|(place, value)| (part * (PART / element.size) + place, value))
        });
        // Parts keep their order: the error is that of the first.
        let values: Vec<Result<Values, (usize, f64)>> = values.collect();
        let before = all.count;
        for values in values {
            let values = values.map_err(|(place, value)| {
                let place = before as usize + place;
                let image = if images.header.is_fortran { place % images.count } else { place / images.shape.len() };
                ArrayError::NotFinite { path: path.to_owned(), array: key(&images.name), image, value }
            })?;
            all = all.with(values);
        }
        work.reach((all.count / images.shape.len() as u64) as usize);
    }
    stream.end().map_err(wrong)?;
    work.end(images.count);
    Ok(all)
}

/// What some numbers are like; or which is the first that is not finite, and where.
fn of_part(element: Element, bytes: &[u8]) -> Result<Values, (usize, f64)> {
    let mut values = Values::NONE;
    if element.is_byte() {
        let mut is_there = [false; 256];
        for &byte in bytes {
            is_there[usize::from(byte)] = true;
        }
        let seen = is_there.iter().zip(0_u8..=255).filter(|(is_there, _)| **is_there);
        seen.for_each(|(_, byte)| values.see(f64::from(byte)));
        values.count = bytes.len() as u64;
        return Ok(values);
    }
    let (mut place, mut wrong) = (0, None);
    element.numbers(bytes, |number| {
        if number.is_finite() {
            values.see(number);
        } else if wrong.is_none() {
            wrong = Some((place, number));
        }
        place += 1;
    });
    wrong.map_or(Ok(values), Err)
}
