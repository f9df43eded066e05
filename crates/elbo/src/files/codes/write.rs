//! Codes into a file, block by block.

use super::columns::Layout;
use super::{Codes, CodesError, CodesKind, CodesOrigin};
use crate::storage::{StorageError, write_with};
use std::fs::File;
use std::io;
use std::path::Path;

/// What is known of codes before the first of them.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) layout: Layout,
    /// How many there are.
    pub(crate) images: usize,
    pub(crate) classes: Vec<String>,
    pub(crate) model: Option<String>,
    pub(crate) origin: Option<CodesOrigin>,
}

impl Head {
    pub(super) fn of(codes: &Codes) -> Self {
        Self {
            layout: Layout {
                latent_dim: codes.latent_dim,
                has_names: codes.names.is_some(),
                has_parts: codes.parts.is_some(),
                has_labels: codes.labels.is_some(),
                has_model: codes.model.is_some(),
                has_logvars: codes.logvars.is_some(),
                draws: codes.draws,
            },
            images: codes.len(),
            classes: codes.classes.clone(),
            model: codes.model.clone(),
            origin: codes.origin.clone(),
        }
    }
}

/// A file that takes codes block by block.
pub(super) trait Sink {
    /// Takes the next codes, of the layout that was announced; the classes of their labels are those that were announced.
    fn put(&mut self, codes: &Codes) -> io::Result<()>;

    /// Writes what is left.
    fn end(self: Box<Self>) -> io::Result<()>;
}

fn sink<'a>(kind: CodesKind, head: &'a Head, file: &'a mut File) -> io::Result<Box<dyn Sink + 'a>> {
    Ok(match kind {
        CodesKind::Npy => Box::new(super::npy::Writer::new(head, file)?),
        CodesKind::Npz => Box::new(super::npz::Writer::new(head, file)),
        #[cfg(feature = "runs")]
        CodesKind::Csv => Box::new(super::csv::Writer::new(head, file)?),
        #[cfg(feature = "parquet")]
        CodesKind::Parquet => Box::new(super::parquet::Writer::new(head, file)?),
    })
}

/// Takes one block of codes after the other.
pub(crate) type Put<'a, E> = dyn FnMut(&Codes) -> Result<(), E> + 'a;

/// Writes a file of codes, wholly or not at all: `make` hands over one block after the other.
///
/// Memory is that of a block, or for `.npz` that of all codes.
pub(crate) fn write_blocks<E: From<CodesError>>(
    path: &Path,
    kind: CodesKind,
    head: &Head,
    make: impl FnOnce(&mut Put<'_, E>) -> Result<(), E>,
) -> Result<(), E> {
    if kind == CodesKind::Npy {
        let no_place = |what| CodesError::NoPlace { path: path.to_owned(), kind, what };
        if head.layout.has_logvars {
            return Err(no_place("log-variances").into());
        }
        if head.layout.draws > 0 {
            return Err(no_place("draws").into());
        }
    }
    let mut failed = None;
    let written = write_with(path, |file| {
        let mut sink = sink(kind, head, file)?;
        let mut row = 0;
        let made = make(&mut |codes| {
            if let Some((at, column, value)) = codes.find_not_finite() {
                let (path, column, value) = (path.to_owned(), column.to_string(), f64::from(value));
                return Err(CodesError::NotFinite { path, row: row + at, column, value }.into());
            }
            row += codes.len();
            sink.put(codes).map_err(|source| CodesError::from(StorageError::new("write", path)(source)).into())
        });
        match made {
            Ok(()) => sink.end(),
            Err(error) => {
                failed = Some(error);
                Err(io::Error::other("what was to be written could not be made"))
            }
        }
    });
    match failed {
        Some(error) => Err(error),
        None => written.map_err(|error| CodesError::from(error).into()),
    }
}
