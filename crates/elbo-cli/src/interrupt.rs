//! What happens when a command is asked to end: by Ctrl-C, by `kill`, or because its terminal is gone.

use crate::INTERRUPTED;
use crate::output::note;
use elbo::storage::remove_unfinished;
use std::io;

/// From here on that ends the process at once; a file that it was writing is not left behind, and what was there before under
/// its name stays.
pub(crate) fn end_at_once() -> io::Result<()> {
    on_request(|| {
        remove_unfinished();
        note("stopped");
        std::process::exit(i32::from(INTERRUPTED));
    })
}

/// From here on `act` is called each time, in a thread of its own, and nothing else happens. A command that was started with
/// `nohup` is to outlive its terminal, and is not told that it is gone.
#[cfg(unix)]
pub(crate) fn on_request(act: impl Fn() + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut kinds = vec![SIGINT, SIGTERM];
    if !ignores_hangup() {
        kinds.push(SIGHUP);
    }
    let mut signals = Signals::new(kinds)?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || signals.forever().for_each(|_| act()))?;
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn on_request(act: impl Fn() + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(act).map_err(io::Error::other)
}

/// Whether this process was started to ignore the signal that its terminal is gone. Only Linux says.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Signal 1 is the lowest bit.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
