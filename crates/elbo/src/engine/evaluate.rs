//! How good a model is on a set of images.

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
    /// With the mean of each image's latent distribution as its latent vector: smaller, and the same on every call.
    pub at_mean: Loss,
}

/// The positions of all images of a set.
pub(crate) fn all_indices(dataset: &Dataset) -> Vec<u32> {
    (0..dataset.len() as u32).collect()
}

/// Hands a whole data set to `work`, in its order, a block of [`Engine::block`] images at a time.
pub(crate) fn for_each_block(
    engine: &dyn Engine,
    dataset: &Dataset,
    mut work: impl FnMut(Batch<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut staging = Vec::new();
    for indices in all_indices(dataset).chunks(engine.block()) {
        work(dataset.gather(indices, &mut staging)?)?;
    }
    Ok(())
}

/// The mean loss over a whole data set: the losses of its images, added in their order.
fn loss(engine: &dyn Engine, dataset: &Dataset, draw: Draw<'_>) -> Result<Loss, Error> {
    let mut total = Loss::default();
    for_each_block(engine, dataset, |block| {
        engine.losses(block, draw)?.into_iter().for_each(|loss| total += loss);
        Ok(())
    })?;
    Ok(total.mean(dataset.len()))
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
    loss(engine, dataset, Draw::Noise(&noise))
}

/// Both measures over a whole data set.
///
/// # Errors
/// If the images cannot be read, or the device fails.
///
/// # Panics
/// If the images are not of the shape of the engine's network.
pub fn evaluate(engine: &dyn Engine, dataset: &Dataset, seed: u64) -> Result<Evaluation, Error> {
    Ok(Evaluation {
        images: dataset.len(),
        sampled: sampled_loss(engine, dataset, seed, 0)?,
        at_mean: loss(engine, dataset, Draw::Mean)?,
    })
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
}
