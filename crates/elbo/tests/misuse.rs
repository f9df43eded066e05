//! What a caller gives wrongly is an error, never a panic, and nothing of it stays.

use crate::bars::{GREY, bars, resume, run_in, small, small_settings};
use elbo::dataset::{Batch, Dataset, ImageShape};
use elbo::engine::Draw;
use elbo::network::ParameterTable;
use elbo::training::TrainingError;
use elbo::{
    Adam, Architecture, Cpu, Device, Error, Likelihood, Loss, Model, Objective, Optimizer, Progress, Recipe,
    RunDirectory, Settings, Training, Vae,
};

fn adam() -> Optimizer {
    Adam::new(1e-3).into()
}

/// Takes the step that is next by hand.
fn by_hand(training: &mut Training) -> Result<Progress, Error> {
    let (loss, gradient) = training.gradient(Objective::default())?.unwrap();
    training.apply(loss, &gradient, &adam())
}

#[test]
fn a_gradient_for_no_batch_is_refused() {
    let mut training = Training::new(small_settings(1), small()).unwrap();
    for _ in 0..training.batches() {
        by_hand(&mut training).unwrap();
    }
    let before = training.engine().parameters().unwrap();
    let gradient = vec![1.0; before.len()];
    let error = training.apply(Loss::default(), &gradient, &adam()).unwrap_err();
    assert!(matches!(error, Error::Training(TrainingError::NoBatch { epoch: 1, is_finished: false })), "{error}");
    assert_eq!(training.gradient(Objective::default()).unwrap(), None);
    assert!(matches!(training.advance().unwrap(), Some(Progress::Epoch(_))));
    let error = training.apply(Loss::default(), &gradient, &adam()).unwrap_err();
    assert!(matches!(error, Error::Training(TrainingError::NoBatch { is_finished: true, .. })), "{error}");
    assert_eq!(training.steps_done(), training.steps());
    assert!(training.engine().parameters().unwrap() == before);
}

#[test]
fn a_gradient_that_cannot_be_applied_is_not_counted() {
    let mut training = Training::new(small_settings(2), small()).unwrap();
    let (loss, gradient) = training.gradient(Objective::default()).unwrap().unwrap();
    let large = Loss { reconstruction: 1e6, kl: 0.0 };
    assert!(matches!(training.apply(large, &gradient[1..], &adam()), Err(Error::Engine(_))));
    let mut bad = gradient.clone();
    bad[7] = f32::NAN;
    let error = training.apply(large, &bad, &adam()).unwrap_err();
    assert!(matches!(error, Error::Training(TrainingError::NotANumber { .. })), "{error}");
    assert_eq!((training.batches_done(), training.steps_done()), (0, 0));
    let Progress::Batch(progress) = training.apply(loss, &gradient, &adam()).unwrap() else { panic!("no batch") };
    assert!((progress.loss - loss.total()).abs() < 1e-9, "{progress:?}");
    // A gradient takes time too.
    assert!(progress.images_per_second < 1e6, "{progress:?}");
}

#[test]
fn an_objective_that_is_no_number_is_refused_at_once() {
    let mut training = Training::new(small_settings(1), small()).unwrap();
    for objective in [
        Objective { beta: f32::NAN, ..Objective::default() },
        Objective { free_bits: f32::INFINITY, ..Objective::default() },
    ] {
        for error in [training.advance_with(objective, &adam()).unwrap_err(), training.gradient(objective).unwrap_err()]
        {
            assert!(error.to_string().contains("is not finite"), "{error}");
        }
    }
    // Nothing has happened.
    assert_eq!(training.steps_done(), 0);
    by_hand(&mut training).unwrap();
}

#[test]
fn what_has_failed_goes_on_failing() {
    let mut training = Training::new(small_settings(2), small()).unwrap();
    let huge: Optimizer = Adam::new(1e30).into();
    let error = loop {
        match training.advance_with(Objective::default(), &huge) {
            Ok(progress) => assert!(progress.is_some()),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("the loss is not finite"), "{error}");
    for again in [
        training.advance().unwrap_err(),
        training.gradient(Objective::default()).unwrap_err(),
        training.apply(Loss::default(), &[], &adam()).unwrap_err(),
    ] {
        assert_eq!(again.to_string(), error);
    }
    assert!(training.history().is_empty());
}

#[test]
fn losses_whose_sum_is_infinite_are_not_finite() {
    let mut training = Training::new(small_settings(1), small()).unwrap();
    let loss = Loss { reconstruction: 1.7e308, kl: 0.0 };
    let (_, gradient) = training.gradient(Objective::default()).unwrap().unwrap();
    training.apply(loss, &gradient, &adam()).unwrap();
    let error = training.apply(loss, &gradient, &adam()).unwrap_err();
    assert!(matches!(error, Error::Training(TrainingError::NotFinite { batch: 2, .. })), "{error}");
}

/// One setting made another.
type Change = fn(&mut Recipe);

#[test]
fn a_run_goes_on_with_its_own_recipe_only() {
    let directory = tempfile::tempdir().unwrap();
    run_in(directory.path(), small_settings(1), small());
    let changes: [Change; 5] = [
        |recipe| recipe.latent_dim = 7,
        |recipe| recipe.likelihood = Likelihood::Bernoulli,
        |recipe| recipe.seed = 9,
        |recipe| recipe.batch_size = 9,
        |recipe| recipe.validation = 0.5,
    ];
    for change in changes {
        let error = resume(directory.path(), small(), |settings| change(&mut settings.recipe)).unwrap_err();
        assert!(matches!(error, Error::Training(TrainingError::Changed { .. })), "{error}");
    }
    // What is to come may change.
    let change = |settings: &mut Settings| {
        (settings.recipe.epochs, settings.recipe.learning_rate, settings.threads) = (2, 1e-4, 2);
    };
    resume(directory.path(), small(), change).unwrap();
}

#[test]
fn an_engine_that_has_failed_learns_no_more() {
    let architecture = Architecture::new(GREY, &[4, 6], 3).unwrap();
    let parameters = ParameterTable::new(&architecture).initialize(1);
    let mut engine = Cpu::new(1).engine(&architecture, &parameters).unwrap();
    let images = bars(GREY, 4, 1);
    let mut staging = Vec::new();
    let batch = images.gather(&[0, 1, 2, 3], &mut staging).unwrap();
    for noise in [[f32::NAN; 12], [0.5; 12]] {
        engine.step(batch, Draw::Given(&noise), Objective::default(), &adam()).unwrap();
    }
    assert!(!engine.next_loss(true).unwrap().unwrap().is_finite());
    assert!(engine.next_loss(true).unwrap().is_some());
    assert!(engine.parameters().unwrap() == parameters);
    // A gradient by itself is the caller's to judge.
    let empty = Batch::new(&[], &[], None);
    engine.step(empty, Draw::Mean, Objective::default(), &adam()).unwrap();
}

#[test]
fn latent_vectors_and_counts_that_cannot_be() {
    let training = Training::new(small_settings(1), small()).unwrap();
    let vae = Vae::try_from(&training).unwrap();
    let error = vae.decode(&[0.0; 7], None).unwrap_err();
    assert_eq!(error.to_string(), "7 numbers are no whole number of latent vectors of 3");
    for (start, count) in [(0, 1 << 63), (0, usize::MAX), (0, 1 << 60), (usize::MAX, 2)] {
        let error = vae.generate_from(start, count, 1).unwrap_err();
        assert!(error.to_string().contains("fit in any memory"), "{error}");
    }
    assert_eq!(vae.decode(&[], None).unwrap().len(), 0);
}

#[test]
fn a_model_whose_parts_do_not_fit_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    let images = bars(GREY, 40, 1).with_labels((0..40).map(|i| i % 3).collect()).unwrap();
    let recipe = Recipe { conditional: true, ..small_settings(1).recipe };
    let model = Training::new(recipe, images.clone()).unwrap().model().unwrap();
    model.write(&path).unwrap();
    for parameters in [model.parameters.len() - 1, model.parameters.len() + 1] {
        let mut other = model.clone();
        other.parameters.resize(parameters, 0.0);
        assert!(other.write(&path).unwrap_err().to_string().contains("parameters for a network that has"));
        assert!(Vae::on(&Cpu::new(1), other).is_err());
    }
    for names in [0, 2, 10] {
        let mut other = model.clone();
        other.card.classes.resize(names, "more".to_owned());
        let expected = format!("{names} names of classes for a network that tells 3 apart");
        assert!(other.write(&path).unwrap_err().to_string().contains(&expected));
        assert_eq!(Vae::on(&Cpu::new(1), other).unwrap_err().to_string(), expected);
    }
    let vae = Vae::on(&Cpu::new(1), Model::read(&path).unwrap()).unwrap();
    let error = vae.decode(&[0.0; 6], None).unwrap_err();
    assert_eq!(error.to_string(), "the model tells 3 classes apart and needs one for each of 2 latent vectors, not 0");
    // Images of some of the classes, under other numbers: found by name.
    let part = |labels: Vec<u16>, names: &[&str]| {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        images.clone().with_labels(labels).unwrap().with_classes(names).unwrap()
    };
    let (own, renumbered) = (part(vec![2; 40], &["0", "1", "2"]), part(vec![0; 40], &["2"]));
    assert!(vae.encode(&own).unwrap() == vae.encode(&renumbered).unwrap());
    assert!(vae.evaluate(&own, 1).unwrap() == vae.evaluate(&renumbered, 1).unwrap());
}

#[test]
fn sizes_that_no_machine_has_are_refused() {
    let shape = ImageShape { height: 64, width: 64, channels: 3 };
    let error = Architecture::new(shape, &[4096; 5], 4096).unwrap_err();
    assert!(error.to_string().contains("parameters; the most is"), "{error}");
    let large = ImageShape { height: 256, width: 256, channels: 1 };
    let wide = Architecture::new(large, &[64, 64, 4096], 4).unwrap();
    assert!(wide.with_classes(256).unwrap_err().to_string().contains("parameters; the most is"));
    let reference = Architecture::reference();
    let parameters = ParameterTable::new(&reference).initialize(1);
    let error = Cpu::new(70_000).engine(&reference, &parameters).unwrap_err();
    assert!(error.to_string().contains("70000 threads: at most 1024"), "{error}");
    assert!(Dataset::new(ImageShape { height: 1, width: 1, channels: 1 }, vec![], None).is_err());
    assert!(RunDirectory::open(std::path::Path::new("")).is_err());
}
