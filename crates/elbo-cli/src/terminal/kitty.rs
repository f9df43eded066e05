//! Pictures as they are, for terminals with the protocol of kitty: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The longest piece of a picture that the protocol allows, in characters.
const PIECE: usize = 4096;

/// Pixels of a picture that a character cell is wide for: cells have about twice as many, so that a picture is shown at twice
/// its size.
const CELL: usize = 4;

/// Whether a terminal has the protocol, by the variables `TERM` and `TERM_PROGRAM`. In a multiplexer both are the
/// multiplexer's, and it has not.
pub(super) fn is_known(term: &str, program: &str) -> bool {
    ["kitty", "ghostty"].iter().any(|name| term.contains(name)) || (program == "WezTerm" && term.starts_with("xterm"))
}

/// What shows a PNG file, `width` pixels wide, in at most `columns` cells of a line.
pub(super) fn escape(png: &[u8], width: usize, columns: usize) -> String {
    let data = STANDARD.encode(png);
    let columns = width.div_ceil(CELL).clamp(1, columns);
    let mut text = String::new();
    let mut rest = &*data;
    let mut keys = format!("a=T,f=100,c={columns},");
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(PIECE));
        let more = if after.is_empty() { "0" } else { "1" };
        text.extend(["\x1b_G", &keys, "m=", more, ";", piece, "\x1b\\"]);
        (rest, keys) = (after, String::new());
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_comes_in_pieces() {
        let png: Vec<u8> = (0..8000).map(|i| (i * 7 % 251) as u8).collect();
        let text = escape(&png, 100, 80);
        let pieces: Vec<&str> = text.trim_end().split_terminator("\x1b\\").collect();
        let parts: Vec<(&str, &str)> =
            pieces.iter().map(|piece| piece.strip_prefix("\x1b_G").unwrap().split_once(';').unwrap()).collect();
        assert_eq!(parts.iter().map(|part| part.0).collect::<Vec<_>>(), ["a=T,f=100,c=25,m=1", "m=1", "m=0"]);
        let data: String = parts.iter().map(|part| part.1).collect();
        assert_eq!(STANDARD.decode(data).unwrap(), png);
        assert!(escape(&png, 4000, 80).starts_with("\x1b_Ga=T,f=100,c=80,m=1;"));
    }

    #[test]
    fn terminals_are_known_by_their_names() {
        for (term, program, expected) in [
            ("xterm-kitty", "", true),
            ("xterm-ghostty", "ghostty", true),
            ("xterm-256color", "WezTerm", true),
            ("xterm-256color", "Apple_Terminal", false),
            ("tmux-256color", "WezTerm", false),
            ("", "", false),
        ] {
            assert_eq!(is_known(term, program), expected, "{term} {program}");
        }
    }
}
