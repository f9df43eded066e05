//! The MNIST handwritten digits, embedded: bytes and nothing else.
//!
//! 60,000 training and 10,000 test images of [`HEIGHT`] x [`WIDTH`] grey pixels (0 is background, 255 is ink), each
//! with its digit. The order is that of the original files. Each function decodes its part anew and returns it owned;
//! keep the result rather than calling twice.
//!
//! ```
//! let images = elbo_mnist::test_images();
//! let labels = elbo_mnist::test_labels();
//! let first = &images[..elbo_mnist::HEIGHT * elbo_mnist::WIDTH];
//! assert_eq!(labels[0], 7);
//! assert_eq!(first.iter().max(), Some(&255));
//! ```
//!
//! The code is under MIT or Apache-2.0, the data set under CC BY-SA 3.0: `data/LICENSE.md` has its authors and source.
//! `data/make.sh` makes the embedded files from the original ones.

#![forbid(unsafe_code)]

use std::io::Read;

/// Images in the training set.
pub const TRAIN_COUNT: usize = 60_000;
/// Images in the test set.
pub const TEST_COUNT: usize = 10_000;
/// Rows of an image.
pub const HEIGHT: usize = 28;
/// Columns of an image.
pub const WIDTH: usize = 28;
/// Classes: the labels are 0 to 9.
pub const CLASSES: usize = 10;

static TRAIN_IMAGES: &[u8] = include_bytes!("../data/train-images.br");
static TRAIN_LABELS: &[u8] = include_bytes!("../data/train-labels.br");
static TEST_IMAGES: &[u8] = include_bytes!("../data/test-images.br");
static TEST_LABELS: &[u8] = include_bytes!("../data/test-labels.br");

/// The training images, `[TRAIN_COUNT, HEIGHT, WIDTH]`, row-major: 47,040,000 bytes.
#[must_use]
pub fn train_images() -> Vec<u8> {
    decode(TRAIN_IMAGES, TRAIN_COUNT * HEIGHT * WIDTH)
}

/// The digits of the training images, `[TRAIN_COUNT]`, each 0 to 9.
#[must_use]
pub fn train_labels() -> Vec<u8> {
    decode(TRAIN_LABELS, TRAIN_COUNT)
}

/// The test images, `[TEST_COUNT, HEIGHT, WIDTH]`, row-major: 7,840,000 bytes.
#[must_use]
pub fn test_images() -> Vec<u8> {
    decode(TEST_IMAGES, TEST_COUNT * HEIGHT * WIDTH)
}

/// The digits of the test images, `[TEST_COUNT]`, each 0 to 9.
#[must_use]
pub fn test_labels() -> Vec<u8> {
    decode(TEST_LABELS, TEST_COUNT)
}

/// Decodes an embedded Brotli stream of exactly `len` bytes.
///
/// The streams are part of the program and tested, so one that does not decode is a broken build: it panics.
fn decode(stream: &'static [u8], len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    brotli_decompressor::Decompressor::new(stream, 4096)
        .take(len as u64 + 1)
        .read_to_end(&mut bytes)
        .expect("the embedded stream decodes");
    assert_eq!(bytes.len(), len, "the embedded stream has its stated length");
    bytes
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    /// Compares with the SHA-256 of all bytes after the header of an original IDX file.
    fn check(decoded: &[u8], expected: &str) {
        use std::fmt::Write as _;

        let mut digest = String::new();
        for byte in Sha256::digest(decoded) {
            write!(digest, "{byte:02x}").unwrap();
        }
        assert_eq!(digest, expected);
    }

    #[test]
    fn decoded_bytes_are_the_original_ones() {
        check(&super::train_images(), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757");
        check(&super::train_labels(), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13");
        check(&super::test_images(), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161");
        check(&super::test_labels(), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5");
    }

    #[test]
    fn lengths_follow_from_the_constants() {
        assert_eq!(super::train_images().len(), super::TRAIN_COUNT * super::HEIGHT * super::WIDTH);
        assert_eq!(super::test_images().len(), super::TEST_COUNT * super::HEIGHT * super::WIDTH);
        assert_eq!(super::train_labels().len(), super::TRAIN_COUNT);
        assert_eq!(super::test_labels().len(), super::TEST_COUNT);
    }

    #[test]
    fn labels_are_digits() {
        for labels in [super::train_labels(), super::test_labels()] {
            assert!(labels.iter().all(|&label| usize::from(label) < super::CLASSES));
        }
    }
}
