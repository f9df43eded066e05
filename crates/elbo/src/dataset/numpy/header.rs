//! The header of an array as `NumPy` stores it: a text in the syntax of Python before the numbers.
//!
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::io::Read;

use super::element::Element;

/// How files with an array begin.
pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The longest header that is taken for sense.
const MAX_HEADER: u64 = 1 << 16;

/// What a header says.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Header {
    pub(super) element: Element,
    /// Whether the first index goes fastest, not the last.
    pub(super) is_fortran: bool,
    pub(super) shape: Vec<usize>,
    /// Bytes before the numbers.
    pub(super) start: u64,
    /// Bytes of the numbers.
    pub(super) bytes: u64,
}

impl Header {
    /// Reads a header up to the first number; the error says what is wrong.
    pub(super) fn read(reader: &mut impl Read) -> Result<Self, String> {
        let mut start = Vec::with_capacity(8);
        take(reader, 8, &mut start)?;
        if !start.starts_with(MAGIC) || start.len() < 8 {
            return Err("not an array of NumPy".to_owned());
        }
        let digits = match start[6] {
            1 => 2,
            2 | 3 => 4,
            version => return Err(format!("version {version} of the format is not known")),
        };
        let mut length = Vec::with_capacity(4);
        take(reader, digits, &mut length)?;
        let length = length.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
        if length > MAX_HEADER {
            return Err(format!("a header of {length} bytes"));
        }
        let mut text = Vec::new();
        take(reader, length, &mut text)?;
        if (text.len() as u64) < length {
            return Err("the file ends within its header".to_owned());
        }
        let text = String::from_utf8_lossy(&text);
        let element = element(&text)?;
        let is_fortran = match value(&text, "fortran_order") {
            Some(value) if value.starts_with("True") => true,
            Some(value) if value.starts_with("False") => false,
            _ => return Err("the header does not say the order".to_owned()),
        };
        let shape = shape(&text).ok_or("the header does not say the shape")?;
        let bytes = shape.iter().try_fold(element.size as u64, |bytes, &side| bytes.checked_mul(side as u64));
        let bytes = bytes.ok_or_else(|| format!("{shape:?} numbers are more than a file can hold"))?;
        Ok(Self { element, is_fortran, shape, start: 8 + digits + length, bytes })
    }
}

/// Reads up to `count` bytes, as many as there are; the vector grows with these.
pub(super) fn take(reader: &mut impl Read, count: u64, bytes: &mut Vec<u8>) -> Result<(), String> {
    reader.take(count).read_to_end(bytes).map(drop).map_err(|error| error.to_string())
}

/// What follows a key of the header.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let quoted = |quote: char| header.split_once(&format!("{quote}{key}{quote}"));
    let (_, rest) = quoted('\'').or_else(|| quoted('"'))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn element(header: &str) -> Result<Element, String> {
    let text = value(header, "descr").ok_or("the header does not say what the numbers are")?;
    let quoted = ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.split(quote).next());
    let name = quoted.ok_or("its elements are no numbers but structures")?;
    Element::named(name).ok_or_else(|| {
        let name = name.strip_prefix(['<', '>', '|', '=']).unwrap_or(name);
        if name == "O" {
            return "its elements are objects of Python; images must be of one size, saved as np.stack(images)"
                .to_owned();
        }
        format!("elements of type '{name}'; integers and floating-point numbers are read, and words as labels")
    })
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let text = value(header, "shape")?.strip_prefix('(')?;
    let (sides, _) = text.split_once(')')?;
    sides.split(',').map(str::trim).filter(|side| !side.is_empty()).map(|side| side.parse().ok()).collect()
}
