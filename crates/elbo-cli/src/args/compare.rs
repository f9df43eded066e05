//! The arguments of `elbo compare`.

use std::path::PathBuf;

/// Show runs beside one another
///
/// Prints the settings in which runs differ, and their losses on images that are not trained on, the best run first. Runs whose
/// losses cannot be compared, since they are of another likelihood, of images of another form or of other images, have
/// tables of their own, with the reason.
#[derive(clap::Args)]
pub(crate) struct CompareArgs {
    /// Run directories
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,

    /// Draw the losses by epoch to this PNG file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
