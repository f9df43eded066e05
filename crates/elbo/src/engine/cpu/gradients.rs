//! The gradient of a batch: in parts, one for each chunk, and for the dense layers' weights one for each unit of chunks.

use super::chunks::Cut;
use super::dense_gradient::{DenseGradient, Lend};
use super::gradient_layout::{GradientLayout, Piece};
use super::network::{ChunkGradient, Minimised, Network};
use super::threads::Threads;
use super::total_correlation::penalty;
use crate::dataset::batch::Batch;
use crate::engine::Draw;
use crate::network::loss::{Loss, Objective};
use elbo_kernels::{Accumulate, Buffer, Isa, tree_sum};
use rayon::prelude::*;

/// Memory for the gradients of batches.
#[derive(Debug)]
pub(super) struct Gradients {
    layout: GradientLayout,
    chunks: Vec<(Buffer, Loss)>,
    dense: DenseGradient,
    /// As the last batch was cut.
    cut: Cut,
}

impl Lend for Threads {
    fn lend(&self, work: impl FnOnce(&mut [f32])) {
        work(&mut self.own_scratch().kernel);
    }
}

impl Gradients {
    pub(super) fn new(network: &Network) -> Self {
        Self {
            layout: network.layout().clone(),
            chunks: Vec::new(),
            dense: DenseGradient::new(network.isa(), network.dense_layers()),
            cut: Cut::default(),
        }
    }

    /// Fills in the gradients of a batch, summed over its images, and returns its mean loss.
    ///
    /// To be called in the pool of `threads`.
    pub(super) fn accumulate(
        &mut self,
        network: &Network,
        threads: &Threads,
        batch: Batch<'_>,
        draw: Draw<'_>,
        objective: Objective,
    ) -> Loss {
        let Self { layout, chunks, dense, cut } = self;
        let penalty = penalty(network, threads, batch, draw, objective);
        let minimised = Minimised { objective, penalty: &penalty };
        // So many draws at a time as there are images elsewhere.
        let samples = objective.samples as usize;
        let most = (network.micro_batch() / samples).max(1);
        *cut = Cut::new(batch.len(), [layout.chunk_len(), layout.dense_len()], most);
        if chunks.len() < cut.chunks {
            chunks.resize_with(cut.chunks, || (Buffer::zeros(layout.chunk_len()), Loss::default()));
        }
        let chunks = &mut chunks[..cut.chunks];
        dense.reserve(cut.round_len(0), samples, cut.units());
        for round in 0..cut.rounds {
            let kept = dense.parts(cut.part(0, round).1, cut.round_len(round));
            let parts = chunks.par_iter_mut().zip(kept).with_max_len(1).enumerate();
            parts.for_each(|(number, ((gradient, loss), kept))| {
                if round == 0 {
                    gradient.fill(0.0);
                    *loss = Loss::default();
                }
                let (position, images) = cut.part(number, round);
                let part = batch.part(position, images);
                let gradient = ChunkGradient { values: gradient, kept };
                *loss += network.gradient(part, draw, position, minimised, &mut threads.own_scratch(), gradient);
            });
            let accumulate = if round == 0 { Accumulate::No } else { Accumulate::Yes };
            dense.run(cut.units(), |unit| cut.unit_part(unit, round), accumulate, threads);
        }
        let mut total = Loss::default();
        for (_, loss) in chunks {
            total += *loss;
        }
        total.mean(batch.len().max(1))
    }

    /// Writes the mean gradient over the images of the last batch, of the parameters from number `first` on: the one place
    /// where gradients of the batch's parts meet. Those of the chunks, or of the units, are added in the order of the
    /// left-complete tree, in which a unit is a branch; several hosts, each with branches of its own, come to the same bits.
    pub(super) fn reduce(&self, isa: Isa, first: usize, gradient: &mut [f32]) {
        let Self { layout, chunks, dense, cut } = self;
        let scale = 1.0 / cut.batch.max(1) as f32;
        let (chunks, units) = (&chunks[..cut.chunks], &dense.units()[..cut.units()]);
        let (mut here, last) = (first, first + gradient.len());
        while here < last {
            let Piece { end, is_dense, offset } = layout.piece(here, last);
            let sum = &mut gradient[here - first..end - first];
            if is_dense {
                tree_sum(isa, units.iter().map(|unit| &unit[offset..]), scale, sum);
            } else {
                tree_sum(isa, chunks.iter().map(|(chunk, _)| &chunk[offset..]), scale, sum);
            }
            here = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dataset::ImageShape;
    use crate::dataset::batch::Batch;
    use crate::engine::cpu::Cpu;
    use crate::engine::{Device, Draw};
    use crate::network::architecture::Architecture;
    use crate::network::likelihood::Likelihood;
    use crate::network::loss::Objective;
    use crate::network::parameters::ParameterTable;

    /// The gradient of a batch, which takes several groups of images in each layer and perhaps several rounds, is the mean
    /// of those of its images by themselves.
    #[test]
    fn groups_and_rounds_add_up() {
        let image = ImageShape { height: 20, width: 18, channels: 1 };
        let architecture = Architecture::new(image, &[3, 5], 2).unwrap().with_classes(2).unwrap();
        let architecture = architecture.with_likelihood(Likelihood::SigmaGaussian);
        let parameters = ParameterTable::new(&architecture).initialize(1);
        let mut engine = Cpu::new(2).engine(&architecture, &parameters).unwrap();
        for len in [700, 512, 37, 0] {
            let pixels: Vec<u8> = (0..len * image.len()).map(|i| (i * i % 251) as u8).collect();
            let indices: Vec<u32> = (0..len as u32).collect();
            let labels: Vec<u16> = (0..len).map(|i| (i % 2) as u16).collect();
            let mut gradient = |first: usize, count: usize| {
                let pixels = &pixels[first * image.len()..][..count * image.len()];
                let batch = Batch::new(pixels, &indices[first..][..count], Some(&labels));
                engine.gradient(batch, Draw::Mean, Objective::default()).unwrap()
            };
            let (loss, found) = gradient(0, len);
            let mut expected = vec![0.0; found.len()];
            let mut expected_loss = 0.0;
            let share = 1.0 / len as f64;
            for first in 0..len {
                let (loss, part) = gradient(first, 1);
                expected_loss += share * loss.total();
                expected.iter_mut().zip(part).for_each(|(sum, number)| *sum += share * f64::from(number));
            }
            assert!((loss.total() - expected_loss).abs() <= 1e-6 * expected_loss.abs(), "{len}");
            // Sums over images and pixels in f32, in another order.
            let largest = expected.iter().fold(0.0_f64, |most, number| most.max(number.abs()));
            for (number, (found, expected)) in found.into_iter().zip(expected).enumerate() {
                let error = (f64::from(found) - expected).abs();
                assert!(error <= 3e-6 * largest, "{len}: {number} is {found}, not {expected}");
            }
        }
    }
}
