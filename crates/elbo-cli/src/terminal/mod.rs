//! Pictures in the terminal.

mod cells;
mod kitty;

use crate::output::print;
use elbo::figures::RasterImage;
use std::io::{IsTerminal, stdout};
use terminal_size::{Width, terminal_size};

/// Columns of a terminal that does not say how many it has.
const USUAL_WIDTH: usize = 80;

/// A place where pictures can be shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    columns: usize,
    /// Whether it takes pictures as they are.
    takes_pictures: bool,
}

impl Screen {
    /// The terminal, if one is wanted.
    ///
    /// # Errors
    /// If stdout is none, before work is done that would be for nothing.
    pub(crate) fn open(wanted: bool) -> anyhow::Result<Option<Self>> {
        if !wanted {
            return Ok(None);
        }
        let [term, program] = ["TERM", "TERM_PROGRAM"].map(|name| std::env::var(name).unwrap_or_default());
        if !stdout().is_terminal() || term == "dumb" {
            anyhow::bail!(
                "--show: standard output is no terminal that shows pictures\nhint: leave out --show, and look at the file"
            );
        }
        let columns = terminal_size().map_or(USUAL_WIDTH, |(Width(columns), _)| usize::from(columns));
        Ok(Some(Self { columns: columns.max(1), takes_pictures: kitty::is_known(&term, &program) }))
    }

    /// Shows a picture, made smaller if it is wider than the terminal.
    pub(crate) fn show(self, picture: &RasterImage) -> anyhow::Result<()> {
        if self.takes_pictures {
            let png = picture.png().map_err(elbo::Error::from)?;
            return print(&kitty::escape(&png, picture.width(), self.columns));
        }
        print(&cells::cells(picture, self.columns)?)
    }
}
