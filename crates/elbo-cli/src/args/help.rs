//! The arguments of `elbo help`.

/// Show help: of a command, or the guide
///
/// elbo help COMMAND is what elbo COMMAND --help prints. elbo help guide prints the guide, and elbo help guide CHAPTER one
/// chapter of it, as text; a pager makes it easier to read: elbo help guide | less
#[derive(clap::Args)]
pub(crate) struct HelpArgs {
    /// A command; or guide, and the name of a chapter
    #[arg(num_args = 0..=2, value_name = "COMMAND|guide")]
    pub(crate) topic: Vec<String>,
}
