//! The file that says which runs a sweep has.

use super::space::Space;
use super::{SweepError, Trial};
use crate::comparison::as_text;
use crate::dataset::{Binarize, DataOptions, Splits};
use crate::engine::{DeviceName, Precision};
use crate::error::Error;
use crate::network::architecture::{Architecture, ArchitectureError};
use crate::recipe::settings::{EMBEDDED_DATA, Settings};
use crate::recipe::{ObjectiveKind, Recipe, Schedule};
use crate::storage::{StorageError, read_text};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The tables of a plan.
const TABLES: [&str; 4] = ["base", "grid", "random", "halving"];

/// Settings of the data, which all trials share.
const OF_DATA: [&str; 10] =
    ["size", "channels", "fit", "background", "range", "frames", "only_classes", "max_bad", "memory", "cache"];

/// Settings beside the recipe and the data's own.
const OF_RUN: [&str; 4] = ["data", "device", "precision", "threads"];

/// Longest name of a trial, in bytes: file systems take 255.
const LONGEST: usize = 120;

/// What a sweep is to try: settings that all trials share, and those in which they differ.
///
/// A TOML file with the tables `[base]`, one of `[grid]` and `[random]`, and, if wanted, `[halving]`. Settings have the names
/// that they have in `config.toml`, or as options of `elbo train`.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    path: PathBuf,
    base: Table,
    space: Space,
    halving: Vec<f64>,
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// If the file cannot be read, is no TOML, names a setting that there is not, or varies one that all trials must share.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self::parse(path, &read_text(path)?)?)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, SweepError> {
        let malformed = |reason: String| SweepError::Malformed { path: path.to_owned(), reason };
        let file: Table =
            text.parse().map_err(|error: toml::de::Error| malformed(error.to_string().trim_end().to_owned()))?;
        let mut tables = [Table::new(), Table::new(), Table::new(), Table::new()];
        for (name, value) in file {
            let Some(place) = TABLES.iter().position(|known| *known == name) else {
                return Err(malformed(format!("there is no table '{name}'; there may be {}", TABLES.join(", "))));
            };
            let Value::Table(table) = value else {
                return Err(malformed(format!("'{name}' is a table: [{name}], and settings below it")));
            };
            tables[place] = table.into_iter().map(|(name, value)| (name.replace('-', "_"), value)).collect();
        }
        let [base, grid, random, halving] = tables;
        let plan = |space, halving| Self { path: path.to_owned(), base, space, halving };
        let plan = match (grid.is_empty(), random.is_empty()) {
            (false, true) => plan(Space::grid(grid).map_err(malformed)?, shares(&halving).map_err(malformed)?),
            (true, false) => plan(Space::random(random).map_err(malformed)?, shares(&halving).map_err(malformed)?),
            _ => {
                return Err(malformed(
                    "it needs either a table [grid] or a table [random] with settings to try".to_owned(),
                ));
            }
        };
        plan.check_names()?;
        Ok(plan)
    }

    /// That all settings are known, and trials may differ in those in which they do.
    fn check_names(&self) -> Result<(), SweepError> {
        let unknown = |table, name: &str, known: Vec<String>| {
            Err(SweepError::Unknown { path: self.path.clone(), table, name: name.to_owned(), known })
        };
        let of_recipe = of_recipe();
        let mut known = of_recipe.clone();
        known.extend(OF_DATA.into_iter().chain(OF_RUN).chain(["recipe"]).map(str::to_owned));
        if let Some(name) = self.base.keys().find(|name| !known.contains(name)) {
            return unknown("base", name, known);
        }
        let table = self.space.table();
        for name in self.space.names() {
            let fixed =
                |reason| Err(SweepError::Fixed { path: self.path.clone(), table, name: name.to_owned(), reason });
            match name {
                "likelihood" => return fixed("losses of two likelihoods cannot be compared; make a sweep for each"),
                "binarize" => {
                    return fixed("losses of grey pixels and of drawn ones cannot be compared; make a sweep for each");
                }
                "conditional" => {
                    return fixed(
                        "the loss of a conditional model is that of images whose class is known, and cannot be compared",
                    );
                }
                "validation" => return fixed("losses on other images cannot be compared; it belongs in [base]"),
                "recipe" => return fixed("it belongs in [base]"),
                name if OF_DATA.contains(&name) || OF_RUN.contains(&name) => {
                    return fixed("all trials have the same data and device; it belongs in [base]");
                }
                name if !of_recipe.iter().any(|known| known == name) => {
                    let fixed = ["likelihood", "binarize", "conditional", "validation"];
                    return unknown(
                        table,
                        name,
                        of_recipe.into_iter().filter(|name| !fixed.contains(&&**name)).collect(),
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The data of all trials: `mnist`, which is built in, or an absolute path. One in the plan is relative to its file.
    ///
    /// # Errors
    /// If it is no text, or the path is not UTF-8.
    pub fn data(&self) -> Result<String, Error> {
        let data = match self.base.get("data") {
            None => EMBEDDED_DATA,
            Some(Value::String(data)) => data,
            Some(_) => return Err(self.malformed("'data' is a text: a path, or \"mnist\"").into()),
        };
        let path = self.path.parent().unwrap_or(Path::new("")).join(data);
        if data == EMBEDDED_DATA && !path.exists() {
            return Ok(EMBEDDED_DATA.to_owned());
        }
        let absolute = std::path::absolute(&path).map_err(StorageError::new("find", &path))?;
        absolute.into_os_string().into_string().map_err(|_| self.malformed("the path of the data is not UTF-8").into())
    }

    /// What the data are brought to.
    ///
    /// # Errors
    /// If one of the values is none.
    pub fn data_options(&self) -> Result<DataOptions, Error> {
        let options = self.base.iter().filter(|(name, _)| OF_DATA.contains(&&***name));
        // A square of 32 pixels is 32 for `elbo train` too.
        let text = |value: &Value| match value {
            Value::Integer(number) => Value::String(number.to_string()),
            other => other.clone(),
        };
        let options: Table = options
            .map(|(name, value)| (name.clone(), if name == "size" { text(value) } else { value.clone() }))
            .collect();
        options.try_into().map_err(|error: toml::de::Error| self.malformed(&error.to_string()).into())
    }

    /// The settings that all trials share, with what follows from the data.
    ///
    /// # Errors
    /// If a value is none, or there are no images to validate with.
    pub fn settings(&self, data: &Splits) -> Result<Settings, Error> {
        let validation = match self.base.get("validation") {
            None => None,
            Some(Value::Float(share)) => Some(*share),
            Some(Value::Integer(0)) => Some(0.0),
            Some(Value::String(none)) if none == "none" => Some(0.0),
            Some(_) => {
                return Err(self.malformed("'validation' is a share of the images, such as 0.1, or \"none\"").into());
            }
        };
        let recipe = match self.base.get("recipe").map(as_text).as_deref() {
            None | Some("auto" | "fast") => Recipe::for_data(data, validation),
            Some("reference") => {
                Recipe { validation: validation.unwrap_or_else(|| data.usual_validation()), ..Recipe::reference() }
            }
            Some(_) => return Err(self.malformed("'recipe' is \"auto\" or \"reference\"").into()),
        };
        let settings = Settings {
            data: self.data()?,
            device: DeviceName::Auto,
            precision: Precision::F32,
            threads: 0,
            data_options: self.data_options()?.settled(data)?,
            recipe,
        };
        let is_own = |name: &str| !OF_DATA.contains(&name) && !["data", "recipe", "validation"].contains(&name);
        let changes = || self.base.iter().filter(|(name, _)| is_own(name));
        let before = settings;
        let settings = changed(&before, changes()).map_err(|reason| self.malformed(&format!("[base]: {reason}")))?;
        self.check_range("base", &before, changes())?;
        if settings.recipe.validation == 0.0 && data.validation.is_none() {
            return Err(SweepError::NoValidation { data: data.name.clone() }.into());
        }
        if settings.recipe.validation > 0.0 && self.space.names().any(|name| name == "seed") {
            let reason = "it says which images are held out, and losses on other images cannot be compared";
            let (path, table, name) = (self.path.clone(), self.space.table(), "seed".to_owned());
            return Err(SweepError::Fixed { path, table, name, reason }.into());
        }
        Ok(settings)
    }

    /// All trials, by what they share. A random draw of settings that an earlier one has is none.
    ///
    /// # Errors
    /// If a value is not of the kind of its setting or out of its range, or two trials of a grid have the same settings. One
    /// that does not go together with others is the trial's to refuse.
    pub fn trials(&self, base: &Settings) -> Result<Vec<Trial>, Error> {
        let table = self.space.table();
        let (mut trials, mut known) = (Vec::<Trial>::new(), HashMap::new());
        for (number, own) in self.space.points().into_iter().enumerate() {
            let settings = changed(base, own.iter().map(|(name, value)| (name, value)));
            let settings = settings.map_err(|reason| self.malformed(&format!("[{table}]: {reason}")))?;
            self.check_range(table, base, own.iter().map(|(name, value)| (name, value)))?;
            let own: Vec<_> = own.iter().map(|(name, value)| (name.clone(), as_text(value))).collect();
            let trial = Trial { name: name(number + 1, &own), settings, own };
            // 1 and 1.0 are one number there.
            match known.insert(trial.settings.to_toml(), trial.name.clone()) {
                None => trials.push(trial),
                Some(first) if self.space.draws() == 0 => {
                    let reason = format!("[{table}]: trials {first} and {} have the same settings", trial.name);
                    return Err(self.malformed(&reason).into());
                }
                Some(_) => {}
            }
        }
        Ok(trials)
    }

    /// That each of some values is in its range, whatever stands beside it.
    fn check_range<'a>(
        &self,
        table: &str,
        base: &Settings,
        values: impl Iterator<Item = (&'a String, &'a Value)>,
    ) -> Result<(), SweepError> {
        for (name, value) in values {
            if let Some(reason) = out_of_range(base, name, value) {
                return Err(self.malformed(&format!("[{table}] {name} = {}: {reason}", as_text(value))));
            }
        }
        Ok(())
    }

    /// How many random draws there are to be.
    pub(super) fn draws(&self) -> usize {
        self.space.draws()
    }

    /// Shares of a trial's epochs after which the worse half of the trials ends.
    pub(super) fn halving(&self) -> &[f64] {
        &self.halving
    }

    fn malformed(&self, reason: &str) -> SweepError {
        SweepError::Malformed { path: self.path.clone(), reason: reason.trim_end().to_owned() }
    }
}

/// The settings of a recipe, and the warm-up of its schedule.
fn of_recipe() -> Vec<String> {
    let binarize = Some(Binarize::Static);
    let recipe = Recipe { muon_learning_rate: Some(1.0), patience: Some(1), binarize, ..Recipe::fast() };
    let table = Table::try_from(&recipe).unwrap_or_default();
    table.into_iter().map(|(name, _)| name).chain(["warmup".to_owned()]).collect()
}

/// The settings with some changed; or what is wrong.
fn changed<'a>(
    settings: &Settings,
    changes: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Result<Settings, String> {
    let mut run = Table::try_from(settings).map_err(|error| error.to_string())?;
    let Some(Value::Table(mut recipe)) = run.remove("recipe") else { return Err("there is no recipe".to_owned()) };
    for (name, value) in changes {
        let linear = |warmup| {
            Value::Table(Table::from_iter([(
                "linear".to_owned(),
                Value::Table(Table::from_iter([("warmup".to_owned(), warmup)])),
            )]))
        };
        match (name.as_str(), value) {
            ("muon_learning_rate" | "patience", Value::String(none)) if none == "none" => {
                recipe.remove(name);
            }
            ("prior_components", Value::String(none)) if none == "none" => {
                recipe.insert(name.clone(), Value::Integer(0));
            }
            ("objective", Value::String(kind)) if kind == "iwae" => {
                if recipe.get("samples").and_then(Value::as_integer) == Some(1) {
                    recipe.insert("samples".to_owned(), Value::Integer(ObjectiveKind::SAMPLES.into()));
                }
                recipe.insert(name.clone(), value.clone());
            }
            ("schedule", Value::String(kind)) if kind == "linear" => {
                let warmup = recipe.get("schedule").and_then(|schedule| schedule.get("linear")?.get("warmup").cloned());
                recipe.insert(name.clone(), linear(warmup.unwrap_or(Value::Float(Schedule::WARMUP))));
            }
            ("warmup", warmup) => {
                recipe.insert("schedule".to_owned(), linear(warmup.clone()));
            }
            (name, value) if OF_RUN.contains(&name) => {
                run.insert(name.to_owned(), value.clone());
            }
            (name, value) => {
                recipe.insert(name.to_owned(), value.clone());
            }
        }
    }
    run.insert("recipe".to_owned(), Value::Table(recipe));
    run.try_into().map_err(|error: toml::de::Error| error.to_string().trim_end().replace('\n', " "))
}

/// Why a value can be no setting, whatever the others are; none if it can, or what it goes together with decides.
fn out_of_range(base: &Settings, name: &String, value: &Value) -> Option<String> {
    let refused = |objective, samples| {
        // What other settings have a say in is set to what goes with all values of one objective.
        let recipe = Recipe { objective, samples, free_bits: 0.0, prior_components: 0, ..base.recipe.clone() };
        let settings = changed(&Settings { recipe, ..base.clone() }, std::iter::once((name, value))).ok()?;
        let recipe = settings.recipe;
        let network = Architecture::new(Architecture::reference().image(), &recipe.widths, recipe.latent_dim);
        match (recipe.validate(), network) {
            (Err(error), _) => Some(error.to_string()),
            // How large the network is depends on the images.
            (_, Err(error @ ArchitectureError::OutOfRange { .. })) => Some(error.to_string()),
            _ => None,
        }
    };
    let reason = refused(ObjectiveKind::Elbo, 1)?;
    refused(ObjectiveKind::Iwae, ObjectiveKind::SAMPLES).and(Some(reason))
}

/// The name of a trial, which any file system takes.
fn name(number: usize, own: &[(String, String)]) -> String {
    let mut name = format!("{number:03}");
    for (setting, value) in own {
        let value: String = value
            .chars()
            .filter_map(|character| match character {
                ',' => Some('-'),
                '.' | '-' | '_' => Some(character),
                character => character.is_ascii_alphanumeric().then_some(character),
            })
            .collect();
        name.extend(["-", setting, "=", &value]);
    }
    // All of it is ASCII but for what a name of a setting may be, and those are known.
    name.truncate(LONGEST);
    name
}

/// The shares of `[halving]`.
fn shares(table: &Table) -> Result<Vec<f64>, String> {
    if let Some(name) = table.keys().find(|name| *name != "at") {
        return Err(format!("[halving] has no setting '{name}'; it may have at"));
    }
    let wrong =
        || "[halving] at = [0.25, 0.5]: shares of the epochs between 0 and 1, each above the one before".to_owned();
    let Some(at) = table.get("at") else { return Ok(Vec::new()) };
    let shares: Option<Vec<f64>> = at.as_array().and_then(|shares| shares.iter().map(Value::as_float).collect());
    let shares = shares.ok_or_else(wrong)?;
    let is_within = shares.iter().all(|share| *share > 0.0 && *share < 1.0);
    if is_within && shares.windows(2).all(|pair| pair[0] < pair[1]) { Ok(shares) } else { Err(wrong()) }
}
