//! Minimal filtering: fewer products for a 3 x 3 filter of stride 2, up and down.
//!
//! [`WinogradGather`] is a [`Gather`] between two passes of additions: forms of the source pixels go in, partial sums
//! come out, and targets are sums of those. [`WinogradWeightGradient`] is the same algorithm read for its third
//! factor. `axis` has the algebra of one axis, `tiles` that of both; along both, a tile of 2 x 2 small and 4 x 4
//! large pixels takes 25 products rather than 36. Pixels are gone through in bands whose forms and sums stay in the
//! second-level cache.

mod axis;
mod pixel_sums;
mod tiles;

use crate::epilogue::Epilogue;
use crate::extent::Extent;
use crate::gather::{Gather, Operand};
use crate::geometry::{Direction, Geometry};
use crate::simd::Isa;
use crate::weight_gradient::{Accumulate, WeightGradient};
use pixel_sums::PixelSums;
use tiles::{Band, Tiles, WEIGHTS, weight_forms};

/// Numbers that the forms and partial sums of a band may take: a share of the second-level cache.
const BAND: usize = 72 << 10;

/// The share of the products that minimal filtering saves of a layer that goes over `geometry` in `direction`; none if
/// its filter is not 3 x 3 of stride 2. An odd number of small pixels along an axis makes half tiles, which save
/// nothing.
#[must_use]
pub fn winograd_saves(geometry: &Geometry, direction: Direction) -> Option<f64> {
    let joins: usize = (0..geometry.target_pixels(direction)).map(|p| geometry.sources(direction, p).len()).sum();
    Some(1.0 - Tiles::new(geometry, direction)?.products() as f64 / joins as f64)
}

/// How many images are gone through together: as many as fill a band, if a whole one does not.
fn images_a_band(numbers_an_image: usize, images: usize) -> usize {
    (BAND / numbers_an_image).clamp(1, images)
}

/// A layer as [`Gather`] has it, by minimal filtering.
#[derive(Clone, Debug)]
pub struct WinogradGather {
    extent: Extent,
    bands: Vec<GatherBand>,
    images_a_band: usize,
}

#[derive(Clone, Debug)]
struct GatherBand {
    spread: PixelSums,
    product: Gather,
    collect: PixelSums,
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
        let bands: Vec<Band<'_>> = tiles.bands([c_in, c_out], BAND).collect();
        let largest = bands.iter().map(|band| band.len([c_in, c_out])).max()?;
        let images_a_band = if bands.len() > 1 { 1 } else { images_a_band(largest, images) };
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

    /// Numbers that the packed weights take.
    #[must_use]
    pub fn packed_len(&self) -> usize {
        self.bands[0].product.packed_len()
    }

    /// Lays the weights out as the kernel reads them; as [`Gather::pack`], with room for the forms of the weights,
    /// [`WinogradGather::forms_len`] numbers.
    ///
    /// # Panics
    /// If a length is not that of the layer.
    pub fn pack(&self, operand: Operand, weights: &[f32], forms: &mut [f32], packed: &mut [f32]) {
        let matrix = self.extent.c_in * self.extent.c_out;
        assert_eq!(weights.len(), 9 * matrix, "weights");
        for (form, taps) in forms.chunks_exact_mut(matrix).zip(weight_forms()) {
            form.fill(0.0);
            for tap in taps {
                form.iter_mut().zip(&weights[tap * matrix..]).for_each(|(sum, weight)| *sum += weight);
            }
        }
        self.bands[0].product.pack(operand, forms, packed);
    }

    /// Numbers of the forms of the weights.
    #[must_use]
    pub fn forms_len(&self) -> usize {
        WEIGHTS * self.extent.c_in * self.extent.c_out
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

/// A layer's weight gradient as [`WeightGradient`] has it, by minimal filtering.
#[derive(Clone, Debug)]
pub struct WinogradWeightGradient {
    extent: Extent,
    bands: Vec<GradientBand>,
    images_a_band: usize,
}

#[derive(Clone, Debug)]
struct GradientBand {
    /// From the layer's input and from the gradient of its output.
    spread: [PixelSums; 2],
    product: WeightGradient,
    /// Numbers an image of what comes of each.
    lens: [usize; 2],
}

impl WinogradWeightGradient {
    /// The plan of the layer that goes over `geometry` in `direction`, for up to `images` images at a time; none if
    /// its filter is not 3 x 3 of stride 2.
    ///
    /// # Panics
    /// As [`WeightGradient::new`].
    #[must_use]
    pub fn new(
        isa: Isa,
        geometry: &Geometry,
        direction: Direction,
        [c_in, c_out]: [usize; 2],
        images: usize,
    ) -> Option<Self> {
        // The tiles of the way down have fewer partial sums; they serve a layer that goes up with its input and
        // output in each other's place.
        let tiles = Tiles::new(geometry, Direction::Down)?;
        let extent = Extent::new(geometry, direction, [c_in, c_out], images);
        let [large_channels, small_channels] = in_order(direction, [c_in, c_out]);
        let bands: Vec<Band<'_>> = tiles.bands([large_channels, small_channels], BAND).collect();
        let images_a_band = match &bands[..] {
            [band] => images_a_band(band.len([large_channels, small_channels]), images),
            _ => 1,
        };
        let bands = bands.iter().map(|band| {
            let pixels = [band.form_pixels(), band.sum_pixels()];
            let large = [geometry.large_pixels(), pixels[0]];
            let small = [geometry.small_pixels(), pixels[1]];
            let spread = [
                PixelSums::new(isa, large_channels, large, band.source_forms().into_iter()),
                PixelSums::new(isa, small_channels, small, band.targets_of_sums().into_iter()),
            ];
            let of_forms = Extent::of_pixels(in_order(direction, pixels), [c_in, c_out], images_a_band);
            let joins = band.products().into_iter().flat_map(|(sum, products)| {
                products.into_iter().map(move |(weight, form)| {
                    let [source, target] = in_order(direction, [form, sum]);
                    (weight, source, target)
                })
            });
            GradientBand {
                spread: in_order(direction, spread),
                product: WeightGradient::from_joins(isa, of_forms, WEIGHTS, joins),
                lens: [of_forms.source_len, of_forms.target_len],
            }
        });
        Some(Self { extent, bands: bands.collect(), images_a_band })
    }

    /// Numbers that [`WinogradWeightGradient::run`] needs as scratch.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        let numbers = |band: &GradientBand| band.lens[0] + band.lens[1];
        let bands = self.bands.iter().map(numbers).max().unwrap_or(0) * self.images_a_band;
        bands + WEIGHTS * self.extent.c_in * self.extent.c_out
    }

    /// The gradient `dw`, `[9, C_in, C_out]`, as [`WeightGradient::run`].
    ///
    /// # Panics
    /// If there are more images than the plan was made for, or a slice is too short.
    pub fn run(
        &self,
        images: usize,
        x: &[f32],
        dy: &[f32],
        accumulate: Accumulate,
        dw: &mut [f32],
        scratch: &mut [f32],
    ) {
        self.extent.check(images, x, dy);
        let Extent { source_len, target_len, c_in, c_out, .. } = self.extent;
        let matrix = c_in * c_out;
        assert_eq!(dw.len(), 9 * matrix, "weight gradient");
        let (forms, scratch) = scratch.split_at_mut(WEIGHTS * matrix);
        let mut accumulate_forms = Accumulate::No;
        if images == 0 {
            forms.fill(0.0);
        }
        for first in (0..images).step_by(self.images_a_band) {
            let images = self.images_a_band.min(images - first);
            for GradientBand { spread: [spread_x, spread_dy], product, lens } in &self.bands {
                let (x_forms, dy_forms) = scratch.split_at_mut(lens[0] * self.images_a_band);
                spread_x.run(images, &x[first * source_len..], Epilogue::Store, x_forms);
                spread_dy.run(images, &dy[first * target_len..], Epilogue::Store, dy_forms);
                product.run(images, x_forms, dy_forms, accumulate_forms, forms);
                accumulate_forms = Accumulate::Yes;
            }
        }
        if accumulate == Accumulate::No {
            dw.fill(0.0);
        }
        for (form, taps) in forms.chunks_exact(matrix).zip(weight_forms()) {
            for tap in taps {
                dw[tap * matrix..].iter_mut().zip(form).for_each(|(sum, form)| *sum += form);
            }
        }
    }
}

/// What belongs to the large side and to the small side, as source and target of a layer in this direction; or the
/// other way round.
fn in_order<T>(direction: Direction, [large, small]: [T; 2]) -> [T; 2] {
    match direction {
        Direction::Down => [large, small],
        Direction::Up => [small, large],
    }
}
