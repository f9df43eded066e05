//! The command `elbo`: reads arguments, calls the library, shows what comes back.

#![forbid(unsafe_code)]

mod args;
mod arithmetic;
mod bench;
mod codes;
mod compare;
mod data;
mod destination;
mod device;
mod ending;
mod evaluate;
mod exchange;
mod figures;
mod generate;
mod guide;
mod hints;
mod inspect;
mod interpolate;
mod interrupt;
mod manual;
mod operand;
mod output;
mod prior;
mod progress;
mod reconstruct;
mod score;
mod shell;
mod source;
mod summary;
mod sweep;
mod table;
mod terminal;
mod train;
mod traverse;

use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;

/// Exit code of a run that was interrupted, as shells have it: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let result = run(&Args::parse().command);
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Interrupted) => ExitCode::from(INTERRUPTED),
        Ok(Outcome::Failed(code)) => ExitCode::from(code),
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> anyhow::Result<Outcome> {
    // These two stop at a place from which they can go on.
    if !matches!(command, Command::Train(_) | Command::Sweep(_)) {
        interrupt::end_at_once()?;
    }
    match command {
        Command::Train(arguments) => train::run(arguments),
        Command::Data(arguments) => data::run(arguments),
        Command::Generate(arguments) => generate::run(arguments),
        Command::Encode(arguments) => codes::encode(arguments),
        Command::Decode(arguments) => codes::decode(arguments),
        Command::Interpolate(arguments) => interpolate::run(arguments),
        Command::Traverse(arguments) => traverse::run(arguments),
        Command::Arithmetic(arguments) => arithmetic::run(arguments),
        Command::Prior(arguments) => prior::run(arguments),
        Command::Reconstruct(arguments) => reconstruct::run(arguments),
        Command::Compare(arguments) => compare::run(arguments),
        Command::Sweep(arguments) => sweep::run(arguments),
        Command::Evaluate(arguments) => evaluate::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Score(arguments) => score::run(arguments),
        Command::Figures(arguments) => figures::run(arguments),
        Command::Summary(arguments) => summary::run(arguments),
        Command::Export(arguments) => exchange::run_export(arguments),
        Command::Import(arguments) => exchange::run_import(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Devices(arguments) => device::devices(arguments),
        Command::Completions(arguments) => manual::completions(arguments),
        Command::Man(arguments) => manual::man(arguments),
        Command::Help(arguments) => guide::help(arguments),
    }
}

/// How a command ended.
enum Outcome {
    Done,
    Interrupted,
    /// It failed after all, which is said already, and for its caller there is this code.
    Failed(u8),
}
