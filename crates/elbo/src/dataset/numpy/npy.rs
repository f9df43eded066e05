//! One array as `NumPy` stores it: a header in the syntax of Python, then the numbers.
//!
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::io::Read;

/// How files with an array begin.
pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The longest header that is taken for sense.
const MAX_HEADER: u64 = 1 << 16;
/// The most bytes that an array may have: what a compressed file unpacks to is not known before.
const MAX_BYTES: u64 = 16 << 30;

/// The longest text that an element may be.
const MAX_TEXT: usize = 1 << 12;

/// What the elements of an array are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Unsigned,
    Signed,
    Float,
    /// Bytes of text.
    Text,
    /// Characters of four bytes.
    Words,
}

/// An array in memory.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Array {
    pub(super) kind: Kind,
    /// Bytes of a number.
    size: usize,
    is_big_endian: bool,
    pub(super) shape: Vec<usize>,
    /// In C order.
    bytes: Vec<u8>,
}

impl Array {
    /// Reads an array, which must end with the reader, of which `known` bytes are known to be there; the error says what is
    /// wrong.
    pub(super) fn read(mut reader: impl Read, known: u64) -> Result<Self, String> {
        let mut start = Vec::with_capacity(8);
        take(&mut reader, 8, &mut start)?;
        if !start.starts_with(MAGIC) || start.len() < 8 {
            return Err("not an array of NumPy".to_owned());
        }
        let digits = match start[6] {
            1 => 2,
            2 | 3 => 4,
            version => return Err(format!("version {version} of the format is not known")),
        };
        let mut length = Vec::with_capacity(4);
        take(&mut reader, digits, &mut length)?;
        let length = length.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
        if length > MAX_HEADER {
            return Err(format!("a header of {length} bytes"));
        }
        let mut header = Vec::new();
        take(&mut reader, length, &mut header)?;
        if (header.len() as u64) < length {
            return Err("the file ends within its header".to_owned());
        }
        let header = String::from_utf8_lossy(&header);
        let (kind, size, is_big_endian) = number_type(&header)?;
        let is_fortran = match value(&header, "fortran_order") {
            Some(value) if value.starts_with("True") => true,
            Some(value) if value.starts_with("False") => false,
            _ => return Err("the header does not say the order".to_owned()),
        };
        let shape = shape(&header).ok_or("the header does not say the shape")?;
        let count = shape.iter().try_fold(1_u64, |count, &side| count.checked_mul(side as u64));
        let expected = count.and_then(|count| count.checked_mul(size as u64)).filter(|&bytes| bytes <= MAX_BYTES);
        let expected = expected.ok_or_else(|| format!("{shape:?} numbers are more than {} GiB", MAX_BYTES >> 30))?;
        // The vector grows with what is there, whatever the header says; one byte more shows the end.
        let mut bytes = Vec::with_capacity(expected.min(known) as usize);
        take(&mut reader, expected + 1, &mut bytes)?;
        if bytes.len() as u64 != expected {
            let found = if bytes.len() as u64 > expected { "more".to_owned() } else { bytes.len().to_string() };
            return Err(format!("the header announces {expected} bytes ({shape:?}), {found} follow it"));
        }
        if is_fortran {
            bytes = in_c_order(&bytes, size, &shape);
        }
        Ok(Self { kind, size, is_big_endian, shape, bytes })
    }

    /// The numbers as bytes, if that is what they are.
    pub(super) fn as_bytes(&self) -> Option<&[u8]> {
        (self.kind == Kind::Unsigned && self.size == 1).then_some(&*self.bytes)
    }

    /// The same, of which nothing else is kept; or the array.
    pub(super) fn into_bytes(self) -> Result<Vec<u8>, Self> {
        if self.as_bytes().is_some() { Ok(self.bytes) } else { Err(self) }
    }

    /// Texts, if that is what its elements are; or what is wrong with one.
    pub(super) fn words(&self) -> Option<Result<Vec<String>, &'static str>> {
        const WRONG: &str = "its texts are no Unicode";
        if !matches!(self.kind, Kind::Text | Kind::Words) {
            return None;
        }
        let text = |bytes: &[u8]| -> Result<String, &'static str> {
            let text = if self.kind == Kind::Text {
                String::from_utf8(bytes.to_vec()).map_err(|_| WRONG)?
            } else {
                let number = |bytes: [u8; 4]| {
                    char::from_u32(if self.is_big_endian {
                        u32::from_be_bytes(bytes)
                    } else {
                        u32::from_le_bytes(bytes)
                    })
                };
                let characters = bytes.chunks_exact(4).map(|four| number([four[0], four[1], four[2], four[3]]));
                characters.collect::<Option<String>>().ok_or(WRONG)?
            };
            // Shorter ones are filled up.
            Ok(text.trim_end_matches('\0').to_owned())
        };
        Some(self.bytes.chunks_exact(self.size).map(text).collect())
    }

    /// The numbers as `f64`, in C order. Those of floating-point types are exact.
    pub(super) fn floats(&self) -> impl Iterator<Item = f64> {
        self.little_endian().map(|bits| match (self.kind, self.size) {
            (Kind::Float, 4) => f64::from(f32::from_bits(bits as u32)),
            (Kind::Float, _) => f64::from_bits(bits),
            _ => self.signed(bits) as f64,
        })
    }

    /// The numbers as integers, in C order; none if they are none.
    pub(super) fn integers(&self) -> Option<Vec<i128>> {
        matches!(self.kind, Kind::Unsigned | Kind::Signed)
            .then(|| self.little_endian().map(|bits| self.signed(bits)).collect())
    }

    fn signed(&self, bits: u64) -> i128 {
        let unused = 64 - 8 * self.size as u32;
        match self.kind {
            Kind::Signed => i128::from((bits << unused) as i64 >> unused),
            _ => i128::from(bits),
        }
    }

    /// The bits of each number.
    fn little_endian(&self) -> impl Iterator<Item = u64> {
        self.bytes.chunks_exact(self.size).map(|bytes| {
            let join = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
            if self.is_big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) }
        })
    }
}

/// Reads up to `count` bytes, as many as there are.
fn take(reader: &mut impl Read, count: u64, bytes: &mut Vec<u8>) -> Result<(), String> {
    reader.take(count).read_to_end(bytes).map(drop).map_err(|error| error.to_string())
}

/// What follows a key of the header.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let quoted = |quote: char| header.split_once(&format!("{quote}{key}{quote}"));
    let (_, rest) = quoted('\'').or_else(|| quoted('"'))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

/// Kind, bytes and byte order of the numbers.
fn number_type(header: &str) -> Result<(Kind, usize, bool), String> {
    let text = value(header, "descr").ok_or("the header does not say what the numbers are")?;
    let quoted = ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.split(quote).next());
    let Some(name) = quoted else {
        return Err("its elements are no numbers but structures".to_owned());
    };
    let is_big_endian = name.starts_with('>');
    let name = name.strip_prefix(['<', '>', '|', '=']).unwrap_or(name);
    // A header is any bytes: the first character need not be one byte.
    let parts = name.split_at_checked(1).and_then(|(letter, size)| Some((letter, size.parse::<usize>().ok()?)));
    let (kind, size) = match parts {
        Some(("u", size @ (1 | 2 | 4 | 8)) | ("b", size @ 1)) => (Kind::Unsigned, size),
        Some(("i", size @ (1 | 2 | 4 | 8))) => (Kind::Signed, size),
        Some(("f", size @ (4 | 8))) => (Kind::Float, size),
        Some(("S", size @ 1..=MAX_TEXT)) => (Kind::Text, size),
        Some(("U", size @ 1..=MAX_TEXT)) => (Kind::Words, 4 * size),
        _ => {
            return Err(format!(
                "elements of type '{name}'; integers and floating-point numbers are read, and words as labels"
            ));
        }
    };
    Ok((kind, size, is_big_endian))
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let text = value(header, "shape")?.strip_prefix('(')?;
    let (sides, _) = text.split_once(')')?;
    sides.split(',').map(str::trim).filter(|side| !side.is_empty()).map(|side| side.parse().ok()).collect()
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
