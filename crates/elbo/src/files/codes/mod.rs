//! Codes of images in files: for `NumPy`, for tables, and back.
//!
//! | file | what it holds |
//! |---|---|
//! | `.npy` | the means alone, `[N, Z]` |
//! | `.npz` | an array for each of what [`Codes`] has, and the [`CodesOrigin`] as JSON in the array `metadata` |
//! | `.csv` | a row for each image, in the columns `name`, `part`, `label`, `model`, `mean_0`, ..., `logvar_0`, ..., `sample_0_0`, ... |
//! | `.parquet` | the same columns, and the [`CodesOrigin`] as JSON under the key `elbo` of the metadata |
//!
//! The column `model` has the first digits of the model's digest in every row. A comment line before a table would make
//! most programs that read `.csv` files fail unless they are told of it, and is lost, as the metadata of a `.parquet` file is,
//! when such a program writes the table again. A column is read by all, stays with its rows when some are chosen or two tables
//! are joined, and so [`check`](Codes::check) still finds codes of another model.
//!
//! Numbers are 32-bit floats, and read back with the same bits from each kind of file.

#[cfg_attr(
    not(any(feature = "runs", feature = "parquet")),
    allow(dead_code, reason = "tables are .csv and .parquet files")
)]
mod columns;
#[cfg(feature = "runs")]
mod csv;
mod error;
mod npy;
mod npz;
#[cfg(feature = "parquet")]
mod pages;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg_attr(
    not(any(feature = "runs", feature = "parquet")),
    allow(dead_code, reason = "tables are .csv and .parquet files")
)]
mod read;
#[cfg(test)]
mod tests;
mod write;

use crate::dataset::{ImageShape, Part};
use crate::files::model::ModelCard;
use serde::{Deserialize, Serialize};
use std::path::Path;

pub(crate) use columns::Layout;
pub use error::CodesError;
pub use read::ReadCodes;
pub(crate) use write::{Head, write_blocks};

/// The newest form of metadata that this program reads, and the one that it writes.
const FORMAT: u32 = 1;

/// Digits of a model's digest in the column `model`: no two models have the same by accident.
const MODEL_DIGITS: usize = 16;

/// Kinds of files that hold codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CodesKind {
    /// One array of `NumPy`.
    Npy,
    /// Several arrays of `NumPy`.
    Npz,
    /// A table as text.
    #[cfg(feature = "runs")]
    Csv,
    /// A table in columns.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl CodesKind {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Npy,
        Self::Npz,
        #[cfg(feature = "runs")]
        Self::Csv,
        #[cfg(feature = "parquet")]
        Self::Parquet,
    ];

    /// How the names of such files end.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Npz => "npz",
            #[cfg(feature = "runs")]
            Self::Csv => "csv",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        }
    }

    /// The kind that the name of a file says.
    ///
    /// # Errors
    /// [`CodesError::UnknownKind`] if it says none of them.
    pub fn of(path: &Path) -> Result<Self, CodesError> {
        let extension = path.extension().unwrap_or_default();
        let kind = Self::ALL.iter().find(|kind| extension.eq_ignore_ascii_case(kind.extension()));
        kind.copied().ok_or_else(|| CodesError::UnknownKind { path: path.to_owned() })
    }
}

/// Codes of images: the latent distribution of each, and which image it is.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Codes {
    /// Latent dimensions `Z`.
    pub latent_dim: usize,
    /// The mean of each image's latent distribution, `[N, Z]`, which is its code.
    pub means: Vec<f32>,
    /// The logarithms of the variances, `[N, Z]`, if they were asked for.
    pub logvars: Option<Vec<f32>>,
    /// Draws for each image, `D`.
    pub draws: usize,
    /// Draws from each image's latent distribution, `[N, D, Z]`.
    pub samples: Vec<f32>,
    /// The name of each image, `[N]`, empty where it has none; none if no image has a name.
    pub names: Option<Vec<String>>,
    /// The part of the data set that each image is of, `[N]`.
    pub parts: Option<Vec<Part>>,
    /// The class of each image, `[N]`: the position of its name in `classes`; none if no image has a label.
    pub labels: Option<Vec<Option<u16>>>,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// SHA-256 of the model that made the codes, in hexadecimal, or the first 16 of its digits; none where the file does
    /// not say.
    pub model: Option<String>,
    /// What more a file says of where the codes come from.
    pub origin: Option<CodesOrigin>,
}

/// Where codes come from, as a file of them says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CodesOrigin {
    /// The form of this.
    pub format: u32,
    /// The program that wrote the file, and its version.
    pub program: String,
    /// SHA-256 of the model; see [`Model::digest`](crate::Model::digest).
    pub model: String,
    /// Latent dimensions.
    pub latent_dim: usize,
    /// The shape of the images.
    pub image: ImageShape,
    /// What the data set is called.
    pub data: String,
    /// The images, part by part.
    pub parts: Vec<OriginPart>,
    /// The seed of the draws, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// A part of a data set whose images were encoded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OriginPart {
    /// What it is called: `training`, `validation` or `test`.
    pub part: String,
    /// How many images it has.
    pub images: usize,
    /// SHA-256 of them; see [`Dataset::digest`](crate::dataset::Dataset::digest).
    pub digest: String,
}

impl CodesOrigin {
    pub(crate) fn new(model: String, card: &ModelCard, data: &str, parts: Vec<OriginPart>, seed: Option<u64>) -> Self {
        Self {
            format: FORMAT,
            program: format!("elbo {}", env!("CARGO_PKG_VERSION")),
            model,
            latent_dim: card.architecture.latent_dim(),
            image: card.architecture.image(),
            data: data.to_owned(),
            parts,
            seed,
        }
    }
}

impl Codes {
    /// Of how many images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.means.len() / self.latent_dim.max(1)
    }

    /// Whether of none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.means.is_empty()
    }

    /// Writes a file of the kind that its name says, wholly or not at all.
    ///
    /// # Errors
    /// If the name says no kind, the file cannot hold what there is, a number is NaN or infinite, not all of it is of as many
    /// images, or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), CodesError> {
        let wrong = |reason: String| CodesError::Malformed { path: path.to_owned(), reason };
        self.check_lengths().map_err(wrong)?;
        write_blocks::<CodesError>(path, CodesKind::of(path)?, &Head::of(self), |put| put(self))
    }

    /// Checks that these codes can be decoded by a model with this digest and of this shape: false if nothing tells which
    /// model made them.
    ///
    /// # Errors
    /// [`CodesError::Newer`], [`CodesError::OtherModel`], [`CodesError::Width`].
    pub fn check(&self, digest: &str, card: &ModelCard) -> Result<bool, CodesError> {
        if let Some(CodesOrigin { format, .. }) = self.origin
            && format > FORMAT
        {
            return Err(CodesError::Newer { found: format, known: FORMAT });
        }
        let said = self.origin.iter().map(|origin| &origin.model).chain(&self.model);
        let mut is_known = false;
        for model in said {
            is_known = true;
            if model.len() < MODEL_DIGITS || !digest.starts_with(model.as_str()) {
                return Err(CodesError::OtherModel { found: model.clone(), expected: digest.to_owned() });
            }
        }
        let expected = card.architecture.latent_dim();
        let of_origin = self.origin.as_ref().map(|origin| origin.latent_dim);
        if let Some(found) = [Some(self.latent_dim), of_origin].into_iter().flatten().find(|dim| *dim != expected) {
            return Err(CodesError::Width { found, expected });
        }
        Ok(is_known)
    }

    /// Takes what is in a block of codes of the same layout after what is here.
    pub(crate) fn append(&mut self, block: &Self) {
        fn extend<T: Clone>(all: &mut Option<Vec<T>>, more: Option<&Vec<T>>) {
            if let Some(more) = more {
                all.get_or_insert_default().extend_from_slice(more);
            }
        }
        self.means.extend_from_slice(&block.means);
        self.samples.extend_from_slice(&block.samples);
        extend(&mut self.logvars, block.logvars.as_ref());
        extend(&mut self.names, block.names.as_ref());
        extend(&mut self.parts, block.parts.as_ref());
        extend(&mut self.labels, block.labels.as_ref());
    }

    /// That there is something of everything for each image; else says what is wrong.
    fn check_lengths(&self) -> Result<(), String> {
        let Self { latent_dim, draws, .. } = *self;
        if latent_dim == 0 || self.means.is_empty() || !self.means.len().is_multiple_of(latent_dim) {
            return Err(format!("{} numbers are no codes of {latent_dim}", self.means.len()));
        }
        let images = self.len();
        let samples = draws.checked_mul(self.means.len());
        let lengths = [
            ("log-variances", self.logvars.as_ref().map(Vec::len), Some(self.means.len())),
            ("numbers of draws", Some(self.samples.len()), samples),
            ("names", self.names.as_ref().map(Vec::len), Some(images)),
            ("parts", self.parts.as_ref().map(Vec::len), Some(images)),
            ("labels", self.labels.as_ref().map(Vec::len), Some(images)),
        ];
        if let Some((what, Some(found), _)) =
            lengths.into_iter().find(|(_, found, expected)| found.is_some() && found != expected)
        {
            return Err(format!("{found} {what} for {images} codes of {latent_dim} numbers and {draws} draws each"));
        }
        let largest = self.labels.iter().flatten().flatten().max();
        match largest {
            Some(&label) if usize::from(label) >= self.classes.len() => {
                Err(format!("the label {label}, and {} classes", self.classes.len()))
            }
            _ => Ok(()),
        }
    }

    /// The first number that is NaN or infinite, if there is one: its row, its column and what it is.
    fn find_not_finite(&self) -> Option<(usize, columns::Column, f32)> {
        use columns::Column;
        let dim = self.latent_dim.max(1);
        let find = |values: &[f32]| values.iter().position(|value| !value.is_finite()).map(|at| (at, values[at]));
        if let Some((at, value)) = find(&self.means) {
            return Some((at / dim, Column::Mean(at % dim), value));
        }
        if let Some((at, value)) = self.logvars.as_deref().and_then(find) {
            return Some((at / dim, Column::Logvar(at % dim), value));
        }
        let (at, value) = find(&self.samples)?;
        let (draw, row) = (at / dim % self.draws.max(1), at / dim / self.draws.max(1));
        Some((row, Column::Sample(draw, at % dim), value))
    }
}
