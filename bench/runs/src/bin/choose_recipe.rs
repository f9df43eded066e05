//! Trains a recipe on 55,000 of MNIST's training images and measures it on the 5,000 others after each epoch: how
//! settings are chosen without a look at the test set.
//!
//!     cargo run --release -p elbo-bench --bin choose_recipe -- recipe.toml [SEEDS]
//!
//! `recipe.toml` holds the fields of a [`Recipe`] as a run's `config.toml` has them under `[recipe]`. Prints a line per
//! epoch: seed, epoch, seconds of training, loss on the held-out images in nats per image.

use elbo::dataset::{Dataset, Splits};
use elbo::noise::{Noise, Purpose};
use elbo::{Progress, Recipe, Settings, Training};

/// Training images held out.
const HELD_OUT: usize = 5000;

/// The images at these positions.
fn subset(dataset: &Dataset, indices: &[u32]) -> Result<Dataset, Box<dyn std::error::Error>> {
    let mut pixels = Vec::new();
    let pixels = dataset.gather(indices, &mut pixels)?.pixels.to_vec();
    Ok(Dataset::new(dataset.shape(), pixels, None)?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: choose_recipe recipe.toml [SEEDS]")?;
    let seeds: u64 = arguments.next().map_or(Ok(1), |seeds| seeds.parse())?;
    let recipe: Recipe = toml::from_str(&std::fs::read_to_string(path)?)?;

    let all = Splits::mnist().train;
    let mut order: Vec<u32> = (0..all.len() as u32).collect();
    // The same images whatever the recipe's seed.
    Noise::new(0, Purpose::Order, 0).shuffle(&mut order);
    let (held_out, rest) = order.split_at(HELD_OUT);
    let (train, held_out) = (subset(&all, rest)?, subset(&all, held_out)?);

    for seed in 1..=seeds {
        let recipe = Recipe { seed, ..recipe.clone() };
        let data =
            Splits { train: train.clone(), validation: None, test: Some(held_out.clone()), name: "mnist".to_owned() };
        let mut training = Training::new(Settings::new(data.name.clone(), recipe), data)?;
        let mut seconds = 0.0;
        while let Some(progress) = training.advance()? {
            if let Progress::Epoch(metrics) = progress {
                seconds += metrics.seconds;
                let loss = metrics.held_out.map(|(_, loss)| loss).ok_or("nothing is held out")?;
                println!("{seed} {:3} {seconds:7.1} {:.4} {:.3}", metrics.epoch, loss.total(), loss.kl);
            }
        }
    }
    Ok(())
}
