//! The engine against an independent framework in f64: forward pass, loss, every gradient, ten Adam steps.
//!
//! `golden/make_golden.py` made the files and says what is in them.

use elbo::dataset::{Batch, ImageShape};
use elbo::engine::Draw;
use elbo::network::ParameterTable;
use elbo::{Adam, Architecture, Cpu, Device, Likelihood, Loss, Objective};
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;

/// One golden file.
pub(crate) struct Golden {
    bytes: Vec<u8>,
    metadata: HashMap<String, String>,
}

impl Golden {
    pub(crate) fn read(name: &str) -> Self {
        let path = format!("{}/tests/golden/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        Self { bytes, metadata: metadata.into_iter().collect() }
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> T {
        self.metadata[key].parse().ok().unwrap()
    }

    pub(crate) fn f64s(&self, name: &str) -> Vec<f64> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), Dtype::F64);
        tensor.data().chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    fn f32s(&self, name: &str) -> Vec<f32> {
        self.f64s(name).into_iter().map(|x| x as f32).collect()
    }

    pub(crate) fn images(&self) -> Vec<u8> {
        SafeTensors::deserialize(&self.bytes).unwrap().tensor("images").unwrap().data().to_vec()
    }

    pub(crate) fn architecture(&self) -> Architecture {
        let image = ImageShape {
            height: self.number("height"),
            width: self.number("width"),
            channels: self.number("channels"),
        };
        let widths: Vec<usize> = self.metadata["widths"].split(',').map(|width| width.parse().unwrap()).collect();
        let architecture = Architecture::new(image, &widths, self.number("latent_dim")).unwrap();
        let classes = self.metadata.get("classes").map_or(0, |classes| classes.parse().unwrap());
        architecture.with_likelihood(self.likelihood()).with_classes(classes).unwrap()
    }

    pub(crate) fn labels(&self) -> Option<Vec<u16>> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        Some(tensors.tensor("labels").ok()?.data().iter().map(|&label| u16::from(label)).collect())
    }

    /// That of the case; the reference's is not named.
    fn likelihood(&self) -> Likelihood {
        let Some(name) = self.metadata.get("likelihood") else { return Likelihood::Gaussian };
        serde_json::from_value(name.as_str().into()).unwrap()
    }

    /// The parameters in the table's order, stored or made by the formula of the script's `generated_parameter`.
    pub(crate) fn parameters(&self, table: &ParameterTable) -> Vec<f32> {
        let mut values = vec![0.0; table.len()];
        for (number, parameter) in table.iter().enumerate() {
            let values = &mut values[parameter.range.clone()];
            if self.metadata["parameters"] == "stored" {
                values.copy_from_slice(&self.f32s(&format!("param.{}", parameter.name)));
            } else {
                for (i, value) in values.iter_mut().enumerate() {
                    *value = generated_parameter(number, i);
                }
            }
        }
        values
    }
}

/// Entry `index` of generated tensor number `tensor`: `generated_parameter` of the script.
fn generated_parameter(tensor: usize, index: usize) -> f32 {
    let mut hash = index as u32 + ((tensor as u32 + 1) << 20);
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85EB_CA6B);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xC2B2_AE35);
    hash ^= hash >> 16;
    (0.16 * (f64::from(hash >> 8) / 8_388_608.0 - 1.0)) as f32
}

fn assert_close(what: &str, found: &[f32], expected: &[f64], absolute: f64, relative: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= absolute + relative * scale, "{what}[{i}]: {found}, not {expected} (largest {scale})");
    }
}

/// A tensor against its golden value, or against the summary of it that stands for a large one.
fn assert_tensor(golden: &Golden, what: &str, found: &[f32], absolute: f64, relative: f64) {
    if golden.metadata["parameters"] == "stored" {
        return assert_close(what, found, &golden.f64s(what), absolute, relative);
    }
    let samples = golden.f64s(&format!("{what}.samples"));
    let sampled: Vec<f32> = (0..samples.len()).map(|j| found[j * found.len() / samples.len()]).collect();
    assert_close(what, &sampled, &samples, absolute, relative);
    let sum_of_squares: f64 = found.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let expected = golden.f64s(&format!("{what}.sum_of_squares"))[0];
    assert!(
        (sum_of_squares - expected).abs() <= 1e-4 * expected,
        "{what}: squares sum to {sum_of_squares}, not {expected}"
    );
    let sum: f64 = found.iter().map(|&x| f64::from(x)).sum();
    let expected = golden.f64s(&format!("{what}.sum"))[0];
    let tolerance = 1e-4 * (found.len() as f64 * sum_of_squares).sqrt() + absolute;
    assert!((sum - expected).abs() <= tolerance, "{what}: sums to {sum}, not {expected}");
}

/// On every instruction set of the machine.
fn check(name: &str) {
    for isa in Cpu::instruction_sets() {
        check_on(&Cpu::new(2).with_instruction_set(isa), name);
    }
}

fn check_on(cpu: &Cpu, name: &str) {
    println!("{cpu:?}");
    let golden = Golden::read(name);
    let architecture = golden.architecture();
    let table = ParameterTable::new(&architecture);
    let names: Vec<&str> = table.iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(names, golden.metadata["tensors"].split(',').collect::<Vec<_>>(), "the order of tensors");

    let (pixels, labels) = (golden.images(), golden.labels());
    let indices: Vec<u32> = (0..(pixels.len() / architecture.image().len()) as u32).collect();
    let batch = Batch::new(&pixels, &indices, labels.as_deref());
    let objective = Objective { beta: golden.number("beta"), ..Objective::default() };
    let noise = golden.f32s("eps");
    let noise_len = batch.len() * architecture.latent_dim();
    let first = Draw::Given(&noise[..noise_len]);
    let mut engine = cpu.engine(&architecture, &golden.parameters(&table)).unwrap();

    // Sums of up to a few thousand f32 products: about 1e-6 of the largest value.
    let latent_dim = architecture.latent_dim();
    let statistics = engine.encode(batch).unwrap();
    let part = |from: usize| -> Vec<f32> {
        statistics.chunks_exact(2 * latent_dim).flat_map(|row| row[from..from + latent_dim].to_vec()).collect()
    };
    assert_close("forward.mean", &part(0), &golden.f64s("forward.mean"), 1e-6, 1e-5);
    assert_close("forward.logvar", &part(latent_dim), &golden.f64s("forward.logvar"), 1e-6, 1e-5);
    let decoded = engine.decode(&golden.f32s("forward.z"), &golden.labels().unwrap_or_default()).unwrap();
    assert_close("forward.xhat", &engine.reconstruct(batch, first).unwrap(), &golden.f64s("forward.xhat"), 1e-6, 1e-5);
    assert_close("forward.xhat", &decoded, &golden.f64s("forward.xhat"), 1e-6, 1e-5);

    // A density's logarithm may be near zero, of terms that are not.
    let size = |loss: f64| if golden.likelihood() == Likelihood::Gaussian { loss.abs() } else { 10.0 + loss.abs() };
    let (loss, gradient) = engine.gradient(batch, first, objective).unwrap();
    for (what, found) in [("reconstruction", loss.reconstruction), ("kl", loss.kl)] {
        let expected = golden.f64s(&format!("forward.{what}"))[0];
        assert!((found - expected).abs() <= 1e-5 * size(expected), "{what}: {found}, not {expected}");
    }
    let mut measured = Loss::default();
    engine.losses(batch, first).unwrap().into_iter().for_each(|loss| measured += loss);
    let difference = measured.mean(batch.len()).total() - loss.total();
    assert!(difference.abs() <= 1e-12 * size(loss.total()), "evaluation and training see the same loss");
    for parameter in table.iter() {
        let what = format!("grad.{}", parameter.name);
        assert_tensor(&golden, &what, &gradient[parameter.range.clone()], 1e-6, 2e-5);
    }

    let adam = Adam {
        learning_rate: golden.number("learning_rate"),
        beta1: golden.number("beta1"),
        beta2: golden.number("beta2"),
        epsilon: golden.number("epsilon"),
    };
    for (step, expected) in golden.f64s("step_loss").into_iter().enumerate() {
        let draw = Draw::Given(&noise[step * noise_len..][..noise_len]);
        engine.step(batch, draw, objective, &adam.into()).unwrap();
        let loss = engine.next_loss(true).unwrap().unwrap();
        let found = loss.reconstruction + f64::from(objective.beta) * loss.kl;
        assert!((found - expected).abs() <= 2e-5 * size(expected), "step {step}: {found}, not {expected}");
    }
    // A step of Adam moves by about the learning rate however small the gradient, so that an f32 gradient near zero may
    // move its parameter a fraction of a step otherwise: a twentieth of one of ten steps of 1e-3.
    let parameters = engine.parameters().unwrap();
    for parameter in table.iter() {
        let what = format!("adam.{}", parameter.name);
        assert_tensor(&golden, &what, &parameters[parameter.range.clone()], 5e-5, 1e-6);
    }
}

#[test]
fn even_sizes() {
    check("even_8x8x1");
}

#[test]
fn odd_sizes_and_colour() {
    check("odd_9x13x3");
}

#[test]
fn another_beta_and_two_channels() {
    check("beta_12x10x2");
}

#[test]
fn five_stages_down_to_one_pixel() {
    check("deep_8x11x4");
}

#[test]
fn a_learned_variance() {
    check("sigma_9x8x2");
}

#[test]
fn black_and_white_pixels() {
    check("bernoulli_8x9x1");
}

#[test]
fn a_density_on_the_unit_interval() {
    check("continuous_10x8x1");
}

#[test]
fn conditional_on_classes() {
    check("classes_8x10x1");
}

#[test]
fn the_reference_network() {
    check("reference_28x28x1");
}
