//! Images that are brought to another size or to other channels.

use super::*;
use crate::dataset::{Channels, Colour, Fit, Size};

fn sized(side: usize) -> DataOptions {
    DataOptions { size: Some(Size { width: side, height: side }), ..DataOptions::default() }
}

/// Images of 7 x 5 (height x width) whose columns have these values.
fn columns(values: [u8; 5], count: usize) -> Vec<u8> {
    npy("|u1", false, &[count, 7, 5], &values.repeat(7 * count))
}

#[test]
fn images_of_any_size_are_brought_to_one_and_a_note_says_so() {
    let array = columns([10, 10, 10, 10, 10], 3);
    let error = try_load("a.npy", &array).unwrap_err();
    assert!(
        error.to_string().ends_with("a.npy: images of 7x5 (height x width): sides must be from 8 to 4096"),
        "{error}"
    );
    let loaded = try_load_with("a.npy", &array, &sized(10)).unwrap();
    assert_eq!((loaded.splits.train.shape(), loaded.splits.train.len()), (shape(10, 10, 1), 3));
    assert_eq!(pixels(&loaded.splits.train), [10; 300]);
    let brought = "images of 7x5x1 are brought to 10x10x1 (height x width x channels)";
    assert_eq!(said(&loaded), [brought, "cropped in the middle where a picture has another shape"]);
    // What is kept does the same to others.
    let kept = DataOptions::from(preparation(&loaded).unwrap());
    assert_eq!(preparation(&loaded).unwrap().range, None);
    let other = try_load_with("a.npy", &images(2), &kept).unwrap();
    assert_eq!(other.splits.train.shape(), shape(10, 10, 1));
    assert_eq!(said(&other), ["images of 8x8x1 are brought to 10x10x1 (height x width x channels)"]);
}

#[test]
fn images_are_fitted_as_pictures_are() {
    let array = columns([0, 50, 100, 150, 200], 2);
    let of = |fit: Fit, background: Option<Colour>| {
        let options = DataOptions { fit: Some(fit), background, ..sized(14) };
        let loaded = try_load_with("a.npy", &array, &options).unwrap();
        pixels(&loaded.splits.train)[..14].to_vec()
    };
    // Twice as large: 10 columns of 5, and two of background at each side.
    let fitted = of(Fit::Fit, Some(Colour([9, 9, 9])));
    assert_eq!((&fitted[..2], &fitted[12..]), (&[9, 9][..], &[9, 9][..]));
    assert_eq!(fitted[2..12], [0, 13, 38, 63, 88, 113, 138, 163, 188, 200]);
    assert_eq!(of(Fit::Fit, None)[0], 255);
    assert_eq!((of(Fit::Stretch, None)[0], of(Fit::Stretch, None)[13]), (0, 200));
    // Twelve bits keep what lies between bytes.
    let deep: Vec<u8> = [0_u16, 4095].repeat(32).iter().flat_map(|value| value.to_le_bytes()).collect();
    let loaded = try_load_with("a.npy", &npy("<u2", false, &[1, 8, 8], &deep), &sized(16)).unwrap();
    assert_eq!(values_of(&loaded.splits.train)[..4], [0, 16384, 49151, 49151]);
}

#[test]
fn grey_and_colour_become_one_another_and_other_channels_stay() {
    let asked = |channels| DataOptions { channels: Some(channels), ..DataOptions::default() };
    let colour = npy("|u1", false, &[1, 8, 8, 3], &[200, 100, 50].repeat(64));
    let loaded = try_load_with("a.npy", &colour, &asked(Channels::Grey)).unwrap();
    // 0.299 R + 0.587 G + 0.114 B, to the nearest.
    assert_eq!((loaded.splits.train.shape(), pixels(&loaded.splits.train)), (shape(8, 8, 1), vec![124; 64]));
    assert_eq!(said(&loaded), ["images of 8x8x3 are brought to 8x8x1 (height x width x channels)"]);
    let grey = try_load_with("a.npy", &images(1), &asked(Channels::Rgb)).unwrap();
    assert_eq!(pixels(&grey.splits.train), bytes(64).into_iter().flat_map(|byte| [byte; 3]).collect::<Vec<_>>());
    for count in [2, 4] {
        let array = npy("|u1", false, &[1, 8, 8, count], &bytes(64 * count));
        let error = try_load_with("a.npy", &array, &asked(Channels::Rgb)).unwrap_err().to_string();
        assert!(
            error.ends_with(&format!(
                "images of {count} channels cannot become rgb: only grey and rgb become one another"
            ))
        );
        let larger = try_load_with("a.npy", &array, &DataOptions { fit: Some(Fit::Fit), ..sized(8) }).unwrap();
        assert_eq!(pixels(&larger.splits.train), bytes(64 * count));
        let wide = DataOptions { size: Some(Size { width: 10, height: 8 }), fit: Some(Fit::Fit), ..sized(8) };
        let bars = try_load_with("a.npy", &array, &wide).unwrap();
        assert_eq!(pixels(&bars.splits.train)[..count], vec![255; count]);
        // Twelve bits have a range to be kept, with whatever channels.
        let deep: Vec<u8> = (0..64 * count as u16).flat_map(|i| (i * 9).to_le_bytes()).collect();
        let array = npy("<u2", false, &[1, 8, 8, count], &deep);
        let loaded = loaded_with_range(&array);
        let again = try_load_with("a.npy", &array, &DataOptions::from(preparation(&loaded).unwrap())).unwrap();
        assert_eq!(again.splits.train.preprocessing(), loaded.splits.train.preprocessing());
        assert_eq!(pixels(&again.splits.train), pixels(&loaded.splits.train));
    }
}

fn loaded_with_range(array: &[u8]) -> Loaded {
    let loaded = loaded("a.npy", array);
    assert!(preparation(&loaded).unwrap().range.is_some());
    loaded
}

#[test]
fn the_size_that_images_have_changes_nothing() {
    let plain = loaded("a.npy", &images(3));
    let asked = try_load_with("a.npy", &images(3), &sized(8)).unwrap();
    assert_eq!(pixels(&asked.splits.train), pixels(&plain.splits.train));
    assert!(asked.notes.is_empty());
    assert_eq!(asked.splits.train.digest().unwrap(), plain.splits.train.digest().unwrap());
}

#[test]
fn parts_of_other_sizes_need_a_size() {
    let large = npy("|u1", false, &[2, 12, 12], &bytes(288));
    let arrays = npz(&[("x_train", images(2)), ("x_test", large)], CompressionMethod::Stored);
    let error = try_load("set.npz", &arrays).unwrap_err();
    assert!(matches!(error, DatasetError::ShapeMismatch { .. }), "{error}");
    let loaded = try_load_with("set.npz", &arrays, &sized(12)).unwrap();
    assert_eq!(loaded.splits.train.shape(), loaded.splits.test.as_ref().unwrap().shape());
    assert_eq!(pixels(loaded.splits.test.as_ref().unwrap()), bytes(288));
    assert_eq!(said(&loaded), ["images of 8x8x1 are brought to 12x12x1 (height x width x channels)"]);
}

#[test]
fn every_order_of_an_array_is_brought_to_the_same() {
    let (height, width) = (9, 6);
    let value =
        |image: usize, row: usize, column: usize, channel: usize| (image * 90 + row * 20 + column * 7 + channel) as u8;
    let (mut last, mut first, mut fortran) = (Vec::new(), Vec::new(), Vec::new());
    for image in 0..3 {
        for place in 0..height * width {
            last.extend((0..3).map(|channel| value(image, place / width, place % width, channel)));
        }
        for channel in 0..3 {
            first.extend((0..height * width).map(|place| value(image, place / width, place % width, channel)));
        }
    }
    for channel in 0..3 {
        for place in 0..height * width {
            fortran.extend((0..3).map(|image| value(image, place % height, place / height, channel)));
        }
    }
    let of = |is_fortran, sides: &[usize], data: &[u8]| {
        pixels(&try_load_with("a.npy", &npy("|u1", is_fortran, sides, data), &sized(16)).unwrap().splits.train)
    };
    let expected = of(false, &[3, height, width, 3], &last);
    assert_eq!(of(false, &[3, 3, height, width], &first), expected);
    assert_eq!(of(true, &[3, height, width, 3], &fortran), expected);
}

#[test]
fn sides_that_are_too_short_or_long_are_errors_even_then() {
    let long = npy("|u1", false, &[1, 5, 20_001], &vec![3; 5 * 20_001]);
    let error = try_load_with("a.npy", &long, &sized(8)).unwrap_err().to_string();
    assert!(error.ends_with("images of 5x20001 (height x width): sides must be from 5 to 20000"), "{error}");
    // An image is in memory as a whole, and these claim a lot of it.
    let huge = npy("<f8", false, &[1, 20_000, 20_000], &[0; 100]);
    let error = try_load_with("a.npy", &huge, &sized(8)).unwrap_err().to_string();
    assert!(error.ends_with("an image of 20000x20000x1 has 3051 MiB, and the most is 512"), "{error}");
}
