//! `--device` where there is no card; what cards do is tested by `crates/elbo-cuda/check.sh`.

use crate::common::{args, elbo, ends_with, fails, model, names, succeeds, train, with_bars, with_run};
use std::fs;

#[test]
fn without_a_card_auto_is_the_processor_and_says_why() {
    let here = with_bars();
    let auto = succeeds(&mut train(&here, "bars --epochs 1 --out auto"));
    let line = auto.stderr.lines().find(|line| line.starts_with("device auto is cpu: NVIDIA's driver "));
    assert!(line.is_some(), "{}", auto.stderr);
    let cpu = succeeds(&mut train(&here, "bars --epochs 1 --out cpu --device cpu"));
    assert!(!cpu.stderr.contains("device "), "{}", cpu.stderr);
    assert_eq!(model(here.path().join("auto")), model(here.path().join("cpu")));
    let config = fs::read_to_string(here.path().join("cpu/config.toml")).unwrap();
    assert!(config.contains("\ndevice = \"cpu\"\nprecision = \"f32\"\n"), "{config}");
    let quiet = succeeds(&mut train(&here, "bars --epochs 1 --out quiet --quiet"));
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_card_that_is_not_there_is_an_error_in_every_command() {
    let here = with_run();
    for line in [
        "train bars --out new --device cuda",
        "train --resume run --epochs 3 --device cuda:0",
        "generate run --device cuda",
        "reconstruct run --device cuda",
        "evaluate run --device cuda",
        "figures run --device cuda",
        "bench run --device cuda",
    ] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(message.starts_with("error: cuda:0: "), "{line}: {message}");
        assert!(message.contains("\nhint: --device cpu "), "{line}: {message}");
    }
    assert_eq!(names(&here), ["bars", "run"]);
}

#[test]
fn what_no_device_is_called_is_an_error() {
    let here = with_run();
    for (line, named) in [
        ("evaluate run --device gpu", "auto, cpu, cuda or cuda:N"),
        ("evaluate run --device cuda:-1", "auto, cpu, cuda or cuda:N"),
        ("evaluate run --precision f16", "tf32"),
    ] {
        let printed = ends_with(2, elbo(&here).args(args(line)));
        assert!(printed.stderr.contains(named), "{line}: {}", printed.stderr);
    }
    let message = fails(elbo(&here).args(args("evaluate run --device cpu --precision tf32")));
    assert!(message.contains("computes in f32"), "{message}");
}

#[test]
fn a_run_of_a_card_goes_on_on_the_processor() {
    let here = with_run();
    // As if it had been on a card so far: what its settings and its checkpoint say of that is text.
    let path = here.path().join("run/config.toml");
    let config = fs::read_to_string(&path).unwrap();
    let on_card = config.replace("device = \"cpu\"", "device = \"cuda:1\"").replace("\"f32\"", "\"tf32\"");
    assert!(on_card.contains("cuda:1") && on_card.contains("tf32"), "{on_card}");
    fs::write(&path, on_card).unwrap();
    let line = "train --config run/config.toml --out copy --epochs 1";
    let message = fails(elbo(&here).args(args(line)));
    assert!(message.starts_with("error: cuda:1, the device of the run: "), "{message}");
    succeeds(elbo(&here).args(args(line)).args(args("--device cpu")));
    let config = fs::read_to_string(here.path().join("copy/config.toml")).unwrap();
    assert!(config.contains("\ndevice = \"cpu\"\nprecision = \"f32\"\n"), "{config}");
}

#[test]
fn devices_are_listed() {
    let here = with_bars();
    let printed = succeeds(elbo(&here).arg("devices"));
    let lines: Vec<&str> = printed.stdout.lines().collect();
    assert!(lines[0].starts_with("cpu     processor, ") && lines[0].contains("portable"), "{lines:?}");
    assert!(lines[1].starts_with("auto    cpu: NVIDIA's driver "), "{lines:?}");
    let json: serde_json::Value =
        serde_json::from_str(&succeeds(elbo(&here).args(args("devices --json"))).stdout).unwrap();
    assert_eq!((json["auto"].as_str(), json["devices"][0]["device"].as_str()), (Some("cpu"), Some("cpu")));
    assert!(json["no_card"].as_str().unwrap().starts_with("NVIDIA's driver "), "{json}");
}
