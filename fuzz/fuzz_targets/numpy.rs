//! NumPy arrays: a .npy file if the bytes begin as one does, else a .npz file.

#![no_main]

use elbo::dataset::Splits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let name = if bytes.starts_with(b"\x93NUMPY") { "array.npy" } else { "arrays.npz" };
    let path = elbo_fuzz::write(name, bytes);
    if let Ok(Splits { train, .. }) = Splits::from_path(path) {
        assert!(train.len() > 0 && train.labels().is_none_or(|labels| labels.len() == train.len()));
    }
});
