//! How much a layer reads and writes.

use crate::geometry::{Direction, Geometry};

/// The channels of a layer, and the lengths of what it works on, for up to a fixed number of images at a time. All
/// offsets into that fit 31 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) c_in: usize,
    pub(crate) c_out: usize,
    pub(crate) images: usize,
    /// Numbers an image that go in.
    pub(crate) source_len: usize,
    /// Numbers an image that come out.
    pub(crate) target_len: usize,
}

/// Offsets in numbers of a source pixel and a target pixel that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PixelPair {
    pub(crate) source: u32,
    pub(crate) target: u32,
}

impl Extent {
    /// # Panics
    /// If a count is zero, or the offsets of `images` images do not fit 31 bits.
    pub(crate) fn new(geometry: &Geometry, direction: Direction, [c_in, c_out]: [usize; 2], images: usize) -> Self {
        let pixels = [geometry.source_pixels(direction), geometry.target_pixels(direction)];
        Self::of_pixels(pixels, [c_in, c_out], images)
    }

    /// Of images of so many source and target pixels.
    ///
    /// # Panics
    /// As [`Extent::new`].
    pub(crate) fn of_pixels([source, target]: [usize; 2], [c_in, c_out]: [usize; 2], images: usize) -> Self {
        assert!(c_in > 0 && c_out > 0 && images > 0, "a layer has channels and images");
        let (source_len, target_len) = (source * c_in, target * c_out);
        let fits = |len: usize| len.checked_mul(images).is_some_and(|n| i32::try_from(n).is_ok());
        assert!(fits(source_len) && fits(target_len), "offsets must fit 31 bits");
        Self { c_in, c_out, images, source_len, target_len }
    }

    /// A source pixel and a target pixel of an image.
    pub(crate) fn pair(&self, source: usize, target: usize) -> PixelPair {
        PixelPair { source: (source * self.c_in) as u32, target: (target * self.c_out) as u32 }
    }

    /// The pairs of one image in every image, image after image.
    pub(crate) fn in_all_images(&self, one_image: &[PixelPair]) -> Vec<PixelPair> {
        let of_image = |image: usize| {
            one_image.iter().map(move |pair| PixelPair {
                source: pair.source + (image * self.source_len) as u32,
                target: pair.target + (image * self.target_len) as u32,
            })
        };
        (0..self.images).flat_map(of_image).collect()
    }

    /// That slices have room for `images` images.
    ///
    /// # Panics
    /// If they have not, or there are more images than the tables were made for.
    pub(crate) fn check(&self, images: usize, source: &[f32], target: &[f32]) {
        assert!(images <= self.images, "{images} images in a table for {}", self.images);
        assert!(source.len() >= images * self.source_len, "the layer's input is too short");
        assert!(target.len() >= images * self.target_len, "the layer's output is too short");
    }
}
