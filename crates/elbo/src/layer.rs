//! One layer with its weights laid out for the kernels: forward, and backward to its input and its parameters.

use crate::architecture::{Activation, LayerShape};
use crate::class_weight::ClassWeight;
use crate::gradient_layout::GradientLayout;
use crate::parameters::ParameterTable;
use crate::patched::{Block, PATCHES, Patched};
use crate::product::{GradientPlan, InputGradient, Plan, Product, both_gradients};
use elbo_kernels::{Epilogue, Gather, Isa, Operand, add_column_sums};
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
    /// [`DenseGradient`](crate::dense_gradient::DenseGradient).
    Dense {
        forward: Product,
        backward: Product,
    },
    /// Writes the logits; their gradient goes back through patches of it.
    Last {
        forward: Product,
        patched: Patched,
        backward: Product,
    },
}

/// One layer of the network.
#[derive(Debug)]
pub(crate) struct Layer {
    isa: Isa,
    group: usize,
    products: Products,
    activation: Activation,
    bias: Vec<f32>,
    class_weight: Option<ClassWeight>,
    /// Among all parameters.
    weight_range: Range<usize>,
    bias_range: Range<usize>,
    /// Among the gradients of a chunk; the first is empty for a dense layer.
    weight_gradient: Range<usize>,
    bias_gradient: Range<usize>,
    c_in: usize,
    c_out: usize,
    input_len: usize,
    output_len: usize,
}

impl Layer {
    /// Layer number `number` of a network of `count` layers, which goes through up to `most` images at a time.
    pub(crate) fn new(
        isa: Isa,
        shape: &LayerShape,
        table: &ParameterTable,
        layout: &GradientLayout,
        [number, count]: [usize; 2],
        most: usize,
    ) -> Self {
        let LayerShape { geometry, direction, c_in, c_out, activation, .. } = *shape;
        let images = GROUP_PIXELS.div_ceil(geometry.small_pixels()).min(most);
        let plan = |direction, c_in, c_out| Plan::new(isa, &geometry, direction, [c_in, c_out], images);
        let forward = || Product::new(plan(direction, c_in, c_out), Operand::Weights);
        let backward = || Product::new(plan(direction.reversed(), c_out, c_in), Operand::Transposed);
        let over_patches = |channels, others, operand| {
            Product::new(Plan::Direct(Gather::over_patches(isa, &geometry, channels, others, PATCHES)), operand)
        };
        let products = match number {
            0 => Products::First {
                patched: Patched::new(isa, &geometry, c_in, c_out),
                forward: over_patches(c_in, c_out, Operand::Weights),
            },
            _ if number + 1 == count => Products::Last {
                forward: forward(),
                // Rows and columns of the weight gradient change places: few of them are the logits' channels.
                patched: Patched::new(isa, &geometry, c_out, c_in),
                backward: over_patches(c_out, c_in, Operand::Transposed),
            },
            _ if shape.is_dense() => Products::Dense { forward: forward(), backward: backward() },
            _ => Products::Inner {
                forward: forward(),
                backward: backward(),
                gradient: GradientPlan::new(isa, &geometry, direction, [c_in, c_out], images),
            },
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
            group: images,
            products,
            activation,
            bias: vec![0.0; c_out],
            class_weight: class_weight.map(|weight| {
                ClassWeight::new(weight.range.clone(), layout.of_chunk(weight.range.clone()), output_len)
            }),
            weight_range: weight.range.clone(),
            bias_range: bias.range.clone(),
            weight_gradient: layout.of_chunk(weight.range.clone()),
            bias_gradient: layout.of_chunk(bias.range.clone()),
            c_in,
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
            Products::Last { forward, patched, .. } => {
                forward.scratch_len().max(self.c_in * self.c_out + patched.scratch_len())
            }
        }
    }

    /// Whether there is a gradient of its input: there is none of the image.
    pub(crate) fn has_input_gradient(&self) -> bool {
        !matches!(self.products, Products::First { .. })
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
            Products::Inner { forward, backward, .. }
            | Products::Dense { forward, backward }
            | Products::Last { forward, backward, .. } => {
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
                    *y = y.max(0.0);
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

    /// Adds the gradients of its weights and its bias to `gradient`, and writes that of its input `x`, from that of its sum,
    /// `dy`.
    ///
    /// The gradient of a dense layer's weights is left out. The first layer has none of its input.
    pub(crate) fn backward(
        &self,
        images: usize,
        x: &[f32],
        dy: &[f32],
        input: InputGradient<'_>,
        gradient: &mut [f32],
        scratch: &mut [f32],
    ) {
        match &self.products {
            // In one go, so that each block's patches are laid out once.
            Products::Last { backward, .. } => {
                self.bias_gradient(images, dy, gradient);
                self.last_weight_gradient(images, x, dy, gradient, scratch, |block| {
                    self.run_block(backward, &block, &mut *input.dx, input.epilogue);
                });
            }
            Products::Inner { backward, gradient: plan, .. } => {
                self.bias_gradient(images, dy, gradient);
                let dw = &mut gradient[self.weight_gradient.clone()];
                both_gradients((plan, backward), images, x, dy, dw, input, scratch);
            }
            Products::First { .. } | Products::Dense { .. } => {
                self.weight_gradient(images, x, dy, gradient, scratch);
                self.input_gradient(images, dy, input, scratch);
            }
        }
    }

    /// Adds the gradient of its weights and bias, from that of its sum, `dy`; of a dense layer, of its bias alone.
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
            Products::Dense { .. } => {}
            Products::Last { .. } => {
                self.last_weight_gradient(images, x, dy, gradient, scratch, |_| {});
            }
        }
    }

    /// Adds the gradient of the last layer's weights, from that of the logits, `dy`; `and_then` has each block afterwards.
    fn last_weight_gradient(
        &self,
        images: usize,
        x: &[f32],
        dy: &[f32],
        gradient: &mut [f32],
        scratch: &mut [f32],
        mut and_then: impl FnMut(Block<'_>),
    ) {
        let Products::Last { patched, .. } = &self.products else { return };
        let weights = &mut gradient[self.weight_gradient.clone()];
        let (tap, scratch) = scratch.split_at_mut(self.c_in * self.c_out);
        transpose_taps(weights, [self.c_in, self.c_out], tap);
        patched.each_block(images, dy, scratch, |block| {
            patched.add_weight_gradient(&block, x, weights);
            and_then(block);
        });
        transpose_taps(weights, [self.c_out, self.c_in], tap);
    }

    fn bias_gradient(&self, images: usize, dy: &[f32], gradient: &mut [f32]) {
        add_column_sums(self.isa, &dy[..images * self.output_len], &mut gradient[self.bias_gradient.clone()]);
    }

    /// The gradient of its input from that of its sum, `dy`. The first layer has none.
    pub(crate) fn input_gradient(&self, images: usize, dy: &[f32], input: InputGradient<'_>, scratch: &mut [f32]) {
        let InputGradient { dx, epilogue } = input;
        match &self.products {
            Products::First { .. } => {}
            Products::Inner { backward, .. } | Products::Dense { backward, .. } => {
                backward.run(images, dy, epilogue, dx, scratch);
            }
            Products::Last { patched, backward, .. } => patched.each_block(images, dy, scratch, |block| {
                self.run_block(backward, &block, dx, epilogue);
            }),
        }
    }

    /// The gradient of the last layer's input at the pixels of a block.
    fn run_block(&self, backward: &Product, block: &Block<'_>, dx: &mut [f32], epilogue: Epilogue<'_>) {
        let first = block.first * self.c_in;
        backward.run(block.pixels, block.patches, epilogue.from(first), &mut dx[first..], &mut []);
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

/// Turns each tap's `rows x columns` matrix over, in place; `tap` has room for one.
fn transpose_taps(weights: &mut [f32], [rows, columns]: [usize; 2], tap: &mut [f32]) {
    if rows == 1 || columns == 1 {
        return;
    }
    for weights in weights.chunks_exact_mut(rows * columns) {
        tap.copy_from_slice(weights);
        for row in 0..rows {
            for column in 0..columns {
                weights[column * rows + row] = tap[row * columns + column];
            }
        }
    }
}
