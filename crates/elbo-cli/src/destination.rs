//! Where results go: never in the place of what is read, nor of what a run keeps.

use crate::source::data_of;
use elbo::RunDirectory;
use std::path::Path;

/// Fails if to write the file `out` would destroy something that was no result: what the command reads, which are the run
/// with its data and `read`, or what a run keeps. An earlier result of that name is replaced.
pub(crate) fn check_file<'a>(out: &Path, run: &Path, read: impl IntoIterator<Item = &'a Path>) -> anyhow::Result<()> {
    // What is not there is not destroyed; and what is no file is told by who writes to it.
    let Ok(found) = out.canonicalize() else { return Ok(()) };
    let shown = out.display();
    let own = data_of(run);
    let is_out = |path: &Path| path.canonicalize().is_ok_and(|path| path == found);
    let is_read = is_out(run) || own.as_deref().is_some_and(is_out) || read.into_iter().any(is_out);
    anyhow::ensure!(!is_read, "{shown}: this is read, and would be written over\nhint: choose another name");
    anyhow::ensure!(
        !RunDirectory::keeps(&found),
        "{shown}: a run keeps this file, and it would be written over\nhint: choose another name"
    );
    Ok(())
}

/// Fails if there is anything in the directory `out`, which is to hold files with numbers for names.
pub(crate) fn check_directory(out: &Path) -> anyhow::Result<()> {
    let has_some = std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    anyhow::ensure!(
        !has_some,
        "{}: there is something in this directory already\nhint: give a new one, or an empty one",
        out.display()
    );
    Ok(())
}
