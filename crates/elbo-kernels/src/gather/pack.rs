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
        forms: impl Iterator<Item = impl Iterator<Item = usize> + Clone>,
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
        taps: impl Iterator<Item = usize> + Clone,
        panel: usize,
        packed: &mut [f32],
    ) {
        let (c_in, c_out) = (self.c_in, self.extent.c_out);
        let columns = packed.len() / c_in;
        let first = panel * columns;
        let used = columns.min(c_out - first);
        let matrices = taps.map(|tap| &weights[tap * c_in * c_out..][..c_in * c_out]);
        match operand {
            Operand::Weights => {
                for (number, matrix) in matrices.enumerate() {
                    for (row, packed) in matrix.chunks_exact(c_out).zip(packed.chunks_exact_mut(columns)) {
                        put(number > 0, &row[first..first + used], packed);
                    }
                }
            }
            Operand::Transposed => {
                for row in (0..c_in).step_by(BLOCK[1]) {
                    let packed = &mut packed[row * columns..];
                    for column in (0..used).step_by(BLOCK[0]) {
                        let size = [BLOCK[0].min(used - column), BLOCK[1].min(c_in - row)];
                        let matrices = matrices.clone().map(|matrix| &matrix[(first + column) * c_in + row..]);
                        put_transposed(matrices, c_in, size, &mut packed[column..], columns);
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

/// Rows and columns of a matrix that are turned over together: they and their places stay in the first-level cache.
const BLOCK: [usize; 2] = [16, 64];

/// Puts numbers into their places, or adds them to what is there.
fn put(add: bool, numbers: &[f32], places: &mut [f32]) {
    let places = places.iter_mut().zip(numbers);
    if add {
        places.for_each(|(place, number)| *place += number);
    } else {
        places.for_each(|(place, number)| *place = *number);
    }
}

/// The sum of the first `rows x columns` of `matrices`, whose rows are `stride` long, turned over into `packed`, whose rows
/// are `packed_stride` long.
fn put_transposed<'a>(
    matrices: impl Iterator<Item = &'a [f32]>,
    stride: usize,
    [rows, columns]: [usize; 2],
    packed: &mut [f32],
    packed_stride: usize,
) {
    let mut block = [[0.0; BLOCK[1]]; BLOCK[0]];
    for (number, matrix) in matrices.enumerate() {
        for (row, sum) in matrix.chunks(stride).zip(&mut block[..rows]) {
            put(number > 0, &row[..columns], &mut sum[..columns]);
        }
    }
    for (column, packed) in packed.chunks_mut(packed_stride).enumerate().take(columns) {
        for (packed, row) in packed[..rows].iter_mut().zip(&block) {
            *packed = row[column];
        }
    }
}
