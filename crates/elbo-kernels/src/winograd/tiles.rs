//! The tiles of an image: one axis' tiles times the other's.

use super::axis::{AxisTile, Form, WEIGHT_FORMS, is_filtered, tiles};
use crate::geometry::{Direction, Geometry};
use std::ops::Range;

/// Forms of the weights: those of one axis times those of the other.
pub(super) const WEIGHTS: usize = WEIGHT_FORMS.len() * WEIGHT_FORMS.len();

/// The taps that each form of the weights adds.
pub(super) fn weight_forms() -> impl Iterator<Item = impl Iterator<Item = usize> + Clone> {
    WEIGHT_FORMS.iter().flat_map(|rows| {
        WEIGHT_FORMS
            .iter()
            .map(move |columns| rows.iter().flat_map(move |row| columns.iter().map(move |column| row * 3 + column)))
    })
}

/// How the targets of an image come from its sources.
#[derive(Debug)]
pub(super) struct Tiles {
    rows: Vec<AxisTile>,
    columns: Vec<AxisTile>,
    widths: [usize; 2],
}

impl Tiles {
    /// The tiles of a geometry, if its filter is of the kind that there are tiles for.
    pub(super) fn new(geometry: &Geometry, direction: Direction) -> Option<Self> {
        is_filtered(geometry).then(|| Self {
            rows: tiles(geometry, 0, direction),
            columns: tiles(geometry, 1, direction),
            widths: match direction {
                Direction::Down => [geometry.large[1], geometry.small[1]],
                Direction::Up => [geometry.small[1], geometry.large[1]],
            },
        })
    }

    /// Products of an image.
    pub(super) fn products(&self) -> usize {
        let count = |tiles: &[AxisTile]| tiles.iter().map(|tile| tile.products.len()).sum::<usize>();
        count(&self.rows) * count(&self.columns)
    }

    /// The image in bands of whole rows of tiles, each of about `most` numbers in its forms and partial sums of
    /// `channels` channels, `[sources, targets]`.
    pub(super) fn bands(&self, channels: [usize; 2], most: usize) -> impl Iterator<Item = Band<'_>> {
        let numbers = self.band(0..self.rows.len()).len(channels);
        let count = numbers.div_ceil(most).min(self.rows.len());
        (0..count).map(move |band| self.band(band * self.rows.len() / count..(band + 1) * self.rows.len() / count))
    }

    fn band(&self, rows: Range<usize>) -> Band<'_> {
        let rows = &self.rows[rows];
        let most = |count: fn(&AxisTile) -> usize| {
            [rows, &self.columns].map(|tiles| tiles.iter().map(count).max().unwrap_or(0))
        };
        Band { tiles: self, rows, forms: most(|tile| tile.forms.len()), sums: most(|tile| tile.sums) }
    }
}

/// Some rows of tiles. Forms of the sources and partial sums have a pixel for each tile, kind by kind.
pub(super) struct Band<'a> {
    tiles: &'a Tiles,
    rows: &'a [AxisTile],
    /// The most forms that a tile has along each axis.
    forms: [usize; 2],
    /// The most partial sums that a tile has along each axis.
    sums: [usize; 2],
}

impl<'a> Band<'a> {
    fn tile_count(&self) -> usize {
        self.rows.len() * self.tiles.columns.len()
    }

    /// Pixels of the forms of the sources.
    pub(super) fn form_pixels(&self) -> usize {
        self.forms[0] * self.forms[1] * self.tile_count()
    }

    /// Pixels of the partial sums.
    pub(super) fn sum_pixels(&self) -> usize {
        self.sums[0] * self.sums[1] * self.tile_count()
    }

    /// Numbers of the forms and partial sums, of `[sources, targets]` channels.
    pub(super) fn len(&self, [sources, targets]: [usize; 2]) -> usize {
        self.form_pixels() * sources + self.sum_pixels() * targets
    }

    /// The pixel of a kind, out of `kinds` along each axis, for tile number `tile`.
    fn pixel(&self, kinds: [usize; 2], [row, column]: [usize; 2], tile: usize) -> usize {
        (row * kinds[1] + column) * self.tile_count() + tile
    }

    fn each_tile(&self) -> impl Iterator<Item = (usize, &'a AxisTile, &'a AxisTile)> {
        let columns = &self.tiles.columns;
        let tiles = self.rows.iter().flat_map(move |row| columns.iter().map(move |column| (row, column)));
        tiles.enumerate().map(|(tile, (row, column))| (tile, row, column))
    }

    /// The forms of the sources: `(pixel, terms)`, terms being `(sign, source pixel)`.
    pub(super) fn source_forms(&self) -> Vec<(usize, Form)> {
        let mut forms = Vec::new();
        for (tile, row, column) in self.each_tile() {
            for (r, row) in row.forms.iter().enumerate() {
                for (c, column) in column.forms.iter().enumerate() {
                    let width = self.tiles.widths[0];
                    forms.push((self.pixel(self.forms, [r, c], tile), outer(row, column, |r, c| r * width + c)));
                }
            }
        }
        forms
    }

    /// The products: `(pixel of the partial sum, [(form of the weights, pixel of the form)])`.
    pub(super) fn products(&self) -> Vec<(usize, Vec<(usize, usize)>)> {
        let mut sums = vec![Vec::new(); self.sum_pixels()];
        for (tile, row, column) in self.each_tile() {
            for r in &row.products {
                for c in &column.products {
                    let form = self.pixel(self.forms, [r.form, c.form], tile);
                    let sum = self.pixel(self.sums, [r.sum, c.sum], tile);
                    sums[sum].push((r.weight * WEIGHT_FORMS.len() + c.weight, form));
                }
            }
        }
        sums.into_iter().enumerate().filter(|(_, products)| !products.is_empty()).collect()
    }

    /// The targets in their order: `(target pixel, terms)`, terms being `(sign, pixel of the partial sum)`.
    pub(super) fn targets(&self) -> Vec<(usize, Form)> {
        let mut targets = Vec::new();
        for (tile, row, column) in self.each_tile() {
            for (row, row_form) in &row.targets {
                for (column, column_form) in &column.targets {
                    let form = outer(row_form, column_form, |r, c| self.pixel(self.sums, [r, c], tile));
                    targets.push((row * self.tiles.widths[1] + column, form));
                }
            }
        }
        targets.sort_by_key(|(target, _)| *target);
        targets
    }

    /// The targets the other way round: for each partial sum, the targets that it goes into.
    pub(super) fn targets_of_sums(&self) -> Vec<(usize, Form)> {
        let mut sums = vec![Form::new(); self.sum_pixels()];
        for (target, form) in self.targets() {
            for (sign, sum) in form {
                sums[sum].push((sign, target));
            }
        }
        sums.into_iter().enumerate().filter(|(_, form)| !form.is_empty()).collect()
    }
}

/// Every term of one axis times every term of the other.
fn outer(rows: &Form, columns: &Form, index: impl Fn(usize, usize) -> usize) -> Form {
    let pairs = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
    pairs.map(|((row_sign, row), (column_sign, column))| (row_sign * column_sign, index(*row, *column))).collect()
}
