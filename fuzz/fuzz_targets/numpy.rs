//! NumPy arrays: a .npy file if the bytes begin as one does, else a .npz file.

#![no_main]

use elbo::dataset::{DataOptions, Loaded, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let name = if bytes.starts_with(b"\x93NUMPY") { "array.npy" } else { "arrays.npz" };
    let path = elbo_fuzz::write(name, bytes);
    // One byte decides what cannot be asked for both ways at once.
    let options = match bytes.last().map_or(0, |last| last % 4) {
        0 => DataOptions::default(),
        1 => DataOptions { range: "auto".parse().ok(), ..DataOptions::default() },
        2 => DataOptions { size: "8".parse().ok(), range: "-1:100".parse().ok(), ..DataOptions::default() },
        _ => {
            let cache = elbo_fuzz::directory().join("cache").to_str().map(str::to_owned);
            DataOptions { memory: Some(100), cache, ..DataOptions::default() }
        }
    };
    if let Ok(Loaded { splits, .. }) = load(&path, &options, &|_, _| {}) {
        let train = splits.train;
        assert!(train.len() > 0 && train.labels().is_none_or(|labels| labels.len() == train.len()));
        assert!(train.digest().is_ok());
    }
});
