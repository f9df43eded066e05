//! `elbo inspect`.

use crate::Outcome;
use crate::args::InspectArgs;
use crate::destination::check_file;
use crate::device;
use crate::generate::names_png;
use crate::hints;
use crate::output::{counted, note, print};
use crate::progress::work_bar;
use crate::source::tested_and_trained;
use elbo::dataset::Part;
use elbo::diagnosis::{ACTIVE, Evidence, Finding, LatentUse, Measured, evenly, findings, measure, sigma};
use elbo::figures::inspection_figure;
use elbo::files::{ModelCard, best_epoch, read_metrics};
use elbo::storage::{directory_of, write_atomically};
use elbo::{EpochMetrics, Loss, RunDirectory, Vae};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

pub(crate) fn run(arguments: &InspectArgs) -> anyhow::Result<Outcome> {
    if let Some(out) = &arguments.out
        && !names_png(out)?
    {
        anyhow::bail!("{}: choose a name that ends in .png", out.display());
    }
    if let Some(out) = &arguments.out {
        check_file(out, &arguments.run, arguments.data.as_deref())?;
    }
    let vae = device::open(&arguments.run, &arguments.on)?;
    let history = history(&arguments.run, vae.card())?;
    let (tested, title, trained) = tested_and_trained(&arguments.run, &vae, arguments.data.as_deref())?;
    // As many training images as there are others, so that the two means are as sure as one another.
    let chosen = trained.as_ref().map(|trained| evenly(trained, tested.images.len()));
    let all = evenly(&tested.images, usize::MAX);
    let bar = work_bar("measuring images", all.len() + chosen.as_ref().map_or(0, Vec::len), arguments.json);
    let advance = |images: usize| bar.inc(images as u64);
    let measured = measure(&vae, &tested.images, &all, arguments.seed, &advance)?;
    let of_trained = match trained.as_ref().zip(chosen) {
        Some((trained, chosen)) => Some(measure(&vae, trained, &chosen, arguments.seed, &advance)?),
        None => None,
    };
    bar.finish_and_clear();
    let (held_out, training) = match tested.part {
        Some(Part::Training) => (None, Some(&measured)),
        _ => (Some(&measured), of_trained.as_ref()),
    };
    let recipe = &vae.card().recipe;
    let sigma = sigma(&vae)?;
    let found = findings(&Evidence { recipe, sigma, held_out, training, history: &history });
    let report = Report {
        vae: &vae,
        run: &arguments.run,
        title,
        measured: &measured,
        held_out,
        training,
        history,
        sigma,
        found,
    };
    print(&if arguments.json { format!("{:#}\n", report.json(arguments.seed)) } else { report.text()? })?;
    if let Some(out) = &arguments.out {
        let title = format!("{}: {}", arguments.run.display(), report.verdict());
        let likelihood = vae.card().architecture.likelihood();
        let figure = inspection_figure(&title, &measured.latent, &report.history, likelihood);
        write_atomically(out, &figure.png().map_err(elbo::Error::from)?).map_err(elbo::Error::from)?;
        note(&format!("figure in {}", out.display()));
    }
    Ok(Outcome::Done)
}

/// The epochs of a model, if the run that it is of is where it lies; else none.
fn history(run: &Path, card: &ModelCard) -> anyhow::Result<Vec<EpochMetrics>> {
    let directory = if run.is_dir() { run } else { directory_of(run) };
    let Ok(directory) = RunDirectory::open(directory) else { return Ok(Vec::new()) };
    if !directory.metrics().exists() {
        return Ok(Vec::new());
    }
    let mut history = read_metrics(&directory.metrics()).map_err(elbo::Error::from)?;
    history.truncate(card.epochs as usize);
    // A model file may lie in the directory of another run.
    let is_own = history.last().zip(card.metrics).is_some_and(|(row, metrics)| {
        row.epoch == card.epochs && (row.train_loss - metrics.train_loss).abs() <= 1e-9 * row.train_loss.abs()
    });
    Ok(if is_own { history } else { Vec::new() })
}

struct Report<'a> {
    vae: &'a Vae,
    run: &'a Path,
    /// What the images are called that the model was tried on.
    title: String,
    measured: &'a Measured,
    held_out: Option<&'a Measured>,
    training: Option<&'a Measured>,
    history: Vec<EpochMetrics>,
    sigma: Option<f64>,
    found: Vec<Finding>,
}

impl Report<'_> {
    /// What is wrong in a few words, each once.
    fn verdicts(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.found.iter().map(Finding::name) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn verdict(&self) -> String {
        let names = self.verdicts();
        match (names.is_empty(), self.is_judged()) {
            (true, true) => "healthy".to_owned(),
            (true, false) => "not known".to_owned(),
            _ => names.join(", "),
        }
    }

    /// Whether there are images that differ, without which most rules have nothing to look at.
    fn is_judged(&self) -> bool {
        self.training.into_iter().chain([self.measured]).any(|measured| measured.explained().is_some())
    }

    /// What cannot be told, and why.
    fn unknown(&self) -> Vec<&'static str> {
        let is_learned = self.vae.card().architecture.prior_components() > 0;
        let lines = [
            (
                is_learned,
                "how far the aggregate posterior is from the prior, which is a learned mixture; KL by dimension is from the standard normal",
            ),
            (
                self.vae.card().recipe.beta != 1.0 && !self.history.is_empty(),
                "whether it has diverged: the losses of the epochs are those of a --beta of 1, and another was minimised",
            ),
            (self.history.is_empty(), "the course of the losses: there is no metrics.csv of this model beside it"),
            (self.held_out.is_none(), "whether it is over-fitted: no images were held out of its training"),
            (
                self.training.is_none(),
                "whether it is over-fitted: the images are not of the data that it was trained on",
            ),
            (self.measured.explained().is_none(), "what the latent dimensions carry: that takes images that differ"),
        ];
        lines.into_iter().filter(|(is_so, _)| *is_so).map(|(_, line)| line).collect()
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let card = self.vae.card();
        let epochs = counted(card.epochs as usize, "epoch");
        let images = counted(self.measured.images, "image");
        writeln!(
            text,
            "{}: trained on {} for {epochs}; {images} of {}\n",
            self.run.display(),
            card.data.name,
            self.title
        )?;
        writeln!(text, "verdict: {}", self.verdict())?;
        for finding in &self.found {
            writeln!(text, "\n{}: {finding}\n  {}", finding.name(), hints::finding(finding, &card.recipe))?;
        }
        let LatentUse { kl, aggregate_distance, .. } = &self.measured.latent;
        let (active, dim) = (self.measured.latent.active(), kl.len());
        writeln!(text, "\nlatent dimensions     {active} of {dim} active: their means vary by more than {ACTIVE}")?;
        let mut sorted = kl.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let numbers: Vec<String> = sorted.iter().map(|kl| format!("{kl:.2}")).collect();
        writeln!(text, "KL by dimension       {}", wrapped(&numbers))?;
        if let Some(nats) = aggregate_distance {
            writeln!(text, "aggregate posterior   {nats:.4} nats from the prior at least, by its mean and covariance")?;
        }
        let line = |name: &str, measured: &Measured| {
            let Loss { reconstruction, kl } = measured.loss;
            let explained = measured
                .explained()
                .map_or(String::new(), |share| format!("; {:.1} % of the variance explained", 100.0 * share));
            format!(
                "{:.4} nats per image on {} {name} (reconstruction {reconstruction:.4}, KL {kl:.4}){explained}",
                measured.loss.total(),
                counted(measured.images, "image"),
            )
        };
        let mut name = "loss";
        for (of, measured) in [("trained on", self.training), ("held out", self.held_out)] {
            if let Some(measured) = measured {
                writeln!(text, "{name:<22}{}", line(of, measured))?;
                name = "";
            }
        }
        let error = self.training.unwrap_or(self.measured).error();
        if let Some(sigma) = self.sigma {
            let is = if self.vae.card().architecture.likelihood() == elbo::Likelihood::Gaussian {
                "fixed"
            } else {
                "learned"
            };
            writeln!(text, "standard deviation    {sigma:.4}, {is}; the error of a value is {error:.4}")?;
        }
        if let (Some(first), Some(last)) = (self.history.first(), self.history.last()) {
            let loss = |row: &EpochMetrics| match row.held_out {
                Some((_, loss)) => format!("{:.4} / {:.4}", row.train_loss, loss.total()),
                None => format!("{:.4}", row.train_loss),
            };
            let best = best_epoch(&self.history)
                .map_or(String::new(), |best| format!(", lowest held-out in epoch {}", best.epoch));
            let what = if last.held_out.is_some() { "training / held out" } else { "training" };
            writeln!(
                text,
                "course of the loss    {} in epoch 1, {} in epoch {} ({what}){best}",
                loss(first),
                loss(last),
                last.epoch
            )?;
        }
        let unknown = self.unknown();
        if !unknown.is_empty() {
            writeln!(text, "\nnot known:")?;
            unknown.iter().try_for_each(|line| writeln!(text, "  {line}"))?;
        }
        Ok(text)
    }

    fn json(&self, seed: u64) -> Value {
        let card = self.vae.card();
        let likelihood = card.architecture.likelihood();
        let LatentUse { kl, variance_of_mean, aggregate_distance } = &self.measured.latent;
        let dimensions = kl.iter().zip(variance_of_mean).enumerate().map(|(dimension, (kl, variance))| {
            json!({ "dimension": dimension, "kl": kl, "variance_of_mean": variance, "is_active": *variance > ACTIVE })
        });
        let measured = |measured: Option<&Measured>| {
            measured.map(|measured| {
                json!({
                    "images": measured.images,
                    "loss": measured.loss.total(),
                    "reconstruction": measured.loss.reconstruction,
                    "kl": measured.loss.kl,
                    "explained_variance": measured.explained(),
                    "error": measured.error(),
                })
            })
        };
        let epochs = self.history.iter().map(|row| {
            json!({
                "epoch": row.epoch,
                "train_loss": row.train_loss,
                "held_out_loss": row.held_out.map(|(_, loss)| loss.total()),
                "held_out_kl": row.held_out.map(|(_, loss)| loss.kl),
            })
        });
        let findings = self.found.iter().map(|finding| {
            json!({
                "name": finding.name(),
                "evidence": finding.to_string(),
                "advice": hints::finding(finding, &card.recipe),
            })
        });
        json!({
            "run": self.run.to_string_lossy(),
            "data": self.title,
            "images": self.measured.images,
            "seed": seed,
            "likelihood": likelihood,
            "unit": likelihood.unit(),
            "is_healthy": self.is_judged().then_some(self.found.is_empty()),
            "verdicts": self.verdicts(),
            "findings": findings.collect::<Vec<_>>(),
            "latent_dim": kl.len(),
            "active": self.measured.latent.active(),
            "dimensions": dimensions.collect::<Vec<_>>(),
            "aggregate_distance": aggregate_distance,
            "held_out": measured(self.held_out),
            "training": measured(self.training),
            "sigma": self.sigma,
            "epochs": epochs.collect::<Vec<_>>(),
            "unknown": self.unknown(),
        })
    }
}

/// Numbers in lines of ten, under one another.
fn wrapped(numbers: &[String]) -> String {
    let lines: Vec<String> = numbers.chunks(10).map(|line| line.join("  ")).collect();
    lines.join(&format!("\n{:22}", ""))
}
