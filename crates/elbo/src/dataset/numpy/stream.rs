//! The numbers of an array, read piece by piece from its beginning to its end.

use std::io::{ErrorKind, Read};

use super::header::{Header, take};

/// An array that is being read.
pub(super) struct Stream<R> {
    reader: R,
    pub(super) header: Header,
    /// Bytes of numbers that are still to come.
    left: u64,
}

impl<R: Read> Stream<R> {
    /// Reads the header.
    pub(super) fn open(mut reader: R) -> Result<Self, String> {
        let header = Header::read(&mut reader)?;
        let left = header.bytes;
        Ok(Self { reader, header, left })
    }

    /// The next numbers, `most` bytes of them or what is left, in place of what is in `bytes`, which grows with what there
    /// is, whatever the header says.
    pub(super) fn next(&mut self, most: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        let expected = self.left.min(most as u64);
        bytes.clear();
        take(&mut self.reader, expected, bytes)?;
        self.left -= bytes.len() as u64;
        if (bytes.len() as u64) < expected { Err(self.wrong(&self.found())) } else { Ok(()) }
    }

    /// The next numbers, as many bytes as `bytes` has.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.reader.read(&mut bytes[filled..]) {
                Ok(0) => return Err(self.wrong(&self.found())),
                Ok(read) => {
                    filled += read;
                    self.left = self.left.saturating_sub(read as u64);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// That all numbers were read, and nothing follows them.
    pub(super) fn end(mut self) -> Result<(), String> {
        let mut more = Vec::new();
        // At their end members of an archive compare their checksums.
        take(&mut self.reader, 1, &mut more)?;
        if more.is_empty() { Ok(()) } else { Err(self.wrong("more")) }
    }

    /// How many bytes of numbers were found.
    fn found(&self) -> String {
        (self.header.bytes - self.left).to_string()
    }

    fn wrong(&self, found: &str) -> String {
        let Header { bytes, shape, .. } = &self.header;
        format!("the header announces {bytes} bytes ({shape:?}), {found} follow it")
    }
}
