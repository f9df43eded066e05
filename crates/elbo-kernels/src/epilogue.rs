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
    /// Keep it where this activation, of the shape of the output, is positive or NaN, else zero: the gradient of a
    /// `ReLU`. All that follows from an activation of NaN is NaN, and its gradient stays so.
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
    ///
    /// # Panics
    /// If a gate has not as many numbers.
    #[must_use]
    pub fn from(self, offset: usize) -> Self {
        match self {
            Self::WherePositive(gate) => Self::WherePositive(&gate[offset..]),
            other => other,
        }
    }
}

/// One kind of [`Epilogue`], so that a loop is compiled for it alone; see [`with_finish`].
pub(crate) trait Finish: Copy {
    /// What becomes of `sum`, which are `lanes` channels from `channel` on, to be written at `to` in the output.
    ///
    /// # Safety
    /// The epilogue has passed [`Epilogue::check`] with more channels than `channel + lanes - 1` and more numbers than
    /// `to + lanes - 1`, and the slice in it lives; `lanes` is at most `LANES`.
    unsafe fn apply<S: Simd>(self, simd: S, channel: usize, to: usize, lanes: usize, sum: S::Vector) -> S::Vector;

    /// Writes `lanes` channels of a pixel, whose numbers begin at `target`.
    ///
    /// # Safety
    /// Numbers `target + channel..target + channel + lanes` of `y` are writable. The epilogue has passed
    /// [`Epilogue::check`] with at least `channel + lanes` channels and `target + channel + lanes` numbers, and the
    /// slice in it lives; `lanes` is at most `LANES`.
    #[inline(always)]
    unsafe fn write<S: Simd>(self, simd: S, y: *mut f32, target: usize, channel: usize, lanes: usize, sum: S::Vector) {
        // SAFETY: the caller guarantees these channels and numbers, in the epilogue for `apply` and in `y` for `store`.
        unsafe {
            let value = self.apply(simd, channel, target + channel, lanes, sum);
            store(simd, y.add(target + channel), lanes, value);
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Plain;
#[derive(Clone, Copy)]
pub(crate) struct AddBias<const RELU: bool>(pub(crate) *const f32);
#[derive(Clone, Copy)]
pub(crate) struct Gate(pub(crate) *const f32);

impl Finish for Plain {
    #[inline(always)]
    unsafe fn apply<S: Simd>(self, _: S, _: usize, _: usize, _: usize, sum: S::Vector) -> S::Vector {
        sum
    }
}

impl<const RELU: bool> Finish for AddBias<RELU> {
    #[inline(always)]
    unsafe fn apply<S: Simd>(self, simd: S, channel: usize, _: usize, lanes: usize, sum: S::Vector) -> S::Vector {
        // SAFETY: the caller guarantees that the bias has numbers `channel..channel + lanes`, and `lanes` to be at
        // most `LANES`.
        let sum = simd.add(sum, unsafe { load(simd, self.0.add(channel), lanes) });
        if RELU { simd.at_least(sum, simd.splat(0.0)) } else { sum }
    }
}

impl Finish for Gate {
    #[inline(always)]
    unsafe fn apply<S: Simd>(self, simd: S, _: usize, to: usize, lanes: usize, sum: S::Vector) -> S::Vector {
        // SAFETY: the caller guarantees that the gate has numbers `to..to + lanes`, and `lanes` to be at most `LANES`.
        simd.where_positive(unsafe { load(simd, self.0.add(to), lanes) }, sum)
    }
}

/// Evaluates an expression with the [`Finish`] of an epilogue.
macro_rules! with_finish {
    ($epilogue:expr, $finish:ident => $expression:expr) => {
        match $epilogue {
            $crate::epilogue::Epilogue::Store => {
                let $finish = $crate::epilogue::Plain;
                $expression
            }
            $crate::epilogue::Epilogue::Bias(bias) => {
                let $finish = $crate::epilogue::AddBias::<false>(bias.as_ptr());
                $expression
            }
            $crate::epilogue::Epilogue::BiasRelu(bias) => {
                let $finish = $crate::epilogue::AddBias::<true>(bias.as_ptr());
                $expression
            }
            $crate::epilogue::Epilogue::WherePositive(gate) => {
                let $finish = $crate::epilogue::Gate(gate.as_ptr());
                $expression
            }
        }
    };
}
pub(crate) use with_finish;

/// # Safety
/// `from` is readable for `lanes` numbers, which are at most `LANES`.
#[inline(always)]
unsafe fn load<S: Simd>(simd: S, from: *const f32, lanes: usize) -> S::Vector {
    // SAFETY: the caller guarantees `lanes` readable numbers; a whole vector is read where these are one.
    unsafe { if lanes == S::LANES { simd.load(from) } else { simd.load_first(from, lanes) } }
}

/// # Safety
/// `to` is writable for `lanes` numbers, which are at most `LANES`.
#[inline(always)]
unsafe fn store<S: Simd>(simd: S, to: *mut f32, lanes: usize, value: S::Vector) {
    // SAFETY: the caller guarantees `lanes` writable numbers; a whole vector is written where these are one.
    unsafe { if lanes == S::LANES { simd.store(to, value) } else { simd.store_first(to, value, lanes) } }
}
