//! Polynomials.

use super::Simd;

/// The polynomial of these coefficients at `x`, by Horner's rule; the coefficient of the highest power comes first.
#[inline(always)]
pub(crate) fn polynomial<S: Simd, const N: usize>(simd: S, x: S::Vector, coefficients: &[f32; N]) -> S::Vector {
    let mut sum = simd.splat(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = simd.mul_add(sum, x, simd.splat(*coefficient));
    }
    sum
}
