//! A second engine behind the seam: the plain network in f64, whose losses come late. What trains on the processor trains
//! on it too, to the same losses within rounding, and resumes.

use crate::bars::{finish, small, small_settings};
use elbo::dataset::Batch;
use elbo::engine::{Draw, EngineError, OptimizerState};
use elbo::network::reference::{self, Defined};
use elbo::{
    Adam, Architecture, Device, Engine, Error, Loss, Objective, Optimizer, Recipe, RunDirectory, Settings, Training,
    Vae,
};
use std::collections::VecDeque;

/// Steps by which a loss is later than its step.
const LATE: usize = 3;

/// Makes engines of the plain network, which fail after so many steps if that is asked for.
#[derive(Debug, Default)]
struct Plain {
    fails_after: Option<u64>,
}

impl Device for Plain {
    fn engine(&self, architecture: &Architecture, parameters: &[f32]) -> Result<Box<dyn Engine>, EngineError> {
        let parameters: Vec<f64> = parameters.iter().map(|&number| f64::from(number)).collect();
        let moments = vec![0.0; parameters.len()];
        Ok(Box::new(PlainEngine {
            architecture: architecture.clone(),
            mean: moments.clone(),
            square: moments,
            parameters,
            step: 0,
            losses: VecDeque::new(),
            fails_after: self.fails_after,
        }))
    }
}

#[derive(Debug)]
struct PlainEngine {
    architecture: Architecture,
    parameters: Vec<f64>,
    mean: Vec<f64>,
    square: Vec<f64>,
    step: u64,
    losses: VecDeque<Loss>,
    fails_after: Option<u64>,
}

fn single(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&number| number as f32).collect()
}

impl PlainEngine {
    fn define(&self, batch: Batch<'_>, draw: Draw<'_>, objective: Objective) -> Defined {
        let dim = self.architecture.latent_dim();
        let mut noise = vec![0.0_f32; batch.len() * dim];
        if let Draw::Noise(source) = draw {
            for (index, noise) in batch.indices.iter().zip(noise.chunks_exact_mut(dim)) {
                source.normal(u64::from(*index), noise);
            }
        }
        let noise: Vec<f64> = noise.into_iter().map(f64::from).collect();
        let mut images = vec![0.0_f32; batch.values()];
        batch.write(&mut images);
        let images: Vec<f64> = images.into_iter().map(f64::from).collect();
        let classes: Vec<u16> =
            batch.labels.map_or_else(Vec::new, |labels| batch.indices.iter().map(|&i| labels[i as usize]).collect());
        reference::gradient(&self.architecture, &self.parameters, &images, &noise, &classes, &objective)
    }

    fn adam(&mut self, gradient: impl Iterator<Item = f64>, adam: &Adam) {
        self.step += 1;
        let [beta1, beta2, rate, epsilon] = [adam.beta1, adam.beta2, adam.learning_rate, adam.epsilon].map(f64::from);
        #[expect(clippy::disallowed_methods, reason = "no bits of this engine are pinned")]
        let correct = |beta: f64| 1.0 - beta.powi(self.step as i32);
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((parameter, (mean, square)), gradient) in self.parameters.iter_mut().zip(moments).zip(gradient) {
            *mean = beta1 * *mean + (1.0 - beta1) * gradient;
            *square = beta2 * *square + (1.0 - beta2) * gradient * gradient;
            *parameter -= rate * (*mean / correct(beta1)) / ((*square / correct(beta2)).sqrt() + epsilon);
        }
    }

    /// A batch of one image, as the definition has it.
    fn one(batch: Batch<'_>, number: usize) -> Batch<'_> {
        let len = batch.pixels.len() / batch.len();
        let pixels = &batch.pixels[number * len..][..len];
        Batch { pixels, indices: &batch.indices[number..=number], ..batch }
    }
}

impl Engine for PlainEngine {
    fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn arithmetic(&self) -> String {
        "f64".to_owned()
    }

    fn description(&self) -> String {
        "the definition in f64".to_owned()
    }

    fn parameters(&self) -> Result<Vec<f32>, EngineError> {
        Ok(single(&self.parameters))
    }

    fn optimizer(&self) -> Result<OptimizerState, EngineError> {
        Ok(OptimizerState { step: self.step, mean: single(&self.mean), square: single(&self.square) })
    }

    fn resume(&mut self, state: OptimizerState) -> Result<(), EngineError> {
        let double = |numbers: Vec<f32>| numbers.into_iter().map(f64::from).collect();
        (self.step, self.mean, self.square) = (state.step, double(state.mean), double(state.square));
        Ok(())
    }

    fn step(
        &mut self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        objective: Objective,
        optimizer: &Optimizer,
    ) -> Result<(), EngineError> {
        if self.fails_after == Some(self.step) {
            return Err(EngineError::Device { device: self.description(), source: "it fell off the bus".into() });
        }
        let Defined { loss, gradient, .. } = self.define(batch, draw, objective);
        self.adam(gradient.into_iter(), &optimizer.adam);
        self.losses.push_back(loss);
        Ok(())
    }

    fn next_loss(&mut self, wait: bool) -> Result<Option<Loss>, EngineError> {
        let is_there = wait || self.losses.len() > LATE;
        Ok(if is_there { self.losses.pop_front() } else { None })
    }

    fn gradient(
        &mut self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        objective: Objective,
    ) -> Result<(Loss, Vec<f32>), EngineError> {
        let Defined { loss, gradient, .. } = self.define(batch, draw, objective);
        Ok((loss, single(&gradient)))
    }

    fn apply(&mut self, gradient: &[f32], optimizer: &Optimizer) -> Result<(), EngineError> {
        self.adam(gradient.iter().map(|&number| f64::from(number)), &optimizer.adam);
        Ok(())
    }

    fn losses(&self, batch: Batch<'_>, draw: Draw<'_>) -> Result<Vec<Loss>, EngineError> {
        let one = |number| self.define(Self::one(batch, number), draw, Objective::default()).loss;
        Ok((0..batch.len()).map(one).collect())
    }

    fn encode(&self, _: Batch<'_>) -> Result<Vec<f32>, EngineError> {
        unreachable!("training does not encode")
    }

    fn decode(&self, _: &[f32], _: &[u16]) -> Result<Vec<f32>, EngineError> {
        unreachable!("training does not decode")
    }

    fn block(&self) -> usize {
        7
    }
}

fn settings(epochs: u32) -> Settings {
    let small = small_settings(epochs);
    Settings { recipe: Recipe { kl_warmup: 0.5, ..small.recipe }, ..small }
}

/// The losses of each epoch: over the batches, and over the held-out images.
fn losses(training: &Training) -> Vec<[f64; 2]> {
    training.history().iter().map(|row| [row.train_loss, row.held_out.unwrap().1.total()]).collect()
}

#[test]
fn trains_to_the_losses_of_the_processor() {
    let mut processor = Training::new(settings(3), small()).unwrap();
    let mut plain = Training::on(&Plain::default(), settings(3), small()).unwrap();
    finish(&mut processor);
    finish(&mut plain);
    assert_eq!(plain.engine().description(), "the definition in f64");
    let (found, expected) = (losses(&processor), losses(&plain));
    assert_eq!(found.len(), 3);
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        // Fifteen steps of Adam in f32 and in f64.
        assert!((found - expected).abs() < 1e-4 * expected, "{found}, not {expected}");
    }
    // And the model that it leaves is one like any other.
    let vae = Vae::on(&elbo::Cpu::new(1), plain.model().unwrap()).unwrap();
    assert!(vae.evaluate(&small().train, 1).unwrap().sampled.is_finite());
}

#[test]
fn a_run_saved_while_losses_are_late_goes_on_as_if_it_had_never_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let mut whole = Training::on(&Plain::default(), settings(2), small()).unwrap();
    finish(&mut whole);
    for stop in [1, 2, 4, 5, 6, 8] {
        let path = directory.path().join(stop.to_string());
        let run = RunDirectory::create(&path).unwrap();
        let mut training = Training::on(&Plain::default(), settings(2), small()).unwrap().save_in(run).unwrap();
        for _ in 0..stop {
            training.advance().unwrap();
        }
        training.save().unwrap();
        drop(training);
        let run = RunDirectory::open(&path).unwrap();
        let mut training = Training::resume_on(&Plain::default(), run, small(), |_| {}).unwrap();
        assert_eq!((training.history().len(), training.batches_done()), (stop / 6, stop % 6));
        finish(&mut training);
        // A checkpoint keeps f32 of what this engine has in f64.
        for (found, expected) in losses(&training).iter().flatten().zip(losses(&whole).iter().flatten()) {
            assert!((found - expected).abs() < 1e-5 * expected, "stopped after {stop}: {found}, not {expected}");
        }
    }
}

#[test]
fn a_device_that_fails_says_what_it_is() {
    let mut training = Training::on(&Plain { fails_after: Some(2) }, settings(2), small()).unwrap();
    training.advance().unwrap();
    training.advance().unwrap();
    let error = training.advance().unwrap_err();
    assert!(matches!(error, Error::Engine(EngineError::Device { .. })), "{error:?}");
    assert_eq!(error.to_string(), "the definition in f64 failed: it fell off the bus");
}

#[test]
fn a_run_whose_device_fails_goes_on_elsewhere_from_where_it_was_saved() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    let run = RunDirectory::create(&path).unwrap();
    let failing = Plain { fails_after: Some(3) };
    let mut training = Training::on(&failing, settings(2), small()).unwrap().save_in(run).unwrap();
    assert_eq!(training.saved(), Some((0, 0)));
    training.advance().unwrap();
    training.advance().unwrap();
    training.save().unwrap();
    assert_eq!(training.saved(), Some((0, 2)));
    training.advance().unwrap();
    training.advance().unwrap_err();
    assert_eq!(training.saved(), Some((0, 2)));
    drop(training);
    let run = || RunDirectory::open(&path).unwrap();
    let mut training = Training::resume(run(), small(), |_| {}).unwrap();
    assert_eq!((training.other_arithmetic(), training.saved()), (Some("f64"), Some((0, 2))));
    training.advance().unwrap();
    training.save().unwrap();
    // From now on it is the processor's.
    drop(training);
    let mut training = Training::resume(run(), small(), |_| {}).unwrap();
    assert_eq!(training.other_arithmetic(), None);
    finish(&mut training);
}

#[test]
fn a_loss_that_is_late_is_charged_to_its_own_step() {
    let mut training = Training::on(&Plain::default(), settings(2), small()).unwrap();
    let good = Adam::new(1e-3);
    training.advance_with(Objective::default(), &good.into()).unwrap();
    training.advance_with(Objective::default(), &Adam::new(f32::INFINITY).into()).unwrap();
    // The third step has no finite loss, which is known later.
    let error = (0..6).find_map(|_| training.advance().err()).unwrap();
    assert!(error.to_string().contains("epoch 1, batch 3"), "{error}");
}
