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
                let step = 1e-5;
                let (mut above, mut below) = (parameters.clone(), parameters.clone());
                above[i] += step;
                below[i] -= step;
                let difference = (objective(&above) - objective(&below)) / (2.0 * step);
                // The difference itself is good to about 1e-9; a ReLU's kink within the step would show.
                let error = (difference - gradient[i]).abs();
                assert!(
                    error <= 1e-7 + 1e-6 * difference.abs(),
                    "{}, {}: {difference}, not {}",
                    case.architecture.likelihood(),
                    parameter.name,
                    gradient[i]
                );
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
