//! A trained model as a file: the weights, and all that one needs to know to use them.

use super::metrics::{Columns, EpochMetrics};
use super::run_directory::RunDirectory;
use crate::dataset::{Channels, DataOptions, Dataset, DatasetError, Part, Preprocessing, Size, Splits};
use crate::error::Error;
use crate::files::tensors::{self, Document, Group, TensorFile, TensorFileError};
use crate::files::threshold::AnomalyThreshold;
use crate::network::architecture::Architecture;
use crate::network::loss::Loss;
use crate::network::mixture::Mixture;
use crate::network::parameters::ParameterTable;
use crate::recipe::Recipe;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Which data a model was trained on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSummary {
    /// What the set is called.
    pub name: String,
    /// Images trained on.
    pub train_images: usize,
    /// Images validated with: of a set of their own, or held out of the training set.
    #[serde(default)]
    pub validation_images: usize,
    /// Images tested with.
    pub test_images: usize,
    /// SHA-256 of the training set, images held out included: shape, pixels and labels.
    pub train_digest: String,
    /// SHA-256 of the validation set, if the data has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_digest: Option<String>,
    /// SHA-256 of the images held out of the training set, if any are; none in files that were written before there was
    /// this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out_digest: Option<String>,
    /// SHA-256 of the test set, if there is one.
    pub test_digest: Option<String>,
}

/// The images held out of the training set are not those that a model was trained without, though the set is the same: some
/// of them it has seen.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the images held out of '{name}' now (digest {}) are not those that the model was trained without (digest {})",
    short(found),
    short(expected)
)]
pub struct HeldOutError {
    /// What the set is called.
    pub name: String,
    /// SHA-256 of the images that the model was trained without.
    pub expected: String,
    /// That of the images held out now.
    pub found: String,
}

/// As much of a digest as tells it from others.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

impl DataSummary {
    /// Checks that these images, just held out of the training set, are those that the model was trained without. False
    /// if that cannot be told, because the file was written before there was a digest of them.
    ///
    /// # Errors
    /// [`HeldOutError`] if they are others, or they cannot be read.
    pub fn check_held_out(&self, held_out: &Dataset) -> Result<bool, Error> {
        let Some(expected) = self.held_out_digest.clone() else { return Ok(false) };
        let found = held_out.digest()?;
        if found != expected {
            return Err(HeldOutError { name: self.name.clone(), expected, found }.into());
        }
        Ok(true)
    }

    /// The same as far as it can be compared with an earlier summary: its name may be another, and of the images held out
    /// an older file says only how many they are.
    #[cfg(feature = "runs")]
    pub(crate) fn compared_with(self, earlier: &Self) -> Self {
        let held_out_digest = self.held_out_digest.filter(|_| earlier.held_out_digest.is_some());
        Self { name: earlier.name.clone(), held_out_digest, ..self }
    }
}

/// Losses of the last whole epoch, in nats per image; see [`EpochMetrics`].
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "MetricsInFile", into = "MetricsInFile")]
pub struct ModelMetrics {
    /// Mean over the epoch's batches.
    pub train_loss: f64,
    /// Over images that are not trained on, and which.
    pub held_out: Option<(Part, Loss)>,
}

/// As the file has them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricsInFile {
    train_loss: f64,
    test_loss: Option<f64>,
    test_reconstruction: Option<f64>,
    test_kl: Option<f64>,
    validation_loss: Option<f64>,
    validation_reconstruction: Option<f64>,
    validation_kl: Option<f64>,
}

impl From<ModelMetrics> for MetricsInFile {
    fn from(ModelMetrics { train_loss, held_out }: ModelMetrics) -> Self {
        let Columns { test, validation } = held_out.into();
        let [test_loss, test_reconstruction, test_kl] = test;
        let [validation_loss, validation_reconstruction, validation_kl] = validation;
        Self {
            train_loss,
            test_loss,
            test_reconstruction,
            test_kl,
            validation_loss,
            validation_reconstruction,
            validation_kl,
        }
    }
}

impl From<MetricsInFile> for ModelMetrics {
    fn from(file: MetricsInFile) -> Self {
        let columns = Columns {
            test: [file.test_loss, file.test_reconstruction, file.test_kl],
            validation: [file.validation_loss, file.validation_reconstruction, file.validation_kl],
        };
        Self { train_loss: file.train_loss, held_out: columns.into() }
    }
}

impl From<&EpochMetrics> for ModelMetrics {
    fn from(metrics: &EpochMetrics) -> Self {
        Self { train_loss: metrics.train_loss, held_out: metrics.held_out }
    }
}

/// What a model file says of itself. There is no time and no place in it, so that equal runs write equal files.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Version of the program that wrote it.
    pub program: String,
    /// The network.
    pub architecture: Architecture,
    /// How pictures become images, and these numbers.
    pub preprocessing: Preprocessing,
    /// How it was trained.
    pub recipe: Recipe,
    /// On what.
    pub data: DataSummary,
    /// The names of the classes that a conditional model tells apart, by their numbers; else none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Whole epochs trained.
    pub epochs: u32,
    /// Batches trained of the epoch after those.
    pub batches: usize,
    /// After the last whole epoch.
    pub metrics: Option<ModelMetrics>,
    /// What the latent vectors of the training set come to together, if it was fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Mixture>,
    /// Above which score an image is no longer normal, if that was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anomaly_threshold: Option<AnomalyThreshold>,
}

impl Document for ModelCard {
    const KIND: &'static str = "model";
}

impl ModelCard {
    pub(crate) fn new(architecture: Architecture, recipe: Recipe, data: DataSummary) -> Self {
        Self {
            program: format!("elbo {}", env!("CARGO_PKG_VERSION")),
            architecture,
            preprocessing: Preprocessing::UnitScale,
            recipe,
            data,
            classes: Vec::new(),
            epochs: 0,
            batches: 0,
            metrics: None,
            prior: None,
            anomaly_threshold: None,
        }
    }

    /// Checks that each class of the network has a name, and no name stands for none; else says what is wrong.
    pub(crate) fn check_names(&self) -> Result<(), String> {
        let (classes, names) = (self.architecture.classes(), self.classes.len());
        if classes == names {
            return Ok(());
        }
        Err(format!("{names} names of classes for a network that tells {classes} apart"))
    }

    /// Checks what is not said by the types: names of classes, and what was fitted to codes and scores; else says what is
    /// wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.check_names()?;
        self.check_prior()?;
        self.anomaly_threshold.map_or(Ok(()), |threshold| threshold.check())
    }

    /// Takes away all that is of the weights alone, for others: what was measured of them and fitted to their codes and
    /// scores.
    #[cfg(feature = "exchange")]
    pub(crate) fn forget_weights(&mut self) {
        (self.metrics, self.prior, self.anomaly_threshold) = (None, None, None);
    }

    /// Checks that what was fitted to codes is of the network's, and of such sizes as codes can have.
    fn check_prior(&self) -> Result<(), String> {
        let Some(prior) = &self.prior else { return Ok(()) };
        let dim = self.architecture.latent_dim();
        if prior.dim() != dim {
            return Err(format!("a prior of {} dimensions for a network of {dim}", prior.dim()));
        }
        // What is drawn is of 32 bits, and so are its squares in the network.
        let is_huge = |number: &&f64| !((**number as f32) * (**number as f32)).is_finite();
        match prior.means().iter().chain(prior.scales()).find(is_huge) {
            Some(number) => Err(format!("a prior with the number {number:e}, whose square no 32-bit float can be")),
            None => Ok(()),
        }
    }

    /// What data has to be brought to for this model: with these options, [`load`](crate::dataset::load) makes of a
    /// picture exactly what training did. A model that was not trained on pictures says only the shape of its images,
    /// if pictures can have it.
    #[must_use]
    pub fn data_options(&self) -> DataOptions {
        if let Preprocessing::Pictures(preparation) = self.preprocessing {
            return preparation.into();
        }
        let image = self.architecture.image();
        let channels = [Channels::Grey, Channels::Rgb].into_iter().find(|channels| channels.count() == image.channels);
        let size = Size { width: image.width, height: image.height };
        DataOptions { size: Some(size), channels, ..DataOptions::default() }
    }
}

/// Images of one part of a data set.
#[derive(Clone, Debug)]
pub struct PartImages {
    /// Which part they are of.
    pub part: Part,
    /// The images.
    pub images: Dataset,
    /// Whether the data are those that the model was trained on. Of others a part is what they call it, and a training set
    /// that is their only part is none of the model's.
    pub is_own: bool,
}

/// Images that a model is tried on.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The images.
    pub images: Dataset,
    /// What their data set is called.
    pub name: String,
    /// Which part of the data set they are; none where the model was trained on another, and all of its training set is
    /// taken.
    pub part: Option<Part>,
    /// Whether these were held out of the model's training, but it cannot be told that they are the same images, because
    /// the file was written before there was a digest of them.
    pub is_unchecked: bool,
    /// Whether the data set is called as the one that the model was trained on, and holds other images: most of these
    /// may have been trained on.
    pub has_changed: bool,
    /// The training set of the same data, where the images are not of it.
    pub training: Option<Dataset>,
}

impl ModelCard {
    /// All images of a data set, part by part: the training set first, then the validation set and the test set where
    /// there are such. Of the data that the model was trained on, the images that it held out are the validation set.
    ///
    /// # Errors
    /// [`HeldOutError`] if the images held out now are not those that the model was trained without, and if images cannot
    /// be read.
    pub fn parts(&self, mut data: Splits) -> Result<Vec<PartImages>, Error> {
        let is_own = data.train.digest()? == self.data.train_digest;
        if is_own {
            self.recipe.hold_out(&mut data)?;
            if let Some(held_out) = data.validation.as_ref().filter(|_| self.recipe.validation > 0.0) {
                self.data.check_held_out(held_out)?;
            }
        }
        if self.recipe.binarize.is_some() {
            data = data.binarized();
        }
        let parts = [(Part::Training, Some(data.train)), (Part::Validation, data.validation), (Part::Test, data.test)];
        Ok(parts.into_iter().filter_map(|(part, images)| Some(PartImages { part, images: images?, is_own })).collect())
    }

    /// The images of a data set that this model is to be tried on: the test set where there is one; else, of the data that
    /// the model was trained on, the images that were held out, or all of them if none were; of other data the validation
    /// set where there is one, or else the training set.
    ///
    /// # Errors
    /// [`HeldOutError`] if the images held out now are not those that the model was trained without, and if images cannot
    /// be read.
    pub fn tested(&self, mut data: Splits) -> Result<Tested, Error> {
        if self.recipe.binarize.is_some() {
            data = data.binarized();
        }
        if let Some(images) = data.test {
            let part = Some(Part::Test);
            let training = Some(data.train);
            return Ok(Tested { images, name: data.name, part, is_unchecked: false, has_changed: false, training });
        }
        let was_trained_on = data.train.digest()? == self.data.train_digest;
        let mut is_unchecked = false;
        if was_trained_on {
            self.recipe.hold_out(&mut data)?;
            if let Some(held_out) = data.validation.as_ref().filter(|_| self.recipe.validation > 0.0) {
                is_unchecked = !self.data.check_held_out(held_out)?;
            }
        }
        let (part, images, training) = match data.validation {
            Some(validation) => (Some(Part::Validation), validation, Some(data.train)),
            None => (was_trained_on.then_some(Part::Training), data.train, None),
        };
        let has_changed = part.is_none() && data.name == self.data.name;
        Ok(Tested { images, name: data.name, part, is_unchecked, has_changed, training })
    }

    /// The images that this model is to be tried on, as [`tested`](Self::tested) chooses them, and those that it was trained
    /// on, if the data are what it was trained on and there are others in it to try it on.
    ///
    /// # Errors
    /// As [`tested`](Self::tested).
    pub fn tested_and_trained(&self, mut data: Splits) -> Result<(Tested, Option<Dataset>), Error> {
        if self.recipe.binarize.is_some() {
            data = data.binarized();
        }
        if data.train.digest()? != self.data.train_digest {
            return Ok((self.tested(data)?, None));
        }
        let name = data.name.clone();
        let mut parts = self.parts(data)?;
        // The last part is the test set, or else the validation set; the first is the training set.
        let Some(PartImages { part, images, .. }) = parts.pop() else { return Err(DatasetError::NoImages.into()) };
        let is_held_out = part == Part::Validation && self.recipe.validation > 0.0;
        let is_unchecked = is_held_out && self.data.held_out_digest.is_none();
        let trained = parts.into_iter().next().map(|first| first.images);
        let (part, training) = (Some(part), None);
        Ok((Tested { images, name, part, is_unchecked, has_changed: false, training }, trained))
    }
}

/// A trained model: what it says of itself, and its parameters in the layout of its [`ParameterTable`].
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    /// What it is.
    pub card: ModelCard,
    /// Its parameters.
    pub parameters: Vec<f32>,
}

impl Model {
    /// What tells this model from others: the SHA-256 of its parameters that its file has, in hexadecimal. A file of codes
    /// has it.
    #[must_use]
    pub fn digest(&self) -> String {
        tensors::digest_of(&ParameterTable::new(&self.card.architecture), &self.parameters)
    }

    /// Writes the model as a safetensors file, wholly or not at all.
    ///
    /// # Errors
    /// If a parameter is NaN or infinite, or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), TensorFileError> {
        let table = ParameterTable::new(&self.card.architecture);
        let wrong = |reason: String| TensorFileError::Malformed { path: path.to_owned(), reason };
        if self.parameters.len() != table.len() {
            return Err(wrong(format!("{} parameters for a network that has {}", self.parameters.len(), table.len())));
        }
        self.card.check().map_err(wrong)?;
        tensors::write(path, &self.card, &table, &[Group { prefix: "", values: &self.parameters }])
    }

    /// Reads the model that `path` means: a model file, or that of a run directory.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::read(&RunDirectory::model_of(path.as_ref())?)?)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, is no model of this program, is of a newer format, or has a parameter that is NaN
    /// or infinite.
    pub fn read(path: &Path) -> Result<Self, TensorFileError> {
        let file = TensorFile::<ModelCard>::read(path)?;
        let table = ParameterTable::new(&file.document.architecture);
        let parameters = file.group(&table, "")?;
        file.check()?;
        let wrong = |reason| TensorFileError::Foreign { path: path.to_owned(), kind: ModelCard::KIND, reason };
        file.document.check().map_err(wrong)?;
        Ok(Self { card: file.document, parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    const SHAPE: ImageShape = ImageShape { height: 1, width: 2, channels: 1 };

    fn images(count: u8) -> Dataset {
        Dataset::new(SHAPE, (0..count).flat_map(|i| [i, i]).collect(), None).unwrap()
    }

    /// What a model says that was trained on these images, of which a share was held out.
    fn card(train: &Dataset, validation: f64) -> ModelCard {
        let recipe = Recipe { validation, ..Recipe::reference() };
        let mut data = Splits::from(train.clone());
        recipe.hold_out(&mut data).unwrap();
        let summary = DataSummary {
            name: "numbers".to_owned(),
            train_images: data.train.len(),
            validation_images: data.validation.as_ref().map_or(0, Dataset::len),
            test_images: 0,
            train_digest: train.digest().unwrap(),
            validation_digest: None,
            held_out_digest: data.validation.map(|held_out| held_out.digest().unwrap()),
            test_digest: None,
        };
        ModelCard::new(Architecture::reference(), recipe, summary)
    }

    /// Which part a model is tried on, and how many images that are.
    fn tested(card: &ModelCard, data: Splits) -> (Option<Part>, usize) {
        let tested = card.tested(data).unwrap();
        assert!(!tested.is_unchecked);
        (tested.part, tested.images.len())
    }

    #[test]
    fn a_model_is_tried_on_what_it_was_not_trained_on() {
        let (train, other) = (images(40), images(30));
        let of = |train: &Dataset| Splits::from(train.clone());
        let [held_out, whole] = [0.25, 0.0].map(|validation| card(&train, validation));
        let with_test = Splits { test: Some(images(7)), ..of(&train) };
        let with_validation = Splits { validation: Some(images(7)), ..of(&train) };
        assert_eq!(tested(&held_out, with_test), (Some(Part::Test), 7));
        assert_eq!(tested(&held_out, of(&train)), (Some(Part::Validation), 10));
        assert_eq!(tested(&held_out, with_validation.clone()), (Some(Part::Validation), 10));
        assert_eq!(tested(&whole, with_validation), (Some(Part::Validation), 7));
        assert_eq!(tested(&whole, of(&train)), (Some(Part::Training), 40));
        assert_eq!(tested(&held_out, of(&other)), (None, 30));
        assert_eq!(
            tested(&held_out, Splits { validation: Some(images(7)), ..of(&other) }),
            (Some(Part::Validation), 7)
        );
    }

    /// The same images as `tested` chooses, and beside them those that were trained on.
    #[test]
    fn what_was_trained_on_stands_beside_what_is_tried() {
        let (train, other) = (images(40), images(30));
        for validation in [0.25, 0.0] {
            let card = card(&train, validation);
            for test in [None, Some(images(7))] {
                for (train, is_own) in [(&train, true), (&other, false)] {
                    let data = Splits { test: test.clone(), ..Splits::from(train.clone()) };
                    let (both, trained) = card.tested_and_trained(data.clone()).unwrap();
                    assert_eq!((both.part, both.images.len()), tested(&card, data));
                    let left = if validation > 0.0 { 30 } else { 40 };
                    let expected = (is_own && both.part != Some(Part::Training)).then_some(left);
                    assert_eq!(trained.map(|images| images.len()), expected);
                }
            }
        }
    }

    #[test]
    fn parts_are_those_of_the_training() {
        let (train, other) = (images(40), images(30));
        let parts = |data: Splits| {
            let parts = card(&train, 0.25).parts(data).unwrap();
            parts.iter().map(|PartImages { part, images, .. }| (*part, images.len())).collect::<Vec<_>>()
        };
        let with_test = Splits { test: Some(images(7)), ..Splits::from(train.clone()) };
        assert_eq!(parts(with_test), [(Part::Training, 30), (Part::Validation, 10), (Part::Test, 7)]);
        assert_eq!(parts(other.into()), [(Part::Training, 30)]);
    }

    #[test]
    fn images_held_out_are_checked_where_the_model_says_which() {
        let train = images(40);
        let mut card = card(&train, 0.25);
        card.data.held_out_digest = Some("0".repeat(64));
        assert!(matches!(card.tested(train.clone().into()), Err(Error::HeldOut(_))));
        card.data.held_out_digest = None;
        assert!(card.tested(train.into()).unwrap().is_unchecked);
    }
}
