//! Help, version, and arguments that are wrong: what is said, where, and with which exit code.

use crate::common::{args, elbo, ends_with, fails, names, succeeds, with_bars};

/// The commands and a word that the help of each must have.
const COMMANDS: [(&str, &str); 23] = [
    ("train", "--resume"),
    ("data", "--sheet"),
    ("generate", "--count"),
    ("encode", "--logvars"),
    ("decode", "--class"),
    ("interpolate", "--steps"),
    ("traverse", "--dims"),
    ("arithmetic", "--out"),
    ("prior", "--json"),
    ("reconstruct", "--count"),
    ("evaluate", "--json"),
    ("inspect", "--json"),
    ("score", "--fit-threshold"),
    ("figures", "Run directory"),
    ("summary", "model file"),
    ("compare", "--out"),
    ("sweep", "--jobs"),
    ("export", "--format"),
    ("import", "--out"),
    ("bench", "--device"),
    ("devices", "--json"),
    ("completions", "bash"),
    ("man", "--out"),
];

#[test]
fn help_says_what_there_is() {
    let here = tempfile::tempdir().unwrap();
    let overview = succeeds(elbo(&here).arg("--help")).stdout;
    for word in ["Usage: elbo", "nats per image", "ELBO_ISA", "Examples:"] {
        assert!(overview.contains(word), "{word} is not in\n{overview}");
    }
    for (command, word) in COMMANDS {
        assert!(overview.contains(&format!("\n  {command} ")), "{command} is not in\n{overview}");
        for help in [args("--help"), args("-h")] {
            let help = succeeds(elbo(&here).arg(command).args(help)).stdout;
            assert!(help.contains(&format!("Usage: elbo {command} ")) && help.contains(word), "{help}");
        }
    }
}

#[test]
fn help_is_neatly_set() {
    let here = tempfile::tempdir().unwrap();
    let commands = COMMANDS.map(|(command, _)| Some(command));
    for command in commands.into_iter().chain([None]) {
        let help = succeeds(elbo(&here).args(command).arg("--help")).stdout;
        // Between a text and its default, clap itself sets a line of nothing but its indentation.
        for line in help.lines().filter(|line| !line.trim().is_empty()) {
            assert_eq!(line, line.trim_end(), "space at the end of a line of\n{help}");
            assert!(line.chars().count() <= 100, "a long line: {line}");
        }
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let here = tempfile::tempdir().unwrap();
    let printed = succeeds(elbo(&here).arg("--version"));
    assert_eq!(printed.stdout, concat!("elbo ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(printed.stderr, "");
}

#[test]
fn arguments_that_cannot_be_understood_end_with_2() {
    let here = with_bars();
    for (line, named) in [
        ("", "Usage"),
        ("fly", "fly"),
        ("train --speed 3", "--speed"),
        ("train --epochs 0", "--epochs"),
        ("train --epochs many", "--epochs"),
        ("train --threads x", "--threads"),
        ("train --seed 9223372036854775808", "--seed"),
        ("train --widths 8,,8", "--widths"),
        ("train bars extra", "extra"),
        ("train --resume run --seed 1", "--seed"),
        ("train --resume run --out other", "--out"),
        ("train --resume run --config config.toml", "--config"),
        ("train --resume run --shuffle", "--shuffle"),
        ("train --recipe other", "reference"),
        ("generate", "<RUN>"),
        ("generate run --count 0", "--count"),
        ("reconstruct run --count 0", "--count"),
        ("evaluate", "<RUN>"),
        ("figures", "<RUN>"),
    ] {
        let printed = ends_with(2, elbo(&here).args(args(line)));
        assert_eq!(printed.stdout, "", "{line}");
        assert!(printed.stderr.contains(named), "{line}: {}", printed.stderr);
    }
    assert_eq!(names(&here), ["bars"]);
}

#[test]
fn settings_out_of_range_are_named_and_leave_nothing_behind() {
    let here = with_bars();
    for (line, named) in [
        ("--batch-size 0", "batch size"),
        ("--learning-rate 0", "learning rate"),
        ("--learning-rate nan", "learning rate"),
        ("--beta -1", "beta"),
        ("--learning-rate -0.001", "learning rate"),
        ("--latent-dim 0", "latent dimension"),
        ("--widths 0", "width"),
        ("--widths 8,8,8,8,8,8", "stages"),
    ] {
        let message = fails(elbo(&here).args(args("train bars")).args(args(line)));
        assert!(message.contains(named), "{line}: {message}");
    }
    assert_eq!(names(&here), ["bars"]);
}

#[test]
fn what_is_not_there_is_named() {
    let here = with_bars();
    for (line, named) in [
        ("train nowhere", "nowhere"),
        ("train --config nowhere.toml", "nowhere.toml"),
        ("train --resume nowhere", "nowhere"),
        ("generate nowhere", "nowhere"),
        ("reconstruct nowhere", "nowhere"),
        ("evaluate nowhere", "nowhere"),
        ("figures nowhere", "nowhere"),
        ("summary nowhere", "nowhere"),
    ] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(message.contains(named), "{line}: {message}");
    }
    for line in ["train --resume bars", "generate bars", "evaluate bars", "figures bars", "summary bars"] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(message.contains("no run here") && message.contains("\nhint: "), "{line}: {message}");
    }
    assert_eq!(names(&here), ["bars"]);
}

#[test]
fn a_file_that_is_no_model_is_said_to_be_none() {
    let here = with_bars();
    for command in ["generate", "evaluate", "summary"] {
        let message = fails(elbo(&here).args([command, "bars/train-images-idx3-ubyte"]));
        assert!(message.contains("not a safetensors file"), "{message}");
    }
}

#[test]
fn an_unknown_instruction_set_is_an_error() {
    let here = with_bars();
    let message = fails(elbo(&here).env("ELBO_ISA", "abacus").args(args("train bars")));
    assert!(message.contains("ELBO_ISA") && message.contains("abacus"), "{message}");
}

#[test]
fn shells_and_man_are_told_of_all_commands() {
    let here = tempfile::tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = succeeds(elbo(&here).args(["completions", shell])).stdout;
        for (command, _) in COMMANDS {
            assert!(script.contains(command), "{shell} knows nothing of {command}");
        }
        assert!(script.contains("range"), "{shell}");
    }
    let printed = succeeds(elbo(&here).args(args("man --out pages"))).stdout;
    assert_eq!(printed, format!("{} pages in pages\n", COMMANDS.len() + 1));
    let mut expected: Vec<String> = COMMANDS.iter().map(|(command, _)| format!("elbo-{command}.1")).collect();
    expected.push("elbo.1".to_owned());
    let mut found = names(here.path().join("pages"));
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    let page = std::fs::read_to_string(here.path().join("pages/elbo-train.1")).unwrap();
    assert!(page.contains(".TH elbo-train 1") && page.contains("\\-\\-epochs"), "{page}");
    std::fs::write(here.path().join("file"), "").unwrap();
    assert!(fails(elbo(&here).args(args("man --out file"))).contains("file"));
}
