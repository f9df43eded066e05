//! Disks that are full, directories that cannot be written, readers that go away.

#![cfg(unix)]

use crate::common::{args, contents, elbo, ends_with, fails, model, names, succeeds, train, with_bars, with_run};
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The command where no file can grow beyond `blocks` blocks of 512 or 1024 bytes: writing fails half-way, as on a full
/// disk, and needs no disk for it.
fn short_of_space(here: &Path, blocks: u32, line: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    command.current_dir(here).args(["-c", &script, env!("CARGO_BIN_EXE_elbo")]).args(args(line));
    command
}

/// Whether a directory without permission to write keeps this user from writing.
fn permissions_bind(directory: &Path) -> bool {
    let binds = tempfile::tempfile_in(directory).is_err();
    if !binds {
        eprintln!("skipped: this user may write where there is no permission to, as root may");
    }
    binds
}

#[test]
fn a_run_that_runs_out_of_space_keeps_what_it_had() {
    let here = with_run();
    let run = here.path().join("run");
    let before = contents(&run);
    // Less than a model takes.
    let printed = ends_with(1, &mut short_of_space(here.path(), 2, "train --resume run --epochs 3 --quiet"));
    assert_eq!(printed.stdout, "");
    // The epoch is the best so far.
    assert!(printed.stderr.starts_with("error: cannot write run/best.safetensors: "), "{printed:#?}");
    let kept = |name: &str| before.iter().find(|(path, _)| path.ends_with(name)).unwrap().1.clone();
    assert!(model(&run) == kept("model.safetensors"));
    for name in ["best.safetensors", "checkpoint.safetensors"] {
        assert!(fs::read(run.join(name)).unwrap() == kept(name), "{name}");
    }
    assert_eq!(names(&run).len(), before.len(), "{:?}", names(&run));
    // With space again, it goes on.
    succeeds(&mut train(&here, "bars --epochs 3 --quiet --out whole"));
    succeeds(elbo(&here).args(args("train --resume run --epochs 3 --quiet")));
    assert!(model(&run) == model(here.path().join("whole")));
}

#[test]
fn a_picture_that_cannot_be_written_leaves_the_old_one() {
    let here = with_run();
    succeeds(elbo(&here).args(args("generate run")));
    let before = contents(here.path());
    let message = fails(&mut short_of_space(here.path(), 0, "generate run --seed 2"));
    assert!(message.contains("cannot write generated.png"), "{message}");
    assert_eq!(contents(here.path()), before);
}

#[test]
fn a_place_that_is_no_directory_is_an_error() {
    let here = with_run();
    fs::write(here.path().join("file"), "kept").unwrap();
    for line in [
        "train bars --out file",
        "train bars --out file/run",
        "generate run --out file/sheet.png",
        "generate run --out nowhere/sheet.png",
        "generate run --out file",
        "reconstruct run --out nowhere/pairs.png",
    ] {
        let printed = ends_with(1, elbo(&here).args(args(line)));
        assert!(printed.stderr.contains("error: cannot "), "{line}: {printed:#?}");
    }
    assert_eq!(fs::read_to_string(here.path().join("file")).unwrap(), "kept");
    assert_eq!(names(&here), ["bars", "file", "run"]);
}

#[test]
fn a_place_without_permission_is_an_error_with_a_hint() {
    let here = with_run();
    let locked = here.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, Permissions::from_mode(0o555)).unwrap();
    if !permissions_bind(&locked) {
        return;
    }
    for line in [
        "train bars --out locked/run",
        "train bars --out locked",
        "generate run --out locked/sheet.png",
        "generate run --out locked/sheets",
        "reconstruct run --out locked/pairs.png",
    ] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(message.contains("locked") && message.contains("\nhint: choose a place"), "{line}: {message}");
    }
    let message = fails(elbo(&locked).args(["train", "../bars"]));
    assert!(message.contains("cannot create runs") && message.contains("\nhint: "), "{message}");
}

#[test]
fn data_that_may_not_be_read_is_an_error() {
    let here = with_run();
    let images = here.path().join("bars/train-images-idx3-ubyte");
    fs::set_permissions(&images, Permissions::from_mode(0o000)).unwrap();
    if File::open(&images).is_ok() {
        eprintln!("skipped: this user may read what there is no permission to, as root may");
        return;
    }
    let message = fails(elbo(&here).args(args("train bars")));
    assert!(message.contains("train-images-idx3-ubyte: permission denied"), "{message}");
}

#[test]
fn a_full_device_as_stdout_is_an_error() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        eprintln!("skipped: there is no /dev/full");
        return;
    };
    let here = tempfile::tempdir().unwrap();
    let output = elbo(&here).arg("summary").stdout(full).stderr(Stdio::piped()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("error: ") && !stderr.contains("panicked"), "{stderr}");
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let here = with_run();
    for line in ["summary", "summary run", "evaluate run", "evaluate run --json", "figures run", "--help"] {
        let mut child = elbo(&here).args(args(line)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(stderr, "", "{line}");
        assert_eq!(child.wait().unwrap().code(), Some(0), "{line}");
    }
}

#[test]
fn training_goes_on_without_a_reader() {
    let here = with_bars();
    let line = "train bars --epochs 3 --widths 4 --latent-dim 2 --out run";
    let mut child = elbo(&here).args(args(line)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(crate::common::measured(here.path().join("run")).len(), 3);
    assert_eq!(names(here.path().join("run/figures")).len(), 8);
}
