//! Which mixture: as many components, with such covariances, as codes that were kept out of fitting say.

use super::em::{Limits, fit, mean_log_density};
use crate::network::mixture::lanes::Codes;
use crate::network::mixture::{Covariance, Mixture};
use crate::noise::Noise;

/// Numbers of components that are tried, until one is worse than the one before.
const COMPONENTS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

/// How many mixtures are tried, at most.
pub const MOST_CANDIDATES: usize = 2 * COMPONENTS.len();

/// When a mixture is only to be compared with others.
const TRIED: Limits = Limits { steps: 20, gain: 3e-3 };

/// When it is the one that is kept.
const KEPT: Limits = Limits { steps: 200, gain: 1e-4 };

/// Products of a step, at most: what would take minutes is not tried.
const MOST_PRODUCTS: usize = 4_000_000_000;

/// Numbers of codes for each number of a mixture, at least: with fewer there is nothing to tell them by.
const NUMBERS_A_PARAMETER: usize = 5;

/// A mixture that was tried.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Candidate {
    /// How many components it was to have.
    pub components: usize,
    /// What their covariances may be.
    pub covariance: Covariance,
    /// Mean of `ln p(z)` over codes of images that it was not fitted to, in nats.
    pub held_out: f64,
}

/// Tries mixtures on `fitted` and `held_out`, and fits the best of them to `all`. Tells `tried` of each.
pub(super) fn choose(
    fitted: &Codes,
    held_out: &Codes,
    all: &Codes,
    noise: &Noise,
    tried: &mut dyn FnMut(Candidate),
) -> (Mixture, Vec<Candidate>) {
    let mut candidates: Vec<Candidate> = Vec::new();
    for covariance in [Covariance::Diagonal, Covariance::Full] {
        let mut before = f64::NEG_INFINITY;
        for components in COMPONENTS {
            let is_simplest = components == 1 && covariance == Covariance::Diagonal;
            if !is_simplest && !is_worth_trying(fitted, components, covariance) {
                break;
            }
            let mixture = fit(fitted, components, covariance, noise, TRIED);
            let candidate = Candidate { components, covariance, held_out: mean_log_density(&mixture, held_out) };
            candidates.push(candidate);
            tried(candidate);
            if candidate.held_out < before {
                break;
            }
            before = candidate.held_out;
        }
    }
    // The first of those that are equally good has the fewest numbers.
    let best = candidates
        .iter()
        .skip(1)
        .fold(candidates[0], |best, candidate| if candidate.held_out > best.held_out { *candidate } else { best });
    (fit(all, best.components, best.covariance, noise, KEPT), candidates)
}

/// Whether there are codes enough for such a mixture, and time.
fn is_worth_trying(codes: &Codes, components: usize, covariance: Covariance) -> bool {
    let numbers = components.saturating_mul(covariance.numbers(codes.dim) + codes.dim + 1);
    numbers.saturating_mul(NUMBERS_A_PARAMETER) <= codes.count.saturating_mul(codes.dim)
        && numbers.saturating_mul(codes.count).saturating_mul(2) <= MOST_PRODUCTS
}
