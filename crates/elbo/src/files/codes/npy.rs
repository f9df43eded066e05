//! The means alone, as an array of `NumPy`.

use super::write::{Head, Sink};
use super::{Codes, ReadCodes};
use crate::dataset::numpy::read_array;
use crate::files::npy;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};

pub(super) struct Writer<'a> {
    file: BufWriter<&'a mut File>,
    /// Codes that are still to come.
    left: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(head: &Head, file: &'a mut File) -> io::Result<Self> {
        let mut file = BufWriter::new(file);
        file.write_all(&npy::header("<f4", &[head.images, head.layout.latent_dim]))?;
        Ok(Self { file, left: head.images })
    }
}

impl Sink for Writer<'_> {
    fn put(&mut self, codes: &Codes) -> io::Result<()> {
        self.left = self.left.checked_sub(codes.len()).ok_or_else(|| io::Error::other("more codes than announced"))?;
        codes.means.iter().try_for_each(|value| self.file.write_all(&value.to_le_bytes()))
    }

    fn end(mut self: Box<Self>) -> io::Result<()> {
        if self.left > 0 {
            return Err(io::Error::other("fewer codes than announced"));
        }
        self.file.flush()
    }
}

pub(super) fn read(reader: impl Read) -> Result<ReadCodes, String> {
    let mut read = ReadCodes::default();
    let (shape, values) = floats(reader, &mut read.is_rounded)?;
    (read.codes.latent_dim, read.codes.means) = (width(&shape)?, values);
    Ok(read)
}

/// The numbers of a code, of an array of codes `[N, Z]` or of one, `[Z]`.
pub(super) fn width(shape: &[usize]) -> Result<usize, String> {
    match *shape {
        [dim] | [_, dim] if dim > 0 => Ok(dim),
        _ => Err(format!("an array of the shape {shape:?}, and codes are [N, Z]")),
    }
}

/// The shape and the numbers of an array, as 32-bit floats, and whether they were others.
pub(super) fn floats(reader: impl Read, is_rounded: &mut bool) -> Result<(Vec<usize>, Vec<f32>), String> {
    let array = read_array(reader)?;
    if array.is_text() {
        return Err("an array of texts, and codes are numbers".to_owned());
    }
    let numbers = array.floats();
    let mut values = Vec::with_capacity(numbers.len());
    for number in numbers {
        let value = number as f32;
        *is_rounded |= number.is_finite() && f64::from(value) != number;
        values.push(value);
    }
    Ok((array.shape, values))
}
