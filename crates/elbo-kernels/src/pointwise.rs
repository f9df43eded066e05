//! What happens to each number, or each channel, by itself.

use crate::simd::{Isa, Kernel, Simd, UnaryFunction, exp, map_in_place};

/// Replaces each number `x` by `e^x`, within 2 units in the last place; beyond [-87, 88] by that of the nearer end.
pub fn exponential(isa: Isa, numbers: &mut [f32]) {
    map_in_place::<Exponential>(isa, numbers);
}

pub(crate) struct Exponential;

impl UnaryFunction for Exponential {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
        exp(simd, x)
    }
}

/// Replaces each logit by its sigmoid, `1 / (1 + e^-x)`, a number in [0, 1].
pub fn sigmoid(isa: Isa, logits: &mut [f32]) {
    map_in_place::<Sigmoid>(isa, logits);
}

pub(crate) struct Sigmoid;

impl UnaryFunction for Sigmoid {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
        let one = simd.splat(1.0);
        let e = exp(simd, simd.sub(simd.splat(0.0), x));
        simd.div(one, simd.add(one, e))
    }
}

/// Adds to each of `sums` the sum of its column of `rows`, `[.., sums.len()]`: a bias gradient.
///
/// # Panics
/// If `rows` is no whole number of rows.
pub fn add_column_sums(isa: Isa, rows: &[f32], sums: &mut [f32]) {
    assert!(!sums.is_empty() && rows.len().is_multiple_of(sums.len()), "whole rows");
    isa.run(ColumnSums { rows, sums });
}

struct ColumnSums<'a> {
    rows: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for ColumnSums<'_> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let columns = self.sums.len();
        let mut column = 0;
        while column < columns {
            // SAFETY: `add_column_sums` has checked that the rows are whole. There are `columns - column` columns
            // left: in the first case these are all taken, in one vector, and otherwise whole vectors, no more than
            // the quotient.
            column += unsafe {
                match (columns - column) / S::LANES {
                    0 => some_columns::<S, 1>(simd, self.rows, self.sums, column, columns - column),
                    1 => some_columns::<S, 1>(simd, self.rows, self.sums, column, S::LANES),
                    2 | 3 => some_columns::<S, 2>(simd, self.rows, self.sums, column, S::LANES),
                    4..8 => some_columns::<S, 4>(simd, self.rows, self.sums, column, S::LANES),
                    _ => some_columns::<S, 8>(simd, self.rows, self.sums, column, S::LANES),
                }
            };
        }
    }
}

/// Sums `N` vectors of columns, of which the last has `lanes` lanes, row after row; returns how many columns they are.
///
/// # Safety
/// `rows` are whole rows of `sums.len()` columns, which is at least `column + (N - 1) * LANES + lanes`; `lanes` is at
/// most `LANES`.
#[inline(always)]
unsafe fn some_columns<S: Simd, const N: usize>(
    simd: S,
    rows: &[f32],
    sums: &mut [f32],
    column: usize,
    lanes: usize,
) -> usize {
    let columns = sums.len();
    // Few columns take two rows in turns, which hides the latency of an addition.
    let mut totals = [[simd.splat(0.0); N]; 2];
    let load = |row: *const f32, j: usize| {
        // SAFETY: the caller guarantees that a row has `N - 1` whole vectors and `lanes` numbers from `column` on,
        // where `row` points; the last vector alone is not whole.
        unsafe {
            let from = row.add(j * S::LANES);
            if j + 1 < N || lanes == S::LANES { simd.load(from) } else { simd.load_first(from, lanes) }
        }
    };
    // SAFETY: the caller guarantees whole rows, so that `count` rows of `columns` numbers lie in `rows`, and that
    // there are `N - 1` whole vectors and `lanes` numbers from `column` on, in each row and in `sums`.
    unsafe {
        let first = rows.as_ptr().add(column);
        let count = rows.len() / columns;
        for pair in 0..count / 2 {
            for (i, totals) in totals.iter_mut().enumerate() {
                let row = first.add((2 * pair + i) * columns);
                for (j, total) in totals.iter_mut().enumerate() {
                    *total = simd.add(*total, load(row, j));
                }
            }
        }
        if count % 2 == 1 {
            let row = first.add((count - 1) * columns);
            for (j, total) in totals[0].iter_mut().enumerate() {
                *total = simd.add(*total, load(row, j));
            }
        }
        let [even, odd] = totals;
        for (j, (even, odd)) in even.into_iter().zip(odd).enumerate() {
            let to = sums.as_mut_ptr().add(column + j * S::LANES);
            let lanes = if j + 1 < N { S::LANES } else { lanes };
            let total = simd.add(even, odd);
            simd.store_first(to, simd.add(simd.load_first(to, lanes), total), lanes);
        }
    }
    (N - 1) * S::LANES + lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths just below, at and above those of vectors and runs.
    const LENGTHS: [usize; 14] = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 783, 1023, 1025];

    fn numbers(len: usize, scale: f32) -> Vec<f32> {
        (0..len).map(|i| scale * (i as f32 * 0.731).sin()).collect()
    }

    #[test]
    fn sigmoid_is_right_and_stays_in_its_range() {
        for isa in Isa::available() {
            for len in LENGTHS {
                let logits = numbers(len, 12.0);
                let mut outputs = logits.clone();
                sigmoid(isa, &mut outputs);
                for (x, y) in logits.iter().zip(outputs) {
                    let exact = 1.0 / (1.0 + (-f64::from(*x)).exp());
                    assert!((f64::from(y) - exact).abs() <= 3e-7 * exact, "{isa}: sigmoid({x}) = {y}, not {exact}");
                }
            }
            let mut extremes = [f32::NEG_INFINITY, -1e30, -100.0, 100.0, 1e30, f32::INFINITY, f32::NAN];
            sigmoid(isa, &mut extremes);
            assert!(extremes[..6].iter().all(|y| (0.0..=1.0).contains(y)), "{isa}: {extremes:?}");
            assert!(extremes[6].is_nan(), "{isa}: NaN must not become a number");
        }
    }

    #[test]
    fn column_sums_are_added() {
        for isa in Isa::available() {
            for columns in [1, 3, 7, 8, 9, 16, 17, 31, 32, 63, 64, 65, 140] {
                for rows in [0, 1, 3, 4, 5, 49] {
                    let matrix = numbers(rows * columns, 1.0);
                    let mut sums = vec![10.0; columns];
                    add_column_sums(isa, &matrix, &mut sums);
                    for (column, sum) in sums.iter().enumerate() {
                        let exact: f64 = (0..rows).map(|row| f64::from(matrix[row * columns + column])).sum();
                        assert!((f64::from(*sum) - 10.0 - exact).abs() < 1e-5, "{isa}: {rows} x {columns}");
                    }
                }
            }
        }
    }
}
