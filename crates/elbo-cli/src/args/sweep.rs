//! The arguments of `elbo sweep`.

use std::path::PathBuf;

/// Train many models that differ in a few settings
///
/// PLAN is a TOML file: [base] has the settings of all, [grid] lists of values of which every combination is tried, or else
/// [random] ranges and how often to draw from them. Each trial is a run directory in --out, and they are ranked by their lowest
/// loss on validation images. The same command goes on with a sweep that was stopped; Ctrl-C saves all. The guide has a page
/// about it: elbo help guide compare.
#[derive(clap::Args)]
pub(crate) struct SweepArgs {
    /// What to try
    pub(crate) plan: PathBuf,

    /// Directory for the trials and the table sweep.csv
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Trials to train side by side, in processes of their own; they share the threads of the processor
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) jobs: u32,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Print only the result
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
