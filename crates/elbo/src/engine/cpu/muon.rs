//! Muon: momentum whose matrices are made orthogonal before they are stepped along.

use crate::network::architecture::LayerShape;
use crate::network::parameters::Parameter;
use elbo_kernels::{Accumulate, Buffer, Direction, Epilogue, Gather, Geometry, Isa, Operand, WeightGradient};
use std::ops::Range;

/// Newton-Schulz iterations.
const ITERATIONS: usize = 5;

/// `X <- X (a + b X'X + c (X'X)^2)`: the polynomial of the source, which takes singular values from (0, 1] to about
/// [0.7, 1.2] soonest.
const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];

/// What keeps the norm of a matrix of zeros from being divided by.
const EPSILON: f32 = 1e-7;

/// Makes the nearest orthogonal matrix of one layer's weights.
///
/// The matrix has a column for each channel of the layer's small side, which is a convolution's output and a transposed
/// convolution's input: a layer and its adjoint have the same matrix. A row is a tap and a channel of the other side.
#[derive(Debug)]
pub(crate) struct Orthogonalizer {
    /// Where the weights lie among all parameters.
    range: Range<usize>,
    /// Each tap's matrix has its rows and columns the other way round in the parameters: `[columns, others]`.
    turned: Option<[usize; 2]>,
    /// `[rows, columns]`, and what becomes of it; in the end the first is the matrix as the weights lie.
    matrix: Buffer,
    product: Buffer,
    gram: WeightGradient,
    times: Gather,
    iteration: Iteration,
}

impl Orthogonalizer {
    /// For the weights `parameter` of a layer.
    pub(crate) fn new(isa: Isa, layer: &LayerShape, parameter: &Parameter) -> Self {
        let LayerShape { direction, c_in, c_out, .. } = *layer;
        let (columns, turned) = match direction {
            Direction::Down => (c_out, None),
            Direction::Up => (c_in, Some([c_in, c_out])),
        };
        let len = parameter.range.len();
        let rows = Geometry::pointwise([len / columns, 1]);
        Self {
            range: parameter.range.clone(),
            turned,
            matrix: Buffer::zeros(len),
            product: Buffer::zeros(len),
            gram: WeightGradient::new(isa, &rows, Direction::Down, columns, columns, 1),
            times: Gather::new(isa, &rows, Direction::Down, columns, columns, 1),
            iteration: Iteration::new(isa, columns),
        }
    }

    /// Where the weights lie among all parameters.
    pub(crate) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Makes the nearest orthogonal matrix of these weights' part of `momentum`, which is of all parameters.
    pub(crate) fn run(&mut self, momentum: &[f32]) {
        let Self { turned, matrix, product, gram, times, iteration, .. } = self;
        let momentum = &momentum[self.range.clone()];
        match *turned {
            None => matrix.copy_from_slice(momentum),
            Some(from) => turn_taps(momentum, from, matrix),
        }
        gram.run(1, matrix, matrix, Accumulate::No, &mut iteration.gram);
        iteration.run();
        times.run(1, matrix, &iteration.packed, Epilogue::Store, product);
        match *turned {
            None => std::mem::swap(matrix, product),
            Some([columns, others]) => turn_taps(product, [others, columns], matrix),
        }
    }

    /// Takes `rate` times the matrix from its weights, which are these.
    fn step(&self, rate: f32, weights: &mut [f32]) {
        for (weight, update) in weights.iter_mut().zip(&*self.matrix) {
            *weight -= rate * update;
        }
    }
}

/// Takes `rate` times each matrix from its weights, on all threads of the pool; `parameters` are those from number
/// `first` on, among which the matrices' weights lie one behind the other.
pub(crate) fn step_all(matrices: &[Orthogonalizer], rate: f32, first: usize, parameters: &mut [f32]) {
    let Some((matrix, matrices)) = matrices.split_first() else { return };
    let (here, after) = parameters.split_at_mut(matrix.range.end - first);
    rayon::join(
        || matrix.step(rate, &mut here[matrix.range.start - first..]),
        || step_all(matrices, rate, matrix.range.end, after),
    );
}

/// The iteration, among matrices `[columns, columns]` alone: there are many more rows than columns.
///
/// With `G = X'X` and the polynomial `Q = a + b G + c G^2` of it, an iteration takes `X` to `X Q`, and so `G` to
/// `Q G Q`. The polynomials of all iterations are multiplied to one matrix `P`, and `X P` is what `X` becomes.
#[derive(Debug)]
struct Iteration {
    columns: usize,
    times: Gather,
    gram: Buffer,
    polynomial: Buffer,
    all: Buffer,
    next: Buffer,
    /// The right-hand side of the product that is next.
    packed: Buffer,
}

impl Iteration {
    fn new(isa: Isa, columns: usize) -> Self {
        let times = Gather::new(isa, &Geometry::pointwise([columns, 1]), Direction::Down, columns, columns, 1);
        let square = || Buffer::zeros(columns * columns);
        let packed = Buffer::zeros(times.packed_len());
        Self { columns, times, gram: square(), polynomial: square(), all: square(), next: square(), packed }
    }

    /// From `X'X` in `gram` to `P`, packed, for `X` of any norm.
    fn run(&mut self) {
        let Self { columns, times, gram, polynomial, all, next, packed } = self;
        let [a, b, c] = COEFFICIENTS;
        // The trace of X'X is the square of the norm of X.
        let norm = gram.iter().step_by(*columns + 1).sum::<f32>().sqrt();
        let scale = 1.0 / (norm + EPSILON);
        for number in &mut **gram {
            *number *= scale * scale;
        }
        for iteration in 0..ITERATIONS {
            times.pack(Operand::Weights, gram, packed);
            times.run(1, gram, packed, Epilogue::Store, polynomial);
            for (square, gram) in polynomial.iter_mut().zip(&**gram) {
                *square = b * gram + c * *square;
            }
            for diagonal in polynomial.iter_mut().step_by(*columns + 1) {
                *diagonal += a;
            }
            times.pack(Operand::Weights, polynomial, packed);
            if iteration == 0 {
                for (all, polynomial) in all.iter_mut().zip(&**polynomial) {
                    *all = scale * polynomial;
                }
            } else {
                times.run(1, all, packed, Epilogue::Store, next);
                std::mem::swap(all, next);
            }
            if iteration + 1 < ITERATIONS {
                times.run(1, gram, packed, Epilogue::Store, next);
                // Q and G commute: `Q G Q` is `(G Q) Q`.
                times.run(1, next, packed, Epilogue::Store, gram);
            }
        }
        times.pack(Operand::Weights, all, packed);
    }
}

/// Turns each tap's `rows x columns` matrix over.
fn turn_taps(from: &[f32], [rows, columns]: [usize; 2], to: &mut [f32]) {
    for (from, to) in from.chunks_exact(rows * columns).zip(to.chunks_exact_mut(rows * columns)) {
        for (row, from) in from.chunks_exact(columns).enumerate() {
            for (to, from) in to[row..].iter_mut().step_by(rows).zip(from) {
                *to = *from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;
    use crate::network::architecture::Architecture;
    use crate::network::parameters::ParameterTable;

    /// Rows of numbers.
    type Matrix = Vec<Vec<f64>>;

    /// The matrix of the layer's weights, entry by entry: `[rows, columns]`.
    fn matrix(layer: &LayerShape, weights: &[f32]) -> Matrix {
        let (c_in, c_out) = (layer.c_in, layer.c_out);
        let (columns, others) = if layer.direction == Direction::Down { (c_out, c_in) } else { (c_in, c_out) };
        let entry = |row: usize, column: usize| {
            let (tap, other) = (row / others, row % others);
            let [input, output] = if layer.direction == Direction::Down { [other, column] } else { [column, other] };
            f64::from(weights[(tap * c_in + input) * c_out + output])
        };
        (0..weights.len() / columns).map(|row| (0..columns).map(|column| entry(row, column)).collect()).collect()
    }

    fn transpose(a: &Matrix) -> Matrix {
        (0..a[0].len()).map(|column| a.iter().map(|row| row[column]).collect()).collect()
    }

    fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
        let columns = transpose(b);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        a.iter().map(|row| columns.iter().map(|column| dot(row, column)).collect()).collect()
    }

    /// `p a + q b`.
    fn combine(p: f64, a: &Matrix, q: f64, b: &Matrix) -> Matrix {
        let rows = a.iter().zip(b);
        rows.map(|(a, b)| a.iter().zip(b).map(|(a, b)| p * a + q * b).collect()).collect()
    }

    /// The square root of the sum of the squares of all entries.
    fn norm(a: &Matrix) -> f64 {
        a.iter().flatten().map(|x| x * x).sum::<f64>().sqrt()
    }

    /// By the norm of `(a'a)^64`, the root of the sum of the 256th powers of all singular values: at most 1.012 times
    /// the largest of 18.
    fn largest_singular_value(a: &Matrix) -> f64 {
        let mut power = multiply(&transpose(a), a);
        for _ in 0..6 {
            power = multiply(&power, &power);
        }
        norm(&power).powf(1.0 / 128.0)
    }

    /// Every layer's matrix, by the definition of the iteration in f64; and its singular values come near 1.
    ///
    /// Once with one singular value far above the others: rounding `X'X`, by some 1e-7 of the largest one's square,
    /// reaches the small ones there.
    #[test]
    fn five_iterations_as_defined() {
        let image = ImageShape { height: 9, width: 12, channels: 3 };
        let architecture = Architecture::new(image, &[5, 18], 4).unwrap();
        let table = ParameterTable::new(&architecture);
        for (smallness, tolerance) in [(1.0, 1e-4), (1e-3, 1e-2)] {
            let noise = |i: usize| smallness * ((i * i) as f32 * 0.37).sin();
            let momentum: Vec<f32> = (0..table.len()).map(|i| 1e-3 * (1.0 - smallness + noise(i))).collect();
            for isa in Isa::available() {
                for (number, layer) in architecture.layers().iter().enumerate() {
                    let range = table.layer(number).0.range.clone();
                    let mut orthogonalizer = Orthogonalizer::new(isa, layer, table.layer(number).0);
                    orthogonalizer.run(&momentum);
                    let mut weights = vec![0.0; table.len()];
                    step_all(&[orthogonalizer], -1.0, 0, &mut weights);

                    let mut exact = matrix(layer, &momentum[range.clone()]);
                    exact = combine(1.0 / norm(&exact), &exact, 0.0, &exact);
                    for _ in 0..ITERATIONS {
                        let gram = multiply(&transpose(&exact), &exact);
                        let [a, b, c] = COEFFICIENTS.map(f64::from);
                        let third = multiply(&exact, &gram);
                        let fifth = multiply(&third, &gram);
                        exact = combine(1.0, &combine(a, &exact, b, &third), c, &fifth);
                    }
                    let found = matrix(layer, &weights[range.clone()]);
                    let difference = combine(1.0, &found, -1.0, &exact);
                    let error = difference.iter().flatten().fold(0.0_f64, |most, x| most.max(x.abs()));
                    assert!(error < tolerance, "{isa}, {}, {smallness}: off by {error}", layer.name);
                    let largest = largest_singular_value(&found);
                    assert!((0.61..1.3).contains(&largest), "{isa}, {}: {largest}", layer.name);
                    assert!(weights[..range.start].iter().chain(&weights[range.end..]).all(|&x| x == 0.0));
                }
            }
        }
    }

    #[test]
    fn no_momentum_moves_nothing() {
        let architecture = Architecture::reference();
        let table = ParameterTable::new(&architecture);
        let mut parameters = vec![0.5; table.len()];
        let mut orthogonalizer = Orthogonalizer::new(Isa::fastest(), &architecture.layers()[1], table.layer(1).0);
        orthogonalizer.run(&vec![0.0; table.len()]);
        step_all(&[orthogonalizer], 0.02, 0, &mut parameters);
        assert_eq!(parameters, vec![0.5; table.len()]);
    }
}
