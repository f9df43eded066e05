//! `score`.

use crate::common::{
    BARS, IdxFiles, args, contents, elbo, fails, masked, model, names, png_size, succeeds, train, with_bars, with_run,
};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn json(here: impl AsRef<Path>, line: &str) -> Value {
    let printed = succeeds(elbo(here).args(args(&format!("score {line} --json"))));
    serde_json::from_str(&printed.stdout).unwrap_or_else(|error| panic!("{error}: {printed:#?}"))
}

/// The rows of a table, its header first.
fn rows(path: impl AsRef<Path>) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn each_image_has_its_scores() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("score run --out scores.csv --samples 1")));
    let text = masked(&printed.stdout);
    assert!(text.starts_with("# images of bars (test set); nats per image, mean of # draw\n"), "{printed:#?}");
    assert!(printed.stderr.ends_with("scores of 60 images in scores.csv\n"), "{printed:#?}");
    let table = rows(here.path().join("scores.csv"));
    assert_eq!(table[0], ["name", "part", "label", "loss", "reconstruction", "kl"]);
    assert_eq!(table.len(), 61);
    assert_eq!(table[3][..3], ["2", "test", "2"]);
    let number = |row: &[String], column: usize| row[column].parse::<f64>().unwrap();
    let mean = table[1..].iter().map(|row| number(row, 3)).sum::<f64>() / 60.0;
    for row in &table[1..] {
        assert!((number(row, 3) - number(row, 4) - number(row, 5)).abs() < 1e-9);
    }
    // One draw is that of evaluate.
    let evaluated = succeeds(elbo(&here).args(args("evaluate run --json")));
    let evaluated: Value = serde_json::from_str(&evaluated.stdout).unwrap();
    let loss = evaluated["sampled"]["loss"].as_f64().unwrap();
    assert!((mean - loss).abs() < 1e-9 * loss, "{mean} {loss}");
    // More draws change the reconstruction alone, and threads nothing.
    succeeds(elbo(&here).args(args("score run --out more.csv --samples 3 --seed 2")));
    succeeds(elbo(&here).args(args("score run --out again.csv --samples 3 --seed 2 --threads 1")));
    let more = rows(here.path().join("more.csv"));
    assert!(table[1..].iter().zip(&more[1..]).all(|(one, three)| one[5] == three[5] && one[4] != three[4]));
    assert_eq!(more, rows(here.path().join("again.csv")));
}

#[test]
fn parts_are_scored_that_are_asked_for() {
    let here = with_run();
    let count = |options: &str| json(&here, &format!("run --samples 1 {options}"))["images"].as_u64().unwrap();
    let counts = ["", "--part test", "--part train", "--part all"].map(count);
    assert_eq!(counts, [60, 60, 200, 260]);
    let message = fails(elbo(&here).args(args("score run --part validation")));
    assert!(message.contains("has no validation set"), "{message}");
}

#[test]
fn a_threshold_is_kept_in_the_model_and_used() {
    let here = with_run();
    let before = model(here.path().join("run"));
    let printed = succeeds(elbo(&here).args(args("score run --fit-threshold 0.1 --samples 2 --seed 7")));
    assert!(printed.stdout.contains("threshold of the loss: "), "{printed:#?}");
    assert!(printed.stdout.contains("for 10.0000 % false alarms, by 60 normal images"), "{printed:#?}");
    assert_ne!(model(here.path().join("run")), before);
    // The weights are as they were, and later calls use it with the same draws.
    let card = elbo::Model::open(here.path().join("run")).unwrap();
    let kept = card.card.anomaly_threshold.unwrap();
    assert_eq!((kept.images, kept.samples, kept.seed, kept.false_alarms), (60, 2, 7, 0.1));
    let found = json(&here, "run --out scores.csv");
    // (1 - 0.1) * 61 = 54.9: the 55th lowest, which 5 are above.
    assert_eq!((&found["threshold"]["above"], &found["threshold"]["is_new"]), (&5.into(), &false.into()));
    assert_eq!((&found["samples"], &found["seed"]), (&2.into(), &7.into()));
    let table = rows(here.path().join("scores.csv"));
    assert_eq!(table[0].last().unwrap(), "is_anomaly");
    assert_eq!(table.iter().filter(|row| row.last().unwrap() == "true").count(), 5);
    for row in &table[1..] {
        assert_eq!(row[6] == "true", row[3].parse::<f64>().unwrap() > kept.value);
    }
    // Of another score it tells nothing.
    let printed = succeeds(elbo(&here).args(args("score run --by kl")));
    assert!(printed.stderr.contains("the model's threshold is of the score loss, not kl"), "{printed:#?}");
    assert!(!printed.stdout.contains("threshold"), "{printed:#?}");
    // Training images are no measure of new ones.
    let printed = succeeds(elbo(&here).args(args("score run --part train --fit-threshold 0.1")));
    assert!(printed.stderr.contains("were trained on"), "{printed:#?}");
}

#[test]
fn what_is_known_to_be_normal_measures_the_scores() {
    let here = with_run();
    let found = json(&here, "run --normal 0,2");
    assert_eq!((&found["normal"], &found["anomalies"]), (&30.into(), &30.into()));
    for score in found["scores"].as_array().unwrap() {
        for figure in ["auroc", "average_precision"] {
            assert!((0.0..=1.0).contains(&score[figure].as_f64().unwrap()), "{score}");
        }
    }
    // The other way round, the areas are what is left of 1.
    let other = json(&here, "run --anomalous 0,2");
    let area = |found: &Value| found["scores"][0]["auroc"].as_f64().unwrap();
    assert!((area(&found) + area(&other) - 1.0).abs() < 1e-12);
    let printed = succeeds(elbo(&here).args(args("score run --normal 0 --fit-threshold 0.2")));
    assert!(printed.stdout.contains("AUROC") && printed.stdout.contains("by 15 normal images"), "{printed:#?}");
    assert!(masked(&printed.stdout).contains("  # % of the normal images, # % of the anomalies\n"), "{printed:#?}");
    let message = fails(elbo(&here).args(args("score run --normal cat")));
    assert!(message.contains("no class 'cat'") && message.contains("0, 1, 2, 3"), "{message}");
    IdxFiles { labels: false, test: 0, train: 40, ..BARS }.write(here.path().join("unlabelled"));
    let message = fails(elbo(&here).args(args("score run unlabelled --normal 0")));
    assert!(message.contains("no labels"), "{message}");
}

/// The others are anomalies to `score`, and to no other command.
#[test]
fn a_model_of_some_classes_knows_what_is_normal() {
    let here = with_bars();
    let line = "bars --only-classes 0,2 --epochs 30 --learning-rate 0.01 --validation 0.2 --out run";
    let printed = succeeds(&mut train(&here, line));
    let expected = "images of other classes than 0, 2 are left out: 130\nbars: 80 images of 12x10x1 to train on, 20 to validate, 30 to test\n";
    assert!(printed.stderr.starts_with(expected), "{printed:#?}");
    let found = json(&here, "run");
    assert_eq!(
        (found["images"].as_u64(), found["normal"].as_u64(), found["anomalies"].as_u64()),
        (Some(60), Some(30), Some(30))
    );
    assert!(found["scores"][0]["auroc"].as_f64().unwrap() > 0.95, "{found}");
    // What is said goes before it.
    assert_eq!(json(&here, "run --anomalous 1")["anomalies"], 15);
    assert_eq!(json(&here, "run --part validation")["images"], 20);
    let printed = succeeds(elbo(&here).args(args("score run --part validation --normal 0,2")));
    assert!(printed.stderr.contains("all these images are normal"), "{printed:#?}");
    // The same images held out, and all parts of the others.
    let evaluated = succeeds(elbo(&here).args(args("evaluate run --json")));
    let evaluated: Value = serde_json::from_str(&evaluated.stdout).unwrap();
    assert_eq!(evaluated["images"], 30);
    succeeds(elbo(&here).args(args("train --resume run --epochs 31 --quiet")));
    succeeds(elbo(&here).args(args("train --config run/config.toml --epochs 31 --quiet --out again")));
    assert_eq!(names(here.path().join("run")), names(here.path().join("again")));
    // The data by their path are the same data.
    assert_eq!(json(&here, "run bars"), json(&here, "run"));
    assert_eq!(json(&here, "run bars --part validation")["images"], 20);
    // Without a test set the others come from where they were left out.
    IdxFiles { test: 0, ..BARS }.write(here.path().join("untested"));
    succeeds(&mut train(&here, "untested --only-classes 0,2 --epochs 30 --learning-rate 0.01 --quiet --out alone"));
    for line in ["alone", "alone untested"] {
        let found = json(&here, line);
        assert_eq!((found["normal"].as_u64(), found["anomalies"].as_u64()), (Some(10), Some(100)), "{line}: {found}");
        assert_eq!(found["data"], "untested (validation set), and 100 images of other classes");
        assert!(found["scores"][0]["auroc"].as_f64().unwrap() > 0.95, "{found}");
    }
    let printed = succeeds(elbo(&here).args(args("score alone --fit-threshold 0.2")));
    assert!(printed.stdout.contains("by 10 normal images"), "{printed:#?}");
    let message = fails(elbo(&here).args(args("train --resume run --only-classes 1")));
    assert!(message.contains("cannot change when a run goes on"), "{message}");
    let message = fails(&mut train(&here, "bars --only-classes cat --out other"));
    assert!(message.contains("there is no class 'cat'; there are 0, 1, 2, 3"), "{message}");
}

#[test]
fn a_threshold_that_cannot_be_had_changes_nothing() {
    let here = with_run();
    let before = contents(here.path());
    for (options, expected) in [
        ("--fit-threshold 0.001", "takes 999 normal images at least, and there are 60"),
        ("--fit-threshold 1.5", "above 0 and below 1"),
        ("--fit-threshold nan", "above 0 and below 1"),
        ("--fit-threshold 0.02 --normal 1", "takes 49 normal images at least, and there are 15"),
    ] {
        let message = fails(elbo(&here).args(args(&format!("score run --out scores.csv --samples 1 {options}"))));
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(contents(here.path()), before);
}

#[test]
fn maps_show_the_images_of_the_highest_scores() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("score run --maps maps --count 3 --samples 1 --out scores.csv")));
    assert!(printed.stderr.contains("of the 3 images of the highest loss in maps"), "{printed:#?}");
    assert!(printed.stderr.contains("black is an error of 0"), "{printed:#?}");
    // Files are called by rank and image.
    let mut scored: Vec<(f64, String)> =
        rows(here.path().join("scores.csv"))[1..].iter().map(|row| (row[3].parse().unwrap(), row[0].clone())).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut expected: Vec<String> =
        scored.iter().take(3).enumerate().map(|(rank, (_, name))| format!("{:04}-{name}.png", rank + 1)).collect();
    expected.push("overview.png".to_owned());
    assert_eq!(names(here.path().join("maps")), expected);
    assert_eq!(png_size(here.path().join("maps").join(&expected[0])), [3 * 10 + 2 * 2, 12]);
    // More than there are.
    succeeds(elbo(&here).args(args("score run --maps all --count 1000 --samples 1")));
    assert_eq!(names(here.path().join("all")).len(), 61);
}
