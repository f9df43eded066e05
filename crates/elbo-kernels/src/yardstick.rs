//! A product of matrices by a library that others use too, beside whose speed that of the kernels can be told.

use crate::product::{Matrix, product as product_of};

/// `product = a b` for square matrices of `side` rows, row-major, by `matrixmultiply`.
///
/// # Panics
/// If a slice has not `side * side` numbers.
pub fn square_product(side: usize, a: &[f32], b: &[f32], product: &mut [f32]) {
    let len = side.checked_mul(side).filter(|&len| isize::try_from(len).is_ok()).expect("a matrix that fits memory");
    assert!(a.len() == len && b.len() == len && product.len() == len, "square matrices");
    if side > 0 {
        product_of(Matrix::new(a, side), Matrix::new(b, side), product);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_right() {
        for side in [0, 1, 7, 8, 33] {
            let matrix =
                |factor: usize| -> Vec<f32> { (0..side * side).map(|i| (i * factor % 11) as f32 - 5.0).collect() };
            let (a, b, mut product) = (matrix(7), matrix(3), vec![f32::NAN; side * side]);
            square_product(side, &a, &b, &mut product);
            for (at, found) in product.iter().enumerate() {
                let exact: f32 = (0..side).map(|k| a[at / side * side + k] * b[k * side + at % side]).sum();
                assert_eq!(*found, exact, "{side}: sums of small whole numbers are exact");
            }
        }
    }
}
