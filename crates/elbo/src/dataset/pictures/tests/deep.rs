//! Pictures of more than 8 bits, and TIFF files of the kinds that instruments write.

use super::tiff_file::*;
use super::*;
use crate::dataset::depth::Depth;

/// The images of a directory with these files.
fn set(files: &[(&str, Vec<u8>)], range: Option<&str>) -> Result<Loaded, DatasetError> {
    let folder = folder(files);
    let options = DataOptions { range: range.map(|range| range.parse().unwrap()), ..DataOptions::default() };
    load(folder.path(), &options, &|_, _| {})
}

/// The values of a file's picture, and what was said.
fn read(file: Vec<u8>, range: Option<&str>) -> (Depth, Vec<u16>, String) {
    let loaded = set(&[("a.tif", file)], range).unwrap();
    let train = &loaded.splits.train;
    (train.depth(), train.depth().values(&pixels(train)).collect(), said(&loaded.notes))
}

/// 64 shades from black to white.
fn shades() -> impl Iterator<Item = f64> {
    (0..64).map(|i| f64::from(i) / 63.0)
}

fn of_shares(shares: impl Iterator<Item = f64>) -> Vec<u16> {
    shares.map(|share| (share * 65535.0).round() as u16).collect()
}

#[test]
fn every_kind_of_number_is_read_by_its_range() {
    type Bytes = fn(f64) -> Vec<u8>;
    let kinds: [(u16, u16, f64, f64, Bytes, &str); 12] = [
        (16, UNSIGNED, 0.0, 65535.0, |v| (v as u16).to_le_bytes().to_vec(), "0 is black and 65535 white"),
        (16, UNSIGNED, 0.0, 4095.0, |v| (v as u16).to_le_bytes().to_vec(), "0 is black and 4095 white"),
        (16, UNSIGNED, 0.0, 255.0, |v| (v as u16).to_le_bytes().to_vec(), "0 is black and 255 white"),
        (16, SIGNED, -1024.0, 3071.0, |v| (v as i16).to_le_bytes().to_vec(), "-1024 is black and 3071 white"),
        (8, SIGNED, -128.0, 124.0, |v| (v as i8).to_le_bytes().to_vec(), "-128 is black and 124 white"),
        (32, UNSIGNED, 0.0, 3e9, |v| (v as u32).to_le_bytes().to_vec(), "0 is black and 3000000000 white"),
        (32, SIGNED, -5e8, 5e8, |v| (v as i32).to_le_bytes().to_vec(), "-500000000 is black"),
        (64, UNSIGNED, 0.0, 63e9, |v| (v as u64).to_le_bytes().to_vec(), "63000000000 white"),
        (32, FLOAT, 0.0, 1.0, |v| (v as f32).to_le_bytes().to_vec(), "0 is black and 1 white"),
        (32, FLOAT, 0.0, 255.0, |v| (v as f32).to_le_bytes().to_vec(), "0 is black and 255 white"),
        (64, FLOAT, -0.5, 2.5, |v| v.to_le_bytes().to_vec(), "-0.5000 is black and 2.5000 white"),
        (32, FLOAT, 0.0, 1e-4, |v| (v as f32).to_le_bytes().to_vec(), "0 is black and 1 white"),
    ];
    for (bits, format, low, high, bytes, words) in kinds {
        let value = |share: f64| low + share * (high - low);
        let data: Vec<u8> = shades().flat_map(|share| bytes(value(share))).collect();
        for photometric in [BLACK_IS_ZERO, RGB] {
            let samples = if photometric == RGB { 3 } else { 1 };
            let data: Vec<u8> = data.chunks(usize::from(bits / 8)).flat_map(|number| number.repeat(samples)).collect();
            let file = Tiff::new(bits, samples as u16, photometric, format).file(&data);
            let (depth, found, said) = read(file, None);
            assert_eq!((depth, found.len()), (Depth::Sixteen, 64), "{bits} {format}");
            // Integers were rounded down.
            let step = if format == FLOAT { 1e-4 } else { 1.0 } / (high - low).min(65535.0);
            let (least, most) = if high < 1e-3 { (0.0, 1e-4) } else { (0.0, 1.0) };
            for (share, &found) in shades().zip(&found) {
                let found = f64::from(found) / 65535.0;
                assert!(
                    (found - (least + share * (most - least))).abs() <= step + 1e-5,
                    "{bits} {format} {share} {found}"
                );
            }
            assert!(said.contains(words), "{bits} {format}: {said}");
        }
    }
}

#[test]
fn half_precision_is_read() {
    let data: Vec<u8> = [0x0000_u16, 0x3800, 0x3c00, 0x3400].repeat(16).iter().flat_map(|v| v.to_le_bytes()).collect();
    let (_, found, _) = read(Tiff::new(16, 1, BLACK_IS_ZERO, FLOAT).file(&data), None);
    assert_eq!(found[..4], [0, 32768, 65535, 16384]);
}

#[test]
fn a_range_that_is_asked_for_is_kept_and_what_it_cuts_is_said() {
    let data: Vec<u8> = (0..64_u16).flat_map(|i| (i * 65).to_le_bytes()).collect();
    let file = || Tiff::new(16, 1, BLACK_IS_ZERO, UNSIGNED).file(&data);
    let expected =
        |low: f64, high: f64| of_shares((0..64).map(|i| ((f64::from(i) * 65.0 - low) / (high - low)).clamp(0.0, 1.0)));
    let (_, found, said) = read(file(), Some("65:2000"));
    assert_eq!(found, expected(65.0, 2000.0));
    assert!(said.contains("34 of 64 values lie outside of the range 65:2000 and are cut to it"), "{said}");
    let (_, found, said) = read(file(), Some("auto"));
    assert_eq!(found, expected(0.0, 4095.0));
    assert!(said.contains("values from 0 to 4095: 0 is black"), "{said}");
    let loaded = set(&[("a.tif", file())], None).unwrap();
    let Preprocessing::Pictures(made) = loaded.splits.train.preprocessing() else { panic!("no pictures") };
    assert_eq!(made.range.unwrap().to_string(), "0:4095");
    // The model's range, of a picture that is darker.
    let options: DataOptions = made.into();
    let dark: Vec<u8> = (0..64).flat_map(u16::to_le_bytes).collect();
    let (_, found) = single("b.tif", Tiff::new(16, 1, BLACK_IS_ZERO, UNSIGNED).file(&dark), &options);
    let found: Vec<u16> = Depth::Sixteen.values(&found).collect();
    assert_eq!(found, of_shares((0..64).map(|i| f64::from(i) / 4095.0)));
}

#[test]
fn pictures_of_eight_bits_keep_theirs_among_deeper_ones() {
    let data: Vec<u8> = (0..64_u16).flat_map(|i| (i * 65).to_le_bytes()).collect();
    let deep = Tiff::new(16, 1, BLACK_IS_ZERO, UNSIGNED).file(&data);
    let Loaded { splits, .. } = set(&[("a.png", png(&grey(8, 8))), ("b.tif", deep)], None).unwrap();
    let found: Vec<u16> = Depth::Sixteen.values(&pixels(&splits.train)).collect();
    let bytes = grey(8, 8).into_bytes();
    assert_eq!(found[..64], bytes.iter().map(|&byte| u16::from(byte) * 257).collect::<Vec<_>>());
    assert_eq!(found[64 + 63], 65535);

    let Loaded { splits, notes, .. } = set(&[("a.png", png(&grey(8, 8)))], Some("0:4095")).unwrap();
    assert_eq!((splits.train.depth(), pixels(&splits.train)), (Depth::Eight, bytes));
    assert!(said(&notes).contains("no range is needed"), "{notes:?}");
}

#[test]
fn what_does_not_mean_the_same_is_refused() {
    let words: Vec<u8> = (0..64_u16).flat_map(|i| (i * 65).to_le_bytes()).collect();
    let floats: Vec<u8> = shades().flat_map(|share| (share as f32).to_le_bytes()).collect();
    let files = || {
        let words = Tiff::new(16, 1, BLACK_IS_ZERO, UNSIGNED).file(&words);
        let floats = Tiff::new(32, 1, BLACK_IS_ZERO, FLOAT).file(&floats);
        [("a.tif", words), ("b.tif", floats)]
    };
    let error = set(&files(), None).unwrap_err().to_string();
    let expected = "integers of the training pictures have values from 0 to 4095, \
                    and floating-point numbers of the training pictures have values from 0 to 1";
    assert!(error.ends_with(expected), "{error}");
    assert!(set(&files(), Some("0:4095")).is_ok() && set(&files(), Some("auto")).is_ok());
    let [(_, words), (_, floats)] = files();
    let error = set(&[("train/a.tif", words.clone()), ("test/b.tif", floats)], None).unwrap_err().to_string();
    assert!(error.contains("integers of the training pictures") && error.contains("of the test pictures"), "{error}");
    // A part may lack the brightest.
    let dim: Vec<u8> = (0..64_u16).flat_map(|i| (i * 9).to_le_bytes()).collect();
    let dim = Tiff::new(16, 1, BLACK_IS_ZERO, UNSIGNED).file(&dim);
    let Loaded { splits, .. } = set(&[("train/a.tif", words), ("test/b.tif", dim)], None).unwrap();
    let test: Vec<u16> = Depth::Sixteen.values(&pixels(&splits.test.unwrap())).collect();
    assert_eq!(test[63], (63.0_f64 * 9.0 / 4095.0 * 65535.0).round() as u16);
}

#[test]
fn colours_lie_in_planes_or_in_a_palette_and_shades_may_be_inverted() {
    let look = |file: Vec<u8>| single("a.tif", file, &DataOptions::default());
    let rgb: Vec<[u8; 3]> = (0..64).map(|i| [i * 4, 255 - i, i]).collect();
    let planes: Vec<u8> = (0..3).flat_map(|channel| rgb.iter().map(move |pixel| pixel[channel])).collect();
    let planar = Tiff { is_planar: true, ..Tiff::new(8, 3, RGB, UNSIGNED) };
    assert_eq!(look(planar.file(&planes)).1, rgb.concat());
    let planar = Tiff { is_planar: true, ..Tiff::new(32, 3, RGB, FLOAT) };
    let floats: Vec<u8> = planes.iter().flat_map(|&byte| (f32::from(byte) / 255.0).to_le_bytes()).collect();
    let found: Vec<u16> = Depth::Sixteen.values(&look(planar.file(&floats)).1).collect();
    assert_eq!(found, rgb.concat().iter().map(|&byte| u16::from(byte) * 257).collect::<Vec<_>>());

    for bits in [1_u16, 2, 4, 8] {
        let colours = 1_usize << bits;
        let map = (0..3).flat_map(|channel| (0..colours).map(move |i| ((i * 37 + channel * 90) % 256) as u16 * 256));
        let palette = Tiff { more: vec![(320, map.collect())], ..Tiff::new(bits, 1, PALETTE, UNSIGNED) };
        let indices: Vec<usize> = (0..64).map(|i| i % colours).collect();
        let in_byte = usize::from(8 / bits);
        let packed = indices.chunks(in_byte).map(|few| few.iter().fold(0, |byte, &index| byte << bits | index) as u8);
        let packed: Vec<u8> = packed.collect();
        let colour = |index: usize| [0, 1, 2].map(|channel| ((index * 37 + channel * 90) % 256) as u8);
        let expected: Vec<u8> = indices.iter().flat_map(|&index| colour(index)).collect();
        assert_eq!(look(palette.file(&packed)).1, expected, "{bits}");

        let grey = Tiff::new(bits, 1, BLACK_IS_ZERO, UNSIGNED).file(&packed);
        let expected: Vec<u8> = indices.iter().map(|&index| (index * 255 / (colours - 1)) as u8).collect();
        assert_eq!(look(grey).1, expected, "{bits}");
        let inverted = Tiff::new(bits, 1, WHITE_IS_ZERO, UNSIGNED).file(&packed);
        assert_eq!(look(inverted).1, expected.iter().map(|&value| 255 - value).collect::<Vec<_>>(), "{bits}");
    }
    let data: Vec<u8> = (0..64_u16).flat_map(|i| (i * 1040).to_le_bytes()).collect();
    let (_, found, _) = read(Tiff::new(16, 1, WHITE_IS_ZERO, UNSIGNED).file(&data), None);
    assert_eq!(found, (0..64).map(|i| 65535 - i * 1040).collect::<Vec<_>>());
}

#[test]
fn transparency_of_sixteen_bits_shows_the_background() {
    let data: Vec<u8> = [0_u16, 0x8000].repeat(64).iter().flat_map(|v| v.to_le_bytes()).collect();
    let file = Tiff { more: vec![(338, vec![2])], ..Tiff::new(16, 2, BLACK_IS_ZERO, UNSIGNED) }.file(&data);
    let (_, found, said) = read(file, Some("0:65535"));
    assert_eq!(found, [32767; 64], "{said}");
    // As they are, two numbers are no colours.
    let file = Tiff { more: vec![(338, vec![0])], ..Tiff::new(16, 2, BLACK_IS_ZERO, UNSIGNED) }.file(&data);
    let error = set(&[("a.tif", file)], None).unwrap_err().to_string();
    assert!(error.contains("a pixel has 2 numbers that are no colours"), "{error}");
}

#[test]
fn what_is_not_read_is_said_in_words() {
    let error = |tiff: Tiff, bytes: usize| set(&[("a.tif", tiff.file(&vec![7; bytes]))], None).unwrap_err().to_string();
    for (tiff, bytes, words) in [
        (Tiff::new(12, 1, BLACK_IS_ZERO, UNSIGNED), 96, "12 bits; 1, 2, 4, 8, 16, 32 and 64 are read"),
        (Tiff::new(8, 5, BLACK_IS_ZERO, UNSIGNED), 320, "5 numbers that are no colours"),
        (Tiff::new(4, 3, RGB, UNSIGNED), 96, "4 bits"),
        (Tiff::new(8, 3, LAB, UNSIGNED), 192, "Lab"),
        (Tiff::new(8, 3, 6, UNSIGNED), 192, "YCbCr"),
    ] {
        let error = error(tiff, bytes);
        assert!(error.contains(words) && !error.contains("Unknown"), "{error}");
    }
    let floats = [f32::NAN; 64].map(f32::to_le_bytes).concat();
    let error = set(&[("a.tif", Tiff::new(32, 1, BLACK_IS_ZERO, FLOAT).file(&floats))], None).unwrap_err();
    assert!(error.to_string().contains("a pixel has the value NaN"), "{error}");
}

#[test]
fn deep_pictures_are_the_same_from_a_file_and_with_colour_dropped() {
    let data: Vec<u8> = (0..64_u16).flat_map(|i| [(i * 65).to_le_bytes(); 3].concat()).collect();
    let folder = folder(&[("a.tif", Tiff::new(16, 3, RGB, UNSIGNED).file(&data)), ("b.png", png(&grey(8, 8)))]);
    let memory = loaded(folder.path(), &DataOptions::default());
    assert_eq!(memory.splits.train.shape().channels, 1);
    let cache = folder.path().join(".cache").to_str().map(str::to_owned);
    let options = DataOptions { memory: Some(10), cache, range: "0:2000".parse().ok(), ..DataOptions::default() };
    let in_memory = loaded(folder.path(), &DataOptions { memory: None, ..options.clone() });
    for _ in 0..2 {
        let in_file = loaded(folder.path(), &options);
        assert_eq!(pixels(&in_file.splits.train), pixels(&in_memory.splits.train));
        assert_eq!(in_file.splits.train.digest().unwrap(), in_memory.splits.train.digest().unwrap());
        assert_eq!(in_file.notes, in_memory.notes);
        assert!(said(&in_file.notes).contains("lie outside"), "{:?}", in_file.notes);
    }
}

#[test]
fn numbers_beside_the_colours_are_left_out_and_said() {
    for (bits, format) in [(8, UNSIGNED), (16, UNSIGNED), (32, FLOAT)] {
        let bytes = usize::from(bits / 8) * 256;
        let with_infrared = Tiff { more: vec![(338, vec![0])], ..Tiff::new(bits, 4, RGB, format) };
        let loaded =
            set(&[("a.tif", with_infrared.file(&vec![9; bytes])), ("b.png", png(&colourful()))], None).unwrap();
        assert_eq!(loaded.splits.train.shape().channels, 3);
        let expected = "1 of 2 pictures has more numbers per pixel than colours: the others are left out";
        assert!(said(&loaded.notes).contains(expected), "{bits}: {:?}", loaded.notes);
    }
}

#[test]
fn colours_that_are_multiplied_with_their_alpha_are_not_multiplied_again() {
    let of = |tiff: Tiff, data: &[u8]| {
        let file = Tiff { more: vec![(338, vec![1])], ..tiff }.file(data);
        let (_, found, _) = read(file, Some("0:65535"));
        found[0]
    };
    assert_eq!(of(Tiff::new(8, 4, RGB, UNSIGNED), &[60, 60, 60, 128].repeat(64)), 60 + 127);
    assert_eq!(of(Tiff::new(8, 2, BLACK_IS_ZERO, UNSIGNED), &[128, 128].repeat(64)), 255);
    let words = [0x4000_u16, 0x8000].map(u16::to_le_bytes).concat().repeat(64);
    assert_eq!(of(Tiff::new(16, 2, BLACK_IS_ZERO, UNSIGNED), &words), 0x4000 + 0x7fff);
    // Where nothing is seen, only the background is.
    assert_eq!(of(Tiff::new(8, 4, RGB, UNSIGNED), &[0; 256]), 255);
}
