//! Reads the embedded fonts: outlines, advances and pair kerning of TrueType files as `assets/subset_fonts.py` writes
//! them.
//!
//! It reads no other font. A file that breaks the format is a defect of this crate, found by a test that reads every
//! glyph of both.
//!
//! Numbers of tables and fields are those of the OpenType specification, 1.9.1: `cmap` (format 4), `glyf`, `head`,
//! `hhea`, `hmtx`, `kern` (format 0), `loca` and `maxp`.

use crate::outline::{Outline, Step};

/// Number of a glyph in its font.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glyph(u16);

impl Glyph {
    /// The box that stands for what the font lacks.
    pub(crate) const MISSING: Self = Self(0);
}

/// Bytes of which numbers are read, the first byte of each the most significant.
#[derive(Debug, Clone, Copy)]
struct File(&'static [u8]);

impl File {
    fn word(self, at: usize) -> u16 {
        u16::from_be_bytes([self.0[at], self.0[at + 1]])
    }

    fn signed(self, at: usize) -> i16 {
        self.word(at).cast_signed()
    }

    fn size(self, at: usize) -> usize {
        usize::from(self.word(at))
    }

    fn offset(self, at: usize) -> usize {
        self.size(at) << 16 | self.size(at + 2)
    }
}

/// A font file and where its tables are, in bytes from the start.
#[derive(Debug)]
pub(crate) struct Font {
    file: File,
    /// The subtable of format 4.
    characters: usize,
    outlines: usize,
    offsets: usize,
    has_long_offsets: bool,
    advances: usize,
    /// How many glyphs have an advance of their own; those after them have that of the last.
    advance_count: usize,
    /// The first pair of the first subtable.
    pairs: usize,
    pair_count: usize,
    units_per_em: u16,
}

impl Font {
    /// A font of these bytes.
    ///
    /// # Panics
    /// If a table is missing or of another format.
    pub(crate) fn new(file: &'static [u8]) -> Self {
        let file = File(file);
        let table = |tag: &[u8; 4]| {
            let mut entries = (0..file.size(4)).map(|entry| 12 + 16 * entry);
            let entry = entries.find(|&entry| file.0[entry..].starts_with(tag)).expect("the font has all tables");
            file.offset(entry + 8)
        };
        let (cmap, head, hhea, kern) = (table(b"cmap"), table(b"head"), table(b"hhea"), table(b"kern"));
        assert_eq!(file.word(kern + 8) >> 8, 0, "pairs are kerned by a table of format 0");
        Self {
            file,
            characters: (0..file.size(cmap + 2))
                .map(|encoding| cmap + file.offset(cmap + 4 + 8 * encoding + 4))
                .find(|&subtable| file.word(subtable) == 4)
                .expect("the font maps characters by a table of format 4"),
            outlines: table(b"glyf"),
            offsets: table(b"loca"),
            has_long_offsets: file.word(head + 50) != 0,
            advances: table(b"hmtx"),
            advance_count: file.size(hhea + 34),
            pairs: kern + 18,
            pair_count: file.size(kern + 10),
            units_per_em: file.word(head + 18),
        }
    }

    /// Units in the size of a letter.
    pub(crate) fn units_per_em(&self) -> u16 {
        self.units_per_em
    }

    /// The glyph of a character, if the font has it.
    pub(crate) fn glyph(&self, character: char) -> Option<Glyph> {
        let character = u16::try_from(u32::from(character)).ok()?;
        let double_segments = self.file.size(self.characters + 6);
        let ends = self.characters + 14;
        let (starts, deltas) = (ends + double_segments + 2, ends + 2 * double_segments + 2);
        let ranges = deltas + double_segments;
        let segment = (0..double_segments).step_by(2).find(|at| self.file.word(ends + at) >= character)?;
        let into = character.checked_sub(self.file.word(starts + segment))?;
        let glyph = match self.file.size(ranges + segment) {
            0 => character,
            // From this field's own place in the file.
            range => match self.file.word(ranges + segment + range + 2 * usize::from(into)) {
                0 => return None,
                glyph => glyph,
            },
        };
        Some(Glyph(glyph.wrapping_add(self.file.word(deltas + segment)))).filter(|&glyph| glyph != Glyph::MISSING)
    }

    /// How far the next glyph is from this one, in units of the font.
    pub(crate) fn advance(&self, glyph: Glyph) -> u16 {
        self.file.word(self.advances + 4 * usize::from(glyph.0).min(self.advance_count - 1))
    }

    /// How much further apart (if negative, closer) two neighbours stand, in units of the font.
    pub(crate) fn kerning(&self, left: Glyph, right: Glyph) -> i16 {
        let (mut low, mut high) = (0, self.pair_count);
        while low < high {
            let middle = low.midpoint(high);
            let pair = self.pairs + 6 * middle;
            match (self.file.word(pair), self.file.word(pair + 2)).cmp(&(left.0, right.0)) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.file.signed(pair + 4),
            }
        }
        0
    }

    /// A glyph's outline in units of the font, its y upwards. A space has none.
    pub(crate) fn outline(&self, glyph: Glyph) -> Outline {
        let mut outline = Vec::new();
        self.draw(glyph, [0, 0], &mut outline);
        outline
    }

    fn draw(&self, glyph: Glyph, offset: [i16; 2], outline: &mut Outline) {
        let at = |number: usize| {
            if self.has_long_offsets {
                self.file.offset(self.offsets + 4 * number)
            } else {
                2 * self.file.size(self.offsets + 2 * number)
            }
        };
        let (start, end) = (at(usize::from(glyph.0)), at(usize::from(glyph.0) + 1));
        if start == end {
            return;
        }
        let start = self.outlines + start;
        // Ten bytes: the number of contours and the bounds.
        match usize::try_from(self.file.signed(start)) {
            Ok(contours) => self.draw_contours(start + 10, contours, offset, outline),
            Err(_) => self.draw_components(start + 10, offset, outline),
        }
    }

    /// Other glyphs, each moved.
    fn draw_components(&self, mut at: usize, offset: [i16; 2], outline: &mut Outline) {
        const WORDS: usize = 1 << 0;
        const OFFSETS: usize = 1 << 1;
        const MORE: usize = 1 << 5;
        const SCALES: usize = 1 << 3 | 1 << 6 | 1 << 7;
        loop {
            let (flags, glyph) = (self.file.size(at), Glyph(self.file.word(at + 2)));
            assert!(flags & OFFSETS != 0 && flags & SCALES == 0, "components are moved and nothing else");
            let by = if flags & WORDS == 0 {
                [i16::from(self.file.0[at + 4].cast_signed()), i16::from(self.file.0[at + 5].cast_signed())]
            } else {
                [self.file.signed(at + 4), self.file.signed(at + 6)]
            };
            self.draw(glyph, [offset[0] + by[0], offset[1] + by[1]], outline);
            if flags & MORE == 0 {
                return;
            }
            at += if flags & WORDS == 0 { 6 } else { 8 };
        }
    }

    /// Closed contours of lines and quadratic curves.
    fn draw_contours(&self, at: usize, contours: usize, offset: [i16; 2], outline: &mut Outline) {
        const ON_CURVE: u8 = 1 << 0;
        const REPEATED: u8 = 1 << 3;
        /// Whether a coordinate is one byte, and whether that is added; of two bytes, whether there are none.
        const X: [u8; 2] = [1 << 1, 1 << 4];
        const Y: [u8; 2] = [1 << 2, 1 << 5];

        let ends: Vec<usize> = (0..contours).map(|contour| self.file.size(at + 2 * contour) + 1).collect();
        let points = ends.last().copied().unwrap_or(0);
        let instructions = at + 2 * contours;
        let mut at = instructions + 2 + self.file.size(instructions);
        let mut flags = Vec::with_capacity(points);
        while flags.len() < points {
            let flag = self.file.0[at];
            let mut times = 1;
            at += 1;
            if flag & REPEATED != 0 {
                times += usize::from(self.file.0[at]);
                at += 1;
            }
            flags.extend(std::iter::repeat_n(flag, times));
        }
        let mut coordinates = |[short, same]: [u8; 2], mut value: i16| -> Vec<f32> {
            let next = |flag: &u8| {
                if flag & short != 0 {
                    let by = i16::from(self.file.0[at]);
                    value += if flag & same == 0 { -by } else { by };
                    at += 1;
                } else if flag & same == 0 {
                    value += self.file.signed(at);
                    at += 2;
                }
                f32::from(value)
            };
            flags.iter().map(next).collect()
        };
        let (x, y) = (coordinates(X, offset[0]), coordinates(Y, offset[1]));
        let mut start = 0;
        for end in ends {
            let point = |i: usize| ([x[i], y[i]], flags[i] & ON_CURVE != 0);
            close_contour(&(start..end).map(point).collect::<Vec<_>>(), outline);
            start = end;
        }
    }
}

/// Draws a contour through `points`, each with whether it lies on the curve; the first one does. Between two that do
/// not, the point halfway does.
fn close_contour(points: &[([f32; 2], bool)], outline: &mut Outline) {
    let Some(&(first, is_on)) = points.first() else { return };
    assert!(is_on, "a contour begins on the curve");
    outline.push(Step::Move(first));
    let mut control: Option<[f32; 2]> = None;
    for &(point, is_on) in points[1..].iter().chain([&(first, true)]) {
        match control {
            Some(control) if is_on => outline.push(Step::Quad(control, point)),
            Some(control) => outline.push(Step::Quad(control, halfway(control, point))),
            None if is_on => outline.push(Step::Line(point)),
            None => {}
        }
        control = (!is_on).then_some(point);
    }
    outline.push(Step::Close);
}

fn halfway(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [f32::midpoint(a[0], b[0]), f32::midpoint(a[1], b[1])]
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&[u8]; 2] =
        [include_bytes!("../assets/Inter-Regular.ttf"), include_bytes!("../assets/Inter-SemiBold.ttf")];

    /// Within its bounds, which the file states beside the contours and nothing else here reads.
    #[test]
    fn every_glyph_fills_its_bounds() {
        for font in FILES.map(Font::new) {
            let mut drawn = 0;
            for number in 0..font.advance_count {
                let glyph = Glyph(number as u16);
                let outline = font.outline(glyph);
                let start = font.outlines + 2 * font.file.size(font.offsets + 2 * number);
                let stated: [f32; 4] = std::array::from_fn(|i| f32::from(font.file.signed(start + 2 + 2 * i)));
                let mut found = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
                for step in &outline {
                    // These fonts have points at the extremes of all curves, so that control points are within the
                    // bounds.
                    let points = match *step {
                        Step::Move(point) | Step::Line(point) => [point, point],
                        Step::Quad(control, point) => [control, point],
                        Step::Close => continue,
                    };
                    for [x, y] in points {
                        found = [found[0].min(x), found[1].min(y), found[2].max(x), found[3].max(y)];
                    }
                }
                if !outline.is_empty() {
                    assert_eq!(found, stated, "{glyph:?}");
                    drawn += 1;
                }
            }
            assert_eq!(drawn + 2, font.advance_count, "all but the space and the space that does not break");
        }
    }
}
