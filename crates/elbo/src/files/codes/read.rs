//! Codes out of a file, which anybody may have written.

use super::columns::{Column, Layout, part_name, part_named};
use super::{Codes, CodesError, MODEL_DIGITS};
use crate::storage::{StorageError, open_file};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Codes as they were read, and what there is to say about it.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct ReadCodes {
    /// The codes.
    pub codes: Codes,
    /// The names of columns or arrays that were not read.
    pub unused: Vec<String>,
    /// Whether numbers had more digits than 32 bits hold; the nearest 32-bit floats are taken.
    pub is_rounded: bool,
}

impl Codes {
    /// Reads a file of codes; which kind it is its first bytes say. Of columns or arrays only those of means must be there.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, holds no codes, or a number is NaN or infinite.
    pub fn read(path: &Path) -> Result<ReadCodes, CodesError> {
        let mut file = open_file(path)?;
        let mut start = Vec::new();
        let begun = Read::by_ref(&mut file).take(8).read_to_end(&mut start).and_then(|_| file.seek(SeekFrom::Start(0)));
        begun.map_err(StorageError::new("read", path))?;
        let malformed = |reason| CodesError::Malformed { path: path.to_owned(), reason };
        let read = read_kind(&start, file).map_err(malformed)?;
        if read.codes.is_empty() {
            return Err(CodesError::Empty { path: path.to_owned() });
        }
        read.codes.check_lengths().map_err(malformed)?;
        if let Some((row, column, value)) = read.codes.find_not_finite() {
            let (column, value) = (column.to_string(), f64::from(value));
            return Err(CodesError::NotFinite { path: path.to_owned(), row, column, value });
        }
        Ok(read)
    }

    /// The number of an image in a column; none if it is a column of texts.
    pub(super) fn number(&self, row: usize, column: Column) -> Option<f32> {
        let dim = self.latent_dim;
        match column {
            Column::Mean(number) => self.means.get(row * dim + number).copied(),
            Column::Logvar(number) => self.logvars.as_ref()?.get(row * dim + number).copied(),
            Column::Sample(draw, number) => self.samples.get((row * self.draws + draw) * dim + number).copied(),
            _ => None,
        }
    }

    /// The text of an image in a column other than that of the model; empty if there is none.
    pub(super) fn text<'a>(&'a self, row: usize, column: Column, classes: &'a [String]) -> &'a str {
        let text = match column {
            Column::Name => self.names.as_ref().and_then(|names| names.get(row)).map(String::as_str),
            Column::Part => self.parts.as_ref().and_then(|parts| parts.get(row)).map(|part| part_name(*part)),
            Column::Label => {
                let label = self.labels.as_ref().and_then(|labels| labels.get(row).copied().flatten());
                label.and_then(|label| classes.get(usize::from(label))).map(String::as_str)
            }
            _ => None,
        };
        text.unwrap_or_default()
    }
}

fn read_kind(start: &[u8], file: File) -> Result<ReadCodes, String> {
    match start {
        [] => Ok(ReadCodes::default()),
        _ if start.starts_with(b"\x93NUMPY") => super::npy::read(BufReader::new(file)),
        _ if start.starts_with(b"PK") => super::npz::read(file),
        #[cfg(feature = "parquet")]
        _ if start.starts_with(b"PAR1") => super::parquet::read(file),
        #[cfg(feature = "runs")]
        _ if !start.contains(&0) => super::csv::read(BufReader::new(file)),
        _ => Err("no file of codes that is known here".to_owned()),
    }
}

/// The error for a cell of a table that should hold a number.
pub(super) fn unnumbered(row: usize, column: Column, text: &str) -> String {
    const SHOWN: usize = 40;
    let text: String = text.chars().take(SHOWN).collect();
    let what = if text.is_empty() { "is empty".to_owned() } else { format!("is no number: '{}'", text.escape_debug()) };
    format!("row {row} (the first is 0), column {column}, {what}")
}

/// Makes room for more of what a file holds. A file may hold a few bytes that stand for very many equal values.
pub(super) fn make_room<T>(values: &mut Vec<T>, more: usize) -> Result<(), String> {
    values.try_reserve(more).map_err(|_| format!("no memory for all of it, more than {} values", values.len()))
}

/// Codes made of a table, row by row.
pub(super) struct Rows {
    layout: Layout,
    codes: Codes,
    /// The numbers of classes by their names.
    numbers: HashMap<String, u16>,
    /// Of this row.
    means: Vec<f32>,
    logvars: Vec<f32>,
    samples: Vec<f32>,
}

impl Rows {
    pub(super) fn new(layout: Layout) -> Self {
        let Layout { latent_dim, has_logvars, draws, .. } = layout;
        let codes = Codes {
            latent_dim,
            draws,
            names: layout.has_names.then(Vec::new),
            parts: layout.has_parts.then(Vec::new),
            labels: layout.has_labels.then(Vec::new),
            logvars: has_logvars.then(Vec::new),
            ..Codes::default()
        };
        // There are as many columns in the file.
        let row = |count| vec![0.0; count];
        Self {
            codes,
            numbers: HashMap::new(),
            means: row(latent_dim),
            logvars: row(if has_logvars { latent_dim } else { 0 }),
            samples: row(draws * latent_dim),
            layout,
        }
    }

    /// Takes a number of this row.
    pub(super) fn number(&mut self, column: Column, value: f32) {
        let place = match column {
            Column::Mean(number) => self.means.get_mut(number),
            Column::Logvar(number) => self.logvars.get_mut(number),
            Column::Sample(draw, number) => self.samples.get_mut(draw * self.layout.latent_dim + number),
            _ => None,
        };
        if let Some(place) = place {
            *place = value;
        }
    }

    /// Takes a text of this row; `row` is for errors.
    pub(super) fn text(&mut self, row: usize, column: Column, text: &str) -> Result<(), String> {
        let wrong = |what: &str| format!("row {row} (the first is 0), column {column}: {what}");
        let codes = &mut self.codes;
        match column {
            Column::Name => codes.names.get_or_insert_default().push(text.to_owned()),
            Column::Part => {
                // Rows that were made, and not encoded, are of no part.
                let part = part_named(text);
                if part.is_none() && !text.is_empty() {
                    return Err(wrong("is none of training, validation and test"));
                }
                match (part, &mut codes.parts) {
                    (Some(part), Some(parts)) => parts.push(part),
                    (None, parts) => *parts = None,
                    _ => {}
                }
            }
            Column::Label => {
                let label = match self.numbers.get(text) {
                    _ if text.is_empty() => None,
                    Some(&number) => Some(number),
                    None => {
                        let number =
                            u16::try_from(codes.classes.len()).map_err(|_| wrong("more than 65536 classes"))?;
                        codes.classes.push(text.to_owned());
                        self.numbers.insert(text.to_owned(), number);
                        Some(number)
                    }
                };
                codes.labels.get_or_insert_default().push(label);
            }
            Column::Model => {
                let is_digest = text.len() >= MODEL_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                match &codes.model {
                    // Rows that were made, and not encoded, may have none.
                    _ if text.is_empty() => {}
                    _ if !is_digest => return Err(wrong("is no digest of a model")),
                    None => codes.model = Some(text.to_owned()),
                    Some(model) if model == text => {}
                    Some(_) => return Err(wrong("is of another model than the rows before")),
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn end_row(&mut self) -> Result<(), String> {
        let codes = &mut self.codes;
        let numbers = [(Some(&mut codes.means), &self.means), (Some(&mut codes.samples), &self.samples)];
        for (all, row) in numbers.into_iter().chain([(codes.logvars.as_mut(), &self.logvars)]) {
            let Some(all) = all else { continue };
            make_room(all, row.len())?;
            all.extend_from_slice(row);
        }
        Ok(())
    }

    pub(super) fn codes(self) -> Codes {
        self.codes
    }
}
