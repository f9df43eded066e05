//! Each rule on models that are broken in its way, and none on one that is well.

use super::*;
use crate::dataset::{Dataset, ImageShape};
use crate::network::likelihood::Likelihood;
use crate::{Settings, Training, Vae};

const SHAPE: ImageShape = ImageShape { height: 12, width: 10, channels: 1 };

/// Images of a bright disc at a place and of a size that no two share: what a few latent dimensions can tell. `contrast` is
/// the value of the brightest pixel.
fn discs(count: usize, seed: u32, contrast: f64) -> Dataset {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let mut pixels = Vec::new();
    for _ in 0..count {
        let (row, column, radius) = (2.0 + 8.0 * random(), 2.0 + 6.0 * random(), 1.5 + 2.5 * random());
        for pixel in 0..SHAPE.len() {
            let (y, x) = ((pixel / SHAPE.width) as f64 - row, (pixel % SHAPE.width) as f64 - column);
            pixels.push((contrast * (radius + 0.5 - y.hypot(x)).clamp(0.0, 1.0)) as u8);
        }
    }
    Dataset::new(SHAPE, pixels, None).unwrap()
}

/// Noise of which nothing can be learned that other images share.
fn noise(count: usize, seed: u32) -> Dataset {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    Dataset::new(SHAPE, (0..count * SHAPE.len()).map(|_| random()).collect(), None).unwrap()
}

fn recipe() -> Recipe {
    Recipe {
        epochs: 60,
        batch_size: 50,
        widths: vec![8, 16],
        latent_dim: 6,
        likelihood: Likelihood::SigmaGaussian,
        ..Recipe::fast()
    }
}

/// The names of what is found of a model that was trained like this, and what was found.
fn names(recipe: Recipe, train: &Dataset, test: &Dataset) -> (Vec<&'static str>, String) {
    let settings = Settings { threads: 2, ..Settings::new("discs", recipe) };
    let data = crate::dataset::Splits { test: Some(test.clone()), ..train.clone().into() };
    let mut training = Training::new(settings, data).unwrap();
    while training.advance().unwrap().is_some() {}
    let vae = Vae::try_from(&training).unwrap();
    let of = |dataset: &Dataset| measure(&vae, dataset, &evenly(dataset, 200), 1, &|_| ()).unwrap();
    let (fitted, held_out) = (of(train), of(test));
    let found = findings(&Evidence {
        recipe: &training.settings().recipe,
        sigma: sigma(&vae).unwrap(),
        held_out: Some(&held_out),
        training: Some(&fitted),
        history: training.history(),
    });
    let numbers = format!(
        "{found:?}\n{:?} {:?} {:?} {} {} {:?}",
        fitted.explained(),
        held_out.explained(),
        held_out.loss,
        held_out.error(),
        held_out.latent.active(),
        sigma(&vae).unwrap()
    );
    (found.iter().map(Finding::name).collect(), numbers)
}

#[test]
fn a_model_that_is_well_has_no_findings() {
    let (train, test) = (discs(400, 1, 255.0), discs(100, 2, 255.0));
    for likelihood in Likelihood::ALL {
        let (found, numbers) = names(Recipe { likelihood, ..recipe() }, &train, &test);
        assert!(found.is_empty(), "{likelihood}: {numbers}");
    }
}

#[test]
fn a_divergence_of_great_weight_collapses() {
    let (train, test) = (discs(400, 1, 255.0), discs(100, 2, 255.0));
    for likelihood in [Likelihood::Gaussian, Likelihood::Bernoulli] {
        let (found, numbers) = names(Recipe { beta: 1000.0, likelihood, ..recipe() }, &train, &test);
        assert!(found.contains(&"posterior collapse"), "{numbers}");
    }
}

#[test]
fn one_epoch_at_a_tiny_rate_is_no_training() {
    let (train, test) = (discs(400, 1, 255.0), discs(100, 2, 255.0));
    let slow = Recipe { epochs: 1, learning_rate: 1e-6, muon_learning_rate: None, ..recipe() };
    let (found, numbers) = names(slow, &train, &test);
    assert_eq!(found, ["under-trained"], "{numbers}");
}

#[test]
fn two_epochs_are_too_few() {
    let (train, test) = (discs(400, 1, 255.0), discs(100, 2, 255.0));
    let short = Recipe { epochs: 3, learning_rate: 2e-3, muon_learning_rate: None, ..recipe() };
    let (found, numbers) = names(short, &train, &test);
    assert!(found.contains(&"under-trained"), "{numbers}");
}

#[test]
fn a_few_images_many_times_over_are_learned_by_heart() {
    let few = Recipe { epochs: 400, ..recipe() };
    for (train, test) in [(noise(20, 1), noise(60, 2)), (discs(20, 1, 255.0), discs(60, 2, 255.0))] {
        let (found, numbers) = names(few.clone(), &train, &test);
        assert!(found.contains(&"over-fitted"), "{numbers}");
    }
}

#[test]
fn unit_variance_is_too_wide_for_faint_images() {
    let (train, test) = (discs(400, 1, 25.0), discs(100, 2, 25.0));
    let steady = Recipe { learning_rate: 2e-3, muon_learning_rate: None, ..recipe() };
    let (found, numbers) = names(Recipe { likelihood: Likelihood::Gaussian, ..steady }, &train, &test);
    assert!(found.contains(&"likelihood too wide"), "{numbers}");
}

#[test]
fn a_divergence_that_weighs_nothing_makes_the_likelihood_too_narrow() {
    let (train, test) = (discs(400, 1, 255.0), discs(100, 2, 255.0));
    let narrow = Recipe { beta: 1e-6, likelihood: Likelihood::Gaussian, ..recipe() };
    let (found, numbers) = names(narrow, &train, &test);
    assert!(found.contains(&"likelihood too narrow") && !found.contains(&"diverged"), "{numbers}");
}

/// Made up numbers where training does not reach: rates that ruin a run in the middle, few active dimensions.
#[test]
fn rules_on_given_numbers() {
    let measured = |kl: f64, variance_of_mean: Vec<f64>, squared_error: f64| Measured {
        images: 100,
        loss: crate::Loss { reconstruction: 50.0, kl },
        latent: LatentUse { kl: vec![kl / 8.0; 8], variance_of_mean, aggregate_distance: Some(0.1) },
        squared_error,
        variance: 100.0,
        values: 784,
    };
    let of = |measured: &Measured| {
        let evidence = Evidence {
            recipe: &Recipe::reference(),
            sigma: Some(1.0),
            held_out: Some(measured),
            training: None,
            history: &[],
        };
        findings(&evidence).iter().map(Finding::name).collect::<Vec<_>>()
    };
    let active = |count: usize| (0..8).map(|d| if d < count { 0.5 } else { 1e-4 }).collect::<Vec<_>>();
    // Eleven of twenty at six times the error, as on MNIST.
    assert_eq!(of(&measured(7.0, active(4), 40.0)), [""; 0]);
    assert_eq!(of(&measured(7.0, active(1), 40.0)), [""; 0]);
    assert_eq!(of(&measured(2.0, active(2), 60.0)), ["likelihood too wide", "partly collapsed"]);
    assert_eq!(of(&measured(2.0, active(3), 60.0)), ["likelihood too wide"]);
    assert_eq!(of(&measured(0.05, active(2), 40.0)), ["posterior collapse"]);
    assert_eq!(of(&measured(2.0, active(0), 40.0)), ["posterior collapse"]);
    assert_eq!(of(&measured(2.0, active(4), 106.0)), ["under-trained"]);
    assert_eq!(of(&measured(f64::NAN, active(4), 40.0)), ["diverged"]);
    // All of one image, which varies in nothing.
    assert_eq!(of(&Measured { variance: 0.0, ..measured(4.0, active(0), 40.0) }), [""; 0]);
}

#[test]
fn findings_say_their_numbers() {
    let finding = Finding::Collapsed { kl: 0.0005, active: Some(0), dim: 10 };
    let text = "the latent vectors say nothing of the images (KL 0.0005 nats, 0 of 10 latent dimensions active)";
    assert_eq!(finding.to_string(), text);
    let finding = Finding::OverFitted { training: 0.99, held_out: -0.25 };
    let text = "reconstructions explain 99.0 % of the variance of training images, and -25.0 % of that of others";
    assert_eq!(finding.to_string(), text);
}
