//! `elbo help`: the help of a command, or the guide in the terminal.

mod text;

use crate::Outcome;
use crate::args::{Args, HelpArgs};
use crate::output::{note, print};
use clap::CommandFactory;
use elbo_guide::{CHAPTERS, Chapter};
use std::fmt::Write;

pub(crate) fn help(arguments: &HelpArgs) -> anyhow::Result<Outcome> {
    let topic: Vec<&str> = arguments.topic.iter().map(String::as_str).collect();
    match topic[..] {
        [] => print(&Args::command().render_long_help().to_string())?,
        ["guide"] => {
            print(&whole())?;
            note(&format!("a chapter alone: elbo help guide CHAPTER, which may be {}", names()));
        }
        ["guide", name] => match CHAPTERS.iter().find(|chapter| chapter.name == name) {
            Some(chapter) => print(&text::render(chapter.text))?,
            None => anyhow::bail!("the guide has no chapter '{name}'; it has {}", names()),
        },
        [name, ..] => {
            let mut command = Args::command();
            command.build();
            match command.find_subcommand_mut(name) {
                Some(command) if topic.len() == 1 => print(&command.render_long_help().to_string())?,
                Some(_) => anyhow::bail!("'{name}' has no commands of its own: elbo help {name}"),
                None => anyhow::bail!("there is no command '{name}': elbo help shows all, elbo help guide the guide"),
            }
        }
    }
    Ok(Outcome::Done)
}

/// The names of the chapters.
fn names() -> String {
    CHAPTERS.iter().map(|chapter| chapter.name).collect::<Vec<_>>().join(", ")
}

/// The table of contents and all chapters.
fn whole() -> String {
    let width = CHAPTERS.iter().map(|chapter| chapter.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for Chapter { name, title, .. } in CHAPTERS {
        let _ = writeln!(out, "{name:width$}  {title}");
    }
    for chapter in CHAPTERS {
        let _ = write!(out, "\n\n{}", text::render(chapter.text));
    }
    out
}
