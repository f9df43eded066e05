//! Everything that can be wrong with files, each with its own error.

use super::*;

#[test]
fn missing_directory() {
    let folder = folder(&[]);
    for path in ["nowhere", "nowhere/mnist", "nowhere/mnist/"] {
        let (error, message) = error_at(&folder, &folder.path().join(path));
        assert_matches!(error, DatasetError::MissingDirectory { .. });
        assert_eq!(message, format!("{path}: no such directory"));
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
    assert_eq!(message, "mnist.npz: neither a directory, nor a picture, an array or a file of an IDX data set");
}

#[test]
fn a_directory_without_data_says_what_it_holds() {
    let (error, message) = {
        let folder = folder(&[]);
        error_at(&folder, folder.path())
    };
    assert_matches!(&error, DatasetError::NoData { .. });
    assert_eq!(message, "DIR: no pictures and no IDX files here; the directory holds nothing");

    let folder = folder(&[("a.txt", vec![])]);
    fs::create_dir(folder.path().join("raw")).unwrap();
    let (_, message) = error_at(&folder, folder.path());
    assert!(message.ends_with("; the directory holds a.txt, raw/"), "{message}");
    for i in 0..20 {
        fs::write(folder.path().join(format!("b{i:02}")), "").unwrap();
    }
    let (_, message) = error_at(&folder, folder.path());
    assert!(message.ends_with("holds a.txt, b00, b01, b02, b03, b04, b05, b06 and 14 more"), "{message}");
}

#[test]
fn missing_file_says_what_was_looked_for_and_what_is_there() {
    let folder = folder(&[("a.png", vec![]), (TRAIN_LABELS, labels_file(2))]);
    fs::create_dir(folder.path().join("raw")).unwrap();
    let (error, message) = error_at(&folder, folder.path());
    assert_matches!(&error, DatasetError::Idx(IdxError::MissingFile { names, .. }) if names.len() == 4);
    assert_eq!(
        message,
        "DIR: no train-images-idx3-ubyte (also looked for: train-images-idx3-ubyte.gz, train-images.idx3-ubyte, \
         train-images.idx3-ubyte.gz); the directory holds a.png, raw/, train-labels-idx1-ubyte"
    );

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
    assert_matches!(&error, DatasetError::Idx(IdxError::MissingFile { names, .. }) if names.len() == 8);
    assert!(message.starts_with("DIR: no t10k-images-idx3-ubyte (also looked for: "), "{message}");
}

#[test]
fn permission() {
    let path = PathBuf::from("x/train-images-idx3-ubyte");
    let error = DatasetError::io(&path, io::ErrorKind::PermissionDenied.into());
    assert_matches!(&error, DatasetError::PermissionDenied { .. });
    assert_eq!(error.to_string(), "x/train-images-idx3-ubyte: permission denied");
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
    let message = |bytes: &[u8]| match error_of(bytes) {
        (DatasetError::Idx(IdxError::WrongMagic { expected: 2051, kind, .. }), message) => (message, kind),
        (error, _) => panic!("{error}"),
    };
    let (text, kind) = message(&labels_file(20));
    assert_eq!(
        text,
        "train-images-idx3-ubyte: not an IDX image file: expected magic number 2051 (0x00000803), \
         found 2049 (0x00000801), which is a label file"
    );
    assert_eq!(kind, Some(FileKind::Labels));

    let idx = |what: &str| Some(FileKind::Idx(what.to_owned()));
    for (magic, meaning, expected) in [
        (0x0000_0d03, "which is an IDX file of 32-bit floats in 3 dimensions", idx("32-bit floats in 3 dimensions")),
        (0x0000_0802, "which is an IDX file of unsigned bytes in 2 dimensions", idx("unsigned bytes in 2 dimensions")),
        (0x0000_0b01, "which is an IDX file of 16-bit integers in 1 dimension", idx("16-bit integers in 1 dimension")),
        (0x0308_0000, "which has the right bytes in the wrong order", Some(FileKind::Swapped)),
        (u32::from_be_bytes(*b"<!DO"), "which is the text \"<!DO\"", Some(FileKind::Text)),
        (0, "found 0 (0x00000000)", None),
        (0x8950_4e47, "found 2303741511 (0x89504e47)", None),
    ] {
        let (text, kind) = message(&idx_bytes(magic, &[1, 1, 1], &[0]));
        assert!(text.ends_with(meaning), "{text}");
        assert_eq!(kind, expected, "{text}");
    }
    let (text, kind) = message(&gzip(&gzip(&images_file(5, 1))));
    assert!(text.ends_with("which is gzip data"), "{text}");
    assert_eq!(kind, Some(FileKind::Gzip));
}

#[test]
fn images_in_place_of_labels() {
    let folder = folder(&[(TRAIN_IMAGES, images_file(5, 1)), (TRAIN_LABELS, images_file(5, 1))]);
    let (error, message) = error_at(&folder, folder.path());
    assert_matches!(error, DatasetError::Idx(IdxError::WrongMagic { kind: Some(FileKind::Images), .. }));
    assert_eq!(
        message,
        "train-labels-idx1-ubyte: not an IDX label file: expected magic number 2049 (0x00000801), \
         found 2051 (0x00000803), which is an image file"
    );
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
                assert_matches!(error, DatasetError::Idx(IdxError::TruncatedHeader { expected: 16, found, .. }) if found == length);
            } else {
                assert_matches!(
                    error,
                    DatasetError::Idx(IdxError::TruncatedPayload { expected: 60, found, .. }) if found == length - 16
                );
            }
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
            DatasetError::Idx(
                IdxError::TruncatedHeader { .. }
                    | IdxError::TruncatedPayload { found: ..60, .. }
                    | IdxError::CorruptGzip { .. }
            )
        );
        // Without the trailer all bytes are there, but nothing vouches for them.
        if length >= packed.len() - 8 {
            assert_matches!(error, DatasetError::Idx(IdxError::CorruptGzip { .. }));
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
    assert_matches!(error, DatasetError::Idx(IdxError::CorruptGzip { .. }));
    assert!(message.starts_with("train-images-idx3-ubyte: corrupt gzip data: "), "{message}");

    // A reserved compression method, and rubbish after the end.
    let mut broken = packed.clone();
    broken[2] = 99;
    assert_matches!(error_of(&broken).0, DatasetError::Idx(IdxError::CorruptGzip { .. }));
    let broken = [packed.as_slice(), b"rubbish after the end"].concat();
    assert_matches!(error_of(&broken).0, DatasetError::Idx(IdxError::CorruptGzip { .. }));
}

#[test]
fn trailing_bytes() {
    let mut bytes = images_file(5, 1);
    bytes.extend([0, 0]);
    let (error, message) = error_of(&bytes);
    assert_matches!(error, DatasetError::Idx(IdxError::TrailingBytes { expected: 60, found: Some(62), .. }));
    assert_eq!(
        message,
        "train-images-idx3-ubyte: too long: the header announces 60 bytes (5 images of 4x3), 62 follow it"
    );
    let (error, message) = error_of(&gzip(&bytes));
    assert_matches!(error, DatasetError::Idx(IdxError::TrailingBytes { expected: 60, found: None, .. }));
    assert!(message.ends_with("(5 images of 4x3), more follow it"), "{message}");
}

#[test]
fn absurd_dimensions() {
    for (height, width) in [(0, 28), (28, 0), (0, 0), (4097, 1), (1, 4097), (u32::MAX, u32::MAX)] {
        let (error, message) = error_of(&idx_bytes(idx::IMAGES, &[1, height, width], &[0; 64]));
        assert_matches!(error, DatasetError::Idx(IdxError::BadDimensions { height: h, width: w, .. }) if (h, w) == (height, width));
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
    // 2^40 and (2^32 - 1) * 2^24 pixels.
    for (count, expected) in [(1 << 16, 1 << 40), (u32::MAX, u64::from(u32::MAX) << 24)] {
        let bytes = idx_bytes(idx::IMAGES, &[count, 4096, 4096], &[0; 100]);
        for bytes in [gzip(&bytes), bytes] {
            let (error, _) = error_of(&bytes);
            if cfg!(target_pointer_width = "64") {
                assert_matches!(
                    error,
                    DatasetError::Idx(IdxError::TruncatedPayload { expected: e, found: 100, .. }) if e == expected
                );
            } else {
                assert_matches!(error, DatasetError::Idx(IdxError::TooLarge { expected: e, .. }) if e == expected);
            }
        }
    }
    let labels = idx_bytes(idx::LABELS, &[u32::MAX], &[0; 100]);
    let folder = folder(&[(TRAIN_IMAGES, images_file(5, 1)), (TRAIN_LABELS, gzip(&labels))]);
    assert_matches!(
        error_at(&folder, folder.path()).0,
        DatasetError::Idx(IdxError::TruncatedPayload { expected: 0xffff_ffff, found: 100, .. })
    );
}

#[test]
fn a_gzip_bomb_is_an_error() {
    let mut bytes = images_file(5, 1);
    bytes.resize(64 << 20, 0);
    let bomb = gzip(&bytes);
    assert!(bomb.len() < 100_000);
    let folder = folder(&[(TRAIN_IMAGES, bomb)]);
    assert_matches!(
        error_at(&folder, folder.path()).0,
        DatasetError::Idx(IdxError::TrailingBytes { expected: 60, .. })
    );
}

#[test]
fn empty_files() {
    let (error, message) = error_of(&idx_bytes(idx::IMAGES, &[0, 28, 28], &[]));
    assert_matches!(error, DatasetError::Idx(IdxError::EmptyFile { .. }));
    assert_eq!(message, "train-images-idx3-ubyte: the header announces 0 images");

    let folder = folder(&[(TRAIN_IMAGES, images_file(5, 1)), (TRAIN_LABELS, labels_file(0))]);
    let (error, message) = error_at(&folder, folder.path());
    assert_matches!(error, DatasetError::Idx(IdxError::EmptyFile { .. }));
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
            DatasetError::Idx(IdxError::CountMismatch { images, labels: 4, .. }) if *images == count
        );
        assert_eq!(message, format!("{images_name}: {count} images, but {name} has 4 labels"));
    }
}

#[test]
fn shapes_differ() {
    let turned = idx_bytes(idx::IMAGES, &[2, 3, 4], &pixels(2, 0));
    let folder = folder(&[(TRAIN_IMAGES, images_file(5, 1)), (TEST_IMAGES, turned)]);
    let (error, message) = error_at(&folder, folder.path());
    assert_matches!(&error, DatasetError::ShapeMismatch { train: SHAPE, .. });
    assert_eq!(message, "train-images-idx3-ubyte: images of 4x3x1, but t10k-images-idx3-ubyte has images of 3x4x1");
}
