//! Against scikit-learn's `GaussianMixture`, by `tests/golden/make_mixture.py`.

use super::*;
use crate::noise::Purpose;

const EXACT: Limits = Limits { steps: 5000, gain: 1e-13 };

fn noise() -> Noise {
    Noise::new(1, Purpose::Prior, 1)
}

/// Two clouds of three dimensions.
fn clouds() -> Vec<f32> {
    let code = |i: u32| {
        let wave = [f64::from(i).sin(), (2.0 * f64::from(i)).cos(), (3.0 * f64::from(i) + 1.0).sin()];
        let shift = if i.is_multiple_of(3) { [1.5, 0.0, -0.75] } else { [-1.0, 0.5, 1.0] };
        let mixed = [wave[0], 0.5 * wave[0] + 0.75 * wave[1], 0.25 * wave[0] - 0.5 * wave[1] + 0.5 * wave[2]];
        [0, 1, 2].map(|d| (mixed[d] + shift[d]) as f32)
    };
    (0..200).flat_map(code).collect()
}

#[test]
fn a_fit_ends_where_that_of_scikit_learn_does() {
    let codes = Codes::of(&clouds(), 3, |_| true);
    for (covariance, weight, mean, likelihood) in [
        (Covariance::Full, 0.335, [1.500_462_875, 0.005_125_178, -0.752_837_915], -2.874_252_794_294),
        (Covariance::Diagonal, 0.334_418_516, [1.502_007_357, 0.007_237_341, -0.753_818_534], -3.461_224_616_622),
    ] {
        let mixture = fit(&codes, 2, covariance, &noise(), EXACT);
        let smaller = usize::from(mixture.weights()[1] < mixture.weights()[0]);
        let found = mean_log_density(&mixture, &codes);
        assert!((found - likelihood).abs() < 1e-6, "{covariance}: {found}");
        assert!((mixture.weights()[smaller] - weight).abs() < 1e-4, "{covariance}: {:?}", mixture.weights());
        for (found, expected) in mixture.means()[3 * smaller..][..3].iter().zip(mean) {
            assert!((found - expected).abs() < 1e-3, "{covariance}: {found} for {expected}");
        }
    }
}

#[test]
fn one_component_is_the_mean_and_the_covariance() {
    let rows = clouds();
    let codes = Codes::of(&rows, 3, |_| true);
    let mixture = fit(&codes, 1, Covariance::Full, &noise(), EXACT);
    let column = |d: usize| rows.iter().skip(d).step_by(3).map(|&x| f64::from(x));
    let mean = [0, 1, 2].map(|d| column(d).sum::<f64>() / 200.0);
    assert!(mixture.means().iter().zip(mean).all(|(found, mean)| (found - mean).abs() < 1e-12));
    let triangle = mixture.scales();
    for row in 0..3 {
        for other in 0..=row {
            let expected =
                column(row).zip(column(other)).map(|(a, b)| (a - mean[row]) * (b - mean[other])).sum::<f64>() / 200.0;
            let floor = if row == other { FLOOR } else { 0.0 };
            let at = |row: usize, k: usize| triangle[row * (row + 1) / 2 + k];
            let found: f64 = (0..=other).map(|k| at(row, k) * at(other, k)).sum();
            assert!((found - expected - floor).abs() < 1e-12, "{row} {other}: {found} for {expected}");
        }
    }
}

#[test]
fn the_bits_are_the_same_on_any_number_of_threads() {
    let codes = Codes::of(&clouds(), 3, |code| code % 7 != 0);
    let fitted = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&codes, 5, Covariance::Full, &noise(), EXACT))
    };
    assert_eq!(fitted(1), fitted(3));
}

/// The likelihood of what is fitted to never falls from step to step.
#[test]
fn each_step_gains() {
    let codes = Codes::of(&clouds(), 3, |_| true);
    let after =
        |steps| mean_log_density(&fit(&codes, 4, Covariance::Diagonal, &noise(), Limits { steps, gain: -1.0 }), &codes);
    let mut before = after(0);
    for steps in 1..40 {
        let now = after(steps);
        // What is added to variances costs a little.
        assert!(now >= before - 1e-6, "{steps}: {now} after {before}");
        before = now;
    }
}

#[test]
fn codes_that_are_alike_or_few_are_fitted_too() {
    for rows in [vec![0.5_f32; 30], vec![1.0, 2.0, 3.0], [vec![0.0; 57], vec![1e20, -1e20, 1e20]].concat()] {
        let codes = Codes::of(&rows, 3, |_| true);
        for covariance in [Covariance::Full, Covariance::Diagonal] {
            let mixture = fit(&codes, 8, covariance, &noise(), Limits { steps: 20, gain: 1e-4 });
            assert!(mixture.components() <= 8);
            assert!(mean_log_density(&mixture, &codes).is_finite(), "{covariance} {rows:?}");
        }
    }
}
