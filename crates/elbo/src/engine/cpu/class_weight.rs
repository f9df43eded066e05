//! What a conditional network adds to a layer's sums: a row for the class of each image.

use std::ops::Range;

/// The row of each class, `[classes, numbers]`: what the one-hot class, joined to the layer's input, would be
/// multiplied by (Sohn, Lee and Yan, 2015).
#[derive(Debug)]
pub(crate) struct ClassWeight {
    /// Among all parameters, and among the gradients of a chunk.
    range: Range<usize>,
    gradient: Range<usize>,
    values: Vec<f32>,
    /// Numbers of a row: of the layer's output for one image.
    numbers: usize,
}

impl ClassWeight {
    /// The weight that lies at `range` among all parameters, and at `gradient` among the gradients of a chunk; not yet
    /// set.
    pub(crate) fn new(range: Range<usize>, gradient: Range<usize>, numbers: usize) -> Self {
        Self { values: vec![0.0; range.len()], range, gradient, numbers }
    }

    /// Takes its own out of all parameters.
    pub(crate) fn pack(&mut self, parameters: &[f32]) {
        self.values.copy_from_slice(&parameters[self.range.clone()]);
    }

    /// Adds the row of its class to each image's sums, `[images, numbers]`.
    pub(crate) fn add(&self, classes: &[u16], sums: &mut [f32]) {
        for (class, sums) in classes.iter().zip(sums.chunks_exact_mut(self.numbers)) {
            let row = &self.values[usize::from(*class) * self.numbers..][..self.numbers];
            sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
        }
    }

    /// Adds the gradient of the rows, from that of the sums.
    pub(crate) fn gradient(&self, classes: &[u16], dy: &[f32], gradient: &mut [f32]) {
        let gradient = &mut gradient[self.gradient.clone()];
        for (class, dy) in classes.iter().zip(dy.chunks_exact(self.numbers)) {
            let row = &mut gradient[usize::from(*class) * self.numbers..][..self.numbers];
            row.iter_mut().zip(dy).for_each(|(sum, number)| *sum += number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_image_has_the_row_of_its_class() {
        let mut weight = ClassWeight::new(1..7, 2..8, 2);
        weight.pack(&[9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0]);
        let mut sums = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0];
        weight.add(&[2, 0, 2], &mut sums);
        assert_eq!(sums, [15.0, 26.0, 31.0, 42.0, 55.0, 66.0]);

        let mut gradient = [7.0; 9];
        weight.gradient(&[2, 0, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &mut gradient);
        assert_eq!(gradient, [7.0, 7.0, 10.0, 11.0, 7.0, 7.0, 13.0, 15.0, 7.0]);
    }
}
