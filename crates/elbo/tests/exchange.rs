//! Exported graphs, run by another program: against what independent frameworks computed in f64 (`golden/make_golden.py`),
//! and against our own engine on networks of many shapes.

use crate::bars::{finish, small_settings, splits};
use crate::golden::Golden;
use elbo::dataset::{Channels, Colour, Dataset, Fit, Frames, ImageShape, Preparation, Preprocessing, Size, ValueRange};
use elbo::exchange::{Format, Numbers, export};
use elbo::network::ParameterTable;
use elbo::{Architecture, Cpu, Likelihood, Model, Training, Vae};
use rten::Value;
use std::path::Path;

/// The golden networks: all likelihoods, odd sides, one to four channels, classes.
const CASES: [&str; 9] = [
    "bernoulli_8x9x1",
    "beta_12x10x2",
    "classes_8x10x1",
    "continuous_10x8x1",
    "deep_8x11x4",
    "even_8x8x1",
    "odd_9x13x3",
    "reference_28x28x1",
    "sigma_9x8x2",
];

/// How far results of sums in single precision that are added up in another order may lie apart: a share of the largest,
/// and as much of 1. What is found is a tenth of that.
const TOLERANCE: f64 = 1e-5;

fn assert_close(what: &str, found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0_f64, |largest, x| largest.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= TOLERANCE * largest, "{what}[{i}]: {found}, not {expected}");
    }
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| f64::from(number)).collect()
}

/// A model of a network with these parameters; what else it says is that of a small run.
fn model(architecture: Architecture, parameters: Vec<f32>) -> Model {
    let shape = ImageShape { height: 8, width: 8, channels: 1 };
    let mut training = Training::new(small_settings(1), splits(shape, 20, 0)).unwrap();
    finish(&mut training);
    let mut model = training.model().unwrap();
    model.card.classes = (0..architecture.classes()).map(|class| class.to_string()).collect();
    model.card.architecture = architecture;
    model.parameters = parameters;
    model
}

fn golden_model(golden: &Golden) -> Model {
    let architecture = golden.architecture();
    let parameters = golden.parameters(&ParameterTable::new(&architecture));
    model(architecture, parameters)
}

/// Runs a graph, and gives the shape and the numbers of each output.
fn run<const N: usize>(
    path: &Path,
    input: (&str, &[usize], Vec<f32>),
    labels: Option<&[u16]>,
    outputs: &[&str],
) -> Vec<([usize; N], Vec<f32>)> {
    let model = rten::Model::load_file(path).unwrap();
    let (name, shape, numbers) = input;
    let mut inputs = vec![(model.node_id(name).unwrap(), Value::from_shape(shape, numbers).unwrap().into())];
    if let Some(labels) = labels {
        // This runtime has whole numbers of 32 bits where files have 64.
        let labels: Vec<i32> = labels.iter().map(|&label| i32::from(label)).collect();
        inputs.push((model.node_id("class").unwrap(), Value::from_shape([labels.len()], labels).unwrap().into()));
    }
    let ids: Vec<_> = outputs.iter().map(|name| model.node_id(name).unwrap()).collect();
    let values = model.run(inputs, &ids, None).unwrap();
    values.into_iter().map(|value| value.into_shape_vec().unwrap()).collect()
}

/// Means and log-variances that the graph in a directory makes of images, `[N, H, W, C]`.
fn encode(directory: &Path, shape: ImageShape, images: Vec<f32>, labels: Option<&[u16]>) -> [Vec<f32>; 2] {
    let count = images.len() / shape.len();
    let input: (_, &[usize], _) = ("image", &[count, shape.height, shape.width, shape.channels], images);
    let outputs = run::<2>(&directory.join("encoder.onnx"), input, labels, &["mean", "logvar"]);
    let numbers: Vec<Vec<f32>> = outputs
        .into_iter()
        .map(|(sides, numbers)| {
            assert_eq!(sides[0], count);
            numbers
        })
        .collect();
    numbers.try_into().unwrap()
}

fn decode(directory: &Path, dim: usize, latents: &[f32], labels: Option<&[u16]>, shape: ImageShape) -> Vec<f32> {
    let count = latents.len() / dim;
    let input: (_, &[usize], _) = ("z", &[count, dim], latents.to_vec());
    let (sides, numbers) = run::<4>(&directory.join("decoder.onnx"), input, labels, &["image"]).remove(0);
    assert_eq!(sides, [count, shape.height, shape.width, shape.channels]);
    numbers
}

#[test]
fn graphs_compute_what_independent_frameworks_do() {
    // This runtime (rten 0.24) fails where a transposed convolution reads a single pixel along an axis: a tap that reaches
    // nothing but padding is given a pixel. ONNX Runtime has that case too, in `frameworks/check.sh`.
    for name in CASES.into_iter().filter(|name| *name != "deep_8x11x4") {
        let golden = Golden::read(name);
        let architecture = golden.architecture();
        let labels = golden.labels();
        let bytes = golden.images();
        let z: Vec<f32> = golden.f64s("forward.z").iter().map(|&z| z as f32).collect();
        for (numbers, white) in [(Numbers::Files, 255.0), (Numbers::Unit, 1.0)] {
            let here = tempfile::tempdir().unwrap();
            export(&golden_model(&golden), Format::Onnx, numbers, here.path()).unwrap();
            let images = bytes.iter().map(|&byte| f32::from(byte) / 255.0 * white).collect();
            let [mean, logvar] = encode(here.path(), architecture.image(), images, labels.as_deref());
            assert_close(&format!("{name}: mean"), &mean, &golden.f64s("forward.mean"));
            assert_close(&format!("{name}: logvar"), &logvar, &golden.f64s("forward.logvar"));
            let decoded = decode(here.path(), architecture.latent_dim(), &z, labels.as_deref(), architecture.image());
            let expected: Vec<f64> = golden.f64s("forward.xhat").iter().map(|x| x * f64::from(white)).collect();
            assert_close(&format!("{name}: image"), &decoded, &expected);
        }
    }
}

#[test]
fn graphs_compute_what_the_engine_does() {
    for (image, widths, likelihood, classes) in [
        ([8, 8, 1], &[3][..], Likelihood::Gaussian, 0),
        ([17, 31, 4], &[2, 3, 4, 5], Likelihood::ContinuousBernoulli, 2),
        ([17, 10, 3], &[5, 1, 7], Likelihood::Bernoulli, 5),
        ([33, 15, 2], &[4, 6], Likelihood::SigmaGaussian, 0),
    ] {
        let [height, width, channels] = image;
        let shape = ImageShape { height, width, channels };
        let architecture = Architecture::new(shape, widths, 3).unwrap();
        let architecture = architecture.with_likelihood(likelihood).with_classes(classes).unwrap();
        let parameters = ParameterTable::new(&architecture).initialize(7);
        // Large ones and biases too, so that logits are spread.
        let parameters = parameters.iter().enumerate().map(|(i, x)| 2.0 * x + (i % 7) as f32 * 0.02 - 0.06).collect();
        let mut model = model(architecture, parameters);
        let preparation = Preparation {
            size: Size { width, height },
            channels: Channels::Rgb,
            fit: Fit::Crop,
            background: Colour::WHITE,
            range: Some(ValueRange::new(100.0, 65635.0).unwrap()),
            frames: Frames::First,
        };
        let here = tempfile::tempdir().unwrap();
        model.card.preprocessing = Preprocessing::Pictures(preparation);
        export(&model, Format::Onnx, Numbers::Files, here.path()).unwrap();

        let values: Vec<u16> = (0..5 * shape.len()).map(|i| (i * i * 31 % 65537).min(65535) as u16).collect();
        let mut numbers: Vec<f32> = values.iter().map(|&value| f32::from(value) + 100.0).collect();
        // What lies outside of the range is cut to it.
        for (number, value) in numbers.iter_mut().zip(&values) {
            *number += if *value == 0 {
                -90.0
            } else if *value == 65535 {
                90.0
            } else {
                0.0
            };
        }
        let labels: Option<Vec<u16>> = (classes > 0).then(|| (0..5).map(|i| (i * 3 % classes) as u16).collect());
        let images = Dataset::from_u16(shape, &values, labels.clone()).unwrap();
        let images = if classes > 0 { images.with_classes(model.card.classes.clone()).unwrap() } else { images };
        let vae = Vae::on(&Cpu::new(2), model).unwrap();
        let expected = vae.encode(&images).unwrap();
        let [mean, logvar] = encode(here.path(), shape, numbers, labels.as_deref());
        assert_close(&format!("{shape}: mean"), &mean, &wide(&expected.means));
        assert_close(&format!("{shape}: logvar"), &logvar, &wide(&expected.logvars));
        let latents: Vec<f32> = (0..15).map(|i| 3.0 * ((i * 7 % 15) as f32 / 7.0 - 1.0)).collect();
        let decoded = decode(here.path(), 3, &latents, labels.as_deref(), shape);
        let expected = vae.decode(&latents, labels.as_deref()).unwrap();
        let expected: Vec<f64> = expected.pixels.iter().map(|&share| 100.0 + 65535.0 * f64::from(share)).collect();
        assert_close(&format!("{shape}: image"), &decoded, &expected);
    }
}

/// For the check of other frameworks, `frameworks/check.sh`: every golden network in every format.
#[test]
#[ignore = "writes files, for frameworks/check.sh"]
fn write_golden_networks() {
    let out = std::env::var_os("ELBO_EXPORTS").expect("ELBO_EXPORTS is a directory");
    for name in CASES {
        let model = golden_model(&Golden::read(name));
        for format in Format::ALL {
            let directory = Path::new(&out).join(name).join(format.to_string().to_lowercase());
            export(&model, format, Numbers::Files, &directory).unwrap();
        }
    }
}
