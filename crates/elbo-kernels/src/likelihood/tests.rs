//! The losses against their formulae in f64.

use super::*;

/// Lengths just below, at and above those of vectors and runs.
const LENGTHS: [usize; 16] = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 255, 257, 783, 1023, 1025];

fn numbers(len: usize, scale: f32) -> Vec<f32> {
    (0..len).map(|i| scale * (i as f32 * 0.731).sin()).collect()
}

/// Black, white and what is between.
fn pixels(len: usize) -> Vec<f32> {
    (0..len).map(|i| [0.0, 1.0, (i % 256) as f32 / 255.0][i % 3]).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Loss and gradient of a squared error, to be added up.
fn exact_squared_error(x: f64, t: f64) -> [f64; 2] {
    let s = sigmoid(x);
    [0.5 * (s - t) * (s - t), (s - t) * s * (1.0 - s)]
}

/// Loss and gradient of a cross-entropy, from the logarithms of probabilities.
fn exact_cross_entropy(x: f64, t: f64) -> [f64; 2] {
    let [log_one, log_zero] = [-(-x).exp().ln_1p(), -x.exp().ln_1p()];
    [-(t * log_one + (1.0 - t) * log_zero), sigmoid(x) - t]
}

/// `log C` and the mean by the paper's formulae in lambda; near one half, where these are 0 / 0, their limits.
fn exact_constant_and_mean(x: f64) -> [f64; 2] {
    if x.abs() < 1e-3 {
        // From the paper's appendix: log 2 + 4/3 (lambda - 1/2)^2 and 1/2 + (lambda - 1/2) / 3; the next terms are below
        // 1e-14 and 1e-12.
        let off = sigmoid(x) - 0.5;
        return [2.0_f64.ln() + 4.0 / 3.0 * off * off, 0.5 + off / 3.0 + 16.0 / 45.0 * off * off * off];
    }
    // 1 - 2 lambda is -tanh(x / 2), and its inverse hyperbolic tangent -x / 2.
    let constant = x / (x / 2.0).tanh();
    [constant.ln(), 1.0 / -(-x).exp_m1() - 1.0 / x]
}

fn exact_continuous_bernoulli(x: f64, t: f64) -> [f64; 2] {
    let [cross_entropy, slope] = exact_cross_entropy(x, t);
    let [log_constant, mean] = exact_constant_and_mean(x.clamp(-16.0, 16.0));
    [cross_entropy - log_constant, if x.abs() > 16.0 { slope } else { mean - t }]
}

type Loss = fn(Isa, &mut [f32], &[f32]) -> f64;
type Exact = fn(f64, f64) -> [f64; 2];
const LOSSES: [(&str, Loss, Exact); 3] = [
    ("squared error", squared_error, exact_squared_error),
    ("cross-entropy", cross_entropy, exact_cross_entropy),
    ("continuous Bernoulli", continuous_bernoulli, exact_continuous_bernoulli),
];

/// Gradients of a squared error whose products with weights of 1e-7 and more are normal numbers or zero.
#[test]
fn gradients_of_a_squared_error_are_zero_rather_than_tiny() {
    for isa in Isa::available() {
        let logits: Vec<f32> = (-2000..=0).map(|i| i as f32 * 0.05).collect();
        let mut gradients = logits.clone();
        squared_error(isa, &mut gradients, &vec![0.0; logits.len()]);
        for (logit, gradient) in logits.iter().zip(gradients) {
            assert!(gradient == 0.0 || gradient > 1e-31, "{isa}: {gradient:e} for {logit}");
            let [_, exact] = exact_squared_error(f64::from(*logit), 0.0);
            assert!((f64::from(gradient) - exact).abs() <= 1e-6 * exact + 1e-30, "{isa}: {gradient:e}, not {exact:e}");
        }
    }
}

fn check(name: &str, isa: Isa, loss: Loss, exact: Exact, logits: &[f32], target: &[f32]) {
    let mut gradient = logits.to_vec();
    let found = loss(isa, &mut gradient, target);
    let (mut sum, mut size) = (0.0, 0.0);
    for ((x, t), g) in logits.iter().zip(target).zip(gradient) {
        let [loss, slope] = exact(f64::from(*x), f64::from(*t));
        sum += loss;
        // Where large terms cancel, of which the loss is the rest.
        size += loss.abs() + f64::from(x.abs() * t);
        assert!((f64::from(g) - slope).abs() < 3e-7, "{isa}, {name}: at logit {x}, pixel {t}: {g}, not {slope}");
    }
    // A few units in the last place of a pixel's loss, and of the sums of up to 64 of them in a lane; the f64 itself is good to 1e-16.
    assert!((found - sum).abs() <= 2e-6 * size + 1e-15, "{isa}, {name}, {} pixels: {found}, not {sum}", logits.len());
}

#[test]
fn losses_and_their_gradients_are_right() {
    for isa in Isa::available() {
        for (name, loss, exact) in LOSSES {
            for len in LENGTHS {
                for scale in [0.05, 4.0, 30.0] {
                    check(name, isa, loss, exact, &numbers(len, scale), &pixels(len));
                }
            }
        }
    }
}

/// Pixel by pixel, around one half, around the change from the expansion to the formula, and far out.
#[test]
fn losses_are_right_at_every_logit() {
    let near = [0.0, 1e-30, 1e-8, 1e-4, 1e-3, 0.1, 0.9, 1.0_f32.next_down(), 1.0, 1.0_f32.next_up(), 1.1];
    let even = (1..400).map(|i| i as f32 / 4.0);
    for isa in Isa::available() {
        for (name, loss, exact) in LOSSES {
            for x in near.into_iter().chain(even.clone()).flat_map(|x| [x, -x]) {
                for t in [0.0, 0.3, 0.5, 1.0] {
                    check(name, isa, loss, exact, &[x], &[t]);
                }
            }
        }
    }
}

#[test]
fn the_continuous_bernoulli_is_a_density_with_this_mean() {
    // Simpson's rule over [0, 1], exact to about 1e-9 here; the loss at each point by the kernel.
    const STEPS: usize = 2000;
    for x in [-16.0, -3.0, -0.999, -0.2, 0.0, 1e-3, 0.5, 1.5, 8.0, 16.0_f32] {
        for isa in Isa::available() {
            let (mut mass, mut mean) = (0.0, 0.0);
            for i in 0..=STEPS {
                let t = i as f64 / STEPS as f64;
                let weight = [2.0, 4.0][i % 2] / if i % STEPS == 0 { 2.0 } else { 1.0 };
                let density = (-continuous_bernoulli(isa, &mut [x], &[t as f32])).exp();
                mass += weight * density / (3 * STEPS) as f64;
                mean += weight * density * t / (3 * STEPS) as f64;
            }
            assert!((mass - 1.0).abs() < 1e-5, "{isa}, {x}: {mass}");
            let mut found = [x];
            continuous_bernoulli_mean(isa, &mut found);
            assert!((f64::from(found[0]) - mean).abs() < 1e-5, "{isa}, {x}: {} not {mean}", found[0]);
        }
    }
}

#[test]
fn means_are_right_and_stay_in_their_range() {
    for isa in Isa::available() {
        for len in LENGTHS {
            let logits = numbers(len, 6.0);
            let mut means = logits.clone();
            continuous_bernoulli_mean(isa, &mut means);
            for (x, mean) in logits.into_iter().zip(means) {
                let [_, exact] = exact_constant_and_mean(f64::from(x));
                assert!((f64::from(mean) - exact).abs() < 3e-7, "{isa}: at {x}: {mean}, not {exact}");
            }
        }
        let mut extremes = [f32::NEG_INFINITY, f32::MIN, -1e30, -100.0, 100.0, 1e30, f32::MAX, f32::INFINITY, f32::NAN];
        continuous_bernoulli_mean(isa, &mut extremes);
        assert!(extremes[..8].iter().all(|y| (0.0..=1.0).contains(y)), "{isa}: {extremes:?}");
        assert!(extremes[8].is_nan(), "{isa}: NaN must not become a number");
    }
}

#[test]
fn the_loss_of_nan_is_nan_and_of_infinity_not_finite_unless_right() {
    for isa in Isa::available() {
        for (name, loss, _) in LOSSES {
            assert!(loss(isa, &mut [0.0, f32::NAN, 0.0], &[0.0; 3]).is_nan(), "{isa}, {name}");
        }
        for (name, loss, _) in &LOSSES[1..] {
            for (x, t) in [(f32::INFINITY, 0.0), (f32::NEG_INFINITY, 1.0)] {
                assert!(!loss(isa, &mut [x], &[t]).is_finite(), "{isa}, {name}");
            }
        }
    }
}
