//! Which files make a data set, by their names.

use super::*;

#[test]
fn reads_the_four_files() {
    let folder = folder(&four_files(1));
    assert_same(&Splits::from_path(folder.path()).unwrap(), &four_sets(1, &name_of(&folder)));
}

#[test]
fn gzip_reads_like_plain_whatever_the_name_says() {
    let expected = four_sets(1, "");
    for (packed, suffix) in [(true, ".gz"), (true, ""), (false, ".gz")] {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in four_files(1) {
            let bytes = if packed { gzip(&bytes) } else { bytes };
            fs::write(folder.path().join(format!("{name}{suffix}")), bytes).unwrap();
        }
        let splits = Splits::from_path(folder.path()).unwrap();
        assert_same(&Splits { name: String::new(), ..splits }, &expected);
    }
}

#[test]
fn gzip_of_several_members_is_their_concatenation() {
    let bytes = images_file(5, 1);
    for cut in [0, 1, 4, 15, 16, 17, 40, bytes.len()] {
        let members = [gzip(&bytes[..cut]), gzip(&bytes[cut..])].concat();
        let folder = folder(&[(TRAIN_IMAGES, members)]);
        assert_eq!(values(&Splits::from_path(folder.path()).unwrap().train), pixels(5, 1), "cut at {cut}");
    }
}

#[test]
fn plain_goes_before_gzip_and_dash_before_dot() {
    let mut files = four_files(1);
    files.push(("train-images-idx3-ubyte.gz", gzip(&images_file(5, 99))));
    files.push(("train-images.idx3-ubyte", images_file(5, 98)));
    files.push(("test-images-idx3-ubyte", images_file(2, 97)));
    let folder = folder(&files);
    assert_same(&Splits::from_path(folder.path()).unwrap(), &four_sets(1, &name_of(&folder)));
}

#[test]
fn dots_in_place_of_dashes() {
    let dotted: Vec<String> = four_files(1).iter().map(|(name, _)| name.replace("-idx", ".idx")).collect();
    let files: Vec<_> = dotted.iter().map(String::as_str).zip(four_files(1).into_iter().map(|f| f.1)).collect();
    let folder = folder(&files);
    assert_same(&Splits::from_path(folder.path()).unwrap(), &four_sets(1, &name_of(&folder)));
}

/// Two sets of EMNIST, as they are packed there.
fn emnist() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (prefix, seed) in [("emnist-letters", 1), ("emnist-digits", 2)] {
        for (name, bytes) in four_files(seed) {
            let name = format!("{prefix}-{}.gz", name.replace("t10k", "test"));
            fs::write(folder.path().join(name), gzip(&bytes)).unwrap();
        }
    }
    folder
}

#[test]
fn several_prefixes_are_an_error_that_lists_them() {
    let folder = emnist();
    let (error, message) = error_at(&folder, folder.path());
    assert_matches!(
        &error,
        DatasetError::Idx(IdxError::SeveralPrefixes { directory, prefixes })
            if directory == folder.path() && *prefixes == ["emnist-digits", "emnist-letters"]
    );
    assert_eq!(message, "DIR: holds several data sets, with the prefixes emnist-digits, emnist-letters");
    let example = folder.path().join("emnist-digits");
    assert_same(&Splits::from_path(example).unwrap(), &four_sets(2, "emnist-digits"));
}

#[test]
fn a_prefix_or_a_file_selects_its_set() {
    let folder = emnist();
    for path in ["emnist-letters", "emnist-letters-", "emnist-letters-test-labels-idx1-ubyte.gz"] {
        let splits = Splits::from_path(folder.path().join(path)).unwrap();
        assert_same(&splits, &four_sets(1, "emnist-letters"));
    }
    // Beside sets with a prefix, the one without is selected by a file too.
    for (name, bytes) in four_files(3) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let (_, message) = error_at(&folder, folder.path());
    assert!(message.ends_with("with the prefixes (none), emnist-digits, emnist-letters"), "{message}");
    let splits = Splits::from_path(folder.path().join(TEST_IMAGES)).unwrap();
    assert_same(&splits, &four_sets(3, &name_of(&folder)));
}

#[test]
fn the_only_prefix_needs_no_choice() {
    let files = [("emnist-byclass-train-images-idx3-ubyte", images_file(5, 1))];
    let splits = Splits::from_path(folder(&files).path()).unwrap();
    assert_eq!(splits.name, "emnist-byclass");
}

#[test]
fn unknown_prefixes_list_the_known_ones() {
    let folder = emnist();
    let (error, message) = error_at(&folder, &folder.path().join("emnist-leters"));
    assert_matches!(
        &error,
        DatasetError::MissingDirectory { parent: Some(parent), prefixes, .. }
            if parent == folder.path() && *prefixes == ["emnist-digits", "emnist-letters"]
    );
    assert_eq!(
        message,
        "emnist-leters: no such directory, and DIR has data sets only with the prefixes emnist-digits, emnist-letters"
    );
}

#[test]
fn labels_and_test_files_are_optional() {
    let bare = folder(&[(TRAIN_IMAGES, images_file(5, 1))]);
    let splits = Splits::from_path(bare.path()).unwrap();
    assert_eq!(splits.train.labels(), None);
    assert!(splits.train.classes().is_empty() && splits.test.is_none());

    let files = four_files(1);
    let unlabelled = folder(&[files[0].clone(), files[2].clone()]);
    let splits = Splits::from_path(unlabelled.path()).unwrap();
    assert_eq!(splits.train.labels(), None);
    assert_eq!(splits.test.unwrap().labels(), None);

    let test_only_labelled = folder(&files[2..]);
    assert_matches!(
        Splits::from_path(test_only_labelled.path()).unwrap_err(),
        DatasetError::Idx(IdxError::MissingFile { .. })
    );
}

#[test]
fn hidden_files_and_directories_are_passed_over() {
    let mut files = four_files(1);
    files.push(("._train-images-idx3-ubyte", b"rubbish".to_vec()));
    files.push((".other-train-images-idx3-ubyte", b"rubbish".to_vec()));
    let folder = folder(&files);
    fs::create_dir(folder.path().join("x-train-images-idx3-ubyte")).unwrap();
    assert_same(&Splits::from_path(folder.path()).unwrap(), &four_sets(1, &name_of(&folder)));
}
