//! What numbers mean.

use super::*;

/// One image of 8 x 8 with these values in turn, of this type.
fn image_of(descr: &str, values: &[f64]) -> Vec<u8> {
    let bytes = |value: f64| match descr {
        "<f4" => (value as f32).to_le_bytes().to_vec(),
        ">f4" => (value as f32).to_be_bytes().to_vec(),
        "<u2" => (value as u16).to_le_bytes().to_vec(),
        "<i2" => (value as i16).to_le_bytes().to_vec(),
        "<i8" => (value as i64).to_le_bytes().to_vec(),
        "|u1" => vec![value as u8],
        _ => value.to_le_bytes().to_vec(),
    };
    let data: Vec<u8> = (0..64).flat_map(|i| bytes(values[i % values.len()])).collect();
    npy(descr, false, &[1, 8, 8], &data)
}

/// The range that is kept with the data.
fn kept(loaded: &Loaded) -> Option<String> {
    preparation(loaded).and_then(|preparation| preparation.range).map(|range| range.to_string())
}

/// The 65535th that is nearest to a share.
fn deep(share: f64) -> u16 {
    (share * 65535.0).round() as u16
}

#[test]
fn numbers_are_held_in_as_many_bits_as_they_need() {
    use Depth::{Eight, Sixteen};
    let fifths = [0.0, 0.2, 0.4, 1.0];
    for (descr, values, depth, expected, note) in [
        ("<f4", &fifths[..], Eight, vec![0, 51, 102, 255], "values from 0 to 1: 0 is black and 1 white"),
        (">f4", &fifths, Eight, vec![0, 51, 102, 255], "values from 0 to 1: 0 is black and 1 white"),
        ("<f8", &fifths, Eight, vec![0, 51, 102, 255], "values from 0 to 1: 0 is black and 1 white"),
        (
            "<f8",
            &[0.0, 0.501, 0.25, 0.998],
            Sixteen,
            vec![0, deep(0.501), deep(0.25), deep(0.998)],
            "values from 0 to 0.9980: 0 is black and 1 white",
        ),
        (
            "<f4",
            &[0.0, 0.5, 100.25, 254.0],
            Sixteen,
            vec![0, deep(0.5 / 255.0), deep(100.25 / 255.0), 254 * 257],
            "values from 0 to 254: 0 is black and 255 white",
        ),
        ("<f4", &[0.0, 7.0, 100.0, 255.0], Eight, vec![0, 7, 100, 255], ""),
        ("<i8", &[0.0, 7.0, 100.0, 255.0], Eight, vec![0, 7, 100, 255], ""),
        ("|u1", &[3.0, 7.0, 100.0, 200.0], Eight, vec![3, 7, 100, 200], ""),
        ("<f4", &[0.0, 1.0, 0.0, 1.0], Eight, vec![0, 255, 0, 255], "values 0 and 1 are taken for black and white"),
    ] {
        let loaded = loaded("a.npy", &image_of(descr, values));
        let train = &loaded.splits.train;
        assert_eq!((train.depth(), &values_of(train)[..4]), (depth, &expected[..]), "{descr} {values:?}");
        assert_eq!(said(&loaded).concat(), note);
        // Whatever is read later is read by what its own numbers show, as ever.
        assert_eq!(train.preprocessing(), Preprocessing::UnitScale);
    }
}

#[test]
fn numbers_of_any_other_range_are_read_by_it_and_it_is_kept() {
    for (descr, values, range, expected, note) in [
        (
            "<u2",
            &[0.0, 4032.0][..],
            "0:4095",
            [0, deep(4032.0 / 4095.0)],
            "values from 0 to 4032: 0 is black and 4095 white",
        ),
        ("<u2", &[100.0, 65535.0], "0:65535", [100, 65535], "values from 100 to 65535: 0 is black and 65535 white"),
        (
            "<i2",
            &[-1024.0, 3071.0],
            "-1024:3071",
            [0, 65535],
            "values from -1024 to 3071: -1024 is black and 3071 white",
        ),
        (
            "<f4",
            &[-2.5, 1.5],
            "-2.5:1.5",
            [0, 65535],
            "values from -2.5000 to 1.5000: -2.5000 is black and 1.5000 white",
        ),
        ("<f8", &[-1.0, 1.0], "-1:1", [0, 65535], "values from -1 to 1: -1 is black and 1 white"),
        ("<i8", &[5.0, 1e6], "5:1000000", [0, 65535], "values from 5 to 1000000: 5 is black and 1000000 white"),
        ("<f4", &[0.0, 5.25], "0:5.25", [0, 65535], "values from 0 to 5.2500: 0 is black and 5.2500 white"),
    ] {
        let loaded = loaded("a.npy", &image_of(descr, values));
        assert_eq!(values_of(&loaded.splits.train)[..2], expected, "{descr} {values:?}");
        assert_eq!((said(&loaded).concat().as_str(), kept(&loaded).as_deref()), (note, Some(range)));
        assert_eq!(loaded.splits.train.depth(), Depth::Sixteen);
        // The same again by what is kept, and other numbers by the same range.
        let options = DataOptions::from(preparation(&loaded).unwrap());
        let again = try_load_with("a.npy", &image_of(descr, values), &options).unwrap();
        assert_eq!(pixels(&again.splits.train), pixels(&loaded.splits.train));
        assert_eq!((again.splits.train.preprocessing(), said(&again).len()), (loaded.splits.train.preprocessing(), 0));
        let other = try_load_with("a.npy", &image_of(descr, &values[..1]), &options).unwrap();
        assert_eq!((values_of(&other.splits.train)[0], kept(&other).as_deref()), (expected[0], Some(range)));
    }
}

#[test]
fn numbers_of_sixteen_bits_with_a_point_are_read() {
    let data: Vec<u8> = (0..64).flat_map(|i| [[0, 0], [0, 56], [0, 60]][i % 3]).collect();
    let train = loaded("a.npy", &npy("<f2", false, &[1, 8, 8], &data)).splits.train;
    assert_eq!(values_of(&train)[..3], [0, deep(0.5), 65535]);
}

#[test]
fn a_range_that_is_given_holds_for_every_type_and_says_what_it_cuts() {
    for (descr, values, range, expected, note) in [
        (
            "|u1",
            &[0.0, 50.0, 100.0, 200.0][..],
            "50:100",
            [0, 0, 65535, 65535],
            "32 of 64 values lie outside of the range 50:100 and are cut to it",
        ),
        ("|u1", &[0.0, 51.0, 17.0, 1.0], "0:51", [0, 255, 85, 5], ""),
        (
            "<i2",
            &[-200.0, 0.0, 300.0, 50.0],
            "-100:300",
            [0, deep(0.25), 65535, deep(0.375)],
            "16 of 64 values lie outside of the range -100:300 and are cut to it",
        ),
        (
            "<f4",
            &[0.0, 0.25, 0.5, 1.0],
            "0:0.5",
            [0, deep(0.5), 65535, 65535],
            "16 of 64 values lie outside of the range 0:0.5 and are cut to it",
        ),
        (
            "<u2",
            &[0.0, 5.0, 10.0, 20.0],
            "auto",
            [0, deep(0.25), deep(0.5), 65535],
            "values from 0 to 20: 0 is black and 20 white",
        ),
        (
            "|u1",
            &[10.0, 35.0, 60.0, 10.0],
            "auto",
            [0, deep(0.5), 65535, 0],
            "values from 10 to 60: 10 is black and 60 white",
        ),
        // As pictures of 8 bits are read by a model of pictures with more.
        (
            "|u1",
            &[0.0, 51.0, 17.0, 2.0],
            "0:4095",
            [0, 51, 17, 2],
            "no range is needed: all values are bytes, of which 0 is black and 255 white",
        ),
    ] {
        let loaded = try_load_with("a.npy", &image_of(descr, values), &ranged(range)).unwrap();
        assert_eq!(values_of(&loaded.splits.train)[..4], expected, "{descr} {values:?}");
        assert_eq!(said(&loaded).concat(), note, "{descr} {values:?}");
        let expected = if range == "auto" { None } else { Some(range) };
        let found = kept(&loaded);
        assert!(expected.is_none_or(|expected| found.as_deref() == Some(expected)), "{found:?}");
        assert!(found.is_some());
    }
}

#[test]
fn a_number_that_is_not_finite_is_named() {
    let mut data: Vec<u8> = [0.5_f32; 192].iter().flat_map(|value| value.to_le_bytes()).collect();
    data[4 * 130..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    data[4 * 131..][..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    let error = try_load("a.npy", &npy("<f4", false, &[3, 8, 8], &data)).unwrap_err();
    assert!(error.to_string().ends_with("a.npy: image 2 (the first is 0) has the value NaN"), "{error}");
    // Number 130 of an array in Fortran order is one of image 130 % 3.
    let error = try_load("a.npy", &npy("<f4", true, &[3, 8, 8], &data)).unwrap_err();
    assert!(error.to_string().ends_with("a.npy: image 1 (the first is 0) has the value NaN"), "{error}");
    // Of many, far apart, the first.
    let mut data = vec![0_u8; 4 * 3_000_000];
    for (place, image) in [(2_999_999, 299), (2_234_567, 223), (1_234_567, 123)] {
        data[4 * place..][..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
        let error = try_load("a.npy", &npy("<f4", false, &[300, 100, 100], &data)).unwrap_err().to_string();
        assert!(error.ends_with(&format!("image {image} (the first is 0) has the value inf")), "{error}");
    }
}

#[test]
fn bytes_that_are_0_and_1_are_masks() {
    let mask: Vec<u8> = (0..64).map(|i| i % 2).collect();
    let Loaded { splits, notes, .. } = loaded("a.npy", &npy("|u1", false, &[1, 8, 8], &mask));
    assert_eq!(pixels(&splits.train)[..2], [0, 255]);
    assert!(notes[0].to_string().contains("black and white"), "{notes:?}");
}

#[test]
fn values_that_pass_the_ends_of_a_range_a_little_are_cut_to_it() {
    for (values, range, expected, cut) in [
        (
            [-0.04, 0.5, 1.07, 1.0],
            "0:1",
            [0, deep(0.5), 65535, 65535],
            "values from -0.0400 to 1.0700: 0 is black and 1 white",
        ),
        (
            [-3.5, 99.5, 260.0, 255.0],
            "0:255",
            [0, deep(99.5 / 255.0), 65535, 65535],
            "values from -3.5000 to 260: 0 is black and 255 white",
        ),
    ] {
        let loaded = loaded("a.npy", &float_image(&values));
        assert_eq!(values_of(&loaded.splits.train)[..4], expected);
        let outside = format!("32 of 64 values lie outside of the range {range} and are cut to it");
        assert_eq!(said(&loaded), [cut.to_owned(), outside]);
        assert_eq!(loaded.splits.train.preprocessing(), Preprocessing::UnitScale);
    }
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
    // A range for all of them says what they mean.
    let arrays = npz(&[("x_train", bytes(200)), ("x_test", bytes(1))], CompressionMethod::Deflated);
    for range in ["auto", "0:255"] {
        let splits = try_load_with("set.npz", &arrays, &ranged(range)).unwrap().splits;
        let test = values_of(&splits.test.unwrap())[0];
        assert_eq!((values_of(&splits.train)[0], test), if range == "auto" { (65535, 0) } else { (200, 1) });
    }
}
