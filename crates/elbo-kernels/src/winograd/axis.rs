//! Minimal filtering along one axis.
//!
//! Along an axis, tap `k` of a 3-tap filter of stride 2 joins the small side's `s` and the large side's `2s + k - pad`.
//! Every second large index, [`Joins::dense`], is joined twice: to `j` by tap 0 and to `j - 1` by tap 2; those
//! between, [`Joins::single`], once, by tap 1. The dense ones are a filter of two taps and stride 1, of which two
//! outputs need three products rather than four (Winograd, 1980, F(2, 2)):
//!
//! ```text
//! y0 = a w2 + b w0 = (a - b) w2 + b (w0 + w2)
//! y1 = b w2 + c w0 = b (w0 + w2) - (b - c) w0
//! ```
//!
//! So a tile of two small and four large indices takes five products rather than six. All factors are 1 or -1: the
//! rounding is that of two more additions.

use crate::geometry::{Direction, Geometry};

/// A sum of numbers, each with a sign: `(1.0 or -1.0, index)`.
pub(super) type Form = Vec<(f32, usize)>;

/// Sums of the three taps that a product is made with: each tap itself, and both taps of a dense index.
pub(super) const WEIGHT_FORMS: [&[usize]; 4] = [&[0], &[1], &[2], &[0, 2]];
const TAP_0: usize = 0;
const TAP_1: usize = 1;
const TAP_2: usize = 2;
const TAPS_0_AND_2: usize = 3;

/// One product of a tile, and the partial sum that it is added to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Product {
    /// Which of the tile's forms of the source.
    pub(super) form: usize,
    /// Which of [`WEIGHT_FORMS`].
    pub(super) weight: usize,
    /// Which of the tile's partial sums.
    pub(super) sum: usize,
}

/// How the targets of a tile come from its sources: `target = sum of partial sums`, each a sum of products of forms
/// of the sources with forms of the weights.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct AxisTile {
    /// Forms over the source's indices.
    pub(super) forms: Vec<Form>,
    pub(super) products: Vec<Product>,
    /// How many partial sums there are.
    pub(super) sums: usize,
    /// Target indices, and forms over the partial sums.
    pub(super) targets: Vec<(usize, Form)>,
}

impl AxisTile {
    /// Adds a product of a form of the sources, unless the form is empty.
    fn product(&mut self, form: Form, weight: usize, sum: usize) {
        if form.is_empty() {
            return;
        }
        let known = self.forms.iter().position(|known| *known == form);
        let form = known.unwrap_or_else(|| {
            self.forms.push(form);
            self.forms.len() - 1
        });
        self.products.push(Product { form, weight, sum });
    }

    /// A new partial sum.
    fn sum(&mut self) -> usize {
        self.sums += 1;
        self.sums - 1
    }

    /// A target that is one partial sum by itself, of plain products `(source, tap)`.
    fn plain(&mut self, target: usize, products: &[(Option<usize>, usize)]) {
        let sum = self.sum();
        for &(source, tap) in products {
            self.product(form([(1.0, source)]), tap, sum);
        }
        self.targets.push((target, vec![(1.0, sum)]));
    }
}

/// The terms that exist.
fn form<const N: usize>(terms: [(f32, Option<usize>); N]) -> Form {
    terms.into_iter().filter_map(|(sign, index)| Some((sign, index?))).collect()
}

/// Which indices an axis joins.
#[derive(Clone, Copy)]
struct Joins {
    small: usize,
    large: usize,
    pad: usize,
}

impl Joins {
    fn small(&self, index: usize) -> Option<usize> {
        (index < self.small).then_some(index)
    }

    fn before(&self, index: usize) -> Option<usize> {
        index.checked_sub(1).and_then(|index| self.small(index))
    }

    /// The large index that tap 0 joins to small `index` and tap 2 to the one before.
    fn dense(&self, index: usize) -> Option<usize> {
        (2 * index).checked_sub(self.pad).filter(|&large| large < self.large)
    }

    /// The large index that tap 1 joins to small `index`.
    fn single(&self, index: usize) -> Option<usize> {
        self.small(index)?;
        (2 * index + 1).checked_sub(self.pad).filter(|&large| large < self.large)
    }
}

/// Whether a geometry's filter is of the kind that tiles can be made for.
pub(super) fn is_filtered(geometry: &Geometry) -> bool {
    geometry.kernel == [3; 2] && geometry.stride == [2; 2] && geometry.pad.iter().all(|&pad| pad <= 1)
}

/// The tiles of axis `axis`, in the order of the axis.
pub(super) fn tiles(geometry: &Geometry, axis: usize, direction: Direction) -> Vec<AxisTile> {
    let joins = Joins { small: geometry.small[axis], large: geometry.large[axis], pad: geometry.pad[axis] };
    // A last dense index may lie behind the last small one.
    let tile = |first: &usize| match direction {
        Direction::Up => up_tile(&joins, *first),
        Direction::Down => down_tile(&joins, *first),
    };
    let starts: Vec<usize> = (0..=joins.small).step_by(2).collect();
    starts.iter().map(tile).filter(|tile| !tile.targets.is_empty()).collect()
}

/// Large targets of small sources `first - 1`, `first` and `first + 1`.
fn up_tile(joins: &Joins, first: usize) -> AxisTile {
    let mut tile = AxisTile::default();
    let [a, b, c] = [joins.before(first), joins.small(first), joins.small(first + 1)];
    match [joins.dense(first), joins.dense(first + 1)] {
        [Some(y0), Some(y1)] => {
            let [left, both, right] = [tile.sum(), tile.sum(), tile.sum()];
            tile.product(form([(1.0, a), (-1.0, b)]), TAP_2, left);
            tile.product(form([(1.0, b)]), TAPS_0_AND_2, both);
            tile.product(form([(1.0, b), (-1.0, c)]), TAP_0, right);
            tile.targets.push((y0, vec![(1.0, left), (1.0, both)]));
            tile.targets.push((y1, vec![(1.0, both), (-1.0, right)]));
        }
        [Some(y0), None] => tile.plain(y0, &[(b, TAP_0), (a, TAP_2)]),
        [None, Some(y1)] => tile.plain(y1, &[(c, TAP_0), (b, TAP_2)]),
        [None, None] => {}
    }
    for source in [first, first + 1] {
        if let Some(target) = joins.single(source) {
            tile.plain(target, &[(Some(source), TAP_1)]);
        }
    }
    tile
}

/// Small targets `first` and `first + 1` of large sources.
fn down_tile(joins: &Joins, first: usize) -> AxisTile {
    let mut tile = AxisTile::default();
    let dense = [first, first + 1, first + 2].map(|index| joins.dense(index));
    match [joins.small(first), joins.small(first + 1)] {
        [Some(y0), Some(y1)] => {
            let [left, both, right] = [tile.sum(), tile.sum(), tile.sum()];
            tile.product(form([(1.0, dense[0]), (-1.0, dense[1])]), TAP_0, left);
            tile.product(form([(1.0, joins.single(y0))]), TAP_1, left);
            tile.product(form([(1.0, dense[1])]), TAPS_0_AND_2, both);
            tile.product(form([(1.0, dense[2]), (-1.0, dense[1])]), TAP_2, right);
            tile.product(form([(1.0, joins.single(y1))]), TAP_1, right);
            tile.targets.push((y0, vec![(1.0, left), (1.0, both)]));
            tile.targets.push((y1, vec![(1.0, both), (1.0, right)]));
        }
        [Some(y), None] => tile.plain(y, &[(dense[0], TAP_0), (joins.single(y), TAP_1), (dense[1], TAP_2)]),
        _ => {}
    }
    tile
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// What the tiles compute, expanded: target, source, tap -> factor.
    fn expand(tiles: &[AxisTile]) -> BTreeMap<(usize, usize, usize), f32> {
        let mut joins = BTreeMap::new();
        for tile in tiles {
            for (target, sums) in &tile.targets {
                for (sign, sum) in sums {
                    for product in tile.products.iter().filter(|product| product.sum == *sum) {
                        for (factor, source) in &tile.forms[product.form] {
                            for tap in WEIGHT_FORMS[product.weight] {
                                *joins.entry((*target, *source, *tap)).or_insert(0.0) += sign * factor;
                            }
                        }
                    }
                }
            }
        }
        joins.retain(|_, factor| *factor != 0.0);
        joins
    }

    #[test]
    fn tiles_expand_to_the_joins_of_the_geometry() {
        for size in 1..=20 {
            let geometry = Geometry::halving([size, 1]);
            for direction in [Direction::Down, Direction::Up] {
                let mut expected = BTreeMap::new();
                for target in 0..geometry.target_pixels(direction) {
                    for (tap, source) in geometry.sources(direction, target) {
                        // The other axis has one index, which is joined by its middle tap or its first.
                        expected.insert((target, source, tap / 3), 1.0);
                    }
                }
                assert_eq!(expand(&tiles(&geometry, 0, direction)), expected, "{size}, {direction:?}");
            }
        }
    }

    #[test]
    fn a_whole_tile_takes_five_products() {
        let geometry = Geometry::halving([28, 28]);
        for direction in [Direction::Down, Direction::Up] {
            let products: Vec<usize> = tiles(&geometry, 1, direction).iter().map(|tile| tile.products.len()).collect();
            assert_eq!(products, [5; 7], "{direction:?}");
        }
    }
}
