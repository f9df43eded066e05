//! Grey pixels drawn black or white, as the Bernoulli likelihood takes them and published tables have them.
//!
//! A value is white with its share of the largest as the probability: value `k` of an image is white where
//! `word * largest < value * 2^32`, `word` being word `k`, 32 bits, of a stream of [`Noise`]. What is black stays black,
//! and white white.

use super::{Dataset, Depth, Splits};
use crate::noise::{Noise, Purpose};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// When the pixels of a training set are drawn black or white. Images that are not trained on are drawn once, in the same
/// way for both.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Binarize {
    /// Once (Larochelle and Murray, 2011). Their file of MNIST was drawn by others.
    Static,
    /// Anew in each epoch (Salakhutdinov and Murray, 2008; Burda, Grosse and Salakhutdinov, 2016): what is learned is not
    /// the one draw.
    Dynamic,
}

impl fmt::Display for Binarize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Static => "static",
            Self::Dynamic => "dynamic",
        })
    }
}

/// Which draw of a data set's pixels is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drawn {
    /// The one that never changes: an image has it wherever it stands, alone or among others.
    Once,
    /// That of an epoch of a run with this seed, by the position of the image.
    In { seed: u64, epoch: u32 },
}

impl Drawn {
    /// Draws the images at these positions, whose values `pixels` holds; bytes 0 and 255 are left there.
    pub(super) fn draw(self, indices: &[u32], depth: Depth, pixels: &mut Vec<u8>) {
        if indices.is_empty() {
            return;
        }
        let size = pixels.len() / indices.len();
        let values = size / depth.bytes();
        let noise = match self {
            Self::Once => Noise::new(0, Purpose::Binarization, 0),
            Self::In { seed, epoch } => Noise::new(seed, Purpose::Binarization, u64::from(epoch)),
        };
        let (most, mut words) = (u64::from(depth.most()), vec![0; values]);
        for (position, &index) in indices.iter().enumerate() {
            let image = &pixels[position * size..][..size];
            let item = if self == Self::Once { content(image) } else { u64::from(index) };
            noise.words(item, &mut words);
            // What is written is never beyond what is read.
            for (k, &word) in words.iter().enumerate() {
                let at = position * size + k * depth.bytes();
                let value = match depth {
                    Depth::Eight => u64::from(pixels[at]),
                    Depth::Sixteen => u64::from(u16::from_le_bytes([pixels[at], pixels[at + 1]])),
                };
                pixels[position * values + k] = if u64::from(word) * most < value << 32 { 255 } else { 0 };
            }
        }
        pixels.truncate(indices.len() * values);
    }
}

/// A number that an image has by its values alone: the first eight bytes of their SHA-256, little-endian.
fn content(image: &[u8]) -> u64 {
    let digest = Sha256::digest(image);
    digest.iter().take(8).rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

impl Dataset {
    /// The same images with every pixel black or white, drawn once: white with its grey value as the probability. An image
    /// has the same draw wherever it stands. [`digest`](Self::digest), [`subset`](Self::subset) and the like are still of the grey values.
    #[must_use]
    pub fn binarized(mut self) -> Self {
        self.drawn = Some(Drawn::Once);
        self
    }

    /// From here on, the draw of an epoch of a run with this seed.
    pub(crate) fn draw_epoch(&mut self, seed: u64, epoch: u32) {
        self.drawn = Some(Drawn::In { seed, epoch });
    }

    /// Whether its pixels are drawn as [`binarized`](Self::binarized) says.
    #[must_use]
    pub fn is_binarized(&self) -> bool {
        self.drawn == Some(Drawn::Once)
    }
}

impl Splits {
    /// All images [`binarized`](Dataset::binarized).
    #[must_use]
    pub fn binarized(self) -> Self {
        let Self { train, validation, test, name } = self;
        Self {
            train: train.binarized(),
            validation: validation.map(Dataset::binarized),
            test: test.map(Dataset::binarized),
            name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    const SHAPE: ImageShape = ImageShape { height: 16, width: 16, channels: 1 };

    /// Images of one grey each.
    fn greys(values: &[u8]) -> Dataset {
        Dataset::new(SHAPE, values.iter().flat_map(|&value| [value; 256]).collect(), None).unwrap()
    }

    fn drawn(dataset: &Dataset, indices: &[u32]) -> Vec<u8> {
        let mut staging = Vec::new();
        let batch = dataset.gather(indices, &mut staging).unwrap();
        assert_eq!((batch.depth, batch.values()), (Depth::Eight, indices.len() * SHAPE.len()));
        batch.pixels.to_vec()
    }

    #[test]
    fn pixels_are_black_or_white_with_their_grey_as_the_probability() {
        let values = [0, 255, 51, 128, 204];
        // Many images that differ in one pixel only, so that each has draws of its own.
        let pixels = values.iter().flat_map(|&value| {
            (0..200).flat_map(move |i| {
                let mut image = [value; 256];
                image[0] = i;
                image
            })
        });
        let dataset = Dataset::new(SHAPE, pixels.collect(), None).unwrap();
        let mut epoch = dataset.clone();
        epoch.draw_epoch(3, 1);
        for set in [dataset.binarized(), epoch] {
            for (number, value) in values.into_iter().enumerate() {
                let indices: Vec<u32> = (0..200).map(|i| number as u32 * 200 + i).collect();
                let images = drawn(&set, &indices);
                assert!(images.iter().all(|&pixel| pixel == 0 || pixel == 255));
                let of_one: Vec<u8> = images.chunks(256).flat_map(|image| image[1..].to_vec()).collect();
                let white =
                    of_one.iter().map(|&pixel| f64::from(u8::from(pixel == 255))).sum::<f64>() / of_one.len() as f64;
                let expected = f64::from(value) / 255.0;
                // Five standard deviations of a share of 51,000.
                let tolerance = 5.0 * (expected * (1.0 - expected) / of_one.len() as f64).sqrt();
                assert!((white - expected).abs() <= tolerance, "{value}: {white}");
            }
        }
    }

    #[test]
    fn an_image_has_its_draw_wherever_it_stands_and_another_in_each_epoch() {
        let grey = greys(&[100, 150, 100, 200]);
        let once = grey.clone().binarized();
        let all = drawn(&once, &[0, 1, 2, 3]);
        assert_eq!(all[..256], all[512..768], "equal images");
        assert_ne!(all[..256], all[256..512]);
        assert_eq!(drawn(&once, &[3, 1]), [&all[768..], &all[256..512]].concat());
        assert_eq!(drawn(&once.subset(&[3]).unwrap(), &[0]), all[768..]);
        assert_eq!(once.digest().unwrap(), grey.digest().unwrap());

        let epoch = |seed, epoch| {
            let mut set = grey.clone();
            set.draw_epoch(seed, epoch);
            drawn(&set, &[0, 2])
        };
        assert_eq!(epoch(1, 2), epoch(1, 2));
        assert_ne!(epoch(1, 2)[..256], epoch(1, 2)[256..], "two images");
        assert_ne!(epoch(1, 2), epoch(1, 3));
        assert_ne!(epoch(1, 2), epoch(2, 2));
    }

    #[test]
    fn values_of_sixteen_bits_are_drawn_by_their_share() {
        let values: Vec<u16> = (0..1024).map(|i| [0, 65535, 32768, 6554][i / 256]).collect();
        let set = Dataset::from_u16(SHAPE, &values, None).unwrap().binarized();
        let images = drawn(&set, &[0, 1, 2, 3]);
        let white = |i: usize| images[i * 256..][..256].iter().map(|&pixel| usize::from(pixel == 255)).sum::<usize>();
        assert_eq!([white(0), white(1)], [0, 256]);
        assert!((100..156).contains(&white(2)) && (8..48).contains(&white(3)), "{} {}", white(2), white(3));
    }
}
