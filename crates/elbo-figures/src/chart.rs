//! Axes, legends and what else a chart is made of.

use crate::scene::{Anchor, Rect, Scene, TextStyle};
use crate::style::{Colour, FRAME, GRID, INK, LABEL_SIZE, MUTED, TICK_SIZE};
use crate::text::{self, Weight};

/// Numbers beyond this magnitude count as infinite: differences and multiples of the rest do not
/// overflow.
const LARGEST: f64 = 1e150;

/// Whether a chart can show `value`.
pub(crate) fn drawable(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// The range of numbers that one axis shows, never empty, and where its ticks are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    ticks: Vec<f64>,
    /// Decimals of the tick labels.
    decimals: usize,
}

impl Axis {
    /// From `low` to `high` with about `ticks` ticks, at whole numbers only if `whole`. A range that
    /// is too narrow to have a scale is widened.
    pub(crate) fn new(low: f64, high: f64, ticks: usize, whole: bool) -> Self {
        let least = 1e-9 * low.abs().max(high.abs());
        let (low, high) = if high - low > least {
            (low, high)
        } else {
            let half = if whole && low.abs() < 1e6 { 0.5 } else { (0.05 * low.abs()).max(0.5) };
            (low - half, high + half)
        };
        let rough = (high - low) / ticks.max(1) as f64;
        let magnitude = 10_f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|f| f * magnitude >= rough);
        let mut step = factor.unwrap_or(10.0) * magnitude;
        if whole {
            step = step.ceil().max(1.0);
        }
        // An end that is a multiple of the step but for rounding has a tick.
        let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        // A step is at least a `ticks`-th of the range; the bound holds whatever rounding does.
        let count = (last - first + 1.0).clamp(0.0, 1000.0) as usize;
        let decimals = (0..9).find(|&d| {
            let scaled = step * 10_f64.powi(d);
            (scaled - scaled.round()).abs() < 1e-6 * scaled
        });
        Self {
            low,
            high,
            ticks: (0..count).map(|i| (first + i as f64) * step).collect(),
            decimals: decimals.unwrap_or(9) as usize,
        }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high end.
    pub(crate) fn fraction(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    fn tick_label(&self, tick: f64) -> String {
        let widest = self.low.abs().max(self.high.abs());
        let text = if widest >= 1e6 || self.high - self.low < 1e-4 {
            format!("{tick:.3e}")
        } else {
            format!("{tick:.*}", self.decimals)
        };
        let is_zero = text.bytes().all(|b| matches!(b, b'-' | b'0' | b'.'));
        if is_zero { text.replace('-', "") } else { text.replace('-', "\u{2212}") }
    }
}

/// A pair of axes around a rectangle.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    pub(crate) frame: Rect,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

/// Room that the labels of a panel need to the left of its frame.
pub(crate) const LEFT: f32 = 62.0;
/// Room that the labels of a panel need beneath its frame.
pub(crate) const BELOW: f32 = 46.0;

impl Panel {
    /// Where a point lies on the page.
    pub(crate) fn place(&self, [x, y]: [f64; 2]) -> [f32; 2] {
        let Rect { x: left, width, height, .. } = self.frame;
        [left + self.x.fraction(x) as f32 * width, self.frame.bottom() - self.y.fraction(y) as f32 * height]
    }

    /// Draws grid, frame, ticks and labels.
    pub(crate) fn draw(&self, scene: &mut Scene, x_label: &str, y_label: &str) {
        let Rect { x: left, y: top, .. } = self.frame;
        let (right, bottom) = (self.frame.right(), self.frame.bottom());
        // Centred on half units, lines one unit wide cover whole pixels.
        let sharp = |position: f32| position.floor() + 0.5;
        let numbers = TextStyle::new(TICK_SIZE, MUTED, Anchor::Middle);

        for &tick in &self.x.ticks {
            let x = sharp(self.place([tick, self.y.low])[0]);
            scene.line(&[[x, top], [x, bottom]], GRID, 1.0);
            scene.text(&self.x.tick_label(tick), [x, bottom + 18.0], numbers);
        }
        for &tick in &self.y.ticks {
            let y = sharp(self.place([self.x.low, tick])[1]);
            scene.line(&[[left, y], [right, y]], GRID, 1.0);
            let style = TextStyle { anchor: Anchor::End, ..numbers };
            scene.text(&self.y.tick_label(tick), [left - 8.0, y + 0.36 * TICK_SIZE], style);
        }
        scene.frame(self.frame, FRAME, 1.0);

        let style = TextStyle::new(LABEL_SIZE, INK, Anchor::Middle);
        scene.text(x_label, [f32::midpoint(left, right), bottom + 42.0], style);
        let style = TextStyle { upwards: true, ..style };
        // Wide numbers push the label into the margin.
        let widths = self.y.ticks.iter().map(|&tick| text::width(&self.y.tick_label(tick), TICK_SIZE, Weight::Regular));
        let off = widths.fold(46.0_f32, |off, width| off.max(width + 16.0)).min(LEFT + 18.0);
        scene.text(y_label, [left - off, f32::midpoint(top, bottom)], style);
    }

    /// Says in the middle of the frame that nothing is shown in it.
    pub(crate) fn note_empty(&self, scene: &mut Scene) {
        let Rect { x, y, width, height } = self.frame;
        let style = TextStyle::new(LABEL_SIZE, MUTED, Anchor::Middle);
        scene.text("no data", [x + width / 2.0, y + height / 2.0], style);
    }

    /// Draws the line through `points`, cut off at the upper and lower edges of the frame. It is
    /// interrupted wherever a point cannot be drawn.
    pub(crate) fn curve(&self, scene: &mut Scene, points: &[[f64; 2]], colour: Colour, width: f32) {
        let mut run: Vec<[f32; 2]> = Vec::new();
        for pair in points.windows(2) {
            let visible = pair.iter().flatten().all(|&c| drawable(c));
            let Some([start, end]) = visible.then(|| self.visible(pair[0], pair[1])).flatten() else {
                scene.line(&std::mem::take(&mut run), colour, width);
                continue;
            };
            if run.last() != Some(&start) {
                scene.line(&std::mem::take(&mut run), colour, width);
                run.push(start);
            }
            run.push(end);
        }
        scene.line(&run, colour, width);
    }

    /// The part of the line from `a` to `b` that lies between the lower and the upper edge.
    fn visible(&self, a: [f64; 2], b: [f64; 2]) -> Option<[[f32; 2]; 2]> {
        let (mut start, mut end) = (0.0_f64, 1.0_f64);
        let (from, to) = (self.y.fraction(a[1]), self.y.fraction(b[1]));
        for (inside_a, inside_b) in [(from, to), (1.0 - from, 1.0 - to)] {
            match (inside_a >= 0.0, inside_b >= 0.0) {
                (false, false) => return None,
                (false, true) => start = start.max(inside_a / (inside_a - inside_b)),
                (true, false) => end = end.min(inside_a / (inside_a - inside_b)),
                (true, true) => {}
            }
        }
        let at = |t: f64| self.place([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
        (start <= end).then(|| [at(start), at(end)])
    }

    /// Whether a point is between the lower and the upper edge.
    pub(crate) fn holds(&self, [x, y]: [f64; 2]) -> bool {
        drawable(x) && drawable(y) && (0.0..=1.0).contains(&self.y.fraction(y))
    }
}

/// One line of a legend.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LegendEntry {
    pub(crate) name: String,
    pub(crate) colour: Colour,
    /// Width of the sample line, 0 for none.
    pub(crate) line: f32,
    /// Radius of the sample dot, 0 for none.
    pub(crate) dot: f32,
}

/// Width of the sample line of a legend entry.
const SAMPLE: f32 = 22.0;
/// Height of a row of legend entries.
const LEGEND_ROW: f32 = 22.0;

/// Where each of `entries` starts, relative to the top left corner of the legend, when they are set
/// in rows of at most `width`; and the height of the rows.
fn legend_places(entries: &[LegendEntry], width: f32) -> (Vec<[f32; 2]>, f32) {
    let (mut x, mut y) = (0.0, 0.0);
    let mut places = Vec::with_capacity(entries.len());
    for entry in entries {
        let needed = SAMPLE + 8.0 + text::width(&entry.name, LABEL_SIZE, Weight::Regular);
        if x > 0.0 && x + needed > width {
            (x, y) = (0.0, y + LEGEND_ROW);
        }
        places.push([x, y]);
        x += needed + 22.0;
    }
    (places, if entries.is_empty() { 0.0 } else { y + LEGEND_ROW })
}

/// Height of a legend in rows of at most `width`.
pub(crate) fn legend_height(entries: &[LegendEntry], width: f32) -> f32 {
    legend_places(entries, width).1
}

/// Draws a legend with its top left corner at (`left`, `top`).
pub(crate) fn legend(scene: &mut Scene, entries: &[LegendEntry], [left, top]: [f32; 2], width: f32) {
    let (places, _) = legend_places(entries, width);
    for (entry, [x, y]) in entries.iter().zip(places) {
        let (x, y) = (left + x, top + y + LEGEND_ROW / 2.0);
        if entry.line > 0.0 {
            let sample = [[x + 2.0, y], [x + SAMPLE - 2.0, y]];
            scene.line(&sample, entry.colour, entry.line);
        }
        scene.dots(vec![[x + SAMPLE / 2.0, y]], entry.dot, entry.colour, 1.0);
        let style = TextStyle::new(LABEL_SIZE, INK, Anchor::Start);
        scene.text(&entry.name, [x + SAMPLE + 8.0, y + 0.36 * LABEL_SIZE], style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|&tick| axis.tick_label(tick)).collect()
    }

    #[test]
    fn ticks_are_round_numbers_within_the_range() {
        assert_eq!(labels(&Axis::new(18.2, 24.9, 5, false)), ["20", "22", "24"]);
        assert_eq!(labels(&Axis::new(-0.2, 0.3, 5, false)), ["−0.2", "−0.1", "0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(&Axis::new(0.0, 10.0, 4, false)), ["0.0", "2.5", "5.0", "7.5", "10.0"]);
        assert_eq!(labels(&Axis::new(0.0, 3.0, 8, true)), ["0", "1", "2", "3"]);
        assert_eq!(labels(&Axis::new(1.0, 1.0, 8, true)), ["1"]);
    }

    #[test]
    fn any_drawable_range_has_a_finite_scale() {
        let numbers = [0.0, -0.0, 1.0, -1.0, 1e-300, 5e-324, 1e15, 1e15 + 0.25, LARGEST, -LARGEST];
        for low in numbers {
            for high in numbers.into_iter().filter(|high| *high >= low) {
                for whole in [false, true] {
                    let axis = Axis::new(low, high, 6, whole);
                    assert!(axis.high > axis.low, "{low} {high}");
                    assert!(axis.ticks.len() <= 20, "{low} {high}: {}", axis.ticks.len());
                    assert!(axis.ticks.iter().all(|tick| tick.is_finite()));
                    assert!(axis.fraction(low).is_finite() && axis.fraction(high).is_finite());
                    let _ = labels(&axis);
                }
            }
        }
    }

    #[test]
    fn a_curve_is_cut_at_the_edges() {
        let frame = Rect { x: 0.0, y: 0.0, width: 100.0, height: 100.0 };
        let axis = || Axis::new(0.0, 10.0, 5, false);
        let panel = Panel { frame, x: axis(), y: axis() };
        assert_eq!(panel.visible([0.0, 20.0], [10.0, 0.0]), Some([[50.0, 0.0], [100.0, 100.0]]));
        assert_eq!(panel.visible([0.0, -5.0], [10.0, 15.0]), Some([[25.0, 100.0], [75.0, 0.0]]));
        assert_eq!(panel.visible([0.0, 11.0], [10.0, 12.0]), None);
        assert_eq!(panel.visible([1.0, 5.0], [2.0, 5.0]), Some([[10.0, 50.0], [20.0, 50.0]]));
    }

    #[test]
    fn a_legend_wraps() {
        let entry = |name: &str| LegendEntry { name: name.to_owned(), colour: INK, line: 1.0, dot: 0.0 };
        let entries = [entry("one"), entry("two"), entry("three")];
        assert!(legend_height(&entries, 1000.0) < legend_height(&entries, 100.0));
        assert!(legend_height(&entries, 0.0) > 0.0);
        assert!(legend_height(&[], 100.0).abs() < f32::EPSILON);
    }
}
