//! An array that is in memory as a whole: labels.

use std::io::Read;

use super::element::{Element, Kind};
use super::stream::Stream;

/// The most bytes that it may have: what a compressed file unpacks to is not known before.
const MAX_BYTES: u64 = 16 << 30;

/// An array in memory.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Array {
    element: Element,
    pub(crate) shape: Vec<usize>,
    /// In C order.
    bytes: Vec<u8>,
}

impl Array {
    /// Reads the numbers or texts of an array, which must end with the reader; the error says what is wrong.
    pub(super) fn read(mut stream: Stream<impl Read>) -> Result<Self, String> {
        let header = stream.header.clone();
        if header.bytes > MAX_BYTES {
            return Err(format!("{:?} numbers are more than {} GiB", header.shape, MAX_BYTES >> 30));
        }
        let mut bytes = Vec::new();
        stream.next(header.bytes as usize, &mut bytes)?;
        stream.end()?;
        if header.is_fortran {
            bytes = in_c_order(&bytes, header.element.size, &header.shape);
        }
        Ok(Self { element: header.element, shape: header.shape, bytes })
    }

    /// Whether its elements are texts.
    pub(crate) fn is_text(&self) -> bool {
        self.element.is_text()
    }

    /// Texts, if that is what its elements are; or what is wrong with one.
    pub(crate) fn words(&self) -> Option<Result<Vec<String>, &'static str>> {
        const WRONG: &str = "its texts are no Unicode";
        if !self.element.is_text() {
            return None;
        }
        let text = |bytes: &[u8]| -> Result<String, &'static str> {
            let text = if self.element.kind == Kind::Text {
                String::from_utf8(bytes.to_vec()).map_err(|_| WRONG)?
            } else {
                let number = |bytes: &[u8; 4]| {
                    char::from_u32(if self.element.is_big_endian {
                        u32::from_be_bytes(*bytes)
                    } else {
                        u32::from_le_bytes(*bytes)
                    })
                };
                bytes.as_chunks().0.iter().map(number).collect::<Option<String>>().ok_or(WRONG)?
            };
            // Shorter ones are filled up.
            Ok(text.trim_end_matches('\0').to_owned())
        };
        Some(self.bytes.chunks_exact(self.element.size).map(text).collect())
    }

    /// The numbers as `f64`, in C order.
    pub(crate) fn floats(&self) -> Vec<f64> {
        let mut floats = Vec::with_capacity(self.bytes.len() / self.element.size);
        self.element.numbers(&self.bytes, |number| floats.push(number));
        floats
    }

    /// The numbers as integers, in C order; none if they are none.
    pub(crate) fn integers(&self) -> Option<Vec<i128>> {
        let Element { kind, size, is_big_endian } = self.element;
        let unused = 64 - 8 * u32::try_from(size).ok().filter(|size| *size <= 8)?;
        let bits = |bytes: &[u8]| {
            let join = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
            if is_big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) }
        };
        let bits = self.bytes.chunks_exact(size).map(bits);
        match kind {
            Kind::Unsigned => Some(bits.map(i128::from).collect()),
            Kind::Signed => Some(bits.map(|bits| i128::from((bits << unused) as i64 >> unused)).collect()),
            _ => None,
        }
    }
}

/// The 32-bit floats of an array that must have this shape, row-major, and end with the reader; the error says what is there
/// instead. Its numbers are read only if it has.
#[cfg(feature = "exchange")]
pub(crate) fn floats(reader: impl Read, shape: &[usize]) -> Result<Vec<f32>, String> {
    let stream = Stream::open(reader).map_err(|reason| format!("cannot be read: {reason}"))?;
    let header = &stream.header;
    let Element { kind, size, .. } = header.element;
    if kind != Kind::Float || size != 4 {
        return Err(format!("is of {kind:?} elements of {size} bytes").to_lowercase());
    }
    if header.shape != shape {
        return Err(format!("is {:?}", header.shape));
    }
    let array = Array::read(stream).map_err(|reason| format!("cannot be read: {reason}"))?;
    Ok(array.floats().into_iter().map(|number| number as f32).collect())
}

/// Numbers that lie with the first index fastest, brought to where the last is.
fn in_c_order(bytes: &[u8], size: usize, shape: &[usize]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..bytes.len() / size {
        let place = index.iter().zip(shape).rev().fold(0, |place, (&index, &side)| place * side + index);
        out.extend_from_slice(&bytes[place * size..][..size]);
        for (index, &side) in index.iter_mut().zip(shape).rev() {
            *index += 1;
            if *index < side {
                break;
            }
            *index = 0;
        }
    }
    out
}
