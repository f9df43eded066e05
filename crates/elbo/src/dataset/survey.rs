//! What is in a data set, in numbers.

use super::{Dataset, DatasetError};

/// Images looked at at a time.
const BLOCK: usize = 256;

/// The classes and values of a data set.
#[derive(Clone, PartialEq, Debug)]
pub struct Survey {
    /// Images.
    pub images: usize,
    /// The name of each class and how many images have it, in the order of the classes; empty without labels.
    pub classes: Vec<(String, usize)>,
    /// How many values, of all channels, are 0, 1 and so on up to 255; those of 16 bits count as the nearest of these.
    pub histogram: Vec<u64>,
    /// The mean of each channel's values, from 0 to 255.
    pub means: Vec<f64>,
}

impl Survey {
    /// Looks at all images.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn of(dataset: &Dataset) -> Result<Self, DatasetError> {
        let mut counts = vec![0; dataset.classes().len()];
        for &label in dataset.labels().unwrap_or_default() {
            counts[usize::from(label)] += 1;
        }
        let channels = dataset.shape().channels;
        let (mut histogram, mut sums) = (vec![0_u64; 256], vec![0_u64; channels]);
        let step = usize::from(dataset.depth().most()) / 255;
        let (indices, mut staging): (Vec<u32>, _) = ((0..dataset.len() as u32).collect(), Vec::new());
        for indices in indices.chunks(BLOCK) {
            let batch = dataset.gather(indices, &mut staging)?;
            for (place, value) in batch.depth.values(batch.pixels).enumerate() {
                histogram[(usize::from(value) + step / 2) / step] += 1;
                sums[place % channels] += u64::from(value);
            }
        }
        let pixels = dataset.len() * dataset.shape().height * dataset.shape().width;
        Ok(Self {
            images: dataset.len(),
            classes: dataset.classes().iter().cloned().zip(counts).collect(),
            histogram,
            means: sums.into_iter().map(|sum| sum as f64 / step as f64 / pixels as f64).collect(),
        })
    }

    /// The smallest and the largest value, from 0 to 255.
    #[must_use]
    pub fn range(&self) -> [usize; 2] {
        let is_there = |count: &u64| *count > 0;
        let ends = [self.histogram.iter().position(is_there), self.histogram.iter().rposition(is_there)];
        ends.map(Option::unwrap_or_default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    #[test]
    fn classes_are_counted_and_values_averaged() {
        let shape = ImageShape { height: 1, width: 2, channels: 3 };
        let images = vec![10, 0, 0, 20, 0, 250, 30, 4, 0, 40, 0, 0];
        let dataset = Dataset::new(shape, images, Some(vec![2, 0])).unwrap();
        let survey = Survey::of(&dataset).unwrap();
        assert_eq!((survey.images, survey.range()), (2, [0, 250]));
        assert_eq!([0, 4, 10, 250].map(|value| survey.histogram[value]), [6, 1, 1, 1]);
        assert_eq!(survey.histogram.iter().sum::<u64>(), 12);
        assert_eq!(survey.means, [25.0, 1.0, 62.5]);
        let counts: Vec<usize> = survey.classes.iter().map(|class| class.1).collect();
        assert_eq!((counts, survey.classes[2].0.as_str()), (vec![1, 0, 1], "2"));
        let wide: Vec<u16> = [0, 100, 65535, 257, 128, 129].to_vec();
        let survey = Survey::of(&Dataset::from_u16(shape, &wide, None).unwrap()).unwrap();
        assert_eq!([0, 1, 255].map(|value| survey.histogram[value]), [3, 2, 1]);
        assert_eq!((survey.means[0], survey.range()), (0.5, [0, 255]));
    }
}
