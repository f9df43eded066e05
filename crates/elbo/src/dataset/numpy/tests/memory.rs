//! Images in memory, in cache files, and in the files in which they lie.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::dataset::Pixels;
use crate::dataset::preprocessing::Size;

/// Options that leave room for `memory` bytes of images, and a directory for more.
fn cached(folder: &Path, memory: u64) -> DataOptions {
    let cache = folder.join("cache").to_str().map(str::to_owned);
    DataOptions { memory: Some(memory), cache, ..DataOptions::default() }
}

fn read(path: &Path, options: &DataOptions) -> Loaded {
    load(path, options, &|_, _| {}).unwrap()
}

fn is_in_file(dataset: &Dataset) -> bool {
    matches!(dataset.images, Pixels::File(..))
}

/// The cache files that there are.
fn caches(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder.join("cache")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn bytes_that_lie_in_a_file_as_they_are_held_are_read_from_it() {
    let labels = npy("|u1", false, &[5], &[0, 1, 0, 1, 1]);
    let stored = npz(&[("x_train", images(5)), ("y_train", labels)], CompressionMethod::Stored);
    for (name, file) in [("a.npy", images(5)), ("a.npz", stored)] {
        let folder = super::file(name, &file);
        let path = folder.path().join(name);
        // No place for a cache file is needed.
        let options = DataOptions { memory: Some(100), ..DataOptions::default() };
        let mut splits = load(&path, &options, &|_, _| {}).unwrap().splits;
        assert!(is_in_file(&splits.train));
        assert_eq!(pixels(&splits.train), bytes(320));
        let in_memory = read(&path, &DataOptions::default()).splits.train;
        assert!(!is_in_file(&in_memory));
        assert_eq!(splits.train.digest().unwrap(), in_memory.digest().unwrap());
        let mut staging = Vec::new();
        let some = splits.train.gather(&[4, 0], &mut staging).unwrap().pixels;
        assert_eq!(some, [&bytes(320)[256..], &bytes(320)[..64]].concat());
        splits.hold_out(0.4, 1).unwrap();
        let mut both = Splits::from(in_memory);
        both.hold_out(0.4, 1).unwrap();
        assert_eq!(pixels(&splits.train), pixels(&both.train));
        assert_eq!(pixels(&splits.validation.unwrap()), pixels(&both.validation.unwrap()));
        assert!(!folder.path().join("cache").exists());
    }
}

#[test]
fn what_must_be_made_of_an_array_is_kept_in_a_cache_file_and_found_again() {
    let floats: Vec<u8> = (0..640).flat_map(|i| (i as f32 / 500.0 - 0.1).to_le_bytes()).collect();
    let masks: Vec<u8> = (0..640).map(|i| (i % 3 == 0).into()).collect();
    for (name, file) in [
        ("floats.npy", npy("<f4", false, &[10, 8, 8], &floats)),
        ("turned.npy", npy("<f4", true, &[10, 8, 8], &floats)),
        ("masks.npy", npy("|u1", false, &[10, 8, 8], &masks)),
        ("packed.npz", npz(&[("images", images(10))], CompressionMethod::Deflated)),
    ] {
        let folder = super::file(name, &file);
        let path = folder.path().join(name);
        for size in [None, Some(Size { width: 11, height: 9 })] {
            let options = DataOptions { size, ..cached(folder.path(), 300) };
            let in_memory = read(&path, &DataOptions { memory: None, ..options.clone() });
            let before = caches(folder.path());
            for _ in 0..2 {
                let in_file = read(&path, &options);
                assert!(is_in_file(&in_file.splits.train) && !is_in_file(&in_memory.splits.train));
                assert_eq!(pixels(&in_file.splits.train), pixels(&in_memory.splits.train), "{name} {size:?}");
                assert_eq!(said(&in_file), said(&in_memory));
                assert_eq!(in_file.splits.train.preprocessing(), in_memory.splits.train.preprocessing());
                assert_eq!(caches(folder.path()).len(), before.len() + 1, "{name} {size:?}");
            }
        }
        let error = load(&path, &DataOptions { memory: Some(300), ..DataOptions::default() }, &|_, _| {}).unwrap_err();
        let expected = "10 images of 8x8x1 do not fit in memory, of which they may take 0 MiB";
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}

#[test]
fn a_cache_file_serves_only_what_it_was_made_of() {
    let file = |low: f32| -> Vec<u8> {
        let floats: Vec<u8> = (0..640).flat_map(|i| (low + i as f32 / 1280.0).to_le_bytes()).collect();
        let small = npy("<f4", false, &[5, 8, 8], &floats[..1280]);
        npz(&[("x_train", npy("<f4", false, &[10, 8, 8], &floats)), ("x_test", small)], CompressionMethod::Stored)
    };
    let folder = super::file("a.npz", &file(0.0));
    let path = folder.path().join("a.npz");
    let options = cached(folder.path(), 300);
    let splits = read(&path, &options).splits;
    // One for each part.
    assert_eq!(caches(folder.path()).len(), 2);
    assert_ne!(pixels(&splits.train).len(), pixels(splits.test.as_ref().unwrap()).len());
    let other = read(&path, &DataOptions { range: Some("0:2".parse().unwrap()), ..options.clone() });
    assert_eq!(caches(folder.path()).len(), 4);
    assert_ne!(pixels(&other.splits.train), pixels(&splits.train));
    // As long as before, and changed later.
    fs::write(&path, file(0.5)).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(SystemTime::now() + Duration::from_secs(9))
        .unwrap();
    let changed = read(&path, &options).splits;
    assert_ne!(pixels(&changed.train), pixels(&splits.train));
    assert_eq!(pixels(&changed.train), pixels(&read(&path, &DataOptions::default()).splits.train));
}

#[test]
fn a_file_that_changes_while_it_is_used_is_an_error() {
    for change in ["shorter", "longer", "rewritten"] {
        let folder = super::file("a.npy", &images(50));
        let path = folder.path().join("a.npy");
        let train = read(&path, &DataOptions { memory: Some(100), ..DataOptions::default() }).splits.train;
        assert!(train.gather(&[49], &mut Vec::new()).is_ok());
        let open = fs::File::options().write(true).open(&path).unwrap();
        match change {
            "shorter" => open.set_len(1000).unwrap(),
            "longer" => open.set_len(100_000).unwrap(),
            _ => open.set_modified(SystemTime::now() + Duration::from_secs(9)).unwrap(),
        }
        for indices in [&[49][..], &[0, 1]] {
            let error = train.gather(indices, &mut Vec::new()).map(drop).unwrap_err().to_string();
            assert!(error.ends_with("a.npy: the file has changed since it was first read"), "{change}: {error}");
        }
        assert!(train.digest().is_err());
    }
    // Between the two passes: told when the first one ends.
    let folder = super::file("a.npy", &images(50));
    let path = folder.path().join("a.npy");
    let shorten = |_, _| fs::File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
    let error = load(&path, &DataOptions::default(), &shorten).unwrap_err();
    assert!(matches!(error, DatasetError::Changed { .. }), "{error}");
}

#[test]
fn reading_tells_how_far_it_is() {
    let arrays = npz(&[("x_train", images(30)), ("x_test", images(10))], CompressionMethod::Deflated);
    let folder = super::file("a.npz", &arrays);
    let told = std::sync::Mutex::new(Vec::new());
    load(&folder.path().join("a.npz"), &DataOptions::default(), &|done, total| {
        told.lock().unwrap().push((done, total));
    })
    .unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted() && told.iter().all(|told| told.1 == 80), "{told:?}");
    assert_eq!(told.last(), Some(&(80, 80)));
}

#[test]
fn large_arrays_are_converted_piece_by_piece_without_a_seam() {
    // More than two pieces of each pass.
    let (count, side) = (600, 64);
    let number = |place: usize| ((place * 7919) % 60_013) as u16;
    let data: Vec<u8> = (0..count * side * side).flat_map(|place| f64::from(number(place)).to_le_bytes()).collect();
    let array = npy("<f8", false, &[count, side, side], &data);
    let folder = super::file("a.npy", &array);
    let path = folder.path().join("a.npy");
    let expected: Vec<u16> = (0..count * side * side).map(number).collect();
    for memory in [u64::MAX, 1000] {
        let options = DataOptions { range: Some("0:65535".parse().unwrap()), ..cached(folder.path(), memory) };
        let train = read(&path, &options).splits.train;
        assert_eq!(is_in_file(&train), memory == 1000);
        assert!(values_of(&train) == expected);
    }
}
