//! The figure of how well a model is: what its latent dimensions carry, beside the losses of its epochs.

use crate::Figure;
use crate::chart::{self, Axis, BELOW, LEFT, LegendEntry, Panel, drawable};
use crate::curves::{ABOVE, LossRow, PANEL_HEIGHT, draw_curves, total_curves};
use crate::scene::{Rect, Scene};
use crate::style::{FRAME, MARGIN, curve_colour};

/// What one latent dimension carries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dimension {
    /// Its Kullback-Leibler divergence, mean over images, in nats; one that is NaN or infinite has no bar.
    pub kl: f64,
    /// Whether it is in use.
    pub is_active: bool,
}

/// Share of the room of a bar that it fills.
const FILLED: f32 = 0.8;
const WIDTH: f32 = 350.0;

impl Figure {
    /// Two panels under `title`: the divergence of each latent dimension as a bar, the largest first, and the training and
    /// the held-out loss by epoch as in [`Figure::loss_curve`], with its names. Panels without a finite value say so.
    #[must_use]
    pub fn inspection(title: &str, dimensions: &[Dimension], rows: &[LossRow], loss: &str, held_out: &str) -> Self {
        let across = LEFT + WIDTH + 30.0;
        let page = 2.0 * MARGIN + across + LEFT + WIDTH;
        let (mut scene, top) = Scene::titled(title, page);
        let left = ((scene.width - page) / 2.0).floor() + MARGIN + LEFT;
        let [active, unused] = [("active", curve_colour(0)), ("not active", FRAME)].map(|(name, colour)| LegendEntry {
            name: name.to_owned(),
            colour,
            line: 10.0,
            dot: 0.0,
        });
        let curves = total_curves(rows, held_out);
        let keys: Vec<LegendEntry> = curves.iter().map(|curve| curve.key.clone()).collect();
        let legends = [[active, unused].to_vec(), keys];
        let tall = legends.iter().map(|legend| chart::legend_height(legend, WIDTH)).fold(0.0, f32::max);
        for (legend, x) in legends.iter().zip([left, left + across]) {
            chart::legend(&mut scene, legend, [x, top], WIDTH);
        }
        let y = top + tall + ABOVE;
        let frame = |x: f32| Rect { x: x + 0.5, y: y + 0.5, width: WIDTH, height: PANEL_HEIGHT };
        draw_bars(&mut scene, frame(left), dimensions);
        draw_curves(&mut scene, frame(left + across), &curves, "epoch", loss);
        scene.height = frame(left).bottom().floor() + BELOW + MARGIN;
        Self::new(scene)
    }
}

fn draw_bars(scene: &mut Scene, frame: Rect, dimensions: &[Dimension]) {
    let mut shown: Vec<Dimension> = dimensions.iter().copied().filter(|dimension| drawable(dimension.kl)).collect();
    shown.sort_by(|a, b| b.kl.total_cmp(&a.kl));
    let count = shown.len().max(1) as f64;
    let highest = shown.first().map_or(1.0, |first| first.kl.max(0.0));
    let x = Axis::new(0.5, count + 0.5, 8, true);
    let y = Axis::new(0.0, if highest > 0.0 { 1.06 * highest } else { 1.0 }, 7, false);
    let panel = Panel { frame, x, y };
    panel.draw(scene, "latent dimension, by KL", "KL, nats per image");
    if shown.is_empty() {
        panel.note_empty(scene);
    }
    let room = frame.width / count as f32;
    for (rank, Dimension { kl, is_active }) in shown.into_iter().enumerate() {
        let [centre, height] = panel.place([rank as f64 + 1.0, kl.max(0.0)]);
        let width = FILLED * room;
        let bar = Rect { x: centre - width / 2.0, y: height, width, height: frame.bottom() - height };
        if bar.height > 0.0 {
            scene.rectangle(bar, if is_active { curve_colour(0) } else { FRAME });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: usize) -> LossRow {
        let loss = 18.0 + 10.0 / epoch as f64;
        LossRow { epoch, train_loss: loss, held_out_loss: loss, held_out_reconstruction: 9.0, held_out_kl: 9.0 }
    }

    fn figure(kl: &[f64], epochs: usize) -> Figure {
        let dimensions: Vec<Dimension> = kl.iter().map(|&kl| Dimension { kl, is_active: kl > 0.5 }).collect();
        Figure::inspection("A run", &dimensions, &(1..=epochs).map(row).collect::<Vec<_>>(), "negative ELBO", "test")
    }

    #[test]
    fn any_model_has_a_figure() {
        let odd = [f64::NAN, f64::INFINITY, -1e-9, 1e300, 0.0];
        for kl in [&[][..], &[0.0], &[1.5], &[0.1, 2.0, 0.0], &odd, &[0.3; 512]] {
            for epochs in [0, 1, 50] {
                let figure = figure(kl, epochs);
                assert!(!figure.svg().contains("NaN") && !figure.svg().contains("inf"), "{kl:?}");
                assert!(figure.png().is_ok());
            }
        }
        assert_eq!(figure(&[], 0).svg().matches("aria-label=\"no data\"").count(), 2);
        assert_eq!(figure(&[1.0], 1).svg().matches("aria-label=\"no data\"").count(), 0);
    }

    /// A bar for each dimension that carries something, and none for one of zero.
    #[test]
    fn there_are_as_many_bars_as_dimensions() {
        let filled = |kl: &[f64]| figure(kl, 5).svg().matches("<path").count();
        assert_eq!(filled(&[2.0, 1.5, 1.2]) - filled(&[2.0, 0.0, 0.0]), 2);
    }
}
