//! Files that are no pictures, or too large to be any.

use super::*;
use crate::dataset::fit::fit;
use crate::dataset::picture::{Picture, Samples};

/// The beginning of a PNG file that claims this many grey pixels.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 0, 0, 0, 0]);
    let mut checksum = flate2::Crc::new();
    checksum.update(&header);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend(header);
    bytes.extend(checksum.sum().to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    bytes
}

/// What is wrong with a single file.
fn reason(name: &str, bytes: Vec<u8>) -> String {
    let folder = folder(&[(name, bytes)]);
    match error_of(&folder.path().join(name), &DataOptions::default()) {
        DatasetError::Pictures(PictureError::Unreadable(BadPicture { path, reason })) => {
            assert_eq!(path, folder.path().join(name));
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_picture_says_so() {
    assert_eq!(reason("a.png", Vec::new()), "the file is empty");
    assert_eq!(reason("a.jpg", b"not a picture".to_vec()), "not a picture of a known format");
    let page = "a web page in place of the picture: download it again";
    assert_eq!(reason("a.jpg", b"<html>not found</html>".to_vec()), page);
    assert_eq!(reason("a.jpg", b"\n <!DOCTYPE HTML><title>404</title>".to_vec()), page);
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n".to_vec();
    assert!(reason("a.jpg", pointer).contains("git lfs pull"));
    let long = reason("a.png", png(&grey(20_001, 1)));
    assert_eq!(long, "its sides are longer than 20000 pixels, or it takes more than 512 MiB");
    for side in [30_000, 2_000_000_000] {
        let reason = reason("a.png", bomb(side, side));
        assert!(reason.contains("limit") || reason.contains("more than") || reason.contains("large"), "{reason}");
    }
    // Sides that are let pass, but too much together with colour at 16 bits.
    let reason_of_wide = reason("a.png", bomb(20_000, 19_999 * 2));
    assert!(!reason_of_wide.is_empty());
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif] {
        let bytes = encoded(&colourful(), format);
        for length in [1, 3, 9, 12, 20, bytes.len() / 2] {
            let extension = format.extensions_str()[0];
            assert!(!reason(&format!("a.{extension}"), bytes[..length].to_vec()).is_empty());
        }
    }
}

#[test]
fn a_few_bad_pictures_are_left_out_and_many_are_an_error() {
    let folder = folder(&[]);
    for number in 0..18 {
        fs::write(folder.path().join(format!("{number:02}.png")), png(&grey(8 + number % 2, 8))).unwrap();
    }
    // A header that is right, and one that is not.
    let cut = png(&grey(64, 64));
    fs::write(folder.path().join("05b.png"), &cut[..cut.len() - 40]).unwrap();
    fs::write(folder.path().join("07b.png"), "rubbish").unwrap();
    let options = DataOptions { size: "8".parse().ok(), ..DataOptions::default() };
    let Loaded { splits, notes, bad, .. } = loaded(folder.path(), &options);
    assert_eq!((splits.train.len(), bad.len()), (18, 2));
    assert!(said(&notes).contains("2 of 20 pictures cannot be read and are left out"), "{notes:?}");
    let expected: Vec<u8> = (0..18)
        .flat_map(|number| {
            let mut out = vec![0; 64];
            let bytes = grey(8 + number % 2, 8).into_bytes();
            let picture = Picture { width: 8 + number as usize % 2, height: 8, samples: Samples::Eight(bytes) };
            let Preprocessing::Pictures(preparation) = splits.train.preprocessing() else { panic!("no pictures") };
            fit(&picture, &preparation, Depth::Eight, &mut out);
            out
        })
        .collect();
    assert_eq!(pixels(&splits.train), expected);

    for (max_bad, allowed) in [(0.0, false), (0.09, false), (0.1, true), (1.0, true)] {
        let result = load(folder.path(), &DataOptions { max_bad: Some(max_bad), ..options.clone() }, &|_, _| {});
        assert_eq!(result.is_ok(), allowed, "{max_bad}");
    }
    fs::write(folder.path().join("08b.png"), "rubbish").unwrap();
    let error = error_of(folder.path(), &options);
    assert!(matches!(error, DatasetError::Pictures(PictureError::TooManyBad { bad: 3, total: 21, .. })), "{error}");
    assert!(error.to_string().contains(": 3 of 21 pictures cannot be read, such as "), "{error}");
    for max_bad in [-0.1, 1.1, f64::NAN] {
        let error = error_of(folder.path(), &DataOptions { max_bad: Some(max_bad), ..options.clone() });
        assert!(matches!(error, DatasetError::Pictures(PictureError::MaxBad { .. })), "{error}");
    }
}

#[test]
fn nothing_readable_is_an_error_whatever_is_let_pass() {
    let folder = folder(&[("a.png", vec![1]), ("b.jpg", vec![])]);
    let error = error_of(folder.path(), &DataOptions { max_bad: Some(1.0), ..DataOptions::default() });
    assert!(error.to_string().contains("2 of 2 pictures cannot be read"), "{error}");
}
