//! Which arrays make which set, and what labels are.

use super::*;

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
        (npy("|O", false, &[2], &[0; 20]), "its elements are objects of Python"),
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
