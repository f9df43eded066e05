//! Trials in processes of their own.

use super::code::cause_of;
use elbo::RunDirectory;
use elbo::sweep::Cause;
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the processes are looked at.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// How the process of a trial ended.
pub(super) enum Ended {
    /// It has had its epochs.
    Done,
    /// It was asked to stop, and is saved.
    Stopped,
    /// It failed, for this cause and in these words.
    Failed(Cause, String),
}

/// A process that trains.
struct Worker {
    trial: usize,
    process: Child,
    /// As long as this is open it goes on: so it ends with this process too, however that ends.
    alive: Option<ChildStdin>,
    /// What it says.
    said: Option<JoinHandle<String>>,
}

/// The processes at work.
pub(super) struct Workers(Vec<Worker>);

impl Workers {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Starts a process that trains a run up to an epoch.
    pub(super) fn start(
        &mut self,
        trial: usize,
        run: &RunDirectory,
        until: u32,
        threads: Option<usize>,
    ) -> anyhow::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("train");
        if run.checkpoint().exists() {
            command.arg(option("--resume=", run.path()));
        } else {
            command.args([option("--config=", &run.config()), option("--out=", run.path())]);
        }
        command.args(["--quiet", "--no-figures", "--while-stdin", "--stop-after", &until.to_string()]);
        if let Some(threads) = threads {
            command.args(["--threads", &threads.to_string()]);
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let alive = process.stdin.take();
        let said = process.stderr.take().map(|mut stderr| {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                // What could not be read is not told.
                let _ = stderr.read_to_end(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            })
        });
        self.0.push(Worker { trial, process, alive, said });
        Ok(())
    }

    /// Asks all to save and stop.
    pub(super) fn stop(&mut self) {
        for worker in &mut self.0 {
            worker.alive = None;
        }
    }

    /// The next one that has ended, if any does within a moment.
    pub(super) fn wait(&mut self) -> Option<(usize, Ended)> {
        let ended = |worker: &mut Worker| !matches!(worker.process.try_wait(), Ok(None));
        let Some(place) = self.0.iter_mut().position(ended) else {
            if !self.0.is_empty() {
                std::thread::sleep(PAUSE);
            }
            return None;
        };
        let mut worker = self.0.remove(place);
        let said = worker.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let ended = match worker.process.wait() {
            Ok(status) if status.success() => Ended::Done,
            Ok(status) if status.code() == Some(i32::from(crate::INTERRUPTED)) => Ended::Stopped,
            Ok(status) => {
                // A signal leaves no code, such as for a lack of memory.
                let cause = status.code().map_or(Cause::Machine, cause_of);
                Ended::Failed(cause, reason(&said).unwrap_or_else(|| format!("its process ended: {status}")))
            }
            Err(error) => Ended::Failed(Cause::Machine, error.to_string()),
        };
        Some((worker.trial, ended))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // An error ends the sweep: what is at work saves and stops first.
        self.stop();
        for worker in &mut self.0 {
            let _ = worker.process.wait();
        }
    }
}

/// An option with a path, which may begin like an option.
fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

/// The error that a command printed, in one line.
fn reason(said: &str) -> Option<String> {
    let line = said.lines().find_map(|line| line.strip_prefix("error: "))?;
    Some(line.trim().to_owned())
}
