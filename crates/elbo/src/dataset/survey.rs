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
    /// The smallest value, from 0 to 255.
    pub least: u8,
    /// The largest value, from 0 to 255.
    pub most: u8,
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
        let (mut least, mut most, mut sums) = (u8::MAX, 0, vec![0_u64; channels]);
        let (indices, mut staging): (Vec<u32>, _) = ((0..dataset.len() as u32).collect(), Vec::new());
        for indices in indices.chunks(BLOCK) {
            for pixel in dataset.gather(indices, &mut staging)?.pixels.chunks_exact(channels) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    (least, most) = (least.min(value), most.max(value));
                    *sum += u64::from(value);
                }
            }
        }
        let pixels = dataset.len() * dataset.shape().height * dataset.shape().width;
        Ok(Self {
            images: dataset.len(),
            classes: dataset.classes().iter().cloned().zip(counts).collect(),
            least,
            most,
            means: sums.into_iter().map(|sum| sum as f64 / pixels as f64).collect(),
        })
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
        assert_eq!((survey.images, survey.least, survey.most), (2, 0, 250));
        assert_eq!(survey.means, [25.0, 1.0, 62.5]);
        let counts: Vec<usize> = survey.classes.iter().map(|class| class.1).collect();
        assert_eq!((counts, survey.classes[2].0.as_str()), (vec![1, 0, 1], "2"));
    }
}
