//! Text as outlines of the embedded font, Inter in two weights (see `assets/README.md`).

use std::sync::LazyLock;

use crate::font::{Font, Glyph};
use crate::outline::{Outline, Step};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    SemiBold,
}

static REGULAR: LazyLock<Font> = LazyLock::new(|| Font::new(include_bytes!("../assets/Inter-Regular.ttf")));
static SEMI_BOLD: LazyLock<Font> = LazyLock::new(|| Font::new(include_bytes!("../assets/Inter-SemiBold.ttf")));

impl Weight {
    fn font(self) -> &'static Font {
        match self {
            Self::Regular => &REGULAR,
            Self::SemiBold => &SEMI_BOLD,
        }
    }
}

/// Splits a wording into runs, each with whether it is a subscript: as in `Z_mu(1)`, one letter
/// starting a word, an underscore and the letters after it, which are the subscript (the underscore
/// is not drawn), and a parenthesis. Any other underscore is an ordinary character: names have them.
pub(crate) fn spans(wording: &str) -> Vec<(&str, bool)> {
    if let Some(at) = wording.find('_') {
        let (before, after) = (&wording[..at], &wording[at + 1..]);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let mut last = before.chars().rev();
        let one_letter = last.next().is_some_and(|c| c.is_ascii_uppercase())
            && last.next().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        if letters > 0 && one_letter && after[letters..].starts_with('(') {
            let (subscript, rest) = after.split_at(letters);
            return vec![(before, false), (subscript, true), (rest, false)];
        }
    }
    vec![(wording, false)]
}

/// The most characters of a name that are drawn.
const MOST: usize = 32;

/// What a class is called in a figure: by its name, which is cut where it is long; or by its number, where the font lacks a
/// character of the name.
#[must_use]
pub fn class_label(number: usize, name: &str) -> String {
    let has_all = |font: &Font| name.chars().all(|character| font.glyph(character).is_some());
    if !has_all(&REGULAR) || name.trim().is_empty() {
        return number.to_string();
    }
    let long = name.chars().count() > MOST;
    if long { name.chars().take(MOST - 3).chain("...".chars()).collect() } else { name.to_owned() }
}

/// The outline of `wording` with its baseline on y = 0, starting at x = 0, and its width. Characters
/// the font lacks are drawn as empty boxes, control characters as spaces.
pub(crate) fn outline(wording: &str, size: f32, weight: Weight) -> (Outline, f32) {
    let mut outline = Vec::new();
    let width = set(wording, size, weight, |glyph, x, y, scale| {
        // In the font, y points upwards.
        let at = |[glyph_x, glyph_y]: [f32; 2]| [x + glyph_x * scale, y - glyph_y * scale];
        outline.extend(weight.font().outline(glyph).into_iter().map(|step| match step {
            Step::Move(point) => Step::Move(at(point)),
            Step::Line(point) => Step::Line(at(point)),
            Step::Quad(control, point) => Step::Quad(at(control), at(point)),
            Step::Close => Step::Close,
        }));
    });
    (outline, width)
}

/// Width of `wording`.
pub(crate) fn width(wording: &str, size: f32, weight: Weight) -> f32 {
    set(wording, size, weight, |_, _, _, _| {})
}

/// Calls `draw` with each glyph, its x and y and its scale; returns the width of the whole.
fn set(wording: &str, size: f32, weight: Weight, mut draw: impl FnMut(Glyph, f32, f32, f32)) -> f32 {
    let font = weight.font();
    let mut x = 0.0;
    for (run, subscript) in spans(wording) {
        let (size, y) = if subscript { (0.72 * size, 0.2 * size) } else { (size, 0.0) };
        let scale = size / f32::from(font.units_per_em());
        let mut previous = None;
        for character in run.chars() {
            let character = if character.is_control() { ' ' } else { character };
            let glyph = font.glyph(character).unwrap_or(Glyph::MISSING);
            if let Some(previous) = previous {
                x += f32::from(font.kerning(previous, glyph)) * scale;
            }
            draw(glyph, x, y, scale);
            x += f32::from(font.advance(glyph)) * scale;
            previous = Some(glyph);
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_what_the_figures_write() {
        let needed = ('!'..='~').chain("µμ−–—×≤≥é€".chars().filter(|&c| c != '€'));
        for character in needed {
            for weight in [Weight::Regular, Weight::SemiBold] {
                assert!(weight.font().glyph(character).is_some(), "{character}");
            }
        }
    }

    #[test]
    fn pairs_are_kerned() {
        let one = |text| width(text, 100.0, Weight::Regular);
        assert!(one("To") < one("T") + one("o") - 1.0);
        assert!((one("00") - 2.0 * one("0")).abs() < 1e-3);
    }

    #[test]
    fn a_subscript_follows_a_single_capital() {
        assert_eq!(spans("Z_mu(1)"), [("Z", false), ("mu", true), ("(1)", false)]);
        assert_eq!(spans("an_epoch"), [("an_epoch", false)]);
        assert_eq!(spans("RUN_a"), [("RUN_a", false)]);
        assert_eq!(spans("Z_1"), [("Z_1", false)]);
        assert_eq!(spans("T_shirt"), [("T_shirt", false)]);
        assert_eq!(spans("_"), [("_", false)]);
    }

    #[test]
    fn classes_are_called_by_what_can_be_drawn() {
        for (name, expected) in [
            ("T_shirt", "T_shirt"),
            ("\u{732b}", "7"),
            ("\u{441}\u{43e}", "7"),
            ("a\tb", "7"),
            (" ", "7"),
            (&"x".repeat(32), &"x".repeat(32)),
            (&"x".repeat(33), &format!("{}...", "x".repeat(29))),
        ] {
            assert_eq!(class_label(7, name), expected);
        }
    }

    #[test]
    fn unknown_and_control_characters_are_drawn_too() {
        let (boxes, box_width) = outline("\u{4e00}", 10.0, Weight::Regular);
        assert!(!boxes.is_empty() && box_width > 0.0);
        let (tab, tab_width) = outline("\t", 10.0, Weight::Regular);
        assert!(tab.is_empty() && tab_width > 0.0);
        assert_eq!(outline("", 10.0, Weight::Regular), (vec![], 0.0));
    }
}
