//! The curves of several runs.

use super::Comparison;
use elbo_figures::{Curves, Figure, Series, SeriesStyle};

impl Comparison {
    /// The held-out loss by epoch of each run under its name, one pair of axes for each group of runs that can be compared;
    /// of runs that hold nothing out the training loss. `names` are those of the runs, in their order.
    #[must_use]
    pub fn figure(&self, names: &[String]) -> Figure {
        let series = |run: usize| {
            let loss = |row: &crate::EpochMetrics| row.held_out.map_or(row.train_loss, |(_, loss)| loss.total());
            let points = self.runs[run].history.iter().map(|row| (f64::from(row.epoch), loss(row))).collect();
            Series { name: names.get(run).cloned().unwrap_or_default(), points, style: SeriesStyle::Line }
        };
        let panels: Vec<Curves> = self
            .groups
            .iter()
            .map(|group| {
                let part = group.basis.part.map_or("training".to_owned(), |part| part.to_string());
                let y_label = format!("{part} {}, nats per image", group.basis.likelihood.loss_name());
                let mut runs = group.runs.clone();
                runs.sort_unstable();
                Curves { y_label, series: runs.into_iter().map(series).collect() }
            })
            .collect();
        Figure::loss_comparisons("Loss by epoch", "epoch", &panels)
    }
}
