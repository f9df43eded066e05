//! The embedded MNIST.

use super::*;

/// Counts of the digits, and the sum of all pixels.
fn summary(dataset: &Dataset) -> ([usize; 10], u64) {
    let mut histogram = [0; 10];
    for &label in dataset.labels().unwrap() {
        histogram[usize::from(label)] += 1;
    }
    (histogram, values(dataset).iter().map(|&pixel| u64::from(pixel)).sum())
}

#[test]
fn embedded_set_is_mnist() {
    let Splits { train, test, name, .. } = Splits::mnist();
    let test = test.unwrap();
    assert_eq!(name, "mnist");
    assert_eq!((train.len(), test.len()), (60_000, 10_000));
    assert_eq!(train.labels().unwrap().len(), 60_000);
    assert_eq!(test.labels().unwrap().len(), 10_000);
    for set in [&train, &test] {
        assert_eq!(set.shape(), ImageShape { height: 28, width: 28, channels: 1 });
    }

    let (histogram, sum) = summary(&train);
    assert_eq!(histogram, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    // The mean that the field normalises with: 0.1307.
    let mean = sum as f64 / values(&train).len() as f64 / 255.0;
    assert!((mean - 0.130_660).abs() < 1e-6, "{mean}");

    let (histogram, sum) = summary(&test);
    assert_eq!(histogram, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    let mean = sum as f64 / values(&test).len() as f64 / 255.0;
    assert!((mean - 0.132_515).abs() < 1e-6, "{mean}");

    assert_eq!(&train.labels().unwrap()[..5], [5, 0, 4, 1, 9]);
    assert_eq!(&test.labels().unwrap()[..5], [7, 2, 1, 0, 4]);
}
