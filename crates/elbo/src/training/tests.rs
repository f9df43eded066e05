//! What only the inside of a run can tell.

use super::*;
use crate::dataset::ImageShape;
use std::collections::BTreeSet;

/// Trains on 50 images in batches of 30: the numbers of those that were in a batch.
fn trained_on(shuffle: bool) -> BTreeSet<u32> {
    let shape = ImageShape { height: 8, width: 8, channels: 1 };
    let train = Dataset::new(shape, (0..50 * 64).map(|value| (value % 251) as u8).collect(), None).unwrap();
    let data = Splits { train, validation: None, test: None, name: "fifty".to_owned() };
    let recipe = Recipe { epochs: 12, batch_size: 30, widths: vec![2], latent_dim: 1, shuffle, ..Recipe::reference() };
    let mut training = Training::new(Settings { threads: 1, ..recipe.into() }, data).unwrap();
    assert_eq!((training.batches(), training.left_out()), (1, 20));
    let mut images = BTreeSet::new();
    while !training.is_finished() {
        images.extend(&training.order[..training.batches() * training.batch_size()]);
        while !matches!(training.advance().unwrap(), Some(Progress::Epoch(_))) {}
    }
    images
}

#[test]
fn images_that_fill_no_batch_have_their_turn_in_other_epochs_if_they_are_shuffled() {
    assert_eq!(trained_on(true).len(), 50);
    assert_eq!(trained_on(false), (0..30).collect());
}
