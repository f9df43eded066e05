//! One vector type for all instruction sets.
//!
//! Kernels are written once, against [`Simd`]; an implementation is a token that can only be had (through [`Isa`]) on a
//! machine that has the instructions, which is what makes the kernels safe to call. It is no general vector library:
//! only what the kernels of this crate need is here.

#[cfg(target_arch = "x86_64")]
#[allow(clippy::wildcard_imports, reason = "intrinsics carry their origin in their names")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(clippy::wildcard_imports, reason = "intrinsics carry their origin in their names")]
mod avx512;
mod isa;
mod log;
mod map;
#[cfg(target_arch = "aarch64")]
#[allow(clippy::wildcard_imports, reason = "intrinsics carry their origin in their names")]
mod neon;
mod polynomial;
mod portable;

pub use isa::{Isa, UnknownIsa};
pub(crate) use log::{log, log_1p};
pub(crate) use map::{UnaryFunction, map_in_place};
pub(crate) use polynomial::polynomial;

/// A set of vector instructions. A value of an implementing type proves that the machine has them.
pub(crate) trait Simd: Copy {
    /// A vector of `LANES` numbers.
    type Vector: Copy;
    /// Numbers in a vector.
    const LANES: usize;
    /// Accumulators of a register tile: as many as leave none outside the registers.
    const ACCUMULATORS: usize;
    /// The most vectors in a row of a register tile; the least are two.
    const MOST_VECTORS: usize;

    /// Runs `kernel` compiled for this instruction set.
    fn run<K: Kernel>(self, kernel: K) -> K::Output;

    /// Reads `LANES` numbers.
    ///
    /// # Safety
    /// `from` must be readable for `LANES` numbers; it need not be aligned.
    unsafe fn load(self, from: *const f32) -> Self::Vector;
    /// Reads `count <= LANES` numbers; the other lanes are zero.
    ///
    /// # Safety
    /// `from` must be readable for `count` numbers.
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::Vector;
    /// Writes `LANES` numbers.
    ///
    /// # Safety
    /// `to` must be writable for `LANES` numbers; it need not be aligned.
    unsafe fn store(self, to: *mut f32, vector: Self::Vector);
    /// Writes the first `count <= LANES` numbers.
    ///
    /// # Safety
    /// `to` must be writable for `count` numbers.
    unsafe fn store_first(self, to: *mut f32, vector: Self::Vector, count: usize);

    /// Has the cache line that `from` lies in brought into the first-level cache. It need not be readable.
    #[inline(always)]
    fn prefetch(self, from: *const f32) {
        let _ = from;
    }
    /// The same number in every lane.
    fn splat(self, number: f32) -> Self::Vector;
    /// `a * b + c`, fused where the instruction set fuses.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `a + b`.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`.
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b`.
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a / b`.
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a` where `a` is below the limit or is not a number, else the limit.
    fn at_most(self, a: Self::Vector, limit: Self::Vector) -> Self::Vector;
    /// `a` where `a` is above the limit or is not a number, else the limit.
    fn at_least(self, a: Self::Vector, limit: Self::Vector) -> Self::Vector;
    /// `a` where `gate` is above zero or is not a number, else zero.
    fn where_positive(self, gate: Self::Vector, a: Self::Vector) -> Self::Vector;
    /// `a * 2^n`, where `n` is held in the low bits of `shifted = n + 1.5 * 2^23`; `a` and the result must be normal.
    fn scale(self, a: Self::Vector, shifted: Self::Vector) -> Self::Vector;
    /// The sum over the lanes.
    fn sum(self, a: Self::Vector) -> f32;
    /// The sum over the lanes of each of eight vectors.
    #[inline(always)]
    fn sum_eight(self, vectors: [Self::Vector; 8]) -> [f32; 8] {
        let mut sums = [0.0; 8];
        for (sum, vector) in sums.iter_mut().zip(vectors) {
            *sum = self.sum(vector);
        }
        sums
    }
}

/// A piece of work that is compiled once for each instruction set.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;
    /// Does the work. Implementations are `#[inline(always)]`: they must end up inside [`Simd::run`].
    fn call<S: Simd>(self, simd: S) -> Self::Output;
}

/// `e^x`, within 2 units in the last place for `x` in [-87, 88]; `x` is clamped to that range, and NaN stays NaN.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2`; the polynomial for `e^r` is the minimax one of Cephes' `expf`.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    /// 1.5 * 2^23: adding it rounds to an integer and leaves that integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts; the first has few enough bits that n times it is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const POLYNOMIAL: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5.0e-1];
    let x = simd.at_most(x, simd.splat(88.0));
    let x = simd.at_least(x, simd.splat(-87.0));
    let round = simd.splat(ROUND);
    let shifted = simd.mul_add(x, simd.splat(std::f32::consts::LOG2_E), round);
    let n = simd.sub(shifted, round);
    let r = simd.mul_add(n, simd.splat(-LN_2_HIGH), x);
    let r = simd.mul_add(n, simd.splat(-LN_2_LOW), r);
    let p = simd.mul_add(polynomial(simd, r, &POLYNOMIAL), simd.mul(r, r), r);
    // What is scaled is bits, and some of NaN are those of a number then; e^x is above x wherever x is one.
    simd.at_least(x, simd.scale(simd.add(p, simd.splat(1.0)), shifted))
}

/// Of either sign, with and without low bits, and one that signals.
#[cfg(test)]
const NANS: [f32; 5] = [
    f32::NAN,
    f32::from_bits(0xffc0_0000),
    f32::from_bits(0x7fc0_0001),
    f32::from_bits(0x7f80_0001),
    f32::from_bits(0xffff_ffff),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pointwise::Exponential;

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for isa in Isa::available() {
            let inputs: Vec<f32> = (-87_000..=88_000_i32).map(|i| i as f32 / 1000.0).collect();
            let mut outputs = inputs.clone();
            map_in_place::<Exponential>(isa, &mut outputs);
            for (x, y) in inputs.iter().zip(&outputs) {
                let exact = f64::from(*x).exp();
                let unit = f64::from((exact as f32).next_up() - exact as f32);
                assert!((f64::from(*y) - exact).abs() <= 2.0 * unit, "{isa}: exp({x}) = {y}, not {exact}");
            }
        }
    }

    #[test]
    fn exp_keeps_nan_and_clamps_infinities() {
        for isa in Isa::available() {
            let mut values = NANS;
            map_in_place::<Exponential>(isa, &mut values);
            assert!(values.iter().all(|value| value.is_nan()), "{isa}: {values:?}");
            let mut values = [f32::INFINITY, f32::NEG_INFINITY];
            map_in_place::<Exponential>(isa, &mut values);
            assert!(values[0] > 1e38 && values[0].is_finite(), "{isa}");
            assert!(values[1] > 0.0 && values[1] < 1e-37, "{isa}");
        }
    }

    struct Comparisons;

    impl Kernel for Comparisons {
        type Output = ();
        #[inline(always)]
        fn call<S: Simd>(self, simd: S) {
            let first = |vector: S::Vector| {
                let mut lanes = [0.0; 16];
                // SAFETY: no vector has more than 16 lanes.
                unsafe { simd.store(lanes.as_mut_ptr(), vector) };
                lanes[0]
            };
            for nan in NANS {
                let [nan, one] = [nan, 1.0].map(|number| simd.splat(number));
                assert!(first(simd.at_most(nan, one)).is_nan() && first(simd.at_least(nan, one)).is_nan());
                assert_eq!(first(simd.where_positive(nan, one)), 1.0);
                assert!(first(simd.where_positive(one, nan)).is_nan());
            }
            for (gate, expected) in [(1e-45, 5.0), (f32::INFINITY, 5.0), (0.0, 0.0), (-0.0, 0.0), (-1.0, 0.0)] {
                assert_eq!(first(simd.where_positive(simd.splat(gate), simd.splat(5.0))), expected, "{gate}");
            }
        }
    }

    #[test]
    fn comparisons_keep_nan() {
        for isa in Isa::available() {
            isa.run(Comparisons);
        }
    }

    struct Tails;

    impl Kernel for Tails {
        type Output = ();
        #[inline(always)]
        fn call<S: Simd>(self, simd: S) {
            for count in 0..=S::LANES {
                let source: Vec<f32> = (1..=count).map(|i| i as f32).collect();
                let mut target = vec![-1.0; S::LANES + 1];
                // SAFETY: `source` has `count` numbers, `target` more than `LANES`.
                unsafe {
                    let vector = simd.load_first(source.as_ptr(), count);
                    assert!((simd.sum(vector) - (count * (count + 1)) as f32 / 2.0).abs() < 1e-6);
                    simd.store_first(target.as_mut_ptr(), vector, count);
                }
                assert_eq!(&target[..count], &source[..]);
                assert!(target[count..].iter().all(|&x| x == -1.0), "wrote past {count}");
            }
        }
    }

    struct Sums;

    impl Kernel for Sums {
        type Output = ();
        #[inline(always)]
        fn call<S: Simd>(self, simd: S) {
            let numbers: Vec<f32> = (0..8 * S::LANES).map(|i| (i * i % 13) as f32).collect();
            // SAFETY: there are eight vectors of `LANES` numbers.
            let vectors = std::array::from_fn(|i| unsafe { simd.load(numbers.as_ptr().add(i * S::LANES)) });
            let exact: Vec<f32> = numbers.chunks(S::LANES).map(|numbers| numbers.iter().sum()).collect();
            assert_eq!(simd.sum_eight(vectors)[..], exact);
            assert_eq!(vectors.map(|vector| simd.sum(vector))[..], exact);
        }
    }

    /// Small whole numbers, whose sums are exact in any order.
    #[test]
    fn sums_are_over_the_lanes_of_each_vector() {
        for isa in Isa::available() {
            isa.run(Sums);
        }
    }

    #[test]
    fn partial_loads_and_stores_touch_only_what_they_should() {
        for isa in Isa::available() {
            isa.run(Tails);
        }
    }
}
