//! How training shows its progress: a bar where there is a terminal, plain lines everywhere.

use crate::output::clock;
use elbo::{BatchProgress, EpochMetrics, Loss};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, Write};
use std::time::Instant;

/// What a terminal shows while training runs, and the line after each epoch.
pub(crate) struct Progress {
    bar: ProgressBar,
    quiet: bool,
    epochs: u32,
    /// When the last batch or epoch ended.
    mark: Instant,
    /// Mean time of a batch since this run began.
    seconds_a_batch: Option<f64>,
    /// What the last epoch took after its last batch: losses over held-out images, saving.
    seconds_after_batches: f64,
}

impl Progress {
    /// `quiet` shows nothing.
    pub(crate) fn new(epochs: u32, batches: usize, quiet: bool) -> Self {
        // indicatif draws nothing where stderr is no terminal.
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(batches as u64), target);
        // Not the whole width: the terminal's own "^C" would wrap the line, and the bar would not be cleared.
        let template = "{prefix} {bar:30.cyan/dim} {pos}/{len}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self { bar, quiet, epochs, mark: Instant::now(), seconds_a_batch: None, seconds_after_batches: 0.0 }
    }

    pub(crate) fn batch(&mut self, progress: &BatchProgress) {
        if self.bar.is_hidden() {
            return;
        }
        let seconds = self.mark.elapsed().as_secs_f64();
        self.mark = Instant::now();
        // A moving mean over some fifty batches follows a machine whose speed changes.
        let mean = self.seconds_a_batch.map_or(seconds, |mean| mean + (seconds - mean) / 50.0);
        self.seconds_a_batch = Some(mean);
        let epochs_left = self.epochs.saturating_sub(progress.epoch) as usize;
        let batches_left = progress.batches - progress.batch + epochs_left * progress.batches;
        let left = mean * batches_left as f64 + self.seconds_after_batches * (epochs_left + 1) as f64;
        self.bar.set_prefix(format!("epoch {}/{}", progress.epoch, self.epochs));
        self.bar.set_position(progress.batch as u64);
        self.bar.set_message(format!(
            "{:.0} images/s  loss {:.4}  {} left",
            progress.images_per_second,
            progress.loss,
            clock(left)
        ));
    }

    /// Prints the line of an epoch. A reader that has gone does not stop the training.
    pub(crate) fn epoch(&mut self, metrics: &EpochMetrics) {
        self.seconds_after_batches = self.mark.elapsed().as_secs_f64();
        if !self.quiet {
            let line = epoch_line(metrics, self.epochs);
            self.bar.suspend(|| {
                let _ = writeln!(io::stdout(), "{line}");
            });
        }
        self.mark = Instant::now();
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// How many pictures are read; nothing if `quiet`.
pub(crate) fn reading_bar(quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("reading images {bar:30.cyan/dim} {pos}/{len}") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// How much of a long work on `total` things is done: `encoding images ━━━ 512/10000  0:12 left`; nothing if `quiet`.
pub(crate) fn work_bar(what: &str, total: usize, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(total as u64), target).with_prefix(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30.cyan/dim} {pos}/{len}  {eta} left") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// One line per epoch, after the reference's.
fn epoch_line(metrics: &EpochMetrics, epochs: u32) -> String {
    let width = epochs.to_string().len();
    let name = metrics.likelihood.loss_name();
    let loss = match metrics.held_out {
        Some((part, loss)) => {
            let Loss { reconstruction, kl } = loss;
            format!("{part} {name} {:.4} (reconstruction {reconstruction:.4}, KL {kl:.4})", loss.total())
        }
        None => format!("training {name} {:.4}", metrics.train_loss),
    };
    let EpochMetrics { epoch, seconds, images_per_second, .. } = metrics;
    format!("epoch {epoch:>width$}/{epochs}  {loss}  {seconds:.1} s, {images_per_second:.0} images/s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use elbo::Likelihood;
    use elbo::dataset::Part;

    #[test]
    fn an_epoch_line_says_what_was_measured() {
        let metrics = EpochMetrics {
            epoch: 7,
            step: None,
            learning_rate: 1e-3,
            train_loss: 20.5,
            held_out: Some((Part::Test, Loss { reconstruction: 11.5, kl: 8.49881 })),
            seconds: 28.057,
            images_per_second: 2135.3,
            likelihood: Likelihood::Gaussian,
        };
        assert_eq!(
            epoch_line(&metrics, 50),
            "epoch  7/50  test ELBO loss 19.9988 (reconstruction 11.5000, KL 8.4988)  28.1 s, 2135 images/s"
        );
        let untested = EpochMetrics { held_out: None, ..metrics };
        assert_eq!(epoch_line(&untested, 9), "epoch 7/9  training ELBO loss 20.5000  28.1 s, 2135 images/s");
        let other = EpochMetrics { likelihood: Likelihood::Bernoulli, ..untested };
        assert!(epoch_line(&other, 9).contains("training Bernoulli ELBO loss 20.5000"));
        let loss = Loss { reconstruction: 12.0, kl: 9.5 };
        let validated = EpochMetrics { held_out: Some((Part::Validation, loss)), ..untested };
        assert_eq!(
            epoch_line(&validated, 9),
            "epoch 7/9  validation ELBO loss 21.5000 (reconstruction 12.0000, KL 9.5000)  28.1 s, 2135 images/s"
        );
    }
}
