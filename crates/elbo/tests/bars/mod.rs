//! Little runs on images of bars, for the tests of all that comes of training.

use elbo::dataset::{Dataset, ImageShape, Splits};
use elbo::{Error, Recipe, RunDirectory, Settings, Training};
use std::fs;
use std::path::Path;

pub(crate) const GREY: ImageShape = ImageShape { height: 12, width: 10, channels: 1 };

/// Images of bars whose place depends on the image's number, with noise: `seed` fixes it.
pub(crate) fn bars(shape: ImageShape, count: usize, seed: u32) -> Dataset {
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

pub(crate) fn splits(shape: ImageShape, train: usize, test: usize) -> Splits {
    let test = (test > 0).then(|| bars(shape, test, 1000));
    Splits { train: bars(shape, train, 1), validation: None, test, name: "bars".to_owned() }
}

/// 100 images, five batches of 17 with some left over.
pub(crate) fn small() -> Splits {
    splits(GREY, 100, 30)
}

pub(crate) fn small_settings(epochs: u32) -> Settings {
    let recipe =
        Recipe { epochs, batch_size: 17, widths: vec![4, 6], latent_dim: 3, shuffle: true, ..Recipe::reference() };
    Settings { threads: 1, ..Settings::new("bars", recipe) }
}

/// Trains to the end.
pub(crate) fn finish(training: &mut Training) {
    while training.advance().unwrap().is_some() {}
}

/// A finished run in `directory`.
pub(crate) fn run_in(directory: &Path, settings: Settings, data: Splits) -> Training {
    let directory = RunDirectory::create(directory).unwrap();
    let mut training = Training::new(settings, data).unwrap().save_in(directory).unwrap();
    finish(&mut training);
    training
}

pub(crate) fn resume(path: &Path, data: Splits, change: impl FnOnce(&mut Settings)) -> Result<Training, Error> {
    Training::resume(RunDirectory::open(path)?, data, change)
}

pub(crate) fn model_bytes(run: &Path) -> Vec<u8> {
    fs::read(run.join("model.safetensors")).unwrap()
}
