//! Arrays in real files.

use std::fs;
use std::io::{Cursor, Write};

use proptest::prelude::*;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::dataset::{DataOptions, load};

/// A `.npy` file with this header's type, order and shape.
fn npy(descr: &str, fortran: bool, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let sides: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let sides = if sides.is_empty() { String::new() } else { sides.join(", ") + "," };
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({sides}), }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    file
}

fn npz(arrays: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        writer.start_file(format!("{name}.npy"), SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn file(name: &str, bytes: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    folder
}

fn try_load(name: &str, bytes: &[u8]) -> Result<Loaded, DatasetError> {
    let folder = file(name, bytes);
    load(&folder.path().join(name), &DataOptions::default(), &|_, _| {})
}

fn loaded(name: &str, bytes: &[u8]) -> Loaded {
    try_load(name, bytes).unwrap()
}

fn pixels(dataset: &Dataset) -> Vec<u8> {
    let indices: Vec<u32> = (0..dataset.len() as u32).collect();
    dataset.gather(&indices, &mut Vec::new()).unwrap().pixels.to_vec()
}

fn shape(height: usize, width: usize, channels: usize) -> ImageShape {
    ImageShape { height, width, channels }
}

/// Bytes of which no two in a row are alike.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 37 % 251) as u8).collect()
}

#[test]
fn an_array_of_bytes_is_read_in_each_layout() {
    for (sides, expected) in
        [(vec![2, 9, 10], shape(9, 10, 1)), (vec![2, 9, 10, 1], shape(9, 10, 1)), (vec![2, 9, 10, 3], shape(9, 10, 3))]
    {
        let bytes = bytes(sides.iter().product());
        let Loaded { splits, notes, .. } = loaded("a.npy", &npy("|u1", false, &sides, &bytes));
        assert_eq!((splits.train.shape(), splits.name.as_str()), (expected, "a"));
        assert_eq!(pixels(&splits.train), bytes);
        assert!(splits.test.is_none() && splits.train.labels().is_none() && notes.is_empty());
    }
    let source = bytes(2 * 3 * 9 * 10);
    let train = loaded("a.npy", &npy("|u1", false, &[2, 3, 9, 10], &source)).splits.train;
    assert_eq!(train.shape(), shape(9, 10, 3));
    let found = pixels(&train);
    for (image, channel, pixel) in [(0, 0, 0), (0, 2, 89), (1, 1, 45)] {
        assert_eq!(found[(image * 90 + pixel) * 3 + channel], source[(image * 3 + channel) * 90 + pixel]);
    }
}

#[test]
fn fortran_order_is_turned() {
    let sides = [2, 8, 9, 3];
    let at = |n: usize, y: usize, x: usize, c: usize| (n * 97 + y * 31 + x * 7 + c) as u8;
    let mut c_order = Vec::new();
    for n in 0..2 {
        for y in 0..8 {
            for x in 0..9 {
                c_order.extend((0..3).map(|c| at(n, y, x, c)));
            }
        }
    }
    let mut fortran = Vec::new();
    for c in 0..3 {
        for x in 0..9 {
            for y in 0..8 {
                fortran.extend((0..2).map(|n| at(n, y, x, c)));
            }
        }
    }
    assert_eq!(pixels(&loaded("a.npy", &npy("|u1", true, &sides, &fortran)).splits.train), c_order);
}

#[test]
fn floats_are_brought_to_bytes_by_their_range() {
    let of = |values: &[f64], descr: &str| {
        let data: Vec<u8> = (0..64)
            .flat_map(|i| {
                let value = values[i % values.len()];
                match descr {
                    "<f4" => (value as f32).to_le_bytes().to_vec(),
                    ">f4" => (value as f32).to_be_bytes().to_vec(),
                    _ => value.to_le_bytes().to_vec(),
                }
            })
            .collect();
        try_load("a.npy", &npy(descr, false, &[1, 8, 8], &data))
    };
    for descr in ["<f4", ">f4", "<f8"] {
        let unit = of(&[0.0, 0.2, 0.501, 1.0], descr).unwrap();
        assert_eq!(pixels(&unit.splits.train)[..4], [0, 51, 128, 255]);
        assert!(unit.notes[0].to_string().contains("from 0 to 1"), "{:?}", unit.notes);
        let large = of(&[0.0, 0.6, 100.4, 255.0], descr).unwrap();
        assert_eq!(pixels(&large.splits.train)[..4], [0, 1, 100, 255]);
        let error = of(&[-1.0, 1.0], descr).unwrap_err();
        assert!(matches!(error, DatasetError::Array(ArrayError::Range { .. })), "{error}");
        assert!(error.to_string().ends_with("values from -1 to 1: they must be from 0 to 1, or from 0 to 255"));
    }
    let mut data: Vec<u8> = [0.5_f32; 192].iter().flat_map(|value| value.to_le_bytes()).collect();
    data[4 * 130..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    let error = try_load("a.npy", &npy("<f4", false, &[3, 8, 8], &data)).unwrap_err();
    assert!(error.to_string().ends_with("a.npy: image 2 (the first is 0) has the value NaN"), "{error}");
}

#[test]
fn bytes_that_are_0_and_1_are_masks() {
    let mask: Vec<u8> = (0..64).map(|i| i % 2).collect();
    let Loaded { splits, notes, .. } = loaded("a.npy", &npy("|u1", false, &[1, 8, 8], &mask));
    assert_eq!(pixels(&splits.train)[..2], [0, 255]);
    assert!(notes[0].to_string().contains("black and white"), "{notes:?}");
}

fn images(count: usize) -> Vec<u8> {
    npy("|u1", false, &[count, 8, 8], &bytes(count * 64))
}

#[test]
fn known_names_make_sets_with_labels() {
    let labels = |count: i64| -> Vec<u8> { (0..count).flat_map(|i| (i * 5 - 5).to_le_bytes()).collect() };
    for names in [
        ["train_images", "train_labels", "test_images", "test_labels", "val_images", "val_labels"],
        ["x_train", "y_train", "x_test", "y_test", "x_val", "y_val"],
    ] {
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let arrays = [
                (names[0], images(3)),
                (names[1], npy("<i8", false, &[3, 1], &labels(3))),
                (names[2], images(2)),
                (names[3], npy("<i8", false, &[2], &labels(2))),
                (names[4], images(1)),
                (names[5], npy("<i8", false, &[1], &7_i64.to_le_bytes())),
            ];
            let Loaded { splits, notes, .. } = loaded("set.npz", &npz(&arrays, method));
            let (validation, test) = (splits.validation.unwrap(), splits.test.unwrap());
            assert_eq!((splits.train.len(), validation.len(), test.len()), (3, 1, 2));
            assert_eq!(splits.train.labels(), Some(&[0, 1, 2][..]));
            assert_eq!(test.labels(), Some(&[0, 1][..]));
            assert_eq!(validation.labels(), Some(&[3][..]));
            assert_eq!(splits.train.classes(), ["-5", "0", "5", "7"]);
            assert_eq!([test.classes(), validation.classes()], [splits.train.classes(); 2]);
            assert_eq!(pixels(&splits.train), bytes(3 * 64));
            assert!(notes.is_empty(), "{notes:?}");
        }
    }
    let only = loaded("set.npz", &npz(&[("whatever", images(2))], CompressionMethod::Deflated)).splits;
    assert_eq!((only.train.len(), only.name.as_str()), (2, "set"));
}

#[test]
fn labels_that_are_no_classes_are_left_out() {
    for labels in [npy("|u1", false, &[2, 14], &[0; 28]), npy("<f4", false, &[2], &[0; 8])] {
        let arrays = [("train_images", images(2)), ("train_labels", labels)];
        let Loaded { splits, notes, .. } = loaded("set.npz", &npz(&arrays, CompressionMethod::Deflated));
        assert_eq!(splits.train.labels(), None);
        assert!(notes[0].to_string().contains("train_labels is left out"), "{notes:?}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let message = |name: &str, bytes: &[u8]| try_load(name, bytes).unwrap_err().to_string();
    let good = images(2);
    assert!(message("a.npy", &good[..20]).ends_with("a.npy: the file ends within its header"));
    let cut = message("a.npy", &good[..good.len() - 1]);
    assert!(cut.ends_with("announces 128 bytes ([2, 8, 8]), 127 follow it"), "{cut}");
    assert!(message("a.npy", &[&good[..], &[0]].concat()).ends_with("more follow it"));
    assert!(message("a.npy", &npy("<c8", false, &[2, 8, 8], &[])).contains("type 'c8'"));
    assert!(message("a.npy", &npy("<i4", false, &[1, 8, 8], &[0; 256])).contains("images must be bytes"));
    for sides in [vec![], vec![8], vec![8, 8], vec![0, 8, 8], vec![1, 7, 8], vec![1, 8, 8, 5], vec![1; 5]] {
        let count = sides.iter().product();
        let found = message("a.npy", &npy("|u1", false, &sides, &vec![0; count]));
        assert!(found.contains("is not that of images"), "{found}");
    }
    // What a header claims takes no memory.
    for sides in [vec![usize::MAX, 8, 8], vec![1 << 40, 8, 8], vec![1 << 24, 8, 8]] {
        let found = message("a.npy", &npy("|u1", false, &sides, &[0; 100]));
        assert!(found.contains("GiB") || found.contains("100 follow it"), "{found}");
    }
    let arrays = [("a", images(1)), ("b", images(1))];
    let none = message("set.npz", &npz(&arrays, CompressionMethod::Deflated));
    assert!(none.ends_with("set.npz: no array is known to hold images; there are a, b"), "{none}");
    let arrays = [("x_train", images(2)), ("y_train", npy("|u1", false, &[3], &[0; 3]))];
    let counts = message("set.npz", &npz(&arrays, CompressionMethod::Deflated));
    assert!(counts.ends_with("2 images in x_train, but 3 labels in y_train"), "{counts}");
    let archive = npz(&[("x_train", images(2))], CompressionMethod::Deflated);
    assert!(!message("set.npz", &archive[..archive.len() - 10]).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A changed file is an error with a message, or a data set.
    #[test]
    fn changed_files_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8u8), 1..6),
        is_archive in any::<bool>(),
        cut in 0..40usize,
    ) {
        let mut bytes = if is_archive {
            let labels = npy("<i2", false, &[2], &[1, 0, 2, 0]);
            npz(&[("x_train", images(2)), ("y_train", labels)], CompressionMethod::Deflated)
        } else {
            images(2)
        };
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        bytes.truncate(bytes.len() - cut.saturating_sub(30));
        if let Err(error) = try_load("set.npz", &bytes) {
            prop_assert!(error.to_string().contains("set.npz"));
        }
    }
}
