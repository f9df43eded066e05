//! From bytes to the numbers that the network sees.

/// Images in the order in which they are to be used, and where each stands in its data set.
///
/// The network knows no data set: whoever has one gathers a batch from it, see
/// [`Dataset::gather`](crate::dataset::Dataset::gather).
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The values of the images, `[N, H, W, C]`, row-major.
    pub pixels: &'a [u8],
    /// The position of each image in its data set, `[N]`: the address of its noise.
    pub indices: &'a [u32],
    /// The class of every image of that data set, where there are classes.
    pub labels: Option<&'a [u16]>,
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
        let len = self.pixels.len() / self.len().max(1);
        Self {
            pixels: &self.pixels[start * len..][..count * len],
            indices: &self.indices[start..][..count],
            labels: self.labels,
        }
    }

    /// Writes the class of each image.
    ///
    /// # Panics
    /// If the images have no labels.
    pub(crate) fn write_classes(&self, out: &mut [u16]) {
        let labels = self.labels.expect("a conditional network is given labelled images");
        for (index, out) in self.indices.iter().zip(out) {
            *out = labels[*index as usize];
        }
    }

    /// The class of each image.
    ///
    /// # Panics
    /// If the images have no labels.
    pub(crate) fn classes(&self) -> Vec<u16> {
        let mut classes = vec![0; self.len()];
        self.write_classes(&mut classes);
        classes
    }

    /// Writes the images as `[N, H, W, C]` to the beginning of `out`.
    pub(crate) fn write(&self, out: &mut [f32]) {
        scale(self.pixels, &mut out[..self.pixels.len()]);
    }

    /// That there is an image of `len` values for each position.
    ///
    /// # Panics
    /// If there is not.
    pub(crate) fn check(&self, len: usize) {
        assert_eq!(self.pixels.len(), self.len() * len, "{} images of {len} values each", self.len());
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

    #[test]
    fn images_are_scaled_and_cut_where_they_begin() {
        let batch = Batch { pixels: &[204, 255, 0, 51, 102, 153], indices: &[2, 0, 1], labels: None };
        let mut out = [9.0; 7];
        batch.write(&mut out);
        assert_eq!(out, [0.8, 1.0, 0.0, 0.2, 0.4, 0.6, 9.0]);
        let part = batch.part(1, 2);
        assert_eq!((part.pixels, part.indices), (&[0, 51, 102, 153][..], &[0, 1][..]));
        assert!(batch.part(3, 0).is_empty() && batch.part(3, 0).pixels.is_empty());
    }

    #[test]
    #[should_panic(expected = "3 images of 3 values each")]
    fn pixels_that_are_not_the_images_are_refused() {
        Batch { pixels: &[0; 6], indices: &[2, 0, 1], labels: None }.check(3);
    }
}
