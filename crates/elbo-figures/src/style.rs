//! Colours and sizes that all figures share. Lengths are in units of the SVG document.

/// An opaque colour: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour(pub(crate) u8, pub(crate) u8, pub(crate) u8);

pub(crate) const WHITE: Colour = Colour(255, 255, 255);
/// Titles, emphasised curves.
pub(crate) const INK: Colour = Colour(0x1f, 0x23, 0x28);
/// Axis labels, tick labels, notes.
pub(crate) const MUTED: Colour = Colour(0x57, 0x60, 0x6a);
/// Frames and ticks of axes.
pub(crate) const FRAME: Colour = Colour(0xa8, 0xb0, 0xb9);
/// Grid lines.
pub(crate) const GRID: Colour = Colour(0xe7, 0xea, 0xee);

/// Margin around every figure.
pub(crate) const MARGIN: f32 = 32.0;
pub(crate) const TITLE_SIZE: f32 = 20.0;
pub(crate) const LABEL_SIZE: f32 = 14.0;
pub(crate) const TICK_SIZE: f32 = 12.5;

/// Ten colours that stay apart under the common kinds of colour blindness: Paul Tol's "muted" scheme
/// (*Colour Schemes*, SRON/EPS/TN/09-002), with the orange of his "vibrant" scheme for its pale grey.
const CLASSES: [Colour; 10] = [
    Colour(0xcc, 0x66, 0x77),
    Colour(0x33, 0x22, 0x88),
    Colour(0xdd, 0xcc, 0x77),
    Colour(0x11, 0x77, 0x33),
    Colour(0x88, 0xcc, 0xee),
    Colour(0x88, 0x22, 0x55),
    Colour(0x44, 0xaa, 0x99),
    Colour(0xee, 0x77, 0x33),
    Colour(0xaa, 0x44, 0x99),
    Colour(0x99, 0x99, 0x33),
];

/// Colour of class `class` of `classes`. Up to ten classes have colours of a fixed sequence; more of
/// them share out the hues, neighbours differing in lightness too.
pub(crate) fn class_colour(class: usize, classes: usize) -> Colour {
    if classes <= CLASSES.len() {
        return CLASSES[class % CLASSES.len()];
    }
    let hue = 6.0 * class as f32 / classes as f32;
    let lightness = [0.42, 0.56, 0.7][class % 3];
    let chroma = 0.62 * (1.0 - f32::abs(2.0 * lightness - 1.0));
    // The channel whose hue is `centre` is full within one sextant of it and fades over the next.
    let channel = |centre: f32| {
        let distance = (hue - centre).rem_euclid(6.0);
        let distance = distance.min(6.0 - distance);
        let share = (2.0 - distance).clamp(0.0, 1.0);
        ((lightness + chroma * (share - 0.5)) * 255.0).round() as u8
    };
    Colour(channel(0.0), channel(2.0), channel(4.0))
}

/// How many colours curves have before they repeat.
pub(crate) const CURVE_COLOURS: usize = 6;

/// Colours of the curves of a chart, in turn.
pub(crate) fn curve_colour(index: usize) -> Colour {
    const CURVES: [Colour; CURVE_COLOURS] = [
        Colour(0x1f, 0x77, 0xb4),
        Colour(0xe0, 0x6c, 0x00),
        Colour(0x2a, 0x93, 0x6c),
        Colour(0x8b, 0x4f, 0xb3),
        Colour(0xc2, 0x3b, 0x4f),
        Colour(0x8a, 0x6d, 0x3b),
    ];
    CURVES[index % CURVES.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_distinct_colours() {
        for classes in [1, 2, 10, 11, 26, 62] {
            let colours: Vec<Colour> = (0..classes).map(|c| class_colour(c, classes)).collect();
            for (i, a) in colours.iter().enumerate() {
                assert!(!colours[..i].contains(a), "class {i} of {classes}");
                assert_ne!(*a, WHITE);
            }
        }
    }
}
