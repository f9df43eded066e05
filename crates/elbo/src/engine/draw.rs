//! The latent vector: drawn from what the encoder says, so that the draw can be differentiated.

use crate::noise::Noise;

/// Which point of the encoder's distribution is taken as latent vector.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Draw<'a> {
    /// One draw per image, from the noise at the address of its index in the data set.
    Noise(&'a Noise),
    /// The standard normal draws themselves, `[N, Z]` in the order of the batch.
    Given(&'a [f32]),
    /// No draw: the mean.
    Mean,
}

impl Draw<'_> {
    /// Writes the standard normal draws, `[N, dim]`, of the images `indices`, which stand at `position` in the batch.
    pub(crate) fn write(self, indices: &[u32], position: usize, dim: usize, noise: &mut [f32]) {
        let noise = &mut noise[..indices.len() * dim];
        match self {
            Self::Noise(source) => {
                for (index, noise) in indices.iter().zip(noise.chunks_exact_mut(dim)) {
                    source.normal(u64::from(*index), noise);
                }
            }
            Self::Given(given) => noise.copy_from_slice(&given[position * dim..][..noise.len()]),
            Self::Mean => noise.fill(0.0),
        }
    }

    /// The latent vectors, `[N, dim]`, of a batch of images `indices` with these `statistics`, `[N, 2 dim]`, means first.
    pub(crate) fn latents(self, statistics: &[f32], indices: &[u32], dim: usize) -> Vec<f32> {
        let mut latents = vec![0.0; indices.len() * dim];
        self.write(indices, 0, dim, &mut latents);
        for (row, latents) in statistics.chunks_exact(2 * dim).zip(latents.chunks_exact_mut(dim)) {
            let (means, logvars) = row.split_at(dim);
            for ((latent, mean), logvar) in latents.iter_mut().zip(means).zip(logvars) {
                *latent = latent_at(*mean, *logvar, *latent);
            }
        }
        latents
    }
}

/// `z = mean + noise * exp(logvar / 2)` (Kingma and Welling, 2014, section 2.4).
pub(crate) fn latent_at(mean: f32, logvar: f32, noise: f32) -> f32 {
    mean + noise * libm::expf(0.5 * logvar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Purpose;

    #[test]
    fn draws_belong_to_images_or_to_places() {
        let noise = Noise::new(1, Purpose::Training, 1);
        // Variances of 1 and 4.
        let statistics = [1.0, 2.0, 0.0, 4.0_f32.ln(), 3.0, 4.0, 0.0, 4.0_f32.ln()];
        let latents = Draw::Noise(&noise).latents(&statistics, &[7, 2], 2);
        let mut expected = [0.0; 4];
        noise.normal(7, &mut expected[..2]);
        noise.normal(2, &mut expected[2..]);
        for (i, (latent, noise)) in latents.iter().zip(expected).enumerate() {
            let scale = if i % 2 == 0 { 1.0 } else { 2.0 };
            assert!((latent - (i as f32 + 1.0 + scale * noise)).abs() < 1e-6, "{latents:?}");
        }
        assert_eq!(Draw::Mean.latents(&statistics, &[7, 2], 2), [1.0, 2.0, 3.0, 4.0]);
        let given = Draw::Given(&[0.5, 0.0, -1.0, 0.0]).latents(&statistics, &[7, 2], 2);
        assert_eq!(given, [1.5, 2.0, 2.0, 4.0]);
        let mut part = [9.0; 3];
        Draw::Given(&[0.5, 0.1, -1.0, 0.2]).write(&[2], 1, 2, &mut part);
        assert_eq!(part, [-1.0, 0.2, 9.0]);
    }
}
