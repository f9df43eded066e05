//! Minimal filtering: fewer products for a 3 x 3 filter of stride 2, up and down.
//!
//! [`WinogradGather`] is a [`Gather`](crate::Gather) between two passes of additions: forms of the source pixels go in, partial sums
//! come out, and targets are sums of those. [`WinogradWeightGradient`] is the same algorithm read for its third
//! factor. `axis` has the algebra of one axis, `tiles` that of both; along both, a tile of 2 x 2 small and 4 x 4
//! large pixels takes 25 products rather than 36. Pixels are gone through in bands whose forms and sums stay in the
//! second-level cache.

mod axis;
mod gather;
mod pixel_sums;
mod tiles;
mod weight_gradient;

use crate::geometry::{Direction, Geometry};
use tiles::{Tiles, WEIGHTS};

pub use gather::WinogradGather;
pub use weight_gradient::{WinogradInputGradient, WinogradWeightGradient};

/// Numbers that the forms and partial sums of a band may take: a share of the second-level cache, or as many as the
/// forms of the weights where these are more, since each band goes through all of those.
fn band_len([c_in, c_out]: [usize; 2]) -> usize {
    const BAND: usize = 72 << 10;
    BAND.max(WEIGHTS * c_in * c_out)
}

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
