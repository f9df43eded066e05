//! In which order arrays may lie.

use super::*;

#[test]
fn an_array_of_bytes_is_read_in_each_layout() {
    for (sides, expected) in
        [(vec![2, 9, 10], shape(9, 10, 1)), (vec![2, 9, 10, 1], shape(9, 10, 1)), (vec![2, 9, 10, 3], shape(9, 10, 3))]
    {
        let bytes = bytes(sides.iter().product());
        let Loaded { splits, notes, .. } = loaded("a.npy", &npy("|u1", false, &sides, &bytes));
        assert_eq!((splits.train.shape(), splits.name.as_str()), (expected, "a"));
        assert_eq!(pixels(&splits.train), bytes);
        assert!(splits.test.is_none() && splits.train.labels().is_none() && notes.is_empty());
    }
    let source = bytes(2 * 3 * 9 * 10);
    let train = loaded("a.npy", &npy("|u1", false, &[2, 3, 9, 10], &source)).splits.train;
    assert_eq!(train.shape(), shape(9, 10, 3));
    let found = pixels(&train);
    for (image, channel, pixel) in [(0, 0, 0), (0, 2, 89), (1, 1, 45)] {
        assert_eq!(found[(image * 90 + pixel) * 3 + channel], source[(image * 3 + channel) * 90 + pixel]);
    }
}

/// The value of a channel of a pixel.
fn at(image: usize, row: usize, column: usize, channel: usize) -> u16 {
    (image * 9797 + row * 3131 + column * 707 + channel * 17) as u16
}

#[test]
fn fortran_order_is_turned_whatever_the_type_and_order_of_channels() {
    let (count, height, width) = (3, 8, 9);
    for channels in [1, 2, 3, 4] {
        let mut expected = Vec::new();
        for (image, row) in (0..count).flat_map(|image| (0..height).map(move |row| (image, row))) {
            for column in 0..width {
                expected.extend((0..channels).map(|channel| at(image, row, column, channel)));
            }
        }
        // The first index fastest.
        let (mut last, mut first) = (Vec::new(), Vec::new());
        for (channel, column) in (0..channels).flat_map(|channel| (0..width).map(move |column| (channel, column))) {
            for row in 0..height {
                last.extend((0..count).map(|image| at(image, row, column, channel)));
            }
        }
        for (column, row) in (0..width).flat_map(|column| (0..height).map(move |row| (column, row))) {
            for channel in 0..channels {
                first.extend((0..count).map(|image| at(image, row, column, channel)));
            }
        }
        for (sides, numbers) in [([count, height, width, channels], &last), ([count, channels, height, width], &first)]
        {
            let data: Vec<u8> = numbers.iter().flat_map(|value| value.to_be_bytes()).collect();
            let deep = try_load_with("a.npy", &npy(">u2", true, &sides, &data), &ranged("0:65535")).unwrap();
            assert_eq!(values_of(&deep.splits.train), expected, "{sides:?}");
            let data: Vec<u8> = numbers.iter().map(|value| *value as u8).collect();
            let bytes: Vec<u16> = expected.iter().map(|value| value & 255).collect();
            assert_eq!(values_of(&loaded("a.npy", &npy("|u1", true, &sides, &data)).splits.train), bytes);
        }
    }
}
