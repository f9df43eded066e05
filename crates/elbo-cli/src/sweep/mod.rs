//! `elbo sweep`.

mod report;
mod workers;

use crate::Outcome;
use crate::args::SweepArgs;
use crate::hints;
use crate::interrupt::on_request;
use crate::output::{counted, note, print};
use crate::progress::work_bar;
use crate::{shell, source};
use elbo::dataset::Splits;
use elbo::files::{best_epoch, read_metrics};
use elbo::recipe::EMBEDDED_DATA;
use elbo::sweep::{Plan, Stage, Sweep, Trial};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use workers::{Ended, Workers};

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
    }
    let stop = stop_on_interrupt()?;
    let bar = work_bar("trials", sweep.trials().len(), quiet);
    while let Some(stage) = sweep.next()? {
        let others = sweep.trials().len() - stage.trials.len();
        bar.set_position(others as u64);
        let is_complete = train(&sweep, stage, jobs, &stop, &mut |line| {
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
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<bool> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (jobs > 1).then(|| (cores / jobs).max(1));
    let mut workers = Workers::new();
    let mut left = stage.trials.into_iter();
    loop {
        while !stop.load(Ordering::Relaxed) && workers.len() < jobs {
            let Some((number, until)) = left.next() else { break };
            let trial = &sweep.trials()[number];
            let run = sweep.prepare(trial)?;
            workers.start(number, &run, until, threads)?;
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
                if let Some(line) = line(sweep, trial, ended)? {
                    say(&line);
                }
            }
        }
    }
}

/// What there is to say of a trial whose process has ended; a failure is kept.
fn line(sweep: &Sweep, trial: &Trial, ended: Ended) -> anyhow::Result<Option<String>> {
    let name = &trial.name;
    Ok(match ended {
        Ended::Stopped => None,
        Ended::Failed(reason) => {
            sweep.fail(trial, &reason)?;
            Some(format!("{name}: failed: {reason}"))
        }
        Ended::Killed(reason) => anyhow::bail!("{name}: its process ended: {reason}; the same command goes on"),
        Ended::Done => {
            let history = read_metrics(&sweep.prepare(trial)?.metrics()).map_err(elbo::Error::from)?;
            let best = best_epoch(&history).and_then(|best| Some((best.epoch, best.held_out?.1.total())));
            best.map(|(epoch, loss)| {
                let epochs = counted(history.len(), "epoch");
                format!("{name}: lowest validation loss {loss:.4} after epoch {epoch} of {epochs}")
            })
        }
    })
}
