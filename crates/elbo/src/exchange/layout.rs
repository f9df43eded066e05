//! How a tensor is called elsewhere, and in which order its axes lie there.

use super::Format;
use crate::network::architecture::{Architecture, LayerShape, Role};
use crate::network::parameters::{Parameter, ParameterTable};
use elbo_kernels::Direction;
use std::ops::Range;

/// A tensor as another program has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Foreign {
    /// Its name there.
    pub(super) name: String,
    /// Its shape there.
    pub(super) shape: Vec<usize>,
    /// Where its numbers lie in the flat array of all parameters.
    pub(super) range: Range<usize>,
    /// Which axis of our own each axis there is.
    axes: Vec<usize>,
    /// Whether it is part of no layer, so that neither half of the network asks for it: what is learned of the pixels' standard
    /// deviation, and of a prior.
    pub(super) is_loose: bool,
}

impl Foreign {
    /// The numbers in the order in which they lie there, of the flat array of all parameters.
    pub(super) fn numbers(&self, parameters: &[f32]) -> Vec<f32> {
        let own: Vec<usize> = (0..self.axes.len()).map(|axis| self.shape[self.place(axis)]).collect();
        permuted(&parameters[self.range.clone()], &own, &self.axes)
    }

    /// Puts numbers that lie as they do there, as many as the tensor has, in their place among all parameters.
    pub(super) fn take(&self, numbers: &[f32], parameters: &mut [f32]) {
        let back: Vec<usize> = (0..self.axes.len()).map(|axis| self.place(axis)).collect();
        parameters[self.range.clone()].copy_from_slice(&permuted(numbers, &self.shape, &back));
    }

    /// Which axis there is this one of our own.
    fn place(&self, axis: usize) -> usize {
        self.axes.iter().position(|&own| own == axis).unwrap_or(axis)
    }
}

/// All tensors of a network as they are in a format, in the order of its [`ParameterTable`].
pub(super) fn tensors(format: Format, architecture: &Architecture) -> Vec<Foreign> {
    let table = ParameterTable::new(architecture);
    let layers = architecture.layers();
    // Each layer has a weight and a bias; what no layer has by itself follows.
    let layer_of = |number: usize| layers.get(number / 2).filter(|_| number.is_multiple_of(2));
    let rows: Vec<&str> = layers.iter().filter_map(|layer| layer.role.class_rows()).collect();
    let foreign = |(number, parameter): (usize, &Parameter)| {
        let is_loose = number / 2 >= layers.len() && !rows.contains(&parameter.name.as_str());
        foreign(format, parameter, layer_of(number), is_loose)
    };
    table.iter().enumerate().map(foreign).collect()
}

fn foreign(format: Format, parameter: &Parameter, weight_of: Option<&LayerShape>, is_loose: bool) -> Foreign {
    let axes = weight_of.map_or_else(|| (0..parameter.shape.len()).collect(), |layer| axes(format, layer));
    let shape = axes.iter().map(|&axis| parameter.shape[axis]).collect();
    let name = name(format, &parameter.name, weight_of.is_some());
    Foreign { name, shape, range: parameter.range.clone(), axes, is_loose }
}

/// The axes of a layer's weight: ours are `[kernel height, kernel width, C_in, C_out]`, and `[in, out]` those of the head.
fn axes(format: Format, layer: &LayerShape) -> Vec<usize> {
    let is_up = layer.direction == Direction::Up;
    match (format, layer.role == Role::Head) {
        (Format::Npz | Format::Keras, true) => vec![0, 1],
        (Format::Npz, false) => vec![0, 1, 2, 3],
        // A transposed convolution is described by the convolution that it is the adjoint of.
        (Format::Keras, false) => {
            if is_up {
                vec![0, 1, 3, 2]
            } else {
                vec![0, 1, 2, 3]
            }
        }
        (Format::Onnx | Format::PyTorch, true) => vec![1, 0],
        (Format::Onnx | Format::PyTorch, false) => {
            if is_up {
                vec![2, 3, 0, 1]
            } else {
                vec![3, 2, 0, 1]
            }
        }
    }
}

/// `class` is a word of Python's own, which no attribute can be called.
fn name(format: Format, name: &str, is_weight: bool) -> String {
    match format {
        Format::Npz => name.to_owned(),
        Format::Keras if is_weight => name.replace(".weight", ".kernel"),
        Format::Keras => name.replace(".class.weight", ".classes.embeddings"),
        Format::Onnx | Format::PyTorch => name.replace(".class.", ".classes."),
    }
}

/// Numbers of a row-major array with its axes in another order: axis `i` of the result is axis `axes[i]`.
fn permuted(numbers: &[f32], shape: &[usize], axes: &[usize]) -> Vec<f32> {
    let stride = |axis: usize| shape[axis + 1..].iter().product::<usize>();
    let sides: Vec<(usize, usize)> = axes.iter().map(|&axis| (shape[axis], stride(axis))).collect();
    let mut out = Vec::with_capacity(numbers.len());
    let mut index = vec![0; axes.len()];
    let mut place = 0;
    for _ in 0..numbers.len() {
        out.push(numbers[place]);
        for (index, &(side, stride)) in index.iter_mut().zip(&sides).rev() {
            *index += 1;
            place += stride;
            if *index < side {
                break;
            }
            place -= side * stride;
            *index = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    #[test]
    fn axes_change_places() {
        let numbers = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0];
        assert_eq!(permuted(&numbers, &[2, 3], &[1, 0]), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
        assert_eq!(permuted(&numbers, &[1, 2, 3], &[0, 2, 1]), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
        assert_eq!(permuted(&numbers, &[2, 3], &[0, 1]), numbers);
    }

    #[test]
    fn tensors_are_called_and_shaped_as_they_are_there() {
        let image = ImageShape { height: 9, width: 8, channels: 3 };
        let network = Architecture::new(image, &[5], 2).unwrap().with_classes(7).unwrap();
        let listed = |format| {
            let tensors = tensors(format, &network);
            tensors.into_iter().map(|tensor| format!("{} {:?}", tensor.name, tensor.shape)).collect::<Vec<_>>()
        };
        let torch = listed(Format::PyTorch);
        assert_eq!(torch, listed(Format::Onnx));
        assert_eq!(torch[0], "encoder.conv1.weight [5, 3, 3, 3]");
        assert_eq!(torch[2], "encoder.head.weight [4, 100]");
        assert_eq!(torch[4], "decoder.project.weight [2, 5, 5, 4]");
        assert_eq!(torch[6..8], ["decoder.deconv1.weight [5, 5, 3, 3]", "decoder.deconv1.bias [5]"]);
        assert_eq!(torch[10..], ["encoder.classes.weight [7, 4]", "decoder.classes.weight [7, 100]"]);
        let keras = listed(Format::Keras);
        assert_eq!(keras[0], "encoder.conv1.kernel [3, 3, 3, 5]");
        assert_eq!(keras[4], "decoder.project.kernel [5, 4, 5, 2]");
        assert_eq!(keras[10], "encoder.classes.embeddings [7, 4]");
    }
}
