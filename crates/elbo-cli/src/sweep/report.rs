//! How a sweep came out, as text and as JSON.

use crate::output::{clock, json_of};
use crate::table::table;
use elbo::sweep::{Status, Sweep, TrialResult};
use elbo::{EpochMetrics, Loss};
use serde_json::{Map, json};
use std::fmt::Write;

/// The trials in a table, the best first, and below it why some failed.
pub(super) fn as_text(sweep: &Sweep) -> Result<String, elbo::Error> {
    let results = sweep.results()?;
    let own = sweep.trials().first().map_or(&[][..], |trial| &trial.own);
    let head = ["trial"].into_iter().chain(own.iter().map(|(name, _)| name.as_str()));
    let head = head.chain(["best", "epoch", "reconstruction", "KL", "epochs", "time", "status"]);
    let head: Vec<String> = head.map(str::to_owned).collect();
    let rows: Vec<Vec<String>> = results.iter().map(|result| row(sweep, result)).collect();
    let mut text = match results.iter().find_map(|result| result.history.last()) {
        Some(row) => format!(
            "trials by their lowest {} on validation images, in {}\n\n",
            row.likelihood.loss_name(),
            row.likelihood.unit()
        ),
        None => String::new(),
    };
    text.push_str(&table(&head, &rows));
    for result in &results {
        if let Status::Failed(reason) = &result.status {
            let _ = write!(text, "\n{} failed: {reason}", number(sweep, result));
        }
    }
    if text.ends_with('\n') { Ok(text) } else { Ok(text + "\n") }
}

/// The number of a trial, by which its directory begins.
fn number<'a>(sweep: &'a Sweep, result: &TrialResult) -> &'a str {
    let name = &sweep.trials()[result.trial].name;
    name.split('-').next().unwrap_or(name)
}

fn row(sweep: &Sweep, result: &TrialResult) -> Vec<String> {
    let loss = |value: fn(&Loss) -> f64| {
        let loss = result.best_epoch().and_then(|best| best.held_out);
        loss.map_or_else(|| "-".to_owned(), |(_, loss)| format!("{:.4}", value(&loss)))
    };
    let mut row = vec![number(sweep, result).to_owned()];
    row.extend(sweep.trials()[result.trial].own.iter().map(|(_, value)| value.clone()));
    row.extend([
        loss(Loss::total),
        result.best_epoch().map_or_else(|| "-".to_owned(), |best| best.epoch.to_string()),
        loss(|loss| loss.reconstruction),
        loss(|loss| loss.kl),
        result.history.len().to_string(),
        clock(result.seconds()),
        result.status.to_string(),
    ]);
    row
}

pub(super) fn as_json(sweep: &Sweep) -> Result<String, elbo::Error> {
    let epoch = |row: &EpochMetrics| {
        let held_out = row
            .held_out
            .map(|(_, loss)| json!({ "loss": loss.total(), "reconstruction": loss.reconstruction, "kl": loss.kl }));
        json!({ "epoch": row.epoch, "step": row.step, "train_loss": row.train_loss, "held_out": held_out })
    };
    let trial = |result: &TrialResult| {
        let trial = &sweep.trials()[result.trial];
        let own: Map<_, _> = trial.own.iter().map(|(name, value)| (name.clone(), json_of(value))).collect();
        let failure = match &result.status {
            Status::Failed(reason) => Some(reason),
            _ => None,
        };
        json!({
            "name": trial.name,
            "run": sweep.directory_of(trial).display().to_string(),
            "settings": own,
            "status": result.status.to_string(),
            "failure": failure,
            "best": result.best_epoch().map(epoch),
            "last": result.history.last().map(epoch),
            "epochs": result.history.len(),
            "seconds": result.seconds(),
            "parameters": result.parameters,
        })
    };
    let results = sweep.results()?;
    let likelihood = results.iter().find_map(|result| result.history.last()).map(|row| row.likelihood);
    let json = json!({
        "likelihood": likelihood,
        "unit": likelihood.map(elbo::Likelihood::unit),
        "trials": results.iter().map(trial).collect::<Vec<_>>(),
    });
    Ok(format!("{json:#}\n"))
}
