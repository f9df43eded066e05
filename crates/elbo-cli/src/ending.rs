//! What is said of a run that has ended.

use crate::output::clock;
use elbo::{EpochMetrics, Likelihood, Recipe, RunDirectory, Training};

/// What a run came to, in one line.
pub(crate) fn last_line(training: &Training, directory: &RunDirectory) -> String {
    let seconds = training.elapsed().as_secs_f64();
    let loss = match training.history().last() {
        Some(row) => {
            let name = row.likelihood.loss_name();
            match row.held_out {
                Some((part, loss)) => format!("{part} {name} {:.4} nats per image, ", loss.total()),
                None => format!("training {name} {:.4} nats per image, ", row.train_loss),
            }
        }
        None => String::new(),
    };
    let epochs = training.history().len();
    // A run that was begun before images were held out, or whose files were moved, may have no such file.
    let best = training.best_epoch().filter(|best| best.epoch as usize != epochs && directory.best_model().exists());
    let best = best.and_then(|best| best.held_out).zip(best).map_or(String::new(), |((_, loss), best)| {
        let file = directory.best_model();
        format!("; best after epoch {}, {:.4}, kept as {}", best.epoch, loss.total(), file.display())
    });
    let end = early_end(training);
    format!("done: {loss}{epochs} epochs in {}{best}{end}; see {}\n", clock(seconds), directory.path().display())
}

/// Why a run ended before its last epoch, if it did.
fn early_end(training: &Training) -> String {
    let Recipe { epochs, patience, .. } = training.settings().recipe;
    match (patience, training.held_out()) {
        (Some(patience), Some((part, _))) if training.history().len() < epochs as usize => {
            format!("; ended before epoch {epochs}: no lower {part} loss in {patience} epochs")
        }
        _ => String::new(),
    }
}

/// What is wrong with a run that has ended, as far as that is sure, and where the guide says more.
pub(crate) fn advice(training: &Training) -> impl Iterator<Item = String> {
    let (history, recipe) = (training.history(), &training.settings().recipe);
    let advice = match dead_decoder(history, recipe) {
        Some(advice) => [Some(advice), None],
        None => [collapse(training), standstill(history, recipe)],
    };
    advice.into_iter().flatten()
}

/// Whether the rates are so small that nothing moves.
fn is_slow(recipe: &Recipe) -> bool {
    recipe.learning_rate < 1e-5 && recipe.muon_learning_rate.is_none_or(|rate| rate < 1e-4)
}

/// What to do where the reconstruction has the same loss after each epoch, whatever the latent vectors that were drawn and the
/// steps that were taken.
fn dead_decoder(history: &[EpochMetrics], recipe: &Recipe) -> Option<String> {
    let [_, second, .., last] = history else { return None };
    let ((_, before), (_, after)) = (second.held_out?, last.held_out?);
    let change = (before.reconstruction - after.reconstruction).abs();
    (change <= 1e-6 * after.reconstruction.abs() && !is_slow(recipe)).then(|| {
        format!(
            "the decoder makes the same of every latent vector: its loss has been {:.4} nats per image since epoch 2; train \
             anew with a lower --learning-rate; see \"When something goes wrong\" in the guide",
            after.reconstruction
        )
    })
}

/// What to do where nothing was learned after the first epoch, whose own loss is mostly that of its beginning.
fn standstill(history: &[EpochMetrics], recipe: &Recipe) -> Option<String> {
    let [_, second, .., last] = history else { return None };
    let other = if is_slow(recipe) { "higher" } else { "lower" };
    let least = 0.001 * second.train_loss.abs();
    (second.train_loss - last.train_loss < least).then(|| {
        format!(
            "the loss on the training images has not fallen since epoch 2 ({:.4}, now {:.4} nats per image): try a {other} \
             --learning-rate; see \"When something goes wrong\" in the guide",
            second.train_loss, last.train_loss
        )
    })
}

/// What to do where the decoder has learned to do without the latent vectors.
fn collapse(training: &Training) -> Option<String> {
    let (_, loss) = training.history().last()?.held_out?;
    let is_unit = training.settings().recipe.likelihood == Likelihood::Gaussian;
    let likelihood = if is_unit { "--likelihood sigma-gaussian, " } else { "" };
    loss.is_collapsed().then(|| {
        format!(
            "the latent vectors say nothing of the images (KL {:.4} nats): try {likelihood}a lower --beta, or more epochs; \
             see \"When KL is near zero\" in the guide",
            loss.kl
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use elbo::Loss;
    use elbo::dataset::Part;

    fn history(losses: &[f64]) -> Vec<EpochMetrics> {
        let row = |(epoch, &loss): (u32, &f64)| EpochMetrics {
            epoch,
            step: None,
            learning_rate: 1e-3,
            train_loss: loss,
            held_out: Some((Part::Test, Loss { reconstruction: loss, kl: f64::from(epoch) })),
            seconds: 1.0,
            images_per_second: 1.0,
            likelihood: Likelihood::Gaussian,
        };
        (1..).zip(losses).map(row).collect()
    }

    #[test]
    fn a_standstill_is_told_by_the_epochs_after_the_first() {
        let recipe = Recipe::reference();
        for stands in [&[90.0, 45.0, 45.01][..], &[90.0, 45.0, 30.0, 44.97], &[-1.0, -45.0, -45.0]] {
            assert!(standstill(&history(stands), &recipe).unwrap().contains("try a lower"), "{stands:?}");
        }
        for learns in [&[90.0, 45.0][..], &[90.0, 45.0, 44.9], &[5.0, -45.0, -45.1], &[45.0], &[]] {
            assert!(standstill(&history(learns), &recipe).is_none(), "{learns:?}");
        }
        let slow = Recipe { learning_rate: 1e-9, ..recipe };
        assert!(standstill(&history(&[90.0, 90.0, 90.0]), &slow).unwrap().contains("try a higher"));
    }

    #[test]
    fn a_decoder_is_dead_where_its_loss_never_changes() {
        let recipe = Recipe::reference();
        assert!(dead_decoder(&history(&[90.0, 45.0, 45.000_001]), &recipe).is_some());
        for learns in [&[90.0, 45.0, 44.99][..], &[45.0, 45.0], &[]] {
            assert!(dead_decoder(&history(learns), &recipe).is_none(), "{learns:?}");
        }
        let slow = Recipe { learning_rate: 1e-9, ..recipe };
        assert!(dead_decoder(&history(&[90.0, 90.0, 90.0]), &slow).is_none());
    }
}
