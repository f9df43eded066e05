//! What losses must have in common to be compared.

use crate::dataset::{ImageShape, Part, Preprocessing};
use crate::files::model::{ModelCard, short};
use crate::network::likelihood::Likelihood;
use std::fmt;

/// What a held-out loss is of. Losses can be compared where all of this is the same.
#[derive(Clone, PartialEq, Debug)]
pub struct Basis {
    /// What the reconstruction part is the likelihood of.
    pub likelihood: Likelihood,
    /// Whether the model is told the class of an image: its loss bounds `-log p(x | class)` rather than `-log p(x)`.
    pub conditional: bool,
    /// The shape of the images.
    pub shape: ImageShape,
    /// How they became numbers.
    pub preprocessing: Preprocessing,
    /// Which part of the data they are of; none where nothing is held out.
    pub part: Option<Part>,
    /// How many images the part has.
    pub images: usize,
    /// The SHA-256 of the part; none where nothing is held out, or the model file is older than that digest.
    pub digest: Option<String>,
}

impl Basis {
    /// What the losses of a model's training are of.
    pub(super) fn of(card: &ModelCard) -> Self {
        let part = card.metrics.as_ref().and_then(|metrics| metrics.held_out).map(|(part, _)| part);
        let data = &card.data;
        let (images, digest) = match part {
            Some(Part::Validation) if card.recipe.validation > 0.0 => (data.validation_images, &data.held_out_digest),
            Some(Part::Validation) => (data.validation_images, &data.validation_digest),
            Some(Part::Test) => (data.test_images, &data.test_digest),
            _ => (0, &None),
        };
        Self {
            likelihood: card.architecture.likelihood(),
            conditional: card.architecture.classes() > 0,
            shape: card.architecture.image(),
            preprocessing: card.preprocessing,
            part,
            images,
            digest: digest.clone(),
        }
    }

    /// Whether losses of these two can be compared.
    #[must_use]
    pub fn is_comparable(&self, other: &Self) -> bool {
        self.difference(other).is_none()
    }

    /// Why losses of these two cannot be compared, the first reason, in words: `the likelihood is Bernoulli, not Gaussian of
    /// unit variance`; none where they can.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let part = |basis: &Self| match (basis.part, &basis.digest) {
            (Some(part), Some(digest)) => format!("a {part} set of {} (digest {})", basis.images, short(digest)),
            (Some(part), None) => format!("a {part} set of {}", basis.images),
            (None, _) => "nothing".to_owned(),
        };
        if self.likelihood != other.likelihood {
            Some(format!("the likelihood is {}, not {}", self.likelihood, other.likelihood))
        } else if self.conditional != other.conditional {
            let is = if self.conditional { "is" } else { "is not" };
            Some(format!("it {is} told the classes of images"))
        } else if self.shape != other.shape {
            Some(format!("the images are of {}, not {}", self.shape, other.shape))
        } else if self.preprocessing != other.preprocessing {
            Some("the images were prepared otherwise".to_owned())
        } else if (self.part, &self.digest) != (other.part, &other.digest) {
            Some(format!("it is measured on {}, not on {}", part(self), part(other)))
        } else if self.part.is_some() && self.digest.is_none() {
            Some("its file does not say which images were held out".to_owned())
        } else {
            None
        }
    }
}

/// What the losses are, in a line: `validation ELBO loss, nats per image, ..., on 6,000 images (digest 0123456789ab)`.
impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = (self.likelihood.loss_name(), self.likelihood.unit());
        match (self.part, &self.digest) {
            (Some(part), Some(digest)) => {
                write!(f, "{part} {name} in {unit}, on {} images (digest {})", self.images, short(digest))
            }
            (Some(part), None) => write!(f, "{part} {name} in {unit}, on {} images", self.images),
            (None, _) => write!(f, "training {name} in {unit}; nothing was held out"),
        }
    }
}
