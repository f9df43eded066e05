//! `evaluate`, and training on pixels that are drawn black or white.

use crate::common::{BARS, IdxFiles, args, elbo, ends_with, fails, model, succeeds, train, with_bars, with_run};
use serde_json::Value;
use std::path::Path;

fn evaluated(here: &Path, line: &str) -> Value {
    serde_json::from_str(&succeeds(elbo(here).args(args(&format!("evaluate --json {line}")))).stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn the_importance_weighted_bound_falls_and_has_the_same_bits_for_any_number_of_threads() {
    let here = with_run();
    let bound = |options: &str| {
        let mut json = evaluated(here.path(), &format!("run {options}"));
        json["importance"]["seconds"] = Value::Null;
        json["importance"].clone()
    };
    let [one, many] = ["--importance-samples 1", "--importance-samples 200"].map(bound);
    // Two epochs have taught codes next to nothing: all draws count, and the bound is the loss but for the draws.
    let [a, b] = [&one, &many].map(|bound| number(&bound["negative_log_likelihood"]));
    assert!(a != b && (a - b).abs() < 5.0 * number(&one["standard_error"]), "{one} {many}");
    assert!(number(&many["standard_error"]) > 0.0 && number(&many["effective_samples"]) <= 200.0);
    assert_eq!(many, bound("--importance-samples 200 --threads 1"));
    assert_ne!(many, bound("--importance-samples 200 --seed 2"));
    let printed = succeeds(elbo(&here).args(args("evaluate run --importance-samples 3 --limit 7")));
    assert!(printed.stdout.starts_with("7 of 60 images, chosen at random, of bars (test set); "), "{printed:#?}");
    assert!(
        printed.stdout.contains("negative log-likelihood, up to pixels/2 ln(2 pi), by 3 draws of each image: at most")
    );
    for wrong in ["--importance-samples 0", "--importance-samples some", "--limit 0", "--limit -1"] {
        ends_with(2, elbo(&here).args(args(&format!("evaluate run {wrong}"))));
    }
}

#[test]
fn reconstructions_are_measured_and_what_is_left_out_is_said() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("evaluate run")));
    assert!(printed.stdout.contains("\nMSE   0.") && printed.stdout.contains(" of 255 grey levels\nPSNR  "));
    assert!(!printed.stdout.contains("SSIM"));
    assert_eq!(printed.stderr, "SSIM is left out: its window of 11 pixels is larger than the images\n");
    let found = evaluated(here.path(), "run")["reconstructions"].clone();
    let mse = number(&found["mse"]["mean"]);
    assert!((number(&found["rmse_grey_levels"]) - 255.0 * mse.sqrt()).abs() < 1e-9);
    // The loss of unit variance is half the squared error of all pixels.
    let loss = number(&evaluated(here.path(), "run")["mean"]["reconstruction"]);
    assert!((loss - 0.5 * 120.0 * mse).abs() < 1e-4 * loss, "{loss} and {mse}");
    assert!(found["ssim"].is_null());

    IdxFiles { width: 12, ..BARS }.write(here.path().join("wide"));
    succeeds(&mut train(&here, "wide --epochs 1 --out wider --quiet"));
    let printed = succeeds(elbo(&here).args(args("evaluate wider")));
    assert!(printed.stdout.contains("\nSSIM  ") && printed.stderr.is_empty(), "{printed:#?}");
    let likeness = number(&evaluated(here.path(), "wider")["reconstructions"]["ssim"]["mean"]);
    assert!((-1.0..1.0).contains(&likeness));
}

#[test]
fn probes_tell_classes_and_say_what_they_need() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("evaluate run --probes")));
    assert!(printed.stdout.contains("classes told right, of 4: fitted to 200 images, tried on 60\n"), "{printed:#?}");
    let found = evaluated(here.path(), "run --probes")["probes"].clone();
    assert_eq!(found, evaluated(here.path(), "run --probes --threads 1")["probes"]);
    let rows = found["accuracies"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["dimensions"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 3, 120]);
    // The place of a bar is its class.
    assert_eq!((number(&rows[2]["linear"]), number(&rows[2]["nearest_neighbours"])), (1.0, 1.0), "{found}");

    IdxFiles { labels: false, ..BARS }.write(here.path().join("unlabelled"));
    let message = fails(elbo(&here).args(args("evaluate run unlabelled --probes")));
    assert!(message.contains("need labels"), "{message}");
    IdxFiles { test: 0, seed: 5, ..BARS }.write(here.path().join("alone"));
    let message = fails(elbo(&here).args(args("evaluate run alone --probes")));
    assert!(message.contains("need a training set beside"), "{message}");
}

#[test]
fn pixels_drawn_black_or_white_stay_so_for_later_commands() {
    let here = with_bars();
    succeeds(&mut train(&here, "bars --epochs 1 --binarize static --out once --quiet"));
    succeeds(&mut train(&here, "bars --epochs 1 --out grey --likelihood bernoulli --quiet"));
    let once = evaluated(here.path(), "once");
    assert_eq!((&once["likelihood"], &once["binarized"]), (&"bernoulli".into(), &true.into()));
    assert_eq!(once, evaluated(here.path(), "once --binarize"));
    let [grey, drawn] = ["grey", "grey --binarize"].map(|line| evaluated(here.path(), line));
    assert_eq!((&grey["binarized"], &drawn["binarized"]), (&false.into(), &true.into()));
    assert_ne!(grey["mean"], drawn["mean"]);
    let printed = succeeds(elbo(&here).args(args("evaluate once")));
    assert!(printed.stdout.starts_with("60 images of bars (test set), pixels drawn black or white; "), "{printed:#?}");
    succeeds(elbo(&here).args(args("reconstruct once")));
    ends_with(2, elbo(&here).args(args("train bars --binarize sometimes")));
    ends_with(2, elbo(&here).args(args("train --resume once --binarize dynamic")));
}

#[test]
fn a_run_on_new_draws_in_each_epoch_resumes_with_the_same_bits() {
    let here = with_bars();
    succeeds(&mut train(&here, "bars --epochs 3 --binarize dynamic --schedule constant --out whole --quiet"));
    succeeds(&mut train(&here, "bars --epochs 2 --binarize dynamic --schedule constant --out parts --quiet"));
    assert_ne!(model(here.path().join("whole")), model(here.path().join("parts")));
    succeeds(elbo(&here).args(args("train --resume parts --epochs 3 --quiet")));
    let tensors = |run: &str| {
        let bytes = model(here.path().join(run));
        bytes[bytes.len() - 4000..].to_vec()
    };
    assert_eq!(tensors("whole"), tensors("parts"));
    succeeds(&mut train(&here, "bars --epochs 3 --binarize static --schedule constant --out once --quiet"));
    assert_ne!(tensors("whole"), tensors("once"));
}
