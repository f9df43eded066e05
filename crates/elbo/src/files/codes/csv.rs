//! A table as text: numbers have the fewest digits that give the same 32 bits again.

use super::columns::{Column, Layout};
use super::read::{Rows, unnumbered};
use super::write::{Head, Sink};
use super::{Codes, MODEL_DIGITS, ReadCodes};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};

pub(super) struct Writer<'a> {
    head: &'a Head,
    columns: Vec<Column>,
    table: csv::Writer<&'a mut File>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(head: &'a Head, file: &'a mut File) -> io::Result<Self> {
        let mut table = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(file);
        let columns = head.layout.columns();
        table.write_record(columns.iter().map(Column::to_string)).map_err(plain)?;
        Ok(Self { head, columns, table })
    }
}

impl Sink for Writer<'_> {
    fn put(&mut self, codes: &Codes) -> io::Result<()> {
        let model = self.head.model.as_deref().map_or("", |model| model.get(..MODEL_DIGITS).unwrap_or(model));
        let mut digits = String::new();
        for row in 0..codes.len() {
            for &column in &self.columns {
                if let Some(value) = codes.number(row, column) {
                    digits.clear();
                    // Shortest digits, with an exponent where they would be many.
                    let _ = write!(digits, "{value:?}");
                    self.table.write_field(&digits).map_err(plain)?;
                } else {
                    let text =
                        if column == Column::Model { model } else { codes.text(row, column, &self.head.classes) };
                    self.table.write_field(text).map_err(plain)?;
                }
            }
            self.table.write_record(None::<&[u8]>).map_err(plain)?;
        }
        Ok(())
    }

    fn end(mut self: Box<Self>) -> io::Result<()> {
        self.table.flush()
    }
}

/// What the system said.
fn plain(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

pub(super) fn read(reader: impl Read) -> Result<ReadCodes, String> {
    let mut table = csv::Reader::from_reader(reader);
    let names: Vec<String> = table.headers().map_err(said)?.iter().map(str::to_owned).collect();
    let (layout, columns, unused) = Layout::of(&names)?;
    let mut rows = Rows::new(layout);
    let mut record = csv::StringRecord::new();
    let (mut row, mut is_rounded) = (0, false);
    while table.read_record(&mut record).map_err(said)? {
        for (text, column) in record.iter().zip(&columns) {
            let Some(column) = *column else { continue };
            match column {
                Column::Name | Column::Part | Column::Label | Column::Model => rows.text(row, column, text)?,
                _ => {
                    let value: f32 = text.trim().parse().map_err(|_| unnumbered(row, column, text))?;
                    is_rounded = is_rounded || has_more_digits(text.trim(), value);
                    rows.number(column, value);
                }
            }
        }
        rows.end_row()?;
        row += 1;
    }
    Ok(ReadCodes { codes: rows.codes(), unused, is_rounded })
}

/// Whether a number has digits that are lost in the 32-bit float `value` that it is read as. The shortest digits that give
/// `value` again are not, though as a number they are another than `value`.
fn has_more_digits(text: &str, value: f32) -> bool {
    let shortest: Option<f64> = format!("{value:?}").parse().ok();
    let whole: Option<f64> = text.parse().ok();
    whole != shortest && whole != Some(f64::from(value)) && value.is_finite()
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
