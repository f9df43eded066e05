//! Real files in a temporary directory: every way in which they can be right, and every way in which they can be wrong.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::{Dataset, DatasetError, Depth, FileKind, IdxError, ImageShape, Pixels, Splits, idx};

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

fn labels(count: usize) -> Vec<u16> {
    (0..count).map(|i| (i * 7 % 62) as u16).collect()
}

fn images_file(count: usize, seed: u8) -> Vec<u8> {
    idx_bytes(idx::IMAGES, &[count as u32, SHAPE.height as u32, SHAPE.width as u32], &pixels(count, seed))
}

fn labels_file(count: usize) -> Vec<u8> {
    let labels: Vec<u8> = labels(count).into_iter().map(|label| label as u8).collect();
    idx_bytes(idx::LABELS, &[count as u32], &labels)
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

/// What reading `four_files(seed)` gives. Its test images lack the last classes.
fn four_sets(seed: u8, name: &str) -> Splits {
    let train = Dataset::new(SHAPE, pixels(5, seed), Some(labels(5))).unwrap();
    let test = Dataset::new(SHAPE, pixels(2, seed ^ 0x55), Some(labels(2))).unwrap();
    let test = test.with_classes(train.classes().to_vec()).unwrap();
    Splits { train, validation: None, test: Some(test), name: name.to_owned() }
}

/// The values of all images, `[N, H, W, C]`.
fn values(dataset: &Dataset) -> &[u8] {
    match &dataset.images {
        Pixels::Memory(images) => images,
        Pixels::File(..) => panic!("not in memory"),
    }
}

/// All that there is to a data set.
fn parts(dataset: &Dataset) -> (ImageShape, &[u8], Option<&[u16]>, &[String]) {
    (dataset.shape(), values(dataset), dataset.labels(), dataset.classes())
}

#[track_caller]
fn assert_same(found: &Splits, expected: &Splits) {
    assert_eq!(parts(&found.train), parts(&expected.train));
    assert_eq!(found.test.as_ref().map(parts), expected.test.as_ref().map(parts));
    assert_eq!(found.name, expected.name);
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

mod errors;
mod memory;
#[cfg(feature = "mnist")]
mod mnist;
mod mutations;
mod names;
mod values;
