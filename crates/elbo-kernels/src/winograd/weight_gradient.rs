//! The gradient of a layer's weights by minimal filtering.

use super::gather::{GatherBand, WinogradGather};
use super::pixel_sums::PixelSums;
use super::tiles::{Band, Tiles, WEIGHTS, weight_forms};
use super::{band_len, images_a_band};
use crate::epilogue::Epilogue;
use crate::extent::Extent;
use crate::geometry::{Direction, Geometry};
use crate::simd::{Isa, Kernel, Simd};
use crate::weight_gradient::{Accumulate, WeightGradient};

/// Numbers of each matrix that go together from the forms of a gradient to the gradient: nine taps and a form of them
/// take 20 KB.
const STRETCH: usize = 512;

/// The gradient of the input of a layer that goes up, to be made with that of its weights.
#[derive(Debug)]
pub struct WinogradInputGradient<'a> {
    /// The way down the same geometry.
    pub backward: &'a WinogradGather,
    /// The weights, packed for its product.
    pub packed: &'a [f32],
    /// What is done to the gradient before it is written.
    pub epilogue: Epilogue<'a>,
    /// Where it goes.
    pub dx: &'a mut [f32],
}

/// A layer's weight gradient as [`WeightGradient`] has it, by minimal filtering.
#[derive(Clone, Debug)]
pub struct WinogradWeightGradient {
    isa: Isa,
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
        let bands: Vec<Band<'_>> = tiles.bands([large_channels, small_channels], band_len([c_in, c_out])).collect();
        let images_a_band = match &bands[..] {
            [band] => images_a_band(band_len([c_in, c_out]), band.len([large_channels, small_channels]), images),
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
        Some(Self { isa, extent, bands: bands.collect(), images_a_band })
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
        let (forms, scratch) = scratch.split_at_mut(self.forms_len());
        self.write_forms(images, [x, dy], None, forms, scratch);
        self.add_forms(forms, accumulate, dw);
    }

    /// Adds the gradient to `dw`, and makes that of the input of a layer that goes up on the way: both need the same forms
    /// of `dy`, which are made once.
    ///
    /// # Panics
    /// As [`WinogradWeightGradient::run`] and [`WinogradGather::run`], and if `input` is not of the same layer.
    pub fn run_with_input_gradient(
        &self,
        images: usize,
        x: &[f32],
        dy: &[f32],
        dw: &mut [f32],
        input: WinogradInputGradient<'_>,
        scratch: &mut [f32],
    ) {
        let (forms, scratch) = scratch.split_at_mut(self.forms_len());
        self.write_forms(images, [x, dy], Some(input), forms, scratch);
        self.add_forms(forms, Accumulate::Yes, dw);
    }

    /// Numbers of the gradient of the forms of the weights.
    fn forms_len(&self) -> usize {
        WEIGHTS * self.extent.c_in * self.extent.c_out
    }

    /// The gradient of the forms of the weights, and the `input` gradient if it is asked for.
    fn write_forms(
        &self,
        images: usize,
        [x, dy]: [&[f32]; 2],
        mut input: Option<WinogradInputGradient<'_>>,
        forms: &mut [f32],
        scratch: &mut [f32],
    ) {
        self.extent.check(images, x, dy);
        if let Some(WinogradInputGradient { backward, dx, .. }) = &input {
            backward.extent.check(images, dy, dx);
            let is_same = self.bands.len() == backward.bands.len() && self.images_a_band == backward.images_a_band;
            assert!(is_same, "the plans of one layer have the same bands");
        }
        let Extent { source_len, target_len, .. } = self.extent;
        let mut accumulate = Accumulate::No;
        if images == 0 {
            forms.fill(0.0);
        }
        for first in (0..images).step_by(self.images_a_band) {
            let images = self.images_a_band.min(images - first);
            let (x, dy) = (&x[first * source_len..], &dy[first * target_len..]);
            for (number, GradientBand { spread: [spread_x, spread_dy], product, lens }) in self.bands.iter().enumerate()
            {
                let (dy_forms, x_forms) = scratch.split_at_mut(lens[1] * self.images_a_band);
                spread_dy.run(images, dy, Epilogue::Store, dy_forms);
                if let Some(WinogradInputGradient { backward, packed, epilogue, dx }) = &mut input {
                    let GatherBand { product, collect, .. } = &backward.bands[number];
                    // Its partial sums are as many as the forms of `x`, and have their place before them.
                    product.run(images, dy_forms, packed, Epilogue::Store, x_forms);
                    collect.run(images, x_forms, epilogue.from(first * source_len), &mut dx[first * source_len..]);
                }
                spread_x.run(images, x, Epilogue::Store, x_forms);
                product.run(images, x_forms, dy_forms, accumulate, forms);
                accumulate = Accumulate::Yes;
            }
        }
    }

    /// Puts the gradient of the forms of the weights, or adds it, to that of the weights.
    fn add_forms(&self, forms: &[f32], accumulate: Accumulate, dw: &mut [f32]) {
        assert_eq!(dw.len(), 9 * self.extent.c_in * self.extent.c_out, "weight gradient");
        if accumulate == Accumulate::No {
            dw.fill(0.0);
        }
        self.isa.run(AddForms { forms, matrix: self.extent.c_in * self.extent.c_out, dw });
    }
}

/// The gradient of each form of the weights, added to that of its taps.
struct AddForms<'a> {
    forms: &'a [f32],
    matrix: usize,
    dw: &'a mut [f32],
}

impl Kernel for AddForms<'_> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        let Self { forms, matrix, dw } = self;
        // Stretch by stretch, so that what is read and written often stays in the first-level cache.
        for first in (0..matrix).step_by(STRETCH) {
            let len = STRETCH.min(matrix - first);
            for (form, taps) in forms.chunks_exact(matrix).zip(weight_forms()) {
                for tap in taps {
                    let sums = &mut dw[tap * matrix + first..][..len];
                    for (sum, form) in sums.iter_mut().zip(&form[first..]) {
                        *sum += form;
                    }
                }
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
