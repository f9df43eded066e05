//! When a run is saved, and that nothing is wrong on disk in between.

use crate::bars::{GREY, finish, model_bytes, resume, run_in, small, small_settings, splits};
use elbo::recipe::Adam;
use elbo::training::TrainingError;
use elbo::{Error, Model, Objective, Progress, Recipe, RunDirectory, Settings, Training};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// What [`Training::save_in`] promises: an epoch is not saved sooner than this after another one.
const INTERVAL: Duration = Duration::from_secs(5);

/// Settings with which the held-out loss soon rises: far too many steps for so few images.
fn overfitting() -> Settings {
    let small = small_settings(12);
    Settings { recipe: Recipe { widths: vec![16, 16], learning_rate: 1e-2, ..small.recipe }, ..small }
}

fn new_run(directory: &Path, settings: Settings) -> Training {
    let run = RunDirectory::create(directory).unwrap();
    Training::new(settings, splits(GREY, 40, 30)).unwrap().save_in(run).unwrap()
}

fn advance_epoch(training: &mut Training) {
    while !matches!(training.advance().unwrap(), Some(Progress::Epoch(_)) | None) {}
}

fn best(directory: &Path) -> Vec<u8> {
    fs::read(directory.join("best.safetensors")).unwrap()
}

#[test]
fn epochs_that_soon_follow_one_another_are_saved_together() {
    let directory = tempfile::tempdir().unwrap();
    let mut training = new_run(directory.path(), overfitting());
    let start = Instant::now();
    assert_eq!(training.saved(), Some((0, 0)));
    for epoch in 1..12 {
        advance_epoch(&mut training);
        // On a machine that stands still, more are saved.
        if start.elapsed() < INTERVAL {
            assert_eq!(training.saved(), Some((1, 0)), "after epoch {epoch}");
            assert_eq!(Model::read(&directory.path().join("model.safetensors")).unwrap().card.epochs, 1);
        }
    }
    // The end is saved at once.
    advance_epoch(&mut training);
    assert_eq!(training.saved(), Some((12, 0)));
    assert_eq!(Model::read(&directory.path().join("model.safetensors")).unwrap(), training.model().unwrap());
}

#[test]
fn a_run_killed_between_two_files_ends_as_if_it_had_never_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    let expected = run_in(&whole, overfitting(), splits(GREY, 40, 30)).best_epoch().unwrap().epoch;
    assert!((3..12).contains(&expected), "the test needs a run that is best on the way: {expected}");
    for epochs in [2, expected, expected + 1, 12] {
        let path = directory.path().join(epochs.to_string());
        let mut training = new_run(&path, overfitting());
        advance_epoch(&mut training);
        let old = fs::read(path.join("checkpoint.safetensors")).unwrap();
        while training.history().len() < epochs as usize {
            advance_epoch(&mut training);
        }
        training.save().unwrap();
        let so_far = training.best_epoch().unwrap().epoch;
        assert_eq!(Model::read(&path.join("best.safetensors")).unwrap().card.epochs, so_far);
        drop(training);
        // The checkpoint is the last: a kill before it leaves the old one, with all others new.
        fs::write(path.join("checkpoint.safetensors"), old).unwrap();
        let mut training = resume(&path, splits(GREY, 40, 30), |_| {}).unwrap();
        assert_eq!(training.history().len(), 1);
        finish(&mut training);
        assert!(best(&path) == best(&whole), "{epochs} epochs");
        assert!(model_bytes(&path) == model_bytes(&whole), "{epochs} epochs");
    }
}

#[test]
fn a_run_that_diverges_leaves_its_last_whole_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let mut training = new_run(directory.path(), overfitting());
    for _ in 0..4 {
        advance_epoch(&mut training);
    }
    let (model, best_epoch) = (training.model().unwrap(), training.best_epoch().unwrap().epoch);
    assert!(best_epoch > 1);
    let step = |training: &mut Training| training.advance_with(Objective::default(), &Adam::new(f32::INFINITY).into());
    let error = (0..3).find_map(|_| step(&mut training).err()).unwrap();
    assert!(matches!(error, Error::Training(TrainingError::NotFinite { epoch: 5, .. })), "{error}");
    assert_eq!(training.saved(), Some((4, 0)));
    assert_eq!(Model::read(&directory.path().join("model.safetensors")).unwrap(), model);
    assert_eq!(Model::read(&directory.path().join("best.safetensors")).unwrap().card.epochs, best_epoch);
    drop(training);
    // With steps as they should be, it ends as if nothing had been.
    finish(&mut resume(directory.path(), splits(GREY, 40, 30), |_| {}).unwrap());
    let whole = directory.path().join("whole");
    run_in(&whole, overfitting(), splits(GREY, 40, 30));
    assert!(model_bytes(directory.path()) == model_bytes(&whole));
    assert!(best(directory.path()) == best(&whole));
}

#[test]
fn the_time_of_a_run_goes_on_where_it_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let mut training = run_in(directory.path(), small_settings(5), small());
    let before = training.elapsed();
    let in_steps: f64 = training.history().iter().map(|row| row.seconds).sum();
    assert!(before.as_secs_f64() >= in_steps, "{before:?}, {in_steps}");
    training.save().unwrap();
    drop(training);
    let training = resume(directory.path(), small(), |_| {}).unwrap();
    assert!(training.elapsed() >= before, "{:?} after {before:?}", training.elapsed());
}
