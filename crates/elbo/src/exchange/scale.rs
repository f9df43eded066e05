//! What numbers stand for black and white in the images of other programs.

use super::ExchangeError;
use crate::dataset::{Preparation, Preprocessing, ValueRange};
use crate::files::ModelCard;

/// The numbers of an exported model's images.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Numbers {
    /// Those of the files that it was trained on: the range that its [`Preparation`](crate::dataset::Preparation) has, or
    /// else from 0 to 255. What lies outside is cut to it, as in training.
    #[default]
    Files,
    /// The network's own, from 0 to 1, and none is cut.
    Unit,
}

/// The numbers that are black and white.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Scale {
    pub(super) low: f32,
    pub(super) high: f32,
    /// Whether these are the network's own.
    pub(super) is_unit: bool,
}

impl Scale {
    pub(super) fn new(numbers: Numbers, card: &ModelCard) -> Result<Self, ExchangeError> {
        if numbers == Numbers::Unit {
            return Ok(Self { low: 0.0, high: 1.0, is_unit: true });
        }
        let range = match card.preprocessing {
            Preprocessing::Pictures(Preparation { range: Some(range), .. }) => range,
            _ => ValueRange::BYTES,
        };
        let (low, high) = (range.low() as f32, range.high() as f32);
        // Neighbours in single precision would leave images of two shades.
        let steps =
            (f64::from(high) - f64::from(low)) / (f64::from(low.abs().max(high.abs())) * f64::from(f32::EPSILON));
        if !(high - low).is_finite() || high - low < f32::MIN_POSITIVE || steps < 256.0 {
            return Err(ExchangeError::Range { low: range.low(), high: range.high() });
        }
        Ok(Self { low, high, is_unit: false })
    }
}
