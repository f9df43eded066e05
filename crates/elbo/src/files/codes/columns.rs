//! The columns of a table of codes.

use crate::dataset::Part;
use std::collections::HashSet;
use std::fmt;

/// A column.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Column {
    Name,
    Part,
    Label,
    /// The first digits of the model's digest.
    Model,
    /// A number of the mean.
    Mean(usize),
    /// A log-variance.
    Logvar(usize),
    /// A number of a draw.
    Sample(usize, usize),
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("name"),
            Self::Part => f.write_str("part"),
            Self::Label => f.write_str("label"),
            Self::Model => f.write_str("model"),
            Self::Mean(number) => write!(f, "mean_{number}"),
            Self::Logvar(number) => write!(f, "logvar_{number}"),
            Self::Sample(draw, number) => write!(f, "sample_{draw}_{number}"),
        }
    }
}

impl Column {
    /// The column of this name, if it is one.
    pub(super) fn named(name: &str) -> Option<Self> {
        let number = |digits: &str| digits.parse().ok();
        let (word, numbers) = name.split_once('_').unwrap_or((name, ""));
        let column = match word {
            "name" => Self::Name,
            "part" => Self::Part,
            "label" => Self::Label,
            "model" => Self::Model,
            "mean" => Self::Mean(number(numbers)?),
            "logvar" => Self::Logvar(number(numbers)?),
            "sample" => {
                let (draw, place) = numbers.split_once('_')?;
                Self::Sample(number(draw)?, number(place)?)
            }
            _ => return None,
        };
        // There is one name for each.
        (column.to_string() == name).then_some(column)
    }
}

/// What a table has, which column each name means, and the names that mean none.
pub(super) type Found = (Layout, Vec<Option<Column>>, Vec<String>);

/// Which columns a table has.
#[expect(clippy::struct_excessive_bools, reason = "each says whether a column is there")]
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Layout {
    pub(crate) latent_dim: usize,
    pub(crate) has_names: bool,
    pub(crate) has_parts: bool,
    pub(crate) has_labels: bool,
    pub(crate) has_model: bool,
    pub(crate) has_logvars: bool,
    pub(crate) draws: usize,
}

impl Layout {
    /// The columns, in their order.
    pub(super) fn columns(&self) -> Vec<Column> {
        let texts = [
            (self.has_names, Column::Name),
            (self.has_parts, Column::Part),
            (self.has_labels, Column::Label),
            (self.has_model, Column::Model),
        ];
        let mut columns: Vec<Column> = texts.into_iter().filter(|(has, _)| *has).map(|(_, column)| column).collect();
        columns.extend((0..self.latent_dim).map(Column::Mean));
        if self.has_logvars {
            columns.extend((0..self.latent_dim).map(Column::Logvar));
        }
        for draw in 0..self.draws {
            columns.extend((0..self.latent_dim).map(|number| Column::Sample(draw, number)));
        }
        columns
    }

    /// What a table with columns of these names has, which each of them is, and the names of those that are none of codes.
    pub(super) fn of(names: &[String]) -> Result<Found, String> {
        let found: Vec<Option<Column>> = names.iter().map(|name| Column::named(name)).collect();
        let mut seen = HashSet::new();
        if let Some(column) = found.iter().flatten().find(|&&column| !seen.insert(column)) {
            return Err(format!("two columns are called {column}"));
        }
        let has = |column| seen.contains(&column);
        let count = |of: fn(&Column) -> bool| seen.iter().filter(|column| of(column)).count();
        let latent_dim = count(|column| matches!(column, Column::Mean(_)));
        let samples = count(|column| matches!(column, Column::Sample(..)));
        if latent_dim == 0 {
            return Err("no column is called mean_0: codes stand in the columns mean_0, mean_1 and so on".to_owned());
        }
        let layout = Self {
            latent_dim,
            has_names: has(Column::Name),
            has_parts: has(Column::Part),
            has_labels: has(Column::Label),
            has_model: has(Column::Model),
            has_logvars: count(|column| matches!(column, Column::Logvar(_))) > 0,
            draws: samples.div_ceil(latent_dim),
        };
        // So many numbers as there are means, each from 0 on; what is missing shows what is amiss.
        let columns = layout.columns();
        if let Some(missing) = columns.iter().find(|&&column| !has(column)) {
            return Err(format!("the column {missing} is missing"));
        }
        if columns.len() < seen.len() {
            return Err(format!("there are more columns of log-variances or draws than of means, {latent_dim}"));
        }
        let others = names.iter().zip(&found).filter(|(_, column)| column.is_none()).map(|(name, _)| name.clone());
        Ok((layout, found.clone(), others.collect()))
    }
}

/// What a part is called.
pub(super) fn part_name(part: Part) -> &'static str {
    match part {
        Part::Training => "training",
        Part::Validation => "validation",
        Part::Test => "test",
    }
}

/// The part of this name.
pub(super) fn part_named(name: &str) -> Option<Part> {
    [Part::Training, Part::Validation, Part::Test].into_iter().find(|part| part_name(*part) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_layout_is_told_by_its_names() {
        let layout = Layout { latent_dim: 2, has_names: true, has_logvars: true, draws: 2, ..Layout::default() };
        let mut written: Vec<String> = layout.columns().iter().map(Column::to_string).collect();
        assert_eq!(
            written.join(" "),
            "name mean_0 mean_1 logvar_0 logvar_1 sample_0_0 sample_0_1 sample_1_0 sample_1_1"
        );
        // In any order, and among others.
        written.reverse();
        written.insert(3, "Unnamed: 0".to_owned());
        let (found, columns, others) = Layout::of(&written).unwrap();
        assert_eq!((found, others), (layout, names("Unnamed:_0").iter().map(|name| name.replace('_', " ")).collect()));
        assert_eq!((columns[0], columns[3]), (Some(Column::Sample(1, 1)), None));
    }

    #[test]
    fn what_is_amiss_is_named() {
        for (header, reason) in [
            ("a b", "no column is called mean_0"),
            ("mean_1 mean_2", "the column mean_0 is missing"),
            ("mean_0 mean_18446744073709551615", "the column mean_1 is missing"),
            ("mean_0 mean_0", "two columns are called mean_0"),
            ("mean_0 mean_1 logvar_1", "the column logvar_0 is missing"),
            ("mean_0 logvar_0 logvar_1", "more columns of log-variances"),
            ("mean_0 mean_1 sample_0_0 sample_1_0", "the column sample_0_1 is missing"),
            ("mean_0 sample_1_0", "the column sample_0_0 is missing"),
        ] {
            let error = Layout::of(&names(header)).unwrap_err();
            assert!(error.contains(reason), "{header}: {error}");
        }
        for name in
            ["mean", "mean_", "mean_+1", "mean_01", "mean_-1", "mean_1_1", "sample_1", "names", "Mean_0", "name_"]
        {
            assert_eq!(Column::named(name), None, "{name}");
        }
    }
}
