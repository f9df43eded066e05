//! How to train: every setting that decides the result.

use serde::{Deserialize, Serialize};

/// The settings of a training run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Times that the training set is gone through.
    pub epochs: u32,
    /// Images a step. A set smaller than a batch is one batch; images that do not fill a last batch are left out.
    pub batch_size: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Latent dimensions `Z`.
    pub latent_dim: usize,
    /// Channels of each encoder stage, the first first.
    pub widths: Vec<usize>,
    /// The weight of the divergence in what is minimised, `reconstruction + beta * kl`; 1 is the evidence lower bound.
    pub beta: f64,
    /// What fixes all random draws; at most 2^63 - 1, the largest integer of a TOML file.
    pub seed: u64,
    /// Whether each epoch goes through the images in a new random order, rather than in the order of the file.
    pub shuffle: bool,
}

/// A setting is outside its range.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{setting} must be {allowed}, not {found}")]
pub struct RecipeError {
    /// Which setting.
    pub setting: &'static str,
    /// What it may be.
    pub allowed: &'static str,
    /// What it is.
    pub found: f64,
}

impl Recipe {
    /// The published run: 50 epochs of batches of 512 in the order of the file, at a constant rate of 1e-3.
    #[must_use]
    pub fn reference() -> Self {
        Self {
            epochs: 50,
            batch_size: 512,
            learning_rate: 1e-3,
            latent_dim: 20,
            widths: vec![32, 64],
            beta: 1.0,
            seed: 1,
            shuffle: false,
        }
    }

    /// Checks the settings that concern the training; those of the network are the
    /// [`Architecture`](crate::Architecture)'s to check.
    ///
    /// # Errors
    /// If one is outside its range.
    pub fn validate(&self) -> Result<(), RecipeError> {
        let check = |good: bool, setting, allowed, found| {
            if good { Ok(()) } else { Err(RecipeError { setting, allowed, found }) }
        };
        let Self { epochs, batch_size, learning_rate, beta, seed, .. } = *self;
        check(i64::try_from(seed).is_ok(), "the seed", "at most 9223372036854775807", seed as f64)?;
        check(epochs >= 1, "the number of epochs", "at least 1", f64::from(epochs))?;
        check((1..=1 << 20).contains(&batch_size), "the batch size", "from 1 to 1048576", batch_size as f64)?;
        // As f32, which is what the optimiser computes in.
        let is_normal = (learning_rate as f32).is_normal() && learning_rate > 0.0;
        check(is_normal, "the learning rate", "a number above 0", learning_rate)?;
        check((beta as f32).is_finite() && beta >= 0.0, "beta", "a number not below 0", beta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let reference = Recipe::reference();
        assert_eq!(reference.validate(), Ok(()));
        for (recipe, name) in [
            (Recipe { epochs: 0, ..reference.clone() }, "epochs"),
            (Recipe { batch_size: 0, ..reference.clone() }, "batch size"),
            (Recipe { learning_rate: 0.0, ..reference.clone() }, "learning rate"),
            (Recipe { learning_rate: f64::NAN, ..reference.clone() }, "learning rate"),
            (Recipe { learning_rate: 1e300, ..reference.clone() }, "learning rate"),
            (Recipe { seed: u64::MAX, ..reference.clone() }, "seed"),
            (Recipe { beta: -1.0, ..reference.clone() }, "beta"),
            (Recipe { beta: f64::INFINITY, ..reference }, "beta"),
        ] {
            assert!(recipe.validate().unwrap_err().to_string().contains(name));
        }
    }
}
