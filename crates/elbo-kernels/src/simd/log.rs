//! Logarithms.

use super::{Simd, polynomial};

/// `log(1 + x)`, within 3 units in the last place for `x` in [0, 1]; NaN stays NaN.
///
/// `log(1 + x) = 2 atanh(z)` with `z = x / (2 + x)`, at most 1/3; the polynomial for `atanh(z) / z` in `z^2` is the
/// minimax one, off by no more than 4e-9 of it.
#[inline(always)]
pub(crate) fn log_1p<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    const POLYNOMIAL: [f32; 5] = [0.140_891_78, 0.139_802_99, 0.200_124_55, 0.333_331_57, 1.0];
    let z = simd.div(x, simd.add(simd.splat(2.0), x));
    let square = simd.mul(z, z);
    simd.mul(simd.add(z, z), polynomial(simd, square, &POLYNOMIAL))
}

/// `log x`, within 4 units in the last place for finite `x` from 1 up.
///
/// `x = 2^n (1 + m)` with `m` in [0, 1). Infinity counts as 2^128, and NaN stays NaN.
#[inline(always)]
pub(crate) fn log<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    /// 1.5 * 2^23: adding it to an integer leaves that in the low bits.
    const SHIFT: f32 = 12_582_912.0;
    let n = exponent(simd, x);
    let one = simd.splat(1.0);
    let mantissa = simd.scale(x, simd.sub(simd.splat(SHIFT), n));
    let log = simd.mul_add(n, simd.splat(std::f32::consts::LN_2), log_1p(simd, simd.sub(mantissa, one)));
    // What is scaled is bits, and those of NaN are a number's then; log x is below x wherever x is one.
    simd.at_most(x, log)
}

/// The `n` of `x = 2^n (1 + m)`, for normal `x` above zero.
#[inline(always)]
fn exponent<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    let mut lanes = [0.0_f32; 16];
    // SAFETY: `lanes` has 16 numbers, and a vector of any instruction set at most as many.
    unsafe { simd.store(lanes.as_mut_ptr(), x) };
    for lane in &mut lanes[..S::LANES] {
        *lane = ((lane.to_bits() >> 23).cast_signed() - 127) as f32;
    }
    // SAFETY: `lanes` has 16 numbers, and a vector of any instruction set at most as many.
    unsafe { simd.load(lanes.as_ptr()) }
}

#[cfg(test)]
mod tests {
    use super::super::{Isa, NANS, UnaryFunction, map_in_place};
    use super::*;

    struct Log;

    impl UnaryFunction for Log {
        #[inline(always)]
        fn apply<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
            log(simd, x)
        }
    }

    struct Log1p;

    impl UnaryFunction for Log1p {
        #[inline(always)]
        fn apply<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
            log_1p(simd, x)
        }
    }

    fn assert_within(isa: Isa, units: f64, x: f32, found: f32, exact: f64) {
        let unit = f64::from((exact as f32).next_up() - exact as f32);
        assert!((f64::from(found) - exact).abs() <= units * unit, "{isa}: at {x}: {found}, not {exact}");
    }

    #[test]
    fn log_1p_is_within_three_units_in_the_last_place() {
        for isa in Isa::available() {
            let even = (0..=100_000).map(|i| i as f32 / 100_000.0);
            let inputs: Vec<f32> = even.chain((0..80).map(|i| (-(i as f32)).exp())).collect();
            let mut outputs = inputs.clone();
            map_in_place::<Log1p>(isa, &mut outputs);
            for (x, y) in inputs.into_iter().zip(outputs) {
                assert_within(isa, 3.0, x, y, f64::from(x).ln_1p());
            }
            let mut nan = [f32::NAN];
            map_in_place::<Log1p>(isa, &mut nan);
            assert!(nan[0].is_nan(), "{isa}");
        }
    }

    #[test]
    fn log_is_within_four_units_in_the_last_place() {
        for isa in Isa::available() {
            let even = (0..=100_000).map(|i| 1.0 + i as f32 / 5_000.0);
            let powers = (0..128).flat_map(|n| [2.0_f32.powi(n), 2.0_f32.powi(n).next_up(), 1.9 * 2.0_f32.powi(n)]);
            let inputs: Vec<f32> = even.chain(powers).chain([f32::MAX]).collect();
            let mut outputs = inputs.clone();
            map_in_place::<Log>(isa, &mut outputs);
            for (x, y) in inputs.into_iter().zip(outputs) {
                assert_within(isa, 4.0, x, y, f64::from(x).ln());
            }
            let mut nans = NANS;
            map_in_place::<Log>(isa, &mut nans);
            assert!(nans.iter().all(|nan| nan.is_nan()), "{isa}: {nans:?}");
        }
    }
}
