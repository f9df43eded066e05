//! The two graphs of a network: one encodes, one decodes.
//!
//! Images are `[N, H, W, C]` as everywhere here; within, they are `[N, C, H, W]`, as ONNX has them. All that a version of ONNX
//! may fill in by itself, and runtimes read in different ways, is written out.

use super::super::description::paddings;
use super::super::layout::Foreign;
use super::super::scale::Scale;
use super::graph::{Graph, Setting};
use super::proto::{FLOAT, GraphProto, INT64};
use crate::files::Model;
use crate::network::architecture::{Activation, Architecture, LayerShape, Role};
use crate::network::likelihood::Likelihood;
use Setting::{One, Several};
use elbo_kernels::Direction;

/// From `[N, H, W, C]` to `[N, C, H, W]`, and back.
const TO_PLANES: [usize; 4] = [0, 3, 1, 2];
const TO_PIXELS: [usize; 4] = [0, 2, 3, 1];

/// A model that becomes graphs.
pub(super) struct Network<'a> {
    pub(super) model: &'a Model,
    pub(super) scale: Scale,
    pub(super) tensors: &'a [Foreign],
}

impl Network<'_> {
    fn architecture(&self) -> &Architecture {
        &self.model.card.architecture
    }

    /// `image` (and `class`) to `mean` and `logvar`.
    pub(super) fn encoder(&self) -> GraphProto {
        let architecture = self.architecture();
        let mut graph = Graph::new("encoder");
        let image = architecture.image();
        let drawn = if self.model.card.recipe.binarize.is_some() { ", each number drawn one of the two" } else { "" };
        let meaning = format!("images, from {} (black) to {} (white){drawn}", self.scale.low, self.scale.high);
        let mut x = graph.input("image", FLOAT, &[image.height, image.width, image.channels], &meaning);
        let class = self.class(&mut graph);
        x = self.to_unit(&mut graph, x);
        x = graph.node("encoder.planes", "Transpose", &[&x], &[("perm", Several(&TO_PLANES))]);
        for layer in architecture.layers().iter().take_while(|layer| layer.role != Role::Projection) {
            if layer.role == Role::Head {
                x = graph.node("encoder.pixels", "Transpose", &[&x], &[("perm", Several(&TO_PIXELS))]);
                x = graph.node("encoder.row", "Flatten", &[&x], &[("axis", One(1))]);
            }
            x = self.layer(&mut graph, layer, &x, class.as_deref());
        }
        let dim = architecture.latent_dim();
        let halves = graph.integers("encoder.halves", &[dim as i64; 2]);
        let outputs = ["mean", "logvar"];
        graph.node_with_outputs("encoder.split", "Split", &[&x, &halves], &outputs, &[("axis", One(1))]);
        graph.output("mean", &[dim], "means of the latent distributions, which are the codes of the images");
        graph.output("logvar", &[dim], "logarithms of their variances");
        graph.finish()
    }

    /// `z` (and `class`) to `image`.
    pub(super) fn decoder(&self) -> GraphProto {
        let architecture = self.architecture();
        let mut graph = Graph::new("decoder");
        let dim = architecture.latent_dim();
        let mut x = graph.input("z", FLOAT, &[dim], "latent vectors; those of new images are drawn from the prior");
        let class = self.class(&mut graph);
        let pixel = graph.integers("decoder.pixel_shape", &[-1, dim as i64, 1, 1]);
        x = graph.node("decoder.pixel", "Reshape", &[&x, &pixel], &[]);
        for layer in architecture.layers().iter().skip_while(|layer| layer.role != Role::Projection) {
            x = self.layer(&mut graph, layer, &x, class.as_deref());
        }
        x = match architecture.likelihood() {
            Likelihood::ContinuousBernoulli => continuous_bernoulli_mean(&mut graph, &x),
            Likelihood::Gaussian | Likelihood::SigmaGaussian | Likelihood::Bernoulli => {
                graph.node("decoder.mean", "Sigmoid", &[&x], &[])
            }
        };
        let Scale { low, high, is_unit } = self.scale;
        let last = if is_unit { "image" } else { "decoder.unit" };
        x = graph.node(last, "Transpose", &[&x], &[("perm", Several(&TO_PIXELS))]);
        if !is_unit {
            let width = graph.float("decoder.width", high - low);
            let black = graph.float("decoder.black", low);
            x = graph.node("decoder.scaled", "Mul", &[&x, &width], &[]);
            graph.node("image", "Add", &[&x, &black], &[]);
        }
        let image = architecture.image();
        let meaning = format!("the mean of each pixel, from {low} (black) to {high} (white)");
        graph.output("image", &[image.height, image.width, image.channels], &meaning);
        graph.finish()
    }

    /// The input of a conditional network that says the class of each image.
    fn class(&self, graph: &mut Graph) -> Option<String> {
        let classes = self.architecture().classes();
        let meaning = format!("the class of each image, from 0 to {}", classes.saturating_sub(1));
        (classes > 0).then(|| graph.input("class", INT64, &[], &meaning))
    }

    /// Images in the numbers of files become the network's own.
    fn to_unit(&self, graph: &mut Graph, image: String) -> String {
        let Scale { low, high, is_unit } = self.scale;
        if is_unit {
            return image;
        }
        let (black, width) = (graph.float("encoder.black", low), graph.float("encoder.width", high - low));
        let (zero, one) = (graph.float("encoder.zero", 0.0), graph.float("encoder.one", 1.0));
        let x = graph.node("encoder.above_black", "Sub", &[&image, &black], &[]);
        let x = graph.node("encoder.unit", "Div", &[&x, &width], &[]);
        graph.node("encoder.cut", "Clip", &[&x, &zero, &one], &[])
    }

    /// A layer, with the rows that a conditional network adds to its sums.
    fn layer(&self, graph: &mut Graph, layer: &LayerShape, x: &str, class: Option<&str>) -> String {
        let name = &layer.name;
        let weight = self.weights(graph, &format!("{name}.weight"));
        let bias = self.weights(graph, &format!("{name}.bias"));
        let inputs = [x, &weight, &bias];
        let mut y = if layer.role == Role::Head {
            graph.node(name, "Gemm", &inputs, &[("transB", One(1))])
        } else {
            // A single pixel has no neighbours to step over.
            let stride = if layer.role == Role::Projection { [1; 2] } else { layer.geometry.stride };
            let pads = paddings(layer);
            let mut settings = vec![
                ("kernel_shape", Several(&layer.geometry.kernel)),
                ("strides", Several(&stride)),
                ("pads", Several(&pads)),
                ("dilations", Several(&[1, 1])),
                ("group", One(1)),
            ];
            let operator = if layer.direction == Direction::Up { "ConvTranspose" } else { "Conv" };
            if layer.direction == Direction::Up {
                // What is cut off makes any size; nothing is added.
                settings.push(("output_padding", Several(&[0, 0])));
            }
            graph.node(name, operator, &inputs, &settings)
        };
        if let Some((class, rows)) = class.zip(layer.role.class_rows()) {
            y = self.with_class(graph, layer, &y, class, rows);
        }
        match layer.activation {
            Activation::Relu => graph.node(&format!("{name}.relu"), "Relu", &[&y], &[]),
            Activation::None => y,
        }
    }

    /// Adds to the sums of each image the row of its class. Rows lie as pixels do, `[H, W, C]`.
    fn with_class(&self, graph: &mut Graph, layer: &LayerShape, y: &str, class: &str, rows: &str) -> String {
        let name = &layer.name;
        let rows = self.weights(graph, &rows.replace(".class.", ".classes."));
        let mut row = graph.node(&format!("{name}.class"), "Gather", &[&rows, class], &[("axis", One(0))]);
        if layer.role == Role::Projection {
            let [height, width, channels] = layer.output().map(|side| side as i64);
            let shape = graph.integers(&format!("{name}.class_shape"), &[-1, height, width, channels]);
            row = graph.node(&format!("{name}.class_pixels"), "Reshape", &[&row, &shape], &[]);
            let perm = [("perm", Several(&TO_PLANES[..]))];
            row = graph.node(&format!("{name}.class_planes"), "Transpose", &[&row], &perm);
        }
        graph.node(&format!("{name}.of_class"), "Add", &[y, &row], &[])
    }

    /// Parameters by their name, which every network has that asks for them.
    fn weights(&self, graph: &mut Graph, name: &str) -> String {
        if let Some(tensor) = self.tensors.iter().find(|tensor| tensor.name == name) {
            graph.floats(name, &tensor.shape, &tensor.numbers(&self.model.parameters));
        }
        name.to_owned()
    }
}

/// The mean of a continuous Bernoulli distribution by its logit `x`, `1 / (1 - e^-x) - 1 / x` (Loaiza-Ganem and Cunningham,
/// 2019). As in the network itself it is `1/2 + sign(x) m(|x|)`, where below 1 `m` is Taylor's polynomial: the formula is a
/// difference of two numbers without end where `x` is next to 0.
fn continuous_bernoulli_mean(graph: &mut Graph, logits: &str) -> String {
    /// `m(a) / a` by powers of `a^2`, the highest first; what is left out is below 7e-9 of it for `a` below 1.
    const POWERS: [f32; 5] = [1.0 / 47_900_160.0, -1.0 / 1_209_600.0, 1.0 / 30_240.0, -1.0 / 720.0, 1.0 / 12.0];
    let name = |part: &str| format!("decoder.mean.{part}");
    let (one, half) = (graph.float(&name("one"), 1.0), graph.float(&name("half"), 0.5));
    let a = graph.node(&name("size"), "Abs", &[logits], &[]);
    let square = graph.node(&name("square"), "Mul", &[&a, &a], &[]);
    let mut small = graph.float(&name("power0"), POWERS[0]);
    for (number, power) in POWERS.iter().enumerate().skip(1) {
        let power = graph.float(&name(&format!("power{number}")), *power);
        let product = graph.node(&name(&format!("product{number}")), "Mul", &[&small, &square], &[]);
        small = graph.node(&name(&format!("sum{number}")), "Add", &[&product, &power], &[]);
    }
    let small = graph.node(&name("small"), "Mul", &[&small, &a], &[]);
    // From 1 up, so that nothing is divided by zero.
    let large = graph.node(&name("from_one"), "Max", &[&a, &one], &[]);
    let negative = graph.node(&name("negative"), "Neg", &[&large], &[]);
    let exp = graph.node(&name("exp"), "Exp", &[&negative], &[]);
    let rest = graph.node(&name("rest"), "Sub", &[&one, &exp], &[]);
    let first = graph.node(&name("first"), "Div", &[&one, &rest], &[]);
    let second = graph.node(&name("second"), "Div", &[&one, &large], &[]);
    let difference = graph.node(&name("difference"), "Sub", &[&first, &second], &[]);
    let large = graph.node(&name("large"), "Sub", &[&difference, &half], &[]);
    let is_small = graph.node(&name("is_small"), "Less", &[&a, &one], &[]);
    let chosen = graph.node(&name("chosen"), "Where", &[&is_small, &small, &large], &[]);
    let sign = graph.node(&name("sign"), "Sign", &[logits], &[]);
    let signed = graph.node(&name("signed"), "Mul", &[&sign, &chosen], &[]);
    graph.node("decoder.mean", "Add", &[&signed, &half], &[])
}
