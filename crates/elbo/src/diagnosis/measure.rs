//! What a diagnosis is made from.

use crate::dataset::Dataset;
use crate::diagnosis::latent::LatentUse;
use crate::engine::Draw;
use crate::engine::evaluate::all_indices;
use crate::error::Error;
use crate::network::likelihood::{Likelihood, log_sigma};
use crate::network::loss::Loss;
use crate::network::parameters::ParameterTable;
use crate::noise::{Noise, Purpose};
use crate::vae::{Encoded, Vae};

/// What a model makes of some images.
#[derive(Clone, PartialEq, Debug)]
pub struct Measured {
    /// How many.
    pub images: usize,
    /// The loss with one draw per image, in nats per image: that of [`Vae::evaluate`] with the same seed, where all images
    /// are measured.
    pub loss: Loss,
    /// What the latent dimensions carry.
    pub latent: LatentUse,
    /// The sum over values of `(x' - x)^2`, mean over images, where `x'` is decoded from the same draw.
    pub squared_error: f64,
    /// The same for the mean of these images in the place of `x'`: the sum over values of their variance over images.
    pub variance: f64,
    /// Values of an image, height x width x channels.
    pub values: usize,
}

impl Measured {
    /// The share of the images' variance that reconstructions have, `1 - squared_error / variance`: 1 is all, 0 is what the
    /// mean image has, and less is worse than that. None where the images do not vary.
    #[must_use]
    pub fn explained(&self) -> Option<f64> {
        let explained = 1.0 - self.squared_error / self.variance;
        explained.is_finite().then_some(explained)
    }

    /// How far a value is from its reconstruction, the root of the mean square.
    #[must_use]
    pub fn error(&self) -> f64 {
        (self.squared_error / self.values.max(1) as f64).sqrt()
    }
}

/// At most `count` positions of the images of a data set, evenly spaced, in their order.
#[must_use]
pub fn evenly(dataset: &Dataset, count: usize) -> Vec<u32> {
    let all = dataset.len();
    if count >= all {
        return all_indices(dataset);
    }
    (0..count).map(|number| (number as u128 * all as u128 / count as u128) as u32).collect()
}

/// Measures a model on the images of a data set at these positions, at least one. `advance` is told how many are done.
///
/// # Errors
/// If the images are not of the model's shape, have no classes that a conditional model knows, or cannot be read; and if
/// there are no positions, or no image is at one.
pub fn measure(
    vae: &Vae,
    dataset: &Dataset,
    indices: &[u32],
    seed: u64,
    advance: &dyn Fn(usize),
) -> Result<Measured, Error> {
    let dataset = &*vae.taken(dataset)?;
    let engine = vae.engine();
    let (dim, values) = (engine.architecture().latent_dim(), engine.architecture().image().len());
    let noise = Noise::new(seed, Purpose::Evaluation, 0);
    let mut encoded = Encoded { latent_dim: dim, means: Vec::new(), logvars: Vec::new() };
    let (mut loss, mut squared_error, mut staging) = (Loss::default(), 0.0, Vec::new());
    // Sums of deviations from the first image, so that little is lost where all are alike.
    let (mut origin, mut pixels) = (Vec::new(), Vec::new());
    let (mut sums, mut squares) = (vec![0.0; values], vec![0.0; values]);
    for block in indices.chunks(engine.block()) {
        let batch = dataset.gather(block, &mut staging)?;
        engine.losses(batch, Draw::Noise(&noise))?.into_iter().for_each(|of_image| loss += of_image);
        // With the same draws. The mean of a collapsed posterior is no latent vector that the decoder has learned from: those
        // have a length near the root of their number.
        let made = engine.reconstruct(batch, Draw::Noise(&noise))?;
        for row in engine.encode(batch)?.chunks_exact(2 * dim) {
            encoded.means.extend_from_slice(&row[..dim]);
            encoded.logvars.extend_from_slice(&row[dim..]);
        }
        pixels.resize(batch.values(), 0.0_f32);
        batch.write(&mut pixels);
        if origin.is_empty() {
            origin.extend_from_slice(&pixels[..values]);
        }
        for (image, made) in pixels.chunks_exact(values).zip(made.chunks_exact(values)) {
            squared_error += image.iter().zip(made).map(|(x, made)| square(f64::from(made - x))).sum::<f64>();
            for (((sum, squares), x), origin) in sums.iter_mut().zip(&mut squares).zip(image).zip(&origin) {
                let deviation = f64::from(x - origin);
                *sum += deviation;
                *squares += square(deviation);
            }
        }
        advance(block.len());
    }
    let images = indices.len();
    let count = images.max(1) as f64;
    let variance =
        sums.iter().zip(&squares).map(|(sum, squares)| (squares / count - square(sum / count)).max(0.0)).sum();
    let mut latent = LatentUse::of(&encoded);
    if engine.architecture().prior_components() > 0 {
        // The prior is no Gaussian, from which the distance would have a formula.
        latent.aggregate_distance = None;
    }
    Ok(Measured {
        images,
        loss: loss.mean(images.max(1)),
        latent,
        squared_error: squared_error / count,
        variance,
        values,
    })
}

fn square(number: f64) -> f64 {
    number * number
}

/// The standard deviation of the pixels under a Gaussian likelihood: 1, or what was learned; none of other likelihoods.
///
/// # Errors
/// If the device fails.
pub fn sigma(vae: &Vae) -> Result<Option<f64>, Error> {
    let architecture = vae.engine().architecture();
    if architecture.likelihood() == Likelihood::Gaussian {
        return Ok(Some(1.0));
    }
    let Some(at) = ParameterTable::new(architecture).log_sigma() else { return Ok(None) };
    let parameters = vae.engine().parameters()?;
    Ok(parameters.get(at).map(|&raw| libm::exp(log_sigma(f64::from(raw)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    #[test]
    fn positions_are_evenly_spaced() {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let dataset = Dataset::new(shape, vec![0; 10], None).unwrap();
        assert_eq!(evenly(&dataset, 4), [0, 2, 5, 7]);
        assert_eq!(evenly(&dataset, 10).len(), 10);
        assert_eq!(evenly(&dataset, 99).len(), 10);
    }

    #[test]
    fn what_is_explained_is_a_share_of_the_variance() {
        let latent = LatentUse { kl: vec![], variance_of_mean: vec![], aggregate_distance: None };
        let of = |squared_error, variance| Measured {
            images: 3,
            loss: Loss::default(),
            latent: latent.clone(),
            squared_error,
            variance,
            values: 4,
        };
        assert_eq!((of(1.0, 4.0).explained(), of(1.0, 4.0).error()), (Some(0.75), 0.5));
        assert_eq!(of(8.0, 4.0).explained(), Some(-1.0));
        assert_eq!((of(1.0, 0.0).explained(), of(0.0, 0.0).explained()), (None, None));
    }
}
