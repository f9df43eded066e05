//! What Ctrl-C does to a command that has nothing to go on with later.

use crate::INTERRUPTED;
use crate::output::note;
use elbo::storage::remove_unfinished;

/// From here on Ctrl-C ends the process at once; a file that it was writing is not left behind, and what was there before
/// under its name stays.
pub(crate) fn end_at_once() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        remove_unfinished();
        note("stopped");
        std::process::exit(i32::from(INTERRUPTED));
    })
}
