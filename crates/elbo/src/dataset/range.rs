//! Which values of files become black and white.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::OptionError;
use super::preprocessing::as_text;

/// The value that becomes 0 and the one that becomes 1, the first smaller than the second and both finite; as text
/// `0:4095`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ValueRange {
    low: f64,
    high: f64,
}

/// Both ends are finite.
impl Eq for ValueRange {}

impl ValueRange {
    /// What bytes are.
    pub const BYTES: Self = Self { low: 0.0, high: 255.0 };
    /// What numbers of 16 bits are, where all are used.
    pub const SIXTEEN: Self = Self { low: 0.0, high: 65535.0 };
    /// What numbers are that need no scaling.
    pub const UNIT: Self = Self { low: 0.0, high: 1.0 };

    /// From `low` to `high`.
    ///
    /// # Errors
    /// If one of them or their difference is not finite, or `low` is not smaller.
    pub fn new(low: f64, high: f64) -> Result<Self, OptionError> {
        if low < high && (high - low).is_finite() {
            // A zero is the same zero whatever its sign.
            Ok(Self { low: low + 0.0, high: high + 0.0 })
        } else {
            Err(OptionError("a range is LOW:HIGH, such as 0:4095, the first number smaller than the second".to_owned()))
        }
    }

    /// The value that becomes 0.
    #[must_use]
    pub fn low(self) -> f64 {
        self.low
    }

    /// The value that becomes 1.
    #[must_use]
    pub fn high(self) -> f64 {
        self.high
    }

    /// Whether a value lies in it.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// What a finite value becomes, from 0 to 1; what lies outside of the range is cut to it.
    #[must_use]
    pub fn share(self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The value that becomes `share`.
    #[must_use]
    pub fn value(self, share: f64) -> f64 {
        self.low + share * (self.high - self.low)
    }
}

impl FromStr for ValueRange {
    type Err = OptionError;
    fn from_str(text: &str) -> Result<Self, OptionError> {
        let ends = text.split_once(':').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
        let (low, high) = ends.unwrap_or((f64::NAN, f64::NAN));
        Self::new(low, high)
    }
}

impl fmt::Display for ValueRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.low, self.high)
    }
}

/// What is asked for of the range; as text `auto` or `0:4095`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum RangeOption {
    /// From the smallest value of all training images to the largest.
    Auto,
    /// This one.
    Given(ValueRange),
}

impl FromStr for RangeOption {
    type Err = OptionError;
    fn from_str(text: &str) -> Result<Self, OptionError> {
        match text {
            "auto" => Ok(Self::Auto),
            text => {
                text.parse().map(Self::Given).map_err(|OptionError(error)| OptionError(format!("{error}, or auto")))
            }
        }
    }
}

impl fmt::Display for RangeOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Given(range) => range.fmt(f),
        }
    }
}

as_text!(ValueRange);
as_text!(RangeOption);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_written() {
        let range: ValueRange = "0:4095".parse().unwrap();
        assert_eq!((range.low(), range.high(), range.to_string().as_str()), (0.0, 4095.0, "0:4095"));
        let hounsfield: ValueRange = "-1024:3071".parse().unwrap();
        assert_eq!([-2000.0, -1024.0, 1023.5, 5000.0].map(|value| hounsfield.share(value)), [0.0, 0.0, 0.5, 1.0]);
        assert_eq!((hounsfield.value(0.5), hounsfield.contains(3072.0)), (1023.5, false));
        assert_eq!("-0:1e-3".parse::<ValueRange>().unwrap().to_string(), "0:0.001");
        for text in ["", ":", "0", "1:0", "1:1", "0:nan", "0:inf", "-1e308:1e308", "0:4095:1", "0-4095", "auto"] {
            assert!(text.parse::<ValueRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn options_are_read_and_written() {
        for text in ["auto", "0:4095", "-0.5:0.5"] {
            let option: RangeOption = text.parse().unwrap();
            assert_eq!(serde_json::to_string(&option).unwrap(), format!("\"{text}\""));
        }
        let error = "Auto".parse::<RangeOption>().unwrap_err().to_string();
        assert!(error.contains("LOW:HIGH") && error.ends_with("or auto"), "{error}");
    }
}
