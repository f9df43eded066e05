//! Objectives beyond the evidence lower bound against an independent framework in f64, and what training on them comes to.
//!
//! `golden/make_objectives.py` made the values.

use elbo::dataset::{Batch, Dataset, ImageShape};
use elbo::engine::Draw;
use elbo::network::{KlGradient, ParameterTable};
use elbo::recipe::ObjectiveKind;
use elbo::{Architecture, Cpu, Device, Likelihood, Objective, Progress, Recipe, Settings, Training, Vae};
use serde_json::Value;

const SIDE: usize = 8;
const IMAGES: usize = 6;

/// `waves` of the script.
fn waves(number: usize, size: usize, scale: f64) -> impl Iterator<Item = f32> {
    (0..size).map(move |i| (scale * (12.9898 * (number + 1) as f64 + 0.78233 * i as f64).sin()) as f32)
}

fn golden(name: &str) -> Value {
    let path = format!("{}/tests/golden/objectives.json", env!("CARGO_MANIFEST_DIR"));
    let cases: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    cases[name].clone()
}

fn check(name: &str, total_correlation: f32) {
    let golden = golden(name);
    let image = ImageShape { height: SIDE, width: SIDE, channels: 1 };
    let architecture = Architecture::new(image, &[3, 5], 3).unwrap().with_likelihood(Likelihood::Bernoulli);
    let components = golden["components"].as_u64().unwrap() as usize;
    let architecture = architecture.with_prior_components(components).unwrap();
    let table = ParameterTable::new(&architecture);
    let parameters: Vec<f32> =
        table.iter().enumerate().flat_map(|(number, tensor)| waves(number, tensor.range.len(), 0.5)).collect();
    let pixels: Vec<u8> = (0..IMAGES * image.len()).map(|i| (i * i % 251) as u8).collect();
    let indices: Vec<u32> = (0..IMAGES as u32).collect();
    let samples = golden["samples"].as_u64().unwrap() as u32;
    let noise: Vec<f32> = waves(100, IMAGES * samples as usize * 3, 1.5).collect();
    let objective = Objective { samples, total_correlation, ..Objective::default() };
    for isa in Cpu::instruction_sets() {
        let mut engine = Cpu::new(2).with_instruction_set(isa).engine(&architecture, &parameters).unwrap();
        let batch = Batch::new(&pixels, &indices, None);
        let (_, gradient) = engine.gradient(batch, Draw::Given(&noise), objective).unwrap();
        for tensor in table.iter() {
            let found: Vec<f64> = gradient[tensor.range.clone()].iter().map(|&x| f64::from(x)).collect();
            let expected = &golden["gradient"][&tensor.name];
            let number = |key: &str| expected[key].as_f64().unwrap();
            let size = number("squares").sqrt();
            let squares: f64 = found.iter().map(|x| x * x).sum();
            let close = |found: f64, expected: f64, scale: f64| {
                assert!(
                    (found - expected).abs() <= 2e-5 * scale + 1e-6,
                    "{isa}, {}: {found}, not {expected}",
                    tensor.name
                );
            };
            close(squares.sqrt(), size, size);
            close(found.iter().sum(), number("sum"), size * (found.len() as f64).sqrt());
            for (found, expected) in found.iter().zip(expected["first"].as_array().unwrap()) {
                close(*found, expected.as_f64().unwrap(), size);
            }
        }
    }
}

#[test]
fn the_importance_weighted_bound() {
    check("importance_weighted", 0.0);
}

#[test]
fn a_learned_prior() {
    check("learned_prior", 0.0);
}

#[test]
fn the_importance_weighted_bound_with_a_learned_prior() {
    check("importance_weighted_learned_prior", 0.0);
}

#[test]
fn the_total_correlation() {
    check("beta_tc", 3.0);
}

/// Images in two groups: a bright column on the left or on the right.
fn columns() -> Dataset {
    let image = ImageShape { height: SIDE, width: SIDE, channels: 1 };
    let pixel = |i: usize, p: usize| if p % SIDE == i % 2 * 5 + i % 3 { 255 } else { 0 };
    let pixels = (0..240).flat_map(|i| (0..image.len()).map(move |p| pixel(i, p))).collect();
    Dataset::new(image, pixels, None).unwrap()
}

fn trained(recipe: &Recipe, threads: usize) -> (Vae, Vec<f64>) {
    let likelihood = Likelihood::Bernoulli;
    let recipe = Recipe { epochs: 12, batch_size: 30, widths: vec![4, 6], latent_dim: 2, likelihood, ..recipe.clone() };
    let settings = Settings { threads, ..Settings::new("columns", recipe) };
    let mut training = Training::new(settings, columns()).unwrap();
    let mut losses = Vec::new();
    while let Some(progress) = training.advance().unwrap() {
        if let Progress::Epoch(metrics) = progress {
            losses.push(metrics.train_loss);
        }
    }
    (Vae::try_from(&training).unwrap(), losses)
}

/// Each objective, with each estimator of its gradient, learns, and comes to the same bits on any number of threads.
#[test]
fn every_objective_learns() {
    let fast = Recipe { kl_gradient: KlGradient::Analytic, ..Recipe::fast() };
    for recipe in [
        Recipe { objective: ObjectiveKind::Iwae, samples: 7, ..fast.clone() },
        Recipe { objective: ObjectiveKind::Iwae, samples: 7, kl_gradient: KlGradient::Path, ..fast.clone() },
        Recipe { objective: ObjectiveKind::BetaTc, beta: 3.0, ..fast.clone() },
        Recipe { prior_components: 3, ..fast.clone() },
        Recipe { prior_components: 3, kl_gradient: KlGradient::Path, ..fast.clone() },
        Recipe { objective: ObjectiveKind::Iwae, samples: 3, prior_components: 2, ..fast },
    ] {
        let (vae, losses) = trained(&recipe, 1);
        // All pixels at one half have 44 nats, at their mean frequencies about 28.
        assert!(losses[0] > 35.0 && losses[11] < 26.0, "{recipe:?}: {losses:?}");
        let (same, same_losses) = trained(&recipe, 3);
        assert_eq!(losses, same_losses);
        assert_eq!(vae.engine().parameters().unwrap(), same.engine().parameters().unwrap());
    }
}

#[test]
fn an_objective_that_there_is_not_is_refused() {
    let mut training = Training::new(Recipe { epochs: 1, ..Recipe::fast() }, columns()).unwrap();
    for (objective, said) in [
        (Objective { samples: 0, ..Objective::default() }, "one sample or more"),
        (Objective { samples: 2, free_bits: 0.1, ..Objective::default() }, "free bits"),
        (Objective { samples: 2, total_correlation: 1.0, ..Objective::default() }, "total correlation"),
        (Objective { total_correlation: f32::NAN, ..Objective::default() }, "not finite"),
    ] {
        let error = training.gradient(objective).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
