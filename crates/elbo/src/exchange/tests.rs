//! What is exported comes back to the last bit, and nothing else does.

use super::*;
use crate::dataset::{Dataset, ImageShape};
use crate::files::{AnomalyThreshold, DataSummary, Model, ModelCard, ModelMetrics, Score};
use crate::network::mixture::{Covariance, Mixture};
use crate::network::parameters::ParameterTable;
use crate::network::{Architecture, Likelihood};
use crate::recipe::Recipe;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

/// A model of a network, with parameters from a seed, none of them zero.
fn model(architecture: Architecture, seed: u64) -> Model {
    let shape = ImageShape { height: 1, width: 1, channels: 1 };
    let digest = Dataset::new(shape, vec![1], None).unwrap().digest().unwrap();
    let data = DataSummary {
        name: "bars".to_owned(),
        train_images: 1,
        validation_images: 0,
        test_images: 0,
        train_digest: digest,
        validation_digest: None,
        held_out_digest: None,
        test_digest: None,
    };
    let classes = (0..architecture.classes()).map(|class| format!("class \"{class}\"")).collect();
    let parameters = ParameterTable::new(&architecture).initialize(seed);
    let parameters = parameters.iter().enumerate().map(|(i, &value)| value + 1e-3 * (i % 97 + 1) as f32).collect();
    let mut card = ModelCard::new(architecture, Recipe::reference(), data);
    card.classes = classes;
    card.metrics = Some(ModelMetrics { train_loss: 1.5, held_out: None });
    Model { card, parameters }
}

fn network(
    image: [usize; 3],
    widths: &[usize],
    latent_dim: usize,
    likelihood: Likelihood,
    classes: usize,
) -> Architecture {
    let [height, width, channels] = image;
    let network = Architecture::new(ImageShape { height, width, channels }, widths, latent_dim).unwrap();
    // Some with a prior of their own.
    network.with_likelihood(likelihood).with_classes(classes).unwrap().with_prior_components(classes / 2).unwrap()
}

pub(super) fn small() -> Model {
    model(network([9, 8, 2], &[3, 4], 2, Likelihood::SigmaGaussian, 3), 1)
}

/// The same in a fresh directory.
pub(super) fn exported(model: &Model, format: Format) -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    export(model, format, Numbers::Files, here.path()).unwrap();
    here
}

pub(super) fn error(path: &Path) -> String {
    import(path).unwrap_err().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_network_comes_back_to_the_last_bit(
        sides in (8_usize..20, 8_usize..20, 1_usize..5),
        widths in prop::collection::vec(1_usize..6, 1..5),
        latent_dim in 1_usize..5,
        likelihood in prop::sample::select(Likelihood::ALL.to_vec()),
        classes in 0_usize..4,
        seed in 0_u64..1000,
    ) {
        let (height, width, channels) = sides;
        let model = model(network([height, width, channels], &widths, latent_dim, likelihood, classes), seed);
        for format in Format::ALL {
            let imported = import(exported(&model, format).path()).unwrap();
            prop_assert_eq!(&imported.model, &model);
            prop_assert_eq!((imported.format, imported.is_changed), (format, false));
        }
    }
}

/// A threshold as it may be found.
fn threshold() -> AnomalyThreshold {
    AnomalyThreshold { score: Score::Loss, value: 30.5, false_alarms: 0.1, images: 40, samples: 16, seed: 1 }
}

#[test]
fn what_no_card_can_say_is_refused() {
    let mut model = small();
    model.card.prior = Some(Mixture::new(Covariance::Diagonal, vec![1.0], vec![0.125, 0.0], vec![0.75, 1.0]).unwrap());
    model.card.anomaly_threshold = Some(threshold());
    let here = exported(&model, Format::Npz);
    let path = here.path().join("model.json");
    let json = fs::read_to_string(&path).unwrap();
    let file = here.path().join("back.safetensors");
    for (from, to, said) in [
        ("\"false_alarms\": 0.1", "\"false_alarms\": 1e308", "a rate of false alarms of 1e308"),
        ("\"false_alarms\": 0.1", "\"false_alarms\": 0.0", "a rate of false alarms of 0.0"),
        ("\"value\": 30.5", "\"value\": 1e999", "number out of range"),
        ("\"samples\": 16", "\"samples\": 0", "0 draws"),
        ("0.125", "1e308", "a prior with the number 1e308"),
        ("0.125", "-1e30", "a prior with the number -1e30"),
        ("0.75", "1e38", "a prior with the number 1e38"),
        ("0.75", "0.0", "a standard deviation is below"),
    ] {
        assert_eq!(json.matches(from).count(), 1, "{from}");
        fs::write(&path, json.replace(from, to)).unwrap();
        assert!(error(here.path()).contains(said), "{to}: {}", error(here.path()));
    }
    // A model file is held to the same.
    model.card.anomaly_threshold = Some(AnomalyThreshold { value: f64::INFINITY, ..threshold() });
    assert!(model.write(&file).unwrap_err().to_string().contains("a threshold of inf nats"));
    assert!(!file.exists());
}

#[test]
fn of_two_exports_into_one_directory_one_is_refused() {
    let here = tempfile::tempdir().unwrap();
    let models = [small(), { Model { parameters: small().parameters.iter().map(|x| -x).collect(), ..small() } }];
    for round in 0..40 {
        let out = here.path().join(round.to_string());
        // Into one that is not there yet, and one that is empty.
        if round % 2 == 0 {
            fs::create_dir(&out).unwrap();
        }
        let (start, out) = (&std::sync::Barrier::new(2), &out);
        let results = std::thread::scope(|scope| {
            let export = |model| {
                scope.spawn(move || {
                    start.wait();
                    export(model, Format::Onnx, Numbers::Files, out)
                })
            };
            models.each_ref().map(export).map(|thread| thread.join().unwrap())
        });
        let count = results.iter().filter(|result| result.is_ok()).count();
        let refused = results.iter().find_map(|result| result.as_ref().err());
        assert!(count < 2 && matches!(refused, Some(ExchangeError::Occupied { .. })), "{results:?}");
        if count == 1 {
            let written = import(out).unwrap().model;
            assert!(written == models[usize::from(results[1].is_ok())]);
            assert_eq!(fs::read_dir(out).unwrap().count(), 2);
        }
    }
}

#[test]
fn equal_models_make_equal_files() {
    for format in Format::ALL {
        let [one, other] = [exported(&small(), format), exported(&small(), format)];
        for entry in fs::read_dir(one.path()).unwrap() {
            let name = entry.unwrap().file_name();
            let [one, other] = [&one, &other].map(|directory| fs::read(directory.path().join(&name)).unwrap());
            assert!(one == other, "{name:?}");
        }
    }
}

#[test]
fn weights_of_any_name_are_read_and_may_have_changed() {
    let mut model = small();
    model.card.prior = Some(Mixture::standard(2));
    model.card.anomaly_threshold = Some(threshold());
    let mut tuned = model.clone();
    tuned.parameters[5] = -7.25;
    for (format, name) in
        [(Format::PyTorch, "weights.safetensors"), (Format::Keras, "weights.npz"), (Format::Npz, "weights.npz")]
    {
        let (here, other) = (exported(&model, format), exported(&tuned, format));
        let weights = here.path().join("tuned");
        fs::copy(other.path().join(name), &weights).unwrap();
        let imported = import(&weights).unwrap();
        assert!(imported.is_changed);
        assert_eq!(imported.model.parameters, tuned.parameters);
        // What was measured is not of these, nor what was fitted.
        let ModelCard { metrics, prior, anomaly_threshold, .. } = &imported.model.card;
        assert_eq!((metrics, prior, anomaly_threshold), (&None, &None, &None));
        assert_eq!(import(&here.path().join("model.json")).unwrap().model, model);
    }
}

#[test]
fn a_directory_that_holds_anything_is_left_as_it_is() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("weights.npz"), "mine").unwrap();
    for format in Format::ALL {
        let error = export(&small(), format, Numbers::Files, here.path()).unwrap_err();
        assert!(matches!(error, ExchangeError::Occupied { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 1);
    // Where a file cannot be a directory, none is made.
    let below = here.path().join("weights.npz").join("out");
    assert!(export(&small(), Format::Npz, Numbers::Files, &below).is_err());
}

#[test]
fn what_is_no_export_is_refused_with_what_was_expected() {
    let here = tempfile::tempdir().unwrap();
    assert!(error(here.path()).contains("there is no encoder.onnx and no model.json in it"));
    assert!(error(&here.path().join("none")).contains("cannot read"));
    let lone = here.path().join("lone.npz");
    fs::write(&lone, "x").unwrap();
    assert!(error(&lone).contains("no model.json beside it"));
    let other = here.path().join("other.onnx");
    fs::write(&other, "x").unwrap();
    assert!(error(&other).contains("encoder.onnx and decoder.onnx"));
    for (json, expected) in [
        ("{}", "missing field `kind`"),
        ("nonsense", "expected ident"),
        (r#"{"kind":"cake","format":1}"#, "it is of kind 'cake'"),
        (r#"{"kind":"exported model","format":9}"#, "has format 9; this program knows formats up to 1"),
        (r#"{"kind":"exported model","format":1}"#, "missing field"),
    ] {
        fs::write(here.path().join("model.json"), json).unwrap();
        assert!(error(here.path()).contains(expected), "{}", error(here.path()));
    }
    for name in onnx::FILES {
        fs::write(here.path().join(name), [0xff; 20]).unwrap();
    }
    assert!(error(here.path()).contains("not a file of ONNX"), "{}", error(here.path()));
    fs::write(here.path().join("encoder.onnx"), "").unwrap();
    assert!(error(here.path()).contains("its metadata has no entry 'elbo'"), "{}", error(here.path()));
}

#[test]
fn tensors_must_be_those_of_the_network() {
    let model = small();
    let wider = self::model(network([9, 8, 2], &[3, 5], 2, Likelihood::SigmaGaussian, 3), 1);
    let plain = self::model(network([9, 8, 2], &[3, 4], 2, Likelihood::Gaussian, 0), 1);
    for (format, file) in
        [(Format::PyTorch, "weights.safetensors"), (Format::Keras, "weights.npz"), (Format::Npz, "weights.npz")]
    {
        let here = exported(&model, format);
        let weights = here.path().join(file);
        let put = |other: &Model| fs::copy(exported(other, format).path().join(file), &weights).map(drop).unwrap();
        put(&wider);
        let message = error(here.path());
        assert!(message.contains("conv2") && message.contains("must be 32-bit floats"), "{message}");
        put(&plain);
        assert!(error(here.path()).contains("is not there"), "{}", error(here.path()));
        // And the other way round: more than the network has.
        let here = exported(&plain, format);
        fs::copy(exported(&model, format).path().join(file), here.path().join(file)).unwrap();
        assert!(error(here.path()).contains("the network has no tensor"), "{}", error(here.path()));
    }
    // Layouts that differ only in their order are told apart by their names.
    let here = exported(&model, Format::Keras);
    fs::copy(exported(&model, Format::Npz).path().join("weights.npz"), here.path().join("weights.npz")).unwrap();
    assert!(error(here.path()).contains("the network has no tensor"));
    // Halves of two models.
    let (one, other) = (exported(&model, Format::Onnx), exported(&wider, Format::Onnx));
    fs::copy(other.path().join("decoder.onnx"), one.path().join("decoder.onnx")).unwrap();
    assert!(error(one.path()).contains("are of different models"));
    fs::remove_file(one.path().join("decoder.onnx")).unwrap();
    assert!(error(one.path()).contains("decoder.onnx"));
}

#[test]
fn a_number_that_is_none_is_named() {
    let mut model = small();
    let table = ParameterTable::new(&model.card.architecture);
    let place = table.iter().find(|tensor| tensor.name == "encoder.conv2.bias").unwrap().range.start + 1;
    model.parameters[place] = f32::NAN;
    for format in Format::ALL {
        let message = error(exported(&model, format).path());
        assert!(message.ends_with("number 1 of tensor encoder.conv2.bias is NaN"), "{message}");
    }
}

/// Whatever byte is lost or changed: an error or a model, never a panic; never one that is not what the file says.
#[test]
fn damaged_files_never_panic() {
    for format in Format::ALL {
        let here = exported(&small(), format);
        let files: Vec<_> = fs::read_dir(here.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending != "py")) {
            let whole = fs::read(file).unwrap();
            for place in (0..whole.len()).step_by(whole.len() / 150 + 1) {
                fs::write(file, &whole[..place]).unwrap();
                assert!(import(here.path()).is_err(), "{} cut to {place}", file.display());
                let mut changed = whole.clone();
                changed[place] ^= 0x41;
                fs::write(file, changed).unwrap();
                let _ = import(here.path());
            }
            fs::write(file, whole).unwrap();
        }
    }
}

#[test]
fn numbers_are_those_of_the_files() {
    use crate::dataset::{DataOptions, Preprocessing, ValueRange};
    let mut model = small();
    let ends = |model: &Model, numbers| {
        let here = tempfile::tempdir().unwrap();
        export(model, Format::Npz, numbers, here.path()).map(|exported| exported.ends)
    };
    assert_eq!(ends(&model, Numbers::Files).unwrap(), [0.0, 255.0]);
    assert_eq!(ends(&model, Numbers::Unit).unwrap(), [0.0, 1.0]);
    let options: DataOptions = model.card.data_options();
    let preparation = |low, high| crate::dataset::Preparation {
        size: options.size.unwrap(),
        channels: crate::dataset::Channels::Rgb,
        fit: crate::dataset::Fit::Crop,
        background: crate::dataset::Colour::WHITE,
        range: Some(ValueRange::new(low, high).unwrap()),
        frames: crate::dataset::Frames::First,
    };
    model.card.preprocessing = Preprocessing::Pictures(preparation(-100.0, 4000.0));
    assert_eq!(ends(&model, Numbers::Files).unwrap(), [-100.0, 4000.0]);
    for (low, high) in [(1e9, 1e9 + 1.0), (-1e300, 1e300), (0.0, 1e-320)] {
        model.card.preprocessing = Preprocessing::Pictures(preparation(low, high));
        assert!(matches!(ends(&model, Numbers::Files), Err(ExchangeError::Range { .. })), "{low} {high}");
        assert_eq!(ends(&model, Numbers::Unit).unwrap(), [0.0, 1.0]);
    }
}
