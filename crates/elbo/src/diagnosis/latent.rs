//! What the latent dimensions carry.

use crate::vae::Encoded;

/// A latent dimension is active if the mean that the encoder gives it has a variance above this over images (Burda, Grosse
/// and Salakhutdinov, 2016, section 5.2, who find that dimensions lie far on one side of it or the other).
pub const ACTIVE: f64 = 0.01;

/// What the latent dimensions carry, over some images.
#[derive(Clone, PartialEq, Debug)]
pub struct LatentUse {
    /// The divergence of each dimension from the standard normal, mean over images, in nats, `[Z]`; their sum is the KL of
    /// the loss, unless the prior is a learned mixture.
    pub kl: Vec<f64>,
    /// The variance over images of each dimension's mean, `[Z]`.
    pub variance_of_mean: Vec<f64>,
    /// How far the aggregate posterior is from the prior, in nats: the divergence of the Gaussian with its mean and covariance
    /// from the standard normal, which is a lower bound. None where that has no finite value, or the prior is a learned mixture.
    pub aggregate_distance: Option<f64>,
}

impl LatentUse {
    /// What the latent distributions of some images come to.
    #[must_use]
    pub fn of(encoded: &Encoded) -> Self {
        let (dim, count) = (encoded.latent_dim, encoded.len().max(1) as f64);
        let mut kl = vec![0.0; dim];
        for (means, logvars) in encoded.iter() {
            for ((sum, &mean), &logvar) in kl.iter_mut().zip(means).zip(logvars) {
                let (mean, logvar) = (f64::from(mean), f64::from(logvar));
                *sum += 0.5 * (libm::exp(logvar) + mean * mean - 1.0 - logvar);
            }
        }
        for sum in &mut kl {
            *sum /= count;
        }
        let (mean, covariance) = moments(encoded);
        let variance_of_mean: Vec<f64> = (0..dim).map(|d| covariance[d * dim + d]).collect();
        let aggregate_distance = aggregate_distance(encoded, &mean, covariance);
        Self { kl, variance_of_mean, aggregate_distance }
    }

    /// Latent dimensions `Z`.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.kl.len()
    }

    /// How many dimensions are [`ACTIVE`].
    #[must_use]
    pub fn active(&self) -> usize {
        self.variance_of_mean.iter().filter(|variance| **variance > ACTIVE).count()
    }
}

/// Mean `[Z]` and covariance `[Z, Z]` of the latent means over images, with the divisor `N`.
fn moments(encoded: &Encoded) -> (Vec<f64>, Vec<f64>) {
    let (dim, count) = (encoded.latent_dim, encoded.len().max(1) as f64);
    let mut mean = vec![0.0; dim];
    for (means, _) in encoded.iter() {
        mean.iter_mut().zip(means).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    for sum in &mut mean {
        *sum /= count;
    }
    let mut covariance = vec![0.0; dim * dim];
    let mut centred = vec![0.0; dim];
    for (means, _) in encoded.iter() {
        for ((centred, &value), mean) in centred.iter_mut().zip(means).zip(&mean) {
            *centred = f64::from(value) - mean;
        }
        for (row, a) in covariance.chunks_exact_mut(dim).zip(&centred) {
            row.iter_mut().zip(&centred).for_each(|(sum, b)| *sum += a * b);
        }
    }
    for sum in &mut covariance {
        *sum /= count;
    }
    (mean, covariance)
}

/// The divergence of `N(m, S)` from the standard normal, `(tr S + m'm - Z - ln det S) / 2` in nats, where `m` and `S` are the
/// mean and the covariance of the aggregate posterior, the mixture of the latent distributions of all images: `S` is the
/// covariance of their means plus the mean of their variances on the diagonal.
///
/// The divergence of the aggregate posterior itself is this plus its own from `N(m, S)`, since the logarithm of a ratio of
/// two Gaussians is a quadratic form, whose mean depends on moments alone. So this is a lower bound of how far the images'
/// latent vectors are from those that new images are made from: near zero does not say that the shapes agree, and a large
/// value says that they do not.
fn aggregate_distance(encoded: &Encoded, mean: &[f64], mut covariance: Vec<f64>) -> Option<f64> {
    let (dim, count) = (encoded.latent_dim, encoded.len().max(1) as f64);
    for d in 0..dim {
        let variances = encoded.iter().map(|(_, logvars)| libm::exp(f64::from(logvars[d])));
        covariance[d * dim + d] += variances.sum::<f64>() / count;
    }
    let trace: f64 = (0..dim).map(|d| covariance[d * dim + d]).sum();
    let log_determinant = log_determinant(covariance, dim)?;
    let distance = 0.5 * (trace + mean.iter().map(|m| m * m).sum::<f64>() - dim as f64 - log_determinant);
    // Rounding can leave a hair below zero.
    distance.is_finite().then(|| distance.max(0.0))
}

/// The logarithm of the determinant of a positive definite matrix, by its Cholesky factor; none if it is not.
fn log_determinant(mut matrix: Vec<f64>, dim: usize) -> Option<f64> {
    let mut sum = 0.0;
    for i in 0..dim {
        for j in 0..=i {
            let product: f64 = (0..j).map(|k| matrix[i * dim + k] * matrix[j * dim + k]).sum();
            let rest = matrix[i * dim + j] - product;
            matrix[i * dim + j] = if i == j { rest.sqrt() } else { rest / matrix[j * dim + j] };
        }
        let pivot = matrix[i * dim + i];
        if pivot.is_nan() || pivot <= 0.0 {
            return None;
        }
        sum += 2.0 * libm::log(pivot);
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(rows: &[([f32; 2], [f32; 2])]) -> Encoded {
        let means = rows.iter().flat_map(|(mean, _)| *mean).collect();
        let logvars = rows.iter().flat_map(|(_, variance)| variance.map(f32::ln)).collect();
        Encoded { latent_dim: 2, means, logvars }
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    /// Means (1, 0) and (-1, 2), variances (1, 2) and (3, 2): the mixture has the mean (0, 1) and the covariance
    /// [[1 + 2, -1], [-1, 1 + 2]], of determinant 8. So (6 + 1 - 2 - ln 8) / 2.
    #[test]
    fn a_case_worked_by_hand() {
        let found = LatentUse::of(&encoded(&[([1.0, 0.0], [1.0, 2.0]), ([-1.0, 2.0], [3.0, 2.0])]));
        assert_eq!((found.dim(), found.active(), found.variance_of_mean.clone()), (2, 2, vec![1.0, 1.0]));
        close(found.aggregate_distance.unwrap(), 0.5 * (5.0 - 8.0_f64.ln()));
        close(found.kl[0], 0.5 * (0.5 + (3.0 + 1.0 - 1.0 - 3.0_f64.ln()) / 2.0));
        close(found.kl[1], 0.5 * (2.0 - 1.0 - 2.0_f64.ln() + (4.0) / 2.0));
    }

    /// Where all images have the standard normal, nothing is carried and nothing is far.
    #[test]
    fn nothing_is_carried_where_all_images_have_the_prior() {
        let found = LatentUse::of(&encoded(&[([0.0; 2], [1.0; 2]); 5]));
        assert_eq!((found.active(), found.aggregate_distance), (0, Some(0.0)));
        assert_eq!(found.kl, [0.0; 2]);
    }

    /// A dimension whose variance is at the threshold is not active.
    #[test]
    fn the_threshold_of_activity_is_that_of_the_source() {
        let at = |size: f32| LatentUse::of(&encoded(&[([size, 0.0], [1.0; 2]), ([-size, 0.0], [1.0; 2])])).active();
        assert_eq!([0.0, 0.09, 0.11, 3.0].map(at), [0, 0, 1, 1]);
    }

    #[test]
    fn what_has_no_distance_has_none() {
        let rows = [([f32::NAN, 0.0], [1.0; 2])];
        assert_eq!(LatentUse::of(&encoded(&rows)).aggregate_distance, None);
        let infinite = [([f32::INFINITY, 0.0], [1.0; 2]), ([0.0; 2], [1.0; 2])];
        assert_eq!(LatentUse::of(&encoded(&infinite)).aggregate_distance, None);
    }
}
