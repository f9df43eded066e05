//! What is wrong with files.

use proptest::prelude::*;

use super::*;
use crate::dataset::{Channels, Size};

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
    for sides in [vec![], vec![8], vec![8, 8], vec![0, 8, 8], vec![1, 8, 8, 5], vec![1; 5]] {
        let count = sides.iter().product();
        let found = message("a.npy", &npy("|u1", false, &sides, &vec![0; count]));
        assert!(found.contains("is not that of images"), "{found}");
    }
    let short = message("a.npy", &npy("|u1", false, &[1, 7, 8], &[0; 56]));
    assert!(short.ends_with("a.npy: images of 7x8 (height x width): sides must be from 8 to 4096"), "{short}");
    // What a header claims takes no memory.
    for sides in [vec![usize::MAX, 8, 8], vec![1 << 31, 8, 8], vec![1 << 24, 8, 8]] {
        let found = message("a.npy", &npy("|u1", false, &sides, &[0; 100]));
        assert!(found.contains("more than a file can hold") || found.contains("100 follow it"), "{found}");
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
        ["", "<", "u", "u3", "\u{e9}u1", "\u{fffd}u1", "<\u{fffd}", "S0", "S99999", "f16", "b8", "u\u{fffd}", "V8"]
    {
        let error = try_load("a.npy", &npy(name, false, &[2, 9, 10], &bytes(180))).unwrap_err().to_string();
        assert!(error.contains("a.npy") && error.contains("elements of type"), "{name}: {error}");
    }
    let error = try_load("a.npy", &npy("|O", false, &[2], b"pickle")).unwrap_err().to_string();
    assert!(error.contains("objects of Python") && error.contains("np.stack(images)"), "{error}");
    let mut pictures = ZipWriter::new(Cursor::new(Vec::new()));
    pictures.start_file("a.png", SimpleFileOptions::default()).unwrap();
    let pictures = pictures.finish().unwrap().into_inner();
    let error = try_load("pictures.zip", &pictures).unwrap_err().to_string();
    assert!(error.ends_with("there is no array in it"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A changed file is an error with a message, or a data set, however it is read and wherever it is held.
    #[test]
    fn changed_files_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8u8), 1..6),
        (kind, is_fortran) in (0..3usize, any::<bool>()),
        cut in 0..40usize,
        size in prop::option::of(8..20usize),
        range in prop::option::of(prop_oneof![Just("auto"), Just("0:100"), Just("-5:4095")]),
        channels in prop::option::of(prop_oneof![Just(Channels::Grey), Just(Channels::Rgb)]),
        is_large in any::<bool>(),
    ) {
        let images = match kind {
            0 => npy("|u1", is_fortran, &[2, 8, 8, 3], &bytes(384)),
            1 => npy("<f2", is_fortran, &[3, 8, 8], &bytes(384)),
            _ => npy(">i4", is_fortran, &[2, 8, 9], &bytes(576)),
        };
        let mut bytes = if cut % 2 == 0 {
            let labels = npy("<i2", false, &[2], &[1, 0, 2, 0]);
            let method = if is_large { CompressionMethod::Stored } else { CompressionMethod::Deflated };
            npz(&[("x_train", images), ("y_train", labels)], method)
        } else {
            images
        };
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        bytes.truncate(bytes.len() - cut.saturating_sub(30));
        let folder = file("set.npz", &bytes);
        let cache = folder.path().join("cache").to_str().map(str::to_owned);
        let options = DataOptions {
            size: size.map(|side| Size { width: side, height: side + 1 }),
            range: range.map(|range: &str| range.parse().unwrap()),
            channels,
            memory: is_large.then_some(10),
            cache,
            ..DataOptions::default()
        };
        match load(&folder.path().join("set.npz"), &options, &|_, _| {}) {
            Ok(loaded) => prop_assert_eq!(loaded.splits.train.digest().unwrap().len(), 64),
            Err(error) => prop_assert!(error.to_string().contains("set.npz")),
        }
    }
}
