//! One layer with its weights laid out for the kernels: forward, and backward to its input and its parameters.

use crate::architecture::{Activation, LayerShape};
use crate::parameters::ParameterTable;
use elbo_kernels::{
    Accumulate, Buffer, Direction, Epilogue, Gather, Isa, Operand, Patches, WeightGradient, add_column_sums,
};
use std::ops::Range;

/// Weights of one direction, as the kernel reads them.
#[derive(Debug)]
struct Product {
    gather: Gather,
    operand: Operand,
    packed: Buffer,
}

impl Product {
    fn new(gather: Gather, operand: Operand) -> Self {
        let packed = Buffer::zeros(gather.packed_len());
        Self { gather, operand, packed }
    }

    fn pack(&mut self, weights: &[f32]) {
        self.gather.pack(self.operand, weights, &mut self.packed);
    }

    fn run(&self, images: usize, x: &[f32], epilogue: Epilogue<'_>, y: &mut [f32]) {
        self.gather.run(images, x, &self.packed, epilogue, y);
    }
}

/// What stands between the image and the rest of the network needs patches: it has few channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Reads the image, through patches of it; nothing asks for the gradient of the image.
    First,
    Inner,
    /// Writes the logits; their gradient goes back through patches of it.
    Last,
}

/// One layer of the network.
#[derive(Debug)]
pub(crate) struct Layer {
    isa: Isa,
    place: Place,
    forward: Product,
    backward: Option<Product>,
    gradient: WeightGradient,
    patches: Option<Patches>,
    activation: Activation,
    bias: Vec<f32>,
    weight_range: Range<usize>,
    bias_range: Range<usize>,
    taps: usize,
    c_in: usize,
    c_out: usize,
    output_len: usize,
}

/// A gradient of all parameters, and whether it is to be replaced or added to.
pub(crate) struct GradientSink<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) accumulate: Accumulate,
}

impl Layer {
    /// Layer number `number` of a network of `count` layers, for up to `images` images at a time.
    pub(crate) fn new(
        isa: Isa,
        shape: &LayerShape,
        table: &ParameterTable,
        [number, count]: [usize; 2],
        images: usize,
    ) -> Self {
        let LayerShape { geometry, direction, c_in, c_out, activation, .. } = *shape;
        let place = match number {
            0 => Place::First,
            _ if number + 1 == count => Place::Last,
            _ => Place::Inner,
        };
        let plain = |direction, c_in, c_out| Gather::new(isa, &geometry, direction, c_in, c_out, images);
        let patch_len = |channels| geometry.taps() * channels;
        let pointwise = elbo_kernels::Geometry::pointwise(geometry.small);
        let (forward, backward, gradient, patches) = match place {
            Place::First => (
                Gather::over_patches(isa, &geometry, c_in, c_out, images),
                None,
                WeightGradient::new(isa, &pointwise, Direction::Down, patch_len(c_in), c_out, images),
                Some(Patches::new(&geometry, c_in)),
            ),
            Place::Inner => (
                plain(direction, c_in, c_out),
                Some(plain(direction.reversed(), c_out, c_in)),
                WeightGradient::new(isa, &geometry, direction, c_in, c_out, images),
                None,
            ),
            // Rows and columns of the weight gradient change places: few of them are the logits' channels.
            Place::Last => (
                plain(direction, c_in, c_out),
                Some(Gather::over_patches(isa, &geometry, c_out, c_in, images)),
                WeightGradient::new(isa, &pointwise, Direction::Down, patch_len(c_out), c_in, images),
                Some(Patches::new(&geometry, c_out)),
            ),
        };
        let (weight, bias) = table.layer(number);
        Self {
            isa,
            place,
            output_len: forward.target_len(),
            forward: Product::new(forward, Operand::Weights),
            backward: backward.map(|gather| Product::new(gather, Operand::Transposed)),
            gradient,
            patches,
            activation,
            bias: vec![0.0; c_out],
            weight_range: weight.range.clone(),
            bias_range: bias.range.clone(),
            taps: geometry.taps(),
            c_in,
            c_out,
        }
    }

    /// Numbers an image that go in: as patches for the first layer.
    pub(crate) fn input_len(&self) -> usize {
        self.forward.gather.source_len()
    }

    /// Whether there is a gradient of its input: there is none of the image.
    pub(crate) fn has_input_gradient(&self) -> bool {
        self.backward.is_some()
    }

    /// Numbers an image that come out.
    pub(crate) fn output_len(&self) -> usize {
        self.output_len
    }

    /// Numbers an image that patches take, of the input of the first layer or the output of the last.
    pub(crate) fn patches_len(&self) -> usize {
        self.patches.as_ref().map_or(0, Patches::target_len)
    }

    /// Takes its own out of all parameters; with `backward`, for the way back too.
    pub(crate) fn pack(&mut self, parameters: &[f32], backward: bool) {
        let weights = &parameters[self.weight_range.clone()];
        self.bias.copy_from_slice(&parameters[self.bias_range.clone()]);
        self.forward.pack(weights);
        if backward && let Some(product) = &mut self.backward {
            product.pack(weights);
        }
    }

    /// Lays the image out in patches, for [`Layer::forward`] of the first layer.
    pub(crate) fn lay_out(&self, images: usize, x: &[f32], patches: &mut [f32]) {
        if let Some(plan) = &self.patches {
            plan.run(images, x, patches);
        }
    }

    /// Its output `y` for its input `x`, which is patches for the first layer.
    pub(crate) fn forward(&self, images: usize, x: &[f32], y: &mut [f32]) {
        let epilogue = match self.activation {
            Activation::Relu => Epilogue::BiasRelu(&self.bias),
            Activation::None => Epilogue::Bias(&self.bias),
        };
        self.forward.run(images, x, epilogue, y);
    }

    /// The gradient of its parameters from that of its sum, `dy`.
    ///
    /// `x` is its input, in patches for the first layer; `patches` are those of `dy` for the last layer, else not read.
    pub(crate) fn weight_gradient(
        &self,
        images: usize,
        x: &[f32],
        dy: &[f32],
        patches: &[f32],
        gradient: &mut GradientSink<'_>,
    ) {
        let bias = &mut gradient.values[self.bias_range.clone()];
        if gradient.accumulate == Accumulate::No {
            bias.fill(0.0);
        }
        add_column_sums(self.isa, &dy[..images * self.output_len], bias);
        let weights = &mut gradient.values[self.weight_range.clone()];
        match self.place {
            Place::First | Place::Inner => self.gradient.run(images, x, dy, gradient.accumulate, weights),
            // With one channel `[taps, C_out, C_in]` is `[taps, C_in, C_out]`.
            Place::Last if self.c_out == 1 => self.gradient.run(images, patches, x, gradient.accumulate, weights),
            Place::Last => {
                let turn = |weights: &mut [f32], from: [usize; 2]| transpose_taps(weights, self.taps, from);
                if gradient.accumulate == Accumulate::Yes {
                    turn(weights, [self.c_in, self.c_out]);
                }
                self.gradient.run(images, patches, x, gradient.accumulate, weights);
                turn(weights, [self.c_out, self.c_in]);
            }
        }
    }

    /// The gradient `dx` of its input from that of its sum: `dy`, or patches of it for the last layer. With `gate`,
    /// the input itself, the gradient goes on through the `ReLU` that made the input.
    ///
    /// The first layer has none.
    pub(crate) fn input_gradient(&self, images: usize, dy: &[f32], gate: Option<&[f32]>, dx: &mut [f32]) {
        if let Some(product) = &self.backward {
            product.run(images, dy, gate.map_or(Epilogue::Store, Epilogue::WherePositive), dx);
        }
    }
}

/// Turns each tap's `rows x columns` matrix over, in place: at most a few hundred numbers.
fn transpose_taps(weights: &mut [f32], taps: usize, [rows, columns]: [usize; 2]) {
    let mut tap = vec![0.0; rows * columns];
    for weights in weights.chunks_exact_mut(rows * columns).take(taps) {
        tap.copy_from_slice(weights);
        for row in 0..rows {
            for column in 0..columns {
                weights[column * rows + row] = tap[row * columns + column];
            }
        }
    }
}
