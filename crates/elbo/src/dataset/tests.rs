//! Real files in a temporary directory: every way in which they can be right, and every way in which they can be wrong.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tempfile::TempDir;

use super::{Dataset, DatasetError, ImageShape, Splits, idx};

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

const SHAPE: ImageShape = ImageShape { height: 4, width: 3, channels: 1 };

/// An IDX file: the magic number, the dimensions, `payload`.
fn idx_bytes(magic: u32, dimensions: &[u32], payload: &[u8]) -> Vec<u8> {
    let mut bytes = magic.to_be_bytes().to_vec();
    for dimension in dimensions {
        bytes.extend(dimension.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

/// `count` images of `SHAPE`, no two of them alike.
fn pixels(count: usize, seed: u8) -> Vec<u8> {
    (0..count * SHAPE.len()).map(|i| (i as u8).wrapping_mul(37).wrapping_add(seed)).collect()
}

fn labels(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 7 % 62) as u8).collect()
}

fn images_file(count: usize, seed: u8) -> Vec<u8> {
    idx_bytes(idx::IMAGES, &[count as u32, SHAPE.height as u32, SHAPE.width as u32], &pixels(count, seed))
}

fn labels_file(count: usize) -> Vec<u8> {
    idx_bytes(idx::LABELS, &[count as u32], &labels(count))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A directory with these files.
fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// The four files of a set of 5 training and 2 test images.
fn four_files(seed: u8) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (TRAIN_IMAGES, images_file(5, seed)),
        (TRAIN_LABELS, labels_file(5)),
        (TEST_IMAGES, images_file(2, seed ^ 0x55)),
        (TEST_LABELS, labels_file(2)),
    ]
}

/// What reading `four_files(seed)` gives.
fn four_sets(seed: u8, name: &str) -> Splits {
    Splits {
        train: Dataset::new(SHAPE, pixels(5, seed), Some(labels(5))).unwrap(),
        test: Some(Dataset::new(SHAPE, pixels(2, seed ^ 0x55), Some(labels(2))).unwrap()),
        name: name.to_owned(),
    }
}

fn name_of(folder: &TempDir) -> String {
    folder.path().file_name().unwrap().to_str().unwrap().to_owned()
}

/// The error of reading a directory whose training images are these bytes, its message without the directory.
fn error_of(train_images: &[u8]) -> (DatasetError, String) {
    let folder = folder(&[(TRAIN_IMAGES, train_images.to_vec())]);
    error_at(&folder, folder.path())
}

fn error_at(folder: &TempDir, path: &Path) -> (DatasetError, String) {
    let error = Splits::from_path(path).unwrap_err();
    let prefix = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
    let message = error.to_string().replace(&prefix, "").replace(&folder.path().display().to_string(), "DIR");
    (error, message)
}

macro_rules! assert_matches {
    ($value:expr, $pattern:pat $(if $guard:expr)?) => {
        match $value {
            $pattern $(if $guard)? => {}
            ref other => panic!("unexpected {other:?}"),
        }
    };
}

mod values {
    use super::*;

    #[test]
    fn shape_counts_and_prints() {
        let shape = ImageShape { height: 28, width: 20, channels: 3 };
        assert_eq!(shape.len(), 28 * 20 * 3);
        assert_eq!(shape.to_string(), "28x20x3");
        assert_eq!(format!("{shape:>9}|"), "  28x20x3|");
        assert!(!shape.is_empty());
        assert!(ImageShape { channels: 0, ..shape }.is_empty());
        assert_eq!(ImageShape { height: usize::MAX, ..shape }.len(), usize::MAX);
    }

    #[test]
    fn dataset_gives_back_what_it_was_given() {
        let dataset = Dataset::new(SHAPE, pixels(5, 9), Some(labels(5))).unwrap();
        assert_eq!(dataset.len(), 5);
        assert_eq!(dataset.shape(), SHAPE);
        assert_eq!(dataset.images(), pixels(5, 9));
        assert_eq!(dataset.labels(), Some(labels(5).as_slice()));
        let joined: Vec<u8> = (0..5).flat_map(|i| dataset.image(i).to_vec()).collect();
        assert_eq!(joined, pixels(5, 9));
        assert!(!format!("{dataset:?}").contains("37"), "pixels are not printed");
    }

    #[test]
    fn dataset_refuses_what_does_not_fit() {
        let new = Dataset::new;
        assert_matches!(
            new(ImageShape { width: 0, ..SHAPE }, vec![1], None).unwrap_err(),
            DatasetError::InvalidShape { .. }
        );
        assert_matches!(
            new(ImageShape { width: usize::MAX, ..SHAPE }, vec![1], None).unwrap_err(),
            DatasetError::InvalidShape { .. }
        );
        assert_matches!(new(SHAPE, Vec::new(), None).unwrap_err(), DatasetError::NoImages);
        assert_matches!(
            new(SHAPE, vec![0; 13], None).unwrap_err(),
            DatasetError::PartialImage { values: 13, shape: SHAPE }
        );
        assert_matches!(
            new(SHAPE, vec![0; 24], Some(vec![1])).unwrap_err(),
            DatasetError::LabelCount { images: 2, labels: 1 }
        );
    }

    #[test]
    fn digest_is_fixed_and_sees_every_difference() {
        // Computed independently, from the description of the bytes that are hashed.
        let dataset = Dataset::new(SHAPE, (0..24).collect(), Some(vec![3, 4])).unwrap();
        assert_eq!(dataset.digest(), "1088dd6c58c71d552809adbdcfcc33190fa7bcbd20266cf77744aa73d6ae9d2a");

        let of = |shape, images, labels| Dataset::new(shape, images, labels).unwrap().digest();
        let turned = ImageShape { height: 3, width: 4, channels: 1 };
        let mut digests = vec![
            dataset.digest(),
            of(SHAPE, (1..25).collect(), Some(vec![3, 4])),
            of(SHAPE, (0..24).collect(), Some(vec![4, 3])),
            of(SHAPE, (0..24).collect(), None),
            of(turned, (0..24).collect(), Some(vec![3, 4])),
        ];
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 5);
    }
}

mod mnist {
    use super::*;

    /// Counts of the digits, and the sum of all pixels.
    fn summary(dataset: &Dataset) -> ([usize; 10], u64) {
        let mut histogram = [0; 10];
        for &label in dataset.labels().unwrap() {
            histogram[usize::from(label)] += 1;
        }
        (histogram, dataset.images().iter().map(|&pixel| u64::from(pixel)).sum())
    }

    #[test]
    fn embedded_set_is_mnist() {
        let Splits { train, test, name } = Splits::mnist();
        let test = test.unwrap();
        assert_eq!(name, "mnist");
        assert_eq!((train.len(), test.len()), (60_000, 10_000));
        assert_eq!(train.labels().unwrap().len(), 60_000);
        assert_eq!(test.labels().unwrap().len(), 10_000);
        for set in [&train, &test] {
            assert_eq!(set.shape(), ImageShape { height: 28, width: 28, channels: 1 });
        }

        let (histogram, sum) = summary(&train);
        assert_eq!(histogram, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
        // The mean that the field normalises with: 0.1307.
        let mean = sum as f64 / train.images().len() as f64 / 255.0;
        assert!((mean - 0.130_660).abs() < 1e-6, "{mean}");

        let (histogram, sum) = summary(&test);
        assert_eq!(histogram, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
        let mean = sum as f64 / test.images().len() as f64 / 255.0;
        assert!((mean - 0.132_515).abs() < 1e-6, "{mean}");

        assert_eq!(&train.labels().unwrap()[..5], [5, 0, 4, 1, 9]);
        assert_eq!(&test.labels().unwrap()[..5], [7, 2, 1, 0, 4]);
    }
}

mod names {
    use super::*;

    #[test]
    fn reads_the_four_files() {
        let folder = folder(&four_files(1));
        assert_eq!(Splits::from_path(folder.path()).unwrap(), four_sets(1, &name_of(&folder)));
    }

    #[test]
    fn gzip_reads_like_plain_whatever_the_name_says() {
        let expected = four_sets(1, "");
        for (packed, suffix) in [(true, ".gz"), (true, ""), (false, ".gz")] {
            let folder = tempfile::tempdir().unwrap();
            for (name, bytes) in four_files(1) {
                let bytes = if packed { gzip(&bytes) } else { bytes };
                fs::write(folder.path().join(format!("{name}{suffix}")), bytes).unwrap();
            }
            let splits = Splits::from_path(folder.path()).unwrap();
            assert_eq!((splits.train, splits.test), (expected.train.clone(), expected.test.clone()));
        }
    }

    #[test]
    fn gzip_of_several_members_is_their_concatenation() {
        let bytes = images_file(5, 1);
        for cut in [0, 1, 4, 15, 16, 17, 40, bytes.len()] {
            let members = [gzip(&bytes[..cut]), gzip(&bytes[cut..])].concat();
            let folder = folder(&[(TRAIN_IMAGES, members)]);
            assert_eq!(Splits::from_path(folder.path()).unwrap().train.images(), pixels(5, 1), "cut at {cut}");
        }
    }

    #[test]
    fn plain_goes_before_gzip_and_dash_before_dot() {
        let mut files = four_files(1);
        files.push(("train-images-idx3-ubyte.gz", gzip(&images_file(5, 99))));
        files.push(("train-images.idx3-ubyte", images_file(5, 98)));
        files.push(("test-images-idx3-ubyte", images_file(2, 97)));
        let folder = folder(&files);
        assert_eq!(Splits::from_path(folder.path()).unwrap(), four_sets(1, &name_of(&folder)));
    }

    #[test]
    fn dots_in_place_of_dashes() {
        let dotted: Vec<String> = four_files(1).iter().map(|(name, _)| name.replace("-idx", ".idx")).collect();
        let files: Vec<_> = dotted.iter().map(String::as_str).zip(four_files(1).into_iter().map(|f| f.1)).collect();
        let folder = folder(&files);
        assert_eq!(Splits::from_path(folder.path()).unwrap(), four_sets(1, &name_of(&folder)));
    }

    /// Two sets of EMNIST, as they are packed there.
    fn emnist() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (prefix, seed) in [("emnist-letters", 1), ("emnist-digits", 2)] {
            for (name, bytes) in four_files(seed) {
                let name = format!("{prefix}-{}.gz", name.replace("t10k", "test"));
                fs::write(folder.path().join(name), gzip(&bytes)).unwrap();
            }
        }
        folder
    }

    #[test]
    fn several_prefixes_are_an_error_that_lists_them() {
        let folder = emnist();
        let (error, message) = error_at(&folder, folder.path());
        assert_matches!(&error, DatasetError::SeveralPrefixes { .. });
        assert_eq!(message, "DIR: holds several data sets, with the prefixes emnist-digits, emnist-letters");
        let example = folder.path().join("emnist-digits");
        assert_eq!(error.hint().unwrap(), format!("choose one, for example {}", example.display()));
        assert_eq!(Splits::from_path(example).unwrap(), four_sets(2, "emnist-digits"));
    }

    #[test]
    fn a_prefix_or_a_file_selects_its_set() {
        let folder = emnist();
        for path in ["emnist-letters", "emnist-letters-", "emnist-letters-test-labels-idx1-ubyte.gz"] {
            let splits = Splits::from_path(folder.path().join(path)).unwrap();
            assert_eq!(splits, four_sets(1, "emnist-letters"), "{path}");
        }
        // Beside sets with a prefix, the one without is selected by a file too.
        for (name, bytes) in four_files(3) {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let (_, message) = error_at(&folder, folder.path());
        assert!(message.ends_with("with the prefixes (none), emnist-digits, emnist-letters"), "{message}");
        let splits = Splits::from_path(folder.path().join(TEST_IMAGES)).unwrap();
        assert_eq!(splits, four_sets(3, &name_of(&folder)));
    }

    #[test]
    fn the_only_prefix_needs_no_choice() {
        let files = [("emnist-byclass-train-images-idx3-ubyte", images_file(5, 1))];
        let splits = Splits::from_path(folder(&files).path()).unwrap();
        assert_eq!(splits.name, "emnist-byclass");
    }

    #[test]
    fn unknown_prefixes_list_the_known_ones() {
        let folder = emnist();
        let (error, message) = error_at(&folder, &folder.path().join("emnist-leters"));
        assert_eq!(
            message,
            "emnist-leters: no such directory, and DIR has data sets only with the prefixes emnist-digits, emnist-letters"
        );
        assert!(error.hint().unwrap().ends_with("emnist-digits"));
    }

    #[test]
    fn labels_and_test_files_are_optional() {
        let bare = folder(&[(TRAIN_IMAGES, images_file(5, 1))]);
        let splits = Splits::from_path(bare.path()).unwrap();
        assert_eq!((splits.train.labels(), splits.test), (None, None));

        let files = four_files(1);
        let unlabelled = folder(&[files[0].clone(), files[2].clone()]);
        let splits = Splits::from_path(unlabelled.path()).unwrap();
        assert_eq!(splits.train.labels(), None);
        assert_eq!(splits.test.unwrap().labels(), None);

        let test_only_labelled = folder(&files[2..]);
        assert_matches!(Splits::from_path(test_only_labelled.path()).unwrap_err(), DatasetError::MissingFile { .. });
    }

    #[test]
    fn hidden_files_and_directories_are_passed_over() {
        let mut files = four_files(1);
        files.push(("._train-images-idx3-ubyte", b"rubbish".to_vec()));
        files.push((".other-train-images-idx3-ubyte", b"rubbish".to_vec()));
        let folder = folder(&files);
        fs::create_dir(folder.path().join("x-train-images-idx3-ubyte")).unwrap();
        assert_eq!(Splits::from_path(folder.path()).unwrap(), four_sets(1, &name_of(&folder)));
    }
}

mod errors {
    use super::*;

    #[test]
    fn missing_directory() {
        let folder = folder(&[]);
        for path in ["nowhere", "nowhere/mnist", "nowhere/mnist/"] {
            let (error, message) = error_at(&folder, &folder.path().join(path));
            assert_matches!(error, DatasetError::MissingDirectory { .. });
            assert_eq!(message, format!("{path}: no such directory"));
            assert!(error.hint().unwrap().contains("train-images-idx3-ubyte"));
        }
        // Below a file.
        fs::write(folder.path().join("file"), "").unwrap();
        assert_matches!(error_at(&folder, &folder.path().join("file/mnist")).0, DatasetError::MissingDirectory { .. });
        assert_matches!(Splits::from_path("").unwrap_err(), DatasetError::MissingDirectory { .. });
    }

    #[test]
    fn a_file_that_is_no_part_of_a_set() {
        let folder = folder(&[("mnist.npz", vec![1])]);
        let (error, message) = error_at(&folder, &folder.path().join("mnist.npz"));
        assert_matches!(error, DatasetError::UnknownFile { .. });
        assert_eq!(message, "mnist.npz: neither a directory nor a file of an IDX data set");
        assert!(error.hint().is_some());
    }

    #[test]
    fn missing_file_says_what_was_looked_for_and_what_is_there() {
        let (error, message) = {
            let folder = folder(&[]);
            error_at(&folder, folder.path())
        };
        assert_matches!(&error, DatasetError::MissingFile { names, .. } if names.len() == 4);
        assert_eq!(
            message,
            "DIR: no train-images-idx3-ubyte (also looked for: train-images-idx3-ubyte.gz, train-images.idx3-ubyte, \
             train-images.idx3-ubyte.gz); the directory holds nothing"
        );
        assert_eq!(error.hint(), None);

        let folder = folder(&[("a.png", vec![]), (TRAIN_LABELS, labels_file(2))]);
        fs::create_dir(folder.path().join("raw")).unwrap();
        let (error, message) = error_at(&folder, folder.path());
        assert!(message.ends_with("; the directory holds a.png, raw/, train-labels-idx1-ubyte"), "{message}");
        assert!(error.hint().unwrap().contains("directories inside"));

        for i in 0..20 {
            fs::write(folder.path().join(format!("b{i:02}")), "").unwrap();
        }
        let (_, message) = error_at(&folder, folder.path());
        assert!(message.ends_with("holds a.png, b00, b01, b02, b03, b04, b05, b06 and 15 more"), "{message}");
    }

    #[test]
    fn test_labels_without_their_images() {
        let files = four_files(1);
        let folder = folder(&[files[0].clone(), files[3].clone()]);
        let (error, message) = error_at(&folder, folder.path());
        assert_matches!(&error, DatasetError::MissingFile { names, .. } if names.len() == 8);
        assert!(message.starts_with("DIR: no t10k-images-idx3-ubyte (also looked for: "), "{message}");
    }

    #[test]
    fn permission() {
        let path = PathBuf::from("x/train-images-idx3-ubyte");
        let error = DatasetError::io(&path, io::ErrorKind::PermissionDenied.into());
        assert_matches!(&error, DatasetError::PermissionDenied { .. });
        assert_eq!(error.to_string(), "x/train-images-idx3-ubyte: permission denied");
        assert_eq!(
            error.hint().unwrap(),
            "make it readable for this user, for example with chmod u+rX x/train-images-idx3-ubyte"
        );
    }

    /// Passes without having looked where permissions do not bind, as they do not bind root.
    #[cfg(unix)]
    #[test]
    fn permission_of_real_files() {
        use std::os::unix::fs::PermissionsExt;

        let folder = folder(&four_files(1));
        let file = folder.path().join(TRAIN_IMAGES);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::read(&file).is_err() {
            assert_matches!(error_at(&folder, folder.path()).0, DatasetError::PermissionDenied { path } if path == file);
        }
    }

    #[cfg(unix)]
    #[test]
    fn dangling_link_is_named() {
        let folder = folder(&[]);
        std::os::unix::fs::symlink("nowhere", folder.path().join(TRAIN_IMAGES)).unwrap();
        let (error, message) = error_at(&folder, folder.path());
        assert_matches!(error, DatasetError::Io { .. });
        assert!(message.starts_with("train-images-idx3-ubyte: "), "{message}");
    }

    #[test]
    fn wrong_magic_says_what_it_would_mean() {
        let message = |bytes: &[u8]| {
            let (error, message) = error_of(bytes);
            assert_matches!(&error, DatasetError::WrongMagic { expected: 2051, .. });
            (message, error.hint())
        };
        let (text, hint) = message(&labels_file(20));
        assert_eq!(
            text,
            "train-images-idx3-ubyte: not an IDX image file: expected magic number 2051 (0x00000803), \
             found 2049 (0x00000801), which is a label file"
        );
        assert!(hint.unwrap().contains("swapped"));

        let cases: [(u32, &str, bool); 7] = [
            (0x0000_0d03, "which is an IDX file of 32-bit floats in 3 dimensions", true),
            (0x0000_0802, "which is an IDX file of unsigned bytes in 2 dimensions", true),
            (0x0000_0b01, "which is an IDX file of 16-bit integers in 1 dimension", true),
            (0x0308_0000, "which has the right bytes in the wrong order", true),
            (u32::from_be_bytes(*b"<!DO"), "which is the text \"<!DO\"", true),
            (0, "found 0 (0x00000000)", false),
            (0x8950_4e47, "found 2303741511 (0x89504e47)", false),
        ];
        for (magic, meaning, has_hint) in cases {
            let (text, hint) = message(&idx_bytes(magic, &[1, 1, 1], &[0]));
            assert!(text.ends_with(meaning), "{text}");
            assert_eq!(hint.is_some(), has_hint, "{text}");
        }
        let (text, hint) = message(&gzip(&gzip(&images_file(5, 1))));
        assert!(text.ends_with("which is gzip data"), "{text}");
        assert!(hint.unwrap().contains("compressed twice"));
    }

    #[test]
    fn images_in_place_of_labels() {
        let folder = folder(&[(TRAIN_IMAGES, images_file(5, 1)), (TRAIN_LABELS, images_file(5, 1))]);
        let (error, message) = error_at(&folder, folder.path());
        assert_eq!(
            message,
            "train-labels-idx1-ubyte: not an IDX label file: expected magic number 2049 (0x00000801), \
             found 2051 (0x00000803), which is an image file"
        );
        assert!(error.hint().is_some());
    }

    #[test]
    fn truncation_anywhere() {
        let bytes = images_file(5, 1);
        for length in 0..bytes.len() {
            for packed in [false, true] {
                let cut = &bytes[..length];
                let (error, message) = error_of(&if packed { gzip(cut) } else { cut.to_vec() });
                let length = length as u64;
                if length < 16 {
                    assert_matches!(error, DatasetError::TruncatedHeader { expected: 16, found, .. } if found == length);
                } else {
                    assert_matches!(
                        error,
                        DatasetError::TruncatedPayload { expected: 60, found, .. } if found == length - 16
                    );
                }
                assert!(error.hint().is_some());
                if length == 20 {
                    assert_eq!(
                        message,
                        "train-images-idx3-ubyte: truncated: the header announces 60 bytes (5 images of 4x3), 4 follow it"
                    );
                }
            }
        }
        let (_, message) = error_of(&bytes[..10]);
        assert_eq!(message, "train-images-idx3-ubyte: truncated: the header has 16 bytes, the file 10");
    }

    #[test]
    fn truncated_gzip() {
        let packed = gzip(&images_file(5, 1));
        for length in 0..packed.len() {
            let (error, _) = error_of(&packed[..length]);
            assert_matches!(
                error,
                DatasetError::TruncatedHeader { .. }
                    | DatasetError::TruncatedPayload { found: ..60, .. }
                    | DatasetError::CorruptGzip { .. }
            );
            // Without the trailer all bytes are there, but nothing vouches for them.
            if length >= packed.len() - 8 {
                assert_matches!(error, DatasetError::CorruptGzip { .. });
            }
        }
    }

    #[test]
    fn corrupt_gzip() {
        let packed = gzip(&images_file(5, 1));
        let checksum = packed.len() - 8;
        let mut broken = packed.clone();
        broken[checksum] ^= 1;
        let (error, message) = error_of(&broken);
        assert_matches!(error, DatasetError::CorruptGzip { .. });
        assert!(message.starts_with("train-images-idx3-ubyte: corrupt gzip data: "), "{message}");
        assert!(error.hint().unwrap().contains("download"));

        // A reserved compression method, and rubbish after the end.
        let mut broken = packed.clone();
        broken[2] = 99;
        assert_matches!(error_of(&broken).0, DatasetError::CorruptGzip { .. });
        let broken = [packed.as_slice(), b"rubbish after the end"].concat();
        assert_matches!(error_of(&broken).0, DatasetError::CorruptGzip { .. });
    }

    #[test]
    fn trailing_bytes() {
        let mut bytes = images_file(5, 1);
        bytes.extend([0, 0]);
        let (error, message) = error_of(&bytes);
        assert_matches!(error, DatasetError::TrailingBytes { expected: 60, found: Some(62), .. });
        assert_eq!(
            message,
            "train-images-idx3-ubyte: too long: the header announces 60 bytes (5 images of 4x3), 62 follow it"
        );
        let (error, message) = error_of(&gzip(&bytes));
        assert_matches!(error, DatasetError::TrailingBytes { expected: 60, found: None, .. });
        assert!(message.ends_with("(5 images of 4x3), more follow it"), "{message}");
    }

    #[test]
    fn absurd_dimensions() {
        for (height, width) in [(0, 28), (28, 0), (0, 0), (4097, 1), (1, 4097), (u32::MAX, u32::MAX)] {
            let (error, message) = error_of(&idx_bytes(idx::IMAGES, &[1, height, width], &[0; 64]));
            assert_matches!(error, DatasetError::BadDimensions { height: h, width: w, .. } if (h, w) == (height, width));
            assert_eq!(
                message,
                format!("train-images-idx3-ubyte: images of {height}x{width} pixels: each side must be from 1 to 4096")
            );
        }
        let largest = folder(&[(TRAIN_IMAGES, idx_bytes(idx::IMAGES, &[1, 4096, 1], &[7; 4096]))]);
        assert_eq!(Splits::from_path(largest.path()).unwrap().train.shape().height, 4096);
    }

    #[test]
    fn a_header_that_claims_too_much_allocates_nothing() {
        let start = Instant::now();
        // 2^40 and (2^32 - 1) * 2^24 pixels.
        for (count, expected) in [(1 << 16, 1 << 40), (u32::MAX, u64::from(u32::MAX) << 24)] {
            let bytes = idx_bytes(idx::IMAGES, &[count, 4096, 4096], &[0; 100]);
            for bytes in [gzip(&bytes), bytes] {
                let (error, _) = error_of(&bytes);
                if cfg!(target_pointer_width = "64") {
                    assert_matches!(
                        error,
                        DatasetError::TruncatedPayload { expected: e, found: 100, .. } if e == expected
                    );
                } else {
                    assert_matches!(error, DatasetError::TooLarge { expected: e, .. } if e == expected);
                }
            }
        }
        let labels = idx_bytes(idx::LABELS, &[u32::MAX], &[0; 100]);
        let folder = folder(&[(TRAIN_IMAGES, images_file(5, 1)), (TRAIN_LABELS, gzip(&labels))]);
        assert_matches!(
            error_at(&folder, folder.path()).0,
            DatasetError::TruncatedPayload { expected: 0xffff_ffff, found: 100, .. }
        );
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }

    #[test]
    fn a_gzip_bomb_is_not_unpacked_beyond_its_header() {
        let mut bytes = images_file(5, 1);
        bytes.resize(64 << 20, 0);
        let bomb = gzip(&bytes);
        assert!(bomb.len() < 100_000);
        let folder = folder(&[(TRAIN_IMAGES, bomb)]);
        let start = Instant::now();
        for _ in 0..100 {
            assert_matches!(error_at(&folder, folder.path()).0, DatasetError::TrailingBytes { expected: 60, .. });
        }
        // Unpacking all of it a hundred times takes far longer.
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }

    #[test]
    fn empty_files() {
        let (error, message) = error_of(&idx_bytes(idx::IMAGES, &[0, 28, 28], &[]));
        assert_matches!(error, DatasetError::EmptyFile { .. });
        assert_eq!(message, "train-images-idx3-ubyte: the header announces 0 images");

        let folder = folder(&[(TRAIN_IMAGES, images_file(5, 1)), (TRAIN_LABELS, labels_file(0))]);
        let (error, message) = error_at(&folder, folder.path());
        assert_matches!(error, DatasetError::EmptyFile { .. });
        assert_eq!(message, "train-labels-idx1-ubyte: the header announces 0 labels");
    }

    #[test]
    fn counts_differ() {
        for name in [TRAIN_LABELS, TEST_LABELS] {
            let mut files = four_files(1);
            files.iter_mut().find(|file| file.0 == name).unwrap().1 = labels_file(4);
            let folder = folder(&files);
            let (error, message) = error_at(&folder, folder.path());
            let (images_name, count) = if name == TRAIN_LABELS { (TRAIN_IMAGES, 5) } else { (TEST_IMAGES, 2) };
            assert_matches!(
                &error,
                DatasetError::CountMismatch { images, labels: 4, .. } if *images == count
            );
            assert_eq!(message, format!("{images_name}: {count} images, but {name} has 4 labels"));
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn shapes_differ() {
        let turned = idx_bytes(idx::IMAGES, &[2, 3, 4], &pixels(2, 0));
        let folder = folder(&[(TRAIN_IMAGES, images_file(5, 1)), (TEST_IMAGES, turned)]);
        let (error, message) = error_at(&folder, folder.path());
        assert_matches!(&error, DatasetError::ShapeMismatch { train: SHAPE, .. });
        assert_eq!(message, "train-images-idx3-ubyte: images of 4x3x1, but t10k-images-idx3-ubyte has images of 3x4x1");
        assert!(error.hint().is_some());
    }
}

/// A change to a file.
#[derive(Clone, Debug)]
enum Mutation {
    Flip { at: prop::sample::Index, bit: u8 },
    Truncate { at: prop::sample::Index },
    Insert { at: prop::sample::Index, bytes: Vec<u8> },
    Remove { at: prop::sample::Index },
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Insert { at, bytes: inserted } => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, inserted.iter().copied());
            }
            _ if bytes.is_empty() => {}
            Self::Flip { at, bit } => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Truncate { at } => bytes.truncate(at.index(bytes.len())),
            Self::Remove { at } => {
                bytes.remove(at.index(bytes.len()));
            }
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip { at, bit }),
        1 => at().prop_map(|at| Mutation::Truncate { at }),
        2 => (at(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Mutation::Insert { at, bytes }),
        1 => at().prop_map(|at| Mutation::Remove { at }),
    ]
}

/// What the header of a plain IDX file of images says.
fn header(bytes: &[u8]) -> Option<[u32; 4]> {
    let number = |i: usize| Some(u32::from_be_bytes(bytes.get(i * 4..i * 4 + 4)?.try_into().ok()?));
    Some([number(0)?, number(1)?, number(2)?, number(3)?])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    /// A changed file is an error with a message, or a data set that is exactly what the changed file says.
    #[test]
    fn mutated_files_never_panic(
        count in 1..6usize,
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let mut bytes = images_file(count, 1);
        for mutation in &mutations {
            mutation.apply(&mut bytes);
        }
        let folder = folder(&[(TRAIN_IMAGES, bytes.clone())]);
        match Splits::from_path(folder.path()) {
            Ok(splits) => {
                let [magic, count, height, width] = header(&bytes).unwrap();
                prop_assert_eq!(magic, idx::IMAGES);
                prop_assert_eq!(splits.train.len(), count as usize);
                let shape = ImageShape { height: height as usize, width: width as usize, channels: 1 };
                prop_assert_eq!(splits.train.shape(), shape);
                prop_assert_eq!(splits.train.images(), &bytes[16..]);
            }
            Err(error) => {
                prop_assert!(error.to_string().contains(TRAIN_IMAGES));
                let _ = error.hint();
            }
        }
    }

    /// The same below gzip: the checksum lets a data set through only if it is the original one.
    #[test]
    fn mutated_gzip_never_panics(
        count in 1..6usize,
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let mut bytes = gzip(&images_file(count, 1));
        for mutation in &mutations {
            mutation.apply(&mut bytes);
        }
        let folder = folder(&[(TRAIN_IMAGES, bytes)]);
        match Splits::from_path(folder.path()) {
            Ok(splits) => prop_assert_eq!(splits.train.images(), pixels(count, 1)),
            Err(error) => {
                prop_assert!(error.to_string().contains(TRAIN_IMAGES));
                let _ = error.hint();
            }
        }
    }

    /// What is written is read again, plain and compressed.
    #[test]
    fn round_trip(
        (shape, count, images) in (1..9usize, 1..9usize, 1..9usize).prop_flat_map(|(height, width, count)| {
            let shape = ImageShape { height, width, channels: 1 };
            (Just(shape), Just(count), prop::collection::vec(any::<u8>(), count * shape.len()))
        }),
        packed in any::<bool>(),
    ) {
        let file = idx_bytes(idx::IMAGES, &[count as u32, shape.height as u32, shape.width as u32], &images);
        let labels: Vec<u8> = images.iter().copied().take(count).collect();
        let labels_file = idx_bytes(idx::LABELS, &[count as u32], &labels);
        let pack = |bytes: Vec<u8>| if packed { gzip(&bytes) } else { bytes };
        let folder = folder(&[(TRAIN_IMAGES, pack(file)), (TRAIN_LABELS, pack(labels_file))]);
        let splits = Splits::from_path(folder.path()).unwrap();
        prop_assert_eq!(splits.train, Dataset::new(shape, images, Some(labels)).unwrap());
    }
}
