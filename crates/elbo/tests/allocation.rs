//! A training step allocates nothing, on any number of threads.

use elbo::dataset::{Dataset, ImageShape};
use elbo::engine::Draw;
use elbo::network::ParameterTable;
use elbo::noise::{Noise, Purpose};
use elbo::{Architecture, Cpu, Device, Recipe};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Work reaches the threads through a queue, which takes new memory once in about thirty tasks.
const QUEUE: usize = 3;

#[test]
fn a_step_allocates_nothing() {
    for channels in [1, 3] {
        let image = ImageShape { height: 16, width: 14, channels };
        let architecture = Architecture::new(image, &[8, 20], 4).unwrap();
        let parameters = ParameterTable::new(&architecture).initialize(1);
        let pixels = (0..96 * image.len()).map(|i| (i * i % 251) as u8).collect();
        let dataset = Dataset::new(image, pixels, None).unwrap();
        // In an order in which they do not lie.
        let indices: Vec<u32> = (0..96).map(|i| i * 35 % 96).collect();
        let noise = Noise::new(1, Purpose::Training, 1);
        for recipe in [Recipe::reference(), Recipe::fast()] {
            let optimizer = recipe.optimizer(1, 1);
            let mut engine = Cpu::new(2).engine(&architecture, &parameters).unwrap();
            let mut staging = Vec::new();
            let mut step = || {
                let batch = dataset.gather(&indices, &mut staging).unwrap();
                engine.step(batch, Draw::Noise(&noise), recipe.objective(1, 1), &optimizer).unwrap();
                assert!(engine.next_loss(true).unwrap().unwrap().is_finite());
            };
            step();
            let region = Region::new(ALLOCATOR);
            for _ in 0..20 {
                step();
            }
            let change = region.change();
            assert!(change.allocations + change.reallocations <= QUEUE, "{channels} channels, {recipe:?}: {change:?}");
        }
    }
}
