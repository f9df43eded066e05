//! What is computed, as layers and where their parameters lie.

use elbo_kernels::{Direction, Geometry};
use std::ops::Range;

/// What a layer is there for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The encoder's first: reads the image.
    Image,
    /// Between two of the network's own activations.
    Stage,
    /// The encoder's last: means and log-variances.
    Head,
    /// The decoder's first: reads the latent vector.
    Projection,
    /// The decoder's last: makes the logits.
    Logits,
}

/// The distribution of a pixel whose logit the decoder makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Likelihood {
    /// A Gaussian of unit variance around the logit's sigmoid.
    Gaussian = 0,
    /// A Gaussian of one learned standard deviation.
    SigmaGaussian = 1,
    /// Black and white.
    Bernoulli = 2,
    /// The density on [0, 1] that the cross-entropy belongs to.
    ContinuousBernoulli = 3,
}

/// One layer. Its weights are `[taps, c_in, c_out]` among the parameters, its bias `[c_out]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layer {
    /// What it is there for.
    pub role: Role,
    /// Which pixels its taps join.
    pub geometry: Geometry,
    /// Which way it goes.
    pub direction: Direction,
    /// Channels that it reads.
    pub c_in: usize,
    /// Channels that it makes.
    pub c_out: usize,
    /// Whether `ReLU` follows its sum.
    pub relu: bool,
    /// Where its weights lie among the parameters.
    pub weights: Range<usize>,
    /// Where its bias lies.
    pub bias: Range<usize>,
    /// Where the rows lie, one per class, that a conditional network adds to its sums.
    pub class_rows: Option<Range<usize>>,
}

/// A convolutional variational autoencoder.
///
/// Its layers stand in the order in which data flow: one [`Role::Image`], stages down, [`Role::Head`], [`Role::Projection`],
/// stages up, [`Role::Logits`], which is 3 x 3 with stride 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Network {
    /// The layers.
    pub layers: Vec<Layer>,
    /// Numbers of the latent vector.
    pub latent_dim: usize,
    /// Classes that a conditional network tells apart, or 0.
    pub classes: usize,
    /// How likely an image is.
    pub likelihood: Likelihood,
    /// Where the learned number lies from which the standard deviation follows.
    pub log_sigma: Option<usize>,
    /// Number of parameters.
    pub parameters: usize,
}

impl Layer {
    /// Pixels of an image that it makes.
    pub(crate) fn pixels_out(&self) -> usize {
        self.geometry.target_pixels(self.direction)
    }

    /// Numbers of an image that it makes.
    pub(crate) fn len_out(&self) -> usize {
        self.pixels_out() * self.c_out
    }

    /// Channels of the large side and of the small one.
    pub(crate) fn channels_large_small(&self) -> (usize, usize) {
        match self.direction {
            Direction::Down => (self.c_in, self.c_out),
            Direction::Up => (self.c_out, self.c_in),
        }
    }
}

impl Network {
    /// Height, width and channels of an image.
    pub(crate) fn image(&self) -> [usize; 3] {
        let first = &self.layers[0];
        [first.geometry.large[0], first.geometry.large[1], first.c_in]
    }

    /// Numbers of an image.
    #[must_use]
    pub fn image_len(&self) -> usize {
        self.image().iter().product()
    }

    /// The number of the layer of this role.
    pub(crate) fn number_of(&self, role: Role) -> usize {
        self.layers.iter().position(|layer| layer.role == role).expect("a network has a layer of each role")
    }
}
