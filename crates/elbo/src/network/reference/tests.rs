//! The definition against finite differences, and the engine against the definition.

mod not_a_number;

use super::*;
use crate::dataset::ImageShape;
use crate::dataset::batch::{Batch, scale};
use crate::engine::cpu::Engine;
use crate::engine::cpu::latent::Draw;
use crate::noise::{Noise, Purpose};

struct Case {
    architecture: Architecture,
    pixels: Vec<u8>,
    labels: Option<Vec<u16>>,
    parameters: Vec<f32>,
    noise: Vec<f32>,
    objective: Objective,
}

impl Case {
    fn new(
        [height, width, channels]: [usize; 3],
        widths: &[usize],
        latent_dim: usize,
        count: usize,
        beta: f32,
    ) -> Self {
        let image = ImageShape { height, width, channels };
        Self::of(
            Architecture::new(image, widths, latent_dim).unwrap(),
            count,
            Objective { beta, ..Objective::default() },
        )
    }

    fn of(architecture: Architecture, count: usize, objective: Objective) -> Self {
        let image = architecture.image();
        let pixels = (0..count * image.len()).map(|i| (i * i % 251) as u8).collect();
        let classes = architecture.classes();
        // Some class more than once, and not always the same between two of another.
        let labels = (classes > 0).then(|| (0..count).map(|i| (i * i % classes) as u16).collect());
        let table = ParameterTable::new(&architecture);
        let mut parameters = table.initialize(5);
        // Biases too, or no test would see them.
        let random = Noise::new(6, Purpose::Choice, 0);
        for (i, parameter) in table.iter().enumerate().filter(|(_, parameter)| parameter.shape.len() == 1) {
            random.uniform(i as u64, 0.3, &mut parameters[parameter.range.clone()]);
        }
        let mut noise = vec![0.0; count * architecture.latent_dim()];
        random.normal(1_000, &mut noise);
        Self { architecture, pixels, labels, parameters, noise, objective }
    }

    fn images(&self) -> Vec<f64> {
        let mut images = vec![0.0; self.pixels.len()];
        scale(&self.pixels, &mut images);
        images.into_iter().map(f64::from).collect()
    }

    fn at(&self, parameters: &[f64]) -> Defined {
        let noise: Vec<f64> = self.noise.iter().map(|&x| f64::from(x)).collect();
        gradient(
            &self.architecture,
            parameters,
            &self.images(),
            &noise,
            self.labels.as_deref().unwrap_or(&[]),
            &self.objective,
        )
    }

    fn parameters(&self) -> Vec<f64> {
        self.parameters.iter().map(|&x| f64::from(x)).collect()
    }
}

fn cases() -> Vec<Case> {
    vec![
        Case::new([8, 8, 1], &[3, 5], 2, 2, 1.0),
        Case::new([9, 11, 3], &[4], 3, 2, 0.7),
        Case::new([10, 9, 2], &[3, 2, 4], 2, 3, 2.0),
    ]
    .into_iter()
    .chain(of_each_likelihood())
    .chain([with_free_bits(), with_classes(5)])
    .collect()
}

fn with_classes(count: usize) -> Case {
    let image = ImageShape { height: 9, width: 8, channels: 2 };
    let architecture = Architecture::new(image, &[3, 4], 3).unwrap().with_classes(4).unwrap();
    Case::of(architecture.with_likelihood(Likelihood::SigmaGaussian), count, Objective::default())
}

/// Of its dimensions some are free and some are not.
fn with_free_bits() -> Case {
    let image = ImageShape { height: 9, width: 8, channels: 2 };
    let architecture = Architecture::new(image, &[3, 4], 5).unwrap();
    Case::of(architecture, 3, Objective { beta: 0.5, free_bits: 0.05, ..Objective::default() })
}

fn of_each_likelihood() -> impl Iterator<Item = Case> {
    Likelihood::ALL.into_iter().map(|likelihood| {
        let image = ImageShape { height: 9, width: 8, channels: 2 };
        let architecture = Architecture::new(image, &[3, 4], 2).unwrap().with_likelihood(likelihood);
        Case::of(architecture, 3, Objective { beta: 0.5, ..Objective::default() })
    })
}

/// Every tensor's gradient is what the loss does when one of its numbers moves a little.
#[test]
fn the_gradient_agrees_with_finite_differences() {
    for case in cases() {
        let parameters = case.parameters();
        let Defined { gradient, .. } = case.at(&parameters);
        let objective = |parameters: &[f64]| case.at(parameters).minimised;
        for parameter in ParameterTable::new(&case.architecture).iter() {
            // All of a small tensor, a few dozen of a large one.
            for i in parameter.range.clone().step_by(parameter.range.len().div_ceil(24)) {
                let step = 1e-5;
                let (mut above, mut below) = (parameters.clone(), parameters.clone());
                above[i] += step;
                below[i] -= step;
                let difference = (objective(&above) - objective(&below)) / (2.0 * step);
                // The difference itself is good to about 1e-9; a ReLU's kink within the step would show.
                let error = (difference - gradient[i]).abs();
                assert!(
                    error <= 1e-7 + 1e-6 * difference.abs(),
                    "{}, {}: {difference}, not {}",
                    case.architecture.likelihood(),
                    parameter.name,
                    gradient[i]
                );
            }
        }
    }
}

/// The engine, on every thread count, computes what the definition says.
#[test]
fn the_engine_agrees_with_the_definition() {
    let mut cases = cases();
    // More images than a chunk or a micro-batch, and no multiple of either; many stages; sides of one pixel.
    cases.push(Case::new([8, 8, 1], &[3, 5], 2, 37, 1.0));
    cases.push(with_classes(37));
    cases.push(Case::new([8, 10, 4], &[9, 3, 2, 4, 17], 3, 5, 1.0));
    for case in cases {
        let Defined { loss: expected_loss, gradient: expected, .. } = case.at(&case.parameters());
        let scale = expected.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
        for threads in [1, 3] {
            let mut engine = Engine::new(case.architecture.clone(), &case.parameters, threads).unwrap();
            let indices: Vec<u32> = (0..(case.pixels.len() / case.architecture.image().len()) as u32).collect();
            let batch = Batch { pixels: &case.pixels, indices: &indices, labels: case.labels.as_deref() };
            let (loss, gradient) = engine.gradient(batch, Draw::Given(&case.noise), case.objective);
            assert!((loss.loss() - expected_loss.loss()).abs() < 1e-5 * expected_loss.loss().abs());
            for (i, (found, expected)) in gradient.iter().zip(&expected).enumerate() {
                let error = (f64::from(*found) - expected).abs();
                assert!(error <= 1e-5 * scale, "parameter {i}: {found}, not {expected}");
            }
        }
    }
}

/// Free bits count something, and not everything.
#[test]
fn free_bits_change_some_of_the_gradient() {
    let case = with_free_bits();
    let objective = |free_bits| Case { objective: Objective { free_bits, ..case.objective }, ..with_free_bits() };
    let [none, some, all] = [0.0, 0.05, 1e9].map(|free_bits| objective(free_bits).at(&case.parameters()));
    assert!(none.loss == some.loss && none.minimised < some.minimised && some.minimised < all.minimised);
    assert!(none.gradient != some.gradient && some.gradient != all.gradient);
}
