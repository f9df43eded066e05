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
    assert_eq!(dataset.images(), pixels(5, 9));
    assert_eq!(dataset.labels(), Some(labels(5).as_slice()));
    let joined: Vec<u8> = (0..5).flat_map(|i| dataset.image(i).to_vec()).collect();
    assert_eq!(joined, pixels(5, 9));
    assert!(!format!("{dataset:?}").contains("37"), "pixels are not printed");
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
    assert_eq!(dataset.digest(), "1088dd6c58c71d552809adbdcfcc33190fa7bcbd20266cf77744aa73d6ae9d2a");

    let of = |shape, images, labels| Dataset::new(shape, images, labels).unwrap().digest();
    let turned = ImageShape { height: 3, width: 4, channels: 1 };
    let mut digests = vec![
        dataset.digest(),
        of(SHAPE, (1..25).collect(), Some(vec![3, 4])),
        of(SHAPE, (0..24).collect(), Some(vec![4, 3])),
        of(SHAPE, (0..24).collect(), None),
        of(turned, (0..24).collect(), Some(vec![3, 4])),
    ];
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 5);
}
