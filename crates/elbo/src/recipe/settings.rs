//! `config.toml`: a run as it can be repeated.

use crate::dataset::DataOptions;
use crate::engine::{DeviceName, Precision};
use crate::recipe::Recipe;
use crate::storage::StorageError;
#[cfg(feature = "runs")]
use crate::storage::read_text;
use serde::{Deserialize, Serialize};
#[cfg(feature = "runs")]
use std::path::Path;
use std::path::PathBuf;

/// All settings of a run: the recipe, the data, and what computes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `mnist`, or the path of the data.
    pub data: String,
    /// What computes. The results of two devices differ by rounding.
    #[serde(default)]
    pub device: DeviceName,
    /// How a card rounds the factors of products.
    #[serde(default)]
    pub precision: Precision,
    /// Threads of the processor; 0 is one per core. The result is the same for any number.
    pub threads: usize,
    /// What the data is brought to.
    #[serde(default, skip_serializing_if = "DataOptions::is_default")]
    pub data_options: DataOptions,
    /// How to train.
    pub recipe: Recipe,
}

/// The name of the embedded data set, where a path would stand.
pub const EMBEDDED_DATA: &str = "mnist";

/// A file of settings is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// It could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It is no TOML, or not of these settings.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
}

impl Settings {
    /// These data as they are, on all cores of the processor.
    #[must_use]
    pub fn new(data: impl Into<String>, recipe: Recipe) -> Self {
        Self {
            data: data.into(),
            device: DeviceName::Cpu,
            precision: Precision::F32,
            threads: 0,
            data_options: DataOptions::default(),
            recipe,
        }
    }

    /// The settings as a TOML document.
    #[cfg(feature = "runs")]
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Numbers, strings and a list of numbers: all of which TOML has.
        let settings = toml::to_string(self).unwrap_or_default();
        format!("# Every setting of this run; `elbo train --config` on this file repeats it.\n{settings}")
    }

    /// Reads the settings from a TOML file.
    ///
    /// # Errors
    /// If the file cannot be read, or is not such a document.
    #[cfg(feature = "runs")]
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = read_text(path)?;
        toml::from_str(&text).map_err(|error| SettingsError::Malformed {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })
    }
}

/// On data that have no name and no path.
impl From<Recipe> for Settings {
    fn from(recipe: Recipe) -> Self {
        Self::new("images", recipe)
    }
}

#[cfg(all(test, feature = "runs"))]
mod tests {
    use super::*;
    use crate::dataset::{Channels, Fit, Frames};

    #[test]
    fn what_is_written_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        let mut recipe = Recipe::reference();
        recipe.learning_rate = 0.1 + 0.2;
        recipe.widths = vec![8, 16, 24];
        let data_options = DataOptions {
            size: "64x48".parse().ok(),
            channels: Some(Channels::Grey),
            fit: Some(Fit::Stretch),
            background: "#123456".parse().ok(),
            range: "-0.1:4095".parse().ok(),
            frames: Some(Frames::All),
            only_classes: vec!["a \"b\"".to_owned(), "7".to_owned()],
            max_bad: Some(0.1 + 0.2),
            memory: Some(1 << 40),
            cache: Some("caches \\ here".to_owned()),
        };
        let (device, precision) = (DeviceName::Cuda(2), Precision::Tf32);
        let settings =
            Settings { data_options, device, precision, threads: 3, ..Settings::new("pictures \"and\" more", recipe) };
        assert!(settings.data_options.size.is_some() && settings.data_options.background.is_some());
        std::fs::write(&path, settings.to_toml()).unwrap();
        assert_eq!(Settings::read(&path).unwrap(), settings);
    }

    #[test]
    fn a_seed_of_any_size_survives() {
        // TOML's integers are signed.
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        let settings = Settings::new(EMBEDDED_DATA, Recipe { seed: i64::MAX as u64, ..Recipe::reference() });
        // What is left open is not written, and files without it are read.
        let toml = settings.to_toml();
        assert!(!toml.contains("data_options"));
        let [device, precision] = ["device = \"cpu\"\n", "precision = \"f32\"\n"];
        for text in [toml.clone(), toml.replace(device, "").replace(precision, "")] {
            assert_eq!(text.contains(device), text.contains(precision));
            std::fs::write(&path, text).unwrap();
            assert_eq!(Settings::read(&path).unwrap(), settings);
        }
    }

    #[test]
    fn an_unknown_setting_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        std::fs::write(&path, "data = \"mnist\"\nthreads = 0\nspeed = 3\n").unwrap();
        let message = Settings::read(&path).unwrap_err().to_string();
        assert!(message.contains("speed") && message.contains("config.toml"), "{message}");
    }
}
