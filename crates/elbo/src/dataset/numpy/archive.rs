//! The arrays of a file: one of a `.npy` file, or several with names of a `.npz` file.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::ArrayError;
use super::array::Array;
use super::header::MAGIC;
use super::stream::Stream;
use crate::dataset::DatasetError;
use crate::dataset::stamp::Stamp;

/// How many names of arrays an error lists.
const LISTED: usize = 12;

/// How zip files begin.
const ZIP: &[u8; 4] = b"PK\x03\x04";

/// Whether a file begins as those with arrays do.
pub(in crate::dataset) fn is_arrays(path: &Path) -> bool {
    let mut start = Vec::with_capacity(6);
    let read = File::open(path).and_then(|file| file.take(6).read_to_end(&mut start));
    read.is_ok() && (start == MAGIC || start.starts_with(ZIP))
}

/// The arrays of a file.
pub(super) struct Arrays<'a> {
    pub(super) path: &'a Path,
    /// The file as it was when it was opened; none for an array from a reader.
    pub(super) stamp: Option<Stamp>,
    source: Source,
    /// Their names, without `.npy`.
    names: Vec<String>,
    /// The names of those that were read.
    read: Vec<String>,
}

enum Source {
    /// A `.npy` file.
    Single(File),
    Archive(Box<ZipArchive<BufReader<File>>>),
    /// What a `.npy` file would hold.
    Memory(Vec<u8>),
}

/// The numbers of an array of a file.
pub(super) type ArrayStream<'a> = Stream<Box<dyn Read + 'a>>;

impl<'a> Arrays<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self, DatasetError> {
        let failed = |source| DatasetError::io(path, source);
        let mut file = File::open(path).map_err(failed)?;
        let stamp = Some(Stamp::of(&file).map_err(failed)?);
        let mut start = Vec::with_capacity(4);
        Read::by_ref(&mut file).take(4).read_to_end(&mut start).map_err(failed)?;
        if start != ZIP {
            return Ok(Self {
                path,
                stamp,
                source: Source::Single(file),
                names: vec![String::new()],
                read: Vec::new(),
            });
        }
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| ArrayError::Unreadable {
            path: path.to_owned(),
            array: None,
            reason: error.to_string(),
        })?;
        let names = archive.file_names().flatten();
        let names = names.filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect();
        Ok(Self { path, stamp, source: Source::Archive(Box::new(archive)), names, read: Vec::new() })
    }

    /// One array, of what a `.npy` file would hold, which errors call `path`.
    pub(super) fn in_memory(path: &'a Path, bytes: Vec<u8>) -> Self {
        Self { path, stamp: None, source: Source::Memory(bytes), names: vec![String::new()], read: Vec::new() }
    }

    /// The bytes of what [`in_memory`](Self::in_memory) was given.
    pub(super) fn into_memory(self) -> Vec<u8> {
        match self.source {
            Source::Memory(bytes) => bytes,
            _ => Vec::new(),
        }
    }

    /// The first of these names that is here.
    pub(super) fn find(&self, names: &[&str]) -> Option<String> {
        names.iter().find(|&&name| self.names.iter().any(|here| here == name)).map(|&name| name.to_owned())
    }

    /// The name of the only array, if there is but one.
    pub(super) fn only(&self) -> Option<String> {
        match &*self.names {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    /// Begins to read an array.
    pub(super) fn stream(&mut self, name: &str) -> Result<ArrayStream<'_>, DatasetError> {
        self.read.push(name.to_owned());
        let path = self.path;
        let wrong = |reason| unreadable(path, name, reason);
        let reader: Box<dyn Read> = match &mut self.source {
            Source::Single(file) => {
                file.seek(SeekFrom::Start(0)).map_err(|error| DatasetError::io(path, error))?;
                Box::new(BufReader::new(&*file))
            }
            Source::Archive(archive) => match archive.by_name(&member(name)) {
                Ok(file) => Box::new(BufReader::new(file)),
                Err(error) => return Err(wrong(error.to_string())),
            },
            Source::Memory(bytes) => Box::new(Cursor::new(&*bytes)),
        };
        Stream::open(reader).map_err(wrong)
    }

    /// Reads a whole array.
    pub(super) fn array(&mut self, name: &str) -> Result<Array, DatasetError> {
        let path = self.path;
        Array::read(self.stream(name)?).map_err(|reason| unreadable(path, name, reason))
    }

    /// Where in the file an array begins that lies there as it is.
    pub(super) fn place(&mut self, name: &str) -> Option<u64> {
        match &mut self.source {
            Source::Single(_) => Some(0),
            Source::Archive(archive) => {
                let file = archive.by_name(&member(name)).ok()?;
                let is_plain = file.compression() == CompressionMethod::Stored && !file.encrypted();
                file.data_start().filter(|_| is_plain)
            }
            Source::Memory(_) => None,
        }
    }

    /// Whether the file is not any more what it was when it was opened.
    pub(super) fn has_changed(&self) -> bool {
        let now = match &self.source {
            Source::Single(file) => Stamp::of(file).ok(),
            // An archive does not lend its file.
            Source::Archive(_) => File::open(self.path).and_then(|file| Stamp::of(&file)).ok(),
            Source::Memory(_) => None,
        };
        now != self.stamp
    }

    /// The names of arrays that nothing was made of, as many as an error lists.
    pub(super) fn unused(&self) -> Vec<String> {
        let mut unused: Vec<String> = self.names.iter().filter(|name| !self.read.contains(name)).cloned().collect();
        unused.sort();
        unused.truncate(LISTED);
        unused
    }

    pub(super) fn no_images(&self) -> ArrayError {
        let mut arrays: Vec<String> = self.names.iter().take(LISTED).cloned().collect();
        arrays.sort();
        ArrayError::NoImages { path: self.path.to_owned(), arrays }
    }
}

/// How an archive calls an array.
fn member(name: &str) -> String {
    format!("{name}.npy")
}

/// The error for an array, with its name if it has one.
pub(super) fn unreadable(path: &Path, name: &str, reason: String) -> DatasetError {
    ArrayError::Unreadable { path: path.to_owned(), array: key(name), reason }.into()
}

/// The name of an array, if it has one.
pub(super) fn key(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}
