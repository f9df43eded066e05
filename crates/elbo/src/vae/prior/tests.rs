//! A prior fitted to a model.

use super::*;
use crate::dataset::ImageShape;
use crate::{Model, Recipe, Settings, Training};

/// Images of 10 x 8 pixels: a bright column somewhere.
fn columns(count: usize) -> Dataset {
    let shape = ImageShape { height: 10, width: 8, channels: 1 };
    let pixels = (0..count).flat_map(|i| (0..80).map(move |p| if p % 8 == i % 8 { 255 } else { (i % 50) as u8 }));
    Dataset::new(shape, pixels.collect(), None).unwrap()
}

fn trained(threads: usize) -> Vae {
    let recipe =
        Recipe { epochs: 12, beta: 0.02, batch_size: 20, widths: vec![8, 8], latent_dim: 3, ..Recipe::reference() };
    let settings = Settings { threads, ..Settings::new("columns", recipe) };
    let mut training = Training::new(settings, columns(200)).unwrap();
    while training.advance().unwrap().is_some() {}
    Vae::try_from(&training).unwrap()
}

/// By the definition: `ln q(z | x) - ln p(z)`, with the same draws.
#[test]
fn a_gain_is_that_of_the_divergence_by_draws() {
    let vae = trained(2);
    let mut steps = Vec::new();
    let fitted = vae.fit_prior(&columns(200), &mut |progress| steps.push(progress)).unwrap();
    assert_eq!((fitted.images, fitted.draws), (200, MOST_DRAWS));
    assert_eq!(
        steps.len(),
        fitted.candidates.len() + steps.iter().filter(|step| matches!(step, PriorProgress::Encoded { .. })).count()
    );

    let images = columns(90);
    let gain = vae.evaluate_prior(&fitted.mixture, &images, 4).unwrap();
    let encoded = vae.encode(&images).unwrap();
    let (mut sum, mut count) = (0.0, 0.0);
    for k in 0..MEASURED_DRAWS {
        let noise = Noise::new(4, Purpose::Evaluation, k);
        for (image, (means, logvars)) in encoded.iter().enumerate() {
            let mut draws = [0.0; 3];
            noise.normal(image as u64, &mut draws);
            let (mut code, mut log_q) = ([0.0; 3], 0.0);
            for d in 0..3 {
                let deviation = (0.5 * f64::from(logvars[d])).exp();
                code[d] = means[d] + (deviation * f64::from(draws[d])) as f32;
                let draw = f64::from(draws[d]);
                log_q -= 0.5 * draw * draw + deviation.ln() + 0.5 * std::f64::consts::TAU.ln();
            }
            sum += log_q - fitted.mixture.log_density(&code)[0];
            count += 1.0;
        }
    }
    let by_draws = sum / count;
    // What is left of noise is that of ln q + |z|^2 / 2, whose mean has a formula: measured without it.
    assert!((gain.kl_mixture - by_draws).abs() < 0.15, "{} for {by_draws}", gain.kl_mixture);
    assert!(gain.gain() > 0.0 && gain.standard_error > 0.0, "{gain:?}");
    let evaluation = vae.evaluate(&images, 4).unwrap().sampled;
    assert_eq!((evaluation.reconstruction, evaluation.kl), (gain.reconstruction, gain.kl_standard));

    // The standard normal gains nothing over itself.
    let nothing = vae.evaluate_prior(&Mixture::standard(3), &images, 4).unwrap();
    assert_eq!((nothing.gain(), nothing.standard_error), (0.0, 0.0));
}

#[test]
fn the_same_images_give_the_same_prior_on_any_number_of_threads() {
    let fitted = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let vae = trained(threads);
        pool.install(|| vae.fit_prior(&columns(200), &mut |_| ()).unwrap())
    };
    assert_eq!(fitted(1), fitted(3));
}

#[test]
fn samples_of_no_option_are_those_of_generate() {
    use crate::vae::Sampling;
    let vae = trained(2);
    let plain = vae.sample(3, 9, 5, &Sampling::default()).unwrap();
    assert_eq!(plain, vae.generate_from(3, 9, 5).unwrap());
    let latents = |sampling: &Sampling<'_>| vae.sampled_latents(0, 4, 5, sampling).unwrap();
    let (whole, half) = (latents(&Sampling::default()), latents(&Sampling { temperature: 0.5, ..Sampling::default() }));
    assert!(whole.iter().zip(&half).all(|(whole, half)| half * 2.0 == *whole));
    let prior = vae.fit_prior(&columns(200), &mut |_| ()).unwrap().mixture;
    let sampling = Sampling { prior: Some(&prior), ..Sampling::default() };
    let many = vae.sample(0, 20, 5, &sampling).unwrap();
    let latents = vae.sampled_latents(0, 20, 5, &sampling).unwrap();
    assert_eq!(vae.sampled_latents(13, 7, 5, &sampling).unwrap(), latents[13 * 3..]);
    // What shares a pass through the network may change the last bits.
    let few = vae.sample(0, 13, 5, &sampling).unwrap();
    assert!(few.pixels.iter().zip(&many.pixels).all(|(a, b)| (a - b).abs() < 1e-6));
    assert_ne!(many, vae.generate(20, 5).unwrap());
    let error = vae.sample(0, 1, 5, &Sampling { prior: Some(&Mixture::standard(4)), ..sampling }).unwrap_err();
    assert!(matches!(error, Error::Prior(PriorError::Dimensions { expected: 3, found: 4 })), "{error}");
}

#[test]
fn a_prior_is_kept_in_the_model_file() {
    let vae = trained(1);
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("model.safetensors");
    let parameters = vae.engine().parameters().unwrap();
    let mut model = Model { card: vae.card().clone(), parameters };
    let digest = model.digest();
    model.card.prior = Some(vae.fit_prior(&columns(200), &mut |_| ()).unwrap().mixture);
    model.write(&path).unwrap();
    assert_eq!(Model::read(&path).unwrap(), model);
    assert_eq!(Model::read(&path).unwrap().digest(), digest);
    model.card.prior = Some(Mixture::standard(4));
    let message = model.write(&path).unwrap_err().to_string();
    assert!(message.contains("a prior of 4 dimensions for a network of 3"), "{message}");
}

#[test]
fn one_image_is_too_few() {
    let error = trained(1).fit_prior(&columns(1), &mut |_| ()).unwrap_err();
    assert!(matches!(error, Error::Prior(PriorError::TooFew { images: 1 })), "{error}");
    assert!(trained(1).fit_prior(&columns(2), &mut |_| ()).is_ok());
}
