//! What is done with codes: the way from one to another, along a dimension, sums and differences.

use super::{Encoded, Images, LatentError, Vae};
use crate::dataset::Dataset;
use crate::dataset::class::ClassError;
use crate::error::Error;

/// Which way leads from one latent vector to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Path {
    /// A straight line: `(1 - t) a + t b`.
    #[default]
    Linear,
    /// An arc on which the length changes evenly as the direction turns (Shoemake, *Animating Rotation with Quaternion
    /// Curves*, 1985; for latent spaces White, *Sampling Generative Networks*, 2016). Where the two have the same
    /// direction, or opposite ones, it is the line.
    Spherical,
}

impl Path {
    /// `steps` latent vectors from `a` to `b`, both among them, `[steps, Z]`; of one step, `a` alone.
    ///
    /// # Errors
    /// [`LatentError::Partial`] if the two are not of one length, [`LatentError::TooMany`] if they do not fit in memory.
    pub fn between(self, a: &[f32], b: &[f32], steps: usize) -> Result<Vec<f32>, LatentError> {
        let dim = a.len();
        if b.len() != dim {
            return Err(LatentError::Partial { numbers: b.len(), dim });
        }
        let numbers = dim.checked_mul(steps).filter(|numbers| numbers.checked_mul(4).is_some());
        let mut out = Vec::new();
        if numbers.is_none_or(|numbers| out.try_reserve_exact(numbers).is_err()) {
            return Err(LatentError::TooMany { start: 0, count: steps });
        }
        let angle = angle(a, b);
        for step in 0..steps {
            let t = step as f64 / steps.saturating_sub(1).max(1) as f64;
            let [of_a, of_b] = match (self, angle) {
                (Self::Spherical, Some(angle)) => [1.0 - t, t].map(|share| libm::sin(share * angle) / libm::sin(angle)),
                _ => [1.0 - t, t],
            };
            out.extend(a.iter().zip(b).map(|(&a, &b)| (of_a * f64::from(a) + of_b * f64::from(b)) as f32));
        }
        Ok(out)
    }
}

/// Sines below this are no arc to speak of.
const FLAT: f64 = 1e-6;

/// The angle between two vectors, unless it is nothing or half a turn, or a vector is zero.
fn angle(a: &[f32], b: &[f32]) -> Option<f64> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    let cosine = dot(a, b) / lengths;
    let angle = libm::acos(cosine.clamp(-1.0, 1.0));
    (lengths > 0.0 && libm::sin(angle) > FLAT).then_some(angle)
}

/// A sum of codes, each so many times: `[Z]`, added in `f64`.
///
/// # Errors
/// [`LatentError::Partial`] if they are not of one length.
pub fn sum_of_codes(terms: &[(f64, &[f32])]) -> Result<Vec<f32>, LatentError> {
    let dim = terms.first().map_or(0, |(_, code)| code.len());
    let mut sum = vec![0.0; dim];
    for (factor, code) in terms {
        if code.len() != dim {
            return Err(LatentError::Partial { numbers: code.len(), dim });
        }
        sum.iter_mut().zip(*code).for_each(|(sum, &number)| *sum += factor * f64::from(number));
    }
    Ok(sum.into_iter().map(|number| number as f32).collect())
}

/// One latent dimension, and how much a model says with it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Dimension {
    /// Its number, from 0.
    pub number: usize,
    /// Mean divergence of its latent distributions from the standard normal, in nats per image.
    pub kl: f64,
}

impl Encoded {
    /// The mean of the codes, `[Z]`: what images have in common. Zero for none.
    #[must_use]
    pub fn centre(&self) -> Vec<f32> {
        let mut sums = vec![0.0; self.latent_dim];
        for (mean, _) in self.iter() {
            sums.iter_mut().zip(mean).for_each(|(sum, &number)| *sum += f64::from(number));
        }
        sums.into_iter().map(|sum| (sum / self.len().max(1) as f64) as f32).collect()
    }

    /// All dimensions, that with the most to say first: by the mean over images of
    /// `(mean^2 + variance - 1 - ln variance) / 2` (Kingma and Welling, 2014, appendix B).
    #[must_use]
    pub fn dimensions(&self) -> Vec<Dimension> {
        let mut sums = vec![0.0; self.latent_dim];
        for (mean, logvar) in self.iter() {
            for ((sum, &mean), &logvar) in sums.iter_mut().zip(mean).zip(logvar) {
                let (mean, logvar) = (f64::from(mean), f64::from(logvar));
                *sum += 0.5 * (mean * mean + libm::expm1(logvar) - logvar);
            }
        }
        let count = self.len().max(1) as f64;
        let mut dimensions: Vec<Dimension> =
            sums.into_iter().enumerate().map(|(number, sum)| Dimension { number, kl: sum / count }).collect();
        dimensions.sort_by(|a, b| b.kl.total_cmp(&a.kl));
        dimensions
    }
}

impl Vae {
    /// The images on the way from one latent vector to another; of a conditional model all are of this class.
    ///
    /// # Errors
    /// As [`Path::between`] and [`Vae::decode`].
    pub fn interpolate(
        &self,
        a: &[f32],
        b: &[f32],
        steps: usize,
        path: Path,
        class: Option<u16>,
    ) -> Result<Images, Error> {
        let latents = path.between(a, b, steps)?;
        self.decode(&latents, class.map(|class| vec![class; steps]).as_deref())
    }

    /// The images of latent vectors that are `code` but for one dimension each, which takes the given values: one after the
    /// other for the first of `dimensions`, then for the next. Of a conditional model all are of this class.
    ///
    /// # Errors
    /// As [`Vae::decode`]; [`LatentError::Partial`] if there is no such dimension.
    pub fn traverse(
        &self,
        code: &[f32],
        dimensions: &[usize],
        values: &[f32],
        class: Option<u16>,
    ) -> Result<Images, Error> {
        let mut latents = Vec::with_capacity(dimensions.len() * values.len() * code.len());
        for &dimension in dimensions {
            for &value in values {
                let start = latents.len();
                latents.extend_from_slice(code);
                let Some(number) = latents[start..].get_mut(dimension) else {
                    return Err(LatentError::Partial { numbers: dimension, dim: code.len() }.into());
                };
                *number = value;
            }
        }
        let count = dimensions.len() * values.len();
        self.decode(&latents, class.map(|class| vec![class; count]).as_deref())
    }

    /// The latent distributions of images as those of one class of a conditional model, whatever labels they have.
    ///
    /// # Errors
    /// As [`Vae::encode`], and if the model is not conditional or there is no such class.
    pub fn encode_as(&self, images: &Dataset, class: u16) -> Result<Encoded, Error> {
        let names = self.card().classes.clone();
        if names.is_empty() {
            return Err(ClassError::NotConditional.into());
        }
        if usize::from(class) >= names.len() {
            return Err(ClassError::Unknown { found: class.to_string(), classes: names }.into());
        }
        let labels = vec![class; images.len()];
        self.encode(&images.clone().relabelled(labels, names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ways_have_both_ends_and_even_steps() {
        let line = Path::Linear.between(&[0.0, 4.0], &[2.0, 0.0], 3).unwrap();
        assert_eq!(line, [0.0, 4.0, 1.0, 2.0, 2.0, 0.0]);
        // A quarter of a turn in three steps of thirty degrees, at a length that stays.
        let arc = Path::Spherical.between(&[2.0, 0.0], &[0.0, 2.0], 4).unwrap();
        for (point, angle) in arc.chunks(2).zip([0.0_f64, 30.0, 60.0, 90.0]) {
            let expected = [2.0 * angle.to_radians().cos(), 2.0 * angle.to_radians().sin()];
            assert!(point.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{point:?}");
        }
        // No arc leads through zero or to the other side.
        for (a, b) in [([1.0, 1.0], [-1.0, -1.0]), ([0.0, 0.0], [1.0, 0.0]), ([1.0, 2.0], [2.0, 4.0])] {
            assert_eq!(Path::Spherical.between(&a, &b, 5), Path::Linear.between(&a, &b, 5));
        }
        assert_eq!(Path::Linear.between(&[1.0], &[2.0], 1).unwrap(), [1.0]);
        assert!(Path::Linear.between(&[1.0], &[2.0], 0).unwrap().is_empty());
        assert!(Path::Linear.between(&[1.0], &[2.0, 3.0], 2).is_err());
        assert!(Path::Linear.between(&[1.0], &[2.0], usize::MAX).is_err());
    }

    proptest! {
        #[test]
        fn a_way_back_is_the_same_way(
            a in prop::collection::vec(-3.0_f32..3.0, 5), b in prop::collection::vec(-3.0_f32..3.0, 5),
            steps in 2_usize..9,
        ) {
            for path in [Path::Linear, Path::Spherical] {
                let (there, back) = (path.between(&a, &b, steps).unwrap(), path.between(&b, &a, steps).unwrap());
                let reversed = back.chunks(5).rev().flatten();
                prop_assert!(there.iter().zip(reversed).all(|(x, y)| (x - y).abs() <= 1e-5 * (1.0 + x.abs())));
                prop_assert!(there[..5].iter().zip(&a).all(|(x, y)| (x - y).abs() <= 1e-6));
            }
        }
    }

    #[test]
    fn codes_add_up() {
        let terms: [(f64, &[f32]); 3] = [(1.0, &[1.0, 2.0]), (-1.0, &[0.5, 4.0]), (1.0, &[0.0, 1.0])];
        assert_eq!(sum_of_codes(&terms).unwrap(), [0.5, -1.0]);
        assert!(sum_of_codes(&[(1.0, &[1.0]), (1.0, &[])]).is_err());
    }

    #[test]
    fn dimensions_come_in_the_order_of_what_they_say() {
        let quarter = 0.25_f32.ln();
        let encoded = Encoded {
            latent_dim: 3,
            means: vec![0.0, 2.0, 0.0, 0.0, -2.0, 1.0],
            logvars: vec![0.0, quarter, 0.0, 0.0, quarter, 0.0],
        };
        let dimensions = encoded.dimensions();
        assert_eq!(dimensions.iter().map(|dimension| dimension.number).collect::<Vec<_>>(), [1, 2, 0]);
        let expected = [0.5 * (4.0 + 0.25 - 1.0 - 0.25_f64.ln()), 0.25, 0.0];
        assert!(dimensions.iter().zip(expected).all(|(found, kl)| (found.kl - kl).abs() < 1e-6), "{dimensions:?}");
        assert_eq!(encoded.centre(), [0.0, 0.0, 0.5]);
    }
}
