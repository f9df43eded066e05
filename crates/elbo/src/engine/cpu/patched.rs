//! What stands next to the image, which has few channels: products with patches of it, a few pixels at a time.

use elbo_kernels::{Accumulate, Geometry, Isa, Patches, WeightGradient};

/// Pixels whose patches are laid out together: with the layer's other side they stay in the first-level cache.
pub(crate) const PATCHES: usize = 96;

/// Patches of an image, and the product of them that gives the gradient of a layer's weights.
#[derive(Debug)]
pub(crate) struct Patched {
    patches: Patches,
    gradient: WeightGradient,
    others: usize,
}

/// Some pixels of a few images: the first of them, how many, and their patches.
pub(crate) struct Block<'a> {
    pub(crate) first: usize,
    pub(crate) pixels: usize,
    pub(crate) patches: &'a [f32],
}

impl Patched {
    /// For a layer over `geometry` between an image of `channels` channels and a side of `others` channels.
    pub(crate) fn new(isa: Isa, geometry: &Geometry, channels: usize, others: usize) -> Self {
        let patches = Patches::new(geometry, channels);
        let gradient = WeightGradient::of_rows(isa, patches.patch_len(), others, PATCHES);
        Self { patches, gradient, others }
    }

    /// Numbers that its work needs as scratch.
    pub(crate) fn scratch_len(&self) -> usize {
        PATCHES * self.patches.patch_len()
    }

    /// Goes over `images` images `x`, `[images, H, W, C]`, in blocks.
    pub(crate) fn each_block(&self, images: usize, x: &[f32], scratch: &mut [f32], mut work: impl FnMut(Block<'_>)) {
        let pixels = self.patches.pixels();
        let blocks = pixels.div_ceil(PATCHES);
        for (image, x) in x.chunks_exact(self.patches.source_len()).take(images).enumerate() {
            for block in 0..blocks {
                let here = block * pixels / blocks..(block + 1) * pixels / blocks;
                self.patches.run(x, here.clone(), scratch);
                work(Block { first: image * pixels + here.start, pixels: here.len(), patches: scratch });
            }
        }
    }

    /// Adds the gradient of a block, whose pixels have `rows`, `[images, pixels, others]`, on the other side, to `dw`,
    /// `[taps, C, others]`.
    pub(crate) fn add_weight_gradient(&self, block: &Block<'_>, rows: &[f32], dw: &mut [f32]) {
        let rows = &rows[block.first * self.others..];
        self.gradient.run(block.pixels, block.patches, rows, Accumulate::Yes, dw);
    }
}
