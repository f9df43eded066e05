//! A scene as an SVG document.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::outline::{Outline, Step};
use crate::scene::{Item, Scene};
use crate::style::{Colour, WHITE};

/// The document. Shapes have coordinates to 1/100 unit, dots to 1/10.
pub(crate) fn document(scene: &Scene) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_document(&mut out, scene);
    out
}

fn write_document(out: &mut String, scene: &Scene) -> std::fmt::Result {
    let (width, height) = (Number(scene.width), Number(scene.height));
    let title = escaped(&scene.title);
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>{title}</title>
<path fill="{}" d="M0 0H{width}V{height}H0Z"/>"#,
        Hex(WHITE)
    )?;
    for item in &scene.items {
        match item {
            Item::Fill { outline, colour, label } => {
                write!(out, r#"<path fill="{}" d="{}""#, Hex(*colour), Data(outline))?;
                if let Some(label) = label {
                    write!(out, r#" aria-label="{}""#, escaped(label))?;
                }
                out.push_str("/>\n");
            }
            Item::Stroke { outline, colour, width } => writeln!(
                out,
                r#"<path fill="none" stroke="{}" stroke-width="{}" stroke-linecap="round" stroke-linejoin="round" d="{}"/>"#,
                Hex(*colour),
                Number(*width),
                Data(outline)
            )?,
            Item::Dots { centres, radius, colour, alpha } => {
                // A line of no length with round ends is a disc. In tenths of a unit, coordinates are
                // whole and can be relative without adding up errors.
                write!(
                    out,
                    r#"<path fill="none" stroke="{}" stroke-opacity="{}" stroke-width="{}" stroke-linecap="round" transform="scale(.1)" d=""#,
                    Hex(*colour),
                    Number(*alpha),
                    Number(radius * 20.0)
                )?;
                let mut last = [0, 0];
                for centre in centres {
                    let at = centre.map(|c| (c * 10.0).round() as i32);
                    let (x, y) = (at[0] - last[0], at[1] - last[1]);
                    let gap = if y < 0 { "" } else { " " };
                    write!(out, "m{x}{gap}{y}h0")?;
                    last = at;
                }
                out.push_str("\"/>\n");
            }
            Item::Image { png, place, crisp, .. } => {
                // Viewers that do not know the style's value take the attribute's.
                let rendering =
                    if *crisp { r#" image-rendering="optimizeSpeed" style="image-rendering:pixelated""# } else { "" };
                writeln!(
                    out,
                    r#"<image x="{}" y="{}" width="{}" height="{}" preserveAspectRatio="none"{rendering} href="data:image/png;base64,{}"/>"#,
                    Number(place.x),
                    Number(place.y),
                    Number(place.width),
                    Number(place.height),
                    STANDARD.encode(png)
                )?;
            }
        }
    }
    out.push_str("</svg>\n");
    Ok(())
}

/// A number to two decimals, without trailing zeros.
struct Number(f32);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{:.2}", self.0);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        f.write_str(if text == "-0" { "0" } else { text })
    }
}

struct Hex(Colour);

impl std::fmt::Display for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Colour(red, green, blue) = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

struct Data<'a>(&'a Outline);

impl std::fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for step in self.0 {
            let (command, points): (char, &[[f32; 2]]) = match step {
                Step::Move(p) => ('M', &[*p]),
                Step::Line(p) => ('L', &[*p]),
                Step::Quad(a, p) => ('Q', &[*a, *p]),
                Step::Close => ('Z', &[]),
            };
            f.write_char(command)?;
            for (i, [x, y]) in points.iter().enumerate() {
                let gap = if i == 0 { "" } else { " " };
                write!(f, "{gap}{} {}", Number(*x), Number(*y))?;
            }
        }
        Ok(())
    }
}

/// `text` for element content and attribute values; characters XML does not allow are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ if character.is_control() => out.push(' '),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let text = |x| Number(x).to_string();
        assert_eq!([text(1.0), text(-0.001), text(2.504), text(100.0)], ["1", "0", "2.5", "100"]);
    }

    #[test]
    fn wording_cannot_break_the_document() {
        let scene = Scene::titled("a<b & \"c\"\u{0}\u{ffff}", 10.0).0;
        let svg = document(&scene);
        assert!(svg.contains("<title>a&lt;b &amp; &quot;c&quot; \u{fffd}</title>"));
    }
}
