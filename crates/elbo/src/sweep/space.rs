//! What settings may be, and the points of that space that are tried.

use crate::noise::{Noise, Purpose};
use toml::{Table, Value};

/// Most trials of a sweep.
const MOST: usize = 10_000;

/// The settings in which trials differ, in the order of their names.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Space {
    /// Every combination of values, the last setting changing first.
    Grid(Vec<(String, Vec<Value>)>),
    /// So many draws by a seed.
    Random { count: usize, seed: u64, settings: Vec<(String, Range)> },
}

/// What a setting is drawn from.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Range {
    /// One of these.
    Choice(Vec<Value>),
    /// A whole number from the first to the second, or one whose logarithm is uniform.
    Whole { least: i64, most: i64, log: bool },
    /// A number between the two, in three digits.
    Real { low: f64, high: f64, log: bool },
}

impl Space {
    /// The space of a table `[grid]`; or what is wrong with it.
    pub(super) fn grid(table: Table) -> Result<Self, String> {
        let mut count = 1_usize;
        let mut settings = Vec::new();
        for (name, values) in table {
            match values {
                Value::Array(values) if !values.is_empty() => {
                    count = count.saturating_mul(values.len());
                    settings.push((name, values));
                }
                _ => return Err(format!("[grid] {name} = [...]: a list of the values to try")),
            }
        }
        if count > MOST {
            Err(format!("[grid] has {count} trials, and {MOST} are the most"))
        } else {
            Ok(Self::Grid(settings))
        }
    }

    /// The space of a table `[random]`; or what is wrong with it.
    pub(super) fn random(mut table: Table) -> Result<Self, String> {
        let mut whole = |name: &str| {
            table.remove(name).map(|value| value.as_integer().and_then(|number| u64::try_from(number).ok()))
        };
        let count = whole("count").flatten().and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| (1..=MOST).contains(count));
        let count = count.ok_or_else(|| format!("[random] count = N: how many trials, from 1 to {MOST}"))?;
        // A seed in [random] is that of the draws; the seed of the runs is varied by a range.
        let seed = match table.get("seed") {
            Some(Value::Integer(_)) => {
                let seed = table.remove("seed").and_then(|value| u64::try_from(value.as_integer()?).ok());
                seed.ok_or("[random] seed = N: a whole number, 0 or more")?
            }
            _ => 1,
        };
        if table.is_empty() {
            return Err("[random] has no settings to try".to_owned());
        }
        let settings = table.into_iter().map(|(name, value)| Ok((range(&name, value)?, name)));
        let settings: Result<Vec<_>, String> = settings.map(|pair| pair.map(|(range, name)| (name, range))).collect();
        Ok(Self::Random { count, seed, settings: settings? })
    }

    /// The table that it stands in.
    pub(super) fn table(&self) -> &'static str {
        match self {
            Self::Grid(_) => "grid",
            Self::Random { .. } => "random",
        }
    }

    /// The settings that differ.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let (grid, random) = match self {
            Self::Grid(settings) => (Some(settings.iter()), None),
            Self::Random { settings, .. } => (None, Some(settings.iter())),
        };
        let grid = grid.into_iter().flatten().map(|(name, _)| name.as_str());
        grid.chain(random.into_iter().flatten().map(|(name, _)| name.as_str()))
    }

    /// How many random draws there are; none of a grid.
    pub(super) fn draws(&self) -> usize {
        match self {
            Self::Grid(_) => 0,
            Self::Random { count, .. } => *count,
        }
    }

    /// The settings of each trial.
    pub(super) fn points(&self) -> Vec<Vec<(String, Value)>> {
        match self {
            Self::Grid(settings) => settings.iter().fold(vec![Vec::new()], |points, (name, values)| {
                let with = |point: &Vec<_>, value: &Value| {
                    let mut point = point.clone();
                    point.push((name.clone(), value.clone()));
                    point
                };
                points.iter().flat_map(|point| values.iter().map(move |value| with(point, value))).collect()
            }),
            Self::Random { count, seed, settings } => (0..*count)
                .map(|trial| {
                    // A trial is the same however many there are.
                    let noise = Noise::new(*seed, Purpose::Sweep, trial as u64);
                    let draw = |(item, (name, range)): (usize, &(String, Range))| {
                        let mut number = [0.0];
                        noise.uniform(item as u64, 1.0, &mut number);
                        (name.clone(), range.at(f64::midpoint(f64::from(number[0]), 1.0)))
                    };
                    settings.iter().enumerate().map(draw).collect()
                })
                .collect(),
        }
    }
}

/// What a setting is drawn from; or what is wrong with it.
fn range(name: &str, value: Value) -> Result<Range, String> {
    let wrong = || {
        format!(
            "[random] {name}: a list of values, {{ uniform = [LOW, HIGH] }} or {{ log = [LOW, HIGH] }} with LOW below HIGH, for log above 0"
        )
    };
    let table = match value {
        Value::Array(values) if !values.is_empty() => return Ok(Range::Choice(values)),
        Value::Table(table) if table.len() == 1 => table,
        _ => return Err(wrong()),
    };
    let (kind, ends) = table.into_iter().next().ok_or_else(wrong)?;
    let log = match kind.as_str() {
        "log" => true,
        "uniform" => false,
        _ => return Err(wrong()),
    };
    let range = match ends.as_array().map(Vec::as_slice) {
        Some([Value::Integer(least), Value::Integer(most)]) if least < most => {
            // Beyond 2^53 a whole number is none of those that are drawn from.
            let is_exact = [least, most].iter().all(|end| end.unsigned_abs() < 1 << 53);
            is_exact.then_some(Range::Whole { least: *least, most: *most, log })
        }
        Some([low, high]) => {
            let number = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|number| number as f64));
            let ends = number(low).zip(number(high)).filter(|(low, high)| low < high && (high - low).is_finite());
            ends.map(|(low, high)| Range::Real { low, high, log })
        }
        _ => None,
    };
    let is_positive = |range: &Range| match *range {
        Range::Whole { least, .. } => least > 0,
        Range::Real { low, .. } => low > 0.0,
        Range::Choice(_) => true,
    };
    range.filter(|range| !log || is_positive(range)).ok_or_else(wrong)
}

impl Range {
    /// The value at a share of the range, from 0 up to 1.
    fn at(&self, share: f64) -> Value {
        let between = |low: f64, high: f64, log: bool| {
            if log {
                libm::exp(libm::log(low) + share * (libm::log(high) - libm::log(low)))
            } else {
                low + share * (high - low)
            }
        };
        match self {
            Self::Choice(values) => values[((share * values.len() as f64) as usize).min(values.len() - 1)].clone(),
            Self::Whole { least, most, log } => {
                let number = between(*least as f64, *most as f64 + 1.0, *log);
                Value::Integer((number.floor() as i64).clamp(*least, *most))
            }
            Self::Real { low, high, log } => {
                let number = between(*low, *high, *log);
                // Of so many digits that names and tables stay readable: this is a search.
                let rounded: f64 = format!("{number:.2e}").parse().unwrap_or(number);
                Value::Float(rounded.clamp(*low, *high))
            }
        }
    }
}
