//! A mixture fitted to codes: k-means++ to begin with, then expectation and maximisation.
//!
//! Expectation-maximisation is Dempster, Laird and Rubin's (1977); its steps for a mixture of normal distributions are
//! written out in Bishop, *Pattern Recognition and Machine Learning* (2006), section 9.2.2. Everything is in `f64` and
//! summed over a fixed number of parts in a fixed order, so that the bits do not depend on the number of threads.

use crate::network::mixture::lanes::{Codes, LANES, Lanes, dot};
use crate::network::mixture::{Covariance, Mixture};
use crate::noise::Noise;
use rayon::prelude::*;

/// What is added to each variance, so that no component shrinks to a point. Latent vectors have a variance of about 1.
const FLOOR: f64 = 1e-4;

/// Codes that a component holds at least, in sum: one that nobody belongs to has none to be made of.
const LEAST: f64 = 1e-3;

/// Parts over which sums are made, each by one thread.
const PARTS: usize = 32;

/// What a component would have of a code, below which it has nothing of it.
const NOTHING: f64 = 1e-12;

/// When fitting ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Steps at most.
    pub(super) steps: usize,
    /// Gain of a step in nats a code, below which it was the last.
    pub(super) gain: f64,
}

/// A mixture of so many components fitted to codes, of which there must be one at least.
pub(super) fn fit(codes: &Codes, components: usize, covariance: Covariance, noise: &Noise, limits: Limits) -> Mixture {
    let centres = centres(codes, components.min(codes.count), noise);
    let nearest = |mixture: Option<&Mixture>| expect(codes, components.min(codes.count), covariance, mixture, &centres);
    let mut mixture = nearest(None).mixture(covariance, &centres, codes.dim);
    let mut before = f64::NEG_INFINITY;
    for _ in 0..limits.steps {
        let sums = nearest(Some(&mixture));
        let likelihood = sums.likelihood / codes.count as f64;
        mixture = sums.mixture(covariance, mixture.means(), codes.dim);
        if likelihood - before < limits.gain {
            break;
        }
        before = likelihood;
    }
    mixture
}

/// The mean of `ln p(z)` over codes, in nats.
pub(super) fn mean_log_density(mixture: &Mixture, codes: &Codes) -> f64 {
    let work = |blocks: std::ops::Range<usize>| {
        let (mut scratch, mut joint) = (vec![[0.0; LANES]; codes.dim], vec![[0.0; LANES]; mixture.components()]);
        let mut sum = 0.0;
        for number in blocks {
            let (block, count) = codes.block(number);
            sum += mixture.log_density_of(block, &mut scratch, &mut joint)[..count].iter().sum::<f64>();
        }
        sum
    };
    parts(codes).into_par_iter().map(work).collect::<Vec<f64>>().into_iter().sum::<f64>() / codes.count as f64
}

/// Blocks of codes in [`PARTS`] parts.
fn parts(codes: &Codes) -> Vec<std::ops::Range<usize>> {
    let blocks = codes.len();
    (0..PARTS).map(|part| part * blocks / PARTS..(part + 1) * blocks / PARTS).collect()
}

/// Codes to begin with, `[K, Z]`: each is chosen with a probability that grows with the square of its distance to the
/// nearest one so far (Arthur and Vassilvitskii, 2007).
fn centres(codes: &Codes, components: usize, noise: &Noise) -> Vec<f64> {
    let mut shares = vec![0.0; components];
    noise.uniform(0, 1.0, &mut shares);
    let mut distances = vec![1.0; codes.count];
    let mut centres = Vec::with_capacity(components * codes.dim);
    for share in shares {
        let total: f64 = distances.iter().sum();
        let mut left = f64::midpoint(f64::from(share), 1.0) * total;
        let beyond = distances.iter().position(|distance| {
            left -= distance;
            left < 0.0
        });
        // Rounding, or codes that are all alike.
        let chosen = beyond.unwrap_or(codes.count - 1);
        let centre: Vec<f64> = (0..codes.dim).map(|d| codes.at(chosen, d)).collect();
        let is_first = centres.is_empty();
        for (number, part) in distances.chunks_mut(LANES).enumerate() {
            let squares = distance(codes.block(number).0, &centre);
            for (distance, square) in part.iter_mut().zip(squares) {
                *distance = if is_first { square } else { distance.min(square) };
            }
        }
        centres.extend(centre);
    }
    centres
}

/// The square of each code's distance to a point.
fn distance(block: &[Lanes], point: &[f64]) -> Lanes {
    let mut squares = [0.0; LANES];
    for (numbers, point) in block.iter().zip(point) {
        for (square, number) in squares.iter_mut().zip(numbers) {
            *square += (number - point) * (number - point);
        }
    }
    squares
}

/// What a step needs to know of all codes: sums over the shares that each component has of them.
struct Sums {
    /// Of the shares, `[K]`.
    shares: Vec<f64>,
    /// Of differences to the component's last mean, `[K, Z]`.
    first: Vec<f64>,
    /// Of products of two differences: a triangle or its diagonal for each component.
    second: Vec<f64>,
    /// Of `ln p(z)`.
    likelihood: f64,
}

/// The sums by a mixture; without one, each code belongs to the nearest of `centres`.
fn expect(
    codes: &Codes,
    components: usize,
    covariance: Covariance,
    mixture: Option<&Mixture>,
    centres: &[f64],
) -> Sums {
    let dim = codes.dim;
    let size = covariance.numbers(dim);
    // A step may have left out some.
    let components = mixture.map_or(components, Mixture::components);
    let means = mixture.map_or(centres, Mixture::means);
    let work = |blocks: std::ops::Range<usize>| {
        let mut sums = Sums {
            shares: vec![0.0; components],
            first: vec![0.0; components * dim],
            second: vec![0.0; components * size],
            likelihood: 0.0,
        };
        let (mut scratch, mut shares) = (vec![[0.0; LANES]; dim], vec![[0.0; LANES]; components]);
        for number in blocks {
            let (block, count) = codes.block(number);
            match mixture {
                None => nearest(block, centres, &mut shares),
                Some(mixture) => {
                    let densities = mixture.log_density_of(block, &mut scratch, &mut shares);
                    sums.likelihood += densities[..count].iter().sum::<f64>();
                    for shares in &mut shares {
                        for (share, density) in shares.iter_mut().zip(&densities) {
                            *share = libm::exp(*share - density);
                        }
                    }
                }
            }
            for (component, shares) in shares.iter_mut().enumerate() {
                shares[count..].fill(0.0);
                if shares.iter().all(|&share| share < NOTHING) {
                    continue;
                }
                sums.shares[component] += shares.iter().sum::<f64>();
                let mean = &means[component * dim..][..dim];
                for ((differences, numbers), mean) in scratch.iter_mut().zip(block).zip(mean) {
                    for (difference, number) in differences.iter_mut().zip(numbers) {
                        *difference = number - mean;
                    }
                }
                let first = &mut sums.first[component * dim..][..dim];
                let mut second = sums.second[component * size..][..size].iter_mut();
                for (row, first) in first.iter_mut().enumerate() {
                    let weighted: Lanes = std::array::from_fn(|lane| shares[lane] * scratch[row][lane]);
                    *first += weighted.iter().sum::<f64>();
                    let columns = if covariance == Covariance::Full { 0..=row } else { row..=row };
                    for (differences, second) in scratch[columns].iter().zip(&mut second) {
                        *second += dot(&weighted, differences);
                    }
                }
            }
        }
        sums
    };
    let parts: Vec<Sums> = parts(codes).into_par_iter().map(work).collect();
    let mut parts = parts.into_iter();
    let mut total = parts.next().expect("a fixed number of parts");
    for part in parts {
        total.likelihood += part.likelihood;
        for (total, part) in
            [(&mut total.shares, &part.shares), (&mut total.first, &part.first), (&mut total.second, &part.second)]
        {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        }
    }
    total
}

/// Leaves a share of 1 to the nearest centre of each code, the first of those that are equally near.
fn nearest(block: &[Lanes], centres: &[f64], shares: &mut [Lanes]) {
    let (mut least, mut chosen) = ([f64::INFINITY; LANES], [0; LANES]);
    for (component, centre) in centres.chunks_exact(block.len()).enumerate() {
        for (lane, square) in distance(block, centre).into_iter().enumerate() {
            if square < least[lane] {
                (least[lane], chosen[lane]) = (square, component);
            }
        }
    }
    for (component, shares) in shares.iter_mut().enumerate() {
        *shares = std::array::from_fn(|lane| f64::from(u8::from(chosen[lane] == component)));
    }
}

impl Sums {
    /// The mixture that is likeliest by these shares; `before` are the means that the sums are about.
    fn mixture(&self, covariance: Covariance, before: &[f64], dim: usize) -> Mixture {
        let size = covariance.numbers(dim);
        let kept: Vec<usize> = (0..self.shares.len()).filter(|&component| self.shares[component] > LEAST).collect();
        let total: f64 = kept.iter().map(|&component| self.shares[component]).sum();
        let (mut weights, mut means, mut scales) = (Vec::new(), Vec::new(), Vec::new());
        for component in kept {
            let share = self.shares[component];
            weights.push(share / total);
            let moves: Vec<f64> = self.first[component * dim..][..dim].iter().map(|sum| sum / share).collect();
            means.extend(before[component * dim..].iter().zip(&moves).map(|(mean, step)| mean + step));
            let mut matrix: Vec<f64> = self.second[component * size..][..size].iter().map(|sum| sum / share).collect();
            let mut number = 0;
            for row in 0..dim {
                let first = if covariance == Covariance::Full { 0 } else { row };
                for column in first..=row {
                    matrix[number] -= moves[row] * moves[column];
                    number += 1;
                }
                matrix[number - 1] = matrix[number - 1].max(0.0) + FLOOR;
            }
            match covariance {
                Covariance::Diagonal => matrix.iter_mut().for_each(|variance| *variance = variance.sqrt()),
                Covariance::Full => cholesky(&mut matrix, dim),
            }
            scales.extend(matrix);
        }
        Mixture::new(covariance, weights, means, scales).expect("sums of finite codes")
    }
}

/// Puts the triangle `L` in the place of the lower half of `L L'`, row by row (Golub and Van Loan, *Matrix Computations*,
/// 4th edition, 4.2.5). Where rounding has left nothing of a variance, it is [`FLOOR`].
fn cholesky(matrix: &mut [f64], dim: usize) {
    let at = |row: usize, column: usize| row * (row + 1) / 2 + column;
    for row in 0..dim {
        for column in 0..=row {
            let sum: f64 = (0..column).map(|k| matrix[at(row, k)] * matrix[at(column, k)]).sum();
            let rest = matrix[at(row, column)] - sum;
            matrix[at(row, column)] =
                if row == column { rest.max(FLOOR / 2.0).sqrt() } else { rest / matrix[at(column, column)] };
        }
    }
}

#[cfg(test)]
mod tests;
