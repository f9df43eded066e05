//! Eigenvalues and eigenvectors of a symmetric matrix.
//!
//! Householder reflections make the matrix tridiagonal (Golub and Van Loan, *Matrix Computations*, 4th edition, 8.3.1),
//! steps of the QR algorithm with Wilkinson's shift make that diagonal (8.3.3). Nothing but the four operations and the
//! square root, which are exactly rounded, in one order: the same numbers on every machine.

/// Steps of the QR algorithm for each eigenvalue, at most. Two or three are usual.
const MOST_STEPS: usize = 60;

/// What is zero beside a largest number of 1, and has a square that is not.
const NOTHING: f64 = 1e-150;

/// The eigenvalues of a symmetric matrix, in no order, each with a vector of length 1 at right angles to the others.
///
/// `matrix` is row-major, `size` by `size`, of finite numbers.
pub(crate) fn eigen(mut matrix: Vec<f64>, size: usize) -> Vec<(f64, Vec<f64>)> {
    debug_assert_eq!(matrix.len(), size * size);
    // Sums of squares must neither overflow nor vanish.
    let scale = matrix.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    if scale > 0.0 {
        for x in &mut matrix {
            *x /= scale;
        }
    }
    let mut tridiagonal = Tridiagonal::of(matrix, size);
    tridiagonal.diagonalize();
    let Tridiagonal { diagonal, basis, .. } = tridiagonal;
    diagonal.into_iter().map(|value| value * scale).zip(basis).collect()
}

/// A symmetric matrix with zeros everywhere but on its diagonal and beside it, in the basis whose vectors are the rows
/// of `basis`.
struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Number `i` is in row `i` and column `i + 1`, and in row `i + 1` and column `i`.
    beside: Vec<f64>,
    basis: Vec<Vec<f64>>,
}

impl Tridiagonal {
    fn of(mut matrix: Vec<f64>, size: usize) -> Self {
        let axis = |i: usize| (0..size).map(|j| f64::from(u8::from(i == j))).collect();
        let mut basis: Vec<Vec<f64>> = (0..size).map(axis).collect();
        let mut beside = Vec::with_capacity(size);
        for k in 1..size {
            // A reflection of the coordinates from `k` on takes what is left of column `k - 1` to the first of them.
            let mut normal: Vec<f64> = (k..size).map(|row| matrix[row * size + k - 1]).collect();
            let length = dot(&normal, &normal).sqrt();
            let image = if normal[0] > 0.0 { -length } else { length };
            beside.push(image);
            normal[0] -= image;
            let square = dot(&normal, &normal);
            if square == 0.0 {
                continue;
            }
            let rest = |row: usize| row * size + k..(row + 1) * size;
            let mut change: Vec<f64> = (k..size).map(|row| 2.0 / square * dot(&matrix[rest(row)], &normal)).collect();
            let along = dot(&change, &normal) / square;
            add(&mut change, -along, &normal);
            for (row, (n, c)) in (k..size).zip(normal.iter().zip(&change)) {
                let row = &mut matrix[rest(row)];
                add(row, -n, &change);
                add(row, -c, &normal);
            }
            let mut sum = vec![0.0; size];
            for (n, vector) in normal.iter().zip(&basis[k..]) {
                add(&mut sum, *n, vector);
            }
            for (n, vector) in normal.iter().zip(&mut basis[k..]) {
                add(vector, -2.0 * n / square, &sum);
            }
        }
        Self { diagonal: (0..size).map(|i| matrix[i * size + i]).collect(), beside, basis }
    }

    /// Makes what is beside the diagonal vanish, last number first.
    fn diagonalize(&mut self) {
        for _ in 0..MOST_STEPS * self.diagonal.len() {
            for (i, beside) in self.beside.iter_mut().enumerate() {
                let size = self.diagonal[i].abs() + self.diagonal[i + 1].abs();
                if beside.abs() <= (f64::EPSILON * size).max(NOTHING) {
                    *beside = 0.0;
                }
            }
            let Some(last) = self.beside.iter().rposition(|&beside| beside != 0.0) else { return };
            let first = self.beside[..last].iter().rposition(|&beside| beside == 0.0).map_or(0, |zero| zero + 1);
            self.step(first, last + 1);
        }
    }

    /// One step on rows `first..=last`, which nothing joins to others.
    fn step(&mut self, first: usize, last: usize) {
        let Self { diagonal, beside, basis } = self;
        // The eigenvalue of the last two rows that is nearer to the last number.
        let half = (diagonal[last - 1] - diagonal[last]) / 2.0;
        let join = beside[last - 1];
        let root = (half * half + join * join).sqrt();
        let shift = diagonal[last] - join * join / (half + if half < 0.0 { -root } else { root });

        let (mut x, mut bulge) = (diagonal[first] - shift, beside[first]);
        for k in first..last {
            let length = (x * x + bulge * bulge).sqrt();
            let (cos, sin) = if length > 0.0 { (x / length, bulge / length) } else { (1.0, 0.0) };
            if k > first {
                beside[k - 1] = length;
            }
            let (a, b, c) = (diagonal[k], beside[k], diagonal[k + 1]);
            diagonal[k] = cos * cos * a + 2.0 * cos * sin * b + sin * sin * c;
            diagonal[k + 1] = sin * sin * a - 2.0 * cos * sin * b + cos * cos * c;
            beside[k] = (cos * cos - sin * sin) * b + cos * sin * (c - a);
            if k + 1 < last {
                x = beside[k];
                bulge = sin * beside[k + 1];
                beside[k + 1] *= cos;
            }
            let [one, other] = &mut basis[k..k + 2] else { unreachable!("two vectors") };
            for (p, q) in one.iter_mut().zip(other) {
                (*p, *q) = (cos * *p + sin * *q, cos * *q - sin * *p);
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Adds `factor` times `b` to `a`.
fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A symmetric matrix of entries in [-1, 1).
    fn noise(size: usize) -> Vec<f64> {
        let entry = |i: usize, j: usize| ((i.min(j) * 7919 + i.max(j) * 104_729) as f64 * 0.618).sin();
        (0..size * size).map(|at| entry(at / size, at % size)).collect()
    }

    /// Asserts that the vectors are orthonormal, and that the matrix is the sum of `value vector vector'`; returns the
    /// values, ascending.
    fn checked(matrix: &[f64], size: usize) -> Vec<f64> {
        let found = eigen(matrix.to_vec(), size);
        let largest = matrix.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
        // A rounding error for each of the 2 n operations on a number, seldom all in one direction.
        let tolerance = 2.0 * size as f64 * f64::EPSILON;
        assert_eq!(found.len(), size);
        for (i, (_, a)) in found.iter().enumerate() {
            for (j, (_, b)) in found.iter().enumerate() {
                let error = (dot(a, b) - f64::from(u8::from(i == j))).abs();
                assert!(error <= tolerance, "{size}: vectors {i} and {j} are off by {error}");
            }
        }
        for row in 0..size {
            for column in 0..size {
                let sum: f64 = found.iter().map(|(value, vector)| value * vector[row] * vector[column]).sum();
                let error = (sum - matrix[row * size + column]).abs();
                // Entries of the sum are as large as the values, up to `size` times the largest entry.
                assert!(
                    error <= tolerance * largest * (size as f64).sqrt(),
                    "{size}: ({row}, {column}) is off by {error}"
                );
            }
        }
        let mut values: Vec<f64> = found.into_iter().map(|(value, _)| value).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn any_matrix_is_the_sum_of_what_it_is_taken_apart_to() {
        for size in (0..=20).chain([33, 64, 100, 256]) {
            let values = checked(&noise(size), size);
            let trace: f64 = (0..size).map(|i| noise(size)[i * size + i]).sum();
            assert!((values.iter().sum::<f64>() - trace).abs() <= 1e-12 * size as f64);
        }
    }

    /// -1 beside a diagonal of 2 has the eigenvalues 2 - 2 cos(k pi / (n + 1)) for k from 1 to n.
    #[test]
    fn second_differences() {
        for size in [1, 2, 3, 10, 50] {
            let entry = |i: usize, j: usize| [2.0, -1.0].get(i.abs_diff(j)).copied().unwrap_or(0.0);
            let matrix: Vec<f64> = (0..size * size).map(|at| entry(at / size, at % size)).collect();
            for (k, value) in checked(&matrix, size).into_iter().enumerate() {
                let exact = 2.0 - 2.0 * ((k + 1) as f64 * std::f64::consts::PI / (size + 1) as f64).cos();
                assert!((value - exact).abs() < 1e-13, "{size}: {value}, not {exact}");
            }
        }
    }

    /// Values that are equal, of which all but one are zero, and none.
    #[test]
    fn values_that_are_equal() {
        let size = 12;
        let identity: Vec<f64> = (0..size * size).map(|at| f64::from(u8::from(at / size == at % size))).collect();
        assert_eq!(checked(&identity, size), vec![1.0; size]);
        let ones = checked(&vec![1.0; size * size], size);
        assert!((ones[size - 1] - 12.0).abs() < 1e-13 && ones[..size - 1].iter().all(|value| value.abs() < 1e-13));
        let zeros = eigen(vec![0.0; size * size], size);
        assert!(zeros.iter().enumerate().all(|(i, (value, vector))| *value == 0.0 && vector[i] == 1.0));
    }

    /// Blocks that nothing joins, and sizes far apart.
    #[test]
    fn blocks_and_scales() {
        let size = 9;
        for scale in [1.0, 1e-150, 1e150] {
            let mut matrix = noise(size);
            for (at, x) in matrix.iter_mut().enumerate() {
                let (row, column) = (at / size, at % size);
                *x *= if row / 3 == column / 3 { scale * 10.0_f64.powi(-2 * (row / 3) as i32) } else { 0.0 };
            }
            checked(&matrix, size);
        }
        checked(&[1.0, 0.0, 0.0, 0.0, 0.0, 1e-170, 0.0, 1e-170, 0.0], 3);
    }
}
