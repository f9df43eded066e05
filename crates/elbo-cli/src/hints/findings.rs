//! What to change where a model is not well.

use elbo::diagnosis::{Finding, is_slow};
use elbo::{Likelihood, Recipe};

/// What to change about the options of a run, one sentence without a full stop.
pub(crate) fn finding(finding: &Finding, recipe: &Recipe) -> String {
    let is_unit = recipe.likelihood == Likelihood::Gaussian;
    match finding {
        Finding::Diverged { .. } | Finding::DeadDecoder { .. } => {
            "train anew with a lower --learning-rate, and --muon-learning-rate where it is given".to_owned()
        }
        Finding::Untrained { .. } => format!("train longer, {}{}", more(recipe.epochs), rate(recipe)),
        Finding::StillFalling { .. } => format!("train longer, {}", more(recipe.epochs)),
        Finding::Standstill { .. } => {
            format!("try a {} --learning-rate", if is_slow(recipe) { "higher" } else { "lower" })
        }
        Finding::Collapsed { .. } => {
            let likelihood = if is_unit { "--likelihood sigma-gaussian, " } else { "" };
            format!("try {likelihood}a lower --beta, or more epochs")
        }
        Finding::PartlyCollapsed { .. } => {
            let likelihood = if is_unit { "--likelihood sigma-gaussian, " } else { "" };
            format!(
                "try {likelihood}a lower --beta, --kl-warmup 0.3 or --free-bits 0.1; or a smaller --latent-dim if this is enough"
            )
        }
        Finding::OverFitted { .. } => {
            "give more images, or train for fewer --epochs, or with smaller --widths".to_owned()
        }
        Finding::OverFittedSince { epoch, .. } => format!(
            "use best.safetensors of the run, which is of epoch {epoch}; or train with --patience, fewer --epochs or more images"
        ),
        Finding::TooWide { .. } if is_unit && recipe.beta <= 1.0 => {
            "try --likelihood sigma-gaussian, which learns the standard deviation, or a lower --beta".to_owned()
        }
        Finding::TooWide { .. } => "try a lower --beta: 1 is usual".to_owned(),
        Finding::TooNarrow { .. } => "try a higher --beta: 1 is usual".to_owned(),
        _ => "train anew with other settings".to_owned(),
    }
}

/// The option that trains longer: twice, or at the least as long as small runs take.
fn more(epochs: u32) -> String {
    format!("for example --epochs {} instead of {epochs}", epochs.saturating_mul(2).max(10))
}

fn rate(recipe: &Recipe) -> &'static str {
    if is_slow(recipe) { ", and a higher --learning-rate" } else { "" }
}
