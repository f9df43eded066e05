//! Products of plain matrices, by a library that others use too.

/// A matrix of rows that lie one after the other, or its transpose.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    /// Numbers from one row to the next, and from one column to the next.
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// Rows of `columns` numbers.
    ///
    /// # Panics
    /// If the numbers are not whole rows, or there are no columns.
    #[must_use]
    pub fn new(values: &'a [f32], columns: usize) -> Self {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "whole rows of {columns} numbers");
        Self { values, rows: values.len() / columns, columns, strides: [columns, 1] }
    }

    /// Its rows as columns.
    #[must_use]
    pub fn transposed(self) -> Self {
        let Self { values, rows, columns, strides: [row, column] } = self;
        Self { values, rows: columns, columns: rows, strides: [column, row] }
    }
}

/// `product = a b`, its rows one after the other.
///
/// Each number is a sum of `n` products in some order, `n` being the columns of `a`: it is off by at most `n 2^-24` times the
/// sum of their magnitudes, to first order (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition, section 3.1). It
/// depends on the shapes and the instruction set, not on other rows' values.
///
/// # Panics
/// If the columns of `a` are not as many as the rows of `b`, or `product` is not of their rows and columns.
pub fn product(a: Matrix<'_>, b: Matrix<'_>, product: &mut [f32]) {
    assert_eq!(a.columns, b.rows, "matrices that can be multiplied");
    assert_eq!(Some(product.len()), a.rows.checked_mul(b.columns), "a place for each number of the product");
    let strides = |matrix: Matrix<'_>| matrix.strides.map(usize::cast_signed);
    let ([a_row, a_column], [b_row, b_column]) = (strides(a), strides(b));
    // SAFETY: a `Matrix` has `rows * columns` numbers in its slice, which are at the places that its strides say, whole rows
    // by `new` or the same rows as columns by `transposed`; `product` has `a.rows * b.columns` numbers by the assertion above,
    // in rows of `b.columns`. It is borrowed mutably, so that it overlaps neither of the others. Slices are of at most
    // `isize::MAX` bytes, so that no stride is negative and no place beyond it.
    unsafe {
        matrixmultiply::sgemm(
            a.rows,
            a.columns,
            b.columns,
            1.0,
            a.values.as_ptr(),
            a_row,
            a_column,
            b.values.as_ptr(),
            b_row,
            b_column,
            0.0,
            product.as_mut_ptr(),
            b.columns.cast_signed(),
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_right_whichever_way_the_rows_lie() {
        for [rows, inner, columns] in [[1, 1, 1], [7, 9, 5], [33, 20, 64], [64, 784, 10]] {
            let numbers = |count: usize, factor: usize| -> Vec<f32> {
                (0..count).map(|i| (i * factor % 11) as f32 - 5.0).collect()
            };
            let (a, b) = (numbers(rows * inner, 7), numbers(inner * columns, 3));
            let transpose = |values: &[f32], columns: usize| -> Vec<f32> {
                let rows = values.len() / columns;
                (0..values.len()).map(|i| values[i % rows * columns + i / rows]).collect()
            };
            let (a_turned, b_turned) = (transpose(&a, inner), transpose(&b, columns));
            let ways = [
                (Matrix::new(&a, inner), Matrix::new(&b, columns)),
                (Matrix::new(&a_turned, rows).transposed(), Matrix::new(&b, columns)),
                (Matrix::new(&a, inner), Matrix::new(&b_turned, inner).transposed()),
            ];
            for (left, right) in ways {
                let mut found = vec![f32::NAN; rows * columns];
                product(left, right, &mut found);
                for (at, found) in found.iter().enumerate() {
                    let exact: f32 =
                        (0..inner).map(|k| a[at / columns * inner + k] * b[k * columns + at % columns]).sum();
                    assert_eq!(*found, exact, "sums of small whole numbers are exact");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "matrices that can be multiplied")]
    fn matrices_that_do_not_fit_are_refused() {
        product(Matrix::new(&[1.0; 6], 3), Matrix::new(&[1.0; 4], 2), &mut [0.0; 4]);
    }
}
