//! What the numbers of files mean that are no bytes: decided from all of them.

use super::depth::is_byte;
use super::{Depth, ValueRange};

/// By how much values may pass the ends of a range, as a share of it: interpolation does that to pictures. More says that
/// the range is another one.
const OVERSHOOT: f64 = 0.25;
/// The largest value of numbers with fractions that is still too small for a range up to 255, which would be next to black.
const DARK: f64 = 16.0;
/// The bits of numbers whose range is all that so many bits hold.
const BITS: std::ops::RangeInclusive<u32> = 9..=16;

/// By how many bits parts of one data set may differ: four times as bright.
const ALIKE: u32 = 2;

/// What all values are like that were seen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Values {
    pub(super) least: f64,
    pub(super) most: f64,
    /// Whether none has a fraction.
    pub(super) is_whole: bool,
    /// Whether all are 255ths of one.
    is_255ths: bool,
    pub(super) count: u64,
}

impl Values {
    /// Of none.
    pub(super) const NONE: Self =
        Self { least: f64::INFINITY, most: f64::NEG_INFINITY, is_whole: true, is_255ths: true, count: 0 };

    /// Of a finite one more.
    pub(super) fn see(&mut self, value: f64) {
        self.least = self.least.min(value);
        self.most = self.most.max(value);
        self.is_whole &= value.fract() == 0.0;
        self.is_255ths &= is_byte(value);
        self.count += 1;
    }

    /// Of both.
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
            is_whole: self.is_whole && other.is_whole,
            is_255ths: self.is_255ths && other.is_255ths,
            count: self.count + other.count,
        }
    }

    /// Whether all values lie in a range from 0 on, or pass its ends by as little as interpolation makes them.
    fn is_about(&self, end: f64) -> bool {
        self.least >= -OVERSHOOT * end && self.most <= (1.0 + OVERSHOOT) * end
    }

    /// The bits that hold the values, of which these become black and white.
    #[cfg_attr(not(any(feature = "arrays", test)), expect(dead_code, reason = "pictures say how they are stored"))]
    pub(super) fn depth(&self, range: ValueRange) -> Depth {
        let step = ValueRange::BYTES.high() / (range.high() - range.low());
        let are_steps = self.is_whole && range.low().fract() == 0.0 && step.fract() == 0.0;
        let is_eight = are_steps || self.is_255ths && range == ValueRange::UNIT;
        if is_eight { Depth::Eight } else { Depth::Sixteen }
    }

    /// From the smallest to the largest; where all are the same, a range that has it as its low end.
    pub(super) fn range(&self) -> ValueRange {
        let (least, most) = if self.count == 0 { (0.0, 1.0) } else { (self.least, self.most) };
        // Of numbers that are all one the next higher is white; of those whose difference is none in double precision, what
        // lies at the ends is cut.
        let apart = (least.abs() * 1e-9).max(1.0);
        let [low, high] = [least.max(-f64::MAX / 4.0), most.min(f64::MAX / 4.0)];
        ValueRange::new(low, high).or_else(|_| ValueRange::new(low, low + apart)).unwrap_or(ValueRange::UNIT)
    }
}

/// What the values mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scale {
    /// Nothing but zeros, which may mean any of them.
    Zeros,
    /// 0 and 1, and nothing between.
    Mask,
    /// From 0 to 1, with fractions.
    Unit,
    /// From 0 to 255.
    Bytes,
    /// Whole numbers up to what so many bits hold.
    Bits(u32),
    /// From the smallest to the largest.
    Measured,
}

impl Scale {
    /// What values are that are all of one kind.
    pub(super) fn of(values: &Values) -> Self {
        let Values { least, most, is_whole, .. } = *values;
        if is_whole && least >= 0.0 {
            return match most {
                ..=0.0 => Self::Zeros,
                1.0 => Self::Mask,
                ..=255.0 => Self::Bytes,
                most => BITS.into_iter().find(|&bits| most <= top(bits)).map_or(Self::Measured, Self::Bits),
            };
        }
        if !is_whole && values.is_about(1.0) {
            return Self::Unit;
        }
        if !is_whole && values.is_about(255.0) && most > DARK {
            return Self::Bytes;
        }
        Self::Measured
    }

    /// What two sets of values of one data set mean together; none if they have different scales.
    pub(super) fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (same, other) if same == other => Some(same),
            (Self::Zeros, other) | (other, Self::Zeros) => Some(other),
            // A part may have nothing but black and white.
            (Self::Unit, Self::Mask) | (Self::Mask, Self::Unit) => Some(Self::Unit),
            // A part may lack the brightest values.
            (Self::Bits(bits), Self::Bits(other)) if bits.abs_diff(other) <= ALIKE => Some(Self::Bits(bits.max(other))),
            _ => None,
        }
    }

    /// In words.
    pub(super) fn name(self) -> String {
        match self {
            Self::Zeros => "only 0".to_owned(),
            Self::Mask => "only 0 and 1".to_owned(),
            Self::Unit => "values from 0 to 1".to_owned(),
            Self::Bytes => "values from 0 to 255".to_owned(),
            Self::Bits(bits) => format!("values from 0 to {}", top(bits)),
            Self::Measured => "values of no usual range".to_owned(),
        }
    }

    /// Which values become black and white, of values that have this scale.
    pub(super) fn range(self, values: &Values) -> ValueRange {
        let up_to = |most| ValueRange::new(0.0, most).unwrap_or(ValueRange::UNIT);
        match self {
            Self::Zeros | Self::Mask | Self::Unit => ValueRange::UNIT,
            Self::Bytes => ValueRange::BYTES,
            Self::Bits(bits) => up_to(top(bits)),
            Self::Measured => values.range(),
        }
    }
}

/// The largest number of so many bits.
fn top(bits: u32) -> f64 {
    f64::from((1_u32 << bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> (Scale, String, Depth) {
        let mut seen = Values::NONE;
        for &value in values {
            seen.see(value);
        }
        let scale = Scale::of(&seen);
        let range = scale.range(&seen);
        (scale, range.to_string(), seen.depth(range))
    }

    #[test]
    fn scales_follow_from_the_values() {
        use Depth::{Eight, Sixteen};
        for (values, scale, range, depth) in [
            (&[0.0, 0.0][..], Scale::Zeros, "0:1", Eight),
            (&[0.0, 1.0], Scale::Mask, "0:1", Eight),
            (&[0.0, 0.2, 1.0], Scale::Unit, "0:1", Eight),
            (&[0.0, f64::from(77.0_f32 / 255.0), 1.0], Scale::Unit, "0:1", Eight),
            (&[0.0, 0.5, 1.0], Scale::Unit, "0:1", Sixteen),
            (&[-0.1, 0.5, 1.2], Scale::Unit, "0:1", Sixteen),
            (&[0.0, 2.0], Scale::Bytes, "0:255", Eight),
            (&[0.0, 254.5], Scale::Bytes, "0:255", Sixteen),
            (&[0.0, 15.5], Scale::Measured, "0:15.5", Sixteen),
            (&[0.0, 256.0], Scale::Bits(9), "0:511", Sixteen),
            (&[100.0, 4000.0], Scale::Bits(12), "0:4095", Sixteen),
            (&[0.0, 65535.0], Scale::Bits(16), "0:65535", Sixteen),
            (&[5.0, 65536.0], Scale::Measured, "5:65536", Sixteen),
            (&[-1024.0, 3000.0], Scale::Measured, "-1024:3000", Sixteen),
            (&[-1.0, -1.0], Scale::Measured, "-1:0", Eight),
            (&[-1.0, 0.25, 1.0], Scale::Measured, "-1:1", Sixteen),
            (&[1.8e19, 1.8e19], Scale::Measured, "18000000000000000000:18000000018000000000", Sixteen),
            (&[], Scale::Zeros, "0:1", Eight),
        ] {
            assert_eq!(of(values), (scale, range.to_owned(), depth), "{values:?}");
        }
    }

    #[test]
    fn bytes_hold_what_falls_on_their_steps() {
        for (values, range, depth) in [
            (&[0.0, 51.0][..], "0:51", Depth::Eight),
            (&[-100.0, 70.0], "-100:155", Depth::Eight),
            (&[3.0, 300.0], "0:5", Depth::Eight),
            (&[0.0, 51.5], "0:51", Depth::Sixteen),
            (&[0.0, 50.0], "0:50", Depth::Sixteen),
            (&[0.0, 51.0], "0.5:51.5", Depth::Sixteen),
            (&[0.0, 0.2, 1.0], "0:2", Depth::Sixteen),
        ] {
            let mut seen = Values::NONE;
            for &value in values {
                seen.see(value);
            }

            assert_eq!(seen.depth(range.parse().unwrap()), depth, "{values:?} {range}");
        }
    }

    #[test]
    fn parts_have_one_scale() {
        use Scale::{Bits, Bytes, Mask, Measured, Unit, Zeros};
        for (a, b, together) in [
            (Zeros, Bits(12), Some(Bits(12))),
            (Mask, Unit, Some(Unit)),
            (Bits(10), Bits(12), Some(Bits(12))),
            (Bits(12), Measured, None),
            (Bits(12), Bits(15), None),
            (Bytes, Bits(9), None),
            (Unit, Bytes, None),
            (Mask, Bytes, None),
        ] {
            assert_eq!((a.with(b), b.with(a)), (together, together));
        }
    }
}
