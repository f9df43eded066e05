//! The definition against finite differences.

use super::cases::{Case, cases, with_free_bits};
use super::*;

/// Every tensor's gradient is what the loss does when one of its numbers moves a little.
#[test]
fn the_gradient_agrees_with_finite_differences() {
    for case in cases() {
        let parameters = case.parameters();
        let Defined { gradient, .. } = case.at(&parameters);
        let objective = |parameters: &[f64]| case.at(parameters).minimised;
        for parameter in ParameterTable::new(&case.architecture).iter() {
            // All of a small tensor, a few dozen of a large one.
            for i in parameter.range.clone().step_by(parameter.range.len().div_ceil(24)) {
                // The difference itself is good to about 1e-8. A ReLU's kink within a step would show, but hardly within a
                // tenth of it too.
                let difference = |step: f64| {
                    let (mut above, mut below) = (parameters.clone(), parameters.clone());
                    above[i] += step;
                    below[i] -= step;
                    (objective(&above) - objective(&below)) / (2.0 * step)
                };
                let is_near = |difference: &f64| (difference - gradient[i]).abs() <= 1e-7 + 1e-6 * difference.abs();
                let near = [1e-5, 1e-6].into_iter().map(difference).find(is_near);
                assert!(near.is_some(), "{}, {}: not {}", case.architecture.likelihood(), parameter.name, gradient[i]);
            }
        }
    }
}

/// Free bits count something, and not everything.
#[test]
fn free_bits_change_some_of_the_gradient() {
    let case = with_free_bits();
    let objective = |free_bits| Case { objective: Objective { free_bits, ..case.objective }, ..with_free_bits() };
    let [none, some, all] = [0.0, 0.05, 1e9].map(|free_bits| objective(free_bits).at(&case.parameters()));
    assert!(none.loss == some.loss && none.minimised < some.minimised && some.minimised < all.minimised);
    assert!(none.gradient != some.gradient && some.gradient != all.gradient);
}
