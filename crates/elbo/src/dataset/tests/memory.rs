//! Data sets from memory and from readers, and the names of images.

use super::*;
use crate::dataset::{DataOptions, load};

#[test]
fn floats_that_are_255ths_become_bytes_and_others_the_nearest_of_sixteen_bits() {
    let shape = ImageShape { height: 1, width: 256, channels: 1 };
    let of = |offset: f32, most: f32| {
        let values: Vec<f32> = (0..256_u16).map(|value| ((f32::from(value) + offset) / most).min(1.0)).collect();
        let dataset = Dataset::from_floats(shape, &values, None).unwrap();
        let digest = dataset.digest().unwrap();
        (dataset.depth(), dataset.depth().values(super::values(&dataset)).collect::<Vec<u16>>(), digest)
    };
    let (depth, bytes, digest) = of(0.0, 255.0);
    assert_eq!((depth, bytes), (Depth::Eight, (0..256).collect()));
    // Each number from its own 65535th, and from those just inside of halfway to the next.
    for (offset, expected) in [(0.0, 0), (0.499, 0), (0.501, 1)] {
        let (depth, values, other) = of(offset, 65535.0);
        assert_eq!((depth, values), (Depth::Sixteen, (expected..256 + expected).collect()), "{offset}");
        assert_ne!(other, digest);
    }
    let labelled = Dataset::from_floats(SHAPE, &[0.5; 24], Some(vec![1, 0])).unwrap();
    assert_eq!((labelled.len(), labelled.labels()), (2, Some(&[1, 0][..])));
}

#[test]
fn a_float_that_no_byte_stands_for_is_an_error_that_says_where_it_is() {
    for value in [-0.001, 1.001, 255.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = vec![0.5; 36];
        values[24] = value;
        let error = Dataset::from_floats(SHAPE, &values, None).unwrap_err();
        assert_matches!(&error, DatasetError::Value { image: 2, .. });
        assert_eq!(
            error.to_string(),
            format!("image 2 (the first is 0) has the value {value}, which is not from 0 to 1")
        );
    }
    assert!(Dataset::from_floats(SHAPE, &[-0.0; 12], None).is_ok());
    assert_matches!(Dataset::from_floats(SHAPE, &[0.0; 13], None).unwrap_err(), DatasetError::PartialImage { .. });
    assert_matches!(Dataset::from_floats(SHAPE, &[], None).unwrap_err(), DatasetError::NoImages);
    assert_matches!(
        Dataset::from_floats(ImageShape { channels: 0, ..SHAPE }, &[2.0], None).unwrap_err(),
        DatasetError::InvalidShape { .. }
    );
}

#[test]
fn bytes_and_single_images_are_the_set_that_they_make_together() {
    let all = pixels(5, 3);
    let expected = Dataset::new(SHAPE, all.clone(), Some(labels(5))).unwrap();
    let borrowed = Dataset::from_bytes(SHAPE, &all, Some(labels(5))).unwrap();
    let single = Dataset::from_images(SHAPE, all.chunks(12), Some(labels(5))).unwrap();
    let owned = Dataset::from_images(SHAPE, all.chunks(12).map(<[u8]>::to_vec), Some(labels(5))).unwrap();
    for found in [borrowed, single, owned] {
        assert_eq!(parts(&found), parts(&expected));
    }
}

#[test]
fn a_ragged_image_is_named() {
    for lengths in [[12, 12, 11], [12, 12, 13], [12, 12, 0], [12, 12, 24]] {
        let images = lengths.map(|length| vec![0_u8; length]);
        let error = Dataset::from_images(SHAPE, images, None).unwrap_err();
        let expected = format!("image 2 (the first is 0) has {} values; one of 4x3x1 has 12", lengths[2]);
        assert_eq!(error.to_string(), expected);
    }
    let none: [Vec<u8>; 0] = [];
    assert_matches!(Dataset::from_images(SHAPE, none, None).unwrap_err(), DatasetError::NoImages);
    let error = Dataset::from_images(SHAPE, [[0; 12]], Some(vec![1, 2])).unwrap_err();
    assert_matches!(error, DatasetError::LabelCount { images: 1, labels: 2 });
}

#[test]
fn labels_can_be_given_later_and_are_one_each() {
    let dataset = Dataset::new(SHAPE, pixels(2, 9), Some(vec![5, 5])).unwrap().with_labels(vec![0, 2]).unwrap();
    assert_eq!((dataset.labels(), dataset.classes().len()), (Some(&[0, 2][..]), 3));
    assert_matches!(dataset.with_labels(vec![1]).unwrap_err(), DatasetError::LabelCount { images: 2, labels: 1 });
}

#[test]
fn names_go_with_their_images_and_are_no_part_of_the_digest() {
    let names: Vec<String> = (0..5).map(|number| format!("{number}.png")).collect();
    let dataset = Dataset::new(SHAPE, pixels(5, 9), None).unwrap();
    assert_eq!(dataset.names(), None);
    let named = dataset.clone().with_names(names.clone()).unwrap();
    assert_eq!(named.names(), Some(&*names));
    assert_eq!(named.digest().unwrap(), dataset.digest().unwrap());
    assert_eq!(named.subset(&[3, 1]).unwrap().names().unwrap(), ["3.png", "1.png"]);
    let mut splits = Splits::from(named);
    assert_eq!((splits.name.as_str(), splits.validation.is_none(), splits.test.is_none()), ("images", true, true));
    splits.hold_out(0.4, 1).unwrap();
    for part in [&splits.train, splits.validation.as_ref().unwrap()] {
        for (image, name) in super::values(part).chunks(12).zip(part.names().unwrap()) {
            let number = names.iter().position(|known| known == name).unwrap();
            assert_eq!(image, &pixels(5, 9)[number * 12..][..12]);
        }
    }
    let error = dataset.with_names(names[1..].to_vec()).unwrap_err();
    assert_eq!(error.to_string(), "5 images, but 4 names");
}

#[test]
fn a_position_without_an_image_is_an_error() {
    let dataset = Dataset::new(SHAPE, pixels(5, 9), Some(labels(5))).unwrap();
    for indices in [&[5][..], &[0, 1, 5], &[4, 5], &[u32::MAX], &[0, u32::MAX, 1]] {
        let index = *indices.iter().max().unwrap();
        for error in
            [dataset.gather(indices, &mut Vec::new()).map(drop).unwrap_err(), dataset.subset(indices).unwrap_err()]
        {
            assert_eq!(error.to_string(), format!("there is no image {index} (the first is 0) among 5"));
        }
    }
}

#[test]
fn idx_files_that_are_more_than_memory_may_hold_are_told() {
    let folder = folder(&four_files(1));
    // Seven images of 12 bytes.
    for (memory, said) in [
        (Some(83), "images of IDX files are always kept in memory, though they are more than 83 bytes"),
        (Some(84), ""),
        (None, ""),
    ] {
        let options = DataOptions { memory, ..DataOptions::default() };
        let notes = load(folder.path(), &options, &|_, _| {}).unwrap().notes;
        assert_eq!(notes.iter().map(ToString::to_string).collect::<String>(), said);
    }
}

#[test]
fn idx_is_read_from_any_reader() {
    let expected = Dataset::new(SHAPE, pixels(5, 1), Some(labels(5))).unwrap();
    let (images, labels) = (images_file(5, 1), labels_file(5));
    let read = |images: &[u8], mut labels: &[u8]| Dataset::read_idx(images, Some(&mut labels));
    assert_eq!(parts(&read(&images, &labels).unwrap()), parts(&expected));
    assert_eq!(Dataset::read_idx(&*images, None).unwrap().labels(), None);

    let message = |images: &[u8], labels: &[u8]| read(images, labels).unwrap_err().to_string();
    assert_eq!(
        message(&images[..20], &labels),
        "images: truncated: the header announces 60 bytes (5 images of 4x3), 4 follow it"
    );
    assert_eq!(message(&images[..1], &labels), "images: truncated: the header has 16 bytes, the file 1");
    assert_eq!(message(&[&*images, &[0]].concat(), &labels).split("), ").last(), Some("more follow it"));
    assert!(message(&images, &images).starts_with("labels: not an IDX label file"));
    assert_eq!(message(&images, &labels_file(4)), "images: 5 images, but labels has 4 labels");
    let error = Dataset::read_idx(Broken, None).unwrap_err();
    assert_eq!(error.to_string(), "images: the wire is cut");
}

/// A reader that fails.
struct Broken;

impl io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the wire is cut"))
    }
}

#[test]
fn compressed_idx_is_read_from_any_reader() {
    let mut labels = &*gzip(&labels_file(5));
    let found = Dataset::read_idx(&*gzip(&images_file(5, 1)), Some(&mut labels)).unwrap();
    assert_eq!(values(&found), pixels(5, 1));
    let packed = gzip(&images_file(5, 1));
    let error = Dataset::read_idx(&packed[..packed.len() - 9], None).unwrap_err();
    assert!(error.to_string().starts_with("images: "), "{error}");
}

#[test]
fn an_array_is_read_from_any_reader() {
    let array = |shape: &str, values: &[u8]| {
        let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
        [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes(), values].concat()
    };
    let bytes: Vec<u8> = (0..128).collect();
    let dataset = Dataset::read_npy(&*array("(2, 8, 8)", &bytes)).unwrap();
    assert_eq!((dataset.len(), values(&dataset)), (2, &*bytes));
    let message = |file: &[u8]| Dataset::read_npy(file).unwrap_err().to_string();
    assert!(message(&array("(128,)", &bytes)).starts_with("array: the shape [128] is not that of images"));
    assert!(message(&array("(2, 8, 8)", &bytes[1..])).starts_with("array: the header announces 128 bytes"));
    assert_eq!(message(b"GIF89a"), "array: not an array of NumPy");
}

#[cfg(feature = "ndarray")]
mod arrays {
    use super::*;
    use ndarray::{Array, Array4, ArrayView, ShapeBuilder};

    #[test]
    fn arrays_of_any_layout_are_read_in_their_order() {
        let (height, width, channels) = (2, 3, 2);
        let shape = ImageShape { height, width, channels };
        let bytes: Vec<u8> = (0..48).collect();
        let standard = Array4::from_shape_vec((4, height, width, channels), bytes.clone()).unwrap();
        let mut fortran = Array4::zeros((4, height, width, channels).f());
        fortran.assign(&standard);
        let channels_first = standard.clone().permuted_axes([0, 3, 1, 2]).as_standard_layout().into_owned();
        for view in [standard.view(), fortran.view(), channels_first.view().permuted_axes([0, 2, 3, 1])] {
            let dataset = Dataset::from_array(view, Some(vec![0, 1, 2, 3])).unwrap();
            assert_eq!((dataset.shape(), values(&dataset), dataset.len()), (shape, &*bytes, 4));
        }
        let floats = standard.mapv(|byte| f32::from(byte) / 255.0);
        assert_eq!(values(&Dataset::from_array(floats.view(), None).unwrap()), bytes);
        let grey = ArrayView::from_shape((4, 4, 3), &bytes).unwrap();
        assert_eq!(Dataset::from_array(grey, None).unwrap().shape(), SHAPE);
    }

    #[test]
    fn arrays_of_no_images_are_errors() {
        let message =
            |shape: &[usize]| Dataset::from_array(Array::<u8, _>::zeros(shape).view(), None).unwrap_err().to_string();
        assert_eq!(message(&[3, 4]), "an array of the shape [3, 4] is none of images, [N, H, W] or [N, H, W, C]");
        assert_eq!(message(&[0, 4, 3]), "a data set needs at least one image");
        assert!(message(&[2, 0, 3]).starts_with("images of 0x3x1: no side may be zero"));
        let mut floats = Array4::<f32>::zeros((3, 4, 3, 1));
        floats[[1, 0, 0, 0]] = 1.5;
        let error = Dataset::from_array(floats.view(), None).unwrap_err();
        assert_matches!(error, DatasetError::Value { image: 1, value: 1.5 });
        let error = Dataset::from_array(Array4::<u8>::zeros((3, 4, 3, 1)).view(), Some(vec![0])).unwrap_err();
        assert_matches!(error, DatasetError::LabelCount { images: 3, labels: 1 });
    }
}
