//! A layer by minimal filtering, forward or towards its input.

use super::pixel_sums::PixelSums;
use super::tiles::{Band, Tiles, WEIGHTS, weight_forms};
use super::{band_len, images_a_band};
use crate::epilogue::Epilogue;
use crate::extent::Extent;
use crate::gather::{Gather, Operand};
use crate::geometry::{Direction, Geometry};
use crate::simd::Isa;

/// A layer as [`Gather`] has it, by minimal filtering.
#[derive(Clone, Debug)]
pub struct WinogradGather {
    pub(super) extent: Extent,
    pub(super) bands: Vec<GatherBand>,
    pub(super) images_a_band: usize,
}

#[derive(Clone, Debug)]
pub(super) struct GatherBand {
    pub(super) spread: PixelSums,
    pub(super) product: Gather,
    pub(super) collect: PixelSums,
}

impl WinogradGather {
    /// The plan of one layer, for up to `images` images at a time; none if its filter is not 3 x 3 of stride 2.
    ///
    /// # Panics
    /// As [`Gather::new`].
    #[must_use]
    pub fn new(
        isa: Isa,
        geometry: &Geometry,
        direction: Direction,
        [c_in, c_out]: [usize; 2],
        images: usize,
    ) -> Option<Self> {
        let tiles = Tiles::new(geometry, direction)?;
        let extent = Extent::new(geometry, direction, [c_in, c_out], images);
        let bands: Vec<Band<'_>> = tiles.bands([c_in, c_out], band_len([c_in, c_out])).collect();
        let largest = bands.iter().map(|band| band.len([c_in, c_out])).max()?;
        let images_a_band = if bands.len() > 1 { 1 } else { images_a_band(band_len([c_in, c_out]), largest, images) };
        let bands = bands.iter().map(|band| {
            let (forms, sums) = (band.form_pixels(), band.sum_pixels());
            let of_forms = Extent::of_pixels([forms, sums], [c_in, c_out], images_a_band);
            let (sources, targets) = (geometry.source_pixels(direction), geometry.target_pixels(direction));
            GatherBand {
                spread: PixelSums::new(isa, c_in, [sources, forms], band.source_forms().into_iter()),
                product: Gather::from_sources(isa, of_forms, WEIGHTS, band.products().into_iter()),
                collect: PixelSums::new(isa, c_out, [sums, targets], band.targets().into_iter()),
            }
        });
        Some(Self { extent, bands: bands.collect(), images_a_band })
    }

    /// Numbers that [`WinogradGather::run`] needs as scratch.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        let numbers = |band: &GatherBand| band.product.source_len() + band.product.target_len();
        self.bands.iter().map(numbers).max().unwrap_or(0) * self.images_a_band
    }

    /// What multiplies the forms of the sources by those of the weights.
    fn product(&self) -> &Gather {
        &self.bands[0].product
    }

    /// Numbers of a packed panel of the forms of the weights.
    #[must_use]
    pub fn panel_len(&self) -> usize {
        self.product().panel_len()
    }

    /// Numbers that the packed forms of the weights take: whole panels, each of [`WinogradGather::panel_len`].
    #[must_use]
    pub fn packed_len(&self) -> usize {
        self.product().packed_len()
    }

    /// Lays panel number `panel` of the forms of the weights out; `weights` and `operand` are as [`Gather::pack_panel`] has
    /// them.
    ///
    /// # Panics
    /// If a length is not that of the layer.
    pub fn pack_panel(&self, operand: Operand, weights: &[f32], panel: usize, packed: &mut [f32]) {
        assert_eq!(weights.len(), 9 * self.extent.c_in * self.extent.c_out, "weights");
        self.product().pack_panel_of_forms(operand, weights, weight_forms(), panel, packed);
    }

    /// Lays all forms of the weights out; see [`WinogradGather::pack_panel`].
    ///
    /// # Panics
    /// If a length is not that of the layer.
    pub fn pack(&self, operand: Operand, weights: &[f32], packed: &mut [f32]) {
        assert_eq!(packed.len(), self.packed_len(), "packed weights");
        for (panel, packed) in packed.chunks_exact_mut(self.panel_len()).enumerate() {
            self.pack_panel(operand, weights, panel, packed);
        }
    }

    /// Runs the layer over `images` images, as [`Gather::run`].
    ///
    /// # Panics
    /// If there are more images than the plan was made for, or a slice is too short.
    pub fn run(
        &self,
        images: usize,
        x: &[f32],
        packed: &[f32],
        epilogue: Epilogue<'_>,
        y: &mut [f32],
        scratch: &mut [f32],
    ) {
        self.extent.check(images, x, y);
        let Extent { source_len, target_len, .. } = self.extent;
        for first in (0..images).step_by(self.images_a_band) {
            let images = self.images_a_band.min(images - first);
            let x = &x[first * source_len..];
            let y = &mut y[first * target_len..];
            let epilogue = epilogue.from(first * target_len);
            for GatherBand { spread, product, collect } in &self.bands {
                let (forms, sums) = scratch.split_at_mut(product.source_len() * self.images_a_band);
                spread.run(images, x, Epilogue::Store, forms);
                product.run(images, forms, packed, Epilogue::Store, sums);
                collect.run(images, sums, epilogue, y);
            }
        }
    }
}
