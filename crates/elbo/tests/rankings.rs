//! Areas under the curve and average precisions against scikit-learn's: `golden/make_rankings.py`.

use elbo::anomaly::ranking::{auroc, average_precision};
use serde_json::Value;

#[test]
fn rankings_are_those_of_scikit_learn() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/rankings.json")).unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let scores: Vec<f64> = case["scores"].as_array().unwrap().iter().map(|score| score.as_f64().unwrap()).collect();
        let anomalous: Vec<bool> = case["anomalous"].as_array().unwrap().iter().map(|kind| *kind == true).collect();
        for (found, name) in
            [(auroc(&scores, &anomalous), "auroc"), (average_precision(&scores, &anomalous), "average_precision")]
        {
            let expected = case[name].as_f64().unwrap();
            // Both add up to five hundred numbers in f64, in other orders.
            assert!(
                (found.unwrap() - expected).abs() < 1e-12,
                "{name} of {} scores: {found:?}, {expected}",
                scores.len()
            );
        }
    }
}
