//! A picture of any format: stills, animations, pages of TIFF files and all kinds of numbers in them.

#![no_main]

use elbo::dataset::{DataOptions, Frames, Loaded, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // BMP files must be called so, and the others are told by their content.
    let path = elbo_fuzz::write("picture.bmp", bytes);
    // One byte decides what cannot be asked for both ways at once.
    let frames = if bytes.last().is_some_and(|last| last % 2 == 0) { Frames::All } else { Frames::First };
    let options = DataOptions {
        size: "8".parse().ok(),
        max_bad: Some(1.0),
        frames: Some(frames),
        ..DataOptions::default()
    };
    if let Ok(Loaded { splits, .. }) = load(&path, &options, &|_, _| {}) {
        let train = splits.train;
        assert!(train.len() > 0 && (train.shape().height, train.shape().width) == (8, 8));
        assert!(train.digest().is_ok());
    }
});
