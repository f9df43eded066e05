//! Random numbers that have an address.
//!
//! Every draw belongs to a (seed, purpose, epoch, item), and is computed from that alone, so that it is the same
//! whatever the number of threads and whatever was drawn before it: item `i` reads stream `i` of a `ChaCha8`
//! generator keyed by the rest.
//!
//! `ChaCha8` is Bernstein's cipher (2008) with eight rounds, a block counter of 64 bits and a nonce of 64 bits, the
//! stream. The key is, in bytes, the seed (8, little-endian), the epoch (8, likewise), the purpose (1) and zeros. What is
//! made of a stream is written down at each function and computed here, so that no version of a dependency changes it:
//! a model file names the images held out of its training by a seed alone.

mod normal;
mod shuffle;
#[cfg(test)]
mod tests;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

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
    /// The settings of a sweep's trials; the epoch is the trial, the item a setting.
    Sweep = 9,
    /// Draws from the latent distributions of images, to be kept; the item is an image of its part of a data set.
    Codes = 10,
    /// What a prior is fitted with; the item is an image, or nothing.
    Prior = 11,
    /// Pixels drawn black or white; the item is an image.
    Binarization = 16,
    /// The latent noise of importance sampling; the item is the number of the draw, and the image stands for the epoch.
    Importance = 17,
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
    ///
    /// Draw `k` is made of word `k` of the item's stream, 64 bits, and of nothing else: the inverse of the normal
    /// distribution function at `(b + 1/2) / 2^53`, where `b` are the upper 53 bits, by Wichura's algorithm AS 241 (1988)
    /// in `f64`, rounded to `f32`. No draw is beyond 8.3 either way.
    pub fn normal(&self, item: u64, out: &mut [f32]) {
        let mut stream = self.stream(item);
        for number in out {
            *number = normal::from_word(stream.next_u64());
        }
    }

    /// Uniform draws in `[-bound, bound)` for one item: draw `k` is `bound * (b / 2^23 - 1)`, where `b` are the upper 24
    /// bits of word `k` of the item's stream, 32 bits.
    pub fn uniform(&self, item: u64, bound: f32, out: &mut [f32]) {
        let mut stream = self.stream(item);
        for number in out {
            // 24 bits fill the mantissa: b / 2^23 - 1 is exact.
            let b = stream.next_u32() >> 8;
            *number = bound * (b as f32 / 8_388_608.0 - 1.0);
        }
    }

    /// The first words of one item's stream, 32 bits each.
    pub(crate) fn words(&self, item: u64, out: &mut [u32]) {
        let mut stream = self.stream(item);
        for word in out {
            *word = stream.next_u32();
        }
    }

    /// Puts `items` in a random order: Durstenfeld's shuffle (1964) with 32-bit words of stream 0.
    ///
    /// # Panics
    /// If there are 2^32 - 1 items or more.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        shuffle::shuffle(items, &mut self.stream(0));
    }
}
