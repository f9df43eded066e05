//! What the elements of an array are, and the numbers that their bytes stand for.

/// The longest text that an element may be.
const MAX_TEXT: usize = 1 << 12;

/// Kinds of elements.
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

/// What an element of an array is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Element {
    pub(super) kind: Kind,
    /// Its bytes.
    pub(super) size: usize,
    pub(super) is_big_endian: bool,
}

impl Element {
    /// What a name of `NumPy` says, such as `<f4`; none if its elements are not read.
    pub(super) fn named(name: &str) -> Option<Self> {
        let is_big_endian = name.starts_with('>');
        let name = name.strip_prefix(['<', '>', '|', '=']).unwrap_or(name);
        // A header is any bytes: the first character need not be one byte.
        let (letter, size) = name.split_at_checked(1)?;
        let (kind, size) = match (letter, size.parse::<usize>().ok()?) {
            ("u", size @ (1 | 2 | 4 | 8)) | ("b", size @ 1) => (Kind::Unsigned, size),
            ("i", size @ (1 | 2 | 4 | 8)) => (Kind::Signed, size),
            ("f", size @ (2 | 4 | 8)) => (Kind::Float, size),
            ("S", size @ 1..=MAX_TEXT) => (Kind::Text, size),
            ("U", size @ 1..=MAX_TEXT) => (Kind::Words, 4 * size),
            _ => return None,
        };
        Some(Self { kind, size, is_big_endian })
    }

    /// Whether it is a text rather than a number.
    pub(super) fn is_text(self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Words)
    }

    /// Whether it is a byte from 0 to 255.
    pub(super) fn is_byte(self) -> bool {
        self.kind == Kind::Unsigned && self.size == 1
    }

    /// Hands over the number of each element in turn. Those of floating-point types and integers of up to 53 bits are exact.
    pub(super) fn numbers(self, bytes: &[u8], mut see: impl FnMut(f64)) {
        let is_big = self.is_big_endian;
        match (self.kind, self.size) {
            (Kind::Float, 2) => each(bytes, is_big, |bytes| see(half(u16::from_le_bytes(bytes)))),
            (Kind::Float, 4) => each(bytes, is_big, |bytes| see(f64::from(f32::from_le_bytes(bytes)))),
            (Kind::Float, _) => each(bytes, is_big, |bytes| see(f64::from_le_bytes(bytes))),
            (Kind::Signed, 1) => each(bytes, is_big, |bytes| see(f64::from(i8::from_le_bytes(bytes)))),
            (Kind::Signed, 2) => each(bytes, is_big, |bytes| see(f64::from(i16::from_le_bytes(bytes)))),
            (Kind::Signed, 4) => each(bytes, is_big, |bytes| see(f64::from(i32::from_le_bytes(bytes)))),
            (Kind::Signed, _) => each(bytes, is_big, |bytes| see(i64::from_le_bytes(bytes) as f64)),
            (_, 1) => bytes.iter().for_each(|&byte| see(f64::from(byte))),
            (_, 2) => each(bytes, is_big, |bytes| see(f64::from(u16::from_le_bytes(bytes)))),
            (_, 4) => each(bytes, is_big, |bytes| see(f64::from(u32::from_le_bytes(bytes)))),
            _ => each(bytes, is_big, |bytes| see(u64::from_le_bytes(bytes) as f64)),
        }
    }
}

/// Hands over the bytes of each element, the lowest first.
fn each<const N: usize>(bytes: &[u8], is_big_endian: bool, mut take: impl FnMut([u8; N])) {
    for &(mut bytes) in bytes.as_chunks().0 {
        if is_big_endian {
            bytes.reverse();
        }
        take(bytes);
    }
}

/// The number that 16 bits stand for: a sign, 5 bits of exponent and 10 of fraction (IEEE 754, binary16).
fn half(bits: u16) -> f64 {
    /// The least number above 0 is 1 of so many parts of 1.
    const PARTS: f64 = 16_777_216.0;
    let (exponent, fraction) = (u64::from(bits >> 10 & 31), u64::from(bits & 1023));
    let size = match exponent {
        0 => fraction as f64 / PARTS,
        31 if fraction == 0 => f64::INFINITY,
        31 => f64::NAN,
        // Exponents count from 15 below 0, and those of 64 bits from 1023.
        _ => f64::from_bits((exponent + 1023 - 15) << 52 | fraction << 42),
    };
    if bits >> 15 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(name: &str, bytes: &[u8]) -> Vec<f64> {
        let mut numbers = Vec::new();
        Element::named(name).unwrap().numbers(bytes, |number| numbers.push(number));
        numbers
    }

    #[test]
    fn every_type_and_order_of_bytes_gives_its_numbers() {
        for (name, bytes, expected) in [
            ("|u1", &[0, 200][..], &[0.0, 200.0][..]),
            ("|b1", &[0, 1], &[0.0, 1.0]),
            ("|i1", &[255, 5], &[-1.0, 5.0]),
            ("<u2", &[1, 2], &[513.0]),
            (">u2", &[1, 2], &[258.0]),
            ("<i2", &[0, 128], &[-32768.0]),
            (">u4", &[0, 1, 0, 0], &[65536.0]),
            ("<i4", &[254, 255, 255, 255], &[-2.0]),
            ("<u8", &[0, 0, 0, 0, 1, 0, 0, 0], &[4_294_967_296.0]),
            (">i8", &[255; 8], &[-1.0]),
            ("<f4", &[0, 0, 192, 63], &[1.5]),
            (">f8", &[192, 0, 0, 0, 0, 0, 0, 0], &[-2.0]),
            ("<f2", &[0, 60], &[1.0]),
            (">f2", &[192, 0], &[-2.0]),
        ] {
            assert_eq!(numbers(name, bytes), expected, "{name}");
        }
    }

    #[test]
    fn numbers_of_sixteen_bits_are_exact() {
        // The least, the largest that is not normal, the least normal, a third, the largest.
        for (bits, expected) in [
            (0_u16, 0.0),
            (1, 1.0 / 16_777_216.0),
            (0x03ff, 1023.0 / 16_777_216.0),
            (0x0400, 1.0 / 16_384.0),
            (0x3555, 0.333_251_953_125),
            (0x7bff, 65504.0),
            (0xfbff, -65504.0),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), expected, "{bits:x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
