//! Commands to type, as the user's shell takes them.

use std::path::Path;

/// A path as one word of a command line.
pub(crate) fn word(path: &Path) -> String {
    let path = path.display().to_string();
    // A word that begins like an option is none.
    let path = if path.starts_with('-') { format!("./{path}") } else { path };
    if is_plain(&path) {
        path
    } else if cfg!(windows) {
        in_double_quotes(&path)
    } else {
        in_single_quotes(&path)
    }
}

/// The command that goes on with a run.
pub(crate) fn resume(run: &Path) -> String {
    format!("elbo train --resume {}", word(run))
}

/// Whether no shell sees anything in a word but the word.
fn is_plain(word: &str) -> bool {
    let separators = if cfg!(windows) { r"/\:._-+=@" } else { "/:._-+=@%" };
    !word.is_empty() && word.chars().all(|character| character.is_alphanumeric() || separators.contains(character))
}

/// As POSIX shells have it: nothing within is special.
fn in_single_quotes(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// As `cmd` and PowerShell have it. No path of Windows has a double quote in it.
fn in_double_quotes(word: &str) -> String {
    format!("\"{word}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_they_must_be() {
        for plain in ["runs/mnist-2", "/home/me/_x.npy", "a+b=c@d", "Bücher/ελ"] {
            assert_eq!(word(Path::new(plain)), plain);
        }
        assert_eq!(word(Path::new("-x")), "./-x");
        assert_eq!(in_single_quotes("it's"), r"'it'\''s'");
        assert_eq!(in_double_quotes("my runs"), "\"my runs\"");
        for special in ["my runs/one", "", "~me", "a*b", "$HOME", "a&b", "a;b", "a(b)", "a#b", "a!b", "a\\b c"] {
            assert_ne!(word(Path::new(special)), special);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for path in
            ["my runs/one", "it's", "~me", "a*b", "$HOME", "a&b;c|d", "(a)", "\"a\"", "a\\b", "`a`", "a\nb", "#a"]
        {
            let script = format!("printf %s {}", word(Path::new(path)));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), path, "{script}");
        }
    }
}
