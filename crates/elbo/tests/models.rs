//! A trained model does the same on any number of threads, and what it makes is what it should be.

use crate::bars::{GREY, bars, finish, small_settings, splits};
use elbo::dataset::{Dataset, ImageShape};
use elbo::{Error, Training, Vae};

/// A model of two epochs, on some threads.
fn trained(shape: ImageShape, threads: usize) -> (Vae, Dataset) {
    let mut settings = small_settings(2);
    settings.threads = threads;
    let mut training = Training::new(settings, splits(shape, 100, 71)).unwrap();
    finish(&mut training);
    (Vae::try_from(&training).unwrap(), training.data().test.clone().unwrap())
}

#[test]
fn a_model_does_the_same_on_any_number_of_threads() {
    let shape = ImageShape { height: 9, width: 13, channels: 3 };
    let (vae, images) = trained(shape, 1);
    let (other, _) = trained(shape, 3);
    let encoded = vae.encode(&images).unwrap();
    assert_eq!(encoded.means.len(), 71 * 3);
    assert_eq!(encoded, other.encode(&images).unwrap());
    assert_eq!(vae.decode(&encoded.means, None).unwrap(), other.decode(&encoded.means, None).unwrap());
    assert_eq!(vae.generate(33, 5).unwrap(), other.generate(33, 5).unwrap());
    let evaluation = vae.evaluate(&images, 1).unwrap();
    assert_eq!(evaluation, other.evaluate(&images, 1).unwrap());
    assert_eq!(evaluation.images, 71);
    let indices = [70, 0, 70, 13];
    let reconstructed = vae.reconstruct(&images, &indices, 1).unwrap();
    assert_eq!(reconstructed, other.reconstruct(&images, &indices, 1).unwrap());
    // The noise is the image's, not that of its place.
    let reconstructed: Vec<&[f32]> = reconstructed.iter().collect();
    assert_eq!(reconstructed[0], reconstructed[2]);
}

#[test]
fn the_first_images_are_the_same_whatever_the_count() {
    let (vae, _) = trained(GREY, 2);
    let many = vae.generate(60, 4).unwrap();
    for count in [1, 10, 20] {
        let few = vae.generate(count, 4).unwrap();
        assert_eq!(few.len(), count);
        assert_eq!(few.pixels, many.pixels[..few.pixels.len()]);
    }
    let rest = vae.generate_from(20, 40, 4).unwrap();
    assert_eq!(rest.pixels, many.pixels[many.pixels.len() - rest.pixels.len()..]);
    assert!(vae.generate(0, 4).unwrap().is_empty());
    assert_ne!(vae.generate(1, 5).unwrap(), vae.generate(1, 4).unwrap());
}

#[test]
fn what_is_decoded_is_an_image_and_what_is_measured_a_divergence() {
    let (vae, images) = trained(GREY, 2);
    for size in [0.0_f32, 1.0, 10.0, 1e4] {
        let latents: Vec<f32> = (0..90).map(|i| size * ((i * 37 % 19) as f32 / 9.0 - 1.0)).collect();
        let decoded = vae.decode(&latents, None).unwrap();
        assert_eq!(decoded.len(), 30);
        assert!(decoded.pixels.iter().all(|pixel| (0.0..=1.0).contains(pixel)), "{size}");
    }
    for seed in 0..4 {
        let evaluation = vae.evaluate(&images, seed).unwrap();
        assert!(evaluation.sampled.kl >= 0.0 && evaluation.sampled.reconstruction >= 0.0);
        assert_eq!(evaluation.sampled.kl.to_bits(), evaluation.at_mean.kl.to_bits());
    }
    let other = bars(ImageShape { height: 8, width: 8, channels: 1 }, 3, 1);
    assert!(matches!(vae.encode(&other), Err(Error::Shape(_))));
    assert!(matches!(vae.evaluate(&other, 1), Err(Error::Shape(_))));
    assert!(matches!(vae.reconstruct(&other, &[0], 1), Err(Error::Shape(_))));
}
