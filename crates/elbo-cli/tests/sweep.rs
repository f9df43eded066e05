//! `sweep`: many runs, ranked; stopped and gone on with.

use crate::common::{args, contents, elbo, ends_with, fails, model, names, succeeds, with_bars};
use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::{Command, Stdio};

const BASE: &str = "[base]\ndata = \"bars\"\nrecipe = \"reference\"\nwidths = [4, 6]\nlatent_dim = 3\nbatch_size = 37\n\
                    epochs = 2\nvalidation = 0.1\ndevice = \"cpu\"\nthreads = 2\n";

fn plan(here: &tempfile::TempDir, text: &str) {
    fs::write(here.path().join("plan.toml"), text).unwrap();
}

/// The names of the trials, without the lock and the table.
fn trials(directory: &Path) -> Vec<String> {
    names(directory).into_iter().filter(|name| name.starts_with("00")).collect()
}

#[test]
fn trials_are_ranked_failures_listed_and_each_is_an_ordinary_run() {
    let here = with_bars();
    plan(&here, &format!("{BASE}[grid]\nlearning_rate = [1e-5, 3e-3, 1e30]\n"));
    let printed = succeeds(elbo(&here).args(args("sweep plan.toml --out out --jobs 2")));
    assert!(printed.stderr.contains("3 trials in out, 2 side by side\n"), "{printed:#?}");
    let rows: Vec<Vec<&str>> = printed.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[2][..2], ["trial", "learning_rate"]);
    let found: Vec<&str> = rows[3..6].iter().map(|row| row[0]).collect();
    assert_eq!(found, ["002", "001", "003"], "{printed:#?}");
    assert_eq!([3, 4, 5].map(|row: usize| *rows[row].last().unwrap()), ["finished", "finished", "failed"]);
    assert!(
        printed.stdout.ends_with('\n') && printed.stdout.contains("\n003 failed: the loss is not finite in epoch 1")
    );
    let out = here.path().join("out");
    let trials = trials(&out);
    assert_eq!(trials, ["001-learning_rate=1e-5", "002-learning_rate=0.003", "003-learning_rate=1e30"]);
    let table = fs::read_to_string(out.join("sweep.csv")).unwrap();
    assert!(table.lines().nth(1).unwrap().starts_with("002-learning_rate=0.003,finished,0.003,"), "{table}");

    // What is finished is kept, to the last byte.
    let before: Vec<_> = contents(&out).into_iter().filter(|(path, _)| !path.ends_with("sweep.csv")).collect();
    let again = succeeds(elbo(&here).args(args("sweep plan.toml --out out --quiet")));
    assert_eq!(again.stdout, printed.stdout);
    let after: Vec<_> = contents(&out).into_iter().filter(|(path, _)| !path.ends_with("sweep.csv")).collect();
    assert!(before == after);

    let config = out.join(&trials[1]).join("config.toml");
    succeeds(elbo(&here).args(args("train --out alone --no-figures --quiet --config")).arg(&config));
    assert!(model(here.path().join("alone")) == model(out.join(&trials[1])));
    succeeds(elbo(&here).args(["compare", "alone"]).arg(out.join(&trials[1])));

    plan(&here, &format!("{BASE}[grid]\nlearning_rate = [1e-4]\n"));
    let message = fails(elbo(&here).args(args("sweep plan.toml --out out")));
    assert!(
        message.contains("a trial of another sweep") && message.contains("\nhint: choose another --out"),
        "{message}"
    );
}

#[test]
fn what_the_machine_kept_from_working_is_tried_again() {
    let here = with_bars();
    plan(&here, &format!("{BASE}[grid]\nbeta = [1, 2]\n"));
    let out = here.path().join("out");
    // A directory in the place of a file stands for a file that cannot be written.
    let in_the_way = out.join("001-beta=1/best.safetensors");
    fs::create_dir_all(in_the_way.join("inside")).unwrap();
    let printed = ends_with(1, elbo(&here).args(args("sweep plan.toml --out out --quiet")));
    assert!(printed.stdout.contains(" finished\n") && printed.stdout.contains(" open\n"), "{printed:#?}");
    let said = "error: 1 trial failed for a reason of the machine: 001-beta=1: cannot write ";
    assert!(printed.stderr.starts_with(said), "{printed:#?}");
    assert!(printed.stderr.ends_with("\nhint: the same command tries again\n"), "{printed:#?}");
    assert!(!out.join("001-beta=1/failed.txt").exists());
    fs::remove_dir_all(in_the_way).unwrap();
    let printed = succeeds(elbo(&here).args(args("sweep plan.toml --out out --quiet"))).stdout;
    assert_eq!(printed.matches("finished").count(), 2, "{printed}");
}

#[test]
fn a_trial_waits_for_who_is_about_to_leave_its_directory() {
    let here = with_bars();
    plan(&here, &format!("{BASE}[grid]\nbeta = [1]\n"));
    let trial = here.path().join("out/001-beta=1");
    fs::create_dir_all(&trial).unwrap();
    let lock = fs::File::create(trial.join(".lock")).unwrap();
    lock.lock().unwrap();
    let other = std::thread::spawn(move || {
        // Until the sweep has found it taken, or else it is taken for nothing.
        std::thread::sleep(std::time::Duration::from_secs(2));
        drop(lock);
    });
    let printed = succeeds(elbo(&here).args(args("sweep plan.toml --out out --quiet"))).stdout;
    assert_eq!(printed.matches("finished").count(), 1, "{printed}");
    other.join().unwrap();
}

#[test]
fn a_sweep_of_nothing_but_failures_has_failed() {
    let here = with_bars();
    plan(&here, &format!("{BASE}[grid]\nlearning_rate = [1e30, 1e31]\n"));
    for _ in 0..2 {
        let printed = ends_with(1, elbo(&here).args(args("sweep plan.toml --out out --quiet")));
        assert_eq!(printed.stdout.matches(" failed: the loss is not finite").count(), 2, "{printed:#?}");
        assert_eq!(printed.stderr, "error: every trial failed\n");
    }
}

#[test]
fn the_worse_half_ends_early() {
    let here = with_bars();
    let text = format!("{BASE}[random]\ncount = 4\nlearning_rate = {{ log = [1e-6, 1e-2] }}\n[halving]\nat = [0.5]\n");
    plan(&here, &text);
    let printed = succeeds(elbo(&here).args(args("sweep plan.toml --out out --json --quiet")));
    assert_eq!(printed.stderr, "");
    let json: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    let of = |key: &str| json["trials"].as_array().unwrap().iter().map(|trial| trial[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("status"), ["finished", "finished", "halved", "halved"]);
    assert_eq!(of("epochs"), [2, 2, 1, 1]);
    assert!(json["trials"][0]["settings"]["learning_rate"].is_f64());
    // A trial that ended early is a run that can go on.
    let halved = of("run")[3].as_str().unwrap().to_owned();
    succeeds(elbo(&here).args(["train", "--no-figures", "--quiet", "--resume", &halved]));
}

#[cfg(unix)]
#[test]
fn a_sweep_that_is_stopped_goes_on_to_the_same_models() {
    let here = with_bars();
    plan(&here, &format!("{BASE}[grid]\nepochs = [400]\nbeta = [1, 2]\n"));
    let mut sweep = elbo(&here);
    sweep.args(args("sweep plan.toml --out out --jobs 2")).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut sweep = sweep.spawn().unwrap();
    let out = here.path().join("out");
    let has_begun =
        || trials(&out).iter().filter(|trial| out.join(trial).join("model.safetensors").exists()).count() == 2;
    while !out.exists() || !has_begun() {
        assert!(sweep.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // To the sweep alone: it tells its trials.
    assert!(Command::new("kill").args(["-INT", &sweep.id().to_string()]).status().unwrap().success());
    let output = sweep.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(
        said.ends_with("stopped; all trials are saved\ngo on with: elbo sweep plan.toml --out out --jobs 2\n"),
        "{said}"
    );
    assert!(said.matches("failed").count() == 0, "{said}");

    let printed = succeeds(elbo(&here).args(args("sweep plan.toml --out out --quiet"))).stdout;
    assert_eq!(printed.matches("finished").count(), 2, "{printed}");
    let config = out.join("002-beta=2-epochs=400/config.toml");
    succeeds(elbo(&here).args(args("train --out alone --no-figures --quiet --config")).arg(&config));
    assert!(model(here.path().join("alone")) == model(out.join("002-beta=2-epochs=400")));
}

#[test]
fn what_a_sweep_cannot_be_is_said_before_anything_is_made() {
    let here = with_bars();
    let without = BASE.replace("validation = 0.1\n", "");
    for (text, said) in [
        (
            format!("{without}[grid]\nbeta = [1]\n"),
            "trials are ranked by the loss on them: the test set is never used for that\nhint: hold some out: validation = 0.1 in [base]",
        ),
        (format!("{BASE}[grid]\nlearning_rat = [1]\n"), "[grid] has no setting 'learning_rat'; it may have "),
        (format!("{BASE}[grid]\nlikelihood = [\"gaussian\"]\n"), "varies 'likelihood'"),
        (format!("{BASE}[grid]\nseed = [1, 2]\n"), "varies 'seed'"),
        (format!("{BASE}[grid]\nbeta = [1, nan]\n"), "[grid] beta = NaN: beta must be a finite number"),
        (format!("{BASE}[grid]\nbeta = [1, 1.0]\n"), "trials 001-beta=1 and 002-beta=1.0 have the same settings"),
        (BASE.replace("bars", "nowhere") + "[grid]\nbeta = [1]\n", "nowhere: no such directory"),
    ] {
        plan(&here, &text);
        let message = fails(elbo(&here).args(args("sweep plan.toml --out out")));
        assert!(message.contains(said), "{message}");
    }
    assert!(fails(elbo(&here).args(args("sweep nowhere.toml --out out"))).contains("nowhere.toml"));
    assert_eq!(names(&here), ["bars", "plan.toml"]);
}
