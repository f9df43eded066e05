//! `elbo completions` and `elbo man`: what shells and `man` know of the command.

use crate::Outcome;
use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::output::{counted, print};
use clap::CommandFactory;
use clap_mangen::Man;
use elbo::storage::{create_directory, write_atomically};

pub(crate) fn completions(arguments: &CompletionsArgs) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Args::command(), "elbo", &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(Outcome::Done)
}

pub(crate) fn man(arguments: &ManArgs) -> anyhow::Result<Outcome> {
    create_directory(&arguments.out).map_err(elbo::Error::from)?;
    let mut command = Args::command();
    // Gives commands the names of their pages.
    command.build();
    let commands = command.get_subcommands().filter(|command| command.get_name() != "help").cloned();
    let pages: Vec<_> = std::iter::once(command.clone()).chain(commands).map(Man::new).collect();
    for page in &pages {
        let mut text = Vec::new();
        page.render(&mut text)?;
        write_atomically(&arguments.out.join(page.get_filename()), &text).map_err(elbo::Error::from)?;
    }
    print(&format!("{} in {}\n", counted(pages.len(), "page"), arguments.out.display()))?;
    Ok(Outcome::Done)
}
