//! The framing of TensorFlow's record files: the length of a record, its bytes, and a checksum after each.
//!
//! Source: TensorFlow, `tensorflow/core/lib/io/record_writer.h`. Numbers are little-endian; a checksum is CRC-32C, turned and
//! shifted so that a checksum of what holds checksums is not degenerate.

use crc::{CRC_32_ISCSI, Crc};
use std::io::{self, Read};

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Bytes around those of a record.
const FRAME: usize = 8 + 4 + 4;

fn checksum(bytes: &[u8]) -> [u8; 4] {
    CRC.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// Bytes that a record of so many takes.
pub(super) fn length(bytes: usize) -> u64 {
    (bytes + FRAME) as u64
}

/// Adds a record.
pub(super) fn write(out: &mut Vec<u8>, record: &[u8]) {
    let length = (record.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(checksum(&length));
    out.extend(record);
    out.extend(checksum(record));
}

/// The next record, if there is a whole one in what is left of the file.
pub(super) fn read(file: &mut impl Read, left: u64) -> io::Result<Option<Vec<u8>>> {
    let mut frame = [0; 12];
    if left < length(0) {
        return Ok(None);
    }
    file.read_exact(&mut frame)?;
    let (size, check) = frame.split_at(8);
    let bytes = u64::from_le_bytes(<[u8; 8]>::try_from(size).unwrap_or_default());
    if checksum(size) != *check || bytes > left - length(0) {
        return Ok(None);
    }
    // No more than the file has.
    let mut record = vec![0; bytes as usize];
    let mut check = [0; 4];
    file.read_exact(&mut record)?;
    file.read_exact(&mut check)?;
    Ok((checksum(&record) == check).then_some(record))
}
