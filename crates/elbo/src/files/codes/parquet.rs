//! A table in columns, as `parquet` files have it: <https://parquet.apache.org/docs/file-format/>.
//!
//! Numbers stand as they are, uncompressed, since random digits do not get shorter; texts that come again and again stand in a
//! dictionary. Read are also columns compressed by Snappy, as `pandas` writes them.

use super::columns::{Column, Layout};
use super::pages;
use super::read::{Rows, make_room, unnumbered};
use super::write::{Head, Sink};
use super::{Codes, CodesOrigin, MODEL_DIGITS, ReadCodes};
use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// Where the metadata has the [`CodesOrigin`].
const KEY: &str = "elbo";

/// A group of rows has as many numbers as this, or a block more.
const GROUP: usize = 1 << 22;

/// Rows read at a time.
const BATCH: usize = 1 << 14;

/// The most bytes that all numbers of a table may take.
const MAX_BYTES: u64 = 16 << 30;

pub(super) struct Writer<'a> {
    head: &'a Head,
    columns: Vec<Column>,
    file: SerializedFileWriter<&'a mut File>,
    /// Rows of the next group.
    waiting: Codes,
}

impl<'a> Writer<'a> {
    pub(super) fn new(head: &'a Head, file: &'a mut File) -> io::Result<Self> {
        let columns = head.layout.columns();
        let fields =
            columns.iter().map(|&column| field(column).map(Arc::new)).collect::<Result<_, _>>().map_err(plain)?;
        let schema = Type::group_type_builder("codes").with_fields(fields).build().map_err(plain)?;
        let mut properties = WriterProperties::builder()
            .set_created_by(format!("elbo {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::UNCOMPRESSED)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_dictionary_enabled(false);
        for column in [Column::Part, Column::Label, Column::Model] {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(column.to_string()), true);
        }
        if let Some(origin) = &head.origin {
            let entry = KeyValue::new(KEY.to_owned(), serde_json::to_string(origin)?);
            properties = properties.set_key_value_metadata(Some(vec![entry]));
        }
        let file = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties.build())).map_err(plain)?;
        Ok(Self { head, columns, file, waiting: empty(head) })
    }

    /// Writes the rows that wait as a group.
    fn write_group(&mut self) -> io::Result<()> {
        let codes = std::mem::replace(&mut self.waiting, empty(self.head));
        let model = self.head.model.as_deref().map_or("", |model| model.get(..MODEL_DIGITS).unwrap_or(model));
        let rows = 0..codes.len();
        let mut group = self.file.next_row_group().map_err(plain)?;
        for &column in &self.columns {
            let Some(mut writer) = group.next_column().map_err(plain)? else { break };
            if is_text(column) {
                let text =
                    |row| if column == Column::Model { model } else { codes.text(row, column, &self.head.classes) };
                // A text that is not there is empty here, and none in the file.
                let levels: Vec<i16> = rows.clone().map(|row| i16::from(!text(row).is_empty())).collect();
                let texts: Vec<ByteArray> =
                    rows.clone().map(text).filter(|text| !text.is_empty()).map(ByteArray::from).collect();
                writer.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None).map_err(plain)?;
            } else {
                let values: Vec<f32> = rows.clone().filter_map(|row| codes.number(row, column)).collect();
                writer.typed::<FloatType>().write_batch(&values, None, None).map_err(plain)?;
            }
            writer.close().map_err(plain)?;
        }
        group.close().map_err(plain)?;
        Ok(())
    }
}

/// What the system said, if it is that.
fn plain(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}

/// No codes, of a layout.
fn empty(head: &Head) -> Codes {
    Codes { latent_dim: head.layout.latent_dim, draws: head.layout.draws, ..Codes::default() }
}

fn is_text(column: Column) -> bool {
    matches!(column, Column::Name | Column::Part | Column::Label | Column::Model)
}

fn field(column: Column) -> Result<Type, ParquetError> {
    let name = column.to_string();
    if is_text(column) {
        Type::primitive_type_builder(&name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(Some(LogicalType::String))
            .with_converted_type(ConvertedType::UTF8)
            .build()
    } else {
        Type::primitive_type_builder(&name, Physical::FLOAT).with_repetition(Repetition::REQUIRED).build()
    }
}

impl Sink for Writer<'_> {
    fn put(&mut self, codes: &Codes) -> io::Result<()> {
        self.waiting.append(codes);
        let numbers = self.waiting.len().saturating_mul(self.columns.len());
        if numbers >= GROUP { self.write_group() } else { Ok(()) }
    }

    fn end(mut self: Box<Self>) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.write_group()?;
        }
        self.file.close().map_err(plain)?;
        Ok(())
    }
}

/// A column of a group of rows.
enum Cells {
    Numbers(Vec<f32>),
    Texts(Vec<Option<ByteArray>>),
}

pub(super) fn read(mut file: File) -> Result<ReadCodes, String> {
    let reader = SerializedFileReader::new(file.try_clone().map_err(said)?).map_err(said)?;
    let metadata = reader.metadata();
    let schema = metadata.file_metadata().schema_descr();
    // A column within others is called by all of them.
    let names: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
    let (layout, columns, unused) = Layout::of(&names)?;
    let inner = |name: &&String| name.split_once('.').is_some_and(|(outer, _)| Column::named(outer).is_some());
    if let Some(name) = unused.iter().find(inner) {
        return Err(format!("column {} holds lists or structures", name.split('.').next().unwrap_or_default()));
    }
    let groups = metadata.row_groups();
    let count = groups.iter().try_fold(0_u64, |count, group| count.checked_add(u64::try_from(group.num_rows()).ok()?));
    let bytes = count.and_then(|rows| rows.checked_mul(4 * columns.len() as u64)).filter(|bytes| *bytes <= MAX_BYTES);
    if bytes.is_none() {
        return Err(format!("the rows that are announced are more than {} GiB", MAX_BYTES >> 30));
    }
    let mut rows = Rows::new(layout);
    let (mut is_rounded, mut base) = (false, 0);
    for (number, group) in groups.iter().enumerate() {
        let count = group.num_rows() as usize;
        let mut cells = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            let Some(column) = *column else { continue };
            let named = |reason: String| format!("column {column}: {reason}");
            let described = schema.column(index);
            if described.max_rep_level() > 0 || described.max_def_level() > 1 {
                return Err(named("holds lists or structures".to_owned()));
            }
            if let Some(wanted) = wanted(column, described.physical_type()) {
                return Err(named(format!("holds no {wanted}")));
            }
            let chunk = group.columns().get(index).ok_or_else(|| named("is missing".to_owned()))?;
            check_chunk(&mut file, chunk, count as u64).map_err(named)?;
            let opened = reader.get_row_group(number).and_then(|group| group.get_column_reader(index));
            let is_optional = described.max_def_level() > 0;
            let found = read_column(opened.map_err(said)?, column, count, is_optional, base, &mut is_rounded)?;
            cells.push((column, found));
        }
        for row in 0..count {
            for (column, cells) in &cells {
                match cells {
                    Cells::Numbers(values) => rows.number(*column, values[row]),
                    Cells::Texts(texts) => {
                        let text = texts[row].as_ref().map_or(Ok(""), |text| text.as_utf8());
                        let text = text.map_err(|_| format!("row {}, column {column}, is no Unicode", base + row))?;
                        rows.text(base + row, *column, text)?;
                    }
                }
            }
            rows.end_row()?;
        }
        base += count;
    }
    let mut codes = rows.codes();
    let entries = metadata.file_metadata().key_value_metadata();
    let json = entries.into_iter().flatten().find(|entry| entry.key == KEY).and_then(|entry| entry.value.as_ref());
    if let Some(json) = json {
        let origin: CodesOrigin = serde_json::from_str(json).map_err(|error| format!("metadata: {error}"))?;
        // Rows of another model do not become this one's by what the file says of itself.
        if codes.model.as_ref().is_none_or(|model| origin.model.starts_with(model.as_str())) {
            codes.model = Some(origin.model.clone());
        }
        codes.origin = Some(origin);
    }
    Ok(ReadCodes { codes, unused, is_rounded })
}

/// What a column should hold, if values of this type are not it.
fn wanted(column: Column, found: Physical) -> Option<&'static str> {
    match (is_text(column), found) {
        (true, Physical::BYTE_ARRAY) | (false, Physical::FLOAT | Physical::DOUBLE) => None,
        (true, _) => Some("texts"),
        (false, _) => Some("floating-point numbers of 32 or 64 bits"),
    }
}

/// Checks where a column lies in the file, and its pages.
fn check_chunk(file: &mut File, chunk: &parquet::file::metadata::ColumnChunkMetaData, rows: u64) -> Result<(), String> {
    if !matches!(chunk.compression(), Compression::UNCOMPRESSED | Compression::SNAPPY) {
        return Err(format!(
            "compressed by {}: columns compressed by Snappy or not at all are read",
            chunk.compression()
        ));
    }
    if u64::try_from(chunk.num_values()).ok() != Some(rows) {
        return Err(format!("has {} values, and the table {rows} rows", chunk.num_values()));
    }
    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    let place = u64::try_from(start).ok().zip(u64::try_from(chunk.compressed_size()).ok());
    let (start, length) = place.ok_or("lies nowhere")?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start)).map_err(said)?;
    file.take(length).read_to_end(&mut bytes).map_err(said)?;
    if (bytes.len() as u64) < length {
        return Err("the file ends within it".to_owned());
    }
    pages::check(&bytes, rows)
}

/// The cells of a column of numbers or texts; `base` is the number of the first row.
fn read_column(
    reader: ColumnReader,
    column: Column,
    count: usize,
    is_optional: bool,
    base: usize,
    is_rounded: &mut bool,
) -> Result<Cells, String> {
    let without_gaps = |levels: &[i16]| match levels.iter().position(|level| *level == 0) {
        Some(row) => Err(unnumbered(base + row, column, "")),
        None => Ok(()),
    };
    match (reader, is_text(column)) {
        (ColumnReader::ByteArrayColumnReader(reader), true) => {
            let (values, levels) = all(reader, count, is_optional)?;
            if !is_optional {
                return Ok(Cells::Texts(values.into_iter().map(Some).collect()));
            }
            let mut values = values.into_iter();
            Ok(Cells::Texts(levels.iter().map(|level| if *level > 0 { values.next() } else { None }).collect()))
        }
        (ColumnReader::FloatColumnReader(reader), false) => {
            let (values, levels) = all(reader, count, is_optional)?;
            without_gaps(&levels)?;
            Ok(Cells::Numbers(values))
        }
        (ColumnReader::DoubleColumnReader(reader), false) => {
            let (values, levels) = all(reader, count, is_optional)?;
            without_gaps(&levels)?;
            *is_rounded |= values.iter().any(|&value| value.is_finite() && f64::from(value as f32) != value);
            Ok(Cells::Numbers(values.into_iter().map(|value| value as f32).collect()))
        }
        _ => Err(format!("column {column} holds values of another type than it says")),
    }
}

/// All values of a column, and whether each row has one, where that is said.
fn all<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    count: usize,
    is_optional: bool,
) -> Result<(Vec<T::T>, Vec<i16>), String> {
    let (mut values, mut levels, mut rows) = (Vec::new(), Vec::new(), 0);
    while rows < count {
        make_room(&mut values, BATCH.min(count - rows))?;
        make_room(&mut levels, BATCH.min(count - rows))?;
        let levels = is_optional.then_some(&mut levels);
        let (read, _, _) = reader.read_records(BATCH.min(count - rows), levels, None, &mut values).map_err(said)?;
        if read == 0 {
            break;
        }
        rows += read;
    }
    let present = if is_optional { levels.iter().filter(|level| **level > 0).count() } else { count };
    if rows != count || values.len() != present || (is_optional && levels.len() != count) {
        return Err(format!("a column of {rows} rows, and {count} are announced"));
    }
    Ok((values, levels))
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
