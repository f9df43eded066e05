//! What is done to a sum before it is written.

use crate::simd::Simd;

/// What is done to a sum before it is written.
#[derive(Clone, Copy, Debug)]
pub enum Epilogue<'a> {
    /// Nothing.
    Store,
    /// Add the bias of its channel.
    Bias(&'a [f32]),
    /// Add the bias of its channel, then take `max(0, .)`.
    BiasRelu(&'a [f32]),
    /// Keep it where this activation, of the shape of the output, is positive, else zero: the gradient of a `ReLU`.
    WherePositive(&'a [f32]),
}

impl Epilogue<'_> {
    /// That there is a bias for each of `channels` channels, and a gate for each of `len` numbers.
    ///
    /// # Panics
    /// If not.
    pub(crate) fn check(&self, channels: usize, len: usize) {
        match self {
            Self::Store => {}
            Self::Bias(bias) | Self::BiasRelu(bias) => assert_eq!(bias.len(), channels, "bias"),
            Self::WherePositive(gate) => assert!(gate.len() >= len, "gate"),
        }
    }

    /// The same for what begins `offset` numbers into the output.
    pub(crate) fn from(self, offset: usize) -> Self {
        match self {
            Self::WherePositive(gate) => Self::WherePositive(&gate[offset..]),
            other => other,
        }
    }

    /// Writes `lanes` channels of a pixel, whose numbers begin at `target`.
    ///
    /// # Safety
    /// Channels `channel..channel + lanes` of the pixel exist in `y`, and in what [`Epilogue::check`] has checked.
    #[inline(always)]
    pub(crate) unsafe fn write<S: Simd>(
        &self,
        simd: S,
        y: *mut f32,
        target: usize,
        channel: usize,
        lanes: usize,
        sum: S::Vector,
    ) {
        // SAFETY: the caller's.
        unsafe {
            let load = |from: *const f32| {
                if lanes == S::LANES { simd.load(from) } else { simd.load_first(from, lanes) }
            };
            let value = match self {
                Self::Store => sum,
                Self::Bias(bias) => simd.add(sum, load(bias.as_ptr().add(channel))),
                Self::BiasRelu(bias) => simd.at_least(simd.add(sum, load(bias.as_ptr().add(channel))), simd.splat(0.0)),
                Self::WherePositive(gate) => simd.where_positive(load(gate.as_ptr().add(target + channel)), sum),
            };
            let to = y.add(target + channel);
            if lanes == S::LANES {
                simd.store(to, value);
            } else {
                simd.store_first(to, value, lanes);
            }
        }
    }
}
