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
        assert!(error.to_string().ends_with("values from -1 to 1 are neither from 0 to 1 nor from 0 to 255"));
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

/// One image of these values in turn, as floats of 32 bits.
fn float_image(values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = (0..64).flat_map(|i| values[i % values.len()].to_le_bytes()).collect();
    npy("<f4", false, &[1, 8, 8], &data)
}

#[test]
fn values_that_pass_the_ends_of_a_range_a_little_are_cut_to_it() {
    let Loaded { splits, notes, .. } = loaded("a.npy", &float_image(&[-0.04, 0.5, 1.07, 1.0]));
    assert_eq!(pixels(&splits.train)[..4], [0, 128, 255, 255]);
    let said = "values from -0.0400 to 1.0700 are taken for 0 to 1: 32 of 64 lie outside and are cut";
    assert_eq!(notes.iter().map(ToString::to_string).collect::<Vec<_>>(), [said]);
    let Loaded { splits, notes, .. } = loaded("a.npy", &float_image(&[-3.5, 99.6, 260.0, 255.0]));
    assert_eq!(pixels(&splits.train)[..4], [0, 100, 255, 255]);
    assert!(notes[0].to_string().contains("taken for 0 to 255: 32 of 64"), "{notes:?}");
    // These are of no range that is known: standardised, from -1 to 1, of another unit.
    for values in [&[-2.1, 0.3, 2.4][..], &[-1.0, 0.5, 1.0], &[0.0, 3.7, 5.2], &[0.5, 4095.0], &[-100.0, 100.0]] {
        let error = try_load("a.npy", &float_image(values)).unwrap_err();
        assert!(matches!(error, DatasetError::Array(ArrayError::Range { .. })), "{values:?}: {error}");
    }
}

#[test]
fn integers_of_any_size_are_images_if_bytes_hold_them() {
    let data: Vec<u8> = (0..64_i64).flat_map(|i| (4 * i).to_le_bytes()).collect();
    let train = loaded("a.npy", &npy("<i8", false, &[1, 8, 8], &data)).splits.train;
    assert_eq!(pixels(&train)[..3], [0, 4, 8]);
    let data: Vec<u8> = (0..64_u16).flat_map(|i| (64 * i).to_le_bytes()).collect();
    let error = try_load("a.npy", &npy("<u2", false, &[1, 8, 8], &data)).unwrap_err();
    assert!(error.to_string().ends_with("values from 0 to 4032 are neither from 0 to 1 nor from 0 to 255"), "{error}");
}

#[test]
fn sets_of_different_scales_are_refused() {
    let bytes = |value: u8| npy("|u1", false, &[1, 8, 8], &[value; 64]);
    let two = |train: Vec<u8>, test: Vec<u8>| {
        try_load("set.npz", &npz(&[("x_train", train), ("x_test", test)], CompressionMethod::Deflated))
    };
    for (train, test, said) in [
        (
            float_image(&[0.0, 0.5]),
            float_image(&[0.0, 99.5]),
            "x_train has values from 0 to 1, and x_test has values from 0 to 255",
        ),
        (bytes(200), bytes(1), "x_train has values from 0 to 255, and x_test has only 0 and 1"),
        (bytes(200), float_image(&[0.0, 0.5]), "x_train has values from 0 to 255, and x_test has values from 0 to 1"),
    ] {
        let error = two(train, test).unwrap_err().to_string();
        assert!(error.ends_with(said), "{error}");
    }
    // Zeros may be of any, and black and white may be of grey.
    for (train, test) in [
        (bytes(0), bytes(1)),
        (bytes(200), bytes(0)),
        (bytes(200), float_image(&[0.0, 99.5])),
        (float_image(&[0.0, 0.5]), float_image(&[0.0, 1.0])),
        (float_image(&[0.0, 0.5]), bytes(0)),
    ] {
        two(train, test).unwrap();
    }
}

#[test]
fn numbers_words_and_columns_are_classes() {
    let words = |texts: &[&str]| {
        let width = texts.iter().map(|text| text.chars().count()).max().unwrap();
        let mut data = Vec::new();
        for text in texts {
            let mut characters: Vec<u32> = text.chars().map(u32::from).collect();
            characters.resize(width, 0);
            data.extend(characters.iter().flat_map(|character| character.to_le_bytes()));
        }
        npy(&format!("<U{width}"), false, &[texts.len()], &data)
    };
    let floats = |values: &[f64]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    for (labels, classes, expected) in [
        (npy("<f8", false, &[3], &floats(&[7.0, -2.0, 7.0])), vec!["-2", "7"], [1, 0, 1]),
        (words(&["\u{732b}", "dog", "dog"]), vec!["dog", "\u{732b}"], [1, 0, 0]),
        (npy("|S3", false, &[3, 1], b"ox\0catox\0"), vec!["cat", "ox"], [1, 0, 1]),
        (npy("|b1", false, &[3], &[1, 0, 1]), vec!["0", "1"], [1, 0, 1]),
        (npy("|u1", false, &[3, 4], &[0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0]), vec!["0", "2"], [1, 0, 1]),
        (npy("<f8", false, &[3, 2], &floats(&[0.0, 1.0, 1.0, 0.0, 0.0, 1.0])), vec!["0", "1"], [1, 0, 1]),
    ] {
        let arrays = [("train_images", images(3)), ("train_labels", labels)];
        let Loaded { splits, notes, .. } = loaded("set.npz", &npz(&arrays, CompressionMethod::Deflated));
        assert!(notes.is_empty(), "{notes:?}");
        let names: Vec<&str> = splits.train.classes().iter().map(String::as_str).collect();
        assert_eq!((names, splits.train.labels()), (classes, Some(&expected[..])));
    }
}

#[test]
fn labels_that_are_no_classes_are_left_out() {
    let halves: Vec<u8> = [0.5_f32, 1.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    for (labels, why) in [
        (npy("|u1", false, &[2, 14], &[0; 28]), "not one class for each image"),
        (npy("|u1", false, &[2, 3], &[1, 1, 0, 1, 0, 0]), "not one class for each image"),
        (npy("<f4", false, &[2], &halves), "its numbers have fractions"),
        (npy("<U1", false, &[2], &[0xff; 8]), "its texts are no Unicode"),
        (npy("|O", false, &[2], &[0; 20]), "elements of type 'O'"),
        (npy("|u1", false, &[2], &[0; 7]), "the header announces 2 bytes"),
    ] {
        let arrays = [("train_images", images(2)), ("train_labels", labels)];
        let Loaded { splits, notes, .. } = loaded("set.npz", &npz(&arrays, CompressionMethod::Deflated));
        assert_eq!(splits.train.labels(), None);
        assert!(notes[0].to_string().starts_with(&format!("train_labels is left out: {why}")), "{notes:?}");
    }
}

#[test]
fn arrays_that_nothing_is_made_of_are_named() {
    let arrays = [("arr_0", images(2)), ("arr_1", npy("|u1", false, &[2], &[0, 1]))];
    let Loaded { splits, notes, .. } = loaded("set.npz", &npz(&arrays, CompressionMethod::Stored));
    assert_eq!((splits.train.len(), splits.train.labels()), (2, None));
    assert!(notes[0].to_string().ends_with("neither images nor labels: arr_1"), "{notes:?}");
}

#[test]
fn a_part_alone_is_the_whole_set_and_a_note_says_so() {
    let Loaded { splits, notes, .. } = loaded("set.npz", &npz(&[("x_test", images(2))], CompressionMethod::Stored));
    assert_eq!(splits.train.len(), 2);
    assert!(notes[0].to_string().starts_with("there is nothing but x_test"), "{notes:?}");
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
    assert!(message("a.npy", &npy("<U1", false, &[1, 8, 8], &[0; 256])).contains("images must be numbers"));
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

#[test]
fn names_of_types_that_are_none_are_errors() {
    for name in
        ["", "<", "u", "u3", "\u{e9}u1", "\u{fffd}u1", "<\u{fffd}", "S0", "S99999", "f2", "b8", "u\u{fffd}", "V8"]
    {
        let error = try_load("a.npy", &npy(name, false, &[2, 9, 10], &bytes(180))).unwrap_err().to_string();
        assert!(error.contains("a.npy") && error.contains("elements of type"), "{name}: {error}");
    }
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
