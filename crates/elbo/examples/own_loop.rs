//! A training loop of one's own: a schedule and an objective for each step, then gradients that are clipped by hand; and a
//! model file that every command takes.
//!
//!     cargo run --release --example own_loop
//!     cargo run --release -- generate own.safetensors

use elbo::dataset::Splits;
use elbo::{Adam, Error, Objective, Recipe, Training};

fn main() -> Result<(), Error> {
    let recipe = Recipe { epochs: 2, batch_size: 128, ..Recipe::fast() };
    train(Training::new(recipe, Splits::mnist())?, "own.safetensors")
}

pub(crate) fn train(mut training: Training, path: &str) -> Result<(), Error> {
    // The first epoch: a rate that falls with the root of the step, a divergence that counts more and more.
    while training.history().is_empty() {
        let step = training.steps_done() + 1;
        let adam = Adam::new(0.01 / (step as f32).sqrt());
        let objective = Objective { beta: (step as f32 / 100.0).min(1.0), ..Objective::default() };
        training.advance_with(objective, &adam.into())?;
    }
    // The others: forward and backward, then the update, with gradients no longer than 10 in between.
    while !training.is_finished() {
        let Some((loss, mut gradient)) = training.gradient(Objective::default())? else {
            training.advance()?; // the end of an epoch
            continue;
        };
        let norm = gradient.iter().map(|number| number * number).sum::<f32>().sqrt();
        let scale = (10.0 / norm).min(1.0);
        for number in &mut gradient {
            *number *= scale;
        }
        training.apply(loss, &gradient, &Adam::new(1e-3).into())?;
    }
    println!("{:?}", training.history());
    Ok(training.model()?.write(path.as_ref())?)
}
