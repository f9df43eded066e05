//! `elbo score`.

mod known;
mod maps;

use crate::Outcome;
use crate::args::{PartName, ScoreArgs};
use crate::destination::{check_directory, check_file};
use crate::device;
use crate::output::{counted, note, print, thousands};
use crate::progress::work_bar;
use crate::source::{WithOthers, check_unused, told, with_others};
use anyhow::Context;
use elbo::anomaly::{AnomalyThreshold, Score, ThresholdError, scores, threshold};
use elbo::dataset::{Dataset, Part};
use elbo::storage::write_atomically;
use elbo::{Loss, Model, Vae};
use known::{Known, Said};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Draws that a score is the mean of, unless told otherwise.
const SAMPLES: u32 = 10;

/// Images of one part with their scores.
struct Scored {
    /// None of data that is none of the model's own.
    part: Option<Part>,
    images: Dataset,
    losses: Vec<Loss>,
}

pub(crate) fn run(arguments: &ScoreArgs) -> anyhow::Result<Outcome> {
    if let Some(out) = &arguments.out {
        let is_csv = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        anyhow::ensure!(is_csv, "{}: choose a name that ends in .csv", out.display());
        check_file(out, &arguments.run, arguments.data.as_deref())?;
    }
    if let Some(maps) = &arguments.maps {
        check_directory(maps)?;
    }
    let vae = device::open(&arguments.run, &arguments.on)?;
    if let Some(rate) = arguments.fit_threshold {
        // What is wrong whatever the scores are is said before they are made.
        if let Err(error @ ThresholdError::Rate { .. }) = threshold(&[], rate) {
            return Err(elbo::Error::from(error).into());
        }
        check_unused(&arguments.run)?;
    }
    let kept = vae.card().anomaly_threshold;
    let samples = arguments.samples.or(kept.map(|kept| kept.samples)).unwrap_or(SAMPLES);
    let seed = arguments.seed.or(kept.map(|kept| kept.seed)).unwrap_or(1);
    let by = arguments.by.map(Score::from).or(kept.map(|kept| kept.score)).unwrap_or_default();
    let Chosen { images: chosen, title, trained_on } = chosen(arguments, &vae)?;
    // What is said of classes is checked before there is anything to wait for.
    let said = Said::of(arguments, &trained_on);
    let known = chosen.iter().map(|(_, images)| said.classes(images)).collect::<anyhow::Result<Vec<_>>>()?;
    let count: usize = chosen.iter().map(|(_, images)| images.len()).sum();
    let bar = work_bar("scoring images", count * samples as usize, arguments.json);
    let mut scored = Vec::new();
    for (part, images) in chosen {
        let losses = scores(&vae, &images, samples, seed, &|images| bar.inc(images as u64))?;
        scored.push(Scored { part, images, losses });
    }
    bar.finish_and_clear();
    let unmeasured = scored.iter().flat_map(|scored| &scored.losses).filter(|loss| !loss.total().is_finite()).count();
    if unmeasured > 0 {
        let run = crate::shell::word(&arguments.run);
        note(&format!("the loss of {} is no number: elbo inspect {run} says more", counted(unmeasured, "image")));
    }

    let fitted = match arguments.fit_threshold {
        Some(rate) => Some(fit(
            rate,
            &scored,
            &known,
            AnomalyThreshold { score: by, value: 0.0, false_alarms: rate, images: 0, samples, seed },
        )?),
        None => None,
    };
    let limit = fitted.or(kept).filter(|limit| limit.score == by);
    if let Some(kept) = kept.filter(|kept| fitted.is_none() && kept.score != by) {
        note(&format!("the model's threshold is of the score {}, not {by}: it is not used", kept.score));
    }
    if let Some(kept) = limit.filter(|kept| kept.samples != samples) {
        let draws = counted(kept.samples as usize, "draw");
        note(&format!("the model's threshold is for scores that are the mean of {draws}, and these are of {samples}"));
    }
    let is_said = !(arguments.normal.is_empty() && arguments.anomalous.is_empty());
    let known = Known::of(&scored, &known);
    if is_said && known.is_none() {
        note("all these images are normal, or all are anomalies: how well scores part the two cannot be measured");
    }
    let report = Report { title, by, samples, seed, limit, is_new: fitted.is_some(), known };
    if let Some(out) = &arguments.out {
        write_atomically(out, &csv(&scored, limit)?).map_err(elbo::Error::from)?;
    }
    let highest = match &arguments.maps {
        Some(directory) => Some(maps::write(directory, &vae, &scored, by, arguments.count as usize)?),
        None => None,
    };
    // Last, when all else is done: an error has changed nothing.
    if let Some(limit) = fitted {
        let parameters = vae.engine().parameters().map_err(elbo::Error::from)?;
        let path = Model::change(&arguments.run, &parameters, |card| card.anomaly_threshold = Some(limit))?;
        note(&format!("kept in {}", path.display()));
    }
    print(&if arguments.json { format!("{:#}\n", report.json(&scored)) } else { report.text(&scored)? })?;
    if let Some(out) = &arguments.out {
        note(&format!("scores of {} in {}", counted(count, "image"), out.display()));
    }
    if let Some(line) = highest {
        note(&line);
    }
    Ok(Outcome::Done)
}

/// The images that are asked for.
struct Chosen {
    /// With the part that they are of; none of data that is none of the model's own.
    images: Vec<(Option<Part>, Dataset)>,
    /// What to call them.
    title: String,
    /// The classes that the model was trained on, if not on all that there are.
    trained_on: Vec<String>,
}

fn chosen(arguments: &ScoreArgs, vae: &Vae) -> anyhow::Result<Chosen> {
    let data = arguments.data.as_deref();
    let WithOthers { name: path, splits, trained_on, others } = with_others(&arguments.run, vae, data)?;
    let part = match arguments.part {
        None => {
            let (tested, title) = told(vae.card().tested(splits)?, &path, data.is_none())?;
            if tested.part == Some(Part::Training) && arguments.fit_threshold.is_some() {
                note(TRAINED_ON);
            }
            let title = match &others {
                Some(others) => format!("{title}, and {} of other classes", counted(others.len(), "image")),
                None => title,
            };
            let images = [(tested.part, tested.images)].into_iter().chain(others.map(|others| (None, others)));
            return Ok(Chosen { images: images.collect(), title, trained_on });
        }
        Some(PartName::Train) => Some(Part::Training),
        Some(PartName::Validation) => Some(Part::Validation),
        Some(PartName::Test) => Some(Part::Test),
        Some(PartName::All) => None,
    };
    let mut parts = vae.card().parts(splits)?;
    let name =
        data.and_then(Path::file_stem).map_or(vae.card().data.name.clone(), |name| name.to_string_lossy().into_owned());
    let title = part.map_or(format!("{name} (all parts)"), |part| format!("{name} ({part} set)"));
    let is_divided = parts.len() > 1 || parts.iter().any(|images| images.is_own);
    parts.retain(|images| part.is_none_or(|part| part == images.part));
    anyhow::ensure!(!parts.is_empty(), "{name} has no {} set", part.unwrap_or(Part::Training));
    let was_trained_on = parts.iter().any(|images| images.is_own && images.part == Part::Training);
    let images = parts.into_iter().map(|images| (is_divided.then_some(images.part), images.images)).collect();
    if was_trained_on && arguments.fit_threshold.is_some() {
        note(TRAINED_ON);
    }
    Ok(Chosen { images, title, trained_on })
}

/// What there is to say of a threshold by images that the model knows.
const TRAINED_ON: &str =
    "some of these images were trained on: of new ones more will be above the threshold than it is for";

/// Finds a threshold.
fn fit(
    rate: f64,
    scored: &[Scored],
    known: &[Option<Vec<bool>>],
    limit: AnomalyThreshold,
) -> anyhow::Result<AnomalyThreshold> {
    let normal: Vec<f64> = scored
        .iter()
        .zip(known)
        .flat_map(|(scored, known)| {
            let is_normal = |index: usize| known.as_ref().is_none_or(|known| !known[index]);
            scored.losses.iter().enumerate().filter(move |(index, _)| is_normal(*index))
        })
        .map(|(_, loss)| limit.score.of(*loss))
        .collect();
    let value = threshold(&normal, rate).map_err(elbo::Error::from)?;
    Ok(AnomalyThreshold { value, images: normal.len(), ..limit })
}

/// A row for each image.
fn csv(scored: &[Scored], limit: Option<AnomalyThreshold>) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["name", "part", "label", "loss", "reconstruction", "kl"];
    writer.write_record(header.into_iter().chain(limit.map(|_| "is_anomaly")))?;
    for Scored { part, images, losses } in scored {
        let part = part.map_or(String::new(), |part| part.to_string());
        for (index, loss) in losses.iter().enumerate() {
            let name = images.names().map_or_else(|| index.to_string(), |names| names[index].clone());
            let label = images.labels().map_or("", |labels| images.classes()[usize::from(labels[index])].as_str());
            let [total, reconstruction, kl] =
                [loss.total(), loss.reconstruction, loss.kl].map(|score| score.to_string());
            let is_anomaly = limit.map(|limit| limit.is_anomaly(limit.score.of(*loss)).to_string());
            let row = [&name, &part, label, &total, &reconstruction, &kl];
            writer.write_record(row.into_iter().chain(is_anomaly.as_deref()))?;
        }
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error).context("cannot make the table of scores")
}

struct Report {
    title: String,
    by: Score,
    samples: u32,
    seed: u64,
    limit: Option<AnomalyThreshold>,
    is_new: bool,
    known: Option<Known>,
}

/// Mean, median and the score that one image of a hundred is above.
fn spread(scored: &[Scored], score: Score) -> [f64; 3] {
    let mut values: Vec<f64> = scored.iter().flat_map(|scored| &scored.losses).map(|loss| score.of(*loss)).collect();
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((share * values.len() as f64) as usize).min(values.len() - 1)];
    [mean, at(0.5), at(0.99)]
}

impl Report {
    fn above(&self, scored: &[Scored]) -> Option<usize> {
        let limit = self.limit?;
        let losses = scored.iter().flat_map(|scored| &scored.losses);
        Some(losses.filter(|loss| limit.is_anomaly(limit.score.of(**loss))).count())
    }

    fn text(&self, scored: &[Scored]) -> Result<String, std::fmt::Error> {
        let count: usize = scored.iter().map(|scored| scored.losses.len()).sum();
        let mut text = String::new();
        let (images, draws) = (counted(count, "image"), counted(self.samples as usize, "draw"));
        writeln!(text, "{images} of {}; nats per image, mean of {draws}\n", self.title)?;
        let more =
            if self.known.is_some() { format!("{:>10}{:>20}", "AUROC", "average precision") } else { String::new() };
        writeln!(text, "{:<16}{:>12}{:>12}{:>12}{more}", "score", "mean", "median", "99 % below")?;
        for score in Score::ALL {
            let [mean, median, high] = spread(scored, score);
            let more = self.known.as_ref().map_or(String::new(), |known| {
                let (auroc, precision) = known.of_score(score);
                format!("{auroc:>10.4}{precision:>20.4}")
            });
            writeln!(text, "{:<16}{mean:>12.4}{median:>12.4}{high:>12.4}{more}", score.to_string())?;
        }
        if let Some(known) = &self.known {
            let anomalies = if known.anomalies == 1 { "anomaly" } else { "anomalies" };
            let normal = counted(known.normal, "normal image");
            writeln!(text, "\n{normal} and {} {anomalies}", thousands(known.anomalies))?;
        }
        if let (Some(limit), Some(above)) = (self.limit, self.above(scored)) {
            let AnomalyThreshold { score, value, false_alarms, images, .. } = limit;
            let normal = counted(images, "normal image");
            let share = 100.0 * above as f64 / count.max(1) as f64;
            writeln!(
                text,
                "\nthreshold of the {score}: {value:.4} nats, for {:.4} % false alarms, by {normal}",
                100.0 * false_alarms
            )?;
            writeln!(text, "above it: {} of {count} ({share:.1} %)", counted(above, "image"))?;
            if let Some((alarms, hits)) = self.known.as_ref().and_then(|known| known.rates(limit)) {
                writeln!(
                    text,
                    "  {:.1} % of the normal images, {:.1} % of the anomalies",
                    100.0 * alarms,
                    100.0 * hits
                )?;
            }
        }
        Ok(text)
    }

    fn json(&self, scored: &[Scored]) -> Value {
        let score = |score: Score| {
            let [mean, median, high] = spread(scored, score);
            let known = self.known.as_ref().map(|known| known.of_score(score));
            json!({
                "score": score,
                "mean": mean,
                "median": median,
                "quantile_99": high,
                "auroc": known.map(|known| known.0),
                "average_precision": known.map(|known| known.1),
            })
        };
        let rates = self.limit.and_then(|limit| self.known.as_ref()?.rates(limit));
        let limit = self.limit.map(|limit| {
            json!({
                "score": limit.score,
                "value": limit.value,
                "false_alarms": limit.false_alarms,
                "images": limit.images,
                "samples": limit.samples,
                "seed": limit.seed,
                "is_new": self.is_new,
                "above": self.above(scored),
                "normal_above": rates.map(|rates| rates.0),
                "anomalies_above": rates.map(|rates| rates.1),
            })
        });
        json!({
            "data": self.title,
            "images": scored.iter().map(|scored| scored.losses.len()).sum::<usize>(),
            "unit": "nats per image",
            "samples": self.samples,
            "seed": self.seed,
            "by": self.by,
            "scores": Score::ALL.map(score),
            "normal": self.known.as_ref().map(|known| known.normal),
            "anomalies": self.known.as_ref().map(|known| known.anomalies),
            "threshold": limit,
        })
    }
}
