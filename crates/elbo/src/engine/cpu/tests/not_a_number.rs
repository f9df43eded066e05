//! NaN or infinity in one parameter: the engine hides it no more than the definition does.

use crate::dataset::batch::Batch;
use crate::engine::{Cpu, Device, Draw, Engine};
use crate::network::loss::Loss;
use crate::network::parameters::{Parameter, ParameterTable};
use crate::network::reference::Defined;
use crate::network::reference::cases::{Case, of_each_likelihood, with_classes, with_free_bits};

/// Two numbers of each tensor, by name and place; of a row per class, those of class 0, which some image has.
fn places(case: &Case) -> Vec<(String, usize)> {
    let table = ParameterTable::new(&case.architecture);
    let of = |parameter: &Parameter| {
        let row = if parameter.name.ends_with("class.weight") { parameter.shape[1] } else { parameter.range.len() };
        [0, row - 1].map(|place| (parameter.name.clone(), parameter.range.start + place))
    };
    table.iter().flat_map(of).collect()
}

/// Each case with this number in each of its places.
fn with_number(number: f32, mut check: impl FnMut(&str, &Case, &Defined, &mut dyn Engine)) {
    for mut case in of_each_likelihood().chain([with_free_bits(), with_classes(5)]) {
        for (name, place) in places(&case) {
            let before = std::mem::replace(&mut case.parameters[place], number);
            let expected = case.at(&case.parameters());
            for isa in Cpu::instruction_sets() {
                let cpu = Cpu::new(2).with_instruction_set(isa);
                let mut engine = cpu.engine(&case.architecture, &case.parameters).unwrap();
                let what = format!("{isa}, {}: {number} in {name}", case.architecture.likelihood());
                check(&what, &case, &expected, &mut *engine);
            }
            case.parameters[place] = before;
        }
    }
}

fn mean_loss(engine: &dyn Engine, batch: Batch<'_>, draw: Draw<'_>) -> Loss {
    let mut total = Loss::default();
    engine.losses(batch, draw).unwrap().into_iter().for_each(|loss| total += loss);
    total.mean(batch.len())
}

#[test]
fn a_parameter_of_nan_makes_the_loss_and_its_gradient_nan() {
    // With low bits: a NaN that is taken for bits may become a number.
    with_number(f32::from_bits(0x7fc0_0001), |what, case, expected, engine| {
        assert!(expected.loss.total().is_nan() && expected.minimised.is_nan(), "{what}: {expected:?}");
        let indices: Vec<u32> = (0..(case.pixels.len() / case.architecture.image().len()) as u32).collect();
        let batch = Batch::new(&case.pixels, &indices, case.labels.as_deref());
        let draw = Draw::Given(&case.noise);
        let (loss, gradient) = engine.gradient(batch, draw, case.objective).unwrap();
        for found in [loss, mean_loss(engine, batch, draw)] {
            for (found, expected) in
                [(found.reconstruction, expected.loss.reconstruction), (found.kl, expected.loss.kl)]
            {
                assert_eq!(found.is_nan(), expected.is_nan(), "{what}: {loss:?}");
            }
        }
        for (i, (found, expected)) in gradient.iter().zip(&expected.gradient).enumerate() {
            assert!(found.is_nan() || !expected.is_nan(), "{what}: the gradient of parameter {i} is {found}");
        }
        // What is learned of sigma says nothing of the image.
        if !what.ends_with("log_sigma") {
            assert!(engine.reconstruct(batch, draw).unwrap().iter().any(|pixel| pixel.is_nan()), "{what}");
        }
    });
}

#[test]
fn a_parameter_of_infinity_makes_no_loss_finite_that_is_not() {
    for infinity in [f32::INFINITY, f32::NEG_INFINITY] {
        with_number(infinity, |what, case, expected, engine| {
            let indices: Vec<u32> = (0..(case.pixels.len() / case.architecture.image().len()) as u32).collect();
            let batch = Batch::new(&case.pixels, &indices, case.labels.as_deref());
            // A likelihood of sigma near 0 is too small for the definition, whose logarithm is then infinite.
            if what.ends_with("log_sigma") {
                return;
            }
            let loss = mean_loss(engine, batch, Draw::Given(&case.noise));
            assert!(expected.loss.is_finite() || !loss.is_finite(), "{what}: {loss:?}, not {:?}", expected.loss);
        });
    }
}
