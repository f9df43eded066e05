//! Runs that stop and go on: by Ctrl-C, by a kill, or because they were finished.

use crate::common::{
    BARS, IdxFiles, args, contents, elbo, fails, measured, model, names, succeeds, train, with_bars, with_run,
};
use std::fs;
use std::path::Path;

#[test]
fn a_finished_run_is_left_as_it_is() {
    let here = with_run();
    let run = here.path().join("run");
    let (before, metrics) = (model(&run), measured(&run));
    let printed = succeeds(elbo(&here).args(args("train --resume run")));
    assert!(printed.stdout.starts_with("done: test ELBO loss "), "{printed:#?}");
    assert_eq!(printed.stdout.lines().count(), 1);
    assert!(model(&run) == before && measured(&run) == metrics);
}

#[test]
fn more_epochs_end_where_a_longer_run_would() {
    let here = with_bars();
    succeeds(&mut train(&here, "bars --epochs 4 --shuffle --quiet --out whole"));
    succeeds(&mut train(&here, "bars --epochs 1 --shuffle --quiet --out parts"));
    for epochs in [2, 4] {
        let line = format!("train --resume parts --epochs {epochs} --threads 1");
        let printed = succeeds(elbo(&here).args(args(&line)));
        assert!(printed.stdout.contains(&format!("\nepoch {epochs}/{epochs}  ")) || epochs == 2, "{printed:#?}");
        assert!(printed.stdout.contains(&format!(" {epochs} epochs in ")), "{printed:#?}");
    }
    let (whole, parts) = (here.path().join("whole"), here.path().join("parts"));
    assert!(model(&whole) == model(&parts));
    assert_eq!(measured(&whole), measured(&parts));
    assert_eq!(names(&whole), names(&parts));
}

#[test]
fn fewer_epochs_than_done_are_refused() {
    let here = with_run();
    let before = contents(&here.path().join("run"));
    let message = fails(elbo(&here).args(args("train --resume run --epochs 1")));
    assert!(message.contains('2') && message.contains("epochs"), "{message}");
    assert_eq!(contents(&here.path().join("run")), before);
}

#[test]
fn data_that_moved_is_given_anew() {
    let here = with_run();
    fs::rename(here.path().join("bars"), here.path().join("moved")).unwrap();
    for line in ["train --resume run --epochs 3", "evaluate run"] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(
            message.contains("bars: the data of the run are not here any more\nhint: if they were moved"),
            "{message}"
        );
    }
    let message = fails(elbo(&here).args(args("train nowhere --resume run --epochs 3")));
    assert!(message.contains("nowhere: no such directory"), "{message}");
    succeeds(elbo(&here).args(args("train moved --resume run --epochs 3 --quiet")));
    // From now on it is found without help.
    succeeds(elbo(&here).args(args("train --resume run --epochs 4 --quiet")));
    assert_eq!(measured(here.path().join("run")).len(), 4);
    succeeds(elbo(&here).args(args("evaluate run")));
}

#[test]
fn other_data_is_refused_and_nothing_changes() {
    let here = with_run();
    let before = contents(&here.path().join("run"));
    for (name, part, other) in [
        ("pixels", "training", IdxFiles { seed: 2, ..BARS }),
        ("count", "training", IdxFiles { train: 201, ..BARS }),
        ("tested", "test", IdxFiles { test: 61, ..BARS }),
        ("untested", "test", IdxFiles { test: 0, ..BARS }),
        ("labels", "training", IdxFiles { labels: false, ..BARS }),
        ("shape", "training", IdxFiles { height: 10, width: 12, ..BARS }),
    ] {
        other.write(here.path().join(name));
        let message = fails(elbo(&here).args(["train", name, "--resume", "run", "--epochs", "3"]));
        assert!(message.contains(&format!("the {part} set is not that of the run")), "{message}");
        assert!(message.contains("\nhint: if 'bars' lies elsewhere, give its path as DATA; if it has changed, bring it back, or train anew"), "{message}");
    }
    assert_eq!(contents(&here.path().join("run")), before);
}

#[test]
fn without_a_checkpoint_there_is_nothing_to_go_on_from() {
    let here = with_run();
    let checkpoint = here.path().join("run/checkpoint.safetensors");
    let whole = fs::read(&checkpoint).unwrap();
    fs::write(&checkpoint, &whole[..whole.len() / 2]).unwrap();
    let message = fails(elbo(&here).args(args("train --resume run --epochs 3")));
    assert!(message.contains("checkpoint.safetensors") && message.contains("cut short"), "{message}");
    fs::remove_file(&checkpoint).unwrap();
    let message = fails(elbo(&here).args(args("train --resume run --epochs 3")));
    assert!(message.contains("no checkpoint.safetensors") && message.contains("\nhint: "), "{message}");
    // The model is none the worse.
    succeeds(elbo(&here).args(args("generate run")));
    let message = fails(elbo(&here).args(args("train --resume run/model.safetensors")));
    assert!(message.contains("model.safetensors"), "{message}");
}

#[cfg(unix)]
mod signals {
    use super::*;
    use crate::common::{IdxFiles, elbo};
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, ChildStdout, Stdio};
    use std::time::{Duration, Instant};

    /// More epochs than any of these tests lets happen.
    const ENDLESS: &str = "--epochs 1000000";

    /// A run in a process of its own, which ends with the test whatever happens.
    struct Running {
        child: Child,
        stdout: BufReader<ChildStdout>,
    }

    impl Running {
        fn start(here: &Path, line: &str) -> Self {
            let mut command = elbo(here);
            command.arg("train").args(args(line));
            Self::spawn(command)
        }

        fn spawn(mut command: std::process::Command) -> Self {
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let stdout = BufReader::new(child.stdout.take().unwrap());
            Self { child, stdout }
        }

        /// The next line of its stdout; none when it has ended.
        fn line(&mut self) -> String {
            let mut line = String::new();
            self.stdout.read_line(&mut line).unwrap();
            line
        }

        fn signal(&self, name: &str) {
            let id = self.child.id().to_string();
            assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
        }

        /// The exit code and what was left on stderr.
        fn end(mut self) -> (std::process::ExitStatus, String) {
            let (mut stdout, mut stderr) = (String::new(), String::new());
            self.stdout.read_to_string(&mut stdout).unwrap();
            self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            (self.child.wait().unwrap(), stderr)
        }
    }

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// The settings of these runs, without the epochs, which a rate that falls would depend on.
    const SETTINGS: &str = "--recipe reference --widths 4,6 --latent-dim 3 --batch-size 17 --shuffle";

    /// That a run goes on to the same bits as if it had never stopped.
    fn goes_on_as_if_it_had_never_stopped(here: &Path, run: &str) {
        let resumed = here.join(run);
        let run = if resumed.is_dir() { &*resumed } else { resumed.parent().unwrap() };
        // A killed run may have measured one epoch more than its checkpoint knows.
        let epochs = if run.join("metrics.csv").exists() { measured(run).len() } else { 0 } + 2;
        let resume = format!("train --quiet --epochs {epochs} --resume");
        succeeds(elbo(here).args(args(&resume)).arg(&resumed));
        let whole = format!("train bars --quiet --epochs {epochs} --out whole {SETTINGS}");
        succeeds(elbo(here).args(args(&whole)));
        assert!(model(run) == model(here.join("whole")), "after {epochs} epochs");
        assert_eq!(measured(run), measured(here.join("whole")));
    }

    #[test]
    fn ctrl_c_ends_at_once_while_pictures_are_read() {
        let here = tempfile::tempdir().unwrap();
        let photos = here.path().join("photos");
        fs::create_dir(&photos).unwrap();
        let picture = here.path().join("a.bmp");
        image::RgbImage::new(3000, 3000).save(&picture).unwrap();
        // Minutes of work.
        for number in 0..2000 {
            std::os::unix::fs::symlink(&picture, photos.join(format!("{number}.bmp"))).unwrap();
        }
        let running = Running::start(here.path(), "photos --size 16 --memory 1K --out place/run");
        let begun = Instant::now();
        while !here.path().join("place/.elbo-cache").exists() {
            assert!(begun.elapsed() < Duration::from_secs(120), "no picture is read");
            std::thread::sleep(Duration::from_millis(10));
        }
        running.signal("-INT");
        let (status, stderr) = running.end();
        assert_eq!(status.code(), Some(130), "{stderr}");
        assert_eq!(stderr, "stopped before the images were read\n");
        assert_eq!(names(here.path().join("place")), [".elbo-cache"]);
    }

    #[test]
    fn ctrl_c_saves_and_says_how_to_go_on() {
        let here = with_bars();
        let mut running = Running::start(here.path(), &format!("bars --out run {ENDLESS} {SETTINGS}"));
        assert!(running.line().starts_with("epoch       1/1000000  "));
        running.signal("-INT");
        let (status, stderr) = running.end();
        assert_eq!(status.code(), Some(130), "{stderr}");
        let last: Vec<&str> = stderr.lines().rev().take(2).collect();
        assert_eq!(last[0], "go on with: elbo train --resume run");
        assert_eq!(crate::common::masked(last[1]), "stopped after # of # epochs and # batches; the run is saved");
        assert!(!stderr.contains('\r') && !stderr.contains('\x1b'), "{stderr:?}");
        // What is there serves without going on.
        succeeds(elbo(&here).args(args("evaluate run")));
        goes_on_as_if_it_had_never_stopped(here.path(), "run");
    }

    /// Whether `nohup` started these tests themselves.
    fn ignores_hangup() -> bool {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
    }

    /// As `nohup` starts it, a run outlives its terminal; else it is saved and ends with it.
    #[test]
    fn a_terminal_that_goes_away_ends_a_run_unless_it_was_told_to_stay() {
        let here = with_bars();
        for (name, trap, signals) in [("alone", "", &["-HUP"][..]), ("kept", "trap '' HUP; ", &["-HUP", "-TERM"])] {
            let is_kept = signals.len() > 1;
            // Only Linux says what a process ignores; and what these tests were started to ignore, all that they start does.
            if is_kept && !cfg!(target_os = "linux") || !is_kept && ignores_hangup() {
                eprintln!("skipped: {name}");
                continue;
            }
            let mut command = std::process::Command::new("sh");
            command.current_dir(&here).env("CUDA_VISIBLE_DEVICES", "");
            let script = format!("{trap}exec \"$0\" train bars --out {name} {ENDLESS} {SETTINGS}");
            command.args(["-c", &script, env!("CARGO_BIN_EXE_elbo")]);
            let mut running = Running::spawn(command);
            running.line();
            for signal in signals {
                running.signal(signal);
                if *signal != signals[signals.len() - 1] {
                    // It goes on: many epochs more than a pipe has room for lines of.
                    assert!((0..20).all(|_| running.line().starts_with("epoch")), "{name}");
                    std::thread::sleep(Duration::from_millis(200));
                    assert!(running.line().starts_with("epoch"), "{name}");
                }
            }
            let (status, stderr) = running.end();
            assert_eq!(status.code(), Some(130), "{name}: {stderr}");
            assert!(stderr.ends_with(&format!("go on with: elbo train --resume {name}\n")), "{stderr}");
        }
    }

    #[test]
    fn the_command_to_go_on_can_be_pasted() {
        let here = with_bars();
        let out = "it's a run";
        let mut command = elbo(&here);
        command.args(args("train bars --out")).arg(out).args(args(&format!("{ENDLESS} {SETTINGS}")));
        let mut running = Running::spawn(command);
        running.line();
        running.signal("-INT");
        let (_, stderr) = running.end();
        let typed = stderr.lines().last().unwrap().strip_prefix("go on with: elbo ").unwrap();
        let epochs = measured(here.path().join(out)).len();
        let script = format!("exec \"$0\" {typed} --epochs {} --quiet", epochs + 1);
        let mut shell = std::process::Command::new("sh");
        shell.current_dir(&here).env("CUDA_VISIBLE_DEVICES", "");
        succeeds(shell.args(["-c", &script, env!("CARGO_BIN_EXE_elbo")]));
        assert_eq!(measured(here.path().join(out)).len(), epochs + 1);
    }

    #[test]
    fn termination_saves_too() {
        let here = with_bars();
        let mut running = Running::start(here.path(), &format!("bars --out run {ENDLESS} {SETTINGS}"));
        running.line();
        running.signal("-TERM");
        let (status, stderr) = running.end();
        assert_eq!(status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("the run is saved"), "{stderr}");
    }

    #[test]
    fn a_killed_run_goes_on_from_its_last_checkpoint() {
        let here = with_bars();
        let run = here.path().join("run");
        let first = format!("bars --out run {ENDLESS} {SETTINGS}");
        let again = format!("--resume run {ENDLESS}");
        // Several kills of one run, after these lines and this much later.
        for (start, lines, microseconds) in
            [(&first, 1, 0), (&again, 1, 700), (&again, 2, 1900), (&again, 1, 3100), (&again, 3, 4700)]
        {
            let mut running = Running::start(here.path(), start);
            for _ in 0..lines {
                assert!(running.line().starts_with("epoch "));
            }
            std::thread::sleep(Duration::from_micros(microseconds));
            running.signal("-KILL");
            let (status, _) = running.end();
            assert_eq!(status.signal(), Some(9));
            // Files are wholly there.
            elbo::Model::read(&run.join("model.safetensors")).unwrap();
            measured(&run);
        }
        goes_on_as_if_it_had_never_stopped(here.path(), "run");
    }

    #[test]
    fn a_run_killed_before_its_first_epoch_goes_on_too() {
        let here = with_bars();
        let running = Running::start(here.path(), &format!("bars --out run {ENDLESS} {SETTINGS}"));
        let checkpoint = here.path().join("run/checkpoint.safetensors");
        let start = Instant::now();
        while !checkpoint.exists() {
            assert!(start.elapsed() < Duration::from_secs(60), "no checkpoint");
            std::thread::sleep(Duration::from_millis(1));
        }
        running.signal("-KILL");
        running.end();
        // A slow machine may have let it get so far.
        if !here.path().join("run/model.safetensors").exists() {
            for line in ["generate run", "evaluate run", "reconstruct run", "figures run", "summary run"] {
                let message = fails(elbo(&here).args(args(line)));
                assert!(message.contains("run: no model yet"), "{line}: {message}");
                assert!(message.contains("go on with it: elbo train --resume run"), "{line}: {message}");
            }
        }
        goes_on_as_if_it_had_never_stopped(here.path(), "run/checkpoint.safetensors");
    }

    #[test]
    fn one_process_at_a_time_trains_in_a_directory() {
        let here = with_bars();
        let mut running = Running::start(here.path(), &format!("bars --out run {ENDLESS} {SETTINGS}"));
        running.line();
        let part = here.path().join("run/.elbo-1-0.part");
        fs::write(&part, "what the process is writing").unwrap();
        for line in ["train --resume run", "train --resume run --epochs 2000000", "train moved --resume run"] {
            let message = fails(elbo(&here).args(args(line)));
            let holder = running.child.id();
            assert!(message.contains(&format!("run is in use: process {holder} trains in it")), "{message}");
            assert!(message.contains("\nhint: wait until it ends"), "{message}");
        }
        assert!(part.exists());
        // What only reads a run, or draws it, goes on.
        succeeds(elbo(&here).args(args("evaluate run")));
        succeeds(elbo(&here).args(args("figures run")));
        assert!(running.child.try_wait().unwrap().is_none());
        running.signal("-KILL");
        running.end();
        // The lock has died with its process.
        goes_on_as_if_it_had_never_stopped(here.path(), "run");
        assert!(!part.exists());
    }

    #[test]
    fn a_second_ctrl_c_ends_at_once() {
        let here = tempfile::tempdir().unwrap();
        // One step of many seconds.
        IdxFiles { height: 96, width: 96, train: 2000, test: 0, ..BARS }.write(here.path().join("large"));
        let mut running = Running::start(here.path(), "large --out run --batch-size 2000 --widths 64,64");
        let mut stderr = BufReader::new(running.child.stderr.take().unwrap());
        let mut text = String::new();
        while !text.contains("run directory") {
            assert_ne!(stderr.read_line(&mut text).unwrap(), 0, "{text}");
        }
        // Signals that come too soon after one another may be taken for one.
        while running.child.try_wait().unwrap().is_none() {
            running.signal("-INT");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(running.child.wait().unwrap().code(), Some(130));
        stderr.read_to_string(&mut text).unwrap();
        assert!(!text.contains("the run is saved"), "{text}");
        assert!(!here.path().join("run/model.safetensors").exists());
    }
}
