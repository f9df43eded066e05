//! The figure of the latent space.

use crate::chart::{Axis, BELOW, LEFT, Panel, drawable};
use crate::scene::{Anchor, Rect, Scene, TextStyle};
use crate::style::{FRAME, INK, MARGIN, TICK_SIZE, class_colour, curve_colour};
use crate::text::{self, Weight};
use crate::{Figure, FigureError};

/// Points of a scatter plot and their classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scatter<'a> {
    /// The points; one with a coordinate that is NaN or infinite is left out.
    pub points: &'a [[f64; 2]],
    /// Class of each point, from 0; empty if the points have no classes.
    pub labels: &'a [u16],
    /// Names of the classes, in order; classes beyond the names, and those whose names cannot
    /// be drawn, are called by their number.
    pub class_names: &'a [&'a str],
}

/// Side of a panel.
const SIDE: f32 = 340.0;
/// Gap between the second panel and the colour bar.
const BAR_GAP: f32 = 26.0;
/// Width of the colour bar.
const BAR_WIDTH: f32 = 16.0;
const DOT_RADIUS: f32 = 1.7;
/// Layers of points over each other. Each has its share of every class, so that no class hides the
/// others.
const LAYERS: usize = 24;

impl Figure {
    /// Two projections of a test set side by side under the title "Latent space": of its encoded
    /// means, with the axes `Z_mu(1)` and `Z_mu(2)`, and of its log-variances, with `Z_var(1)` and
    /// `Z_var(2)`, what follows the underscore set as a subscript.
    ///
    /// Both axes of a panel have one scale. Points have the colours of their classes, which a
    /// colour bar names; if neither panel has labels, all points have one colour and there is no bar.
    ///
    /// # Errors
    ///
    /// [`FigureError::Labels`] if the labels of a panel are neither empty nor one per point.
    pub fn latent_space(means: &Scatter, logvars: &Scatter) -> Result<Self, FigureError> {
        let panels = [(means, "mu"), (logvars, "var")];
        for (Scatter { points, labels, .. }, _) in panels {
            if !labels.is_empty() && labels.len() != points.len() {
                return Err(FigureError::Labels { points: points.len(), labels: labels.len() });
            }
        }
        let names = class_names(means, logvars);
        let bar = if names.is_empty() {
            0.0
        } else {
            let width = |name: &String| text::width(name, TICK_SIZE, Weight::Regular);
            BAR_GAP + BAR_WIDTH + 8.0 + names.iter().map(width).fold(0.0, f32::max)
        };
        let across = LEFT + SIDE + 22.0;
        let content = across + LEFT + SIDE + bar;
        let (mut scene, top) = Scene::titled("Latent space", content + 2.0 * MARGIN);
        let left = ((scene.width - content) / 2.0).floor();
        for (index, (scatter, name)) in panels.into_iter().enumerate() {
            let x = left + LEFT + index as f32 * across + 0.5;
            let frame = Rect { x, y: top + 0.5, width: SIDE, height: SIDE };
            let panel = square_panel(frame, scatter.points);
            panel.draw(&mut scene, &format!("Z_{name}(1)"), &format!("Z_{name}(2)"));
            draw_points(&mut scene, &panel, scatter, names.len());
        }
        if !names.is_empty() {
            let x = left + content - bar + BAR_GAP;
            draw_bar(&mut scene, [x.round() + 0.5, top + 0.5], &names);
        }
        scene.height = top + SIDE + BELOW + MARGIN;
        Ok(Self::new(scene))
    }
}

/// Names of all classes that either panel has, none if neither has labels.
fn class_names(means: &Scatter, logvars: &Scatter) -> Vec<String> {
    let count = |scatter: &Scatter| match scatter.labels.iter().max() {
        Some(&largest) => scatter.class_names.len().max(usize::from(largest) + 1),
        None => 0,
    };
    let count = count(means).max(count(logvars));
    let name = |class: usize| {
        let name = means.class_names.get(class).or(logvars.class_names.get(class));
        name.map_or_else(|| class.to_string(), |name| text::class_label(class, name))
    };
    (0..count).map(name).collect()
}

/// A panel that shows all of `points`, both axes on one scale.
fn square_panel(frame: Rect, points: &[[f64; 2]]) -> Panel {
    let range = |axis: usize| {
        let values = points.iter().filter(|p| p.iter().all(|&c| drawable(c))).map(|p| p[axis]);
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low <= high { (low, high) } else { (-1.0, 1.0) }
    };
    let ranges = [range(0), range(1)];
    let centres = ranges.map(|(low, high)| f64::midpoint(low, high));
    let largest = centres[0].abs().max(centres[1].abs());
    let half = ranges.into_iter().fold(0.0, |half, (low, high)| f64::max(half, (high - low) / 2.0));
    // A single point, or points whose spread is lost in rounding, lie in the middle of a panel.
    let half = if half > 1e-8 * largest { 1.06 * half } else { (0.05 * largest).max(1.0) };
    let axis = |centre: f64| Axis::new(centre - half, centre + half, 6, false);
    Panel { frame, x: axis(centres[0]), y: axis(centres[1]) }
}

fn draw_points(scene: &mut Scene, panel: &Panel, scatter: &Scatter, classes: usize) {
    let Scatter { points, labels, .. } = *scatter;
    let shown = |point: &[f64; 2]| point.iter().all(|&c| drawable(c));
    if !points.iter().any(shown) {
        panel.note_empty(scene);
        return;
    }
    // A few points are drawn large and solid, thousands of them small and translucent.
    let (radius, alpha) = match points.len() {
        0..=200 => (3.0, 0.9),
        201..=2000 => (2.2, 0.75),
        _ => (DOT_RADIUS, 0.6),
    };
    for layer in 0..LAYERS {
        let mut centres = vec![Vec::new(); classes.max(1)];
        for index in (layer..points.len()).step_by(LAYERS) {
            if shown(&points[index]) {
                let class = labels.get(index).map_or(0, |&label| usize::from(label));
                centres[class].push(panel.place(points[index]));
            }
        }
        for (class, centres) in centres.into_iter().enumerate() {
            let colour = if labels.is_empty() { curve_colour(0) } else { class_colour(class, classes) };
            scene.dots(centres, radius, colour, alpha);
        }
    }
}

/// The colour bar, class 0 at the bottom.
fn draw_bar(scene: &mut Scene, [left, top]: [f32; 2], names: &[String]) {
    let block = SIDE / names.len() as f32;
    // Names that would overlap are left out evenly.
    let every = (1.25 * TICK_SIZE / block).ceil().max(1.0) as usize;
    for (class, name) in names.iter().enumerate() {
        let y = top + SIDE - (class + 1) as f32 * block;
        let rect = Rect { x: left, y, width: BAR_WIDTH, height: block };
        scene.rectangle(rect, class_colour(class, names.len()));
        if class.is_multiple_of(every) {
            let at = [left + BAR_WIDTH + 8.0, y + block / 2.0 + 0.36 * TICK_SIZE];
            scene.text(name, at, TextStyle::new(TICK_SIZE, INK, Anchor::Start));
        }
    }
    let bar = Rect { x: left, y: top, width: BAR_WIDTH, height: SIDE };
    scene.frame(bar, FRAME, 1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scatter<'a>(points: &'a [[f64; 2]], labels: &'a [u16]) -> Scatter<'a> {
        Scatter { points, labels, class_names: &[] }
    }

    #[test]
    fn axes_have_the_published_labels() {
        let points = [[0.0, 1.0], [2.0, -1.0]];
        let panel = scatter(&points, &[0, 9]);
        let figure = Figure::latent_space(&panel, &panel).unwrap();
        for label in ["Latent space", "Z_mu(1)", "Z_mu(2)", "Z_var(1)", "Z_var(2)", "9"] {
            let label = format!("aria-label=\"{label}\"");
            assert!(figure.svg().contains(&label), "{label}");
        }
    }

    #[test]
    fn a_panel_has_one_scale_and_holds_all_points() {
        let frame = Rect { x: 0.0, y: 0.0, width: 10.0, height: 10.0 };
        let panel = square_panel(frame, &[[0.0, 100.0], [50.0, 101.0]]);
        let spans = [panel.x.high - panel.x.low, panel.y.high - panel.y.low];
        assert!((spans[0] - spans[1]).abs() < 1e-9 && spans[0] > 50.0);
        assert!(panel.y.low < 100.0 && panel.y.high > 101.0);
    }

    #[test]
    fn classes_have_names_or_numbers() {
        let named = Scatter { class_names: &["shirt", "bag"], ..scatter(&[[0.0; 2]], &[2]) };
        assert_eq!(class_names(&named, &scatter(&[], &[])), ["shirt", "bag", "2"]);
        let unlabelled = Scatter { labels: &[], ..named };
        assert!(class_names(&unlabelled, &unlabelled).is_empty());
    }

    #[test]
    fn ten_thousand_points_make_a_small_document() {
        let points: Vec<[f64; 2]> = (0..10_000).map(|i| [f64::from(i % 97), f64::from(i * 31 % 101)]).collect();
        let labels: Vec<u16> = (0..10_000_u32).map(|i| (i % 10) as u16).collect();
        let panel = scatter(&points, &labels);
        let figure = Figure::latent_space(&panel, &panel).unwrap();
        assert!(figure.svg().len() < 400_000, "{}", figure.svg().len());
    }

    #[test]
    fn odd_points_do_not_panic() {
        let nan = [[f64::NAN, 0.0], [f64::INFINITY, 1.0]];
        let huge = [[f64::MAX, f64::MIN], [1e149, -1e149], [0.0, 0.0]];
        let tiny = [[1e-310, 0.0], [0.0, 0.0]];
        for points in [&[][..], &[[3.0, 4.0]], &[[1e15, 1e15]; 3], &nan, &huge, &tiny] {
            let many = vec![255; points.len()];
            for labels in [&[][..], &many] {
                let panel = scatter(points, labels);
                let figure = Figure::latent_space(&panel, &scatter(&[], &[])).unwrap();
                assert!(!figure.svg().contains("NaN") && !figure.svg().contains("inf"));
                assert!(figure.png().is_ok());
            }
        }
        assert!(matches!(
            Figure::latent_space(&scatter(&[], &[]), &scatter(&nan, &[1])),
            Err(FigureError::Labels { points: 2, labels: 1 })
        ));
    }
}
