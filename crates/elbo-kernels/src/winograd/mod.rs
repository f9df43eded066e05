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
use crate::gather::Gather;
use crate::geometry::{Direction, Geometry};
use crate::simd::{Isa, Kernel, Simd};
use crate::weight_gradient::{Accumulate, WeightGradient};
use pixel_sums::PixelSums;
use tiles::{Band, Tiles, WEIGHTS, weight_forms};

/// Numbers that the forms and partial sums of a band may take: a share of the second-level cache, or as many as the
/// forms of the weights where these are more, since each band goes through all of those.
fn band_len([c_in, c_out]: [usize; 2]) -> usize {
    const BAND: usize = 72 << 10;
    BAND.max(WEIGHTS * c_in * c_out)
}

/// Numbers of each matrix that go together from the forms of a gradient to the gradient: nine taps and a form of them
/// take 20 KB.
const STRETCH: usize = 512;

/// The share of the products that minimal filtering saves of a layer that goes over `geometry` in `direction`; none if
/// its filter is not 3 x 3 of stride 2. An odd number of small pixels along an axis makes half tiles, which save
/// nothing.
#[must_use]
pub fn winograd_saves(geometry: &Geometry, direction: Direction) -> Option<f64> {
    let joins: usize = (0..geometry.target_pixels(direction)).map(|p| geometry.sources(direction, p).len()).sum();
    Some(1.0 - Tiles::new(geometry, direction)?.products() as f64 / joins as f64)
}

/// How many images are gone through together: as many as fill a band of `band_len` numbers, if a whole one does not.
fn images_a_band(band_len: usize, numbers_an_image: usize, images: usize) -> usize {
    (band_len / numbers_an_image).clamp(1, images)
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

    /// What multiplies the forms of the sources by those of the weights, which are to be packed for it.
    #[must_use]
    pub fn product(&self) -> &Gather {
        &self.bands[0].product
    }

    /// Writes the forms of the weights `[9, C_in, C_out]` (or `[9, C_out, C_in]`, to be packed transposed):
    /// [`WinogradGather::forms_len`] numbers.
    ///
    /// # Panics
    /// If a length is not that of the layer.
    pub fn write_forms(&self, weights: &[f32], forms: &mut [f32]) {
        let matrix = self.extent.c_in * self.extent.c_out;
        assert!(weights.len() == 9 * matrix && forms.len() == WEIGHTS * matrix, "weights and their forms");
        for (form, taps) in forms.chunks_exact_mut(matrix).zip(weight_forms()) {
            for (number, tap) in taps.enumerate() {
                let weights = &weights[tap * matrix..][..matrix];
                if number == 0 {
                    form.copy_from_slice(weights);
                } else {
                    form.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
                }
            }
        }
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
        let WinogradInputGradient { backward, packed, epilogue, dx } = input;
        self.extent.check(images, x, dy);
        backward.extent.check(images, dy, dx);
        let Extent { source_len, target_len, c_in, c_out, .. } = self.extent;
        let matrix = c_in * c_out;
        assert_eq!(dw.len(), 9 * matrix, "weight gradient");
        assert!(
            self.bands.len() == backward.bands.len() && self.images_a_band == backward.images_a_band,
            "the plans of one layer have the same bands"
        );
        let (forms, scratch) = scratch.split_at_mut(WEIGHTS * matrix);
        let mut accumulate_forms = Accumulate::No;
        if images == 0 {
            forms.fill(0.0);
        }
        for first in (0..images).step_by(self.images_a_band) {
            let images = self.images_a_band.min(images - first);
            let (x, dy, dx) = (&x[first * source_len..], &dy[first * target_len..], &mut dx[first * source_len..]);
            let epilogue = epilogue.from(first * source_len);
            for (GradientBand { spread: [spread_x, _], product, lens }, band) in self.bands.iter().zip(&backward.bands)
            {
                // Partial sums of `dx` and forms of `x` are as many, and take turns.
                let (dy_forms, sums) = scratch.split_at_mut(lens[1] * self.images_a_band);
                band.spread.run(images, dy, Epilogue::Store, dy_forms);
                band.product.run(images, dy_forms, packed, Epilogue::Store, sums);
                band.collect.run(images, sums, epilogue, dx);
                spread_x.run(images, x, Epilogue::Store, sums);
                product.run(images, sums, dy_forms, accumulate_forms, forms);
                accumulate_forms = Accumulate::Yes;
            }
        }
        self.add_forms(forms, Accumulate::Yes, dw);
    }

    /// Puts the gradient of the forms of the weights, or adds it, to that of the weights.
    fn add_forms(&self, forms: &[f32], accumulate: Accumulate, dw: &mut [f32]) {
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
