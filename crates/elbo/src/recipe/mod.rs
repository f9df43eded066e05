//! How to train: every setting that decides the result.

mod auto;
pub(crate) mod objective;
pub(crate) mod optimizer;
pub(crate) mod schedule;
pub(crate) mod settings;

use crate::dataset::{Binarize, Splits};
use crate::error::Error;
use crate::network::likelihood::Likelihood;
use crate::network::loss::{KlGradient, Objective};
use serde::{Deserialize, Serialize};

pub use objective::ObjectiveKind;
pub use optimizer::{Adam, Muon, Optimizer};
pub use schedule::Schedule;
pub use settings::{EMBEDDED_DATA, Settings, SettingsError};

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
    /// Muon's step size for the weights of all layers but the first and the last; none leaves them to Adam.
    #[serde(default)]
    pub muon_learning_rate: Option<f64>,
    /// How both step sizes go over the run.
    #[serde(default = "constant")]
    pub schedule: Schedule,
    /// Latent dimensions `Z`.
    pub latent_dim: usize,
    /// Channels of each encoder stage, the first first.
    pub widths: Vec<usize>,
    /// Whether encoder and decoder are told the class of each image, which its label is.
    #[serde(default)]
    pub conditional: bool,
    /// What the logits say of the pixels, which the reconstruction part of the loss follows from.
    #[serde(default)]
    pub likelihood: Likelihood,
    /// Whether grey pixels are drawn black or white, and when; with this, [`Likelihood::Bernoulli`] is a probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binarize: Option<Binarize>,
    /// The weight of the divergence in what is minimised, `reconstruction + beta * kl`; 1 is the evidence lower bound.
    pub beta: f64,
    /// The share of the steps, from the first, over which that weight rises from 0 to `beta` in a straight line; 0 has
    /// `beta` throughout.
    #[serde(default)]
    pub kl_warmup: f64,
    /// What the divergence of each latent dimension of an image counts at least in what is minimised, in nats; see
    /// [`Objective::free_bits`].
    #[serde(default)]
    pub free_bits: f64,
    /// How the divergence's gradient is estimated.
    #[serde(default)]
    pub kl_gradient: KlGradient,
    /// What is minimised. Under `BetaTc`, `beta` is the weight of the total correlation.
    #[serde(default)]
    pub objective: ObjectiveKind,
    /// Draws of each image's latent vector, 1 but for the importance-weighted bound.
    #[serde(default = "one")]
    pub samples: u32,
    /// Gaussians of the mixture that is learned as the prior; 0 is the standard normal.
    #[serde(default)]
    pub prior_components: usize,
    /// What fixes all random draws; at most 2^63 - 1, the largest integer of a TOML file.
    pub seed: u64,
    /// Whether each epoch goes through the images in a new random order, rather than in the order of the file.
    pub shuffle: bool,
    /// Share of the training set that is held out to validate with, from 0, none, up to 1. The seed fixes which images.
    /// A share above 0 goes before a validation set that the data has of its own.
    #[serde(default)]
    pub validation: f64,
    /// Epochs without a new lowest held-out loss after which the run ends before its last epoch; none goes through all.
    /// Where rates fall to zero the loss falls most at the end, so that a run that ends early misses that: it is meant
    /// for a constant rate.
    #[serde(default)]
    pub patience: Option<u32>,
}

/// The most draws of an image's latent vector in training.
pub const MOST_SAMPLES: u32 = 4096;

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

/// What settings without a number of draws mean.
fn one() -> u32 {
    1
}

/// What settings without a schedule mean.
fn constant() -> Schedule {
    Schedule::Constant
}

impl Recipe {
    /// The published run: 50 epochs of batches of 512 in the order of the file, at a constant rate of 1e-3.
    #[must_use]
    pub fn reference() -> Self {
        Self {
            epochs: 50,
            batch_size: 512,
            learning_rate: 1e-3,
            muon_learning_rate: None,
            schedule: Schedule::Constant,
            latent_dim: 20,
            widths: vec![32, 64],
            conditional: false,
            likelihood: Likelihood::Gaussian,
            binarize: None,
            beta: 1.0,
            kl_warmup: 0.0,
            free_bits: 0.0,
            kl_gradient: KlGradient::Analytic,
            objective: ObjectiveKind::Elbo,
            samples: 1,
            prior_components: 0,
            seed: 1,
            shuffle: false,
            validation: 0.0,
            patience: None,
        }
    }

    /// The soonest to a good model: a few epochs of small batches in random order, Muon for the inner weights, and rates
    /// that fall to zero at the end. With another number of epochs the fall is stretched to it.
    #[must_use]
    pub fn fast() -> Self {
        Self {
            epochs: 13,
            batch_size: 64,
            learning_rate: 5e-3,
            muon_learning_rate: Some(0.04),
            schedule: Schedule::Linear { warmup: 0.1 },
            kl_gradient: KlGradient::Path,
            shuffle: true,
            ..Self::reference()
        }
    }

    /// How step number `step` (the first is 1) of `steps` is taken.
    #[must_use]
    pub fn optimizer(&self, step: u64, steps: u64) -> Optimizer {
        let adam = Adam::new(self.learning_rate as f32);
        let muon = self.muon_learning_rate.map(|rate| Muon { learning_rate: rate as f32, momentum: 0.9 });
        Optimizer { adam, muon }.scaled(self.schedule.factor(step, steps))
    }

    /// Adam's step size in step number `step` (the first is 1) of `steps`.
    #[must_use]
    pub fn learning_rate(&self, step: u64, steps: u64) -> f64 {
        self.learning_rate * self.schedule.factor(step, steps)
    }

    /// What step number `step` (the first is 1) of `steps` minimises.
    #[must_use]
    pub fn objective(&self, step: u64, steps: u64) -> Objective {
        // In the middle of the step, as the schedule.
        let share = (step as f64 - 0.5) / steps.max(step) as f64;
        let risen = if share < self.kl_warmup { share / self.kl_warmup } else { 1.0 };
        let Self { beta, free_bits, kl_gradient, samples, .. } = *self;
        let (beta, total_correlation) = match self.objective {
            ObjectiveKind::Elbo | ObjectiveKind::Iwae => (beta, 0.0),
            // The rest of the divergence has a weight of 1.
            ObjectiveKind::BetaTc => (1.0, beta - 1.0),
        };
        let [beta, total_correlation, free_bits] =
            [beta * risen, total_correlation * risen, free_bits].map(|x| x as f32);
        Objective { beta, free_bits, kl_gradient, samples, total_correlation }
    }

    /// Whether it needs what only the processor computes: several draws, the total correlation, or a learned prior.
    #[must_use]
    pub fn needs_processor(&self) -> bool {
        self.objective != ObjectiveKind::Elbo || self.samples > 1 || self.prior_components > 0
    }

    /// Moves the images that this recipe holds out from the training set to the validation set; none where it holds none
    /// out. From equal data the same images.
    ///
    /// # Errors
    /// If the share is out of range, there is only one image, or the images cannot be read.
    pub fn hold_out(&self, data: &mut Splits) -> Result<(), Error> {
        self.validate()?;
        Ok(data.hold_out(self.validation, self.seed)?)
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
        let Self { epochs, batch_size, learning_rate, beta, kl_warmup, free_bits, seed, .. } = *self;
        check(i64::try_from(seed).is_ok(), "the seed", "at most 9223372036854775807", seed as f64)?;
        check(epochs >= 1, "the number of epochs", "at least 1", f64::from(epochs))?;
        check((1..=1 << 20).contains(&batch_size), "the batch size", "from 1 to 1048576", batch_size as f64)?;
        // As f32, which is what the optimiser computes in.
        let is_rate = |rate: f64| (rate as f32).is_normal() && rate > 0.0;
        check(is_rate(learning_rate), "the learning rate", "a finite number above 0", learning_rate)?;
        let muon = self.muon_learning_rate.unwrap_or(learning_rate);
        check(is_rate(muon), "Muon's learning rate", "a finite number above 0", muon)?;
        if let Schedule::Linear { warmup } = self.schedule {
            check((0.0..1.0).contains(&warmup), "the warm-up", "a share of the run from 0 up to 1", warmup)?;
        }
        let validation = self.validation;
        check((0.0..1.0).contains(&validation), "the share to validate with", "from 0 up to 1", validation)?;
        let patience = self.patience.unwrap_or(1);
        check(patience >= 1, "the patience", "at least 1 epoch", f64::from(patience))?;
        let is_weight = |weight: f64| (weight as f32).is_finite() && weight >= 0.0;
        check(is_weight(beta), "beta", "a finite number, 0 or more", beta)?;
        let share = (0.0..=1.0).contains(&kl_warmup);
        check(share, "the warm-up of the divergence", "a share of the run from 0 to 1", kl_warmup)?;
        check(is_weight(free_bits), "the number of free bits", "a finite number of nats, 0 or more", free_bits)?;
        let samples = f64::from(self.samples);
        check((1..=MOST_SAMPLES).contains(&self.samples), "the number of samples", "from 1 to 4096", samples)?;
        let is_iwae = self.objective == ObjectiveKind::Iwae;
        check(is_iwae || self.samples == 1, "the number of samples", "1 but for the objective iwae", samples)?;
        let has_formula = !is_iwae && self.prior_components == 0;
        let alone = "0 with the objective iwae or a learned prior";
        check(has_formula || free_bits == 0.0, "the number of free bits", alone, free_bits)?;
        let components = self.prior_components as f64;
        let is_correlated = self.objective == ObjectiveKind::BetaTc;
        check(
            !is_correlated || components == 0.0,
            "the number of the prior's components",
            "0 for the objective beta-tc",
            components,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let reference = Recipe::reference();
        assert_eq!(reference.validate(), Ok(()));
        assert_eq!(Recipe::fast().validate(), Ok(()));
        for (recipe, name) in [
            (Recipe { epochs: 0, ..reference.clone() }, "epochs"),
            (Recipe { batch_size: 0, ..reference.clone() }, "batch size"),
            (Recipe { learning_rate: 0.0, ..reference.clone() }, "learning rate"),
            (Recipe { learning_rate: f64::NAN, ..reference.clone() }, "learning rate"),
            (Recipe { learning_rate: 1e300, ..reference.clone() }, "learning rate"),
            (Recipe { muon_learning_rate: Some(-1.0), ..reference.clone() }, "Muon"),
            (Recipe { schedule: Schedule::Linear { warmup: 1.0 }, ..reference.clone() }, "warm-up"),
            (Recipe { validation: 1.0, ..reference.clone() }, "validate"),
            (Recipe { validation: f64::NAN, ..reference.clone() }, "validate"),
            (Recipe { patience: Some(0), ..reference.clone() }, "patience"),
            (Recipe { seed: u64::MAX, ..reference.clone() }, "seed"),
            (Recipe { beta: -1.0, ..reference.clone() }, "beta"),
            (Recipe { beta: f64::INFINITY, ..reference.clone() }, "beta"),
            (Recipe { kl_warmup: 1.5, ..reference.clone() }, "warm-up of the divergence"),
            (Recipe { kl_warmup: f64::NAN, ..reference.clone() }, "warm-up of the divergence"),
            (Recipe { free_bits: -0.1, ..reference.clone() }, "free bits"),
            (Recipe { free_bits: 1e300, ..reference.clone() }, "free bits"),
            (Recipe { samples: 0, ..reference.clone() }, "samples"),
            (Recipe { samples: 2, ..reference.clone() }, "samples"),
            (Recipe { samples: 5000, objective: ObjectiveKind::Iwae, ..reference.clone() }, "samples"),
            (Recipe { free_bits: 0.1, objective: ObjectiveKind::Iwae, ..reference.clone() }, "free bits"),
            (Recipe { free_bits: 0.1, prior_components: 2, ..reference.clone() }, "free bits"),
            (Recipe { prior_components: 2, objective: ObjectiveKind::BetaTc, ..reference }, "components"),
        ] {
            assert!(recipe.validate().unwrap_err().to_string().contains(name));
        }
    }

    #[test]
    fn the_reference_is_adam_at_one_rate_and_fast_falls_to_zero() {
        let reference = Recipe::reference();
        assert_eq!(reference.optimizer(1, 5850), reference.optimizer(5850, 5850));
        assert_eq!(reference.optimizer(1, 5850), Adam { learning_rate: 1e-3, ..reference.optimizer(1, 1).adam }.into());
        let fast = Recipe::fast();
        let rates = |step| {
            let Optimizer { adam, muon } = fast.optimizer(step, 1000);
            [adam.learning_rate, muon.map_or(0.0, |muon| muon.learning_rate)]
        };
        let peak = [fast.learning_rate as f32, fast.muon_learning_rate.unwrap() as f32];
        for (now, peak) in [rates(1), rates(1000)].into_iter().flat_map(|now| now.into_iter().zip(peak)) {
            assert!(now > 0.0 && now < 0.01 * peak, "{now} of {peak}");
        }
        for (now, peak) in rates(100).into_iter().zip(peak) {
            assert!(now > 0.99 * peak && now <= peak, "{now} of {peak}");
        }
    }

    #[test]
    fn the_divergence_warms_up_in_a_straight_line() {
        let recipe = Recipe { beta: 2.0, kl_warmup: 0.5, free_bits: 0.25, ..Recipe::reference() };
        let betas: Vec<f32> = (1..=8).map(|step| recipe.objective(step, 8).beta).collect();
        assert_eq!(betas, [0.25, 0.75, 1.25, 1.75, 2.0, 2.0, 2.0, 2.0]);
        assert_eq!(recipe.objective(1, 8).free_bits, 0.25);
        for step in [1, 4, 8] {
            assert_eq!(Recipe::reference().objective(step, 8), Objective::default());
        }
        let whole = Recipe { kl_warmup: 1.0, ..recipe };
        assert_eq!([1, 8].map(|step| whole.objective(step, 8).beta), [0.125, 1.875]);
    }

    #[cfg(feature = "runs")]
    #[test]
    fn settings_without_the_newer_ones_mean_the_reference() {
        let text = "epochs = 50\nbatch_size = 512\nlearning_rate = 1e-3\nlatent_dim = 20\nwidths = [32, 64]\n\
                    beta = 1.0\nseed = 1\nshuffle = false\n";
        assert_eq!(toml::from_str::<Recipe>(text).unwrap(), Recipe::reference());
    }
}
