//! How well scores part anomalies from normal images, whatever the threshold.
//!
//! Equal scores are not ordered: both figures are what any order among them gives in the mean (the area under the curve),
//! or what the thresholds that there are give (average precision), as in scikit-learn.

/// Score and kind of each image, by falling score, in groups of one score: how many anomalies and how many normal images.
fn groups(scores: &[f64], is_anomaly: &[bool]) -> Vec<[usize; 2]> {
    let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(is_anomaly.iter().copied()).collect();
    rows.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let same = |(a, _): &(f64, bool), (b, _): &(f64, bool)| a == b;
    rows.chunk_by(same)
        .map(|group| {
            let anomalies = group.iter().filter(|(_, is_anomaly)| *is_anomaly).count();
            [anomalies, group.len() - anomalies]
        })
        .collect()
}

/// The area under the receiver operating characteristic: the chance that an anomaly has a higher score than a normal image,
/// where equal scores count half (Hanley and `McNeil`, 1982; the statistic of Mann and Whitney). 1 parts them wholly, 0.5 is
/// chance. None where one of the two kinds is missing.
///
/// # Panics
/// If there is not one kind for each score.
#[must_use]
pub fn auroc(scores: &[f64], is_anomaly: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), is_anomaly.len(), "a kind for each score");
    // Twice the pairs that are in order: whole numbers, so that nothing is rounded before the end.
    let (mut above, mut normal, mut in_order) = (0_u128, 0_u128, 0_u128);
    for [anomalies, others] in groups(scores, is_anomaly) {
        let (anomalies, others) = (anomalies as u128, others as u128);
        in_order += others * (2 * above + anomalies);
        above += anomalies;
        normal += others;
    }
    let pairs = above * normal;
    (pairs > 0).then(|| in_order as f64 / (2 * pairs) as f64)
}

/// Average precision: the sum over thresholds of the precision there times what recall it adds, without interpolation, as
/// `sklearn.metrics.average_precision_score` has it. By chance it is the share of anomalies. None where one of the two kinds
/// is missing.
///
/// # Panics
/// If there is not one kind for each score.
#[must_use]
pub fn average_precision(scores: &[f64], is_anomaly: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), is_anomaly.len(), "a kind for each score");
    let all = is_anomaly.iter().filter(|is_anomaly| **is_anomaly).count();
    let (mut found, mut seen, mut sum) = (0, 0, 0.0);
    for [anomalies, others] in groups(scores, is_anomaly) {
        found += anomalies;
        seen += anomalies + others;
        sum += found as f64 / seen as f64 * (anomalies as f64 / all.max(1) as f64);
    }
    (all > 0 && all < scores.len()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_need_both_kinds() {
        for kinds in [&[][..], &[true, true], &[false]] {
            let scores = vec![1.0; kinds.len()];
            assert_eq!((auroc(&scores, kinds), average_precision(&scores, kinds)), (None, None));
        }
    }

    #[test]
    fn a_wholly_parted_set_is_one_and_equal_scores_are_chance() {
        let kinds = [true, false, true, false, false];
        assert_eq!(auroc(&[3.0, 1.0, 4.0, -1.0, 0.0], &kinds), Some(1.0));
        assert_eq!(average_precision(&[3.0, 1.0, 4.0, -1.0, 0.0], &kinds), Some(1.0));
        assert_eq!(auroc(&[-3.0, 1.0, -4.0, 1.0, 0.0], &kinds), Some(0.0));
        assert_eq!((auroc(&[2.0; 5], &kinds), average_precision(&[2.0; 5], &kinds)), (Some(0.5), Some(0.4)));
        assert_eq!(auroc(&[0.0, -0.0], &[true, false]), Some(0.5));
    }

    proptest! {
        /// Against the pairs and the thresholds one by one; few values, so that many scores are equal.
        #[test]
        fn both_agree_with_their_definitions(rows in prop::collection::vec((0_u8..9, any::<bool>()), 2..60)) {
            let (scores, kinds): (Vec<f64>, Vec<bool>) = rows.iter().map(|(s, kind)| (f64::from(*s), *kind)).unzip();
            let of = |wanted: bool| scores.iter().zip(&kinds).filter(move |(_, kind)| **kind == wanted).map(|(s, _)| *s);
            let (anomalies, normal): (Vec<f64>, Vec<f64>) = (of(true).collect(), of(false).collect());
            let mut pairs = 0.0;
            for a in &anomalies {
                for n in &normal {
                    pairs += if a > n { 1.0 } else if a < n { 0.0 } else { 0.5 };
                }
            }
            let both = !anomalies.is_empty() && !normal.is_empty();
            let expected = both.then(|| pairs / (anomalies.len() * normal.len()) as f64);
            prop_assert_eq!(auroc(&scores, &kinds).is_some(), both);
            if let (Some(found), Some(expected)) = (auroc(&scores, &kinds), expected) {
                prop_assert!((found - expected).abs() < 1e-12);
            }
            let mut thresholds = scores.clone();
            thresholds.sort_by(|a, b| b.total_cmp(a));
            thresholds.dedup();
            let (mut recall, mut precision) = (0.0, 0.0);
            for t in thresholds {
                let hits = anomalies.iter().filter(|a| **a >= t).count() as f64;
                let seen = scores.iter().filter(|s| **s >= t).count() as f64;
                precision += hits / seen * (hits / anomalies.len() as f64 - recall);
                recall = hits / anomalies.len() as f64;
            }
            if let Some(found) = average_precision(&scores, &kinds) {
                prop_assert!((found - precision).abs() < 1e-12);
            }
        }
    }
}
