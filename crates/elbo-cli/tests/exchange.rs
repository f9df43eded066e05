//! `export` and `import`.

use crate::common::{args, contents, elbo, ends_with, fails, model, names, succeeds, train, with_bars, with_run};
use serde_json::Value;
use std::fs;

/// Formats, with the files that each writes.
const FORMATS: [(&str, &[&str]); 4] = [
    ("onnx", &["decoder.onnx", "encoder.onnx"]),
    ("pytorch", &["model.json", "model.py", "weights.safetensors"]),
    ("keras", &["model.json", "model.py", "weights.npz"]),
    ("npz", &["model.json", "weights.npz"]),
];

#[test]
fn every_format_brings_the_same_model_back() {
    let here = with_run();
    for (format, files) in FORMATS {
        let printed = succeeds(elbo(&here).args(args(&format!("export run --format {format} --out {format}"))));
        assert_eq!(names(here.path().join(format)), files);
        for file in files {
            assert!(printed.stdout.contains(&format!("{format}/{file}\n")), "{printed:#?}");
        }
        let expected = "encoder: image 12x10x1, from 0 (black) to 255 (white) -> mean and logvar, 3 numbers each\n\
                        decoder: z, 3 numbers -> image 12x10x1, from 0 (black) to 255 (white)\n";
        assert!(printed.stdout.ends_with(expected), "{printed:#?}");
        assert_eq!(printed.stderr, "");
        let printed = succeeds(elbo(&here).args(args(&format!("import {format} --out back/{format}.safetensors"))));
        assert!(printed.stdout.ends_with(&format!("in back/{format}.safetensors\n")), "{printed:#?}");
        assert_eq!(printed.stderr, "");
        let back = fs::read(here.path().join("back").join(format!("{format}.safetensors"))).unwrap();
        assert!(back == model(here.path().join("run")), "{format}");
    }
}

#[test]
fn what_is_printed_as_json_says_what_was_made() {
    let here = with_run();
    let json = |line: &str| serde_json::from_str::<Value>(&succeeds(elbo(&here).args(args(line))).stdout).unwrap();
    let exported = json("export run --raw --json --format pytorch");
    assert_eq!((&exported["black"], &exported["white"]), (&0.0.into(), &1.0.into()));
    assert_eq!(exported["files"][0], "exported/weights.safetensors");
    let script = fs::read_to_string(here.path().join("exported/model.py")).unwrap();
    assert!(script.contains("\nBLACK, WHITE = 0.0, 1.0\nCUT = False") && !script.contains("# CONSTANTS"), "{script}");
    let imported = json("import exported/weights.safetensors --json --out back.safetensors");
    assert_eq!((&imported["changed"], &imported["digest"]), (&false.into(), &exported["digest"]));
}

#[test]
fn weights_that_have_changed_come_back_with_a_word_about_it() {
    let here = with_run();
    succeeds(elbo(&here).args(args("export run --format pytorch --out out")));
    let path = here.path().join("out/weights.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 0x80;
    fs::write(&path, bytes).unwrap();
    let printed = succeeds(elbo(&here).args(args("import out --out back.safetensors")));
    assert_eq!(
        printed.stderr,
        "the weights are others than those that were exported: what was measured of these, and a prior or a threshold fitted to \
         them, is not kept\n"
    );
    let summary = succeeds(elbo(&here).args(args("summary back.safetensors"))).stdout;
    assert!(!summary.contains("nats per image"), "{summary}");
    succeeds(elbo(&here).args(args("generate back.safetensors")));
}

#[test]
fn black_and_white_pixels_are_said_to_be_drawn_first() {
    let here = with_bars();
    succeeds(&mut train(&here, "bars --binarize static --epochs 1 --no-figures --quiet --out run --device cpu"));
    for format in ["onnx", "keras", "pytorch"] {
        let printed = succeeds(elbo(&here).args(args(&format!("export run --format {format} --out {format}"))));
        assert!(printed.stderr.starts_with("the model was trained on black and white pixels: draw"), "{printed:#?}");
        assert_eq!(printed.stderr.lines().count(), 1);
        succeeds(elbo(&here).args(args(&format!("import {format} --out {format}.safetensors"))));
    }
    for file in ["keras/model.py", "pytorch/model.py"] {
        let script = fs::read_to_string(here.path().join(file)).unwrap();
        assert!(script.contains("\n# Trained on pixels drawn black or white: draw"), "{script}");
    }
}

#[cfg(unix)]
#[test]
fn pipes_are_refused_before_they_are_opened() {
    let here = with_run();
    succeeds(elbo(&here).args(args("export run --format npz --out out")));
    fs::remove_file(here.path().join("out/weights.npz")).unwrap();
    for pipe in ["out/weights.npz", "pipe"] {
        assert!(std::process::Command::new("mkfifo").arg(here.path().join(pipe)).status().unwrap().success());
    }
    for line in [
        "import out --out back.safetensors",
        "import pipe --out back.safetensors",
        "sweep pipe --out sweep",
        "train bars --config pipe --out new",
        "decode run pipe --out images.npy",
        "summary pipe",
    ] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(
            message.contains(": it is no file") || message.contains("no model.json beside it"),
            "{line}: {message}"
        );
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_left_behind() {
    let here = with_run();
    let before = contents(here.path());
    for (line, word) in [
        ("export run --out run", "there are files in it"),
        ("export none --out new", "no such run directory"),
        ("export run --out run/model.safetensors", "run/model.safetensors"),
        ("import run --out new.safetensors", "not an exported model"),
        ("import none --out new/new.safetensors", "cannot read none"),
        ("import run/model.safetensors --out new.safetensors", "no model.json beside it"),
        ("import run --out run", "this is a directory"),
        ("import run --out run/model.safetensors", "there is such a file already"),
    ] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(message.contains(word), "{line}: {message}");
    }
    for line in ["export run --format tflite", "import run"] {
        ends_with(2, elbo(&here).args(args(line)));
    }
    assert!(before == contents(here.path()));
}
