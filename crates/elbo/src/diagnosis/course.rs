//! What the losses of the epochs say.

use super::Finding;
use crate::files::metrics::{EpochMetrics, best_epoch};
use crate::recipe::Recipe;

/// Training that is done loses less than this share of the whole fall in its last fifth: a curve that goes on as one over
/// the epoch's number has lost a tenth there at its fourth or fifth epoch, and half a percent at the fiftieth.
const STILL_FALLING: f64 = 0.1;

/// A fall below this share of the loss is none: seeds differ by as much.
const NOISE: f64 = 0.001;

/// A held-out loss that has risen from its lowest by this share of its fall before is no noise of one epoch.
const RISEN: f64 = 0.1;

/// A training loss that has lost half of what it had won has not merely stumbled.
const LOST: f64 = 0.5;

/// Whether rates are so small that nothing moves.
#[must_use]
pub fn is_slow(recipe: &Recipe) -> bool {
    recipe.learning_rate < 1e-5 && recipe.muon_learning_rate.is_none_or(|rate| rate < 1e-4)
}

/// Whether the reconstruction has the same loss after each epoch, to a millionth, whatever the latent vectors that were drawn
/// and the steps that were taken: no gradient reaches the decoder any more.
#[must_use]
pub fn dead_decoder(history: &[EpochMetrics], recipe: &Recipe) -> Option<Finding> {
    let [_, second, .., last] = history else { return None };
    let ((_, before), (_, after)) = (second.held_out?, last.held_out?);
    let change = (before.reconstruction - after.reconstruction).abs();
    let is_dead = change <= 1e-6 * after.reconstruction.abs() && !is_slow(recipe);
    is_dead.then_some(Finding::DeadDecoder { reconstruction: after.reconstruction })
}

/// Whether nothing was learned after the first epoch, whose own loss is mostly that of its beginning: the training loss has
/// fallen by less than a thousandth since epoch 2.
#[must_use]
pub fn standstill(history: &[EpochMetrics]) -> Option<Finding> {
    let [_, second, .., last] = history else { return None };
    let least = NOISE * second.train_loss.abs();
    let (before, now) = (second.train_loss, last.train_loss);
    (before - now < least).then_some(Finding::Standstill { before, now })
}

/// Whether the training loss has risen from its lowest value by half of its fall until then, and by a hundredth of it.
pub(super) fn diverged(history: &[EpochMetrics]) -> Option<Finding> {
    let (first, last) = (history.first()?, history.last()?);
    if !last.train_loss.is_finite() || last.held_out.is_some_and(|(_, loss)| !loss.is_finite()) {
        return Some(Finding::Diverged { epoch: last.epoch, lowest: f64::NAN, now: last.train_loss });
    }
    let lowest = history.iter().min_by(|a, b| a.train_loss.total_cmp(&b.train_loss))?;
    let rise = last.train_loss - lowest.train_loss;
    let is_so = rise > LOST * (first.train_loss - lowest.train_loss) && rise > 0.01 * lowest.train_loss.abs();
    is_so.then_some(Finding::Diverged { epoch: lowest.epoch, lowest: lowest.train_loss, now: last.train_loss })
}

/// Whether the loss was still falling when training ended: over the last fifth of the epochs, one at least, the loss over
/// held-out images, or without such over training images, has fallen by more than a tenth of its whole fall, and by more
/// than a thousandth of itself.
pub(super) fn still_falling(history: &[EpochMetrics]) -> Option<Finding> {
    let loss = |row: &EpochMetrics| row.held_out.map_or(row.train_loss, |(_, loss)| loss.total());
    let [first, .., last] = history else { return None };
    let epochs = history.len().div_ceil(5).min(history.len() - 1);
    let before = loss(&history[history.len() - 1 - epochs]);
    let (fall, whole) = (before - loss(last), loss(first) - loss(last));
    let is_so = fall > STILL_FALLING * whole && fall > NOISE * loss(last).abs();
    is_so.then_some(Finding::StillFalling { fall, epochs: epochs as u32, whole })
}

/// Whether the held-out loss has risen from its lowest by more than a tenth of its fall until then, while the training loss
/// fell on.
pub(super) fn risen(history: &[EpochMetrics]) -> Option<Finding> {
    let (first, last, best) = (history.first()?, history.last()?, best_epoch(history)?);
    let loss = |row: &EpochMetrics| row.held_out.map(|(_, loss)| loss.total());
    let (lowest, now) = (loss(best)?, loss(last)?);
    let rise = now - lowest;
    let is_so =
        rise > RISEN * (loss(first)? - lowest) && rise > NOISE * lowest.abs() && last.train_loss < best.train_loss;
    is_so.then_some(Finding::OverFittedSince { epoch: best.epoch, lowest, now })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Part;
    use crate::network::likelihood::Likelihood;
    use crate::network::loss::Loss;

    /// Epochs with these losses, on training images and on those held out.
    fn history(losses: &[[f64; 2]]) -> Vec<EpochMetrics> {
        let row = |(epoch, &[train_loss, held_out]): (u32, &[f64; 2])| EpochMetrics {
            step: None,
            epoch,
            learning_rate: 1e-3,
            train_loss,
            held_out: Some((Part::Test, Loss { reconstruction: held_out, kl: 0.0 })),
            seconds: 1.0,
            images_per_second: 1.0,
            likelihood: Likelihood::Gaussian,
        };
        (1..).zip(losses).map(row).collect()
    }

    fn alike(losses: &[f64]) -> Vec<EpochMetrics> {
        history(&losses.iter().map(|&loss| [loss; 2]).collect::<Vec<_>>())
    }

    #[test]
    fn a_standstill_is_told_by_the_epochs_after_the_first() {
        for stands in [&[90.0, 45.0, 45.01][..], &[90.0, 45.0, 30.0, 44.97], &[-1.0, -45.0, -45.0]] {
            assert!(standstill(&alike(stands)).is_some(), "{stands:?}");
        }
        for learns in [&[90.0, 45.0][..], &[90.0, 45.0, 44.9], &[5.0, -45.0, -45.1], &[45.0], &[]] {
            assert!(standstill(&alike(learns)).is_none(), "{learns:?}");
        }
    }

    #[test]
    fn a_decoder_is_dead_where_its_loss_never_changes() {
        let recipe = Recipe::reference();
        assert!(dead_decoder(&alike(&[90.0, 45.0, 45.000_001]), &recipe).is_some());
        for learns in [&[90.0, 45.0, 44.99][..], &[45.0, 45.0], &[]] {
            assert!(dead_decoder(&alike(learns), &recipe).is_none(), "{learns:?}");
        }
        let slow = Recipe { learning_rate: 1e-9, ..recipe };
        assert!(is_slow(&slow) && dead_decoder(&alike(&[90.0, 90.0, 90.0]), &slow).is_none());
    }

    #[test]
    fn what_goes_on_falling_is_told_from_what_has_settled() {
        let curve = |epochs: u32| (1..=epochs).map(|epoch| 18.0 + 10.0 / f64::from(epoch)).collect::<Vec<_>>();
        for falling in [&[28.0, 23.0][..], &curve(3), &[-10.0, -20.0, -30.0, -40.0]] {
            assert!(still_falling(&alike(falling)).is_some(), "{falling:?}");
        }
        for settled in [&curve(8)[..], &curve(50), &[28.0], &[], &[20.0, 19.999], &[20.0, 18.0, 19.0]] {
            assert!(still_falling(&alike(settled)).is_none(), "{settled:?}");
        }
    }

    #[test]
    fn over_fitting_is_a_held_out_loss_that_rises_while_the_other_falls() {
        assert!(risen(&history(&[[30.0, 31.0], [20.0, 25.0], [10.0, 28.0]])).is_some());
        // A stumble, no fall of the training loss, and no rise.
        assert!(risen(&history(&[[30.0, 31.0], [20.0, 25.0], [10.0, 25.3]])).is_none());
        assert!(risen(&history(&[[30.0, 31.0], [20.0, 25.0], [21.0, 28.0]])).is_none());
        assert!(risen(&history(&[[30.0, 31.0], [20.0, 25.0], [10.0, 20.0]])).is_none());
        assert!(risen(&[]).is_none());
    }

    #[test]
    fn what_is_lost_again_has_diverged() {
        assert!(diverged(&alike(&[90.0, 40.0, 70.0])).is_some());
        assert!(diverged(&alike(&[-10.0, -60.0, 500.0])).is_some());
        assert!(diverged(&alike(&[90.0, 40.0, f64::NAN])).is_some());
        for fine in [&[90.0, 40.0, 50.0][..], &[90.0, 40.0], &[40.0, 40.1], &[]] {
            assert!(diverged(&alike(fine)).is_none(), "{fine:?}");
        }
    }
}
