//! Principal component analysis of a small number of columns, such as the latent means of a test set.
//!
//! The covariance matrix is formed and taken apart in `f64`. Time grows with the cube of the columns: it is meant for
//! the tens or hundreds that a latent space has.

mod symmetric;

pub(crate) use symmetric::eigen;

use thiserror::Error;

/// Why rows could not be analysed or projected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PcaError {
    /// The data is not a whole number of rows, or a row has no columns.
    #[error("{values} values are not rows of {columns} columns")]
    Shape {
        /// Number of values found.
        values: usize,
        /// Number of columns asked for.
        columns: usize,
    },
    /// A value is NaN or infinite.
    #[error("row {row}, column {column} is not a finite number")]
    NotFinite {
        /// Row of the first such value, from 0.
        row: usize,
        /// Column of the first such value, from 0.
        column: usize,
    },
}

/// The principal components of a set of rows: orthogonal directions, that of the greatest variance first.
///
/// Each component is a unit vector whose coefficient of largest magnitude is positive (the first of them, where
/// several are equally large), the convention of MATLAB's `pca`.
#[derive(Debug, Clone, PartialEq)]
pub struct Pca {
    mean: Vec<f64>,
    components: Vec<Vec<f64>>,
    variance: Vec<f64>,
}

impl Pca {
    /// Analyses `rows`, a row-major matrix of `rows.len() / columns` observations by `columns` variables.
    ///
    /// Variances have the divisor `observations - 1`. Without observations, or with a single one, all variances
    /// are zero and the components are the coordinate axes.
    ///
    /// # Errors
    ///
    /// [`PcaError::Shape`] if `columns` is zero or does not divide `rows.len()`, [`PcaError::NotFinite`] if a value
    /// is NaN or infinite.
    pub fn fit(rows: &[f32], columns: usize) -> Result<Self, PcaError> {
        check(rows, columns)?;
        let observations = rows.len() / columns;
        let mut mean = vec![0.0; columns];
        for row in rows.chunks_exact(columns) {
            for (sum, &value) in mean.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        for sum in &mut mean {
            *sum /= observations.max(1) as f64;
        }

        let mut covariance = vec![0.0; columns * columns];
        let mut centred = vec![0.0; columns];
        for row in rows.chunks_exact(columns) {
            for ((c, &value), m) in centred.iter_mut().zip(row).zip(&mean) {
                *c = f64::from(value) - m;
            }
            for (sums, a) in covariance.chunks_exact_mut(columns).zip(&centred) {
                sums.iter_mut().zip(&centred).for_each(|(sum, b)| *sum += a * b);
            }
        }
        let divisor = observations.saturating_sub(1).max(1) as f64;
        for sum in &mut covariance {
            *sum /= divisor;
        }

        let mut eigen = eigen(covariance, columns);
        eigen.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        // Rounding can leave a variance of nothing a hair below zero.
        let variance = eigen.iter().map(|(value, _)| value.max(0.0)).collect();
        Ok(Self { mean, components: eigen.into_iter().map(|(_, vector)| oriented(vector)).collect(), variance })
    }

    /// Number of variables, which is also the number of components.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.mean.len()
    }

    /// Mean of each variable over the rows that were fitted.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The components, each a unit vector of [`columns`](Self::columns) coefficients, by descending variance.
    #[must_use]
    pub fn components(&self) -> &[Vec<f64>] {
        &self.components
    }

    /// Variance of the fitted rows along each component, in the order of [`components`](Self::components). They
    /// add up to the total variance of the variables.
    #[must_use]
    pub fn explained_variance(&self) -> &[f64] {
        &self.variance
    }

    /// Coordinates of each row of `rows` on the first `K` components, after taking off the fitted mean (MATLAB's
    /// `score`). Coordinates beyond the number of columns are zero.
    ///
    /// # Errors
    ///
    /// As [`fit`](Self::fit), with the fitted number of columns.
    pub fn project<const K: usize>(&self, rows: &[f32]) -> Result<Vec<[f64; K]>, PcaError> {
        check(rows, self.columns())?;
        let on_component = |row: &[f32], component: &[f64]| {
            row.iter().zip(&self.mean).zip(component).map(|((&x, m), c)| (f64::from(x) - m) * c).sum()
        };
        Ok(rows
            .chunks_exact(self.columns())
            .map(|row| std::array::from_fn(|k| self.components.get(k).map_or(0.0, |c| on_component(row, c))))
            .collect())
    }
}

/// That `rows` is whole rows of finite numbers.
fn check(rows: &[f32], columns: usize) -> Result<(), PcaError> {
    if columns == 0 || !rows.len().is_multiple_of(columns) {
        return Err(PcaError::Shape { values: rows.len(), columns });
    }
    match rows.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(PcaError::NotFinite { row: at / columns, column: at % columns }),
        None => Ok(()),
    }
}

/// `vector` or its opposite, whichever has a positive coefficient of largest magnitude. Magnitudes that differ by
/// rounding alone count as equal, and then the first decides.
fn oriented(mut vector: Vec<f64>) -> Vec<f64> {
    let largest = vector.iter().fold(0.0_f64, |max, c| max.max(c.abs()));
    if vector.iter().find(|c| c.abs() >= largest * (1.0 - 1e-12)).is_some_and(|c| *c < 0.0) {
        for c in &mut vector {
            *c = -*c;
        }
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in [-1, 1), enough unlike each other for a test: a multiplicative congruential generator.
    fn numbers(count: usize) -> Vec<f32> {
        let mut state = 20_240_517_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not within {tolerance} of {b}");
    }

    /// Points (0, 0), (2, 1), (4, 2), (2, 6), (2, 1): worked by hand.
    ///
    /// Means are 2 and 2. Centred: (-2, -2), (0, -1), (2, 0), (0, 4), (0, -1); sums of squares 8 and 22, of
    /// products 4; with divisor 4 the covariance is [[2, 1], [1, 5.5]]. Its eigenvalues are
    /// (7.5 +- sqrt(3.5^2 + 4)) / 2 = (7.5 +- sqrt(16.25)) / 2.
    #[test]
    fn agrees_with_a_case_worked_by_hand() {
        let rows = [0.0, 0.0, 2.0, 1.0, 4.0, 2.0, 2.0, 6.0, 2.0, 1.0];
        let pca = Pca::fit(&rows, 2).unwrap();
        assert_eq!(pca.mean(), [2.0, 2.0]);
        let first = f64::midpoint(7.5, 16.25_f64.sqrt());
        let second = (7.5 - 16.25_f64.sqrt()) / 2.0;
        close(pca.explained_variance()[0], first, 1e-14);
        close(pca.explained_variance()[1], second, 1e-14);
        // (2 - first) x + y = 0: the direction (1, first - 2), and (first - 2, -1) at right angles to it.
        let length = (first - 2.0).hypot(1.0);
        close(pca.components()[0][0], 1.0 / length, 1e-14);
        close(pca.components()[0][1], (first - 2.0) / length, 1e-14);
        close(pca.components()[1][0], (first - 2.0) / length, 1e-14);
        close(pca.components()[1][1], -1.0 / length, 1e-14);
        let score = pca.project::<2>(&rows).unwrap();
        close(score[3][0], 4.0 * (first - 2.0) / length, 1e-13);
        close(score[3][1], -4.0 / length, 1e-13);
    }

    #[test]
    fn components_are_orthonormal_and_variances_add_up() {
        for columns in [1, 2, 3, 20, 33] {
            let mut rows = numbers(200 * columns);
            // Different scales, and a column that repeats its neighbour.
            for row in rows.chunks_exact_mut(columns) {
                for (j, value) in row.iter_mut().enumerate() {
                    *value *= 1.0 + j as f32;
                }
                if columns > 2 {
                    row[1] = row[0];
                }
            }
            let pca = Pca::fit(&rows, columns).unwrap();
            for (i, a) in pca.components().iter().enumerate() {
                for (j, b) in pca.components().iter().enumerate() {
                    close(dot(a, b), f64::from(u8::from(i == j)), 1e-12);
                }
                let largest = a.iter().copied().max_by(|x, y| x.abs().total_cmp(&y.abs())).unwrap();
                assert!(largest > 0.0 || a.iter().any(|c| (c + largest).abs() < 1e-9));
            }
            assert!(pca.explained_variance().is_sorted_by(|a, b| a >= b));

            let total: f64 = (0..columns)
                .map(|j| {
                    let square = |row: &[f32]| (f64::from(row[j]) - pca.mean()[j]).powi(2);
                    rows.chunks_exact(columns).map(square).sum::<f64>() / 199.0
                })
                .sum();
            close(pca.explained_variance().iter().sum(), total, 1e-12 * total);
        }
    }

    #[test]
    fn projections_have_the_explained_variance_and_no_correlation() {
        let rows = numbers(500 * 6);
        let pca = Pca::fit(&rows, 6).unwrap();
        let scores = pca.project::<6>(&rows).unwrap();
        for i in 0..6 {
            close(scores.iter().map(|s| s[i]).sum::<f64>(), 0.0, 1e-10);
            for j in 0..6 {
                let covariance = scores.iter().map(|s| s[i] * s[j]).sum::<f64>() / 499.0;
                close(covariance, if i == j { pca.explained_variance()[i] } else { 0.0 }, 1e-12);
            }
        }
    }

    #[test]
    fn data_without_variance_has_the_axes_as_components() {
        for rows in [&[][..], &[3.0, 4.0], &[3.0, 4.0, 3.0, 4.0]] {
            let pca = Pca::fit(rows, 2).unwrap();
            assert_eq!(pca.explained_variance(), [0.0, 0.0]);
            assert_eq!(pca.components(), [[1.0, 0.0], [0.0, 1.0]]);
            assert!(pca.project::<2>(rows).unwrap().iter().all(|score| *score == [0.0, 0.0]));
        }
    }

    #[test]
    fn coordinates_beyond_the_columns_are_zero() {
        let pca = Pca::fit(&[1.0, 3.0], 1).unwrap();
        assert_eq!(pca.project::<2>(&[1.0, 5.0]).unwrap(), [[-1.0, 0.0], [3.0, 0.0]]);
    }

    #[test]
    fn rejects_ragged_and_infinite_rows() {
        assert_eq!(Pca::fit(&[1.0; 5], 2), Err(PcaError::Shape { values: 5, columns: 2 }));
        assert_eq!(Pca::fit(&[], 0), Err(PcaError::Shape { values: 0, columns: 0 }));
        let rows = [0.0, 1.0, 2.0, f32::NAN];
        assert_eq!(Pca::fit(&rows, 2), Err(PcaError::NotFinite { row: 1, column: 1 }));
        let pca = Pca::fit(&[0.0; 4], 2).unwrap();
        assert_eq!(pca.project::<2>(&[f32::INFINITY, 0.0]), Err(PcaError::NotFinite { row: 0, column: 0 }));
        assert!(pca.project::<2>(&[0.0; 3]).is_err());
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        let pca = Pca::fit(&[f32::MAX, f32::MIN, f32::MIN, f32::MAX, 1e-38, 0.0], 2).unwrap();
        assert!(pca.explained_variance().iter().all(|v| v.is_finite()));
        assert!(pca.components().iter().flatten().all(|c| c.is_finite()));
    }
}
