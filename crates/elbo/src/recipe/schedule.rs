//! How the rate goes over a run.

use serde::{Deserialize, Serialize};

/// The course of the learning rate.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Schedule {
    /// The same from the first step to the last.
    Constant,
    /// Up from zero in a straight line over the first `warmup` of all steps, then down to zero in a straight line.
    Linear {
        /// The share of the steps that rise, from 0 up to 1.
        warmup: f64,
    },
}

impl Schedule {
    /// The share of a run over which rates rise, where a linear schedule is asked for and nothing says otherwise.
    pub const WARMUP: f64 = 0.1;

    /// What the rate is multiplied by in step number `step` (the first is 1) of `steps`: at most 1, and above 0.
    #[must_use]
    pub fn factor(&self, step: u64, steps: u64) -> f64 {
        match *self {
            Self::Constant => 1.0,
            Self::Linear { warmup } => {
                // In the middle of the step, so that neither the first nor the last is lost.
                let share = (step as f64 - 0.5) / steps.max(step) as f64;
                if share < warmup { share / warmup } else { (1.0 - share) / (1.0 - warmup) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_up_and_a_line_down() {
        let schedule = Schedule::Linear { warmup: 0.2 };
        let factors: Vec<f64> = (1..=10).map(|step| schedule.factor(step, 10)).collect();
        let expected = [0.25, 0.75, 0.9375, 0.8125, 0.6875, 0.5625, 0.4375, 0.3125, 0.1875, 0.0625];
        for (factor, expected) in factors.iter().zip(expected) {
            assert!((factor - expected).abs() < 1e-12, "{factors:?}");
        }
    }

    #[test]
    fn no_warmup_begins_at_the_top_and_no_step_is_lost() {
        for warmup in [0.0, 0.15, 0.999] {
            let schedule = Schedule::Linear { warmup };
            for steps in [1, 2, 7, 1000] {
                for step in 1..=steps {
                    let factor = schedule.factor(step, steps);
                    assert!(factor > 0.0 && factor <= 1.0, "{warmup}: {factor} in step {step} of {steps}");
                }
            }
        }
        assert!(Schedule::Linear { warmup: 0.0 }.factor(1, 1000) > 0.999);
        assert_eq!(Schedule::Constant.factor(3, 10), 1.0);
    }
}
