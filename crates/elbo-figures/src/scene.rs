//! A picture as a list of shapes, from which both the SVG document and the PNG file are made.

use crate::outline::{Outline, Step};
use crate::style::{Colour, INK, MARGIN, TITLE_SIZE};
use crate::text::{self, Weight};
use crate::{FigureError, RasterImage};

/// One shape. Later ones are drawn over earlier ones.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// A filled outline (non-zero winding). Text has its wording as `label`.
    Fill { outline: Outline, colour: Colour, label: Option<String> },
    /// A line along an outline, with round joins and ends.
    Stroke { outline: Outline, colour: Colour, width: f32 },
    /// Discs of one radius, painted as one shape: where they overlap they are no darker.
    Dots { centres: Vec<[f32; 2]>, radius: f32, colour: Colour, alpha: f32 },
    /// A raster stretched over a rectangle, each of its pixels a sharp square if `crisp`.
    Image { raster: RasterImage, png: Vec<u8>, place: Rect, crisp: bool },
}

/// A rectangle by its top left corner and its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl Rect {
    pub(crate) fn right(&self) -> f32 {
        self.x + self.width
    }

    pub(crate) fn bottom(&self) -> f32 {
        self.y + self.height
    }
}

/// Which part of a text lies at the given point of its baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextStyle {
    pub(crate) size: f32,
    pub(crate) weight: Weight,
    pub(crate) colour: Colour,
    pub(crate) anchor: Anchor,
    /// Turned by a quarter, to be read upwards.
    pub(crate) upwards: bool,
}

impl TextStyle {
    pub(crate) fn new(size: f32, colour: Colour, anchor: Anchor) -> Self {
        Self { size, weight: Weight::Regular, colour, anchor, upwards: false }
    }
}

/// A white page with shapes on it.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) title: String,
    pub(crate) items: Vec<Item>,
}

impl Scene {
    /// A page with its title centred at the top, wide enough for both the title and `width`. Returns
    /// it with the height at which the content may start; the caller sets the page's height.
    pub(crate) fn titled(title: &str, width: f32) -> (Self, f32) {
        let needed = text::width(title, TITLE_SIZE, Weight::SemiBold) + 2.0 * MARGIN;
        let width = width.max(needed).ceil();
        let mut scene = Self { width, height: 0.0, title: title.to_owned(), items: Vec::new() };
        let baseline = MARGIN + 0.75 * TITLE_SIZE;
        let style = TextStyle { weight: Weight::SemiBold, ..TextStyle::new(TITLE_SIZE, INK, Anchor::Middle) };
        scene.text(title, [width / 2.0, baseline], style);
        (scene, (baseline + 24.0).round())
    }

    /// Sets `wording`, in which `_name` is a subscript (see [`text::spans`]).
    pub(crate) fn text(&mut self, wording: &str, at: [f32; 2], style: TextStyle) {
        if wording.is_empty() {
            return;
        }
        let (mut outline, width) = text::outline(wording, style.size, style.weight);
        let start = match style.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -width / 2.0,
            Anchor::End => -width,
        };
        let place = |p: &mut [f32; 2]| {
            let (x, y) = (p[0] + start, p[1]);
            *p = if style.upwards { [at[0] + y, at[1] - x] } else { [at[0] + x, at[1] + y] };
        };
        for step in &mut outline {
            match step {
                Step::Move(p) | Step::Line(p) => place(p),
                Step::Quad(a, p) => [a, p].into_iter().for_each(place),
                Step::Close => {}
            }
        }
        let label = Some(wording.to_owned());
        self.items.push(Item::Fill { outline, colour: style.colour, label });
    }

    /// A filled rectangle.
    pub(crate) fn rectangle(&mut self, rect: Rect, colour: Colour) {
        let outline = rectangle(rect);
        self.items.push(Item::Fill { outline, colour, label: None });
    }

    /// A triangle that points upwards, its base centred on `at`.
    pub(crate) fn triangle(&mut self, [x, y]: [f32; 2], half: f32, colour: Colour) {
        let outline =
            vec![Step::Move([x - half, y]), Step::Line([x + half, y]), Step::Line([x, y - 1.8 * half]), Step::Close];
        self.items.push(Item::Fill { outline, colour, label: None });
    }

    /// The border of a rectangle.
    pub(crate) fn frame(&mut self, rect: Rect, colour: Colour, width: f32) {
        self.items.push(Item::Stroke { outline: rectangle(rect), colour, width });
    }

    /// A line through `points`; fewer than two draw nothing.
    pub(crate) fn line(&mut self, points: &[[f32; 2]], colour: Colour, width: f32) {
        if let [first, rest @ ..] = points
            && !rest.is_empty()
        {
            let mut outline = vec![Step::Move(*first)];
            outline.extend(rest.iter().copied().map(Step::Line));
            self.items.push(Item::Stroke { outline, colour, width });
        }
    }

    /// Discs of one radius; none at all, or of no radius, draw nothing.
    pub(crate) fn dots(&mut self, centres: Vec<[f32; 2]>, radius: f32, colour: Colour, alpha: f32) {
        if !centres.is_empty() && radius > 0.0 {
            self.items.push(Item::Dots { centres, radius, colour, alpha });
        }
    }

    /// A raster over `place`; one without pixels draws nothing.
    pub(crate) fn image(&mut self, raster: RasterImage, place: Rect) -> Result<(), FigureError> {
        if raster.width() > 0 && raster.height() > 0 {
            // Half a unit is one pixel of the PNG file: rasters shrunk below that are smoothed.
            let crisp = place.width >= 0.5 * raster.width() as f32;
            // Viewers differ in how they enlarge a raster, so the document has it at full size.
            let pixels = (2.0 * place.width / raster.width() as f32).round();
            let png = if crisp { raster.enlarged(pixels as usize)?.png()? } else { raster.png()? };
            self.items.push(Item::Image { raster, png, place, crisp });
        }
        Ok(())
    }
}

fn rectangle(rect: Rect) -> Outline {
    vec![
        Step::Move([rect.x, rect.y]),
        Step::Line([rect.right(), rect.y]),
        Step::Line([rect.right(), rect.bottom()]),
        Step::Line([rect.x, rect.bottom()]),
        Step::Close,
    ]
}
