//! Where gradients lie: those of a chunk of a batch, and those that are made for the whole batch at once.

use crate::network::architecture::LayerShape;
use crate::network::parameters::ParameterTable;
use std::ops::Range;

/// The gradient of a chunk has all parameters in the order of the table but the weights of the dense layers, which have
/// a gradient of the whole batch, one behind the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct GradientLayout {
    /// The dense layers' weights among all parameters, in their order.
    dense: Vec<Range<usize>>,
    parameters: usize,
}

/// Some parameters that follow one another, and lie together among gradients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    pub(crate) end: usize,
    pub(crate) is_dense: bool,
    /// Where they begin among the gradients of their kind.
    pub(crate) offset: usize,
}

impl GradientLayout {
    pub(crate) fn new(table: &ParameterTable, layers: &[LayerShape]) -> Self {
        let dense = layers.iter().enumerate().filter(|(_, layer)| layer.role.is_dense());
        Self { dense: dense.map(|(number, _)| table.layer(number).0.range.clone()).collect(), parameters: table.len() }
    }

    /// Numbers of the gradient of a chunk.
    pub(crate) fn chunk_len(&self) -> usize {
        self.parameters - self.dense_len()
    }

    /// Numbers of the gradient of the dense layers' weights.
    pub(crate) fn dense_len(&self) -> usize {
        self.dense.iter().map(Range::len).sum()
    }

    /// Where these parameters lie in the gradient of a chunk; an empty range for a dense layer's weights.
    pub(crate) fn of_chunk(&self, range: Range<usize>) -> Range<usize> {
        let before = |parameter: usize| {
            let dense: usize =
                self.dense.iter().map(|dense| parameter.clamp(dense.start, dense.end) - dense.start).sum();
            parameter - dense
        };
        before(range.start)..before(range.end)
    }

    /// The parameters from number `here` on, up to `end` at most, that lie together.
    pub(crate) fn piece(&self, here: usize, end: usize) -> Piece {
        let mut before = 0;
        for dense in &self.dense {
            if here < dense.start {
                return Piece { end: end.min(dense.start), is_dense: false, offset: here - before };
            }
            if here < dense.end {
                return Piece { end: end.min(dense.end), is_dense: true, offset: before + here - dense.start };
            }
            before += dense.len();
        }
        Piece { end, is_dense: false, offset: here - before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::architecture::Architecture;

    #[test]
    fn every_parameter_has_one_place() {
        for classes in [0, 10] {
            let architecture = Architecture::reference().with_classes(classes).unwrap();
            let table = ParameterTable::new(&architecture);
            let layout = GradientLayout::new(&table, &architecture.layers());
            assert_eq!(layout.dense_len(), 3136 * 40 + 20 * 3136);
            let mut next = [0, 0];
            let mut here = 0;
            while here < table.len() {
                let Piece { end, is_dense, offset } = layout.piece(here, (here + 1000).min(table.len()));
                assert!(end > here && offset == next[usize::from(is_dense)], "{here}");
                let in_chunk = layout.of_chunk(here..end);
                assert_eq!(in_chunk.len(), if is_dense { 0 } else { end - here });
                assert!(is_dense || in_chunk.start == offset, "{here}");
                next[usize::from(is_dense)] += end - here;
                here = end;
            }
            assert_eq!(next, [layout.chunk_len(), layout.dense_len()]);
        }
    }
}
