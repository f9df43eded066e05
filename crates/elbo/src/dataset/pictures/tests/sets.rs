//! What a directory of pictures becomes: size, channels, classes, parts.

use super::*;

#[test]
fn what_is_left_open_follows_from_the_pictures() {
    let chosen = |files: &[(&str, Vec<u8>)]| {
        let folder = folder(files);
        let Loaded { splits, notes, .. } = loaded(folder.path(), &DataOptions::default());
        let Preprocessing::Pictures(preparation) = splits.train.preprocessing() else { panic!("no pictures") };
        assert_eq!(splits.train.shape(), preparation.shape());
        (preparation, said(&notes))
    };
    let (same, notes) = chosen(&[("a.png", png(&grey(30, 20))), ("b.png", png(&grey(30, 20)))]);
    assert_eq!((same.size.to_string().as_str(), same.channels), ("30x20", Channels::Grey));
    assert!(notes.contains("all pictures have that size") && !notes.contains("crop"), "{notes}");
    let (mixed, notes) = chosen(&[("a.png", png(&grey(30, 20))), ("b.png", png(&colourful()))]);
    assert_eq!((mixed.size.to_string().as_str(), mixed.channels, mixed.fit), ("64x64", Channels::Rgb, Fit::Crop));
    for part in ["2 sizes", "cropped in the middle", "1 of 2 pictures are stored in colour"] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    for picture in [grey(7, 9), grey(129, 129), grey(1, 1)] {
        let (usual, notes) = chosen(&[("a.png", png(&picture))]);
        assert_eq!(usual.size.to_string(), "64x64");
        assert!(notes.contains("outside of 8 to 128"), "{notes}");
    }
}

#[test]
fn what_a_model_says_makes_the_same_images_again() {
    let files = [("a.png", png(&grey(30, 41))), ("b.png", png(&colourful()))];
    let folder = folder(&files);
    let train = loaded(folder.path(), &DataOptions::default()).splits.train;
    let Preprocessing::Pictures(preparation) = train.preprocessing() else { panic!("no pictures") };
    for (number, (name, _)) in files.iter().enumerate() {
        let again = loaded(&folder.path().join(name), &preparation.into());
        // Nothing was left open; the pictures are small ones.
        assert!(matches!(again.notes[..], [Note::Enlarged { .. }]), "{:?}", again.notes);
        assert_eq!(again.splits.train.names().unwrap(), [*name]);
        assert_eq!(pixels(&again.splits.train), pixels(&train)[number * train.shape().len()..][..train.shape().len()]);
    }
}

fn names(dataset: &Dataset) -> Option<Vec<&str>> {
    let classes = dataset.classes();
    Some(dataset.labels()?.iter().map(|&label| classes[usize::from(label)].as_str()).collect())
}

#[test]
fn directories_are_classes() {
    let picture = png(&grey(8, 8));
    let folder = folder(&[
        ("birds/owls/a.png", picture.clone()),
        ("birds/b.png", picture.clone()),
        ("ants/c.PNG", picture.clone()),
        ("ants/.hidden.png", picture.clone()),
        (".thumbnails/d.png", picture.clone()),
        ("__MACOSX/e.png", picture.clone()),
        ("notes.txt", b"BM is how this begins".to_vec()),
    ]);
    let train = loaded(folder.path(), &DataOptions::default()).splits.train;
    assert_eq!(names(&train).unwrap(), ["ants", "birds", "birds/owls"]);
    assert_eq!(train.classes(), ["ants", "birds", "birds/owls"]);
    assert_eq!(train.names().unwrap(), ["ants/c.PNG", "birds/b.png", "birds/owls/a.png"]);
    fs::write(folder.path().join("root.png"), &picture).unwrap();
    assert_eq!(names(&loaded(folder.path(), &DataOptions::default()).splits.train).unwrap()[3], ".");
    // Pictures in one place have no classes.
    let flat = loaded(&folder.path().join("birds/owls"), &DataOptions::default()).splits;
    assert_eq!((flat.train.labels(), flat.name.as_str()), (None, "owls"));
}

#[test]
fn train_and_test_directories_are_the_parts() {
    let picture = png(&grey(8, 8));
    let folder = folder(&[
        ("Train/cats/a.png", picture.clone()),
        ("Train/dogs/b.png", picture.clone()),
        ("test/cows/c.png", picture.clone()),
        ("test/cats/d.png", picture.clone()),
        ("val/cats/e.png", picture.clone()),
        ("f.png", picture.clone()),
    ]);
    let Loaded { splits, notes, .. } = loaded(folder.path(), &DataOptions::default());
    let (validation, test) = (splits.validation.unwrap(), splits.test.unwrap());
    assert_eq!(names(&splits.train).unwrap(), ["cats", "dogs"]);
    assert_eq!(names(&validation).unwrap(), ["cats"]);
    assert_eq!(splits.train.names().unwrap(), ["Train/cats/a.png", "Train/dogs/b.png"]);
    assert_eq!(validation.names().unwrap(), ["val/cats/e.png"]);
    assert_eq!(validation.classes(), splits.train.classes());
    assert_eq!(names(&test).unwrap(), ["cats", "cows"]);
    assert_eq!(test.classes(), splits.train.classes());
    let notes = said(&notes);
    assert!(notes.contains("1 pictures beside"), "{notes}");
    // Without a training set they are classes like any other.
    fs::remove_dir_all(folder.path().join("Train")).unwrap();
    let splits = loaded(folder.path(), &DataOptions::default()).splits;
    assert!(splits.validation.is_none() && splits.test.is_none());
    assert_eq!(names(&splits.train).unwrap(), [".", "test/cats", "test/cows", "val/cats"]);
}

#[test]
fn progress_counts_every_picture() {
    let folder = folder(&[("a.png", png(&grey(8, 8))), ("b.png", png(&grey(8, 9))), ("c.png", png(&grey(8, 8)))]);
    let most = AtomicUsize::new(0);
    load(folder.path(), &DataOptions::default(), &|done, total| {
        assert!(done <= total && total == 3);
        most.fetch_max(done, Ordering::Relaxed);
    })
    .unwrap();
    assert_eq!(most.into_inner(), 3);
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_and_odd_names_are_read() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    let outside = folder(&[("c.png", png(&grey(8, 8)))]);
    let folder = folder(&[("cats/a.png", png(&grey(8, 8)))]);
    symlink("..", folder.path().join("cats/loop")).unwrap();
    symlink(".", folder.path().join("self")).unwrap();
    symlink(outside.path(), folder.path().join("dogs")).unwrap();
    symlink("nowhere.png", folder.path().join("dangling.png")).unwrap();
    let odd = folder.path().join(OsStr::from_bytes(b"\xff\xfe"));
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join(OsStr::from_bytes(b"\xff.png")), png(&grey(8, 8))).unwrap();
    let train = loaded(folder.path(), &DataOptions::default()).splits.train;
    assert_eq!(names(&train).unwrap(), ["cats", "dogs", "\\xff\\xfe"]);
}

/// The same pictures, however little may be in memory.
#[test]
fn images_in_a_file_are_those_in_memory() {
    let places = folder(&[]);
    let cache = places.path().join("cache");
    let folder = folder(&[]);
    for number in 0..23 {
        let name = format!("{}/{number:02}.png", ["cats", "dogs"][number as usize % 2]);
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, png(&grey(8 + number % 3, 8))).unwrap();
    }
    // A header that is right, and pixels that are not.
    let mut damaged = png(&grey(64, 64));
    let middle = damaged.len() / 2;
    damaged[middle] ^= 255;
    fs::write(folder.path().join("cats/05b.png"), damaged).unwrap();
    let in_file =
        DataOptions { memory: Some(1000), cache: cache.to_str().map(str::to_owned), ..DataOptions::default() };
    let error = error_of(folder.path(), &DataOptions { cache: None, ..in_file.clone() });
    assert!(matches!(error, DatasetError::Pictures(PictureError::OutOfMemory { images: 24, .. })), "{error}");

    let check = |colour: bool| {
        let file = loaded(folder.path(), &in_file);
        let memory = loaded(folder.path(), &DataOptions::default());
        assert_eq!(file.splits.train.shape().channels, if colour { 3 } else { 1 });
        assert_eq!(file.splits.train.digest().unwrap(), memory.splits.train.digest().unwrap());
        assert_eq!(file.splits.train.preprocessing(), memory.splits.train.preprocessing());
        assert_eq!((file.notes, &file.bad), (memory.notes, &memory.bad));
        assert_eq!(file.bad.len(), 1);
        // The one that cannot be read has no name among the others.
        let names = file.splits.train.names().unwrap();
        assert_eq!(Some(names), memory.splits.train.names());
        assert_eq!(names[2..5], ["cats/04.png", "cats/06.png", "cats/08.png"]);
        assert_eq!(file.splits.train.subset(&[4, 0]).unwrap().names().unwrap(), ["cats/08.png", "cats/00.png"]);
        let mut staging = [Vec::new(), Vec::new()];
        let [a, b] = &mut staging;
        for indices in [&[3, 1, 22][..], &[0, 1, 2], &[], &[7, 7]] {
            let found = file.splits.train.gather(indices, a).unwrap().pixels;
            assert_eq!(found, memory.splits.train.gather(indices, b).unwrap().pixels);
        }
        file.splits.train
    };
    check(false);
    let files = |count: usize| assert_eq!(fs::read_dir(&cache).unwrap().count(), count);
    files(1);
    // A file that is there is used: it is not made anew.
    let times = || -> Vec<_> {
        fs::read_dir(&cache).unwrap().map(|e| e.unwrap().metadata().unwrap().modified().unwrap()).collect()
    };
    let before = times();
    check(false);
    assert_eq!(times(), before);
    // One that is damaged is not.
    let path = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() - 1], &whole[1..], &[]] {
        fs::write(&path, damaged).unwrap();
        check(false);
        assert!(fs::read(&path).unwrap() == whole);
    }
    // Other pictures have another file; and grey ones stored in colour are made twice.
    fs::write(folder.path().join("dogs/99.png"), png(&DynamicImage::from(grey(8, 8).into_rgb8()))).unwrap();
    check(false);
    files(3);
    fs::write(folder.path().join("dogs/99.png"), png(&colourful())).unwrap();
    let train = check(true);
    // A file that becomes shorter is an error where it is read, and no crash.
    for entry in fs::read_dir(&cache).unwrap() {
        fs::File::options().write(true).open(entry.unwrap().path()).unwrap().set_len(100).unwrap();
    }
    let error = train.gather(&[0, 2], &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains(".images: "), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn classes_of_any_bytes_have_names_of_their_own_that_can_be_printed() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    for name in [&b"caf\xe9"[..], b"caf\xe8", b"a\x1b[31mb", b"a\nb", "\u{fffd}".as_bytes(), "кот".as_bytes()] {
        let directory = folder.path().join(std::ffi::OsStr::from_bytes(name));
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("a.png"), png(&grey(8, 8))).unwrap();
    }
    let train = loaded(folder.path(), &DataOptions::default()).splits.train;
    let mut names = train.classes().to_vec();
    names.sort();
    assert_eq!(names, ["a\\nb", "a\\x1b[31mb", "caf\\xe8", "caf\\xe9", "кот", "\u{fffd}"]);
}

#[test]
fn pictures_that_are_far_smaller_than_the_images_are_told() {
    let sized = |width, height| png(&grey(width, height));
    let folder = folder(&[("a.png", sized(16, 16)), ("b.png", sized(15, 40)), ("c.png", sized(1, 1))]);
    let said = |width, height, fit| {
        let size = Some(Size { width, height });
        let notes = loaded(folder.path(), &DataOptions { size, fit, ..DataOptions::default() }).notes;
        notes.iter().find(|note| matches!(note, Note::Enlarged { .. })).map(ToString::to_string)
    };
    let (all, one) = ("2 of 3 pictures are enlarged more than twofold, the smallest from 1x1", "1 of 3 pictures is");
    assert_eq!(said(32, 32, None).as_deref(), Some(all));
    assert_eq!(said(32, 32, Some(Fit::Stretch)).as_deref(), Some(all));
    // A picture that is high enough need not grow that far to fit.
    assert!(said(32, 32, Some(Fit::Fit)).unwrap().starts_with(one));
    assert!(said(8, 8, None).unwrap().starts_with(one));
    fs::remove_file(folder.path().join("c.png")).unwrap();
    assert_eq!(said(30, 30, None), None);
}
