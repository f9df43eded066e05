//! The negative log-likelihood of an image under what the decoder's logits say of it, with its gradient.
//!
//! Each function takes the logits `x` and the pixels `t` of one image, leaves in place of each logit the derivative of
//! the loss by it, and returns the loss. All three losses keep `-log p` within about 1e-6 a pixel of its value in f64.

use crate::pointwise::Sigmoid;
use crate::simd::{Isa, Kernel, Simd, UnaryFunction, exp, log, log_1p, map_in_place};
use crate::subnormal::zero_tiny_lanes;
use std::marker::PhantomData;

/// The squared error of one image's reconstruction, `0.5 * sum (sigmoid(logit) - target)^2`; each logit is replaced
/// by the derivative of that by it, `(s - t) s (1 - s)`.
///
/// # Panics
/// If the lengths differ.
pub fn squared_error(isa: Isa, logits: &mut [f32], target: &[f32]) -> f64 {
    0.5 * sum::<SquaredError>(isa, logits, target)
}

/// The cross-entropy of one image, `-sum (t log s + (1 - t) log(1 - s))` with `s = sigmoid(logit)`: the negative
/// log-likelihood of black and white pixels `t` under a Bernoulli distribution, in nats. Each logit is replaced by the
/// derivative of that by it, `s - t`.
///
/// Computed as `max(x, 0) - t x + log(1 + e^-|x|)`, which loses nothing for large logits.
///
/// # Panics
/// If the lengths differ.
pub fn cross_entropy(isa: Isa, logits: &mut [f32], target: &[f32]) -> f64 {
    sum::<CrossEntropy>(isa, logits, target)
}

/// The negative log-likelihood of one image under a continuous Bernoulli distribution, a density on [0, 1]
/// (Loaiza-Ganem and Cunningham, 2019), in nats: the [`cross_entropy`] less `log C` for each pixel, `C = x / tanh(x / 2)`
/// being the paper's normalising constant by the logit. Each logit is replaced by the derivative of that by it, the
/// distribution's mean less `t`.
///
/// Computed as `max(x, 0) - t x - log(a / (1 - e^-a))` with `a = |x|`, and for `a` below 1 by Taylor's expansion: the
/// constant is 0 / 0 where the logit is 0.
///
/// Beyond a logit of 16 either way the constant is that of 16. The density at 0 and 1 would rise without end there, and
/// pixels that are exactly black or white would be all that is learned. The constant is then too small, so that the loss
/// still bounds the negative log-likelihood from above; the gradient is that of the cross-entropy, `s - t`, which
/// leads back where the logit is wrong.
///
/// # Panics
/// If the lengths differ.
pub fn continuous_bernoulli(isa: Isa, logits: &mut [f32], target: &[f32]) -> f64 {
    sum::<ContinuousBernoulli>(isa, logits, target)
}

/// Replaces each logit by the mean of its continuous Bernoulli distribution, `1 / (1 - e^-x) - 1 / x`, a number in
/// [0, 1].
pub fn continuous_bernoulli_mean(isa: Isa, logits: &mut [f32]) {
    map_in_place::<ContinuousBernoulliMean>(isa, logits);
}

/// What one vector of pixels adds to the loss.
trait Pixels {
    /// The gradients of these logits, and the sum with their losses.
    fn add<S: Simd>(simd: S, logits: S::Vector, target: S::Vector, sum: S::Vector) -> (S::Vector, S::Vector);
}

struct SquaredError;

impl Pixels for SquaredError {
    #[inline(always)]
    fn add<S: Simd>(simd: S, logits: S::Vector, target: S::Vector, sum: S::Vector) -> (S::Vector, S::Vector) {
        let s = Sigmoid::apply(simd, logits);
        let error = simd.sub(s, target);
        let slope = simd.mul(s, simd.sub(simd.splat(1.0), s));
        // Where a pixel is 0 and its sigmoid nearly so, it is a square of that.
        let gradient = zero_tiny_lanes(simd, simd.mul(error, slope));
        (gradient, simd.mul_add(error, error, sum))
    }
}

struct CrossEntropy;

impl Pixels for CrossEntropy {
    #[inline(always)]
    fn add<S: Simd>(simd: S, logits: S::Vector, target: S::Vector, sum: S::Vector) -> (S::Vector, S::Vector) {
        let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
        let negative = simd.sub(zero, logits);
        let e = exp(simd, simd.at_most(logits, negative));
        let loss = simd.add(linear(simd, logits, target), log_1p(simd, e));
        // The sigmoid is 1 / (1 + e) for positive logits, else e / (1 + e).
        let r = simd.div(one, simd.add(one, e));
        let low = simd.mul(e, r);
        let s = simd.add(low, simd.where_positive(logits, simd.sub(r, low)));
        (simd.sub(s, target), simd.add(sum, loss))
    }
}

/// The largest logit whose constant is the continuous Bernoulli's: about where single precision ends for its sigmoid.
const BOUND: f32 = 16.0;

struct ContinuousBernoulli;

impl Pixels for ContinuousBernoulli {
    #[inline(always)]
    fn add<S: Simd>(simd: S, logits: S::Vector, target: S::Vector, sum: S::Vector) -> (S::Vector, S::Vector) {
        let zero = simd.splat(0.0);
        let bounded = simd.at_least(simd.at_most(logits, simd.splat(BOUND)), simd.splat(-BOUND));
        let (mean, log_ratio) = mean_and_log_ratio(simd, bounded);
        // Beyond the bound a sigmoid is 0 or 1 to within 2e-7, and so is what the cross-entropy adds to `linear`.
        let one_or_zero = simd.where_positive(logits, simd.splat(1.0));
        let beyond = simd.sub(simd.at_least(logits, simd.sub(zero, logits)), simd.splat(BOUND));
        let mean =
            simd.add(simd.where_positive(beyond, one_or_zero), simd.sub(mean, simd.where_positive(beyond, mean)));
        let loss = simd.sub(linear(simd, logits, target), log_ratio);
        (simd.sub(mean, target), simd.add(sum, loss))
    }
}

/// `max(x, 0) - t x`.
#[inline(always)]
fn linear<S: Simd>(simd: S, logits: S::Vector, target: S::Vector) -> S::Vector {
    let zero = simd.splat(0.0);
    simd.sub(simd.at_least(logits, zero), simd.mul(target, logits))
}

/// The mean of the continuous Bernoulli distribution with logit `x`, and `log(a / (1 - e^-a))` with `a = |x|`.
///
/// With `L(a) = log(sinh(a / 2) / (a / 2))` the logarithm is `a / 2 - L(a)`, and the mean `1 / 2 +- L'(a)`, plus for
/// positive `x`: the distribution mirrors itself where its logit changes sign.
#[inline(always)]
fn mean_and_log_ratio<S: Simd>(simd: S, logits: S::Vector) -> (S::Vector, S::Vector) {
    /// `L(a) / a^2` by powers of `a^2`, the highest first; what is left out is below 2e-9 of it for `a` below 1.
    const LOG: [f32; 5] = [1.0 / 479_001_600.0, -1.0 / 9_676_800.0, 1.0 / 181_440.0, -1.0 / 2880.0, 1.0 / 24.0];
    /// `L'(a) / a` in the same way; below 7e-9.
    const SLOPE: [f32; 5] = [1.0 / 47_900_160.0, -1.0 / 1_209_600.0, 1.0 / 30_240.0, -1.0 / 720.0, 1.0 / 12.0];
    let (one, half) = (simd.splat(1.0), simd.splat(0.5));
    let a = simd.at_least(logits, simd.sub(simd.splat(0.0), logits));

    let square = simd.mul(a, a);
    let (mut log_small, mut slope_small) = (simd.splat(LOG[0]), simd.splat(SLOPE[0]));
    for (log, slope) in LOG[1..].iter().zip(&SLOPE[1..]) {
        log_small = simd.mul_add(log_small, square, simd.splat(*log));
        slope_small = simd.mul_add(slope_small, square, simd.splat(*slope));
    }
    let log_small = simd.sub(simd.mul(half, a), simd.mul(square, log_small));
    let slope_small = simd.mul(a, slope_small);

    // From 1 up, so that nothing is divided by zero.
    let large = simd.at_least(a, one);
    let inverse = simd.div(one, simd.sub(one, exp(simd, simd.sub(simd.splat(0.0), large))));
    let log_large = log(simd, simd.mul(large, inverse));
    let slope_large = simd.sub(simd.sub(inverse, simd.div(one, large)), half);

    let is_small = simd.sub(one, a);
    let choose = |small, large| {
        simd.add(simd.where_positive(is_small, small), simd.sub(large, simd.where_positive(is_small, large)))
    };
    let slope = choose(slope_small, slope_large);
    // The slope is added to one half for positive logits, else taken away; NaN stays NaN.
    let mean = simd.add(simd.sub(half, slope), simd.where_positive(logits, simd.add(slope, slope)));
    (mean, choose(log_small, log_large))
}

/// The sum over the pixels of an image; the logits become their gradients.
fn sum<P: Pixels>(isa: Isa, logits: &mut [f32], target: &[f32]) -> f64 {
    assert_eq!(logits.len(), target.len(), "logits and target");
    isa.run(Sum { logits, target, pixels: PhantomData::<P> })
}

struct Sum<'a, P> {
    logits: &'a mut [f32],
    target: &'a [f32],
    pixels: PhantomData<P>,
}

impl<P: Pixels> Kernel for Sum<'_, P> {
    type Output = f64;
    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> f64 {
        /// Vectors added up in f32 before they go to the f64 total: large images must not lose small errors.
        const RUN: usize = 64;
        let mut total = 0.0;
        for (logits, target) in self.logits.chunks_mut(RUN * S::LANES).zip(self.target.chunks(RUN * S::LANES)) {
            let mut sum = simd.splat(0.0);
            for (logits, target) in logits.chunks_mut(S::LANES).zip(target.chunks(S::LANES)) {
                let count = logits.len();
                // SAFETY: `sum` has checked that logits and target are of equal length, so that both chunks have
                // `count` numbers, at most `LANES`.
                let (gradient, added) = unsafe {
                    let x = simd.load_first(logits.as_ptr(), count);
                    P::add(simd, x, simd.load_first(target.as_ptr(), count), sum)
                };
                // SAFETY: the chunk of logits has `count` numbers, at most `LANES`. `gate` has 16, and a vector of any
                // instruction set at most as many.
                unsafe {
                    simd.store_first(logits.as_mut_ptr(), gradient, count);
                    sum = if count == S::LANES {
                        added
                    } else {
                        // Lanes beyond the last pixel keep their sum.
                        let mut gate = [0.0_f32; 16];
                        simd.store_first(gate.as_mut_ptr(), simd.splat(1.0), count);
                        let gate = simd.load(gate.as_ptr());
                        let kept = simd.sub(sum, simd.where_positive(gate, sum));
                        simd.add(simd.where_positive(gate, added), kept)
                    };
                }
            }
            total += f64::from(simd.sum(sum));
        }
        total
    }
}

struct ContinuousBernoulliMean;

impl UnaryFunction for ContinuousBernoulliMean {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
        mean_and_log_ratio(simd, x).0
    }
}

#[cfg(test)]
mod tests;
