//! What a data set and a shape hold.

use super::*;

#[test]
fn shape_counts_and_prints() {
    let shape = ImageShape { height: 28, width: 20, channels: 3 };
    assert_eq!(shape.len(), 28 * 20 * 3);
    assert_eq!(shape.to_string(), "28x20x3");
    assert_eq!(format!("{shape:>9}|"), "  28x20x3|");
    assert!(!shape.is_empty());
    assert!(ImageShape { channels: 0, ..shape }.is_empty());
    assert_eq!(ImageShape { height: usize::MAX, ..shape }.len(), usize::MAX);
}

#[test]
fn dataset_gives_back_what_it_was_given() {
    let dataset = Dataset::new(SHAPE, pixels(5, 9), Some(labels(5))).unwrap();
    assert_eq!(dataset.len(), 5);
    assert_eq!(dataset.shape(), SHAPE);
    assert_eq!(values(&dataset), pixels(5, 9));
    assert_eq!(dataset.labels(), Some(labels(5).as_slice()));
    assert_eq!(dataset.classes().len(), 29);
    assert_eq!(dataset.classes()[28], "28");
    assert!(!format!("{dataset:?}").contains("37"), "pixels are not printed");
}

#[test]
fn images_are_gathered_in_the_order_asked_for() {
    let dataset = Dataset::new(SHAPE, pixels(5, 9), None).unwrap();
    let mut staging = Vec::new();
    for indices in [&[][..], &[4], &[0, 1, 2, 3, 4], &[2, 3], &[3, 2], &[0, 2], &[1, 1, 4, 0]] {
        let expected: Vec<u8> = indices.iter().flat_map(|&i| pixels(5, 9)[i as usize * 12..][..12].to_vec()).collect();
        let batch = dataset.gather(indices, &mut staging).unwrap();
        assert_eq!((batch.pixels, batch.indices), (&*expected, indices));
    }
    // Nothing is copied that lies together.
    let mut staging = Vec::new();
    dataset.gather(&[1, 2, 3], &mut staging).unwrap();
    assert_eq!(staging.capacity(), 0);
}

#[test]
fn classes_have_names_if_there_are_labels() {
    let new = |labels| Dataset::new(SHAPE, pixels(2, 9), labels).unwrap();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let named = new(Some(vec![1, 0])).with_classes(names(&["cat", "dog", "cow"])).unwrap();
    assert_eq!(named.classes(), names(&["cat", "dog", "cow"]));
    let twice = new(Some(vec![1, 0])).with_classes(names(&["cat", "cat"])).unwrap_err();
    assert_eq!(twice.to_string(), "two classes are called 'cat'");
    assert!(new(None).with_classes(names(&["cat"])).unwrap().classes().is_empty());
    assert_matches!(
        new(Some(vec![1, 0])).with_classes(names(&["cat"])).unwrap_err(),
        DatasetError::ClassNames { names: 1, largest: 1 }
    );
}

#[test]
fn dataset_refuses_what_does_not_fit() {
    let new = Dataset::new;
    assert_matches!(
        new(ImageShape { width: 0, ..SHAPE }, vec![1], None).unwrap_err(),
        DatasetError::InvalidShape { .. }
    );
    assert_matches!(
        new(ImageShape { width: usize::MAX, ..SHAPE }, vec![1], None).unwrap_err(),
        DatasetError::InvalidShape { .. }
    );
    assert_matches!(new(SHAPE, Vec::new(), None).unwrap_err(), DatasetError::NoImages);
    assert_matches!(
        new(SHAPE, vec![0; 13], None).unwrap_err(),
        DatasetError::PartialImage { values: 13, shape: SHAPE }
    );
    assert_matches!(
        new(SHAPE, vec![0; 24], Some(vec![1])).unwrap_err(),
        DatasetError::LabelCount { images: 2, labels: 1 }
    );
}

#[test]
fn digest_is_fixed_and_sees_every_difference() {
    // Computed independently, from the description of the bytes that are hashed.
    let dataset = Dataset::new(SHAPE, (0..24).collect(), Some(vec![3, 4])).unwrap();
    assert_eq!(dataset.digest().unwrap(), "1088dd6c58c71d552809adbdcfcc33190fa7bcbd20266cf77744aa73d6ae9d2a");

    let of = |shape, images, labels| Dataset::new(shape, images, labels).unwrap().digest().unwrap();
    let turned = ImageShape { height: 3, width: 4, channels: 1 };
    let named = |names: [&str; 5]| {
        let dataset = Dataset::new(SHAPE, (0..24).collect(), Some(vec![3, 4])).unwrap();
        dataset.with_classes(names.map(str::to_owned).to_vec()).unwrap().digest().unwrap()
    };
    assert_eq!(named(["0", "1", "2", "3", "4"]), dataset.digest().unwrap());
    let mut digests = vec![
        named(["a", "b", "c", "d", "e"]),
        named(["a", "b", "c", "de", ""]),
        of(SHAPE, (0..24).collect(), Some(vec![3, 260])),
        dataset.digest().unwrap(),
        of(SHAPE, (1..25).collect(), Some(vec![3, 4])),
        of(SHAPE, (0..24).collect(), Some(vec![4, 3])),
        of(SHAPE, (0..24).collect(), None),
        of(turned, (0..24).collect(), Some(vec![3, 4])),
    ];
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 8);
}
