//! What is said of a run that has ended.

use crate::hints;
use crate::output::clock;
use elbo::diagnosis::{Finding, dead_decoder, standstill};
use elbo::{Recipe, RunDirectory, Training};

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

/// What is wrong with a run that has ended, as far as that is sure without another look at the images, and where the guide
/// says more.
pub(crate) fn advice(training: &Training) -> impl Iterator<Item = String> {
    let (history, recipe) = (training.history(), &training.settings().recipe);
    let found = match dead_decoder(history, recipe) {
        Some(dead) => [Some(dead), None],
        None => [collapse(training), standstill(history)],
    };
    let line = |finding: Finding| {
        let section = match finding {
            Finding::Collapsed { .. } => "When KL is near zero",
            _ => "When something goes wrong",
        };
        format!("{finding}: {}; see \"{section}\" in the guide", hints::finding(&finding, recipe))
    };
    found.into_iter().flatten().map(line).collect::<Vec<_>>().into_iter()
}

/// Whether the decoder has learned to do without the latent vectors, by the divergence alone.
fn collapse(training: &Training) -> Option<Finding> {
    let (_, loss) = training.history().last()?.held_out?;
    loss.is_collapsed().then(|| Finding::Collapsed {
        kl: loss.kl,
        active: None,
        dim: training.settings().recipe.latent_dim,
    })
}
