//! Which images are anomalies, where that is known, and how well scores tell.

use super::Scored;
use crate::args::ScoreArgs;
use elbo::Loss;
use elbo::anomaly::ranking::{auroc, average_precision};
use elbo::anomaly::{AnomalyThreshold, Score};
use elbo::dataset::Dataset;

/// Which classes are said to be normal, or anomalies.
pub(super) struct Said<'a> {
    classes: &'a [String],
    are_normal: bool,
}

impl<'a> Said<'a> {
    /// What the arguments say; or else, of a model that was `trained_on` some classes alone, that those are normal.
    pub(super) fn of(arguments: &'a ScoreArgs, trained_on: &'a [String]) -> Self {
        let (classes, are_normal) = match (&arguments.normal[..], &arguments.anomalous[..]) {
            ([], []) => (trained_on, true),
            (normal, []) => (normal, true),
            (_, anomalous) => (anomalous, false),
        };
        Self { classes, are_normal }
    }

    /// Whether each image is an anomaly by its class, `[N]`; none where nothing is said.
    pub(super) fn classes(&self, images: &Dataset) -> anyhow::Result<Option<Vec<bool>>> {
        if self.classes.is_empty() {
            return Ok(None);
        }
        classes(images, self.classes, self.are_normal).map(Some)
    }
}

fn classes(images: &Dataset, named: &[String], are_normal: bool) -> anyhow::Result<Vec<bool>> {
    let Some(labels) = images.labels() else {
        anyhow::bail!(
            "which images are normal cannot be told: they have no labels\n\
             hint: give images with labels, such as pictures in a directory for each class"
        );
    };
    let number = |text: &String| {
        let names = images.classes();
        let named = names.iter().position(|name| name == text);
        let numbered = || text.parse().ok().filter(|number: &usize| *number < names.len());
        named.or_else(numbered).ok_or_else(|| {
            let listed = names.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
            anyhow::anyhow!("there is no class '{text}' in the images, which have {} of them: {listed}", names.len())
        })
    };
    let numbers = named.iter().map(number).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(labels.iter().map(|&label| numbers.contains(&usize::from(label)) != are_normal).collect())
}

/// All images of which it is known.
pub(super) struct Known {
    losses: Vec<Loss>,
    is_anomaly: Vec<bool>,
    pub(super) normal: usize,
    pub(super) anomalies: usize,
}

impl Known {
    /// None where it is not known, or all images are of one kind.
    pub(super) fn of(scored: &[Scored], known: &[Option<Vec<bool>>]) -> Option<Self> {
        let known: Vec<&Vec<bool>> = known.iter().map(Option::as_ref).collect::<Option<_>>()?;
        let losses: Vec<Loss> = scored.iter().flat_map(|scored| scored.losses.iter().copied()).collect();
        let is_anomaly: Vec<bool> = known.into_iter().flatten().copied().collect();
        let anomalies = is_anomaly.iter().filter(|is_anomaly| **is_anomaly).count();
        let normal = is_anomaly.len() - anomalies;
        (normal > 0 && anomalies > 0).then_some(Self { losses, is_anomaly, normal, anomalies })
    }

    /// Area under the curve and average precision of a score.
    pub(super) fn of_score(&self, score: Score) -> (f64, f64) {
        let scores: Vec<f64> = self.losses.iter().map(|loss| score.of(*loss)).collect();
        let of = |figure: fn(&[f64], &[bool]) -> Option<f64>| figure(&scores, &self.is_anomaly).unwrap_or(f64::NAN);
        (of(auroc), of(average_precision))
    }

    /// The share of normal images, and of anomalies, that a threshold takes for anomalies.
    pub(super) fn rates(&self, limit: AnomalyThreshold) -> Option<(f64, f64)> {
        let share = |kind: bool, all: usize| {
            let of_kind = self.losses.iter().zip(&self.is_anomaly).filter(|(_, is_anomaly)| **is_anomaly == kind);
            let above = of_kind.filter(|(loss, _)| limit.is_anomaly(limit.score.of(**loss))).count();
            (all > 0).then(|| above as f64 / all as f64)
        };
        share(false, self.normal).zip(share(true, self.anomalies))
    }
}
