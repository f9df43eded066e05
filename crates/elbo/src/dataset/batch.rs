//! From bytes to the numbers that the network sees.

use super::Depth;

/// Images in the order in which they are to be used, and where each stands in its data set.
///
/// The network knows no data set: whoever has one gathers a batch from it, see
/// [`Dataset::gather`](crate::dataset::Dataset::gather).
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The values of the images, `[N, H, W, C]`, row-major, each of as many bytes as `depth` has.
    pub pixels: &'a [u8],
    /// What a value is held in.
    pub depth: Depth,
    /// The position of each image in its data set, `[N]`: the address of its noise.
    pub indices: &'a [u32],
    /// The class of every image of that data set, where there are classes.
    pub labels: Option<&'a [u16]>,
}

impl<'a> Batch<'a> {
    /// Images of bytes: `pixels`, `[N, H, W, C]`, the position of each image in its data set, `[N]`, and the class of
    /// every image of that data set.
    #[must_use]
    pub fn new(pixels: &'a [u8], indices: &'a [u32], labels: Option<&'a [u16]>) -> Self {
        Self { pixels, depth: Depth::Eight, indices, labels }
    }

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
            depth: self.depth,
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

    /// How many values there are, of all images.
    #[must_use]
    pub fn values(&self) -> usize {
        self.pixels.len() / self.depth.bytes()
    }

    /// Writes the images as numbers in [0, 1], `[N, H, W, C]`, to the beginning of `out`: each the `f32` that is nearest
    /// to the value's share of the largest.
    ///
    /// # Panics
    /// If `out` is shorter than the [`values`](Self::values) are many.
    pub fn write(&self, out: &mut [f32]) {
        let out = &mut out[..self.values()];
        match self.depth {
            Depth::Eight => scale(self.pixels, out),
            Depth::Sixteen => {
                for (out, value) in out.iter_mut().zip(self.pixels.as_chunks().0) {
                    *out = f32::from(u16::from_le_bytes(*value)) / 65535.0;
                }
            }
        }
    }

    /// That there is an image of `len` values for each position.
    ///
    /// # Panics
    /// If there is not.
    pub(crate) fn check(&self, len: usize) {
        let bytes = self.len() * len * self.depth.bytes();
        assert_eq!(self.pixels.len(), bytes, "{} images of {len} values each", self.len());
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
        let batch = Batch::new(&[204, 255, 0, 51, 102, 153], &[2, 0, 1], None);
        let mut out = [9.0; 7];
        batch.write(&mut out);
        assert_eq!(out, [0.8, 1.0, 0.0, 0.2, 0.4, 0.6, 9.0]);
        let part = batch.part(1, 2);
        assert_eq!((part.pixels, part.indices), (&[0, 51, 102, 153][..], &[0, 1][..]));
        assert!(batch.part(3, 0).is_empty() && batch.part(3, 0).pixels.is_empty());
    }

    #[test]
    fn sixteen_bits_are_seen_as_their_share_and_bytes_times_257_as_the_bytes() {
        let pixels: Vec<u8> = (0..=255_u16).flat_map(|byte| (byte * 257).to_le_bytes()).collect();
        let bytes: Vec<u8> = (0..=255).collect();
        let depth = Depth::Sixteen;
        let (mut wide, mut narrow) = ([0.0; 256], [0.0; 256]);
        Batch { pixels: &pixels, depth, indices: &[0], labels: None }.write(&mut wide);
        scale(&bytes, &mut narrow);
        assert_eq!(wide, narrow);
        let batch = Batch { pixels: &[1, 0, 0, 1, 255, 255, 254, 255], depth, indices: &[0, 1], labels: None };
        batch.check(2);
        let mut out = [9.0; 3];
        batch.part(1, 1).write(&mut out);
        assert_eq!(out, [1.0, 65534.0 / 65535.0, 9.0]);
    }

    #[test]
    #[should_panic(expected = "3 images of 3 values each")]
    fn pixels_that_are_not_the_images_are_refused() {
        Batch::new(&[0; 6], &[2, 0, 1], None).check(3);
    }
}
