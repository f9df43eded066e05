//! Which settings runs do not share.

use crate::recipe::settings::Settings;
use toml::{Table, Value};

/// A setting that is not the same in all runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// What it is called in `config.toml`, without the name of its table: `learning_rate`.
    pub name: String,
    /// What it is in each run, as `config.toml` has it, strings without quotes; none where it is left open.
    pub values: Vec<Option<String>>,
}

/// All settings with their names, without those of the tables in which they stand.
pub(crate) fn flat(settings: &Settings) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (name, value) in Table::try_from(settings).unwrap_or_default() {
        match value {
            Value::Table(inner) => flat.extend(inner),
            value => flat.push((name, value)),
        }
    }
    flat
}

/// A value as a table of results has it: TOML, but strings without quotes, and numbers as short as they can be.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // Large and small ones with an exponent.
        Value::Float(number) => format!("{number:?}"),
        value => value.to_string(),
    }
}

/// The settings that differ.
pub(super) fn differences(runs: &[&Settings]) -> Vec<Difference> {
    let runs: Vec<_> = runs.iter().map(|settings| flat(settings)).collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in runs.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let value = |run: &Vec<(String, Value)>, name: &str| {
        run.iter().find(|(known, _)| known == name).map(|(_, value)| as_text(value))
    };
    let difference = |name: &String| {
        let values: Vec<_> = runs.iter().map(|run| value(run, name)).collect();
        values.windows(2).any(|pair| pair[0] != pair[1]).then(|| Difference { name: name.clone(), values })
    };
    names.into_iter().filter_map(difference).collect()
}
