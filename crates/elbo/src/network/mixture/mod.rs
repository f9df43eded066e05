//! A mixture of normal distributions, as the prior of latent vectors.

pub(crate) mod lanes;

use crate::noise::{Noise, Purpose};
use lanes::{LANES, Lanes, whiten};
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// What the covariance of each component of a mixture may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Covariance {
    /// Each dimension has a variance of its own.
    Diagonal,
    /// Any.
    Full,
}

impl Covariance {
    /// Numbers that say what the covariance of one component is.
    #[must_use]
    pub fn numbers(self, dim: usize) -> usize {
        match self {
            Self::Diagonal => dim,
            Self::Full => dim.saturating_mul(dim.saturating_add(1)) / 2,
        }
    }

    /// Where number `(row, row)` of a triangle stands.
    pub(crate) fn diagonal(self, row: usize) -> usize {
        match self {
            Self::Diagonal => row,
            Self::Full => row * (row + 3) / 2,
        }
    }
}

impl std::fmt::Display for Covariance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Diagonal => "diagonal",
            Self::Full => "full",
        })
    }
}

/// Numbers that make no mixture.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no mixture of normal distributions: {0}")]
pub struct MixtureError(String);

/// A mixture of `K` normal distributions over latent vectors of `Z` numbers:
/// `p(z) = sum over k of w_k N(z; m_k, L_k L_k')`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "MixtureInFile", into = "MixtureInFile")]
pub struct Mixture {
    covariance: Covariance,
    weights: Vec<f64>,
    /// `[K, Z]`.
    means: Vec<f64>,
    /// The triangle `L_k` of each component, row by row, or its diagonal alone.
    scales: Vec<f64>,
    /// The inverse of each triangle, likewise.
    inverses: Vec<f64>,
    /// `ln w_k - Z/2 ln(2 pi) - ln det L_k`.
    constants: Vec<f64>,
}

impl Mixture {
    /// A mixture of components with these weights, `[K]`, and means, `[K, Z]`. `scales` has for each component the lower
    /// triangle `L` of its covariance `L L'`, row by row: `[K, Z (Z + 1) / 2]`, or the diagonal of `L` alone, the standard
    /// deviations: `[K, Z]`.
    ///
    /// # Errors
    /// If there are not so many numbers, one is not finite, weights do not add up to 1, or a diagonal is not above zero.
    pub fn new(
        covariance: Covariance,
        weights: Vec<f64>,
        means: Vec<f64>,
        scales: Vec<f64>,
    ) -> Result<Self, MixtureError> {
        let wrong = |text: String| Err(MixtureError(text));
        let (count, numbers) = (weights.len(), means.len());
        if count == 0 || numbers == 0 || !numbers.is_multiple_of(count) {
            return wrong(format!("{numbers} numbers are no means of {count} components"));
        }
        let dim = numbers / count;
        if covariance.numbers(dim).checked_mul(count) != Some(scales.len()) {
            return wrong(format!("{} numbers for {count} {covariance} covariances of {dim} dimensions", scales.len()));
        }
        if !weights.iter().chain(&means).chain(&scales).all(|number| number.is_finite()) {
            return wrong("a number is not finite".to_owned());
        }
        let sum: f64 = weights.iter().sum();
        if weights.iter().any(|&weight| weight <= 0.0) || (sum - 1.0).abs() > 1e-6 {
            return wrong(format!("weights must be above zero and add up to 1, not {sum}"));
        }
        let (mut inverses, mut constants) = (Vec::with_capacity(scales.len()), Vec::with_capacity(count));
        for (weight, scale) in weights.iter().zip(scales.chunks_exact(covariance.numbers(dim))) {
            let diagonal = |row| scale[covariance.diagonal(row)];
            if (0..dim).any(|row| diagonal(row) < SMALLEST) {
                return wrong(format!("a standard deviation is below {SMALLEST:e}"));
            }
            let log_determinant: f64 = (0..dim).map(|row| libm::log(diagonal(row))).sum();
            constants.push(libm::log(*weight) - 0.5 * dim as f64 * libm::log(TAU) - log_determinant);
            inverses.extend(match covariance {
                Covariance::Diagonal => scale.iter().map(|scale| 1.0 / scale).collect(),
                Covariance::Full => inverse(scale, dim),
            });
        }
        Ok(Self { covariance, weights, means, scales, inverses, constants })
    }

    /// The standard normal distribution, as a mixture of one component.
    ///
    /// # Panics
    /// If `dim` is zero.
    #[must_use]
    pub fn standard(dim: usize) -> Self {
        Self::new(Covariance::Diagonal, vec![1.0], vec![0.0; dim], vec![1.0; dim]).expect("a dimension")
    }

    /// Components `K`.
    #[must_use]
    pub fn components(&self) -> usize {
        self.weights.len()
    }

    /// Dimensions `Z`.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.means.len() / self.weights.len()
    }

    /// What the covariance of each component may be.
    #[must_use]
    pub fn covariance(&self) -> Covariance {
        self.covariance
    }

    /// The weight of each component, `[K]`.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The mean of each component, `[K, Z]`.
    #[must_use]
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// The triangle of each component, as [`Mixture::new`] takes them.
    #[must_use]
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// `ln p(z)` of each latent vector, `[N, Z]`, in nats; NaN where a number is. Numbers beyond the last whole vector are
    /// left out.
    #[must_use]
    pub fn log_density(&self, latents: &[f32]) -> Vec<f64> {
        let dim = self.dim();
        let mut out = Vec::with_capacity(latents.len() / dim);
        let (mut block, mut scratch) = (vec![[0.0; LANES]; dim], vec![[0.0; LANES]; dim]);
        let mut joint = vec![[0.0; LANES]; self.components()];
        for rows in latents.chunks(dim * LANES) {
            let count = rows.len() / dim;
            for (lane, row) in rows.chunks_exact(dim).enumerate() {
                for (numbers, &number) in block.iter_mut().zip(row) {
                    numbers[lane] = f64::from(number);
                }
            }
            out.extend_from_slice(&self.log_density_of(&block, &mut scratch, &mut joint)[..count]);
        }
        out
    }

    /// `ln p(z)` of a block of latent vectors, one a lane; leaves in `joint` what each component has of it,
    /// `ln(w_k N(z; m_k, L_k L_k'))`.
    pub(crate) fn log_density_of(&self, block: &[Lanes], scratch: &mut [Lanes], joint: &mut [Lanes]) -> Lanes {
        let dim = block.len();
        let triangles = self.inverses.chunks_exact(self.covariance.numbers(dim));
        let components = self.means.chunks_exact(dim).zip(triangles).zip(&self.constants);
        for (((mean, inverse), constant), joint) in components.zip(&mut *joint) {
            let squares = whiten(self.covariance, block, mean, inverse, scratch);
            for (joint, square) in joint.iter_mut().zip(squares) {
                *joint = constant - 0.5 * square;
            }
        }
        // ln(sum of exp x) = m + ln(sum of exp(x - m)), where m is the largest x.
        let mut largest = [f64::NEG_INFINITY; LANES];
        for joint in &*joint {
            for (largest, x) in largest.iter_mut().zip(joint) {
                // NaN stays.
                *largest = if *x > *largest || x.is_nan() { *x } else { *largest };
            }
        }
        let mut sums = [0.0; LANES];
        for joint in &*joint {
            for ((sum, x), largest) in sums.iter_mut().zip(joint).zip(&largest) {
                *sum += libm::exp(x - largest);
            }
        }
        std::array::from_fn(|lane| largest[lane] + libm::log(sums[lane]))
    }

    /// Latent vector number `sample` of a seed: `m_k + temperature L_k e`, where component `k` has its weight as
    /// probability, and `e` are the standard normal draws of that sample.
    pub(crate) fn draw(&self, seed: u64, sample: u64, temperature: f64, latent: &mut [f32]) {
        let dim = self.dim();
        let mut share = [0.0];
        Noise::new(seed, Purpose::Generation, COMPONENTS).uniform(sample, 1.0, &mut share);
        let mut left = f64::midpoint(f64::from(share[0]), 1.0);
        let mut component = self.components() - 1;
        for (number, weight) in self.weights.iter().enumerate() {
            if left < *weight {
                component = number;
                break;
            }
            left -= weight;
        }
        let mut noise = vec![0.0; dim];
        Noise::new(seed, Purpose::Generation, 0).normal(sample, &mut noise);
        let size = self.covariance.numbers(dim);
        let (mean, scale) = (&self.means[component * dim..][..dim], &self.scales[component * size..][..size]);
        for (row, latent) in latent.iter_mut().enumerate() {
            let end = self.covariance.diagonal(row);
            let step: f64 = match self.covariance {
                Covariance::Diagonal => scale[row] * f64::from(noise[row]),
                Covariance::Full => {
                    scale[end - row..=end].iter().zip(&noise).map(|(scale, noise)| scale * f64::from(*noise)).sum()
                }
            };
            *latent = (mean[row] + temperature * step) as f32;
        }
    }
}

/// A standard deviation may not be less than this: its inverse must have a square.
const SMALLEST: f64 = 1e-100;

/// The draws of components are those of another epoch than the draws of latent vectors.
const COMPONENTS: u64 = 1;

/// The inverse of a lower triangle, row by row.
fn inverse(triangle: &[f64], dim: usize) -> Vec<f64> {
    let at = |row: usize, column: usize| row * (row + 1) / 2 + column;
    let mut inverse = vec![0.0; triangle.len()];
    for column in 0..dim {
        inverse[at(column, column)] = 1.0 / triangle[at(column, column)];
        for row in column + 1..dim {
            let sum: f64 = (column..row).map(|k| triangle[at(row, k)] * inverse[at(k, column)]).sum();
            inverse[at(row, column)] = -sum / triangle[at(row, row)];
        }
    }
    inverse
}

/// As the file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MixtureInFile {
    covariance: Covariance,
    weights: Vec<f64>,
    means: Vec<f64>,
    scales: Vec<f64>,
}

impl TryFrom<MixtureInFile> for Mixture {
    type Error = MixtureError;
    fn try_from(file: MixtureInFile) -> Result<Self, MixtureError> {
        Self::new(file.covariance, file.weights, file.means, file.scales)
    }
}

impl From<Mixture> for MixtureInFile {
    fn from(mixture: Mixture) -> Self {
        let Mixture { covariance, weights, means, scales, .. } = mixture;
        Self { covariance, weights, means, scales }
    }
}

#[cfg(test)]
mod tests;
