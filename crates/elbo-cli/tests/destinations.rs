//! Where results go: never in the place of what is read or kept, and never half of one.

use crate::common::{args, contents, elbo, ends_with, fails, names, succeeds, with_run};
use elbo::Images;
use elbo::figures::sheet;
use std::fs;
use std::path::Path;

/// A picture as the model makes them.
fn picture(here: &Path, name: &str) {
    let vae = elbo::Vae::open(here.join("run"), 1).unwrap();
    let images: Images = vae.generate(1, 1).unwrap();
    fs::write(here.join(name), sheet(&images.as_pixels(), 1, 0).unwrap().png().unwrap()).unwrap();
}

#[test]
fn what_is_read_or_kept_is_not_written_over() {
    let here = with_run();
    let array = elbo::Vae::open(here.path().join("run"), 1).unwrap().generate(9, 1).unwrap().to_npy();
    fs::write(here.path().join("images.npy"), array).unwrap();
    picture(here.path(), "a.png");
    picture(here.path(), "b.png");
    succeeds(elbo(&here).args(args("encode run --out codes.npy")));
    fs::create_dir(here.path().join("full")).unwrap();
    fs::write(here.path().join("full/0001.png"), "mine").unwrap();
    let before = contents(here.path());
    for (line, reason) in [
        ("score run --out run/metrics.csv", "run/metrics.csv: a run keeps this file"),
        ("encode run --out run/metrics.csv", "run/metrics.csv: a run keeps this file"),
        ("score run --out run/model.safetensors", "choose a name that ends in .csv"),
        ("encode run images.npy --out images.npy", "images.npy: this is read"),
        ("decode run codes.npy --out codes.npy", "codes.npy: this is read"),
        ("decode run codes.npy --out ./codes.npy", "./codes.npy: this is read"),
        ("reconstruct run a.png --out a.png", "a.png: this is read"),
        ("interpolate run a.png b.png --out b.png", "b.png: this is read"),
        ("arithmetic run a.png - b.png --out a.png", "a.png: this is read"),
        ("traverse run a.png --out a.png", "a.png: this is read"),
        ("inspect run a.png --out a.png", "a.png: this is read"),
        ("generate run --out full", "full: there is something in this directory already"),
        ("decode run codes.npy --out full", "full: there is something in this directory already"),
        ("interpolate run a.png b.png --out full", "full: there is something in this directory already"),
        ("score run --maps full", "full: there is something in this directory already"),
        ("generate run --out run", "run: there is something in this directory already"),
    ] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(message.contains(reason) && message.lines().count() <= 2, "{line}: {message}");
    }
    assert!(contents(here.path()) == before);
    // An earlier result is replaced.
    for line in ["encode run --out codes.npy", "interpolate run a.png b.png --out way.png"] {
        succeeds(elbo(&here).args(args(line)));
        succeeds(elbo(&here).args(args(line)));
    }
}

#[test]
fn a_threshold_is_kept_only_when_all_else_is_done() {
    let here = with_run();
    let before = contents(here.path());
    let message = fails(elbo(&here).args(args("score run --fit-threshold 0.25 --samples 1 --out nowhere/scores.csv")));
    assert!(message.contains("cannot write nowhere/scores.csv"), "{message}");
    assert!(contents(here.path()) == before);
}

#[test]
fn pixels_that_are_no_numbers_are_an_error() {
    let here = with_run();
    let mut model = elbo::Model::open(here.path().join("run")).unwrap();
    // Finite, but no sum of their products is.
    model.parameters.iter_mut().for_each(|parameter| *parameter *= 1e20);
    model.write(&here.path().join("huge.safetensors")).unwrap();
    fs::write(here.path().join("codes.csv"), "mean_0,mean_1,mean_2\n1,-1,1\n").unwrap();
    let before = names(&here);
    for out in ["images.npy", "images.png"] {
        for command in ["decode huge.safetensors codes.csv", "generate huge.safetensors"] {
            let printed = ends_with(1, elbo(&here).args(args(&format!("{command} --out {out}"))));
            let reason = "error: latent vector 0, from 0, is decoded to pixels that are no numbers\n";
            assert!(printed.stderr.ends_with(reason), "{printed:#?}");
        }
    }
    assert_eq!(names(&here), before);
    let message = fails(elbo(&here).args(args("prior huge.safetensors bars")));
    assert!(message.contains("not finite") || message.contains("no number"), "{message}");
    let printed = succeeds(elbo(&here).args(args("score huge.safetensors bars --samples 1")));
    assert!(printed.stderr.contains("the loss of 60 images is no number: elbo inspect"), "{printed:#?}");
}

#[test]
fn digits_that_are_lost_are_said() {
    let here = with_run();
    for (number, is_rounded) in
        [("0.1", false), ("0.100000001490116", true), ("0.10000000149011612", false), ("7", false)]
    {
        fs::write(here.path().join("codes.csv"), format!("mean_0,mean_1,mean_2\n0,1,{number}\n")).unwrap();
        let printed = succeeds(elbo(&here).args(args("decode run codes.csv --out images.npy")));
        assert_eq!(printed.stderr.contains("were rounded to 32-bit floats"), is_rounded, "{number}: {printed:#?}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_command_leaves_nothing_behind() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let here = with_run();
    let before = names(&here);
    let mut encode = elbo(&here);
    encode.args(args("encode run --samples 10000 --out codes.csv")).stderr(Stdio::piped()).stdout(Stdio::piped());
    let mut child = encode.spawn().unwrap();
    while !names(&here).iter().any(|name| name.starts_with(".elbo-")) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.ends_with("stopped\n")), (Some(130), true), "{stderr}");
    assert_eq!(names(&here), before);
}
