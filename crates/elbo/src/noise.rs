//! Random numbers that have an address.
//!
//! Every draw belongs to a (seed, purpose, epoch, item), and is computed from that alone, so that it is the same
//! whatever the number of threads and whatever was drawn before it: item `i` reads stream `i` of a `ChaCha8`
//! generator keyed by the rest.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// What a draw is for; draws for different purposes have nothing to do with one another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// First values of the parameters; the item is a tensor.
    Initialization = 1,
    /// The latent noise in training; the item is an image of the training set.
    Training = 2,
    /// The latent noise in evaluation; the item is an image of the set evaluated.
    Evaluation = 3,
    /// The order of images in an epoch.
    Order = 4,
    /// Latent vectors to generate from; the item is the number of the sample.
    Generation = 5,
    /// The latent noise of reconstructions; the item is an image.
    Reconstruction = 6,
    /// The choice of images to show.
    Choice = 7,
    /// The choice of images to hold out of a training set.
    Validation = 8,
}

/// All draws of one seed for one purpose in one epoch.
#[derive(Clone, Debug)]
pub struct Noise {
    key: [u8; 32],
}

impl Noise {
    /// The draws of `seed` for `purpose` in epoch number `epoch`.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose, epoch: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&epoch.to_le_bytes());
        key[16] = purpose as u8;
        Self { key }
    }

    fn stream(&self, item: u64) -> ChaCha8Rng {
        let mut generator = ChaCha8Rng::from_seed(self.key);
        generator.set_stream(item);
        generator
    }

    /// Standard normal draws for one item.
    pub fn normal(&self, item: u64, out: &mut [f32]) {
        let mut stream = self.stream(item);
        for number in out {
            *number = StandardNormal.sample(&mut stream);
        }
    }

    /// Uniform draws in `[-bound, bound)` for one item.
    pub fn uniform(&self, item: u64, bound: f32, out: &mut [f32]) {
        let mut stream = self.stream(item);
        for number in out {
            // 24 bits fill the mantissa: k / 2^23 - 1 is exact.
            let k = stream.next_u32() >> 8;
            *number = bound * (k as f32 / 8_388_608.0 - 1.0);
        }
    }

    /// Puts `items` in a random order.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        items.shuffle(&mut self.stream(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, purpose: Purpose, epoch: u64, item: u64) -> Vec<f32> {
        let mut out = vec![0.0; 20];
        Noise::new(seed, purpose, epoch).normal(item, &mut out);
        out
    }

    #[test]
    fn an_address_gives_the_same_numbers_and_another_others() {
        let base = draw(1, Purpose::Training, 1, 1);
        assert_eq!(base, draw(1, Purpose::Training, 1, 1));
        for other in [
            draw(2, Purpose::Training, 1, 1),
            draw(1, Purpose::Evaluation, 1, 1),
            draw(1, Purpose::Training, 2, 1),
            draw(1, Purpose::Training, 1, 2),
        ] {
            assert!(base.iter().zip(&other).all(|(a, b)| a != b));
        }
    }

    #[test]
    fn normal_draws_have_the_moments_of_a_normal() {
        let noise = Noise::new(7, Purpose::Training, 3);
        let mut numbers = vec![0.0; 20 * 5000];
        for (item, out) in numbers.chunks_mut(20).enumerate() {
            noise.normal(item as u64, out);
        }
        let n = numbers.len() as f64;
        let moment = |k: i32| numbers.iter().map(|&x| f64::from(x).powi(k)).sum::<f64>() / n;
        // Standard errors of the moments: 1, sqrt 2, sqrt 15, sqrt 96 over sqrt n.
        for (k, expected, deviation) in [(1, 0.0, 1.0), (2, 1.0, 1.42), (3, 0.0, 3.88), (4, 3.0, 9.8)] {
            assert!((moment(k) - expected).abs() < 4.0 * deviation / n.sqrt(), "moment {k}: {}", moment(k));
        }
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<u32> = (0..1000).collect();
        Noise::new(1, Purpose::Order, 1).shuffle(&mut items);
        assert_ne!(items, (0..1000).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..1000).collect::<Vec<_>>());
    }
}
