//! The gather-GEMM: every layer, forward and towards its input.
//!
//! For each target pixel `p`: `y[p] = sum over taps t of x[source(p, t)] * W[t]`, where `x[..]` is a row of `C_in`
//! numbers and `W[t]` a `C_in x C_out` matrix. Pixels that the same taps reach, at the same distances, form a
//! [`Group`]: the phases of a transposed convolution and the edges of the image are groups like any other, so nothing
//! is ever multiplied by a zero of padding. A tile of a few pixels of a group times a panel of channels stays in
//! registers while the kernel runs over taps and input channels; the pixels of a group may come from several images.

mod dot_products;
mod pack;
mod register_tiles;

use crate::epilogue::Epilogue;
use crate::extent::{Extent, PixelPair};
use crate::geometry::{Direction, Geometry};
use crate::simd::Isa;
use dot_products::Dots;
use register_tiles::Tiles;
use std::collections::BTreeMap;

pub use pack::Operand;

/// Up to this many output channels, pixels are made one dot product at a time: a panel would be mostly padding.
pub const MAX_DOT_OUTPUTS: usize = 4;

/// A tap of a group: which of the filter's it is, and how far its source lies from the pixel's first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Tap {
    index: usize,
    distance: i32,
}

/// Taps that follow one another both among the packed weights and where they read: as good as one with more channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stretch {
    /// The place of the first tap among the packed weights.
    place: usize,
    distance: i32,
    taps: usize,
}

/// Pixels that the same taps reach at the same distances.
#[derive(Clone, Debug)]
struct Group {
    stretches: Vec<Stretch>,
    /// Each target pixel with its first source, image after image.
    pixels: Vec<PixelPair>,
    pixels_an_image: usize,
}

/// A layer's table of taps, for up to a fixed number of images at a time, and the kernel that goes over it.
#[derive(Clone, Debug)]
pub struct Gather {
    isa: Isa,
    groups: Vec<Group>,
    /// The place of each tap's matrix among the packed weights.
    places: Vec<usize>,
    /// Input channels of the weights: fewer than of the extent where the input is patches.
    c_in: usize,
    extent: Extent,
    /// Width of a panel.
    columns: usize,
}

impl Gather {
    /// The table of one layer.
    ///
    /// # Panics
    /// If a count is zero, or the offsets of `images` images do not fit 31 bits.
    #[must_use]
    pub fn new(isa: Isa, geometry: &Geometry, direction: Direction, c_in: usize, c_out: usize, images: usize) -> Self {
        let extent = Extent::new(geometry, direction, [c_in, c_out], images);
        let targets =
            (0..geometry.target_pixels(direction)).map(|target| (target, geometry.sources(direction, target)));
        let pixels = pixels_by_taps(&extent, targets);
        let places = places(geometry.taps(), pixels.keys());
        let most_pixels = images * pixels.values().map(Vec::len).max().unwrap_or(0);
        Self::with_places(isa, extent, places, isa.tile_columns(most_pixels, c_out), pixels)
    }

    /// The table of what is a layer in all but name: `targets` are target pixels of an image, with the matrices
    /// (`taps` of them) and the source pixels that make each. Other pixels are not touched. All tables of as many matrices
    /// have their weights packed alike.
    pub(crate) fn from_sources(
        isa: Isa,
        extent: Extent,
        taps: usize,
        targets: impl Iterator<Item = (usize, Vec<(usize, usize)>)>,
    ) -> Self {
        let columns = isa.tile_columns(usize::MAX, extent.c_out);
        Self::with_places(isa, extent, (0..taps).collect(), columns, pixels_by_taps(&extent, targets))
    }

    fn with_places(
        isa: Isa,
        extent: Extent,
        places: Vec<usize>,
        columns: usize,
        pixels: BTreeMap<Vec<Tap>, Vec<PixelPair>>,
    ) -> Self {
        let c_in = extent.c_in;
        let groups = pixels
            .into_iter()
            .map(|(taps, one_image)| Group {
                stretches: stretches(&taps, &places, c_in),
                pixels_an_image: one_image.len(),
                pixels: extent.in_all_images(&one_image),
            })
            .collect();
        Self { isa, groups, places, c_in, extent, columns }
    }

    /// The table of a layer that goes down `geometry` and reads its input as [`Patches`](crate::Patches) of it, for up to
    /// `pixels` of them at a time: what [`Gather::run`] takes for an image is a patch. The weights are the same as
    /// without them.
    ///
    /// # Panics
    /// As [`Gather::new`].
    #[must_use]
    pub fn over_patches(isa: Isa, geometry: &Geometry, c_in: usize, c_out: usize, pixels: usize) -> Self {
        let row_len = geometry.taps() * c_in;
        let table = Self::new(isa, &Geometry::pointwise([1, 1]), Direction::Down, row_len, c_out, pixels);
        Self { places: (0..geometry.taps()).collect(), c_in, ..table }
    }

    /// Numbers an image that go in.
    #[must_use]
    pub fn source_len(&self) -> usize {
        self.extent.source_len
    }

    /// Numbers an image that come out.
    #[must_use]
    pub fn target_len(&self) -> usize {
        self.extent.target_len
    }

    fn is_dot(&self) -> bool {
        self.extent.c_out <= MAX_DOT_OUTPUTS
    }

    fn panels(&self) -> usize {
        self.extent.c_out.div_ceil(self.columns)
    }

    /// Runs the layer over `images` images: `x` is `[images, source pixels, C_in]`, `y` `[images, target pixels,
    /// C_out]`. Longer slices are fine; what lies beyond is not touched.
    ///
    /// # Panics
    /// If there are more images than the table was made for, or a slice is too short.
    pub fn run(&self, images: usize, x: &[f32], packed: &[f32], epilogue: Epilogue<'_>, y: &mut [f32]) {
        self.extent.check(images, x, y);
        assert_eq!(packed.len(), self.packed_len(), "packed weights");
        epilogue.check(self.extent.c_out, images * self.extent.target_len);
        let (x, packed, y) = (x.as_ptr(), packed.as_ptr(), y.as_mut_ptr());
        let run = Run { plan: self, images, x, packed, epilogue, y };
        if self.is_dot() {
            self.isa.run(Dots(run));
        } else {
            self.isa.run(Tiles(run));
        }
    }
}

/// An image's pixels by the taps that reach them; `targets` are as [`Gather::from_sources`] has them.
fn pixels_by_taps(
    extent: &Extent,
    targets: impl Iterator<Item = (usize, Vec<(usize, usize)>)>,
) -> BTreeMap<Vec<Tap>, Vec<PixelPair>> {
    let mut pixels: BTreeMap<Vec<Tap>, Vec<PixelPair>> = BTreeMap::new();
    for (target, sources) in targets {
        let first = sources.first().map_or(0, |&(_, source)| source);
        let distance = |source: usize| (source * extent.c_in) as i32 - (first * extent.c_in) as i32;
        let taps = sources.iter().map(|&(index, source)| Tap { index, distance: distance(source) }).collect();
        pixels.entry(taps).or_default().push(extent.pair(first, target));
    }
    pixels
}

/// The place of each of `taps` taps among the packed weights: in the order in which the pixels that most taps reach read
/// them, so that what lies side by side is read in one go.
fn places<'a>(taps: usize, groups: impl Iterator<Item = &'a Vec<Tap>>) -> Vec<usize> {
    let mut order = groups.max_by_key(|group| group.len()).cloned().unwrap_or_default();
    order.sort_by_key(|tap| tap.distance);
    let mut places = vec![usize::MAX; taps];
    let mut next = 0;
    for index in order.into_iter().map(|tap| tap.index).chain(0..taps) {
        if places[index] == usize::MAX {
            places[index] = next;
            next += 1;
        }
    }
    places
}

/// A group's taps in the order of their places, with those that lie side by side put together.
fn stretches(taps: &[Tap], places: &[usize], c_in: usize) -> Vec<Stretch> {
    let mut sorted = taps.to_vec();
    sorted.sort_by_key(|tap| places[tap.index]);
    let mut stretches: Vec<Stretch> = Vec::new();
    for Tap { index, distance } in sorted {
        let place = places[index];
        match stretches.last_mut() {
            Some(last) if last.place + last.taps == place && last.distance + (last.taps * c_in) as i32 == distance => {
                last.taps += 1;
            }
            _ => stretches.push(Stretch { place, distance, taps: 1 }),
        }
    }
    stretches
}

/// Checked by [`Gather::run`]: `x`, `packed`, `y` and what the epilogue reads have room for `images` images of `plan`.
struct Run<'a> {
    plan: &'a Gather,
    images: usize,
    x: *const f32,
    packed: *const f32,
    epilogue: Epilogue<'a>,
    y: *mut f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_and_edges_become_groups_without_padding() {
        let geometry = Geometry::halving([14, 14]);
        let gather = Gather::new(Isa::fastest(), &geometry, Direction::Up, 64, 64, 1);
        let taps = |group: &Group| group.stretches.iter().map(|stretch| stretch.taps).sum::<usize>();
        let products: usize = gather.groups.iter().map(|group| taps(group) * group.pixels.len()).sum();
        // Along an axis of 14, three taps make 20 joins that stay inside.
        assert_eq!(products, 20 * 20);
        let pixels: usize = gather.groups.iter().map(|group| group.pixels.len()).sum();
        assert_eq!(pixels, 14 * 14);
    }

    #[test]
    fn taps_side_by_side_are_read_in_one_go() {
        let stretches = |geometry: &Geometry, direction| {
            let gather = Gather::new(Isa::fastest(), geometry, direction, 8, 8, 1);
            let most = gather.groups.into_iter().max_by_key(|group| group.pixels.len()).unwrap().stretches;
            most.iter().map(|stretch| stretch.taps).collect::<Vec<_>>()
        };
        for direction in [Direction::Down, Direction::Up] {
            assert_eq!(stretches(&Geometry::same([9, 9]), direction), [3, 3, 3], "{direction:?}");
        }
        assert_eq!(stretches(&Geometry::whole([7, 7]), Direction::Down), [49]);
        assert_eq!(stretches(&Geometry::halving([14, 14]), Direction::Down), [3, 3, 3]);
    }
}
