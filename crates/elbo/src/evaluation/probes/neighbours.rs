//! The nearest neighbours of rows, exactly.
//!
//! Distances come from products of blocks of rows in f32, `|a - b|^2 = |a|^2 - 2 a b + |b|^2`, whose rounding is bounded:
//! what may be among the nearest within that bound is measured again in f64.

use super::Table;
use elbo_kernels::{Matrix, product};
use rayon::prelude::*;

/// Rows of each side of a product.
const BLOCK: [usize; 2] = [64, 1024];
/// Candidates of a row are gone through when there are so many.
const MANY: usize = 256;
/// Half the distance from 1 to the next `f32`.
const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// The class of each row of `tried`, as most of the `count` nearest rows of `known` have it; the one with the smallest
/// number where several have as many votes.
pub(super) fn predicted(known: &Table, tried: &Table, count: usize) -> Vec<u16> {
    nearest(known, tried, count).iter().map(|rows| vote(rows.iter().map(|&row| known.labels[row]))).collect()
}

/// The `count` rows of `known` that are nearest to each row of `tried`, the nearest first; of equally near ones the first.
fn nearest(known: &Table, tried: &Table, count: usize) -> Vec<Vec<usize>> {
    let columns = known.columns;
    let norms: Vec<f64> = known.values.par_chunks_exact(columns).map(square).collect();
    let rounded: Vec<f32> = norms.iter().map(|&norm| norm as f32).collect();
    let longest = norms.iter().copied().fold(0.0, f64::max).sqrt();
    tried
        .values
        .par_chunks(BLOCK[0] * columns)
        .flat_map_iter(|rows| {
            let mut found: Vec<Candidates> = rows
                .chunks_exact(columns)
                .map(|row| Candidates::new(count, bound(columns, square(row).sqrt(), longest)))
                .collect();
            let mut products = vec![0.0; rows.len() / columns * BLOCK[1]];
            for (number, block) in known.values.chunks(BLOCK[1] * columns).enumerate() {
                let width = block.len() / columns;
                let products = &mut products[..rows.len() / columns * width];
                product(Matrix::new(rows, columns), Matrix::new(block, columns).transposed(), products);
                let first = number * BLOCK[1];
                let norms = &rounded[first..][..width];
                for (products, found) in products.chunks_exact(width).zip(&mut found) {
                    for (position, (norm, product)) in norms.iter().zip(products).enumerate() {
                        found.offer(norm - 2.0 * product, first + position);
                    }
                }
            }
            let exact = rows.chunks_exact(columns).zip(found);
            exact.map(|(row, found)| found.nearest(row, known)).collect::<Vec<_>>()
        })
        .collect()
}

/// How far `|b|^2 - 2 a b` may be off in f32: `columns` products are summed in `a b`, with an error of at most
/// `columns UNIT |a| |b|` to first order, by Cauchy's inequality; the norm, the difference and a little more are rounded once
/// each.
fn bound(columns: usize, a: f64, b: f64) -> f32 {
    let rounded = 4.0 * UNIT * (b * b + 2.0 * a * b);
    (1.01 * (2.0 * (columns as f64 + 1.0) * UNIT * a * b + rounded)) as f32 + f32::MIN_POSITIVE
}

/// Rows that may be among the nearest to one.
struct Candidates {
    count: usize,
    /// Twice how far a distance may be off.
    margin: f32,
    /// What is above it is not among the nearest.
    limit: f32,
    rows: Vec<(f32, usize)>,
}

impl Candidates {
    fn new(count: usize, bound: f32) -> Self {
        Self { count, margin: 2.0 * bound, limit: f32::INFINITY, rows: Vec::new() }
    }

    #[inline]
    fn offer(&mut self, distance: f32, row: usize) {
        if distance <= self.limit {
            self.rows.push((distance, row));
            if self.rows.len() >= MANY.max(4 * self.count) {
                self.sift();
            }
        }
    }

    /// Lets those go that are not among the nearest.
    fn sift(&mut self) {
        if self.rows.len() > self.count && self.count > 0 {
            let mut distances: Vec<f32> = self.rows.iter().map(|row| row.0).collect();
            let (_, last, _) = distances.select_nth_unstable_by(self.count - 1, f32::total_cmp);
            self.limit = *last + self.margin;
            self.rows.retain(|row| row.0 <= self.limit);
        }
    }

    /// The nearest, by distances in f64.
    fn nearest(mut self, row: &[f32], known: &Table) -> Vec<usize> {
        self.sift();
        let distance = |&(_, at): &(f32, usize)| {
            let other = &known.values[at * known.columns..][..known.columns];
            let squares =
                row.iter().zip(other).map(|(&a, &b)| (f64::from(a) - f64::from(b)) * (f64::from(a) - f64::from(b)));
            (squares.sum::<f64>(), at)
        };
        let mut exact: Vec<(f64, usize)> = self.rows.iter().map(distance).collect();
        exact.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        exact.truncate(self.count);
        exact.into_iter().map(|(_, at)| at).collect()
    }
}

fn square(row: &[f32]) -> f64 {
    row.iter().map(|&value| f64::from(value) * f64::from(value)).sum()
}

/// The class with the most votes.
fn vote(classes: impl Iterator<Item = u16>) -> u16 {
    let mut votes: Vec<(u16, usize)> = Vec::new();
    for class in classes {
        match votes.iter_mut().find(|vote| vote.0 == class) {
            Some(vote) => vote.1 += 1,
            None => votes.push((class, 1)),
        }
    }
    votes.sort_unstable();
    // The last of equal maxima is the first of the reversed.
    votes.into_iter().rev().max_by_key(|vote| vote.1).map_or(u16::MAX, |vote| vote.0)
}

#[cfg(test)]
mod tests {
    use super::super::clusters::clusters;
    use super::*;

    /// By the definition, in f64.
    fn plain(known: &Table, tried: &Table, count: usize) -> Vec<Vec<usize>> {
        let columns = known.columns;
        tried
            .values
            .chunks(columns)
            .map(|row| {
                let mut all: Vec<(f64, usize)> = known
                    .values
                    .chunks(columns)
                    .enumerate()
                    .map(|(at, other)| {
                        (row.iter().zip(other).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum(), at)
                    })
                    .collect();
                all.sort_by(|a, b| a.partial_cmp(b).unwrap());
                all.into_iter().take(count).map(|(_, at)| at).collect()
            })
            .collect()
    }

    #[test]
    fn the_nearest_are_those_of_the_definition() {
        for (rows, columns, count) in [(1, 1, 1), (3, 2, 5), (2500, 3, 5), (1300, 40, 5), (700, 7, 100)] {
            let (known, tried) = (clusters(rows, columns, 4, 7), clusters(130, columns, 4, 8));
            assert_eq!(nearest(&known, &tried, count), plain(&known, &tried, count), "{rows} {columns} {count}");
        }
    }

    #[test]
    fn near_and_equal_rows_far_from_the_origin_are_told_apart() {
        // Differences of a few ulps at a distance of 1000: products of f32 alone cannot tell them.
        let value = |i: usize| 1000.0 + (i * 37 % 101) as f32 * 6.2e-5;
        let table = |rows: usize, step: usize| Table {
            values: (0..rows * 2).map(|i| value(i * step)).collect(),
            columns: 2,
            labels: vec![0; rows],
        };
        let (known, tried) = (table(2000, 1), table(50, 3));
        assert_eq!(nearest(&known, &tried, 5), plain(&known, &tried, 5));
    }

    /// `tests/golden/make_evaluation.py`.
    #[test]
    fn votes_are_those_of_scikit_learn() {
        for (columns, expected) in [(3, 93), (12, 122)] {
            let (known, tried) = (clusters(600, columns, 4, 1), clusters(250, columns, 4, 2));
            let right = predicted(&known, &tried, 5).iter().zip(&tried.labels).filter(|(a, b)| a == b).count();
            assert_eq!(right, expected, "{columns}");
        }
        assert_eq!([vote([3, 1, 1, 3, 2].into_iter()), vote([4, 2].into_iter()), vote([7].into_iter())], [1, 2, 7]);
    }
}
