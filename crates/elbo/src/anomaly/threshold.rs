//! From which score on an image is no longer normal.

/// No threshold can be had.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdError {
    /// The rate of false alarms is no share.
    #[error("a rate of false alarms is above 0 and below 1, not {found}")]
    Rate {
        /// The rate.
        found: f64,
    },
    /// So few images tell nothing of so low a rate.
    #[error("a rate of false alarms of {rate:?} takes {needed} normal images at least, and there are {images}")]
    TooFew {
        /// The rate.
        rate: f64,
        /// Images that there are.
        images: usize,
        /// The fewest that would do.
        needed: u64,
    },
    /// A score is NaN or infinite.
    #[error("the score of normal image {index} is {score}")]
    NotFinite {
        /// Which image, from 0.
        index: usize,
        /// Its score.
        score: f64,
    },
}

/// The threshold that at most a share `rate` of normal images is above, by the scores of `n` normal images that were not
/// trained on: the `k`-th lowest of them, `k` the smallest whole number that is at least `(1 - rate) (n + 1)`.
///
/// The `+ 1` is for the next image: if it is as normal as these are, its rank among all `n + 1` is as likely any as another,
/// so that it is above the threshold with a chance of at most `rate` (split conformal prediction: Vovk, Gammerman and Shafer,
/// 2005; Angelopoulos and Bates, 2021, section 1). Fewer than `1 / rate - 1` images have no such `k`.
///
/// # Errors
/// If the rate is not between 0 and 1, there are too few images for it, or a score is not finite.
pub fn threshold(scores: &[f64], rate: f64) -> Result<f64, ThresholdError> {
    if !(rate > 0.0 && rate < 1.0) {
        return Err(ThresholdError::Rate { found: rate });
    }
    if let Some((index, &score)) = scores.iter().enumerate().find(|(_, score)| !score.is_finite()) {
        return Err(ThresholdError::NotFinite { index, score });
    }
    let images = scores.len();
    // A product that is whole but for rounding is taken for whole.
    let whole = |number: f64| (number * (1.0 - 1e-12)).ceil();
    let rank = whole((1.0 - rate) * (images as f64 + 1.0));
    if rank > images as f64 {
        let needed = whole(1.0 / rate - 1.0).max(1.0) as u64;
        return Err(ThresholdError::TooFew { rate, images, needed });
    }
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted[(rank as usize).max(1) - 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rank_is_that_of_the_formula() {
        // Scores are their ranks.
        for (images, rate, expected) in
            [(99, 0.05, 95.0), (100, 0.05, 96.0), (19, 0.05, 19.0), (9, 0.5, 5.0), (9, 0.9, 1.0)]
        {
            let scores: Vec<f64> = (1..=images).rev().map(f64::from).collect();
            assert_eq!(threshold(&scores, rate), Ok(expected), "{images} {rate}");
        }
    }

    #[test]
    fn what_cannot_be_had_is_said() {
        let message = |scores: &[f64], rate| threshold(scores, rate).unwrap_err().to_string();
        for rate in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(message(&[1.0; 50], rate).contains("above 0 and below 1"));
        }
        assert!(message(&[1.0; 18], 0.05).contains("takes 19 normal images at least, and there are 18"));
        assert!(message(&[], 0.5).contains("takes 1 normal images"));
        assert!(message(&[1.0, f64::NAN], 0.5).contains("normal image 1 is NaN"));
    }

    proptest! {
        /// Leave each of n + 1 images out in turn: at most the share `rate` of them is above the threshold of the others.
        #[test]
        fn no_more_than_the_rate_are_above(scores in prop::collection::vec(-5_i8..5, 21..80), percent in 5_u32..60) {
            let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
            let rate = f64::from(percent) / 100.0;
            let above = (0..scores.len()).filter(|&left| {
                let others: Vec<f64> = scores.iter().enumerate().filter(|(i, _)| *i != left).map(|(_, s)| *s).collect();
                scores[left] > threshold(&others, rate).unwrap()
            });
            prop_assert!(above.count() as f64 <= rate * scores.len() as f64 + 1e-9);
        }
    }
}
