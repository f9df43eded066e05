//! Against `SciPy`, by `tests/golden/make_mixture.py`.

use super::*;
use proptest::prelude::*;

const WEIGHTS: [f64; 2] = [0.25, 0.75];
const MEANS: [f64; 6] = [0.5, -1.0, 2.0, -0.25, 0.75, 0.0];
const TRIANGLES: [f64; 12] = [0.5, 0.25, 1.5, -0.75, 0.5, 0.125, 1.0, -0.5, 0.25, 0.0, 2.0, 0.75];
const DIAGONALS: [f64; 6] = [0.5, 1.5, 0.125, 1.0, 0.25, 0.75];

fn mixture(covariance: Covariance) -> Mixture {
    let scales = if covariance == Covariance::Full { TRIANGLES.to_vec() } else { DIAGONALS.to_vec() };
    Mixture::new(covariance, WEIGHTS.to_vec(), MEANS.to_vec(), scales).unwrap()
}

#[test]
fn densities_are_those_of_scipy() {
    // More than a block of them, so that the last of a block and what comes after it are looked at.
    let points = [0.0, 0.0, 0.0, 1.0, -2.0, 0.5, -3.0, 3.0, 3.0, 0.5, -1.0, 2.0].repeat(9);
    for (covariance, expected) in [
        (
            Covariance::Full,
            [-26.748_993_460_696_802, -6.178_764_124_380_008, -25.498_993_460_702, -1.775_986_346_602_29],
        ),
        (
            Covariance::Diagonal,
            [-5.901_771_238_494_127, -62.873_984_513_960_636, -53.651_491_011_553_38, -1.775_986_346_601_551],
        ),
    ] {
        let found = mixture(covariance).log_density(&points);
        assert_eq!(found.len(), 36);
        for (found, expected) in found.iter().zip(expected.iter().cycle()) {
            assert!((found - expected).abs() <= 1e-11 * expected.abs(), "{covariance}: {found} for {expected}");
        }
    }
}

#[test]
fn the_standard_normal_is_a_mixture_of_one() {
    let found = Mixture::standard(2).log_density(&[1.0, 2.0]);
    assert!((found[0] + (TAU.ln() + 2.5)).abs() < 1e-14);
}

#[test]
fn what_is_far_or_no_number_is_told() {
    for covariance in [Covariance::Full, Covariance::Diagonal] {
        let found = mixture(covariance).log_density(&[f32::NAN, 0.0, 0.0, 1e30, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(found[0].is_nan() && found[1] < -1e50 && found[2].is_finite(), "{found:?}");
    }
}

/// Mean and covariance of draws are `m` and `T^2 L L'` for each component, and components come as often as they weigh.
#[test]
fn draws_are_of_the_mixture() {
    const COUNT: usize = 40_000;
    for covariance in [Covariance::Full, Covariance::Diagonal] {
        let mixture = mixture(covariance);
        let draws = |temperature: f64| -> Vec<[f32; 3]> {
            let draw = |sample| {
                let mut latent = [0.0; 3];
                mixture.draw(3, sample as u64, temperature, &mut latent);
                latent
            };
            (0..COUNT).map(draw).collect()
        };
        // Without noise a draw is the mean of its component.
        let centres = draws(0.0);
        let is_first = |centre: &[f32; 3]| *centre == [0.5, -1.0, 2.0];
        let first = centres.iter().filter(|centre| is_first(centre)).count() as f64 / COUNT as f64;
        assert!((first - 0.25).abs() < 5.0 * (0.25 * 0.75 / COUNT as f64).sqrt(), "{first}");
        for temperature in [1.0, 0.5] {
            let mut sums = [[0.0; 3]; 3];
            for (draw, centre) in draws(temperature).iter().zip(&centres).filter(|(_, centre)| is_first(centre)) {
                for (row, sums) in sums.iter_mut().enumerate() {
                    for (column, sum) in sums.iter_mut().enumerate() {
                        *sum += f64::from(draw[row] - centre[row]) * f64::from(draw[column] - centre[column]);
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                for (column, sum) in sums.iter().enumerate() {
                    let at = |row: usize, k: usize| match covariance {
                        Covariance::Full if k <= row => TRIANGLES[row * (row + 1) / 2 + k],
                        Covariance::Diagonal if k == row => DIAGONALS[row],
                        _ => 0.0,
                    };
                    let expected: f64 =
                        (0..3).map(|k| at(row, k) * at(column, k)).sum::<f64>() * temperature * temperature;
                    let found = sum / (first * COUNT as f64);
                    assert!(
                        (found - expected).abs() < 0.06 * temperature * temperature,
                        "{row} {column}: {found} for {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn numbers_that_make_no_mixture_are_refused() {
    let new = |weights: &[f64], means: &[f64], scales: &[f64]| {
        Mixture::new(Covariance::Full, weights.to_vec(), means.to_vec(), scales.to_vec())
    };
    assert!(new(&[1.0], &[0.0], &[1.0]).is_ok());
    for (weights, means, scales) in [
        (&[][..], &[][..], &[][..]),
        (&[1.0], &[], &[]),
        (&[0.5, 0.5], &[0.0], &[1.0]),
        (&[1.0], &[0.0, 0.0], &[1.0, 1.0]),
        (&[0.5], &[0.0], &[1.0]),
        (&[1.5, -0.5], &[0.0, 0.0], &[1.0, 1.0]),
        (&[1.0], &[f64::NAN], &[1.0]),
        (&[1.0], &[0.0], &[f64::INFINITY]),
        (&[1.0], &[0.0], &[0.0]),
        (&[1.0], &[0.0], &[-1.0]),
    ] {
        assert!(new(weights, means, scales).is_err(), "{weights:?} {means:?} {scales:?}");
    }
    // And so in a file.
    let json = serde_json::to_string(&mixture(Covariance::Full)).unwrap();
    assert_eq!(serde_json::from_str::<Mixture>(&json).unwrap(), mixture(Covariance::Full));
    assert!(serde_json::from_str::<Mixture>(&json.replace("0.25,0.75]", "0.25,0.5]")).is_err());
}

proptest! {
    #[test]
    fn an_inverse_is_one(numbers in prop::collection::vec(-2.0_f64..2.0, 10), diagonal in prop::collection::vec(0.1_f64..3.0, 4)) {
        let mut triangle = numbers;
        for (row, number) in diagonal.into_iter().enumerate() {
            triangle[Covariance::Full.diagonal(row)] = number;
        }
        let inverse = inverse(&triangle, 4);
        let at = |of: &[f64], row: usize, column: usize| if column <= row { of[row * (row + 1) / 2 + column] } else { 0.0 };
        let largest = inverse.iter().fold(1.0_f64, |most, number| most.max(number.abs()));
        for row in 0..4 {
            for column in 0..4 {
                let sum: f64 = (0..4).map(|k| at(&triangle, row, k) * at(&inverse, k, column)).sum();
                prop_assert!((sum - f64::from(u8::from(row == column))).abs() < 1e-13 * largest * largest);
            }
        }
    }
}
