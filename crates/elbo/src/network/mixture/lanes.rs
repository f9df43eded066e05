//! Latent vectors side by side, so that loops over them become vector instructions.

use super::Covariance;

/// Vectors that are taken at once.
pub(crate) const LANES: usize = 16;

/// The numbers of one dimension of so many vectors.
pub(crate) type Lanes = [f64; LANES];

/// Latent vectors in blocks of [`LANES`].
#[derive(Clone, Debug)]
pub(crate) struct Codes {
    pub(crate) dim: usize,
    pub(crate) count: usize,
    /// `[ceil(N / LANES), Z]`; what stands after the last vector is zero.
    blocks: Vec<Lanes>,
}

impl Codes {
    /// Of `[N, Z]` numbers, those rows that are wanted.
    pub(crate) fn of(rows: &[f32], dim: usize, wanted: impl Fn(usize) -> bool) -> Self {
        let mut codes = Self { dim, count: 0, blocks: Vec::new() };
        for (_, row) in rows.chunks_exact(dim).enumerate().filter(|(number, _)| wanted(*number)) {
            let lane = codes.count % LANES;
            if lane == 0 {
                codes.blocks.resize(codes.blocks.len() + dim, [0.0; LANES]);
            }
            let start = codes.blocks.len() - dim;
            for (numbers, &number) in codes.blocks[start..].iter_mut().zip(row) {
                numbers[lane] = f64::from(number);
            }
            codes.count += 1;
        }
        codes
    }

    /// How many blocks there are.
    pub(crate) fn len(&self) -> usize {
        self.count.div_ceil(LANES)
    }

    /// A block, `[Z]`, and how many vectors it has.
    pub(crate) fn block(&self, number: usize) -> (&[Lanes], usize) {
        (&self.blocks[number * self.dim..][..self.dim], (self.count - number * LANES).min(LANES))
    }

    /// Number `index` of dimension `d`.
    pub(crate) fn at(&self, index: usize, d: usize) -> f64 {
        self.blocks[index / LANES * self.dim + d][index % LANES]
    }
}

/// `|L^-1 (z - m)|^2` of each vector of a block; leaves `z - m` in `differences`.
pub(crate) fn whiten(
    covariance: Covariance,
    block: &[Lanes],
    mean: &[f64],
    inverse: &[f64],
    differences: &mut [Lanes],
) -> Lanes {
    for ((differences, numbers), mean) in differences.iter_mut().zip(block).zip(mean) {
        for (difference, number) in differences.iter_mut().zip(numbers) {
            *difference = number - mean;
        }
    }
    let mut squares = [0.0; LANES];
    for (row, own) in differences.iter().enumerate() {
        let end = covariance.diagonal(row);
        let mut sums = [0.0; LANES];
        match covariance {
            Covariance::Diagonal => add(&mut sums, inverse[end], own),
            Covariance::Full => {
                for (factor, numbers) in inverse[end - row..=end].iter().zip(&*differences) {
                    add(&mut sums, *factor, numbers);
                }
            }
        }
        for (square, sum) in squares.iter_mut().zip(sums) {
            *square += sum * sum;
        }
    }
    squares
}

/// Adds so many times the numbers to sums.
fn add(sums: &mut Lanes, factor: f64, numbers: &Lanes) {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum += factor * number;
    }
}

/// The sum of the products, in an order of its own.
pub(crate) fn dot(a: &Lanes, b: &Lanes) -> f64 {
    let mut sums = [0.0; 4];
    for (a, b) in a.chunks_exact(4).zip(b.chunks_exact(4)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}
