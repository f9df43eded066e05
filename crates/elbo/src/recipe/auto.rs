//! A recipe for any data set, from the shape of its images and their number.

use crate::dataset::{ImageShape, Splits};
use crate::network::architecture::{Architecture, STAGES};
use crate::network::likelihood::Likelihood;
use crate::recipe::Recipe;

/// Steps of a run: those of the fast recipe's 13 epochs on MNIST.
const STEPS: usize = 12_180;
/// The most times that images are gone through to come to that many steps: for 200 faces of 25 x 25, 400 times gave no
/// lower held-out loss.
const MOST_EPOCHS: usize = 100;
/// Steps that a run on few images has at least, however often they are gone through.
const LEAST_STEPS: usize = 1000;
/// The work of a run, in floating-point operations: fifteen minutes at 65 GFLOP/s. It goes before the numbers of
/// steps, but all images are gone through once.
const WORK: f64 = 6e13;

/// The longer side of what the last encoder stage leaves is at most this long.
const DEEPEST_SIDE: usize = 8;
/// Channels of the first stage, the first of these whose network is not too large; each stage has twice as many as the
/// one before, up to the most.
const FIRST_WIDTHS: [usize; 3] = [32, 16, 8];
const MOST_WIDTH: usize = 256;

/// A batch has one image for each this many in the training set, down to a power of two, within these bounds.
const IMAGES_FOR_EACH: usize = 32;
const BATCH_SIZES: [usize; 2] = [16, 64];

const LATENT_DIMS: [usize; 2] = [8, 256];

/// Images of fewer values than this have too little variance for a Gaussian of unit variance: of digits of 8 x 8, latent
/// vectors come to say nothing, since to tell the digits apart costs more nats than it saves.
const FEW_VALUES: usize = 16 * 16;

impl Recipe {
    /// A recipe for a data set, as [`for_images`](Self::for_images) has it for the images that are left to train on, with
    /// `validation` as the share that is held out, or else [the usual one](Splits::usual_validation).
    #[must_use]
    pub fn for_data(data: &Splits, validation: Option<f64>) -> Self {
        let validation = validation.unwrap_or_else(|| data.usual_validation());
        Self { validation, ..Self::for_images(data.train.shape(), data.trained_on(validation)) }
    }

    /// A recipe for `images` training images of a shape: that of [`Recipe::fast`], with a network and a length of run to
    /// suit them. For MNIST it is [`Recipe::fast`] itself.
    ///
    /// - As many encoder stages as leave at most 8 x 8 pixels, up to 5, with 32 channels, 64, 128 and then 256; less for
    ///   images so large that such a network would be [too large](crate::network::ArchitectureError::TooLarge).
    /// - A latent space of 5/7 of an image's side for grey images, 20 dimensions for 28 x 28, and of a whole side for
    ///   colour, from 8 to 256. The side of an image that is no square is that of a square of as many pixels.
    /// - A learned variance for images of fewer than 256 values, of which unit variance leaves nothing to learn.
    /// - Batches of 64 images, of less than 2,048 fewer.
    /// - Epochs for 12,180 steps, at most 100 of them, as far as the work of the run, 6e13 floating-point operations,
    ///   allows.
    ///
    /// Images that no network takes, whose [`Architecture`] is an error, get a recipe too, of a single epoch.
    #[must_use]
    pub fn for_images(shape: ImageShape, images: usize) -> Self {
        let latent_dim = latent_dim(shape);
        let network = |first| Architecture::new(shape, &widths(shape, first), latent_dim).ok();
        let network = FIRST_WIDTHS.into_iter().find_map(network);
        let widths =
            network.as_ref().map_or_else(|| widths(shape, FIRST_WIDTHS[0]), |network| network.widths().to_vec());
        let work = network.map_or(f64::INFINITY, |network| network.training_flops() as f64);
        let batch_size = batch_size(images);
        let batches = (images / batch_size).max(1);
        let epochs = (STEPS as f64 / batches as f64).round() as usize;
        let epochs = epochs.min(MOST_EPOCHS).max(LEAST_STEPS.div_ceil(batches));
        let affordable = (WORK / (work * (batches * batch_size) as f64)) as usize;
        let epochs = epochs.min(affordable).max(1) as u32;
        let likelihood = if shape.len() < FEW_VALUES { Likelihood::SigmaGaussian } else { Likelihood::Gaussian };
        Self { epochs, batch_size, latent_dim, widths, likelihood, ..Self::fast() }
    }
}

fn widths(shape: ImageShape, first: usize) -> Vec<usize> {
    let mut side = shape.height.max(shape.width).div_ceil(2);
    let mut widths = vec![first];
    while side > DEEPEST_SIDE && widths.len() < *STAGES.end() {
        side = side.div_ceil(2);
        widths.push((first << widths.len()).min(MOST_WIDTH));
    }
    widths
}

fn latent_dim(shape: ImageShape) -> usize {
    let side = (shape.height as f64 * shape.width as f64).sqrt();
    let share = if shape.channels >= 3 { 1.0 } else { 5.0 / 7.0 };
    let [least, most] = LATENT_DIMS;
    ((side * share).round() as usize).clamp(least, most)
}

fn batch_size(images: usize) -> usize {
    let [least, most] = BATCH_SIZES;
    let wanted = (images / IMAGES_FOR_EACH).clamp(least, most);
    1 << wanted.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::shape::{CHANNELS, SIDES};
    use proptest::prelude::*;

    fn square(side: usize, channels: usize) -> ImageShape {
        ImageShape { height: side, width: side, channels }
    }

    #[test]
    fn a_data_set_has_the_recipe_of_what_is_left_to_train_on() {
        let shape = ImageShape { height: 8, width: 9, channels: 1 };
        let images = |count: usize| crate::dataset::Dataset::new(shape, vec![0; count * shape.len()], None).unwrap();
        let alone = Splits::from(images(1000));
        let of = |images, validation| Recipe { validation, ..Recipe::for_images(shape, images) };
        assert_eq!(Recipe::for_data(&alone, None), of(900, 0.1));
        assert_eq!(Recipe::for_data(&alone, Some(0.0)), of(1000, 0.0));
        assert_eq!(Recipe::for_data(&alone, Some(0.25)), of(750, 0.25));
        let with_test = Splits { test: Some(images(9)), ..alone };
        assert_eq!(Recipe::for_data(&with_test, None), of(1000, 0.0));
    }

    #[test]
    fn mnist_and_its_like_get_the_fast_recipe() {
        assert_eq!(Recipe::for_images(square(28, 1), 60_000), Recipe::fast());
    }

    #[test]
    fn the_network_grows_with_the_images() {
        for (side, channels, widths, latent_dim) in [
            (8, 1, &[32][..], 8),
            (16, 1, &[32], 11),
            (28, 3, &[32, 64], 28),
            (32, 3, &[32, 64], 32),
            (64, 1, &[32, 64, 128], 46),
            (64, 3, &[32, 64, 128], 64),
            (64, 4, &[32, 64, 128], 64),
            (128, 3, &[32, 64, 128, 256], 128),
            (256, 3, &[32, 64, 128, 256, 256], 256),
            (512, 3, &[32, 64, 128, 256, 256], 256),
            (800, 3, &[32, 64, 128, 256, 256], 256),
            (1024, 3, &[16, 32, 64, 128, 256], 256),
            // Too large even so.
            (2048, 3, &[32, 64, 128, 256, 256], 256),
        ] {
            let recipe = Recipe::for_images(square(side, channels), 5000);
            assert_eq!((&recipe.widths[..], recipe.latent_dim), (widths, latent_dim), "{side}, {channels}");
        }
        let wide = ImageShape { height: 16, width: 100, channels: 3 };
        assert_eq!(Recipe::for_images(wide, 5000).widths, [32, 64, 128, 256]);
        assert_eq!(Recipe::for_images(wide, 5000).latent_dim, 40);
    }

    #[test]
    fn few_images_are_gone_through_often_and_many_once() {
        for (shape, images, batch_size, epochs) in [
            (square(8, 1), 1, 16, 1000),
            (square(8, 1), 20, 16, 1000),
            (square(28, 1), 180, 16, 100),
            (square(28, 1), 1800, 32, 100),
            (square(28, 1), 10_000, 64, 78),
            (square(28, 1), 54_000, 64, 14),
            (square(28, 1), 2_000_000, 64, 1),
            (square(64, 3), 1_000_000, 64, 1),
        ] {
            let recipe = Recipe::for_images(shape, images);
            assert_eq!((recipe.batch_size, recipe.epochs), (batch_size, epochs), "{images} of {shape}");
        }
    }

    #[test]
    fn the_variance_of_small_images_is_learned() {
        for (side, channels, likelihood) in [
            (8, 1, Likelihood::SigmaGaussian),
            (8, 3, Likelihood::SigmaGaussian),
            (15, 1, Likelihood::SigmaGaussian),
            (16, 1, Likelihood::Gaussian),
            (28, 1, Likelihood::Gaussian),
        ] {
            assert_eq!(Recipe::for_images(square(side, channels), 1000).likelihood, likelihood, "{side}, {channels}");
        }
    }

    proptest! {
        #[test]
        fn there_is_a_valid_recipe_within_bounds_for_all_images(
            height in 8_usize..800, width in 8_usize..800, channels in 1_usize..=4, images in 1_usize..3_000_000,
        ) {
            prop_assert!(SIDES.contains(&height) && CHANNELS.contains(&channels));
            let shape = ImageShape { height, width, channels };
            let recipe = Recipe::for_images(shape, images);
            prop_assert_eq!(recipe.validate(), Ok(()));
            let work = Architecture::new(shape, &recipe.widths, recipe.latent_dim).unwrap().training_flops() as f64;
            let run = f64::from(recipe.epochs) * images as f64 * work;
            prop_assert!(recipe.epochs == 1 || run <= 2.0 * WORK, "{run}");
        }
    }

    #[test]
    fn images_that_no_network_takes_harm_nobody() {
        for shape in [square(7, 1), square(0, 0), square(4000, 4), square(usize::MAX, usize::MAX)] {
            let recipe = Recipe::for_images(shape, 100);
            assert_eq!((recipe.validate(), recipe.epochs), (Ok(()), 1), "{shape}");
        }
    }
}
