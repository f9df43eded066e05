//! From bytes to the numbers that the network sees.

use crate::dataset::Dataset;

/// Images of a data set, by position, in the order in which they are to be used.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Where the images are.
    pub dataset: &'a Dataset,
    /// Which of them.
    pub indices: &'a [u32],
}

impl Batch<'_> {
    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The images from position `start` on, `count` of them.
    pub(crate) fn part(&self, start: usize, count: usize) -> Self {
        Self { dataset: self.dataset, indices: &self.indices[start..start + count] }
    }

    /// Writes the images as `[N, H, W, C]`.
    pub(crate) fn write(&self, out: &mut [f32]) {
        let len = self.dataset.shape().len();
        for (index, out) in self.indices.iter().zip(out.chunks_exact_mut(len)) {
            scale(self.dataset.image(*index as usize), out);
        }
    }
}

/// Pixels as numbers in [0, 1]: `byte / 255`, as `f32`.
///
/// # Panics
/// If the lengths differ.
pub(crate) fn scale(bytes: &[u8], out: &mut [f32]) {
    assert_eq!(bytes.len(), out.len(), "a number for each byte");
    for (out, byte) in out.iter_mut().zip(bytes) {
        *out = SCALED[*byte as usize];
    }
}

/// `byte / 255` of every byte.
static SCALED: [f32; 256] = {
    let mut scaled = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        scaled[byte] = byte as f32 / 255.0;
        byte += 1;
    }
    scaled
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    #[test]
    fn images_are_scaled_and_in_the_order_asked_for() {
        let shape = ImageShape { height: 1, width: 2, channels: 1 };
        let dataset = Dataset::new(shape, vec![0, 51, 102, 153, 204, 255], None).unwrap();
        let mut out = [0.0; 4];
        Batch { dataset: &dataset, indices: &[2, 0] }.write(&mut out);
        assert_eq!(out, [0.8, 1.0, 0.0, 0.2]);
    }
}
