//! Numbers below what a normal `f32` holds, some 1e-38: an Intel core takes a hundred cycles to multiply one.
//!
//! They come about where something falls without end, as the momentum of a weight that has no more gradient. What is far
//! below all that it stands with becomes zero before it comes to that.

use crate::simd::Simd;

/// 2^-100, or 8e-31. What is not below has normal products with numbers down to 2e-8; what is below is no more than
/// rounding beside the least thing that it is ever added to, the 1e-8 that the root of a second moment stands with.
const TINY: f32 = 1.0 / ((1_u128 << 100) as f32);

/// The same, or zero where it is tiny; not a number stays that.
#[inline(always)]
pub(crate) fn zero_if_tiny(number: f32) -> f32 {
    if number.abs() < TINY { 0.0 } else { number }
}

/// [`zero_if_tiny`] for each lane.
#[inline(always)]
pub(crate) fn zero_tiny_lanes<S: Simd>(simd: S, numbers: S::Vector) -> S::Vector {
    let size = simd.at_least(numbers, simd.sub(simd.splat(0.0), numbers));
    simd.sub(numbers, simd.where_positive(simd.sub(simd.splat(TINY), size), numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Isa, UnaryFunction, map_in_place};

    struct Lanes;

    impl UnaryFunction for Lanes {
        #[inline(always)]
        fn apply<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
            zero_tiny_lanes(simd, x)
        }
    }

    #[test]
    fn what_is_tiny_is_zero_and_all_else_stays() {
        let smallest = 2.0_f32.powi(-100);
        let numbers = [0.0, 1e-45, 1e-31, smallest.next_down(), smallest, smallest.next_up(), 1e-10, 1.0, f32::MAX];
        let expected = [0.0, 0.0, 0.0, 0.0, smallest, smallest.next_up(), 1e-10, 1.0, f32::MAX];
        for sign in [1.0, -1.0] {
            let numbers = numbers.map(|number| sign * number);
            let expected = expected.map(|number| sign * number);
            assert_eq!(numbers.map(zero_if_tiny), expected);
            for isa in Isa::available() {
                let mut found = numbers;
                map_in_place::<Lanes>(isa, &mut found);
                assert_eq!(found, expected, "{isa}");
            }
        }
        for isa in Isa::available() {
            let mut found = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
            map_in_place::<Lanes>(isa, &mut found);
            assert!(found[0].is_nan() && zero_if_tiny(f32::NAN).is_nan(), "{isa}");
            assert_eq!(found[1..], [f32::INFINITY, f32::NEG_INFINITY], "{isa}");
        }
    }
}
