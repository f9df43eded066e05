//! The loss of a model on a set of images.

use super::{Draw, Engine};
use crate::dataset::Dataset;
use crate::dataset::batch::Batch;
use crate::error::Error;
use crate::network::loss::Loss;
use crate::noise::{Noise, Purpose};

/// The loss over a data set, measured in two ways; to be compared only with that of models of the same likelihood, on
/// the same images.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Evaluation {
    /// Images.
    pub images: usize,
    /// With one draw from each image's latent distribution, as in the reference.
    pub sampled: Loss,
    /// How far that mean may be off, since these images stand for all.
    pub sampled_error: Option<LossError>,
    /// With the mean of each image's latent distribution as its latent vector: smaller, and the same on every call.
    pub at_mean: Loss,
    /// The same of that.
    pub at_mean_error: Option<LossError>,
}

/// The standard errors of a mean [`Loss`] over images, in nats per image; see [`standard_error`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LossError {
    /// Of the sum of both parts. The parts of an image go together, so it is not the root of the sum of their squares.
    pub total: f64,
    /// Of the reconstruction loss.
    pub reconstruction: f64,
    /// Of the divergence.
    pub kl: f64,
}

impl LossError {
    /// Of these losses; none where there are fewer than two.
    fn of(losses: &[Loss]) -> Option<Self> {
        let of = |part: fn(&Loss) -> f64| standard_error(losses.iter().map(part));
        Some(Self { total: of(Loss::total)?, reconstruction: of(|loss| loss.reconstruction)?, kl: of(|loss| loss.kl)? })
    }
}

/// The standard error of the mean of some numbers: the root of their variance, with the divisor `n - 1`, over `n`; none of
/// fewer than two.
pub fn standard_error(values: impl ExactSizeIterator<Item = f64> + Clone) -> Option<f64> {
    let count = values.len() as f64;
    if count < 2.0 {
        return None;
    }
    let mean = values.clone().sum::<f64>() / count;
    let squares: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
    Some((squares / (count - 1.0) / count).sqrt())
}

/// The positions of all images of a set.
pub(crate) fn all_indices(dataset: &Dataset) -> Vec<u32> {
    (0..dataset.len() as u32).collect()
}

/// Hands a whole data set to `work`, in its order, a block of [`Engine::block`] images at a time.
pub(crate) fn for_each_block(
    engine: &dyn Engine,
    dataset: &Dataset,
    work: impl FnMut(Batch<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    for_each_block_of(engine, dataset, &all_indices(dataset), work)
}

/// The same of the images at these positions.
pub(crate) fn for_each_block_of(
    engine: &dyn Engine,
    dataset: &Dataset,
    indices: &[u32],
    mut work: impl FnMut(Batch<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut staging = Vec::new();
    for indices in indices.chunks(engine.block()) {
        work(dataset.gather(indices, &mut staging)?)?;
    }
    Ok(())
}

/// The mean loss of the images at these positions, added in this order, and its standard errors. `progress` is told after
/// each block how many images it had.
fn loss(
    engine: &dyn Engine,
    dataset: &Dataset,
    indices: &[u32],
    draw: Draw<'_>,
    progress: &mut dyn FnMut(usize),
) -> Result<(Loss, Option<LossError>), Error> {
    let mut losses = Vec::with_capacity(indices.len());
    for_each_block_of(engine, dataset, indices, |block| {
        losses.extend(engine.losses(block, draw)?);
        progress(block.len());
        Ok(())
    })?;
    let mut total = Loss::default();
    for loss in &losses {
        total += *loss;
    }
    Ok((total.mean(indices.len()), LossError::of(&losses)))
}

/// The loss over a whole data set with one draw per image, as the reference measures its test loss; `epoch` selects
/// the draws.
///
/// # Errors
/// If the images cannot be read, or the device fails.
///
/// # Panics
/// If the images are not of the shape of the engine's network.
pub fn sampled_loss(engine: &dyn Engine, dataset: &Dataset, seed: u64, epoch: u32) -> Result<Loss, Error> {
    let noise = Noise::new(seed, Purpose::Evaluation, u64::from(epoch));
    Ok(loss(engine, dataset, &all_indices(dataset), Draw::Noise(&noise), &mut |_| {})?.0)
}

/// Both measures over a whole data set.
///
/// # Errors
/// If the images cannot be read, or the device fails.
///
/// # Panics
/// If the images are not of the shape of the engine's network.
pub fn evaluate(engine: &dyn Engine, dataset: &Dataset, seed: u64) -> Result<Evaluation, Error> {
    evaluate_at(engine, dataset, &all_indices(dataset), seed, &mut |_| {})
}

/// Both measures of the images at these positions; `progress` is told of every image twice.
pub(crate) fn evaluate_at(
    engine: &dyn Engine,
    dataset: &Dataset,
    indices: &[u32],
    seed: u64,
    progress: &mut dyn FnMut(usize),
) -> Result<Evaluation, Error> {
    let noise = Noise::new(seed, Purpose::Evaluation, 0);
    let (sampled, sampled_error) = loss(engine, dataset, indices, Draw::Noise(&noise), progress)?;
    let (at_mean, at_mean_error) = loss(engine, dataset, indices, Draw::Mean, progress)?;
    Ok(Evaluation { images: indices.len(), sampled, sampled_error, at_mean, at_mean_error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;
    use crate::engine::{Cpu, Device};
    use crate::network::architecture::Architecture;
    use crate::network::parameters::ParameterTable;

    /// More images than a block has, and no multiple of it.
    #[test]
    fn blocks_give_the_same_bits_as_all_at_once() {
        let image = ImageShape { height: 260, width: 270, channels: 3 };
        let architecture = Architecture::new(image, &[1], 2).unwrap();
        let engine = Cpu::new(2).engine(&architecture, &ParameterTable::new(&architecture).initialize(3)).unwrap();
        let count = engine.block() + 5;
        let pixels = (0..count * image.len()).map(|i| (i * i % 251) as u8).collect();
        let dataset = Dataset::new(image, pixels, None).unwrap();
        let (indices, mut staging) = (all_indices(&dataset), Vec::new());
        let all = dataset.gather(&indices, &mut staging).unwrap();
        let noise = Noise::new(7, Purpose::Evaluation, 0);
        let evaluation = evaluate(&*engine, &dataset, 7).unwrap();
        assert_eq!(evaluation.images, count);
        for (found, draw) in [(evaluation.sampled, Draw::Noise(&noise)), (evaluation.at_mean, Draw::Mean)] {
            let mut total = Loss::default();
            engine.losses(all, draw).unwrap().into_iter().for_each(|loss| total += loss);
            assert_eq!(found, total.mean(count));
        }
    }

    #[test]
    fn standard_errors_are_those_of_their_definition() {
        // Deviations -3, -1, 4 from 3: variance 26 / 2, of the mean 13 / 3.
        assert!((standard_error([0.0, 2.0, 7.0].into_iter()).unwrap() - (13.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(standard_error([5.0; 4].into_iter()), Some(0.0));
        assert_eq!((standard_error([5.0].into_iter()), standard_error(std::iter::empty())), (None, None));
        let losses = [Loss { reconstruction: 4.0, kl: 1.0 }, Loss { reconstruction: 2.0, kl: 3.0 }];
        let error = LossError::of(&losses).unwrap();
        assert_eq!((error.total, error.reconstruction, error.kl), (0.0, 1.0, 1.0));
    }
}
