//! `inspect`.

use crate::common::{args, elbo, fails, masked, names, png_size, succeeds, train, with_bars, with_run};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn json(here: impl AsRef<Path>, line: &str) -> Value {
    let printed = succeeds(elbo(here).args(args(&format!("inspect {line} --json"))));
    serde_json::from_str(&printed.stdout).unwrap_or_else(|error| panic!("{error}: {printed:#?}"))
}

#[test]
fn inspect_says_what_is_wrong_with_the_numbers_that_show_it() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("inspect run")));
    let text = masked(&printed.stdout);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "run: trained on bars for # epochs; # images of bars (test set)");
    // Two epochs are far too few.
    assert!(lines[2].starts_with("verdict: ") && lines[2].contains("under-trained"), "{printed:#?}");
    assert!(text.contains("--epochs # instead of #"), "{printed:#?}");
    for start in [
        "latent dimensions     # of # active",
        "KL by dimension       #  #  #",
        "aggregate posterior   # nats from the prior at least",
        "loss                  # nats per image on # images trained on (reconstruction #, KL #)",
        "                      # nats per image on # images held out (reconstruction #, KL #)",
        "standard deviation    #, fixed; the error of a value is #",
        "course of the loss    # / # in epoch #, # / # in epoch # (training / held out)",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start}\n{text}");
    }
    assert!(!text.contains("not known"), "{printed:#?}");
}

#[test]
fn the_json_has_all_of_it() {
    let here = with_run();
    let found = json(&here, "run");
    let dimensions = found["dimensions"].as_array().unwrap();
    assert_eq!((dimensions.len(), &found["latent_dim"], &found["images"]), (3, &3.into(), &60.into()));
    let sum: f64 = dimensions.iter().map(|dimension| dimension["kl"].as_f64().unwrap()).sum();
    let kl = found["held_out"]["kl"].as_f64().unwrap();
    assert!((sum - kl).abs() <= 1e-4 * kl, "{sum} {kl}");
    assert_eq!(found["epochs"].as_array().unwrap().len(), 2);
    assert_eq!((found["is_healthy"].as_bool(), found["sigma"].as_f64()), (Some(false), Some(1.0)));
    assert!(found["aggregate_distance"].as_f64().unwrap() >= 0.0);
    assert_eq!(found["training"]["images"], 60);
    // The loss is that of evaluate, and nothing depends on the number of threads.
    let evaluated = succeeds(elbo(&here).args(args("evaluate run --json")));
    let evaluated: Value = serde_json::from_str(&evaluated.stdout).unwrap();
    assert_eq!(found["held_out"]["loss"], evaluated["sampled"]["loss"]);
    assert_eq!(found, json(&here, "run --threads 1"));
}

#[test]
fn a_great_beta_collapses_and_the_advice_is_that_of_the_end_of_training() {
    let here = with_bars();
    let trained = succeeds(&mut train(&here, "bars --epochs 60 --learning-rate 0.005 --beta 1000 --out run"));
    let printed = succeeds(elbo(&here).args(args("inspect run")));
    assert!(
        printed.stdout.contains("posterior collapse: the latent vectors say nothing of the images"),
        "{printed:#?}"
    );
    let advice = "try --likelihood sigma-gaussian, a lower --beta, or more epochs";
    assert!(printed.stdout.contains(advice) && trained.stderr.contains(advice), "{printed:#?}\n{trained:#?}");
}

#[test]
fn what_cannot_be_told_is_said() {
    let here = with_run();
    fs::create_dir(here.path().join("alone")).unwrap();
    fs::copy(here.path().join("run/model.safetensors"), here.path().join("alone/mine.safetensors")).unwrap();
    let printed = succeeds(elbo(&here).args(args("inspect alone/mine.safetensors bars")));
    assert!(printed.stdout.contains("not known:\n  the course of the losses"), "{printed:#?}");
    // A model file in its run has the run's epochs; one of other images has no gap.
    assert_eq!(json(&here, "run/best.safetensors")["unknown"], Value::Array(Vec::new()));
    crate::common::IdxFiles { test: 0, seed: 5, ..crate::common::BARS }.write(here.path().join("others"));
    let other = json(&here, "run others");
    assert_eq!((other["training"].is_null(), other["held_out"]["images"].as_u64()), (true, Some(200)));
    assert!(other["unknown"][0].as_str().unwrap().contains("not of the data"), "{other}");
    let message = fails(elbo(&here).args(args("inspect alone/mine.safetensors")));
    assert!(message.contains("give DATA"), "{message}");
}

/// A single image says nothing of what latent dimensions carry, and a model is not condemned by it.
#[test]
fn one_image_is_not_enough_for_a_verdict() {
    let here = with_run();
    let vae = elbo::Vae::open(here.path().join("run"), 1).unwrap();
    let one = vae.generate(1, 1).unwrap();
    let equal = elbo::Images { pixels: one.pixels.repeat(5), ..one };
    fs::write(here.path().join("equal.npy"), equal.to_npy()).unwrap();
    let printed = succeeds(elbo(&here).args(args("inspect run equal.npy")));
    assert!(!printed.stdout.contains("collapse"), "{printed:#?}");
    assert!(printed.stdout.contains("what the latent dimensions carry: that takes images that differ"), "{printed:#?}");
}

#[test]
fn a_figure_is_drawn() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("inspect run --out health.png")));
    assert!(printed.stderr.ends_with("figure in health.png\n"), "{printed:#?}");
    let [width, height] = png_size(here.path().join("health.png"));
    assert!(width > 1000 && height > 500, "{width} x {height}");
    let before = names(&here);
    let message = fails(elbo(&here).args(args("inspect run --out health.jpg")));
    assert!(message.contains("ends in .png"), "{message}");
    assert_eq!(names(&here), before);
}
