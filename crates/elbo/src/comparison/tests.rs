//! What is compared, and what is not.

use super::*;
use crate::dataset::{ImageShape, Part, Preprocessing};
use crate::recipe::{Recipe, Schedule};
use crate::{EpochMetrics, Likelihood, Loss, Settings};

const SHAPE: ImageShape = ImageShape { height: 8, width: 8, channels: 1 };

fn basis() -> Basis {
    Basis {
        likelihood: Likelihood::Gaussian,
        conditional: false,
        shape: SHAPE,
        preprocessing: Preprocessing::UnitScale,
        part: Some(Part::Validation),
        images: 10,
        digest: Some("0123456789abcdef".to_owned()),
    }
}

fn record(basis: Basis, recipe: Recipe, losses: &[f64]) -> RunRecord {
    let part = basis.part;
    let row = |(epoch, &loss): (u32, &f64)| EpochMetrics {
        epoch,
        step: None,
        learning_rate: 1e-3,
        train_loss: loss,
        held_out: part.map(|part| (part, Loss { reconstruction: loss, kl: 0.0 })),
        seconds: 2.0,
        images_per_second: 1.0,
        likelihood: basis.likelihood,
    };
    let history = (1..).zip(losses).map(row).collect();
    RunRecord { path: "run".into(), settings: Settings::new("data", recipe), history, basis, parameters: 1 }
}

#[test]
fn only_settings_that_differ_are_listed() {
    let first = Recipe { muon_learning_rate: None, schedule: Schedule::Constant, ..Recipe::fast() };
    let second = Recipe { latent_dim: 8, ..Recipe::fast() };
    let runs = [first, second].map(|recipe| record(basis(), recipe, &[1.0]));
    let settings = Comparison::new(runs.to_vec()).settings;
    let found: Vec<_> = settings
        .iter()
        .map(|Difference { name, values }| {
            (name.as_str(), values.iter().map(|value| value.as_deref().unwrap_or("-")).collect::<Vec<_>>().join(" | "))
        })
        .collect();
    let expected = [
        ("latent_dim", "20 | 8".to_owned()),
        ("schedule", "constant | { linear = { warmup = 0.1 } }".to_owned()),
        ("muon_learning_rate", "- | 0.04".to_owned()),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert!(expected.iter().all(|row| found.contains(row)), "{found:?}");
    assert_eq!(Comparison::new(vec![runs[0].clone(), runs[0].clone()]).settings, []);
}

#[test]
fn losses_of_another_kind_stand_apart_with_the_reason() {
    let others = [
        (Basis { likelihood: Likelihood::Bernoulli, ..basis() }, "the likelihood is Bernoulli, not Gaussian"),
        (Basis { conditional: true, ..basis() }, "it is told the classes"),
        (Basis { shape: ImageShape { channels: 3, ..SHAPE }, ..basis() }, "the images are of 8x8x3, not 8x8x1"),
        (
            Basis { part: Some(Part::Test), ..basis() },
            "measured on a test set of 10 (digest 0123456789ab), not on a val",
        ),
        (Basis { digest: Some("fedcba9876543210".to_owned()), ..basis() }, "(digest fedcba987654), not on"),
        (Basis { part: None, images: 0, digest: None, ..basis() }, "measured on nothing, not on a validation set"),
    ];
    for (other, reason) in others {
        let said = other.difference(&basis()).unwrap();
        assert!(said.contains(reason), "{said}");
        let runs = [basis(), other.clone(), basis(), other].map(|basis| record(basis, Recipe::fast(), &[1.0]));
        let groups = Comparison::new(runs.to_vec()).groups;
        assert_eq!(groups.iter().map(|group| &group.runs[..]).collect::<Vec<_>>(), [[0, 2], [1, 3]]);
    }
    assert_eq!(basis().difference(&basis()), None);
    // Files that do not say which images they held out: these may be any.
    let unknown = Basis { digest: None, ..basis() };
    assert!(unknown.difference(&unknown).unwrap().contains("does not say"));
}

#[test]
fn the_lowest_best_loss_comes_first() {
    let runs =
        [&[5.0, 4.0, 6.0][..], &[3.5, 9.0], &[4.0], &[9.0, 3.0]].map(|losses| record(basis(), Recipe::fast(), losses));
    let comparison = Comparison::new(runs.to_vec());
    assert_eq!(comparison.groups.len(), 1);
    assert_eq!(comparison.groups[0].runs, [3, 1, 0, 2]);
    assert_eq!((comparison.runs[0].best_loss(), comparison.runs[0].seconds()), (Some(4.0), 6.0));
    // Without held-out images, the training loss shows how well a model remembers: no order follows from it.
    let runs = [2.0, 1.0].map(|loss| record(Basis { part: None, digest: None, ..basis() }, Recipe::fast(), &[loss]));
    assert_eq!(Comparison::new(runs.to_vec()).groups[0].runs, [0, 1]);
}
