//! One layer with its weights laid out for the kernels: forward, and backward to its input and its parameters.

use super::class_weight::ClassWeight;
use super::gradient_layout::GradientLayout;
use super::patched::{PATCHES, Patched};
use super::product::{GradientPlan, Plan, Product, both_gradients};
use crate::network::architecture::{Activation, LayerShape, Role};
use crate::network::parameters::ParameterTable;
use elbo_kernels::{Buffer, Epilogue, Gather, ImageGradients, ImageGradientsOf, Isa, Operand, add_column_sums};
use std::ops::Range;

/// Pixels of a layer's smaller side that are gone through together, if one image has not as many: enough to fill tiles
/// of registers, no more than stay in the second-level cache. It depends on the network alone, so that results do not
/// depend on the machine.
const GROUP_PIXELS: usize = 784;

/// How a layer's products are made.
#[derive(Debug)]
enum Products {
    /// Reads the image, through patches of it; nothing asks for the gradient of the image.
    First {
        patched: Patched,
        forward: Product,
    },
    Inner {
        forward: Product,
        backward: Product,
        gradient: GradientPlan,
    },
    /// Most of a network's weights: their gradient is made for a whole batch at once, by
    /// [`DenseGradient`](super::dense_gradient::DenseGradient).
    Dense {
        forward: Product,
        backward: Product,
    },
    /// Writes the logits.
    Last {
        forward: Product,
        gradients: ImageGradients,
        packed: Buffer,
    },
}

/// One layer of the network.
#[derive(Debug)]
pub(crate) struct Layer {
    isa: Isa,
    group: usize,
    products: Products,
    input_activation: Activation,
    activation: Activation,
    bias: Vec<f32>,
    class_weight: Option<ClassWeight>,
    /// Among all parameters.
    weight_range: Range<usize>,
    bias_range: Range<usize>,
    /// Among the gradients of a chunk; the first is empty for a dense layer.
    weight_gradient: Range<usize>,
    bias_gradient: Range<usize>,
    c_out: usize,
    input_len: usize,
    output_len: usize,
}

impl Layer {
    /// Layer number `number` of a network that goes through up to `most` images at a time.
    pub(crate) fn new(
        isa: Isa,
        shape: &LayerShape,
        table: &ParameterTable,
        layout: &GradientLayout,
        number: usize,
        most: usize,
    ) -> Self {
        let LayerShape { role, geometry, direction, c_in, c_out, input_activation, activation, .. } = *shape;
        let images = GROUP_PIXELS.div_ceil(geometry.small_pixels()).min(most);
        let plan = |direction, c_in, c_out| Plan::new(isa, &geometry, direction, [c_in, c_out], images);
        let forward = || Product::new(plan(direction, c_in, c_out), Operand::Weights);
        let backward = || Product::new(plan(direction.reversed(), c_out, c_in), Operand::Transposed);
        let products = match role {
            Role::Image => Products::First {
                patched: Patched::new(isa, &geometry, c_in, c_out),
                forward: Product::new(
                    Plan::Direct(Gather::over_patches(isa, &geometry, c_in, c_out, PATCHES)),
                    Operand::Weights,
                ),
            },
            Role::Logits => {
                let gradients = ImageGradients::new(isa, &geometry, [c_in, c_out]);
                Products::Last { forward: forward(), packed: Buffer::zeros(gradients.packed_len()), gradients }
            }
            Role::Head | Role::Projection => Products::Dense { forward: forward(), backward: backward() },
            Role::Stage => Products::Inner {
                forward: forward(),
                backward: backward(),
                gradient: GradientPlan::new(isa, &geometry, direction, [c_in, c_out], images),
            },
        };
        let (weight, bias) = table.layer(number);
        let output_len = geometry.target_pixels(direction) * c_out;
        Self {
            isa,
            group: images,
            products,
            input_activation,
            activation,
            bias: vec![0.0; c_out],
            class_weight: table.class_rows(role).map(|weight| {
                ClassWeight::new(weight.range.clone(), layout.of_chunk(weight.range.clone()), output_len)
            }),
            weight_range: weight.range.clone(),
            bias_range: bias.range.clone(),
            weight_gradient: layout.of_chunk(weight.range.clone()),
            bias_gradient: layout.of_chunk(bias.range.clone()),
            c_out,
            input_len: geometry.source_pixels(direction) * c_in,
            output_len,
        }
    }

    /// How many images it takes at a time.
    pub(crate) fn group(&self) -> usize {
        self.group
    }

    /// Numbers an image that go in.
    pub(crate) fn input_len(&self) -> usize {
        self.input_len
    }

    /// Numbers an image that come out.
    pub(crate) fn output_len(&self) -> usize {
        self.output_len
    }

    /// Numbers that its work needs as scratch.
    pub(crate) fn scratch_len(&self) -> usize {
        match &self.products {
            Products::First { patched, .. } => patched.scratch_len(),
            Products::Inner { forward, backward, gradient } => {
                forward.scratch_len().max(backward.scratch_len()).max(gradient.scratch_len())
            }
            Products::Dense { .. } => 0,
            Products::Last { forward, gradients, .. } => forward.scratch_len().max(gradients.scratch_len()),
        }
    }

    /// Whether there is a gradient of its input: there is none of the image.
    pub(crate) fn has_input_gradient(&self) -> bool {
        !matches!(self.products, Products::First { .. })
    }

    /// Whether [`Layer::backward`] makes the gradients of its weights and of its input in one go, and nothing else makes
    /// them.
    pub(crate) fn makes_gradients_together(&self) -> bool {
        matches!(self.products, Products::Last { .. })
    }

    /// Takes its own out of all parameters; with `backward`, for the way back too.
    pub(crate) fn pack(&mut self, parameters: &[f32], with_backward: bool) {
        let weights = &parameters[self.weight_range.clone()];
        self.bias.copy_from_slice(&parameters[self.bias_range.clone()]);
        if let Some(weight) = &mut self.class_weight {
            weight.pack(parameters);
        }
        match &mut self.products {
            Products::First { forward, .. } => forward.pack(weights),
            Products::Last { forward, gradients, packed } => {
                forward.pack(weights);
                if with_backward {
                    gradients.pack(weights, packed);
                }
            }
            Products::Inner { forward, backward, .. } | Products::Dense { forward, backward } => {
                rayon::join(
                    || forward.pack(weights),
                    || {
                        if with_backward {
                            backward.pack(weights);
                        }
                    },
                );
            }
        }
    }

    /// Its output `y` for its input `x`; `classes` are those of the images if the network is conditional, else not read.
    pub(crate) fn forward(&self, images: usize, x: &[f32], classes: &[u16], y: &mut [f32], scratch: &mut [f32]) {
        let epilogue = match self.activation {
            Activation::Relu if self.class_weight.is_none() => Epilogue::BiasRelu(&self.bias),
            _ => Epilogue::Bias(&self.bias),
        };
        match &self.products {
            Products::First { patched, forward } => patched.each_block(images, x, scratch, |block| {
                forward.run(block.pixels, block.patches, epilogue, &mut y[block.first * self.c_out..], &mut []);
            }),
            Products::Inner { forward, .. } | Products::Dense { forward, .. } | Products::Last { forward, .. } => {
                forward.run(images, x, epilogue, y, scratch);
            }
        }
        if let Some(weight) = &self.class_weight {
            let y = &mut y[..images * self.output_len];
            weight.add(classes, y);
            if self.activation == Activation::Relu {
                for y in y {
                    // Not `f32::max`, which would turn NaN into zero.
                    *y = if *y < 0.0 { 0.0 } else { *y };
                }
            }
        }
    }

    /// Adds the gradient of the rows of the classes, where it has them, from that of its sum, `dy`.
    pub(crate) fn class_gradient(&self, images: usize, classes: &[u16], dy: &[f32], gradient: &mut [f32]) {
        if let Some(weight) = &self.class_weight {
            weight.gradient(&classes[..images], &dy[..images * self.output_len], gradient);
        }
    }

    /// What is done to the gradient of its input `x` before it is written: back through the activation that `x` came from.
    fn through_input<'a>(&self, x: &'a [f32]) -> Epilogue<'a> {
        match self.input_activation {
            Activation::Relu => Epilogue::WherePositive(x),
            Activation::None => Epilogue::Store,
        }
    }

    /// Adds the gradients of its weights and its bias to `gradient`, and writes `dx`, that of the sums that its input `x` was
    /// made of, from that of its own sums, `dy`.
    ///
    /// The gradient of a dense layer's weights is left out. The first layer has none of its input.
    pub(crate) fn backward(
        &self,
        images: usize,
        x: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        gradient: &mut [f32],
        scratch: &mut [f32],
    ) {
        match &self.products {
            Products::Last { gradients, packed, .. } => {
                self.bias_gradient(images, dy, gradient);
                let x_is_relu = self.input_activation == Activation::Relu;
                let dw = &mut gradient[self.weight_gradient.clone()];
                gradients.run(images, ImageGradientsOf { x, x_is_relu, dy, packed, dx, dw }, scratch);
            }
            Products::Inner { backward, gradient: plan, .. } => {
                self.bias_gradient(images, dy, gradient);
                let dw = &mut gradient[self.weight_gradient.clone()];
                both_gradients((plan, backward), images, x, dy, dw, (dx, self.through_input(x)), scratch);
            }
            Products::First { .. } | Products::Dense { .. } => {
                self.weight_gradient(images, x, dy, gradient, scratch);
                self.input_gradient(images, x, dy, dx, scratch);
            }
        }
    }

    /// Adds the gradient of its weights and bias, from that of its sum, `dy`; of a dense layer or the last, of its bias
    /// alone.
    pub(crate) fn weight_gradient(
        &self,
        images: usize,
        x: &[f32],
        dy: &[f32],
        gradient: &mut [f32],
        scratch: &mut [f32],
    ) {
        self.bias_gradient(images, dy, gradient);
        let weights = &mut gradient[self.weight_gradient.clone()];
        match &self.products {
            Products::First { patched, .. } => patched.each_block(images, x, scratch, |block| {
                patched.add_weight_gradient(&block, dy, weights);
            }),
            Products::Inner { gradient, .. } => gradient.run(images, x, dy, weights, scratch),
            Products::Dense { .. } | Products::Last { .. } => {}
        }
    }

    fn bias_gradient(&self, images: usize, dy: &[f32], gradient: &mut [f32]) {
        add_column_sums(self.isa, &dy[..images * self.output_len], &mut gradient[self.bias_gradient.clone()]);
    }

    /// `dx`, the gradient of the sums that its input `x` was made of, from that of its own, `dy`. The first layer has none,
    /// the last [makes it](Layer::makes_gradients_together) with that of its weights.
    pub(crate) fn input_gradient(&self, images: usize, x: &[f32], dy: &[f32], dx: &mut [f32], scratch: &mut [f32]) {
        match &self.products {
            Products::First { .. } | Products::Last { .. } => {}
            Products::Inner { backward, .. } | Products::Dense { backward, .. } => {
                backward.run(images, dy, self.through_input(x), dx, scratch);
            }
        }
    }
}

/// Images `first..first + images` in groups of a layer, of nearly equal length: where each begins, and its length.
pub(crate) fn groups(layer: &Layer, [first, images]: [usize; 2]) -> impl Iterator<Item = (usize, usize)> + use<> {
    let count = images.div_ceil(layer.group);
    (0..count).map(move |group| {
        let (start, end) = (group * images / count, (group + 1) * images / count);
        (first + start, end - start)
    })
}
