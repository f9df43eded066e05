//! Training as a whole: the same bits whatever the threads and the interruptions, and a loss that falls as it should.

use crate::bars::{GREY, bars, finish, model_bytes, resume, run_in, small, small_settings, splits};
use elbo::dataset::{ImageShape, Part, Splits};
use elbo::files::{RunDirectoryError, read_metrics};
use elbo::recipe::Schedule;
use elbo::training::TrainingError;
use elbo::{EpochMetrics, Error, Model, Progress, Recipe, RunDirectory, Settings, Training, Vae};
use std::fs;
use std::path::Path;

/// The same with Muon, rates that rise and fall, and a divergence that warms up.
fn fast_settings(epochs: u32) -> Settings {
    let small = small_settings(epochs);
    let Recipe { muon_learning_rate, schedule, .. } = Recipe::fast();
    let recipe = Recipe { muon_learning_rate, schedule, kl_warmup: 0.6, free_bits: 0.05, ..small.recipe };
    Settings { recipe, ..small }
}

fn best_bytes(run: &Path) -> Vec<u8> {
    fs::read(run.join("best.safetensors")).unwrap()
}

/// The bits of some numbers: equal ones are the same to the last.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The loss over the test set after an epoch.
fn test_loss(row: &EpochMetrics) -> f64 {
    let Some((Part::Test, loss)) = row.held_out else { panic!("{row:?}") };
    loss.total()
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
            assert!(training.engine().description().starts_with(&threads.to_string()));
            let metrics = measured(training.history());
            (bits(&training.engine().parameters().unwrap()), model_bytes(directory.path()), metrics)
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
        bits(&training.engine().parameters().unwrap())
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
    let losses: Vec<f64> = training.history().iter().map(test_loss).collect();
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let best = training.best_epoch().unwrap().epoch;
    assert_eq!(losses[best as usize - 1], lowest);
    assert!((2..epochs).contains(&best), "the test needs a run that is best on the way: {losses:?}");

    // At a constant rate it is the model of a run that ends there.
    let shorter = run_in(&directory.path().join("shorter"), overfitting_settings(best), data);
    let model = Model::read(&directory.path().join("run/best.safetensors")).unwrap();
    assert_eq!(bits(&model.parameters), bits(&shorter.engine().parameters().unwrap()));
    let (_, loss) = model.card.metrics.unwrap().held_out.unwrap();
    assert_eq!((model.card.epochs, loss.total()), (best, lowest));
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
        let losses: Vec<f64> = patient.history().iter().map(test_loss).collect();
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
            drop(training);
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
    assert_eq!(bits(&model.parameters), bits(&training.engine().parameters().unwrap()));
    assert_eq!(model, training.model().unwrap());
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
    assert_eq!(bits(&extended.engine().parameters().unwrap()), bits(&expected.engine().parameters().unwrap()));
    assert_eq!(measured(extended.history()), measured(expected.history()));
    assert!(model_bytes(&parts) == model_bytes(&whole));
}

#[test]
fn a_run_does_not_end_before_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    run_in(directory.path(), small_settings(2), small());
    for asked in [1, 2] {
        let result = resume(directory.path(), small(), |settings| settings.recipe.epochs = asked);
        assert_eq!(result.is_ok(), asked == 2);
    }
    let mut training = resume(directory.path(), small(), |settings| settings.recipe.epochs = 3).unwrap();
    training.advance().unwrap();
    training.save().unwrap();
    // One at a time saves in a directory.
    let error = resume(directory.path(), small(), |_| {}).unwrap_err();
    assert!(matches!(error, Error::RunDirectory(RunDirectoryError::InUse { .. })), "{error}");
    drop(training);
    // Two epochs and a batch are no two epochs.
    let error = resume(directory.path(), small(), |settings| settings.recipe.epochs = 2).unwrap_err();
    assert!(matches!(error, Error::Training(TrainingError::PastEnd { asked: 2, done: 2, batches: 1 })), "{error}");
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
    assert!(message.contains("epoch 2, batch 2") && message.contains("learning rate of 1e30"), "{message}");
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
    let validated = Splits { validation: Some(bars(GREY, 10, 1)), ..small() };
    let swapped = splits(ImageShape { height: 10, width: 12, channels: 1 }, 100, 30);
    for (other, part) in [
        (splits(GREY, 101, 30), "training"),
        (other_pixels, "training"),
        (swapped, "training"),
        (validated, "validation"),
        (splits(GREY, 100, 31), "test"),
        (untested, "test"),
    ] {
        let error = resume(directory.path(), other, |_| {}).unwrap_err();
        let Error::Training(TrainingError::OtherData { expected, .. }) = &error else { panic!("{error}") };
        assert_eq!(expected.name, "bars");
        assert!(error.to_string().starts_with(&format!("the {part} set is not that of the run: ")), "{error}");
    }
    // The name is no part of the data.
    resume(directory.path(), Splits { name: "elsewhere".to_owned(), ..small() }, |_| {}).unwrap();
}

#[test]
fn parts_of_different_shapes_are_an_error() {
    let turned = || Some(bars(ImageShape { height: 10, width: 12, channels: 1 }, 30, 3));
    for data in [Splits { test: turned(), ..small() }, Splits { validation: turned(), ..small() }] {
        let error = Training::new(small_settings(1), data).unwrap_err();
        assert!(matches!(error, Error::Shape(_)), "{error}");
        assert!(error.to_string().contains("10x12x1"), "{error}");
    }
}

/// The reference recipe on a few digits, made quicker: a narrower network, smaller batches, a higher rate.
#[cfg(feature = "mnist")]
#[test]
fn digits_are_learned() {
    let mnist = Splits::mnist();
    let first = |set: elbo::dataset::Dataset, count| set.subset(&(0..count).collect::<Vec<_>>()).unwrap();
    let (train, test) = (first(mnist.train, 6000), first(mnist.test.unwrap(), 1000));
    let data = Splits { train, test: Some(test), ..mnist };
    let recipe = Recipe { epochs: 4, batch_size: 50, widths: vec![16, 32], learning_rate: 3e-3, ..Recipe::reference() };
    let settings = Settings::new("mnist", recipe);
    let mut training = Training::new(settings, data).unwrap();
    finish(&mut training);
    let [first, .., last] = training.history() else { panic!("several epochs") };
    // Seeds 1 to 3 give 22.5 to 22.8 nats per image, after 26.7 to 26.8 in the first epoch. The mean image, half the
    // sum of the pixels' variances, gives 26.4.
    let (before, after) = (test_loss(first), test_loss(last));
    assert!(after < before && after < 23.2, "{before}, then {after}");
    let divergence = last.held_out.unwrap().1.kl;
    assert!((2.0..8.0).contains(&divergence), "{divergence}");
}
