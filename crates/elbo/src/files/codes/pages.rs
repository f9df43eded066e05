//! That the pages of a column of a `.parquet` file are what they say, before anything is made of them: the crate that reads
//! them makes room for as much as a page announces.
//!
//! A page begins with a header in the compact protocol of Thrift.
//! <https://parquet.apache.org/docs/file-format/data-pages/>,
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// Kinds of pages.
const DATA: i64 = 0;
const INDEX: i64 = 1;
const DICTIONARY: i64 = 2;
const DATA_2: i64 = 3;

/// Encodings that are read: numbers and texts as they are, and by their place in a dictionary.
const PLAIN: i64 = 0;
const PLAIN_DICTIONARY: i64 = 2;
const DICTIONARY_PLACES: i64 = 8;

/// The most that compression can make of a byte: Snappy's shortest copy has two bytes and is of at most 64.
const MOST: u64 = 64;

/// A structure lies in no more of others than this.
const DEPTH: u32 = 8;

/// What is wrong with a header that ends too early, or says something twice.
const DAMAGED: &str = "the header of a page is damaged";

/// Checks the pages of a column that has so many rows.
pub(super) fn check(mut column: &[u8], rows: u64) -> Result<(), String> {
    let mut seen = 0;
    let mut has_dictionary = false;
    let mut is_first = true;
    while !column.is_empty() {
        let mut thrift = Thrift { left: column };
        let mut header = Header::default();
        thrift.structure(0, 0, &mut header)?;
        let size = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).ok_or(DAMAGED);
        let (stored, unpacked) = (size(header.stored)?, size(header.unpacked)?);
        column = usize::try_from(stored).ok().and_then(|stored| thrift.left.get(stored..)).ok_or(DAMAGED)?;
        let levels = size(Some(header.definitions.unwrap_or(0)))? + size(Some(header.repetitions.unwrap_or(0)))?;
        if unpacked > MOST * (stored + 1) || levels > stored.min(unpacked) {
            return Err(DAMAGED.to_owned());
        }
        match (header.kind, header.encoding) {
            (Some(INDEX), _) => {}
            (Some(DICTIONARY), Some(PLAIN | PLAIN_DICTIONARY)) if is_first => {
                // A number has four bytes, and a text the four of its length.
                if size(header.values)? > unpacked / 4 {
                    return Err(DAMAGED.to_owned());
                }
                has_dictionary = true;
            }
            (Some(DATA | DATA_2), Some(encoding)) => {
                match encoding {
                    PLAIN => {}
                    PLAIN_DICTIONARY | DICTIONARY_PLACES if has_dictionary => {}
                    PLAIN_DICTIONARY | DICTIONARY_PLACES => return Err("a column without its dictionary".to_owned()),
                    _ => {
                        return Err(format!(
                            "a column in the encoding {encoding}: plain ones and dictionaries are read"
                        ));
                    }
                }
                seen += size(header.values)?;
                if seen > rows {
                    return Err(format!("a column of more than the {rows} rows that are announced"));
                }
            }
            _ => return Err(DAMAGED.to_owned()),
        }
        is_first = false;
    }
    if seen < rows { Err(format!("a column of {seen} rows, and {rows} are announced")) } else { Ok(()) }
}

/// What the header of a page says, as far as it is checked.
#[derive(Default)]
struct Header {
    kind: Option<i64>,
    /// Bytes, uncompressed.
    unpacked: Option<i64>,
    /// Bytes, as they are in the file.
    stored: Option<i64>,
    values: Option<i64>,
    encoding: Option<i64>,
    /// Bytes of levels.
    definitions: Option<i64>,
    repetitions: Option<i64>,
}

impl Header {
    /// Where a field goes, of the header itself (`within` is 0) or of one of its structures: that of a data page (5), of a
    /// dictionary (7), of a data page of the second version (8).
    fn place(&mut self, within: i64, field: i64) -> Option<&mut Option<i64>> {
        Some(match (within, field) {
            (0, 1) => &mut self.kind,
            (0, 2) => &mut self.unpacked,
            (0, 3) => &mut self.stored,
            (5 | 7 | 8, 1) => &mut self.values,
            (5 | 7, 2) | (8, 4) => &mut self.encoding,
            (8, 5) => &mut self.definitions,
            (8, 6) => &mut self.repetitions,
            _ => return None,
        })
    }
}

/// Bytes in the compact protocol of Thrift.
struct Thrift<'a> {
    left: &'a [u8],
}

impl Thrift<'_> {
    fn byte(&mut self) -> Result<u8, String> {
        let (&byte, left) = self.left.split_first().ok_or(DAMAGED)?;
        self.left = left;
        Ok(byte)
    }

    fn skip(&mut self, count: u64) -> Result<(), String> {
        let count = usize::try_from(count).map_err(|_| DAMAGED)?;
        self.left = self.left.get(count..).ok_or(DAMAGED)?;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(number);
            }
        }
        Err(DAMAGED.to_owned())
    }

    /// A number whose lowest bit is its sign.
    fn integer(&mut self) -> Result<i64, String> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn structure(&mut self, within: i64, depth: u32, header: &mut Header) -> Result<(), String> {
        if depth > DEPTH {
            return Err(DAMAGED.to_owned());
        }
        let mut field: i64 = 0;
        loop {
            let start = self.byte()?;
            let (step, kind) = (i64::from(start >> 4), start & 15);
            if kind == 0 {
                return Ok(());
            }
            field = if step == 0 { self.integer()? } else { field.saturating_add(step) };
            let place = if depth == 0 || (depth == 1 && within > 0) { header.place(within, field) } else { None };
            match (kind, place) {
                (4..=6, Some(place)) => {
                    if place.replace(self.integer()?).is_some() {
                        return Err(DAMAGED.to_owned());
                    }
                }
                (_, Some(_)) => return Err(DAMAGED.to_owned()),
                // Of structures in structures nothing is looked at.
                (12, None) => self.structure(if depth == 0 { field } else { -1 }, depth + 1, header)?,
                // A truth has its value in its kind.
                (1 | 2, None) => {}
                (_, None) => self.value(kind, depth, header)?,
            }
        }
    }

    /// Passes over a value.
    fn value(&mut self, kind: u8, depth: u32, header: &mut Header) -> Result<(), String> {
        if depth >= DEPTH {
            return Err(DAMAGED.to_owned());
        }
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.varint().map(drop),
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 | 10 => {
                let start = self.byte()?;
                let count = if start >> 4 == 15 { self.varint()? } else { u64::from(start >> 4) };
                // Each element takes a byte at least, so this ends with the bytes.
                (0..count).try_for_each(|_| self.value(start & 15, depth + 1, header))
            }
            12 => self.structure(-1, depth + 1, header),
            _ => Err(DAMAGED.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page with a header of this kind, which has these values in this encoding, and its bytes.
    fn page(kind: i64, values: i64, encoding: i64, unpacked: i64, bytes: &[u8]) -> Vec<u8> {
        let zigzag = |number: i64| {
            let mut number = ((number << 1) ^ (number >> 63)) as u64;
            let mut out = Vec::new();
            while number > 127 {
                out.push(number as u8 | 128);
                number >>= 7;
            }
            out.push(number as u8);
            out
        };
        let structure = if kind == DICTIONARY { 7 } else { 5 };
        let mut page = Vec::new();
        for number in [kind, unpacked, bytes.len() as i64] {
            page.push(0x15);
            page.extend(zigzag(number));
        }
        page.push(((structure - 3) << 4 | 0x0c) as u8);
        for number in [values, encoding] {
            page.push(0x15);
            page.extend(zigzag(number));
        }
        page.extend([0, 0]);
        page.extend(bytes);
        page
    }

    #[test]
    fn pages_that_are_what_they_say_pass() {
        let dictionary = page(DICTIONARY, 3, PLAIN, 12, &[0; 12]);
        let places = page(DATA, 1000, DICTIONARY_PLACES, 6, &[1; 6]);
        assert_eq!(check(&[dictionary, places.clone(), places].concat(), 2000), Ok(()));
        assert_eq!(check(&page(DATA, 2, PLAIN, 8, &[0; 8]), 2), Ok(()));
        assert_eq!(check(&[], 0), Ok(()));
    }

    #[test]
    fn pages_that_announce_more_than_there_is_do_not() {
        let plain = |values, unpacked, bytes: &[u8]| page(DATA, values, PLAIN, unpacked, bytes);
        for (name, column, reason) in [
            ("more rows", plain(3, 8, &[0; 8]), "more than the 2 rows"),
            ("fewer rows", plain(1, 8, &[0; 8]), "1 rows, and 2"),
            ("unpacked", plain(2, 1 << 30, &[0; 8]), DAMAGED),
            ("negative", plain(-1, 8, &[0; 8]), DAMAGED),
            ("negative size", plain(2, -8, &[0; 8]), DAMAGED),
            ("dictionary", page(DICTIONARY, 1 << 30, PLAIN, 8, &[0; 8]), DAMAGED),
            ("no dictionary", page(DATA, 2, DICTIONARY_PLACES, 8, &[0; 8]), "without its dictionary"),
            ("encoding", page(DATA, 2, 9, 8, &[0; 8]), "encoding 9"),
            ("cut", plain(2, 8, &[0; 8])[..12].to_vec(), DAMAGED),
            // A text of 2^62 bytes in the header.
            ("text", [&[0x48][..], &[0xff; 8], &[0x3f]].concat(), DAMAGED),
            // Lists in lists without end.
            ("depth", [&[0x49][..], &[0x19; 100]].concat(), DAMAGED),
            ("structures", [&[0x6c][..], &[0x1c; 1000]].concat(), DAMAGED),
            ("twice", vec![0x15, 0, 0x05, 2, 0, 0], DAMAGED),
        ] {
            let error = check(&column, 2).unwrap_err();
            assert!(error.contains(reason), "{name}: {error}");
        }
    }
}
