//! The first principal components of rows with many columns, by subspace iteration (Halko, Martinsson and Tropp, 2011,
//! "Finding structure with randomness", algorithm 4.4): without the covariance of all pixels, which would be larger than the
//! images are.

use super::Table;
use crate::noise::{Noise, Purpose};
use crate::vae::pca::eigen;
use elbo_kernels::{Matrix, product};
use rayon::prelude::*;

/// Parts into which rows are divided, each summed by one thread.
const PARTS: usize = 4;
/// Rows of a product.
const BLOCK: usize = 512;
const MOST_ROUNDS: usize = 40;
/// The variance that the components hold grows by no more than this share in the last round.
const TOLERANCE: f64 = 1e-7;

/// The most numbers of the vectors that are iterated, of which each part has a copy.
const MOST_NUMBERS: usize = 1 << 24;

/// How many vectors are iterated: more than are asked for, so that those converge soon.
fn width(columns: usize, count: usize) -> usize {
    (2 * count + 10).min(columns)
}

/// Whether the work fits in memory.
pub(super) fn fits(table: &Table, count: usize) -> bool {
    table.columns.saturating_mul(width(table.columns, count)) <= MOST_NUMBERS
}

/// Unit vectors along the directions of the greatest variance of rows whose mean is 0, at most as many as there are
/// columns: `[columns, count]`, and `count`.
pub(super) fn principal_axes(table: &Table, count: usize) -> (Vec<f32>, usize) {
    let columns = table.columns;
    let count = count.min(columns);
    let width = width(columns, count);
    let noise = Noise::new(0, Purpose::Initialization, u64::MAX);
    let mut basis: Vec<Vec<f64>> = (0..width)
        .map(|number| {
            let mut vector = vec![0.0; columns];
            noise.normal(number as u64, &mut vector);
            vector.into_iter().map(f64::from).collect()
        })
        .collect();
    orthonormalize(&mut basis);
    let mut held = 0.0;
    for _ in 0..MOST_ROUNDS {
        let image = covariance_times(table, &basis);
        // In the basis itself the covariance is small, and its eigenvectors are the best that the basis holds.
        let small: Vec<f64> = basis.iter().flat_map(|row| image.iter().map(|column| dot(row, column))).collect();
        let mut found = eigen(symmetric(&small, width), width);
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let now: f64 = found.iter().take(count).map(|(variance, _)| variance).sum();
        let turned =
            |vectors: &[Vec<f64>]| -> Vec<Vec<f64>> { found.iter().map(|(_, by)| combination(vectors, by)).collect() };
        if now <= held * (1.0 + TOLERANCE) {
            basis = turned(&basis);
            break;
        }
        held = now;
        basis = turned(&image);
        orthonormalize(&mut basis);
    }
    let axes = (0..columns).flat_map(|column| basis[..count].iter().map(move |axis| axis[column] as f32)).collect();
    (axes, count)
}

/// The coordinates of rows on these axes.
pub(super) fn projected(table: &Table, (axes, count): &(Vec<f32>, usize)) -> Table {
    let mut scores = vec![0.0; table.rows() * count];
    let parts = table.values.par_chunks(BLOCK * table.columns).zip(scores.par_chunks_mut(BLOCK * count));
    parts.for_each(|(rows, scores)| product(Matrix::new(rows, table.columns), Matrix::new(axes, *count), scores));
    table.with(scores, *count)
}

/// `X^T X v` of each vector, over the number of rows.
fn covariance_times(table: &Table, vectors: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let (columns, width, rows) = (table.columns, vectors.len(), table.rows());
    let flat: Vec<f32> = (0..columns).flat_map(|column| vectors.iter().map(move |v| v[column] as f32)).collect();
    let part = rows.div_ceil(PARTS).max(1);
    let parts: Vec<Vec<f64>> = table
        .values
        .par_chunks(part * columns)
        .map(|values| {
            let mut sums = vec![0.0; columns * width];
            let (mut scores, mut products) = (vec![0.0; BLOCK * width], vec![0.0; columns * width]);
            for values in values.chunks(BLOCK * columns) {
                let scores = &mut scores[..values.len() / columns * width];
                product(Matrix::new(values, columns), Matrix::new(&flat, width), scores);
                product(Matrix::new(values, columns).transposed(), Matrix::new(scores, width), &mut products);
                sums.iter_mut().zip(&products).for_each(|(sum, &product)| *sum += f64::from(product));
            }
            sums
        })
        .collect();
    let mut sums = vec![0.0; columns * width];
    for part in parts {
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    (0..width).map(|vector| sums.iter().skip(vector).step_by(width).map(|sum| sum / rows as f64).collect()).collect()
}

/// Makes vectors of length 1 at right angles to one another, by Gram and Schmidt's method, twice, which leaves nothing but
/// rounding (Giraud, Langou and Rozloznik, 2005). One that depends on those before it becomes zero.
fn orthonormalize(vectors: &mut [Vec<f64>]) {
    for number in 0..vectors.len() {
        let (before, rest) = vectors.split_at_mut(number);
        let vector = &mut rest[0];
        let length = dot(vector, vector).sqrt();
        for _ in 0..2 {
            for other in &*before {
                let along = dot(vector, other);
                vector.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
            }
        }
        let left = dot(vector, vector).sqrt();
        let scale = if left > 1e-10 * length { 1.0 / left } else { 0.0 };
        for x in vector.iter_mut() {
            *x *= scale;
        }
    }
}

/// Without what rounding has made of a symmetric matrix.
fn symmetric(matrix: &[f64], size: usize) -> Vec<f64> {
    (0..size * size).map(|i| f64::midpoint(matrix[i], matrix[i % size * size + i / size])).collect()
}

/// The sum of vectors, each so many times.
fn combination(vectors: &[Vec<f64>], by: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; vectors[0].len()];
    for (vector, factor) in vectors.iter().zip(by) {
        sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += factor * x);
    }
    sum
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::super::clusters::clusters;
    use super::*;
    use crate::vae::pca::Pca;

    #[test]
    fn axes_are_the_principal_components() {
        for (columns, count) in [(1, 1), (2, 3), (12, 4), (40, 5), (90, 3)] {
            let mut table = clusters(600, columns, 4, 1);
            let pca = Pca::fit(&table.values, columns).unwrap();
            let mut none = table.with(Vec::new(), columns);
            none.labels.clear();
            super::super::centre(&mut table, &mut none);
            let axes = principal_axes(&table, count);
            assert_eq!(axes.1, count.min(columns));
            let scores = projected(&table, &axes);
            for component in 0..axes.1 {
                let squares =
                    scores.values.iter().skip(component).step_by(axes.1).map(|&x| f64::from(x) * f64::from(x));
                let (found, expected) = (squares.sum::<f64>() / 599.0, pca.explained_variance()[component]);
                assert!((found - expected).abs() < 1e-4 * expected, "{columns} {component}: {found}, not {expected}");
            }
        }
    }

    /// `tests/golden/make_evaluation.py`.
    #[test]
    fn variances_are_those_of_scikit_learn() {
        let mut table = clusters(600, 12, 4, 1);
        let mut none = table.with(Vec::new(), 12);
        none.labels.clear();
        super::super::centre(&mut table, &mut none);
        let scores = projected(&table, &principal_axes(&table, 4));
        let expected =
            [0.825_247_444_577_233_3, 0.797_584_368_008_343_2, 0.760_078_515_290_004_9, 0.712_081_020_990_978_7];
        for (component, expected) in expected.into_iter().enumerate() {
            let squares = scores.values.iter().skip(component).step_by(4).map(|&x| f64::from(x) * f64::from(x));
            let found = squares.sum::<f64>() / 599.0;
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        }
    }

    #[test]
    fn data_without_variance_have_axes_too() {
        let table = clusters(10, 4, 2, 1).with(vec![0.0; 40], 4);
        let scores = projected(&table, &principal_axes(&table, 2));
        assert!(scores.columns == 2 && scores.values.iter().all(|&score| score == 0.0));
    }
}
