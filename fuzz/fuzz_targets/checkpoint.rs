//! Checkpoints.

#![no_main]

use elbo::{RunDirectory, Training};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    elbo_fuzz::write("checkpoint.safetensors", bytes);
    if let Ok(run) = RunDirectory::open(elbo_fuzz::directory()) {
        let _ = Training::settings_of(&run);
    }
});
