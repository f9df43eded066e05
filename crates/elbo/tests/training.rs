//! Training as a whole: the same bits whatever the threads and the interruptions, errors where files are damaged, and
//! a loss that falls as it should.

use elbo::dataset::{Dataset, ImageShape, Splits};
use elbo::{
    EpochMetrics, Error, Model, Progress, Recipe, RunDirectory, Schedule, Settings, TensorFileError, Training,
    TrainingError, Vae, read_metrics,
};
use proptest::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

const GREY: ImageShape = ImageShape { height: 12, width: 10, channels: 1 };

/// Images of bars whose place depends on the image's number, with noise: `seed` fixes it.
fn bars(shape: ImageShape, count: usize, seed: u32) -> Dataset {
    let mut state = seed;
    let mut pixels = Vec::new();
    for image in 0..count {
        for value in 0..shape.len() {
            // Numerical Recipes' generator; its upper bits are the good ones.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 26) as u8;
            let on_the_bar = value / shape.channels % shape.width % 4 == image * 7 % 4;
            pixels.push(if on_the_bar { 255 - noise } else { noise });
        }
    }
    Dataset::new(shape, pixels, None).unwrap()
}

fn splits(shape: ImageShape, train: usize, test: usize) -> Splits {
    let test = (test > 0).then(|| bars(shape, test, 1000));
    Splits { train: bars(shape, train, 1), test, name: "bars".to_owned() }
}

/// 100 images, five batches of 17 with some left over.
fn small() -> Splits {
    splits(GREY, 100, 30)
}

fn small_settings(epochs: u32) -> Settings {
    let recipe =
        Recipe { epochs, batch_size: 17, widths: vec![4, 6], latent_dim: 3, shuffle: true, ..Recipe::reference() };
    Settings { threads: 1, ..Settings::new("bars", recipe) }
}

/// The same with Muon, rates that rise and fall, and a divergence that warms up.
fn fast_settings(epochs: u32) -> Settings {
    let small = small_settings(epochs);
    let Recipe { muon_learning_rate, schedule, .. } = Recipe::fast();
    let recipe = Recipe { muon_learning_rate, schedule, kl_warmup: 0.6, free_bits: 0.05, ..small.recipe };
    Settings { recipe, ..small }
}

/// Trains to the end.
fn finish(training: &mut Training) {
    while training.advance().unwrap().is_some() {}
}

/// A finished run in `directory`.
fn run_in(directory: &Path, settings: Settings, data: Splits) -> Training {
    let directory = RunDirectory::create(directory).unwrap();
    let mut training = Training::new(settings, data).unwrap().save_in(directory).unwrap();
    finish(&mut training);
    training
}

fn resume(path: &Path, data: Splits, change: impl FnOnce(&mut Settings)) -> Result<Training, Error> {
    Training::resume(RunDirectory::open(path)?, data, change)
}

fn model_bytes(run: &Path) -> Vec<u8> {
    fs::read(run.join("model.safetensors")).unwrap()
}

fn best_bytes(run: &Path) -> Vec<u8> {
    fs::read(run.join("best.safetensors")).unwrap()
}

/// The bits of some numbers: equal ones are the same to the last.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// What was measured, times left out.
fn measured(history: &[EpochMetrics]) -> Vec<EpochMetrics> {
    history.iter().map(|row| EpochMetrics { seconds: 0.0, images_per_second: 0.0, ..*row }).collect()
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let colour = ImageShape { height: 9, width: 13, channels: 3 };
    for (shape, batch_size, widths, shuffle) in [
        (GREY, 37, vec![8, 8], true),
        (GREY, 128, vec![5], false),
        (GREY, 64, vec![17, 9], true),
        (colour, 61, vec![4, 7, 9], true),
        (colour, 1000, vec![8, 16], false),
    ] {
        let train = |threads| {
            let recipe = Recipe {
                epochs: 2,
                batch_size,
                widths: widths.clone(),
                latent_dim: 5,
                shuffle,
                seed: 11,
                // Shuffled runs stand for the fast recipe, the others for the reference.
                ..if shuffle { Recipe::fast() } else { Recipe::reference() }
            };
            let directory = tempfile::tempdir().unwrap();
            let settings = Settings { threads, ..Settings::new("bars", recipe) };
            let training = run_in(directory.path(), settings, splits(shape, 190, 45));
            assert_eq!(training.engine().threads(), threads);
            let metrics = measured(training.history());
            (bits(training.engine().parameters()), model_bytes(directory.path()), metrics)
        };
        let (parameters, file, metrics) = train(1);
        for threads in [2, 3, 5] {
            let (other_parameters, other_file, other_metrics) = train(threads);
            assert!(parameters == other_parameters, "{threads} threads, {shape}");
            assert!(file == other_file, "{threads} threads, {shape}");
            assert_eq!(metrics, other_metrics, "{threads} threads, {shape}");
        }
    }
}

#[test]
fn a_seed_and_an_order_give_a_model_of_their_own() {
    let parameters = |seed, shuffle| {
        let mut settings = small_settings(1);
        settings.recipe.seed = seed;
        settings.recipe.shuffle = shuffle;
        let mut training = Training::new(settings, small()).unwrap();
        finish(&mut training);
        bits(training.engine().parameters())
    };
    assert!(parameters(1, true) == parameters(1, true));
    assert!(parameters(1, true) != parameters(2, true));
    assert!(parameters(1, true) != parameters(1, false));
}

#[test]
fn a_run_stopped_anywhere_ends_as_if_it_had_never_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    let history = measured(run_in(&whole, fast_settings(2), small()).history());
    // Of each epoch five steps and its end.
    for stop in 0..=12 {
        for save in [true, false] {
            let path = directory.path().join(format!("{stop}-{save}"));
            let run = RunDirectory::create(&path).unwrap();
            let mut training = Training::new(fast_settings(2), small()).unwrap().save_in(run).unwrap();
            for step in 1..=stop {
                let progress = training.advance().unwrap().unwrap();
                assert_eq!(matches!(progress, Progress::Epoch(_)), step % 6 == 0);
            }
            if save {
                training.save().unwrap();
            }
            drop(training);
            let mut training = resume(&path, small(), |settings| settings.threads = 1 + stop % 3).unwrap();
            if save {
                assert_eq!((training.history().len(), training.batches_done()), (stop / 6, stop % 6));
            }
            finish(&mut training);
            assert_eq!(measured(training.history()), history, "stopped after {stop}, saved: {save}");
            let read = read_metrics(&path.join("metrics.csv")).unwrap();
            assert_eq!(measured(&read), history, "stopped after {stop}, saved: {save}");
            // A run that was finished had its model saved at the end of the last epoch.
            assert!(model_bytes(&path) == model_bytes(&whole), "stopped after {stop}, saved: {save}");
            assert!(best_bytes(&path) == best_bytes(&whole), "stopped after {stop}, saved: {save}");
        }
    }
}

/// Settings with which the held-out loss soon rises: far too many steps for so few images.
fn overfitting_settings(epochs: u32) -> Settings {
    let small = fast_settings(epochs);
    // Nothing in it may depend on how long it is to be.
    let (schedule, kl_warmup) = (Schedule::Constant, 0.0);
    let recipe = Recipe { widths: vec![16, 16], learning_rate: 1e-2, schedule, kl_warmup, ..small.recipe };
    Settings { recipe, ..small }
}

#[test]
fn the_best_model_is_kept_beside_the_last() {
    let directory = tempfile::tempdir().unwrap();
    let (data, epochs) = (splits(GREY, 40, 30), 12);
    let training = run_in(&directory.path().join("run"), overfitting_settings(epochs), data.clone());
    let losses: Vec<f64> = training.history().iter().map(|row| row.test_loss.unwrap()).collect();
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let best = training.best_epoch().unwrap().epoch;
    assert_eq!(losses[best as usize - 1], lowest);
    assert!((2..epochs).contains(&best), "the test needs a run that is best on the way: {losses:?}");

    // At a constant rate it is the model of a run that ends there.
    let shorter = run_in(&directory.path().join("shorter"), overfitting_settings(best), data);
    let model = Model::read(&directory.path().join("run/best.safetensors")).unwrap();
    assert_eq!(bits(&model.parameters), bits(shorter.engine().parameters()));
    assert_eq!((model.card.epochs, model.card.metrics.unwrap().test_loss), (best, Some(lowest)));
    assert!(model_bytes(&directory.path().join("run")) != best_bytes(&directory.path().join("run")));
}

#[test]
fn patience_counts_the_epochs_since_the_best_wherever_the_run_was_stopped() {
    let data = || splits(GREY, 40, 30);
    let settings = |patience| {
        let settings = overfitting_settings(20);
        Settings { recipe: Recipe { patience, ..settings.recipe }, ..settings }
    };
    let mut patient = Training::new(settings(None), data()).unwrap();
    finish(&mut patient);
    assert!(!patient.has_stalled() && patient.history().len() == 20);
    for patience in [1, 2, 3, 4] {
        // By its definition: the first epoch that is so many after the lowest loss up to it.
        let losses: Vec<f64> = patient.history().iter().map(|row| row.test_loss.unwrap()).collect();
        let lowest = |end: usize| (0..end).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
        let end = (1..=20).find(|&end| end - 1 - lowest(end) >= patience).unwrap_or(20);
        assert!(end < 20 || patience > 3, "the test needs a run that stalls: {losses:?}");

        let directory = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(directory.path()).unwrap();
        let training = Training::new(settings(Some(patience as u32)), data()).unwrap();
        let mut training = training.save_in(run).unwrap();
        // Stopped and taken up again every few steps.
        while !training.is_finished() {
            for _ in 0..5 {
                training.advance().unwrap();
            }
            training.save().unwrap();
            training = resume(directory.path(), data(), |_| {}).unwrap();
        }
        assert_eq!(training.advance().unwrap(), None);
        assert_eq!(measured(training.history()), measured(&patient.history()[..end]));
        assert_eq!(training.has_stalled(), end < 20);
    }
}

#[test]
fn without_held_out_images_there_is_no_best_model() {
    let directory = tempfile::tempdir().unwrap();
    let training = run_in(directory.path(), small_settings(2), splits(GREY, 40, 0));
    assert_eq!(training.best_epoch(), None);
    assert!(!directory.path().join("best.safetensors").exists());
}

#[test]
fn a_model_saved_within_an_epoch_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDirectory::create(directory.path()).unwrap();
    let mut training = Training::new(small_settings(3), small()).unwrap().save_in(run).unwrap();
    for _ in 0..8 {
        training.advance().unwrap();
    }
    training.save().unwrap();
    let model = Model::read(&directory.path().join("model.safetensors")).unwrap();
    assert_eq!((model.card.epochs, model.card.batches), (1, 2));
    assert_eq!(bits(&model.parameters), bits(training.engine().parameters()));
    assert_eq!(model, training.model());
}

#[test]
fn more_epochs_end_where_a_longer_run_would() {
    let directory = tempfile::tempdir().unwrap();
    let (whole, parts) = (directory.path().join("whole"), directory.path().join("parts"));
    let expected = run_in(&whole, small_settings(4), small());
    run_in(&parts, small_settings(1), small());
    for epochs in [3, 4] {
        finish(&mut resume(&parts, small(), |settings| settings.recipe.epochs = epochs).unwrap());
    }
    let extended = resume(&parts, small(), |_| {}).unwrap();
    assert!(extended.is_finished());
    assert_eq!(bits(extended.engine().parameters()), bits(expected.engine().parameters()));
    assert_eq!(measured(extended.history()), measured(expected.history()));
    assert!(model_bytes(&parts) == model_bytes(&whole));
}

#[test]
fn a_run_does_not_end_before_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let mut training = run_in(directory.path(), small_settings(2), small());
    for asked in [1, 2] {
        let result = resume(directory.path(), small(), |settings| settings.recipe.epochs = asked);
        assert_eq!(result.is_ok(), asked == 2);
    }
    training = {
        drop(training);
        resume(directory.path(), small(), |settings| settings.recipe.epochs = 3).unwrap()
    };
    training.advance().unwrap();
    training.save().unwrap();
    // Two epochs and a batch are no two epochs.
    let error = resume(directory.path(), small(), |settings| settings.recipe.epochs = 2).unwrap_err();
    assert!(matches!(error, Error::Training(TrainingError::PastEnd { asked: 2, done: 2, batches: 1 })), "{error}");
    assert!(error.hint().unwrap().contains("above 2"));
}

#[test]
fn a_loss_that_is_not_finite_is_an_error_and_the_last_good_model_stays() {
    let directory = tempfile::tempdir().unwrap();
    run_in(directory.path(), small_settings(1), small());
    let good = model_bytes(directory.path());
    let mut training = resume(directory.path(), small(), |settings| {
        settings.recipe.epochs = 3;
        settings.recipe.learning_rate = 1e30;
    })
    .unwrap();
    assert!(matches!(training.advance(), Ok(Some(Progress::Batch(_)))));
    let error = training.advance().unwrap_err();
    let Error::Training(TrainingError::NotFinite { epoch: 2, batch: 2, loss, .. }) = &error else { panic!("{error}") };
    assert!(!loss.is_finite());
    let message = error.to_string();
    assert!(message.contains("epoch 2, batch 2") && message.contains("learning rate of 1000000000"), "{message}");
    assert!(error.hint().unwrap().contains("--learning-rate"));
    drop(training);
    assert!(model_bytes(directory.path()) == good);
    let vae = Vae::open(directory.path(), 1).unwrap();
    assert!(vae.evaluate(&small().train, 1).unwrap().sampled.is_finite());
}

#[test]
fn other_data_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    run_in(directory.path(), small_settings(1), small());
    let untested = Splits { test: None, ..small() };
    let other_pixels = Splits { train: bars(GREY, 100, 2), ..small() };
    let swapped = splits(ImageShape { height: 10, width: 12, channels: 1 }, 100, 30);
    for other in [splits(GREY, 101, 30), splits(GREY, 100, 31), untested, other_pixels, swapped] {
        let error = resume(directory.path(), other, |_| {}).unwrap_err();
        assert!(matches!(error, Error::Training(TrainingError::OtherData { .. })), "{error}");
        assert!(error.hint().unwrap().contains("'bars'"));
    }
    // The name is no part of the data.
    resume(directory.path(), Splits { name: "elsewhere".to_owned(), ..small() }, |_| {}).unwrap();
}

/// A run stopped within its second epoch, as the bytes of its checkpoint, and a directory to put damaged ones into.
struct Stopped {
    directory: tempfile::TempDir,
    checkpoint: Vec<u8>,
}

impl Stopped {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(directory.path()).unwrap();
        let mut training = Training::new(small_settings(2), small()).unwrap().save_in(run).unwrap();
        for _ in 0..9 {
            training.advance().unwrap();
        }
        training.save().unwrap();
        let checkpoint = fs::read(directory.path().join("checkpoint.safetensors")).unwrap();
        Self { directory, checkpoint }
    }

    /// Bytes before the tensors: a length, and JSON of that length.
    fn header(&self) -> usize {
        8 + u64::from_le_bytes(self.checkpoint[..8].try_into().unwrap()) as usize
    }

    /// Goes on from other bytes, as far as that leads. It must end in a model or an error, not in a panic.
    fn go_on_from(&self, checkpoint: &[u8]) -> Result<(), Error> {
        fs::write(self.directory.path().join("checkpoint.safetensors"), checkpoint).unwrap();
        let mut training = resume(self.directory.path(), small(), |settings| settings.threads = 1)?;
        // A damaged number of epochs may be large.
        for _ in 0..20 {
            training.advance()?;
        }
        Ok(())
    }
}

#[test]
fn a_checkpoint_cut_short_is_an_error() {
    let stopped = Stopped::new();
    let len = stopped.checkpoint.len();
    let near_the_header = stopped.header() - 20..stopped.header() + 20;
    for cut in (0..20).chain((20..len).step_by(97)).chain(near_the_header).chain(len - 20..len) {
        let error = stopped.go_on_from(&stopped.checkpoint[..cut]).unwrap_err();
        assert!(matches!(error, Error::TensorFile(TensorFileError::Malformed { .. })), "{cut}: {error}");
        assert!(error.to_string().contains("checkpoint.safetensors"), "{error}");
    }
    let longer = [&stopped.checkpoint[..], b"more"].concat();
    assert!(stopped.go_on_from(&longer).is_err());
    stopped.go_on_from(&stopped.checkpoint).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_an_error_or_loads() {
    let stopped = Stopped::new();
    let header = stopped.header();
    // What the file says of the run, where most damage still is JSON.
    let text = String::from_utf8_lossy(&stopped.checkpoint[..header]);
    let document = text.find("settings").unwrap()..text.find("history").unwrap();
    let damage = prop_oneof![document, 0..header, header..stopped.checkpoint.len()];
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let damages = (damage, prop_oneof![(0..8_u32).prop_map(|bit| (Some(bit), 0)), any::<u8>().prop_map(|b| (None, b))]);
    runner
        .run(&damages, |(position, (bit, byte))| {
            let mut damaged = stopped.checkpoint.clone();
            damaged[position] = bit.map_or(byte, |bit| damaged[position] ^ (1 << bit));
            if let Err(error) = stopped.go_on_from(&damaged) {
                prop_assert!(!error.to_string().is_empty());
            }
            Ok(())
        })
        .unwrap();
}

/// The same file with part of its header's text replaced.
fn with_header(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let end = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(file[8..end].to_vec()).unwrap();
    assert!(header.contains(from), "{from} is not in {header}");
    let mut header = header.replace(from, to).into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes(), &header[..], &file[end..]].concat()
}

#[test]
fn a_checkpoint_that_contradicts_itself_is_an_error() {
    let stopped = Stopped::new();
    for (from, to, named) in [
        (r#"\"batches\":3"#, r#"\"batches\":6"#, "batch 6 of an epoch of 5"),
        (r#"\"batches\":3"#, r#"\"batches\":-3"#, "invalid value"),
        (r#"\"epochs\":1"#, r#"\"epochs\":3"#, "cannot end after 2 epochs"),
        (r#"\"epochs\":2"#, r#"\"epochs\":1"#, "cannot end after 1 epochs"),
        (r#"\"batch_size\":17"#, r#"\"batch_size\":0"#, "batch size"),
        (r#"\"batch_size\":17"#, r#"\"batch_size\":70"#, "batch 3 of an epoch of 1"),
        (r#"\"height\":12"#, r#"\"height\":11"#, "the model takes 11x10x1 images"),
        (r#"\"height\":12"#, r#"\"height\":2"#, "height"),
        (r#"\"position\""#, r#"\"somewhere\""#, "somewhere"),
    ] {
        let error = stopped.go_on_from(&with_header(&stopped.checkpoint, from, to)).unwrap_err();
        assert!(error.to_string().contains(named), "{from} -> {to}: {error}");
    }
}

/// A file made anew from the tensors and the metadata of another, each tensor as `change` has it; without, it is left
/// out.
fn rebuilt(file: &[u8], change: impl Fn(&str, &[usize]) -> Option<(Dtype, Vec<usize>)>) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let (_, header) = SafeTensors::read_metadata(file).unwrap();
    let views = tensors.iter().filter_map(|(name, tensor)| {
        let (dtype, shape) = change(name, tensor.shape())?;
        Some((name.to_owned(), TensorView::new(dtype, shape, tensor.data()).unwrap()))
    });
    let metadata: HashMap<String, String> = header.metadata().clone().unwrap();
    safetensors::serialize(views, Some(metadata)).unwrap()
}

#[test]
fn a_model_file_that_is_not_right_says_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    run_in(directory.path(), small_settings(1), small());
    let file = model_bytes(directory.path());
    let path = directory.path().join("other.safetensors");
    let error = |file: &[u8]| {
        fs::write(&path, file).unwrap();
        let error = Model::read(&path).unwrap_err();
        assert!(error.to_string().contains("other.safetensors"), "{error}");
        error
    };
    let changed = |wanted: &'static str, new: Option<(Dtype, Vec<usize>)>| {
        let rebuilt = rebuilt(&file, |name, shape| match &new {
            _ if name != wanted => Some((Dtype::F32, shape.to_vec())),
            Some(new) => Some(new.clone()),
            None => None,
        });
        let error = error(&rebuilt);
        let TensorFileError::Tensor { name, .. } = &error else { panic!("{error}") };
        assert_eq!(name, wanted);
        error.to_string()
    };
    let message = changed("encoder.conv2.weight", None);
    assert!(message.contains("must be F32 [3, 3, 4, 6], but is not there"), "{message}");
    let message = changed("encoder.conv2.weight", Some((Dtype::F32, vec![3, 3, 6, 4])));
    assert!(message.contains("but is F32 [3, 3, 6, 4]"), "{message}");
    let message = changed("decoder.output.bias", Some((Dtype::I32, vec![1])));
    assert!(message.contains("must be F32 [1], but is I32 [1]"), "{message}");

    let newer = error(&with_header(&file, r#"\"format\":1"#, r#"\"format\":2"#));
    assert!(matches!(newer, TensorFileError::Newer { found: 2, known: 1, .. }), "{newer}");
    assert!(newer.hint().unwrap().contains("update"));
    // Also when it says things that this program does not know.
    let newer = error(&with_header(&file, r#"\"format\":1"#, r#"\"format\":2,\"colour\":3"#));
    assert!(matches!(newer, TensorFileError::Newer { .. }), "{newer}");
    let unknown = error(&with_header(&file, r#"\"format\":1"#, r#"\"format\":1,\"colour\":3"#));
    assert!(matches!(unknown, TensorFileError::Foreign { .. }) && unknown.to_string().contains("colour"));
    let other_widths = error(&with_header(&file, r#"\"widths\":[4,6]"#, r#"\"widths\":[4,7]"#));
    assert!(matches!(other_widths, TensorFileError::Tensor { .. }), "{other_widths}");

    let checkpoint = error(&fs::read(directory.path().join("checkpoint.safetensors")).unwrap());
    assert!(matches!(checkpoint, TensorFileError::Foreign { kind: "model", .. }), "{checkpoint}");
    assert!(checkpoint.to_string().contains("it is a checkpoint"));
    let foreign = safetensors::serialize(Vec::<(String, TensorView<'_>)>::new(), None).unwrap();
    let foreign = error(&foreign);
    assert!(matches!(foreign, TensorFileError::Foreign { .. }), "{foreign}");
    for damaged in [&b""[..], b"{}", &[255; 64], &file[..file.len() - 1]] {
        let error = error(damaged);
        assert!(matches!(error, TensorFileError::Malformed { .. }) && error.hint().is_some(), "{error}");
    }
    // And a model is no checkpoint.
    fs::write(directory.path().join("checkpoint.safetensors"), &file).unwrap();
    let error = resume(directory.path(), small(), |_| {}).unwrap_err();
    assert!(error.to_string().contains("not a checkpoint of this program: it is a model"), "{error}");
}

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
    assert_eq!(vae.generate(33, 5), other.generate(33, 5));
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
    let many = vae.generate(60, 4);
    for count in [1, 10, 20] {
        let few = vae.generate(count, 4);
        assert_eq!(few.len(), count);
        assert_eq!(few.pixels, many.pixels[..few.pixels.len()]);
    }
    let rest = vae.generate_from(20, 40, 4);
    assert_eq!(rest.pixels, many.pixels[many.pixels.len() - rest.pixels.len()..]);
    assert!(vae.generate(0, 4).is_empty());
    assert_ne!(vae.generate(1, 5), vae.generate(1, 4));
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

/// The first images of a set, without their labels.
fn first(dataset: &Dataset, count: usize) -> Dataset {
    let (indices, mut pixels): (Vec<u32>, _) = ((0..count as u32).collect(), Vec::new());
    let pixels = dataset.gather(&indices, &mut pixels).unwrap().pixels.to_vec();
    Dataset::new(dataset.shape(), pixels, None).unwrap()
}

/// The reference recipe on a few digits, made quicker: a narrower network, smaller batches, a higher rate.
#[test]
fn digits_are_learned() {
    let mnist = Splits::mnist();
    let (train, test) = (first(&mnist.train, 6000), first(&mnist.test.unwrap(), 1000));
    let data = Splits { train, test: Some(test), name: mnist.name };
    let recipe = Recipe { epochs: 4, batch_size: 50, widths: vec![16, 32], learning_rate: 3e-3, ..Recipe::reference() };
    let settings = Settings::new("mnist", recipe);
    let mut training = Training::new(settings, data).unwrap();
    finish(&mut training);
    let [first, .., last] = training.history() else { panic!("several epochs") };
    // Seeds 1 to 3 give 22.5 to 22.8 nats an image, after 26.7 to 26.8 in the first epoch. The mean image, half the
    // sum of the pixels' variances, gives 26.4.
    let (before, after) = (first.test_loss.unwrap(), last.test_loss.unwrap());
    assert!(after < before && after < 23.2, "{before}, then {after}");
    let divergence = last.test_kl.unwrap();
    assert!((2.0..8.0).contains(&divergence), "{divergence}");
    assert!((last.held_out().unwrap().1.loss() - after).abs() < 1e-9);
}
