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
        self.places.len() * self.c_in * if self.is_dot() { 1 } else { self.isa.columns() }
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
        let (c_in, c_out) = (self.c_in, self.extent.c_out);
        assert_eq!(weights.len(), self.places.len() * c_in * c_out, "weights");
        assert_eq!(packed.len(), self.panel_len(), "packed weights");
        let columns = if self.is_dot() { 1 } else { self.isa.columns() };
        let first = panel * columns;
        let used = columns.min(c_out - first);
        for (tap, &place) in weights.chunks_exact(c_in * c_out).zip(&self.places) {
            let packed = &mut packed[place * c_in * columns..][..c_in * columns];
            match operand {
                Operand::Weights => {
                    for (row, packed) in tap.chunks_exact(c_out).zip(packed.chunks_exact_mut(columns)) {
                        packed[..used].copy_from_slice(&row[first..first + used]);
                        packed[used..].fill(0.0);
                    }
                }
                Operand::Transposed => {
                    for (column, row) in tap.chunks_exact(c_in).skip(first).take(used).enumerate() {
                        for (number, packed) in row.iter().zip(packed.chunks_exact_mut(columns)) {
                            packed[column] = *number;
                        }
                    }
                    for packed in packed.chunks_exact_mut(columns) {
                        packed[used..].fill(0.0);
                    }
                }
            }
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
