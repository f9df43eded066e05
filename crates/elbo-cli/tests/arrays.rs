//! Arrays of one's own: what they are brought to, and that every later command does the same.

use crate::common::{args, elbo, fails, model, succeeds, train};
use std::fs;
use std::path::Path;

/// Writes images of this many pixels per side, whole numbers of 16 bits up to 4000, or bytes up to 250.
fn write(path: &Path, count: usize, side: usize, are_bytes: bool) {
    let descr = if are_bytes { "|u1" } else { "<u2" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({count}, {side}, {side}), }}\n");
    let numbers = (0..count * side * side).map(|place| (place * place * 7 + place / 9) % 251);
    let mut file = [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
    for number in numbers {
        if are_bytes {
            file.push(number as u8);
        } else {
            file.extend((number as u16 * 16).to_le_bytes());
        }
    }
    fs::write(path, file).unwrap();
}

#[test]
fn twelve_bits_of_any_size_are_trained_on_and_read_the_same_again() {
    let here = tempfile::tempdir().unwrap();
    write(&here.path().join("scans.npy"), 60, 7, false);
    let message = fails(&mut train(&here, "scans.npy --epochs 1"));
    assert!(message.contains("images of 7x7 (height x width): sides must be from 8 to 4096"), "{message}");
    assert!(message.contains("hint: bring them to another size, for example --size 32"), "{message}");

    let printed = succeeds(&mut train(&here, "scans.npy --size 9 --epochs 1 --out run"));
    for line in [
        "values from 0 to 4000: 0 is black and 4095 white; --range changes it",
        "images of 7x7x1 are brought to 9x9x1 (height x width x channels)",
    ] {
        assert!(printed.stderr.lines().any(|said| said == line), "{line} is not in {printed:#?}");
    }
    let config = fs::read_to_string(here.path().join("run/config.toml")).unwrap();
    for line in ["size = \"9x9\"", "range = \"0:4095\"", "channels = \"grey\""] {
        assert!(config.lines().any(|said| said == line), "{line} is not in\n{config}");
    }
    // Settings, a run that goes on, and what is measured need to be told nothing.
    succeeds(elbo(&here).args(args("train --config run/config.toml --quiet --out again")));
    assert!(model(here.path().join("run")) == model(here.path().join("again")));
    succeeds(elbo(&here).args(args("train --resume run --epochs 2 --quiet")));
    let evaluated = succeeds(elbo(&here).args(args("evaluate run"))).stdout;
    assert!(evaluated.starts_with("6 images of scans (validation set)"), "{evaluated}");
    // Other images are brought to the size of the model; bytes stay what they are.
    write(&here.path().join("small.npy"), 10, 12, true);
    let printed = succeeds(elbo(&here).args(args("evaluate run small.npy")));
    assert!(printed.stderr.contains("images of 12x12x1 are brought to 9x9x1"), "{printed:#?}");
}

#[test]
fn arrays_that_are_more_than_memory_may_hold_train_the_same_model() {
    let here = tempfile::tempdir().unwrap();
    for (name, are_bytes) in [("scans", false), ("bytes", true)] {
        write(&here.path().join(format!("{name}.npy")), 60, 8, are_bytes);
        for (run, memory) in [("memory", ""), ("file", "--memory 500")] {
            succeeds(&mut train(
                &here,
                &format!("{name}.npy --epochs 1 --shuffle --quiet --out {name}-{run} {memory}"),
            ));
        }
        let of = |run: &str| model(here.path().join(format!("{name}-{run}")));
        assert!(of("memory") == of("file"), "{name}");
        assert_eq!(here.path().join(".elbo-cache").exists(), !are_bytes);
        let _ = fs::remove_dir_all(here.path().join(".elbo-cache"));
    }
}
