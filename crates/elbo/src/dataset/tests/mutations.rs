//! Files with bytes changed, lost and added at random.

use super::*;
use proptest::prelude::*;

/// A change to a file.
#[derive(Clone, Debug)]
enum Mutation {
    Flip { at: prop::sample::Index, bit: u8 },
    Truncate { at: prop::sample::Index },
    Insert { at: prop::sample::Index, bytes: Vec<u8> },
    Remove { at: prop::sample::Index },
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Insert { at, bytes: inserted } => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, inserted.iter().copied());
            }
            _ if bytes.is_empty() => {}
            Self::Flip { at, bit } => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Truncate { at } => bytes.truncate(at.index(bytes.len())),
            Self::Remove { at } => {
                bytes.remove(at.index(bytes.len()));
            }
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip { at, bit }),
        1 => at().prop_map(|at| Mutation::Truncate { at }),
        2 => (at(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Mutation::Insert { at, bytes }),
        1 => at().prop_map(|at| Mutation::Remove { at }),
    ]
}

/// What the header of a plain IDX file of images says.
fn header(bytes: &[u8]) -> Option<[u32; 4]> {
    let number = |i: usize| Some(u32::from_be_bytes(bytes.get(i * 4..i * 4 + 4)?.try_into().ok()?));
    Some([number(0)?, number(1)?, number(2)?, number(3)?])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    /// A changed file is an error with a message, or a data set that is exactly what the changed file says.
    #[test]
    fn mutated_files_never_panic(
        count in 1..6usize,
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let mut bytes = images_file(count, 1);
        for mutation in &mutations {
            mutation.apply(&mut bytes);
        }
        let folder = folder(&[(TRAIN_IMAGES, bytes.clone())]);
        match Splits::from_path(folder.path()) {
            Ok(splits) => {
                let [magic, count, height, width] = header(&bytes).unwrap();
                prop_assert_eq!(magic, idx::IMAGES);
                prop_assert_eq!(splits.train.len(), count as usize);
                let shape = ImageShape { height: height as usize, width: width as usize, channels: 1 };
                prop_assert_eq!(splits.train.shape(), shape);
                prop_assert_eq!(values(&splits.train), &bytes[16..]);
            }
            Err(error) => {
                prop_assert!(error.to_string().contains(TRAIN_IMAGES));
            }
        }
    }

    /// The same below gzip: the checksum lets a data set through only if it is the original one.
    #[test]
    fn mutated_gzip_never_panics(
        count in 1..6usize,
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let mut bytes = gzip(&images_file(count, 1));
        for mutation in &mutations {
            mutation.apply(&mut bytes);
        }
        let folder = folder(&[(TRAIN_IMAGES, bytes)]);
        match Splits::from_path(folder.path()) {
            Ok(splits) => prop_assert_eq!(values(&splits.train), pixels(count, 1)),
            Err(error) => {
                prop_assert!(error.to_string().contains(TRAIN_IMAGES));
            }
        }
    }

    /// What is written is read again, plain and compressed.
    #[test]
    fn round_trip(
        (shape, count, images) in (1..9usize, 1..9usize, 1..9usize).prop_flat_map(|(height, width, count)| {
            let shape = ImageShape { height, width, channels: 1 };
            (Just(shape), Just(count), prop::collection::vec(any::<u8>(), count * shape.len()))
        }),
        packed in any::<bool>(),
    ) {
        let file = idx_bytes(idx::IMAGES, &[count as u32, shape.height as u32, shape.width as u32], &images);
        let labels: Vec<u8> = images.iter().copied().take(count).collect();
        let labels_file = idx_bytes(idx::LABELS, &[count as u32], &labels);
        let pack = |bytes: Vec<u8>| if packed { gzip(&bytes) } else { bytes };
        let folder = folder(&[(TRAIN_IMAGES, pack(file)), (TRAIN_LABELS, pack(labels_file))]);
        let splits = Splits::from_path(folder.path()).unwrap();
        let labels = labels.into_iter().map(u16::from).collect();
        let expected = Dataset::new(shape, images, Some(labels)).unwrap();
        prop_assert_eq!(parts(&splits.train), parts(&expected));
    }
}
