//! IDX images and labels: the first byte says how many of the others are the labels' file.

#![no_main]

use elbo::dataset::Splits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&len, files)) = bytes.split_first() else { return };
    let (labels, images) = files.split_at(usize::from(len).min(files.len()));
    elbo_fuzz::write("train-images-idx3-ubyte", images);
    let labels_path = elbo_fuzz::write("train-labels-idx1-ubyte", labels);
    if labels.is_empty() {
        std::fs::remove_file(labels_path).expect("the file is there");
    }
    if let Ok(Splits { train, .. }) = Splits::from_path(elbo_fuzz::directory()) {
        assert!(train.len() > 0 && train.labels().is_none_or(|labels| labels.len() == train.len()));
    }
});
