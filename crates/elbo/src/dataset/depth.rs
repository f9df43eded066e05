//! In how many bits values are held.

/// The bits that every value of a data set is held in. What comes in at most 256 levels is held in 8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Depth {
    /// A byte: the network sees `byte / 255`.
    #[default]
    Eight,
    /// Two bytes, the lower one first: the network sees `number / 65535`.
    Sixteen,
}

impl Depth {
    /// The bytes of a value.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Eight => 1,
            Self::Sixteen => 2,
        }
    }

    /// The largest value, which the network sees as 1.
    #[must_use]
    pub const fn most(self) -> u16 {
        match self {
            Self::Eight => 255,
            Self::Sixteen => 65535,
        }
    }

    /// The values held in `bytes`, from 0 to [`most`](Self::most).
    pub(crate) fn values(self, bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
        bytes.chunks_exact(self.bytes()).map(|bytes| match *bytes {
            [low, high] => u16::from_le_bytes([low, high]),
            [byte] => u16::from(byte),
            _ => unreachable!("one or two bytes"),
        })
    }

    /// Appends a number from 0 to 1, to the nearest value.
    pub(crate) fn push(self, number: f64, bytes: &mut Vec<u8>) {
        let end = bytes.len();
        bytes.resize(end + self.bytes(), 0);
        self.write(number, &mut bytes[end..]);
    }

    /// Writes a number from 0 to 1, to the nearest value, over as many bytes as a value has.
    pub(crate) fn write(self, number: f64, bytes: &mut [u8]) {
        let value = (number * f64::from(self.most())).round();
        match self {
            Self::Eight => bytes.copy_from_slice(&[value as u8]),
            Self::Sixteen => bytes.copy_from_slice(&(value as u16).to_le_bytes()),
        }
    }
}

/// By how much 255 times a number may miss a whole number for its being one: single precision misses less, and a step
/// of 16 bits is much more.
const INEXACT: f64 = 1e-4;

/// The depth that holds numbers from 0 to 1 which all pass this test.
pub(crate) fn is_byte(number: f64) -> bool {
    let value = number * 255.0;
    (value - value.round()).abs() <= INEXACT
}
