//! Both gradients of a layer that makes an image of few channels and keeps its size.
//!
//! For each pixel `p` of the layer's input, with `d(p, k)` the numbers of the gradient of the image around it, tap by tap and
//! channel by channel: `dx[p] = sum over k of d(p, k) W[k]`, and `dW[k] += d(p, k) x[p]`, where `W[k]` is a row of as many
//! numbers as the input has channels. As products of matrices either would be over before it began. Here both are made in one
//! go: nine rows of the gradient of the weights stay in registers, and each number around a pixel, and the pixel itself, are
//! read once for both. A border of zeros is put around the gradient of the image first.

mod sweep;

use crate::geometry::Geometry;
use crate::simd::Isa;
use std::ops::Range;
use sweep::{Sweeps, Width};

/// The layer's table, and the kernel that goes over it.
#[derive(Clone, Debug)]
pub struct ImageGradients {
    isa: Isa,
    geometry: Geometry,
    /// Channels of the layer's input and of the image.
    c_in: usize,
    c_out: usize,
    /// Numbers of a vector, and of a slice: as many columns of the weights as are gone through together. A last slice of no
    /// more than a vector is as wide as that.
    lanes: usize,
    width: usize,
}

/// Operands and results of [`ImageGradients::run`].
#[derive(Debug)]
pub struct ImageGradientsOf<'a> {
    /// The layer's input, `[images, H, W, C_in]`.
    pub x: &'a [f32],
    /// Whether it came out of a `ReLU`, whose gradient is then zero where it is.
    pub x_is_relu: bool,
    /// The gradient of the image, `[images, H, W, C_out]`.
    pub dy: &'a [f32],
    /// The weights, as [`ImageGradients::pack`] lays them out.
    pub packed: &'a [f32],
    /// Where the gradient of the input goes.
    pub dx: &'a mut [f32],
    /// What the gradient of the weights is added to, `[taps, C_in, C_out]`.
    pub dw: &'a mut [f32],
}

impl ImageGradients {
    /// The table of the layer that goes up `geometry` from `c_in` channels to `c_out`.
    ///
    /// # Panics
    /// If the geometry does not keep the image's size, or a count is zero.
    #[must_use]
    pub fn new(isa: Isa, geometry: &Geometry, [c_in, c_out]: [usize; 2]) -> Self {
        assert!(geometry.stride == [1; 2] && geometry.small == geometry.large, "a layer that keeps the image's size");
        assert!(c_in > 0 && c_out > 0, "a layer has channels");
        let [lanes, width] = isa.run(Width);
        Self { isa, geometry: *geometry, c_in, c_out, lanes, width }
    }

    /// Rows of the weights: a number for each tap and channel of the image.
    fn rows(&self) -> usize {
        self.geometry.taps() * self.c_out
    }

    /// Numbers of a row of the image with its border, and how many rows there are.
    fn padded(&self) -> [usize; 2] {
        let [height, width] = std::array::from_fn(|axis| self.geometry.large[axis] + self.geometry.kernel[axis] - 1);
        [width * self.c_out, height]
    }

    /// Numbers that the packed weights take.
    #[must_use]
    pub fn packed_len(&self) -> usize {
        self.rows() * self.c_in.next_multiple_of(self.lanes)
    }

    /// Lays the weights, `[taps, C_in, C_out]`, out as the kernel reads them.
    ///
    /// # Panics
    /// If a length is not that of the layer.
    pub fn pack(&self, weights: &[f32], packed: &mut [f32]) {
        assert_eq!(weights.len(), self.rows() * self.c_in, "weights");
        assert_eq!(packed.len(), self.packed_len(), "packed weights");
        packed.fill(0.0);
        for (place, from) in self.stretches() {
            let weights = weights[from].iter().step_by(self.c_out);
            packed[place].iter_mut().zip(weights).for_each(|(packed, weight)| *packed = *weight);
        }
    }

    /// The places of packed weights, those of a row in a slice together, and where they come from in `[taps, C_in, C_out]`: from
    /// the first number to behind the last, of which every one `C_out` further on is taken. Slice comes after slice, each
    /// with all rows.
    fn stretches(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + use<> {
        let Self { c_in, c_out, lanes, width, .. } = *self;
        let rows = self.rows();
        (0..c_in).step_by(width).flat_map(move |column| {
            let width = width.min((c_in - column).next_multiple_of(lanes));
            (0..rows).map(move |row| {
                let place = rows * column + row * width;
                let tap = row / c_out * c_in;
                let from = (tap + column) * c_out + row % c_out..(tap + c_in.min(column + width)) * c_out;
                (place..place + width, from)
            })
        })
    }

    /// Numbers that [`ImageGradients::run`] needs as scratch.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        let [row_len, rows] = self.padded();
        row_len * rows + self.packed_len()
    }

    /// Both gradients for `images` images.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn run(&self, images: usize, of: ImageGradientsOf<'_>, scratch: &mut [f32]) {
        let ImageGradientsOf { x, x_is_relu, dy, packed, dx, dw } = of;
        let [height, width] = self.geometry.large;
        let [x_len, dy_len] = [self.c_in, self.c_out].map(|channels| height * width * channels);
        assert!(x.len() >= images * x_len && dx.len() >= images * x_len, "the layer's input is too short");
        assert!(dy.len() >= images * dy_len, "the image's gradient is too short");
        assert!(packed.len() == self.packed_len() && dw.len() == self.rows() * self.c_in, "weights");
        let (sums, padded) = scratch.split_at_mut(self.packed_len());
        let [row_len, rows] = self.padded();
        let padded = &mut padded[..row_len * rows];
        sums.fill(0.0);
        padded.fill(0.0);
        let images = x.chunks_exact(x_len).zip(dx.chunks_exact_mut(x_len)).zip(dy.chunks_exact(dy_len)).take(images);
        for ((x, dx), dy) in images {
            let border = self.geometry.pad[1] * self.c_out;
            let inside = padded.chunks_exact_mut(row_len).skip(self.geometry.pad[0]);
            for (padded, dy) in inside.zip(dy.chunks_exact(width * self.c_out)) {
                padded[border..][..dy.len()].copy_from_slice(dy);
            }
            let (x, d, dx, dw) = (x.as_ptr(), padded.as_ptr(), dx.as_mut_ptr(), sums.as_mut_ptr());
            self.isa.run(Sweeps { plan: self, x, x_is_relu, d, weights: packed.as_ptr(), dx, dw });
        }
        for (place, to) in self.stretches() {
            let dw = dw[to].iter_mut().step_by(self.c_out);
            dw.zip(&sums[place]).for_each(|(dw, sum)| *dw += sum);
        }
    }
}
