//! `compare`: runs beside one another, and apart where their losses cannot be compared.

use crate::common::{args, elbo, ends_with, fails, names, png_size, succeeds, train, with_bars};
use serde_json::Value;

/// A run of the bars, without figures.
fn run(here: &tempfile::TempDir, line: &str) {
    succeeds(train(here, &format!("bars --validation 0.1 --no-figures --quiet {line}")).args(["--device", "cpu"]));
}

#[test]
fn what_differs_is_listed_and_the_best_run_comes_first() {
    let here = with_bars();
    run(&here, "--epochs 1 --out short");
    run(&here, "--epochs 4 --learning-rate 0.003 --out long");
    let printed = succeeds(elbo(&here).args(args("compare short long --out curves.png")));
    let lines: Vec<&str> = printed.stdout.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["setting", "short", "long"]);
    let settings: Vec<&str> = lines[1..3].iter().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(settings, ["epochs", "learning_rate"]);
    assert!(
        lines[4].starts_with("validation ELBO loss in nats per image, likelihood Gaussian of unit variance"),
        "{printed:#?}"
    );
    assert!(lines[4].contains("on 20 images (digest "), "{printed:#?}");
    assert!(lines[7].starts_with("long ") && lines[8].starts_with("short "), "{printed:#?}");
    assert_eq!(lines.len(), 9);
    assert!(!printed.stdout.contains("not to be compared"));
    assert_eq!(printed.stderr, "the losses by epoch are drawn in curves.png\n");
    assert!(png_size(here.path().join("curves.png"))[0] > 1000);

    let json: Value =
        serde_json::from_str(&succeeds(elbo(&here).args(args("compare long short --json"))).stdout).unwrap();
    let runs = &json["groups"][0]["runs"];
    assert_eq!(
        (&runs[0]["name"], &runs[0]["epochs"], &runs[0]["last"]["step"]),
        (&"long".into(), &4.into(), &16.into())
    );
    let losses = [0, 1].map(|run| runs[run]["best"]["held_out"]["loss"].as_f64().unwrap());
    assert!(losses[0] < losses[1]);
    assert_eq!(json["settings"][0]["values"], serde_json::json!([4, 1]));
}

#[test]
fn losses_that_cannot_be_compared_are_never_in_one_column() {
    let here = with_bars();
    run(&here, "--epochs 1 --out one");
    run(&here, "--epochs 1 --likelihood bernoulli --out two");
    run(&here, "--epochs 1 --seed 2 --out three");
    let printed = succeeds(elbo(&here).args(args("compare one two three"))).stdout;
    assert!(
        printed.contains("not to be compared with one: the likelihood is Bernoulli, not Gaussian of unit variance\nvalidation Bernoulli ELBO loss in"),
        "{printed}"
    );
    // Another seed holds out other images.
    assert!(
        printed.contains("not to be compared with one: it is measured on a validation set of 20 (digest "),
        "{printed}"
    );
    assert_eq!(printed.matches("\nrun ").count(), 3);
}

#[test]
fn a_run_that_is_given_again_is_listed_once() {
    let here = with_bars();
    run(&here, "--epochs 1 --out one");
    run(&here, "--epochs 1 --beta 2 --out two");
    let printed = succeeds(elbo(&here).args(args("compare one two ./one/ one")));
    assert_eq!(printed.stderr, "./one/ is one again: it is listed once\none is one again: it is listed once\n");
    assert_eq!(printed.stdout, succeeds(elbo(&here).args(args("compare one two"))).stdout);
}

#[test]
fn what_is_no_run_is_said_and_nothing_is_written() {
    let here = with_bars();
    run(&here, "--epochs 1 --out one");
    let before = names(&here);
    for (line, said) in [
        ("compare one nowhere --out curves.png", "nowhere: there is no such run"),
        ("compare one bars", "no run here"),
        ("compare one one/model.safetensors", "this is a file, and a run directory is wanted"),
        ("compare one one --out curves.svg", "pictures are written as PNG files"),
    ] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(message.contains(said), "{line}: {message}");
    }
    assert!(ends_with(2, elbo(&here).args(args("compare one"))).stderr.contains("RUN"));
    assert_eq!(names(&here), before);
}
