//! How the weights of a layer are laid out for the kernels.

use super::Gather;

/// How the weights `[taps, C_in, C_out]` of a layer enter the product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    /// As they are: the layer itself.
    Weights,
    /// Each tap's matrix transposed: the layer's input gradient, which goes from `C_out` channels to `C_in`.
    Transposed,
}

impl Gather {
    /// Numbers of a packed panel of weights.
    #[must_use]
    pub fn panel_len(&self) -> usize {
        self.places.len() * self.c_in * if self.is_dot() { 1 } else { self.columns }
    }

    /// Numbers that the packed weights take: whole panels, each of [`Gather::panel_len`].
    #[must_use]
    pub fn packed_len(&self) -> usize {
        self.panel_len() * if self.is_dot() { self.extent.c_out } else { self.panels() }
    }

    /// Lays panel number `panel` of the weights out as the kernel reads them.
    ///
    /// `weights` are `[taps, C_in, C_out]` of this table, or `[taps, C_out, C_in]` with [`Operand::Transposed`].
    ///
    /// # Panics
    /// If a length is not that of the table.
    pub fn pack_panel(&self, operand: Operand, weights: &[f32], panel: usize, packed: &mut [f32]) {
        assert_eq!(weights.len(), self.places.len() * self.c_in * self.extent.c_out, "weights");
        let taps = (0..self.places.len()).map(std::iter::once);
        self.pack_panel_of_forms(operand, weights, taps, panel, packed);
    }

    /// The same where the table's matrices are sums of those of `weights`: `forms` are, for each, the taps that it adds.
    pub(crate) fn pack_panel_of_forms(
        &self,
        operand: Operand,
        weights: &[f32],
        forms: impl Iterator<Item = impl Iterator<Item = usize>>,
        panel: usize,
        packed: &mut [f32],
    ) {
        assert_eq!(packed.len(), self.panel_len(), "packed weights");
        let matrix = self.panel_len() / self.places.len();
        for (taps, &place) in forms.zip(&self.places) {
            self.pack_sum(operand, weights, taps, panel, &mut packed[place * matrix..][..matrix]);
        }
    }

    /// One matrix of a panel: the sum of those of `taps`.
    fn pack_sum(
        &self,
        operand: Operand,
        weights: &[f32],
        taps: impl Iterator<Item = usize>,
        panel: usize,
        packed: &mut [f32],
    ) {
        let (c_in, c_out) = (self.c_in, self.extent.c_out);
        let columns = packed.len() / c_in;
        let first = panel * columns;
        let used = columns.min(c_out - first);
        for (number, tap) in taps.enumerate() {
            let matrix = &weights[tap * c_in * c_out..][..c_in * c_out];
            match operand {
                Operand::Weights => {
                    for (row, packed) in matrix.chunks_exact(c_out).zip(packed.chunks_exact_mut(columns)) {
                        put(number > 0, row[first..first + used].iter().zip(packed));
                    }
                }
                Operand::Transposed => {
                    for (column, row) in matrix.chunks_exact(c_in).skip(first).take(used).enumerate() {
                        put(number > 0, row.iter().zip(packed[column..].iter_mut().step_by(columns)));
                    }
                }
            }
        }
        for packed in packed.chunks_exact_mut(columns) {
            packed[used..].fill(0.0);
        }
    }

    /// Lays all the weights out; see [`Gather::pack_panel`].
    ///
    /// # Panics
    /// If a length is not that of the table.
    pub fn pack(&self, operand: Operand, weights: &[f32], packed: &mut [f32]) {
        assert_eq!(packed.len(), self.packed_len(), "packed weights");
        for (panel, packed) in packed.chunks_exact_mut(self.panel_len()).enumerate() {
            self.pack_panel(operand, weights, panel, packed);
        }
    }
}

/// Puts numbers into their places, or adds them to what is there.
fn put<'a>(add: bool, numbers: impl Iterator<Item = (&'a f32, &'a mut f32)>) {
    if add {
        numbers.for_each(|(number, place)| *place += number);
    } else {
        numbers.for_each(|(number, place)| *place = *number);
    }
}
