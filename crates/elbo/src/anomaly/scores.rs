//! The loss of each image.

use crate::dataset::Dataset;
use crate::engine::Draw;
use crate::engine::evaluate::for_each_block;
use crate::error::Error;
use crate::files::threshold::Score;
use crate::network::loss::Loss;
use crate::noise::{Noise, Purpose};
use crate::vae::{Images, Vae};

impl Score {
    /// This score of an image of this loss, in nats.
    #[must_use]
    pub fn of(self, loss: Loss) -> f64 {
        match self {
            Self::Loss => loss.total(),
            Self::Reconstruction => loss.reconstruction,
            Self::Kl => loss.kl,
        }
    }
}

/// The loss of each image of a data set, in their order, in nats: the mean over `samples` draws, of which the first is that
/// of [`Vae::evaluate`] with this seed. `advance` is told of images times draws as they are done.
///
/// # Errors
/// If the images are not of the model's shape, have no classes that a conditional model knows, or cannot be read.
pub fn scores(
    vae: &Vae,
    dataset: &Dataset,
    samples: u32,
    seed: u64,
    advance: &dyn Fn(usize),
) -> Result<Vec<Loss>, Error> {
    let dataset = &*vae.taken(dataset)?;
    let samples = samples.max(1);
    let mut losses = Vec::new();
    for_each_block(vae.engine(), dataset, |block| {
        let (first, mut analytic) = (losses.len(), Vec::new());
        for sample in 0..samples {
            let noise = Noise::new(seed, Purpose::Evaluation, u64::from(sample));
            let drawn = vae.engine().losses(block, Draw::Noise(&noise))?;
            if sample == 0 {
                analytic = drawn.iter().map(|loss| loss.kl).collect();
                losses.extend(drawn);
            } else {
                losses[first..].iter_mut().zip(drawn).for_each(|(sum, loss)| *sum += loss);
            }
            advance(block.len());
        }
        // From a standard normal the divergence is the same whatever is drawn, and stays so to the last bit.
        let is_drawn = vae.engine().architecture().prior_components() > 0;
        for (sum, &kl) in losses[first..].iter_mut().zip(&analytic) {
            let mean = sum.mean(samples as usize);
            *sum = if is_drawn { mean } else { Loss { kl, ..mean } };
        }
        Ok(())
    })?;
    Ok(losses)
}

/// What the decoder makes of the mean of each image's latent distribution, of images by position.
///
/// # Errors
/// As [`scores`], and if there is no image at a position.
pub fn reconstructed(vae: &Vae, dataset: &Dataset, indices: &[u32]) -> Result<Images, Error> {
    let dataset = &*vae.taken(dataset)?;
    let mut staging = Vec::new();
    let batch = dataset.gather(indices, &mut staging)?;
    Ok(Images { shape: dataset.shape(), pixels: vae.engine().reconstruct(batch, Draw::Mean)? })
}

/// How far each pixel of an image is from its reconstruction: `|x - x'|` in the mean over channels, `[H, W]`, from 0 to 1.
#[must_use]
pub fn error_map(image: &[f32], reconstruction: &[f32], channels: usize) -> Vec<f32> {
    let channels = channels.max(1);
    let pairs = image.chunks_exact(channels).zip(reconstruction.chunks_exact(channels));
    pairs.map(|(x, made)| x.iter().zip(made).map(|(x, made)| (x - made).abs()).sum::<f32>() / channels as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_the_parts_of_a_loss() {
        let loss = Loss { reconstruction: 3.0, kl: 0.5 };
        assert_eq!(Score::ALL.map(|score| score.of(loss)), [3.5, 3.0, 0.5]);
    }

    #[test]
    fn an_error_map_is_the_mean_over_channels() {
        assert_eq!(error_map(&[0.0, 1.0, 0.5, 0.5], &[0.5, 0.5, 0.5, 1.0], 2), [0.5, 0.25]);
        assert_eq!(error_map(&[0.25, 1.0], &[0.5, 0.0], 1), [0.25, 1.0]);
    }
}
