//! What is printed, and where: results to stdout, all else to stderr.

use crate::hints;
use anyhow::Context;
use elbo::figures::class_label;
use std::io::{self, Write};

/// Prints lines to stdout. An error is the caller's: a closed pipe ends a command that only prints.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("cannot write to standard output")
}

/// Prints a line to stderr. Where that is closed, there is nobody to tell.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Whether all that went wrong is that nobody reads stdout any more.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints an error and what to do about it to stderr.
pub(crate) fn print_error(error: &anyhow::Error) {
    // The library's messages tell their cause themselves; that of others is added.
    match error.downcast_ref::<elbo::Error>() {
        Some(error) => note(&format!("error: {error}")),
        None => note(&format!("error: {error:#}")),
    }
    if let Some(hint) = error.downcast_ref::<elbo::Error>().and_then(hints::hint) {
        note(&format!("hint: {hint}"));
    }
}

/// Which classes figures call otherwise than by their whole names, if there are such.
pub(crate) fn class_key(names: &[String]) -> Option<String> {
    const LISTED: usize = 12;
    let other: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(number, name)| (class_label(number, name), name))
        .filter(|(label, name)| label != *name)
        .map(|(label, name)| format!("{label} is {}", name.escape_debug()))
        .collect();
    let more = other.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let listed = other[..other.len().min(LISTED)].join(", ");
    (!other.is_empty()).then(|| format!("in figures, for names that they cannot draw: {listed}{more}"))
}

/// A duration as `1:23:45` or `3:45`.
pub(crate) fn clock(seconds: f64) -> String {
    let seconds = seconds.round().max(0.0) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A whole number with thousands set apart: `262,761`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A value of `config.toml` as JSON: a number, a list, true or false, or else a text.
pub(crate) fn json_of(value: &str) -> serde_json::Value {
    serde_json::from_str(value).unwrap_or_else(|_| value.into())
}

/// A number of things: `1 image`, `262,761 images`.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    format!("{} {thing}{}", thousands(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_names_what_figures_do_not() {
        let names = ["cat", "\u{732b}", "a\u{1b}b"].map(str::to_owned);
        assert_eq!(class_key(&names[..1]), None);
        let key = "in figures, for names that they cannot draw: 1 is \u{732b}, 2 is a\\u{1b}b";
        assert_eq!(class_key(&names).as_deref(), Some(key));
        let many: Vec<String> = (0..14).map(|_| "\u{732b}".to_owned()).collect();
        assert!(class_key(&many).unwrap().ends_with("11 is \u{732b}, and 2 more"));
    }

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(262_761), "262,761");
        assert_eq!(thousands(1_000_000), "1,000,000");
        assert_eq!([0, 1, 1000].map(|number| counted(number, "image")), ["0 images", "1 image", "1,000 images"]);
        assert_eq!(clock(5.4), "0:05");
        assert_eq!(clock(225.0), "3:45");
        assert_eq!(clock(3600.0 * 2.0 + 61.0), "2:01:01");
    }
}
