//! `elbo evaluate`.

use crate::Outcome;
use crate::args::EvaluateArgs;
use crate::device;
use crate::output::{clock, counted, note, print, thousands};
use crate::progress::work_bar;
use crate::source::tested;
use elbo::engine::LossError;
use elbo::evaluation::{
    Evaluator, ImportanceBound, Mean, ProbeOptions, Probed, Probes, Quality, Representation, probe, probes,
};
use elbo::files::Tested;
use elbo::network::Loss;
use elbo::{Evaluation, Likelihood, Vae};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Instant;

pub(crate) fn run(arguments: &EvaluateArgs) -> anyhow::Result<Outcome> {
    let vae = device::open(&arguments.run, &arguments.on)?;
    let (mut tested, title) = tested(&arguments.run, &vae, arguments.data.as_deref())?;
    if arguments.binarize {
        tested.images = tested.images.binarized();
        tested.training = tested.training.map(elbo::dataset::Dataset::binarized);
    }
    let is_binarized = arguments.binarize || vae.card().recipe.binarize.is_some();
    let likelihood = vae.engine().architecture().likelihood();
    if arguments.binarize && likelihood != Likelihood::Bernoulli {
        note(&format!("losses of black and white pixels are usually Bernoulli ones, and the model's are {likelihood}"));
    }
    let mut evaluator = Evaluator::new(&vae, &tested.images)?;
    let all = evaluator.images();
    if let Some(limit) = arguments.limit {
        evaluator = evaluator.limited(limit as usize, arguments.seed);
    }
    let quiet = arguments.json;
    let bar = work_bar("measuring images", 3 * evaluator.images(), quiet);
    let evaluation = evaluator.loss(arguments.seed, &mut |images| bar.inc(images as u64))?;
    let quality = evaluator.quality(&mut |images| bar.inc(images as u64))?;
    bar.finish_and_clear();
    let importance = match arguments.importance_samples {
        Some(samples) => {
            let bar = work_bar("importance sampling", evaluator.images(), quiet);
            let start = Instant::now();
            let bound =
                evaluator.importance_bound(samples as usize, arguments.seed, &mut |images| bar.inc(images as u64))?;
            bar.finish_and_clear();
            Some((bound, start.elapsed().as_secs_f64()))
        }
        None => None,
    };
    let probes = if arguments.probes { probed(arguments, &vae, &tested, &evaluator)? } else { None };
    let found = Found { evaluation, quality, importance, probes };
    let text = if arguments.json {
        let head = json!({
            "data": tested.name,
            "split": tested.part.map(|part| part.to_string()),
            "images": evaluation.images,
            "all_images": all,
            "binarized": is_binarized,
            "likelihood": likelihood,
            "unit": likelihood.unit(),
            "seed": arguments.seed,
        });
        format!("{:#}\n", found.json(head))
    } else {
        let images = match evaluation.images {
            images if images < all => format!("{} of {}, chosen at random,", thousands(images), counted(all, "image")),
            images => counted(images, "image"),
        };
        let drawn = if is_binarized { ", pixels drawn black or white" } else { "" };
        let title = format!("{images} of {title}{drawn}; {}", likelihood.unit());
        found.text(&title, likelihood)?
    };
    print(&text)?;
    if quality.ssim.is_none() {
        note("SSIM is left out: its window of 11 pixels is larger than the images");
    }
    Ok(Outcome::Done)
}

/// What the codes know of classes, or why that is not measured.
fn probed(
    arguments: &EvaluateArgs,
    vae: &Vae,
    tested: &Tested,
    evaluator: &Evaluator<'_>,
) -> anyhow::Result<Option<Probes>> {
    let Some(training) = &tested.training else {
        anyhow::bail!("--probes need a training set beside the images that are tried, and {} has one set", tested.name);
    };
    let bar = work_bar("probing", probes::STAGES, arguments.json);
    let options = ProbeOptions { threads: arguments.on.threads(), seed: arguments.seed };
    let probes = probe(vae, training, evaluator, options, &mut |stages| bar.inc(stages as u64))?;
    bar.finish_and_clear();
    let Some(probes) = &probes else { anyhow::bail!("--probes need labels, and {} has none", tested.name) };
    for ([used, all], what) in [(probes.trained, "fitted to"), (probes.tried, "tried on")] {
        if used < all {
            note(&format!("probes are {what} {} of {}, chosen at random", thousands(used), counted(all, "image")));
        }
    }
    for left_out in [Representation::Codes, Representation::PrincipalComponents, Representation::Pixels] {
        if !probes.rows.iter().any(|row| row.representation == left_out) {
            note(&format!("probes leave out {}: they have too many numbers", name(left_out)));
        }
    }
    if vae.engine().architecture().classes() > 0 {
        note("the encoder of a conditional model is told the class of each image: its codes are not without that");
    }
    Ok(Some(probes.clone()))
}

/// All that was measured.
struct Found {
    evaluation: Evaluation,
    quality: Quality,
    /// And the seconds that it took.
    importance: Option<(ImportanceBound, f64)>,
    probes: Option<Probes>,
}

impl Found {
    fn json(&self, mut json: Value) -> Value {
        let Evaluation { sampled, sampled_error, at_mean, at_mean_error, .. } = self.evaluation;
        let parts = |loss: Loss, error: Option<LossError>| {
            let errors = error.map(|LossError { total, reconstruction, kl }| {
                json!({ "loss": total, "reconstruction": reconstruction, "kl": kl })
            });
            json!({ "loss": loss.total(), "reconstruction": loss.reconstruction, "kl": loss.kl, "standard_errors": errors })
        };
        let mean = |Mean { value, standard_error }: Mean| json!({ "mean": value, "standard_error": standard_error });
        json["sampled"] = parts(sampled, sampled_error);
        json["mean"] = parts(at_mean, at_mean_error);
        let Quality { mse, psnr, exact, ssim, .. } = self.quality;
        json["reconstructions"] = json!({
            "mse": mean(mse),
            "rmse_grey_levels": 255.0 * self.quality.rmse(),
            "psnr": psnr.map(mean),
            "exact": exact,
            "ssim": ssim.map(mean),
        });
        if let Some((bound, seconds)) = self.importance {
            json["importance"] = json!({
                "samples": bound.samples,
                "negative_log_likelihood": bound.bound.value,
                "standard_error": bound.bound.standard_error,
                "effective_samples": bound.effective_samples,
                "seconds": seconds,
            });
        }
        if let Some(probes) = &self.probes {
            let row = |row: &Probed| {
                json!({
                    "of": name(row.representation),
                    "dimensions": row.dimensions,
                    "linear": row.linear,
                    "converged": row.has_converged,
                    "nearest_neighbours": row.neighbours,
                })
            };
            json["probes"] = json!({
                "trained_on": probes.trained[0],
                "tried_on": probes.tried[0],
                "classes": probes.classes,
                "accuracies": probes.rows.iter().map(row).collect::<Vec<_>>(),
            });
        }
        json
    }

    fn text(&self, title: &str, likelihood: Likelihood) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        writeln!(text, "{title}\n")?;
        writeln!(text, "{:<14}{:>12}{:>18}{:>12}", "latent vector", "ELBO loss", "reconstruction", "KL")?;
        let Evaluation { sampled, sampled_error, at_mean, at_mean_error, .. } = self.evaluation;
        for (name, loss, error) in [("sampled", sampled, sampled_error), ("at the mean", at_mean, at_mean_error)] {
            writeln!(text, "{name:<14}{:>12.4}{:>18.4}{:>12.4}", loss.total(), loss.reconstruction, loss.kl)?;
            if let Some(LossError { total, reconstruction, kl }) = error {
                writeln!(text, "{:<14}{total:>12.4}{reconstruction:>18.4}{kl:>12.4}", "  std. error")?;
            }
        }
        if let Some((bound, seconds)) = self.importance {
            let constant = likelihood.constant().map_or(String::new(), |constant| format!(", up to {constant}"));
            writeln!(
                text,
                "\nnegative log-likelihood{constant}, by {} of each image: at most {}\n\
                 they weigh as much as {:.1} equal ones (effective sample size); {}, {} draws/s",
                counted(bound.samples, "draw"),
                with_error(bound.bound, 4),
                bound.effective_samples,
                clock(seconds),
                thousands((bound.images as f64 * bound.samples as f64 / seconds.max(1e-9)) as usize),
            )?;
        }
        let Quality { mse, psnr, exact, ssim, .. } = self.quality;
        writeln!(text, "\nreconstructions at the mean, mean over images")?;
        let levels = 255.0 * self.quality.rmse();
        writeln!(text, "MSE   {}; RMSE {levels:.2} of 255 grey levels", with_error(mse, 6))?;
        if let Some(psnr) = psnr {
            let exact = if exact > 0 {
                format!(", without {} that come back exactly", thousands(exact))
            } else {
                String::new()
            };
            writeln!(text, "PSNR  {} dB{exact}", with_error(psnr, 2))?;
        }
        if let Some(ssim) = ssim {
            writeln!(text, "SSIM  {}", with_error(ssim, 4))?;
        }
        if let Some(probes) = &self.probes {
            let [trained, tried] = [probes.trained[0], probes.tried[0]].map(thousands);
            writeln!(
                text,
                "\nclasses told right, of {}: fitted to {trained} images, tried on {tried}",
                probes.classes
            )?;
            writeln!(text, "{:<38}{:>10}{:>24}", "", "linear", "5 nearest neighbours")?;
            for row in &probes.rows {
                let from = format!("{}, {}", name(row.representation), counted(row.dimensions, "dimension"));
                let early = if row.has_converged { "" } else { "  (linear: not at its best yet)" };
                writeln!(text, "{from:<38}{:>8.2} %{:>22.2} %{early}", 100.0 * row.linear, 100.0 * row.neighbours)?;
            }
        }
        Ok(text)
    }
}

/// As a row is called.
fn name(representation: Representation) -> &'static str {
    match representation {
        Representation::Codes => "codes",
        Representation::PrincipalComponents => "principal components",
        _ => "pixels",
    }
}

/// A mean with its standard error: `0.8912 +- 0.0004`.
fn with_error(Mean { value, standard_error }: Mean, digits: usize) -> String {
    let error = standard_error.map_or(String::new(), |error| format!(" +- {error:.digits$}"));
    format!("{value:.digits$}{error}")
}
