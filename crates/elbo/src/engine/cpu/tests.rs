//! The engine against the definition of the network.

mod not_a_number;

use super::Cpu;
use crate::dataset::Depth;
use crate::dataset::batch::Batch;
use crate::engine::{Device, Draw};
use crate::network::reference::Defined;
use crate::network::reference::cases::{Case, cases, of_each_objective, with_classes};

/// The engine, on every thread count and instruction set, computes what the definition says.
#[test]
fn the_engine_agrees_with_the_definition() {
    let mut cases = cases();
    // More images than a chunk or a micro-batch, and no multiple of either; many stages; sides of one pixel.
    cases.push(Case::new([8, 8, 1], &[3, 5], 2, 37, 1.0));
    cases.push(with_classes(37));
    cases.extend(of_each_objective(37));
    cases.push(Case::new([8, 10, 4], &[9, 3, 2, 4, 17], 3, 5, 1.0));
    for case in cases {
        let Defined { loss: expected_loss, gradient: expected, .. } = case.at(&case.parameters());
        let scale = expected.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
        for (threads, isa) in Cpu::instruction_sets().into_iter().flat_map(|isa| [(1, isa), (3, isa)]) {
            let cpu = Cpu::new(threads).with_instruction_set(isa);
            let mut engine = cpu.engine(&case.architecture, &case.parameters).unwrap();
            let indices: Vec<u32> = (0..(case.pixels.len() / case.architecture.image().len()) as u32).collect();
            let batch = Batch::new(&case.pixels, &indices, case.labels.as_deref());
            let (loss, gradient) = engine.gradient(batch, Draw::Given(&case.noise), case.objective).unwrap();
            assert!((loss.total() - expected_loss.total()).abs() < 1e-5 * expected_loss.total().abs());
            for (i, (found, expected)) in gradient.iter().zip(&expected).enumerate() {
                let error = (f64::from(*found) - expected).abs();
                assert!(error <= 1e-5 * scale, "{isa}, parameter {i}: {found}, not {expected}");
            }
        }
    }
}

/// Bytes as numbers of 16 bits are the same numbers to the network.
#[test]
fn sixteen_bits_make_the_bits_of_the_same_bytes() {
    let case = Case::new([8, 8, 1], &[3, 5], 2, 37, 1.0);
    let indices: Vec<u32> = (0..37).collect();
    let narrow = Batch::new(&case.pixels, &indices, None);
    let pixels: Vec<u8> = case.pixels.iter().flat_map(|&byte| (u16::from(byte) * 257).to_le_bytes()).collect();
    let wide = Batch { pixels: &pixels, depth: Depth::Sixteen, ..narrow };
    let of = |batch: Batch<'_>| {
        let mut engine = Cpu::new(2).engine(&case.architecture, &case.parameters).unwrap();
        let draw = || Draw::Given(&case.noise);
        let (loss, gradient) = engine.gradient(batch, draw(), case.objective).unwrap();
        let losses = engine.losses(batch, draw()).unwrap();
        (loss, gradient, losses, engine.encode(batch).unwrap())
    };
    assert_eq!(of(narrow), of(wide));
}
