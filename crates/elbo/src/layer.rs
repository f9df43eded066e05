//! One layer with its weights laid out for the kernels: forward, and backward to its input and its parameters.

use crate::architecture::{Activation, LayerShape};
use crate::class_weight::ClassWeight;
use crate::parameters::ParameterTable;
use crate::product::{GradientPlan, Plan, Product};
use elbo_kernels::{
    Accumulate, Direction, Epilogue, Gather, Geometry, Isa, Operand, Patches, WeightGradient, add_column_sums,
};
use std::ops::Range;

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
    gradient: GradientPlan,
    patches: Option<Patches>,
    activation: Activation,
    bias: Vec<f32>,
    class_weight: Option<ClassWeight>,
    weight_range: Range<usize>,
    bias_range: Range<usize>,
    c_in: usize,
    c_out: usize,
    input_len: usize,
    output_len: usize,
}

/// A gradient of all parameters, and whether it is to be replaced or added to.
pub(crate) struct GradientSink<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) accumulate: Accumulate,
}

impl GradientSink<'_> {
    /// Puts or adds these numbers from parameter number `start` on.
    pub(crate) fn add(&mut self, start: usize, numbers: &[f32]) {
        let values = &mut self.values[start..start + numbers.len()];
        match self.accumulate {
            Accumulate::No => values.copy_from_slice(numbers),
            Accumulate::Yes => values.iter_mut().zip(numbers).for_each(|(value, number)| *value += number),
        }
    }
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
        let inner = |direction, c_in, c_out| Plan::new(isa, &geometry, direction, [c_in, c_out], images);
        let over_patches = |c_in, c_out| Plan::Direct(Gather::over_patches(isa, &geometry, c_in, c_out, images));
        let patch_len = |channels| geometry.taps() * channels;
        // Of patches, which make the layer pointwise, with so many channels a tap.
        let patch_gradient = |channels, others| {
            let pointwise = Geometry::pointwise(geometry.small);
            let channels = patch_len(channels);
            GradientPlan::Direct(WeightGradient::new(isa, &pointwise, Direction::Down, channels, others, images))
        };
        let (forward, backward, gradient, patches) = match place {
            Place::First => (over_patches(c_in, c_out), None, patch_gradient(c_in, c_out), Some(c_in)),
            Place::Inner => (
                inner(direction, c_in, c_out),
                Some(inner(direction.reversed(), c_out, c_in)),
                GradientPlan::new(isa, &geometry, direction, [c_in, c_out], images),
                None,
            ),
            // Rows and columns of the weight gradient change places: few of them are the logits' channels.
            Place::Last => (
                inner(direction, c_in, c_out),
                Some(over_patches(c_out, c_in)),
                patch_gradient(c_out, c_in),
                Some(c_out),
            ),
        };
        let (weight, bias) = table.layer(number);
        let output_len = geometry.target_pixels(direction) * c_out;
        let class_weight = match shape.name.as_str() {
            "encoder.head" => table.class_weight("encoder"),
            "decoder.project" => table.class_weight("decoder"),
            _ => None,
        };
        Self {
            isa,
            place,
            input_len: match place {
                Place::First => geometry.small_pixels() * patch_len(c_in),
                _ => geometry.source_pixels(direction) * c_in,
            },
            output_len,
            class_weight: class_weight.map(|weight| ClassWeight::new(weight.range.clone(), output_len)),
            forward: Product::new(forward, Operand::Weights),
            backward: backward.map(|plan| Product::new(plan, Operand::Transposed)),
            gradient,
            patches: patches.map(|channels| Patches::new(&geometry, channels)),
            activation,
            bias: vec![0.0; c_out],
            weight_range: weight.range.clone(),
            bias_range: bias.range.clone(),
            c_in,
            c_out,
        }
    }

    /// Numbers an image that go in: as patches for the first layer.
    pub(crate) fn input_len(&self) -> usize {
        self.input_len
    }

    /// Numbers that its work needs as scratch.
    pub(crate) fn scratch_len(&self) -> usize {
        let products = [self.forward.scratch_len(), self.backward.as_ref().map_or(0, Product::scratch_len)];
        let turned = if self.place == Place::Last { self.c_in * self.c_out } else { 0 };
        products.into_iter().max().unwrap_or(0).max(turned + self.gradient.scratch_len())
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
        if let Some(weight) = &mut self.class_weight {
            weight.pack(parameters);
        }
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

    /// Its output `y` for its input `x`, which is patches for the first layer; `classes` are those of the images if the
    /// network is conditional, else not read.
    pub(crate) fn forward(&self, images: usize, x: &[f32], classes: &[u16], y: &mut [f32], scratch: &mut [f32]) {
        if let Some(weight) = &self.class_weight {
            self.forward.run(images, x, Epilogue::Bias(&self.bias), y, scratch);
            let y = &mut y[..images * self.output_len];
            weight.add(classes, y);
            if self.activation == Activation::Relu {
                for y in y {
                    *y = y.max(0.0);
                }
            }
            return;
        }
        let epilogue = match self.activation {
            Activation::Relu => Epilogue::BiasRelu(&self.bias),
            Activation::None => Epilogue::Bias(&self.bias),
        };
        self.forward.run(images, x, epilogue, y, scratch);
    }

    /// The gradient of the rows of the classes, where it has them, from that of its sum, `dy`.
    pub(crate) fn class_gradient(&self, images: usize, classes: &[u16], dy: &[f32], gradient: &mut GradientSink<'_>) {
        if let Some(weight) = &self.class_weight {
            weight.gradient(&classes[..images], &dy[..images * self.output_len], gradient);
        }
    }

    /// The gradient of its weights and bias from that of its sum, `dy`.
    ///
    /// `x` is its input, in patches for the first layer; `patches` are those of `dy` for the last layer, else not read.
    pub(crate) fn weight_gradient(
        &self,
        images: usize,
        x: &[f32],
        dy: &[f32],
        patches: &[f32],
        gradient: &mut GradientSink<'_>,
        scratch: &mut [f32],
    ) {
        let bias = &mut gradient.values[self.bias_range.clone()];
        if gradient.accumulate == Accumulate::No {
            bias.fill(0.0);
        }
        add_column_sums(self.isa, &dy[..images * self.output_len], bias);
        let weights = &mut gradient.values[self.weight_range.clone()];
        match self.place {
            Place::First | Place::Inner => self.gradient.run(images, x, dy, gradient.accumulate, weights, scratch),
            // With one channel `[taps, C_out, C_in]` is `[taps, C_in, C_out]`.
            Place::Last if self.c_out == 1 => {
                self.gradient.run(images, patches, x, gradient.accumulate, weights, scratch);
            }
            Place::Last => {
                let (tap, scratch) = scratch.split_at_mut(self.c_in * self.c_out);
                if gradient.accumulate == Accumulate::Yes {
                    transpose_taps(weights, [self.c_in, self.c_out], tap);
                }
                self.gradient.run(images, patches, x, gradient.accumulate, weights, scratch);
                transpose_taps(weights, [self.c_out, self.c_in], tap);
            }
        }
    }

    /// The gradient `dx` of its input from that of its sum: `dy`, or patches of it for the last layer. With `gate`,
    /// the input itself, the gradient goes on through the `ReLU` that made the input.
    ///
    /// The first layer has none.
    pub(crate) fn input_gradient(
        &self,
        images: usize,
        dy: &[f32],
        gate: Option<&[f32]>,
        dx: &mut [f32],
        scratch: &mut [f32],
    ) {
        if let Some(product) = &self.backward {
            product.run(images, dy, gate.map_or(Epilogue::Store, Epilogue::WherePositive), dx, scratch);
        }
    }
}

/// Turns each tap's `rows x columns` matrix over, in place; `tap` has room for one.
fn transpose_taps(weights: &mut [f32], [rows, columns]: [usize; 2], tap: &mut [f32]) {
    for weights in weights.chunks_exact_mut(rows * columns) {
        tap.copy_from_slice(weights);
        for row in 0..rows {
            for column in 0..columns {
                weights[column * rows + row] = tap[row * columns + column];
            }
        }
    }
}
