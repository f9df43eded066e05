//! Model files: what is read must also work.

#![no_main]

use elbo::{Cpu, Model, Vae};
use libfuzzer_sys::fuzz_target;

/// Parameters of the largest network that is tried out: what a larger one allocates says nothing of the reader.
const MOST: usize = 10_000;

fuzz_target!(|bytes: &[u8]| {
    let path = elbo_fuzz::write("model.safetensors", bytes);
    if let Ok(model) = Model::read(&path)
        && model.parameters.len() < MOST
        && let Ok(vae) = Vae::on(&Cpu::new(1), model)
    {
        assert_eq!(vae.generate(1, 1).map(|images| images.len()).ok(), Some(1));
    }
});
