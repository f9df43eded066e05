//! A picture of any format: stills, animations, pages of TIFF files and all kinds of numbers in them.

#![no_main]

use elbo::dataset::{DataOptions, Loaded, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // BMP files must be called so, and the others are told by their content.
    let path = elbo_fuzz::write("picture.bmp", bytes);
    let options = DataOptions { size: "8".parse().ok(), max_bad: Some(1.0), ..DataOptions::default() };
    if let Ok(Loaded { splits, .. }) = load(&path, &options, &|_, _| {}) {
        let train = splits.train;
        assert!(train.len() > 0 && (train.shape().height, train.shape().width) == (8, 8));
        assert!(train.digest().is_ok());
    }
});
