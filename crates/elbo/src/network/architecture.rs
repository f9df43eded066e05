//! The shape of a network: what is free, and what follows from it.

use crate::dataset::ImageShape;
use crate::dataset::shape::{CHANNELS, SIDES};
use crate::network::likelihood::Likelihood;
use elbo_kernels::{Direction, Geometry};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Stride-2 stages that an encoder can have.
pub const STAGES: RangeInclusive<usize> = 1..=5;
/// Channels that a stage can have.
pub const WIDTHS: RangeInclusive<usize> = 1..=4096;
/// Latent dimensions that a network can have.
pub const LATENT_DIMS: RangeInclusive<usize> = 1..=4096;

/// Classes that a conditional network can tell apart; 0 is a network without them.
pub const CLASSES: RangeInclusive<usize> = 0..=256;

/// Gaussians that the mixture can have that a network learns as its prior; 0 is the standard normal.
pub const PRIOR_COMPONENTS: RangeInclusive<usize> = 0..=1024;

/// The most numbers that the activations of one image may take: tables of offsets stay in 31 bits.
const MAX_ACTIVATIONS: usize = 1 << 26;

/// The most parameters: training keeps five numbers for each, 20 GB then.
const MAX_PARAMETERS: usize = 1 << 30;

/// A convolutional variational autoencoder, as a shape.
///
/// The encoder has one 3 x 3 stride-2 "same" convolution with `ReLU` a stage, then a fully connected head for mean
/// and log-variance. The decoder begins with a fully connected layer to the encoder's last size, mirrors the stages
/// with transposed convolutions, and ends in a 3 x 3 stride-1 one to the image's channels, the logits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Architecture {
    image: ImageShape,
    widths: Vec<usize>,
    latent_dim: usize,
    likelihood: Likelihood,
    classes: usize,
    #[serde(skip_serializing_if = "is_zero")]
    prior_components: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// What a file says before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    image: ImageShape,
    widths: Vec<usize>,
    latent_dim: usize,
    #[serde(default)]
    likelihood: Likelihood,
    #[serde(default)]
    classes: usize,
    #[serde(default)]
    prior_components: usize,
}

impl TryFrom<Unchecked> for Architecture {
    type Error = ArchitectureError;
    fn try_from(unchecked: Unchecked) -> Result<Self, ArchitectureError> {
        let Unchecked { image, widths, latent_dim, likelihood, classes, prior_components } = unchecked;
        let architecture = Self::new(image, &widths, latent_dim)?.with_likelihood(likelihood);
        architecture.with_classes(classes)?.with_prior_components(prior_components)
    }
}

/// Why there can be no such network.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchitectureError {
    /// A number is outside its range.
    #[error("{what} must be from {} to {}, not {found}", allowed.start(), allowed.end())]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// The range.
        allowed: RangeInclusive<usize>,
        /// The number.
        found: usize,
    },
    /// All numbers are in range, but together they are too much.
    #[error(
        "a network for {image} images with widths {widths:?} needs {activations} activations per image; the most is {MAX_ACTIVATIONS}"
    )]
    TooLarge {
        /// The images.
        image: ImageShape,
        /// The widths.
        widths: Vec<usize>,
        /// The activations.
        activations: usize,
    },
    /// All numbers are in range, but they make too many parameters.
    #[error(
        "a network for {image} images with widths {widths:?} has {parameters} parameters; the most is {MAX_PARAMETERS}"
    )]
    TooManyParameters {
        /// The images.
        image: ImageShape,
        /// The widths.
        widths: Vec<usize>,
        /// The parameters.
        parameters: usize,
    },
}

/// What a layer does after its sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Activation {
    Relu,
    None,
}

/// What a layer is there for. All that is special about a layer follows from this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// The encoder's first: reads the image, of which nothing asks for the gradient.
    Image,
    /// A convolution or a transposed convolution between two of the network's own activations.
    Stage,
    /// The encoder's last: makes means and log-variances.
    Head,
    /// The decoder's first: reads the latent vector.
    Projection,
    /// The decoder's last: makes the logits.
    Logits,
}

impl Role {
    /// Whether its filter is as large as the image, so that each pixel of the large side has weights of its own.
    pub(crate) fn is_dense(self) -> bool {
        matches!(self, Self::Head | Self::Projection)
    }

    /// The name of the rows, one per class, that a conditional network adds to its sums.
    pub(crate) fn class_rows(self) -> Option<&'static str> {
        match self {
            Self::Head => Some("encoder.class.weight"),
            Self::Projection => Some("decoder.class.weight"),
            Self::Image | Self::Stage | Self::Logits => None,
        }
    }

    /// Whether both its sides are the network's own, and its weights a matrix between them.
    pub(crate) fn is_inner(self) -> bool {
        !matches!(self, Self::Image | Self::Logits)
    }
}

/// One layer of the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LayerShape {
    /// As in the names of its parameters: `encoder.conv1`.
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) geometry: Geometry,
    pub(crate) direction: Direction,
    pub(crate) c_in: usize,
    pub(crate) c_out: usize,
    /// What its input came from, and so what the gradient of its input goes back through.
    pub(crate) input_activation: Activation,
    pub(crate) activation: Activation,
}

/// A line of a network's description.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LayerSummary {
    /// As in the names of its parameters: `encoder.conv1`.
    pub name: String,
    /// What it does.
    pub kind: String,
    /// The shape of what comes out.
    pub output: ImageShape,
    /// How many parameters it has.
    pub parameters: usize,
    /// Floating-point operations of a forward pass for one image, two for each multiply-add.
    pub flops: usize,
}

impl LayerShape {
    /// Height, width and channels of what comes out.
    pub(crate) fn output(&self) -> [usize; 3] {
        let [height, width] = match self.direction {
            Direction::Down => self.geometry.small,
            Direction::Up => self.geometry.large,
        };
        [height, width, self.c_out]
    }

    fn summary(&self) -> LayerSummary {
        let Geometry { kernel: [height, width], stride: [stride, _], .. } = self.geometry;
        let mut kind = match (self.role, self.direction) {
            (Role::Head, _) => "fully connected".to_owned(),
            (_, Direction::Down) => format!("conv {height}x{width}, stride {stride}"),
            (_, Direction::Up) => format!("transposed conv {height}x{width}, stride {stride}"),
        };
        if self.activation == Activation::Relu {
            kind.push_str(", ReLU");
        }
        let [height, width, channels] = self.output();
        LayerSummary {
            name: self.name.clone(),
            kind,
            output: ImageShape { height, width, channels },
            parameters: self.geometry.taps() * self.c_in * self.c_out + self.c_out,
            flops: 2 * self.multiply_adds(),
        }
    }

    /// Multiply-adds of a forward pass for one image, counting those with padding as others do.
    pub(crate) fn multiply_adds(&self) -> usize {
        self.geometry.small_pixels() * self.geometry.taps() * self.c_in * self.c_out
    }
}

impl Architecture {
    /// A network for images of this shape, with an encoder stage for each of `widths` and `latent_dim` latent
    /// dimensions.
    ///
    /// # Errors
    /// If a number is outside its range ([`SIDES`], [`CHANNELS`], [`STAGES`], [`WIDTHS`], [`LATENT_DIMS`]), or the
    /// network as a whole is too large.
    pub fn new(image: ImageShape, widths: &[usize], latent_dim: usize) -> Result<Self, ArchitectureError> {
        let check = |what, found, allowed: RangeInclusive<usize>| {
            if allowed.contains(&found) { Ok(()) } else { Err(ArchitectureError::OutOfRange { what, allowed, found }) }
        };
        check("the height of an image", image.height, SIDES)?;
        check("the width of an image", image.width, SIDES)?;
        check("the number of channels", image.channels, CHANNELS)?;
        check("the number of encoder stages", widths.len(), STAGES)?;
        for &width in widths {
            check("the width of a stage", width, WIDTHS)?;
        }
        check("the latent dimension", latent_dim, LATENT_DIMS)?;
        let (widths, likelihood) = (widths.to_vec(), Likelihood::default());
        let architecture = Self { image, widths, latent_dim, likelihood, classes: 0, prior_components: 0 };
        let activations = architecture.activations();
        if activations > MAX_ACTIVATIONS {
            return Err(ArchitectureError::TooLarge { image, widths: architecture.widths, activations });
        }
        architecture.check_parameters()?;
        Ok(architecture)
    }

    /// That there are not too many parameters.
    fn check_parameters(&self) -> Result<(), ArchitectureError> {
        let of_layer = |layer: &LayerShape| layer.geometry.taps() * layer.c_in * layer.c_out + layer.c_out;
        let rows = |layer: &LayerShape| self.classes * layer.output().iter().product::<usize>();
        let layers = self.layers();
        let of_classes: usize = layers.iter().filter(|layer| layer.role.is_dense()).map(rows).sum();
        let parameters = layers.iter().map(of_layer).sum::<usize>() + of_classes;
        if parameters > MAX_PARAMETERS {
            let (image, widths) = (self.image, self.widths.clone());
            return Err(ArchitectureError::TooManyParameters { image, widths, parameters });
        }
        Ok(())
    }

    /// The network of the reference: widths 32 and 64, 20 latent dimensions, for 28 x 28 grey images.
    #[must_use]
    pub fn reference() -> Self {
        Self {
            image: ImageShape { height: 28, width: 28, channels: 1 },
            widths: vec![32, 64],
            latent_dim: 20,
            likelihood: Likelihood::Gaussian,
            classes: 0,
            prior_components: 0,
        }
    }

    /// The same with another likelihood.
    #[must_use]
    pub fn with_likelihood(self, likelihood: Likelihood) -> Self {
        Self { likelihood, ..self }
    }

    /// The images that go in and come out.
    #[must_use]
    pub fn image(&self) -> ImageShape {
        self.image
    }

    /// Channels of each encoder stage, the first first.
    #[must_use]
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// Latent dimensions `Z`.
    #[must_use]
    pub fn latent_dim(&self) -> usize {
        self.latent_dim
    }

    /// The same for images of so many classes, conditional on the class of each: a row of parameters per class is added to
    /// the sums of the head, and to those of the layer after the latent vector. That is what joining the one-hot class to
    /// the inputs of these layers comes to (Sohn, Lee and Yan, 2015). 0 is a network without classes.
    ///
    /// # Errors
    /// If there are too many ([`CLASSES`]).
    pub fn with_classes(self, classes: usize) -> Result<Self, ArchitectureError> {
        if !CLASSES.contains(&classes) {
            let what = "the number of classes";
            return Err(ArchitectureError::OutOfRange { what, allowed: CLASSES, found: classes });
        }
        let architecture = Self { classes, ..self };
        architecture.check_parameters()?;
        Ok(architecture)
    }

    /// Classes that the network is conditional on; 0 without.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The same with a learned mixture of so many Gaussians as its prior, each with a mean and a variance of its own for each
    /// latent dimension; 0 is the standard normal.
    ///
    /// # Errors
    /// If there are too many ([`PRIOR_COMPONENTS`]).
    pub fn with_prior_components(self, prior_components: usize) -> Result<Self, ArchitectureError> {
        if !PRIOR_COMPONENTS.contains(&prior_components) {
            let what = "the number of components of the prior";
            return Err(ArchitectureError::OutOfRange { what, allowed: PRIOR_COMPONENTS, found: prior_components });
        }
        Ok(Self { prior_components, ..self })
    }

    /// Gaussians of the learned mixture that is the prior; 0 where that is the standard normal.
    #[must_use]
    pub fn prior_components(&self) -> usize {
        self.prior_components
    }

    /// What the logits say of the pixels.
    #[must_use]
    pub fn likelihood(&self) -> Likelihood {
        self.likelihood
    }

    /// Floating-point operations of a whole training step for one image: two for each multiply-add of the forward
    /// pass, as many for the gradient of each layer's weights, and as many for that of its input, which the first
    /// layer does not need. Multiplications by padding are counted, as is usual.
    #[must_use]
    pub fn training_flops(&self) -> usize {
        let layers = self.layers();
        6 * layers.iter().map(LayerShape::multiply_adds).sum::<usize>() - 2 * layers[0].multiply_adds()
    }

    /// The layers in the order in which data flows, as one would list them.
    #[must_use]
    pub fn summary(&self) -> Vec<LayerSummary> {
        self.layers().iter().map(LayerShape::summary).collect()
    }

    /// All layers in the order in which data flows.
    pub(crate) fn layers(&self) -> Vec<LayerShape> {
        let ImageShape { height, width, channels } = self.image;
        let mut geometries: Vec<Geometry> = Vec::new();
        let mut size = [height, width];
        for _ in &self.widths {
            let geometry = Geometry::halving(size);
            size = geometry.small;
            geometries.push(geometry);
        }
        let mut layers: Vec<LayerShape> = Vec::new();
        let mut c_in = channels;
        let mut push = |name: String, role: Role, geometry: Geometry, c_out: usize| {
            let direction = match role {
                Role::Image | Role::Head => Direction::Down,
                Role::Stage if !layers.iter().any(|layer| layer.role == Role::Head) => Direction::Down,
                Role::Stage | Role::Projection | Role::Logits => Direction::Up,
            };
            let activation = match role {
                Role::Head | Role::Logits => Activation::None,
                Role::Image | Role::Stage | Role::Projection => Activation::Relu,
            };
            // Between head and projection stands the draw: what the decoder reads has come from no activation.
            let input_activation = layers.last().map_or(Activation::None, |before| before.activation);
            layers.push(LayerShape { name, role, geometry, direction, c_in, c_out, input_activation, activation });
            c_in = if role == Role::Head { self.latent_dim } else { c_out };
        };
        for (stage, (&geometry, &width)) in geometries.iter().zip(&self.widths).enumerate() {
            let role = if stage == 0 { Role::Image } else { Role::Stage };
            push(format!("encoder.conv{}", stage + 1), role, geometry, width);
        }
        let whole = Geometry::whole(size);
        push("encoder.head".to_owned(), Role::Head, whole, 2 * self.latent_dim);
        push("decoder.project".to_owned(), Role::Projection, whole, self.widths[self.widths.len() - 1]);
        for (stage, (&geometry, &width)) in geometries.iter().zip(&self.widths).rev().enumerate() {
            push(format!("decoder.deconv{}", stage + 1), Role::Stage, geometry, width);
        }
        push("decoder.output".to_owned(), Role::Logits, Geometry::same([height, width]), channels);
        layers
    }

    /// Numbers that the layers' outputs take for one image.
    pub(crate) fn activations(&self) -> usize {
        self.layers().iter().map(|layer| layer.output().iter().product::<usize>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(height: usize, width: usize, channels: usize) -> ImageShape {
        ImageShape { height, width, channels }
    }

    #[test]
    fn the_reference_counts_as_published() {
        let reference = Architecture::reference();
        // "About 40 MFLOP per image for a whole training step."
        assert_eq!(reference.training_flops(), 40_642_560);
        let outputs: Vec<_> = reference.layers().iter().map(LayerShape::output).collect();
        let expected = [[14, 14, 32], [7, 7, 64], [1, 1, 40], [7, 7, 64], [14, 14, 64], [28, 28, 32], [28, 28, 1]];
        assert_eq!(outputs, expected);
    }

    #[test]
    fn every_layer_has_its_role() {
        use Activation::{None, Relu};
        let image = ImageShape { height: 9, width: 8, channels: 3 };
        let layers = Architecture::new(image, &[4, 5], 2).unwrap().layers();
        let roles: Vec<_> =
            layers.iter().map(|layer| (layer.role, layer.input_activation, layer.activation, layer.c_in)).collect();
        let expected = [
            (Role::Image, None, Relu, 3),
            (Role::Stage, Relu, Relu, 4),
            (Role::Head, Relu, None, 5),
            (Role::Projection, None, Relu, 2),
            (Role::Stage, Relu, Relu, 5),
            (Role::Stage, Relu, Relu, 5),
            (Role::Logits, Relu, None, 4),
        ];
        assert_eq!(roles, expected);
        let directions: Vec<_> = layers.iter().map(|layer| layer.direction == Direction::Down).collect();
        assert_eq!(directions, [true, true, true, false, false, false, false]);
    }

    #[test]
    fn the_decoder_mirrors_odd_sizes_exactly() {
        for (height, width, stages) in [(8, 8, 5), (9, 13, 3), (31, 8, 4), (100, 67, 5)] {
            let network = Architecture::new(image(height, width, 3), &vec![4; stages], 2).unwrap();
            let last = network.layers().pop().unwrap();
            assert_eq!(last.output(), [height, width, 3]);
        }
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let error = |image, widths: &[usize], latent| Architecture::new(image, widths, latent).unwrap_err().to_string();
        assert_eq!(error(image(7, 28, 1), &[8], 2), "the height of an image must be from 8 to 4096, not 7");
        assert!(error(image(28, 28, 5), &[8], 2).starts_with("the number of channels"));
        assert!(error(image(28, 28, 1), &[], 2).starts_with("the number of encoder stages"));
        assert!(error(image(28, 28, 1), &[8; 6], 2).starts_with("the number of encoder stages"));
        assert!(error(image(28, 28, 1), &[0], 2).starts_with("the width of a stage"));
        assert!(error(image(28, 28, 1), &[8], 0).starts_with("the latent dimension"));
        assert!(error(image(4096, 4096, 4), &[4096], 2).contains("activations"));
    }

    #[test]
    fn a_file_is_checked_too() {
        let json = r#"{"image":{"height":1,"width":28,"channels":1},"widths":[8],"latent_dim":2}"#;
        assert!(serde_json::from_str::<Architecture>(json).unwrap_err().to_string().contains("height"));
        // One that does not say more is as the reference.
        let older = json.replace("\"height\":1", "\"height\":8");
        let architecture: Architecture = serde_json::from_str(&older).unwrap();
        assert_eq!(architecture, Architecture::new(image(8, 28, 1), &[8], 2).unwrap());
        assert_eq!(architecture.likelihood(), Likelihood::Gaussian);
    }
}
