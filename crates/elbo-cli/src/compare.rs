//! `elbo compare`.

use crate::Outcome;
use crate::args::CompareArgs;
use crate::generate::names_png;
use crate::output::{clock, json_of, note, print, thousands};
use crate::table::table;
use elbo::comparison::{Comparison, Group, RunRecord};
use elbo::storage::write_atomically;
use elbo::{EpochMetrics, Loss};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

pub(crate) fn run(arguments: &CompareArgs) -> anyhow::Result<Outcome> {
    if let Some(out) = &arguments.out {
        anyhow::ensure!(names_png(out)?, "{}: a PNG file is written: choose a name that ends in .png", out.display());
    }
    let paths = without_repeats(&arguments.runs);
    let runs = paths.iter().map(|run| RunRecord::read(run));
    let comparison = Comparison::new(runs.collect::<Result<_, _>>()?);
    let names = names(&paths);
    if let Some(out) = &arguments.out {
        let png = comparison.figure(&names).png().map_err(elbo::Error::from)?;
        write_atomically(out, &png).map_err(elbo::Error::from)?;
    }
    if arguments.json {
        print(&as_json(&comparison, &names))?;
    } else {
        print(&as_text(&comparison, &names))?;
    }
    if let Some(out) = &arguments.out {
        note(&format!("the losses by epoch are drawn in {}", out.display()));
    }
    Ok(Outcome::Done)
}

/// The runs without those that are given again, by the same or another path; says which these are.
fn without_repeats(runs: &[PathBuf]) -> Vec<PathBuf> {
    let (mut left, mut places) = (Vec::<PathBuf>::new(), Vec::new());
    for run in runs {
        // One that is not there is told as such when it is read.
        let place = std::fs::canonicalize(run).unwrap_or_else(|_| run.clone());
        if let Some(first) = places.iter().position(|known| *known == place) {
            note(&format!("{} is {} again: it is listed once", run.display(), left[first].display()));
        } else {
            left.push(run.clone());
            places.push(place);
        }
    }
    left
}

/// What runs are called: by their directories alone where these have different names.
pub(crate) fn names(runs: &[PathBuf]) -> Vec<String> {
    let short =
        |run: &Path| run.file_name().map_or_else(|| run.display().to_string(), |name| name.display().to_string());
    let all: Vec<String> = runs.iter().map(|run| short(run)).collect();
    let is_alone = |name: &String| all.iter().filter(|other| *other == name).count() == 1;
    runs.iter()
        .zip(&all)
        .map(|(run, name)| if is_alone(name) { name.clone() } else { run.display().to_string() })
        .collect()
}

fn as_text(comparison: &Comparison, names: &[String]) -> String {
    let mut text = String::new();
    if comparison.settings.is_empty() {
        text.push_str("all settings are the same\n");
    } else {
        let head = std::iter::once("setting".to_owned()).chain(names.iter().cloned()).collect::<Vec<_>>();
        let cell = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let row = |setting: &elbo::comparison::Difference| {
            std::iter::once(setting.name.clone()).chain(setting.values.iter().map(cell)).collect()
        };
        text.push_str(&table(&head, &comparison.settings.iter().map(row).collect::<Vec<_>>()));
    }
    for (number, group) in comparison.groups.iter().enumerate() {
        text.push('\n');
        if let Some(reason) = reason(comparison, number) {
            let first = &names[comparison.groups[0].runs[0]];
            let _ = writeln!(text, "not to be compared with {first}: {reason}");
        }
        let _ = write!(text, "{}\n\n{}", group.basis, metrics(comparison, group, names));
    }
    text
}

/// Why the losses of a group cannot be compared with those of the first.
fn reason(comparison: &Comparison, group: usize) -> Option<String> {
    let [first, ..] = &comparison.groups[..] else { return None };
    if group == 0 { None } else { comparison.groups[group].basis.difference(&first.basis) }
}

/// The table of a group.
fn metrics(comparison: &Comparison, group: &Group, names: &[String]) -> String {
    let is_held_out = group.basis.part.is_some();
    let losses: &[&str] = if is_held_out { &["best", "epoch", "last", "reconstruction", "KL"] } else { &["last"] };
    let head = ["run"].iter().chain(losses).chain(&["epochs", "steps", "time", "parameters"]);
    let head: Vec<String> = head.map(|&name| name.to_owned()).collect();
    let number = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |number| format!("{number:.4}"));
    let row = |&run: &usize| {
        let record = &comparison.runs[run];
        let last = record.history.last();
        let mut row = vec![names[run].clone()];
        if is_held_out {
            let loss = last.and_then(held_out);
            let epoch = record.best_epoch().map_or_else(|| "-".to_owned(), |best| best.epoch.to_string());
            row.extend([number(record.best_loss()), epoch, number(loss.map(|loss| loss.total()))]);
            row.extend([number(loss.map(|loss| loss.reconstruction)), number(loss.map(|loss| loss.kl))]);
        } else {
            row.push(number(last.map(|row| row.train_loss)));
        }
        let steps = last.and_then(|row| row.step).map_or_else(|| "-".to_owned(), |step| thousands(step as usize));
        row.extend([record.history.len().to_string(), steps, clock(record.seconds()), thousands(record.parameters)]);
        row
    };
    table(&head, &group.runs.iter().map(row).collect::<Vec<_>>())
}

fn held_out(row: &EpochMetrics) -> Option<Loss> {
    row.held_out.map(|(_, loss)| loss)
}

fn as_json(comparison: &Comparison, names: &[String]) -> String {
    let parts = |loss: Loss| json!({ "loss": loss.total(), "reconstruction": loss.reconstruction, "kl": loss.kl });
    let epoch = |row: &EpochMetrics| json!({ "epoch": row.epoch, "step": row.step, "train_loss": row.train_loss, "held_out": held_out(row).map(parts) });
    let run = |&run: &usize| {
        let record = &comparison.runs[run];
        json!({
            "run": record.path.display().to_string(),
            "name": names[run],
            "best": record.best_epoch().map(epoch),
            "last": record.history.last().map(epoch),
            "epochs": record.history.len(),
            "seconds": record.seconds(),
            "parameters": record.parameters,
        })
    };
    let groups = comparison.groups.iter().enumerate().map(|(number, group)| {
        json!({
            "likelihood": group.basis.likelihood,
            "unit": group.basis.likelihood.unit(),
            "split": group.basis.part.map(|part| part.to_string()),
            "images": group.basis.images,
            "digest": group.basis.digest,
            "why_apart": reason(comparison, number),
            "runs": group.runs.iter().map(run).collect::<Vec<_>>(),
        })
    });
    let settings = comparison.settings.iter().map(|setting| {
        let values: Vec<_> = setting.values.iter().map(|value| value.as_deref().map(json_of)).collect();
        json!({ "name": setting.name, "values": values })
    });
    let json = json!({
        "runs": comparison.runs.iter().map(|run| run.path.display().to_string()).collect::<Vec<_>>(),
        "settings": settings.collect::<Vec<_>>(),
        "groups": groups.collect::<Vec<_>>(),
    });
    format!("{json:#}\n")
}
