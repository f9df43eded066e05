//! The gradient of a batch: in parts, one for each chunk, and that of the dense layers' weights.

use super::chunks::Cut;
use super::own_scratch;
use crate::dataset::batch::Batch;
use crate::engine::cpu::dense_gradient::DenseGradient;
use crate::engine::cpu::gradient_layout::{GradientLayout, Piece};
use crate::engine::cpu::latent::Draw;
use crate::engine::cpu::network::{ChunkGradient, Network};
use crate::engine::cpu::scratch::Scratch;
use crate::network::loss::{Elbo, Objective};
use elbo_kernels::{Accumulate, Buffer, GradientSum};
use rayon::prelude::*;
use std::sync::Mutex;

/// Memory for the gradients of batches.
#[derive(Debug)]
pub(super) struct Gradients {
    layout: GradientLayout,
    chunks: Vec<(Buffer, Elbo)>,
    dense: DenseGradient,
    /// As the last batch was cut.
    cut: Cut,
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
    /// To be called in the pool whose threads have this scratch.
    pub(super) fn accumulate(
        &mut self,
        network: &Network,
        scratch: &[Mutex<Scratch>],
        batch: Batch<'_>,
        draw: Draw<'_>,
        objective: Objective,
    ) -> Elbo {
        let Self { layout, chunks, dense, cut } = self;
        *cut = Cut::new(batch.len(), layout.chunk_len(), network.micro_batch());
        if chunks.len() < cut.chunks {
            chunks.resize_with(cut.chunks, || (Buffer::zeros(layout.chunk_len()), Elbo::default()));
        }
        let chunks = &mut chunks[..cut.chunks];
        dense.reserve(cut.round_len(0));
        for round in 0..cut.rounds {
            let images = cut.round_len(round);
            let kept = dense.parts(cut.part(0, round).1, images);
            let parts = chunks.par_iter_mut().zip(kept).with_max_len(1).enumerate();
            parts.for_each(|(number, ((gradient, loss), kept))| {
                if round == 0 {
                    gradient.fill(0.0);
                    *loss = Elbo::default();
                }
                let (position, images) = cut.part(number, round);
                let part = batch.part(position, images);
                let gradient = ChunkGradient { values: gradient, kept };
                *loss += network.gradient(part, draw, position, objective, &mut own_scratch(scratch), gradient);
            });
            let accumulate = if round == 0 { Accumulate::No } else { Accumulate::Yes };
            dense.run(images, accumulate, || own_scratch(scratch));
        }
        let mut total = Elbo::default();
        for (_, loss) in chunks {
            total += *loss;
        }
        total.mean(batch.len().max(1))
    }

    /// The parameters from number `here` on, up to `end` at most, whose gradients lie together, and their mean gradient
    /// over the images of the batch.
    pub(super) fn piece(&self, here: usize, end: usize) -> (Piece, GradientSum<impl Iterator<Item = &[f32]> + Clone>) {
        let piece = self.layout.piece(here, end);
        // Of no images there is no gradient.
        let is_any = usize::from(self.cut.chunks > 0);
        let (dense, chunks) = if piece.is_dense { (is_any, 0) } else { (0, self.cut.chunks) };
        let parts = self.chunks[..chunks].iter().map(|(gradient, _)| &**gradient);
        let parts = parts.chain(std::iter::repeat_n(&**self.dense.values(), dense));
        (piece, GradientSum { parts, scale: 1.0 / self.cut.batch.max(1) as f32 })
    }
}

#[cfg(test)]
mod tests {
    use crate::dataset::ImageShape;
    use crate::dataset::batch::Batch;
    use crate::engine::cpu::Engine;
    use crate::engine::cpu::latent::Draw;
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
        let mut engine = Engine::new(architecture, &parameters, 2).unwrap();
        for len in [700, 512, 37, 0] {
            let pixels: Vec<u8> = (0..len * image.len()).map(|i| (i * i % 251) as u8).collect();
            let indices: Vec<u32> = (0..len as u32).collect();
            let labels: Vec<u16> = (0..len).map(|i| (i % 2) as u16).collect();
            let mut gradient = |first: usize, count: usize| {
                let pixels = &pixels[first * image.len()..][..count * image.len()];
                let batch = Batch { pixels, indices: &indices[first..][..count], labels: Some(&labels) };
                engine.gradient(batch, Draw::Mean, Objective::default())
            };
            let (loss, found) = gradient(0, len);
            let mut expected = vec![0.0; found.len()];
            let mut expected_loss = 0.0;
            let share = 1.0 / len as f64;
            for first in 0..len {
                let (loss, part) = gradient(first, 1);
                expected_loss += share * loss.loss();
                expected.iter_mut().zip(part).for_each(|(sum, number)| *sum += share * f64::from(number));
            }
            assert!((loss.loss() - expected_loss).abs() <= 1e-6 * expected_loss.abs(), "{len}");
            // Sums over images and pixels in f32, in another order.
            let largest = expected.iter().fold(0.0_f64, |most, number| most.max(number.abs()));
            for (number, (found, expected)) in found.into_iter().zip(expected).enumerate() {
                let error = (f64::from(found) - expected).abs();
                assert!(error <= 3e-6 * largest, "{len}: {number} is {found}, not {expected}");
            }
        }
    }
}
