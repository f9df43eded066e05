//! `elbo sweep`.

mod code;
mod report;
mod workers;

use crate::Outcome;
use crate::args::SweepArgs;
use crate::hints;
use crate::interrupt::on_request;
use crate::output::{counted, note, print};
use crate::progress::work_bar;
use crate::{shell, source};
use elbo::RunDirectory;
use elbo::dataset::Splits;
use elbo::files::{RunDirectoryError, best_epoch, read_metrics};
use elbo::recipe::EMBEDDED_DATA;
use elbo::sweep::{Cause, Plan, Stage, Status, Sweep, Trial};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use workers::{Ended, PAUSE, Workers};

pub(crate) use code::code_of;

/// How long a trial waits for another process to leave its directory.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a trial is begun anew whose directory another process took meanwhile.
const TRIES: u32 = 3;

pub(crate) fn run(arguments: &SweepArgs) -> anyhow::Result<Outcome> {
    let (quiet, jobs) = (arguments.quiet, arguments.jobs as usize);
    let plan = Plan::read(&arguments.plan)?;
    let data = load(&plan, arguments)?;
    let sweep = Sweep::open(&plan, &data, &arguments.out)?;
    drop(data);
    if !quiet {
        let (trials, side) = (
            counted(sweep.trials().len(), "trial"),
            if jobs > 1 { format!(", {jobs} side by side") } else { String::new() },
        );
        note(&format!("{trials} in {}{side}", arguments.out.display()));
        if sweep.repeats() > 0 {
            let draws = counted(sweep.repeats(), "draw");
            note(&format!("of settings that an earlier one has, and left out: {draws}"));
        }
    }
    let stop = stop_on_interrupt()?;
    let bar = work_bar("trials", sweep.trials().len(), quiet);
    // What failed for a reason of the machine, with that: it is tried again by the next call.
    let mut passing = Vec::new();
    while let Some(stage) = sweep.next()?.filter(|_| passing.is_empty()) {
        let others = sweep.trials().len() - stage.trials.len();
        bar.set_position(others as u64);
        let is_complete = train(&sweep, stage, jobs, &stop, &mut passing, &mut |line| {
            bar.inc(1);
            if !quiet {
                bar.suspend(|| note(line));
            }
        })?;
        sweep.write_table()?;
        if !is_complete {
            bar.finish_and_clear();
            note("stopped; all trials are saved");
            let (plan, out) = (shell::word(&arguments.plan), shell::word(&arguments.out));
            let jobs = if jobs > 1 { format!(" --jobs {jobs}") } else { String::new() };
            note(&format!("go on with: elbo sweep {plan} --out {out}{jobs}"));
            return Ok(Outcome::Interrupted);
        }
    }
    bar.finish_and_clear();
    sweep.write_table()?;
    print(&if arguments.json { report::as_json(&sweep)? } else { report::as_text(&sweep)? })?;
    if !quiet {
        note(&format!("the table is {}", arguments.out.join("sweep.csv").display()));
    }
    if let Some(first) = passing.first() {
        let failed = counted(passing.len(), "trial");
        anyhow::bail!("{failed} failed for a reason of the machine: {first}\nhint: the same command tries again");
    }
    let results = sweep.results()?;
    if results.iter().all(|result| matches!(result.status, Status::Failed(_))) {
        anyhow::bail!("every trial failed");
    }
    Ok(Outcome::Done)
}

/// The data of all trials, with what there is to say of them: the trials themselves say nothing.
fn load(plan: &Plan, arguments: &SweepArgs) -> anyhow::Result<Splits> {
    let name = plan.data()?;
    let options = plan.data_options()?.cached_beside(&arguments.out.join("trial"));
    let data = source::load(&name, &options, arguments.quiet)?;
    if !arguments.quiet && name != EMBEDDED_DATA {
        for oddity in data.oddities().map_err(elbo::Error::from)? {
            note(&hints::oddity(&oddity));
        }
    }
    let settings = plan.settings(&data)?;
    if let Some(own) = data.validation.as_ref().filter(|_| settings.recipe.validation > 0.0 && !arguments.quiet) {
        let own = counted(own.len(), "image");
        note(&format!("the validation set of {own} is left out for one held out of the training set"));
    }
    Ok(data)
}

/// True as soon as the user asks to stop; a second Ctrl-C ends this process, and with it the trials, which harms nothing that
/// is saved.
fn stop_on_interrupt() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    on_request(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(crate::INTERRUPTED));
        }
    })?;
    Ok(stop)
}

/// Trains the trials of a stage, so many side by side; false if that was stopped.
fn train(
    sweep: &Sweep,
    stage: Stage,
    jobs: usize,
    stop: &AtomicBool,
    passing: &mut Vec<String>,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<bool> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (jobs > 1).then(|| (cores / jobs).max(1));
    let mut workers = Workers::new();
    let mut left: VecDeque<(usize, u32)> = stage.trials.into();
    let goals: BTreeMap<usize, u32> = left.iter().copied().collect();
    let mut tries = BTreeMap::<usize, u32>::new();
    loop {
        while !stop.load(Ordering::Relaxed) && workers.len() < jobs {
            let Some((number, until)) = left.pop_front() else { break };
            let trial = &sweep.trials()[number];
            let run = sweep.prepare(trial)?;
            match wait_until_free(&run, stop) {
                Ok(()) => workers.start(number, &run, until, threads)?,
                Err(error) => pass(trial, &error.to_string(), passing, say),
            }
        }
        let is_stopped = stop.load(Ordering::Relaxed);
        if is_stopped {
            workers.stop();
        }
        match workers.wait() {
            None if workers.len() == 0 => return Ok(!is_stopped),
            None => {}
            Some((number, ended)) => {
                let trial = &sweep.trials()[number];
                match ended {
                    Ended::Stopped => {}
                    Ended::Done => {
                        if let Some(line) = best_of(sweep, trial)? {
                            say(&line);
                        }
                    }
                    Ended::Failed(Cause::Settings, reason) => {
                        sweep.fail(trial, &reason)?;
                        say(&format!("{}: failed: {reason}", trial.name));
                    }
                    Ended::Failed(Cause::Full, reason) => {
                        anyhow::bail!("{}: {reason}\nhint: free some space; the same command goes on", trial.name)
                    }
                    // Another process took the directory while this one read its data.
                    Ended::Failed(Cause::InUse, _) if tries.get(&number).is_none_or(|tries| *tries < TRIES) => {
                        *tries.entry(number).or_default() += 1;
                        left.push_front((number, goals[&number]));
                    }
                    Ended::Failed(_, reason) => pass(trial, &reason, passing, say),
                }
            }
        }
    }
}

/// Keeps that a trial failed for a reason of the machine, for as long as this process lasts.
fn pass(trial: &Trial, reason: &str, passing: &mut Vec<String>, say: &mut dyn FnMut(&str)) {
    let line = format!("{}: {reason}", trial.name);
    say(&line);
    passing.push(line);
}

/// Waits until nobody trains in a directory: where a sweep was killed, its trials save and end by themselves.
fn wait_until_free(run: &RunDirectory, stop: &AtomicBool) -> Result<(), elbo::Error> {
    let begin = Instant::now();
    loop {
        match run.check_not_in_use() {
            Err(RunDirectoryError::InUse { .. }) if begin.elapsed() < PATIENCE && !stop.load(Ordering::Relaxed) => {
                std::thread::sleep(PAUSE);
            }
            other => return Ok(other?),
        }
    }
}

/// How far a trial has come, and its best.
fn best_of(sweep: &Sweep, trial: &Trial) -> Result<Option<String>, elbo::Error> {
    let history = read_metrics(&sweep.prepare(trial)?.metrics())?;
    let best = best_epoch(&history).and_then(|best| Some((best.epoch, best.held_out?.1.total())));
    Ok(best.map(|(epoch, loss)| {
        let (name, epochs) = (&trial.name, counted(history.len(), "epoch"));
        format!("{name}: lowest validation loss {loss:.4} after epoch {epoch} of {epochs}")
    }))
}
