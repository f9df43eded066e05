//! Figures of curves: the losses of one run, or several runs on one pair of axes.

use crate::Figure;
use crate::chart::{self, Axis, BELOW, LEFT, LegendEntry, Panel, drawable};
use crate::scene::{Anchor, Rect, Scene, TextStyle};
use crate::style::{CURVE_COLOURS, Colour, INK, LABEL_SIZE, MARGIN, MUTED, TICK_SIZE, class_colour, curve_colour};
use crate::text::{self, Weight};

/// The losses of one epoch, in nats per image; NaN where one is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossRow {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Loss on the training images, as the mean over the epoch's iterations.
    pub train_loss: f64,
    /// Loss on images that are not trained on, after the epoch.
    pub held_out_loss: f64,
    /// Its reconstruction part.
    pub held_out_reconstruction: f64,
    /// Its Kullback-Leibler part.
    pub held_out_kl: f64,
}

/// One curve of [`Figure::loss_comparison`].
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend. Curves of one name share a colour and a legend entry.
    pub name: String,
    /// Points (x, y), in the order in which they are joined; the curve is interrupted at any point
    /// with a coordinate that is NaN or infinite.
    pub points: Vec<(f64, f64)>,
    /// How the curve is drawn.
    pub style: SeriesStyle,
}

/// The curves of one pair of axes of [`Figure::loss_comparisons`].
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// What is measured.
    pub y_label: String,
    /// The curves.
    pub series: Vec<Series>,
}

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SeriesStyle {
    /// A line in a colour of its own; a dot marks each point if there are few.
    #[default]
    Line,
    /// A heavy dark line that stands out from all others, drawn over them; all lines of this style
    /// look alike.
    Emphasis,
    /// A dot for each point and no line.
    Markers,
}

/// Most points of a line that are marked by dots.
const MOST_MARKED: usize = 12;
pub(crate) const PANEL_HEIGHT: f32 = 320.0;
/// Room above a panel for the marks of points that are off its scale.
pub(crate) const ABOVE: f32 = 20.0;

impl Figure {
    /// The losses of a run by epoch, in two panels: the training and the held-out loss, and the
    /// reconstruction and Kullback-Leibler parts of the held-out loss. `held_out` is what the legend
    /// calls the images that are not trained on: `test`.
    ///
    /// `loss` names the loss on the axis, such as `negative ELBO`. If the first tenth of the
    /// epochs lies so high that it would flatten the rest, the scale leaves it out: the curve then
    /// comes in through the upper edge, and a triangle above the edge tells the highest value left
    /// out. Panels without a finite value say so.
    #[must_use]
    pub fn loss_curve(rows: &[LossRow], loss: &str, held_out: &str) -> Self {
        let total = total_curves(rows, held_out);
        let parts = [
            by_epoch(rows, &format!("{held_out}, reconstruction"), 2, |row| row.held_out_reconstruction),
            by_epoch(rows, &format!("{held_out}, KL divergence"), 3, |row| row.held_out_kl),
        ];
        let (width, gap) = (350.0, 30.0);
        let across = LEFT + width + gap;
        let page = 2.0 * MARGIN + across + LEFT + width;
        let (mut scene, top) = Scene::titled("Loss by epoch", page);
        let left = ((scene.width - page) / 2.0).floor() + MARGIN + LEFT;
        let y_labels = [loss, "nats per image"];
        for (index, (curves, y_label)) in [total, parts].iter().zip(y_labels).enumerate() {
            let legend: Vec<LegendEntry> = curves.iter().map(|curve| curve.key.clone()).collect();
            let x = left + index as f32 * across;
            chart::legend(&mut scene, &legend, [x, top], width);
            let y = top + chart::legend_height(&legend, width) + ABOVE;
            let frame = Rect { x: x + 0.5, y: y + 0.5, width, height: PANEL_HEIGHT };
            draw_curves(&mut scene, frame, curves, "epoch", y_label);
            scene.height = frame.bottom().floor() + BELOW + MARGIN;
        }
        Self::new(scene)
    }

    /// Any number of curves on one pair of axes, with a legend above them.
    ///
    /// The scale may leave out the first tenth of the x range, as in [`Figure::loss_curve`]. Without
    /// a finite point the figure says so.
    #[must_use]
    pub fn loss_comparison(title: &str, x_label: &str, y_label: &str, series: &[Series]) -> Self {
        Self::loss_comparisons(title, x_label, &[Curves { y_label: y_label.to_owned(), series: series.to_vec() }])
    }

    /// The same on one pair of axes below the other, for curves that are not to be compared between them. A name has one
    /// colour in all of them.
    #[must_use]
    pub fn loss_comparisons(title: &str, x_label: &str, panels: &[Curves]) -> Self {
        let all = panels.iter().flat_map(|panel| &panel.series);
        let mut names: Vec<&str> = Vec::new();
        for series in all.filter(|series| series.style != SeriesStyle::Emphasis) {
            if !names.contains(&&*series.name) {
                names.push(&series.name);
            }
        }
        let width = 640.0;
        let page = 2.0 * MARGIN + LEFT + width;
        let (mut scene, mut top) = Scene::titled(title, page);
        let left = ((scene.width - page) / 2.0).floor() + MARGIN + LEFT;
        for Curves { y_label, series } in panels {
            let mut legend: Vec<LegendEntry> = Vec::new();
            let mut curves: Vec<(bool, Curve)> = series.iter().map(|series| curve(series, &names)).collect();
            for (_, Curve { key, .. }) in &curves {
                if !key.name.is_empty() && !legend.iter().any(|entry| entry.name == key.name) {
                    legend.push(key.clone());
                }
            }
            curves.sort_by_key(|(emphasised, _)| *emphasised);
            let curves: Vec<Curve> = curves.into_iter().map(|(_, curve)| curve).collect();
            chart::legend(&mut scene, &legend, [left, top], width);
            let y = top + chart::legend_height(&legend, width) + ABOVE;
            let frame = Rect { x: left + 0.5, y: y + 0.5, width, height: 1.2 * PANEL_HEIGHT };
            draw_curves(&mut scene, frame, &curves, x_label, y_label);
            scene.height = frame.bottom().floor() + BELOW + MARGIN;
            top = scene.height;
        }
        scene.height = scene.height.max(top + MARGIN);
        Self::new(scene)
    }
}

/// A series as it is drawn, among those of these names, and whether it is emphasised.
fn curve(series: &Series, names: &[&str]) -> (bool, Curve) {
    let Series { name, points, style } = series;
    let emphasised = *style == SeriesStyle::Emphasis;
    let number = names.iter().position(|known| known == name);
    let colour = match number.filter(|_| !emphasised) {
        // Beyond the colours of curves, those of classes, which are as many as are asked for.
        Some(number) if names.len() <= CURVE_COLOURS => curve_colour(number),
        Some(number) => class_colour(number, names.len()),
        None => INK,
    };
    let few = points.len() <= MOST_MARKED;
    let (line, dot) = match style {
        SeriesStyle::Line => (1.75, if few { 3.0 } else { 0.0 }),
        SeriesStyle::Emphasis => (2.5, if few { 4.0 } else { 0.0 }),
        SeriesStyle::Markers => (0.0, 3.0),
    };
    let key = LegendEntry { name: name.clone(), colour, line, dot };
    (emphasised, Curve { points: points.iter().map(|&(x, y)| [x, y]).collect(), key })
}

/// A curve and how it is drawn.
pub(crate) struct Curve {
    points: Vec<[f64; 2]>,
    pub(crate) key: LegendEntry,
}

/// A column of losses as the curve of this name and colour.
fn by_epoch(rows: &[LossRow], name: &str, index: usize, value: fn(&LossRow) -> f64) -> Curve {
    Curve {
        points: rows.iter().map(|row| [row.epoch as f64, value(row)]).collect(),
        key: LegendEntry {
            name: name.to_owned(),
            colour: curve_colour(index),
            line: 2.0,
            dot: if rows.len() <= MOST_MARKED { 3.0 } else { 0.0 },
        },
    }
}

/// The training and the held-out loss by epoch.
pub(crate) fn total_curves(rows: &[LossRow], held_out: &str) -> [Curve; 2] {
    [by_epoch(rows, "training", 0, |row| row.train_loss), by_epoch(rows, held_out, 1, |row| row.held_out_loss)]
}

impl Curve {
    fn drawable(&self) -> impl Iterator<Item = [f64; 2]> {
        self.points.iter().copied().filter(|point| point.iter().all(|&c| drawable(c)))
    }
}

pub(crate) fn draw_curves(scene: &mut Scene, frame: Rect, curves: &[Curve], x_label: &str, y_label: &str) {
    let points: Vec<[f64; 2]> = curves.iter().flat_map(Curve::drawable).collect();
    let (x_low, x_high) = range(points.iter().map(|p| p[0])).unwrap_or((0.0, 1.0));
    let (y_low, y_high) = y_range(curves, x_low + 0.1 * (x_high - x_low)).unwrap_or((0.0, 1.0));
    let padded = |low: f64, high: f64, share: f64| {
        let room = share * (high - low);
        (low - room, high + room)
    };
    let whole = points.iter().all(|p| p[0].fract() == 0.0);
    let (left, right) = padded(x_low, x_high, 0.015);
    let (bottom, top) = padded(y_low, y_high, 0.06);
    let wanted = (frame.width / 55.0) as usize;
    let panel = Panel { frame, x: Axis::new(left, right, wanted, whole), y: Axis::new(bottom, top, 7, false) };
    panel.draw(scene, x_label, y_label);
    if points.is_empty() {
        panel.note_empty(scene);
    }
    for Curve { points, key } in curves {
        if key.line > 0.0 {
            panel.curve(scene, points, key.colour, key.line);
        }
        let seen = points.iter().filter(|point| panel.holds(**point));
        // A point without neighbours to be joined to must show too.
        let dot = if key.dot == 0.0 && points.len() == 1 { 3.0 } else { key.dot };
        scene.dots(seen.map(|point| panel.place(*point)).collect(), dot, key.colour, 1.0);
    }
    mark_points_off_scale(scene, &panel, curves);
}

/// For each colour with points above the upper edge, a triangle and the highest of them, in a row
/// that starts over the first such point.
fn mark_points_off_scale(scene: &mut Scene, panel: &Panel, curves: &[Curve]) {
    let mut highest: Vec<(Colour, [f64; 2])> = Vec::new();
    for curve in curves {
        for point in curve.drawable().filter(|point| point[1] > panel.y.high) {
            match highest.iter_mut().find(|(colour, _)| *colour == curve.key.colour) {
                Some((_, high)) if high[1] >= point[1] => {}
                Some((_, high)) => *high = point,
                None => highest.push((curve.key.colour, point)),
            }
        }
    }
    let Some((first, _)) = range(highest.iter().map(|(_, point)| point[0])) else {
        return;
    };
    let mut x = panel.place([first, panel.y.low])[0];
    let y = panel.frame.y - 6.0;
    for (colour, [_, value]) in highest {
        scene.triangle([x, y], 4.0, colour);
        if x > panel.frame.right() - 40.0 {
            break;
        }
        let wording = if value < 1e6 { format!("{value:.1}") } else { format!("{value:.1e}") };
        scene.text(&wording, [x + 8.0, y], TextStyle::new(TICK_SIZE, MUTED, Anchor::Start));
        x += 8.0 + text::width(&wording, TICK_SIZE, Weight::Regular) + LABEL_SIZE;
    }
}

/// The y range that shows the curves well: all of it, unless points with an x up to `early` lie
/// above three times the range of the others.
fn y_range(curves: &[Curve], early: f64) -> Option<(f64, f64)> {
    /// Fewest points of a curve for any of them to be left out.
    const FEWEST: usize = 5;
    let (low, high) = range(curves.iter().flat_map(Curve::drawable).map(|p| p[1]))?;
    let long = curves.iter().any(|curve| curve.drawable().count() >= FEWEST);
    let later = curves.iter().flat_map(Curve::drawable).filter(|p| p[0] > early).map(|p| p[1]);
    match range(later) {
        Some((_, later)) if long && later > low => Some((low, high.min(low + 3.0 * (later - low)))),
        _ => Some((low, high)),
    }
}

/// Least and greatest of `values`, unless there are none.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn falling(epochs: usize) -> Vec<LossRow> {
        let row = |epoch: usize| {
            let held_out_loss = 18.0 + 10.0 / epoch as f64;
            LossRow {
                epoch,
                train_loss: held_out_loss + if epoch == 1 { 22.0 } else { -0.2 },
                held_out_loss,
                held_out_reconstruction: held_out_loss - 9.0,
                held_out_kl: 9.0,
            }
        };
        (1..=epochs).map(row).collect()
    }

    fn series(points: &[(f64, f64)], style: SeriesStyle) -> Series {
        Series { name: "run".to_owned(), points: points.to_vec(), style }
    }

    #[test]
    fn an_early_peak_does_not_flatten_the_curve() {
        let points = falling(50).iter().map(|row| [row.epoch as f64, row.train_loss]).collect();
        let key = LegendEntry { name: String::new(), colour: INK, line: 1.0, dot: 0.0 };
        let (low, high) = y_range(&[Curve { points, key }], 5.9).unwrap();
        assert!(low < 18.1 && (20.0..28.0).contains(&high), "{low} {high}");
        // The value that is left out is told in words.
        assert!(Figure::loss_curve(&falling(50), "loss", "test").svg().contains("aria-label=\"50.0\""));
    }

    #[test]
    fn a_late_peak_is_shown() {
        let mut points: Vec<[f64; 2]> = (0..50).map(|i| [f64::from(i), 20.0]).collect();
        points[49][1] = 1000.0;
        let key = LegendEntry { name: String::new(), colour: INK, line: 1.0, dot: 0.0 };
        assert_eq!(y_range(&[Curve { points, key }], 4.9), Some((20.0, 1000.0)));
    }

    #[test]
    fn runs_of_any_length_have_a_figure() {
        for epochs in [0, 1, 2, 5, 50, 1000] {
            let figure = Figure::loss_curve(&falling(epochs), "nats (up to a constant)", "validation");
            assert!(figure.svg().contains("nats (up to a constant)"));
            assert!(figure.svg().contains("aria-label=\"validation, KL divergence\""));
            assert_eq!(figure.svg().contains("aria-label=\"no data\""), epochs == 0);
            assert!(figure.png().is_ok());
        }
    }

    #[test]
    fn a_single_epoch_is_marked_by_dots() {
        let dots = |rows: &[LossRow]| Figure::loss_curve(rows, "loss", "test").svg().matches("h0").count();
        // One in each of four curves and one in each legend entry.
        assert_eq!(dots(&falling(1)), 8);
        assert_eq!(dots(&falling(50)), 0);
    }

    #[test]
    fn curves_of_one_name_share_a_legend_entry() {
        let points = [(1.0, 2.0), (2.0, 1.0)];
        let runs = [series(&points, SeriesStyle::Line), series(&points, SeriesStyle::Line)];
        let figure = Figure::loss_comparison("Runs", "epoch", "loss", &runs);
        assert_eq!(figure.svg().matches("aria-label=\"run\"").count(), 1);
    }

    #[test]
    fn a_name_has_one_colour_in_all_panels_and_no_other_has_it() {
        let named = |name: usize| Series { name: format!("run {name}"), ..series(&[(1.0, 2.0)], SeriesStyle::Line) };
        let panel = |runs: &[usize]| Curves {
            y_label: "loss".to_owned(),
            series: runs.iter().map(|&run| named(run)).collect(),
        };
        for count in [3, CURVE_COLOURS, 9, 30] {
            let all: Vec<Series> = (0..count).map(named).collect();
            let names: Vec<&str> = all.iter().map(|series| &*series.name).collect();
            let mut colours: Vec<String> =
                all.iter().map(|series| format!("{:?}", curve(series, &names).1.key.colour)).collect();
            colours.sort();
            colours.dedup();
            assert_eq!(colours.len(), count);
        }
        let figure = Figure::loss_comparisons("Runs", "epoch", &[panel(&[0, 1]), panel(&[2, 0])]);
        assert_eq!(figure.svg().matches("aria-label=\"run 0\"").count(), 2);
        assert_eq!(figure.svg().matches("aria-label=\"epoch\"").count(), 2);
        assert!(Figure::loss_comparisons("none", "", &[]).png().is_ok());
    }

    #[test]
    fn odd_series_do_not_panic() {
        let lists: [&[(f64, f64)]; 7] = [
            &[],
            &[(1.0, 1.0)],
            &[(f64::NAN, 1.0), (2.0, f64::INFINITY), (3.0, 4.0)],
            &[(1.0, 5.0); 8],
            &[(f64::MAX, f64::MIN), (-1e150, 1e150), (0.0, 0.0), (1e150, -1e150)],
            &[(1e15, 1e15), (1e15 + 0.25, 1e15)],
            &[(0.0, 1e-320), (1e-320, 0.0)],
        ];
        for points in lists {
            for style in [SeriesStyle::Line, SeriesStyle::Emphasis, SeriesStyle::Markers] {
                let series = [series(points, style), series(&[], style)];
                let figure = Figure::loss_comparison("", "x", "y", &series);
                assert!(!figure.svg().contains("NaN") && !figure.svg().contains("inf"));
                assert!(figure.png().is_ok());
            }
        }
        assert!(Figure::loss_comparison("none", "", "", &[]).png().is_ok());
    }
}
