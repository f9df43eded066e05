//! An array of `NumPy` for each of what there is.

use super::columns::{part_name, part_named};
use super::npy::{floats, width};
use super::write::{Head, Sink};
use super::{Codes, CodesOrigin, ReadCodes};
use crate::dataset::numpy::{Array, read_array};
use crate::files::npy::header;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Members of 4 GiB and more have longer numbers in their headers; it is not known before how long a compressed one gets.
const LARGE: u64 = 1 << 30;

/// Arrays lie one after the other in a file, so all codes are kept until the last has come.
pub(super) struct Writer<'a> {
    head: &'a Head,
    file: &'a mut File,
    codes: Codes,
}

impl<'a> Writer<'a> {
    pub(super) fn new(head: &'a Head, file: &'a mut File) -> Self {
        Self { head, file, codes: Codes::default() }
    }
}

impl Sink for Writer<'_> {
    fn put(&mut self, codes: &Codes) -> io::Result<()> {
        self.codes.append(codes);
        Ok(())
    }

    fn end(self: Box<Self>) -> io::Result<()> {
        let Self { head, file, codes } = *self;
        let dim = head.layout.latent_dim;
        let images = codes.means.len() / dim;
        let mut archive = Archive(Some(ZipWriter::new(BufWriter::new(file))));
        archive.floats("means", &[images, dim], &codes.means)?;
        if let Some(logvars) = &codes.logvars {
            archive.floats("logvars", &[images, dim], logvars)?;
        }
        if head.layout.draws > 0 {
            archive.floats("samples", &[images, head.layout.draws, dim], &codes.samples)?;
        }
        if let Some(labels) = &codes.labels {
            let numbers = labels.iter().map(|label| label.map_or(-1, i32::from).to_le_bytes());
            archive.array("labels", "<i4", &[images], numbers)?;
            archive.words("classes", &head.classes)?;
        }
        if let Some(names) = &codes.names {
            archive.words("names", names)?;
        }
        if let Some(parts) = &codes.parts {
            let parts: Vec<String> = parts.iter().map(|part| part_name(*part).to_owned()).collect();
            archive.words("parts", &parts)?;
        }
        if let Some(origin) = &head.origin {
            let json = serde_json::to_vec(origin)?;
            archive.array("metadata", "|u1", &[json.len()], json.iter().map(std::slice::from_ref))?;
        }
        match archive.0.take() {
            Some(archive) => archive.finish()?.flush(),
            None => Ok(()),
        }
    }
}

/// None of it is left when it was ended.
struct Archive<W: Write + Seek>(Option<ZipWriter<W>>);

impl<W: Write + Seek> Drop for Archive<W> {
    fn drop(&mut self) {
        // Where writing failed the file is thrown away. Its own end would try to write to it once more, and print that it
        // cannot.
        std::mem::forget(self.0.take());
    }
}

impl<W: Write + Seek> Archive<W> {
    /// Writes an array whose elements are these bytes.
    fn array(
        &mut self,
        name: &str,
        element: &str,
        shape: &[usize],
        elements: impl Iterator<Item = impl AsRef<[u8]>>,
    ) -> io::Result<()> {
        // Texts are filled up to the longest; numbers do not get shorter.
        let is_text = element.starts_with("<U");
        let method = if is_text { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let bytes: u64 = shape.iter().map(|&side| side as u64).product();
        let options = SimpleFileOptions::default().compression_method(method).large_file(is_text || bytes >= LARGE);
        let Some(archive) = &mut self.0 else { return Ok(()) };
        archive.start_file(format!("{name}.npy"), options)?;
        let mut member = BufWriter::new(archive);
        member.write_all(&header(element, shape))?;
        elements.into_iter().try_for_each(|element| member.write_all(element.as_ref()))?;
        member.flush()
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> io::Result<()> {
        self.array(name, "<f4", shape, values.iter().map(|value| value.to_le_bytes()))
    }

    /// Texts, each as long as the longest.
    fn words(&mut self, name: &str, words: &[String]) -> io::Result<()> {
        let longest = words.iter().map(|word| word.chars().count()).max().unwrap_or(0).max(1);
        let elements = words.iter().map(|word| {
            let mut bytes: Vec<u8> = word.chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect();
            bytes.resize(4 * longest, 0);
            bytes
        });
        self.array(name, &format!("<U{longest}"), &[words.len()], elements)
    }
}

pub(super) fn read(file: impl Read + Seek) -> Result<ReadCodes, String> {
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| error.to_string())?;
    let names = archive.file_names().flatten();
    let names: Vec<String> = names.filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect();
    // One array, of whatever name, is codes.
    let means = match &names[..] {
        _ if names.iter().any(|name| name == "means") => "means",
        [only] => only,
        _ => return Err(format!("no array is called means; there are {}", listed(&names))),
    };
    let mut known = vec![means];
    let mut read = ReadCodes::default();
    let mut rounded = false;
    let codes = &mut read.codes;
    let shape;
    (shape, codes.means) = member(&mut archive, means, |file| floats(file, &mut rounded))?;
    codes.latent_dim = width(&shape).map_err(|reason| format!("{means}: {reason}"))?;
    let images = codes.means.len() / codes.latent_dim;
    let mut optional = |name: &'static str| {
        let has = names.iter().any(|here| here == name) && name != means;
        if has {
            known.push(name);
        }
        has
    };
    if optional("logvars") {
        let (found, values) = member(&mut archive, "logvars", |file| floats(file, &mut rounded))?;
        expect("logvars", &found, &shape)?;
        codes.logvars = Some(values);
    }
    if optional("samples") {
        let (found, values) = member(&mut archive, "samples", |file| floats(file, &mut rounded))?;
        codes.draws = found.get(1).copied().unwrap_or(0);
        expect("samples", &found, &[images, codes.draws, codes.latent_dim])?;
        codes.samples = values;
    }
    if optional("classes") {
        codes.classes = words(&array(&mut archive, "classes")?, "classes")?;
    }
    if optional("labels") {
        let array = array(&mut archive, "labels")?;
        expect("labels", &array.shape, &[images])?;
        let numbers = array.integers().ok_or("labels: no whole numbers")?;
        let (count, wrong) = (codes.classes.len(), "labels: one is the number of no class".to_owned());
        let label = |number| match number {
            -1 => Ok(None),
            number => u16::try_from(number).ok().filter(|&label| usize::from(label) < count).map(Some).ok_or(&wrong),
        };
        codes.labels = Some(numbers.into_iter().map(label).collect::<Result<_, _>>()?);
    }
    if optional("names") {
        let array = array(&mut archive, "names")?;
        expect("names", &array.shape, &[images])?;
        codes.names = Some(words(&array, "names")?);
    }
    if optional("parts") {
        let array = array(&mut archive, "parts")?;
        expect("parts", &array.shape, &[images])?;
        let part = |word: String| part_named(&word).ok_or_else(|| format!("parts: there is no part '{word}'"));
        codes.parts = Some(words(&array, "parts")?.into_iter().map(part).collect::<Result<_, _>>()?);
    }
    if optional("metadata") {
        let array = array(&mut archive, "metadata")?;
        let numbers = array.integers().unwrap_or_default();
        let json: Vec<u8> = numbers.into_iter().filter_map(|number| u8::try_from(number).ok()).collect();
        let origin: CodesOrigin = serde_json::from_slice(&json).map_err(|error| format!("metadata: {error}"))?;
        codes.model = Some(origin.model.clone());
        codes.origin = Some(origin);
    }
    read.unused = names.iter().filter(|name| !known.contains(&name.as_str())).cloned().collect();
    read.is_rounded = rounded;
    Ok(read)
}

/// Reads a member of an archive; what is wrong is said with its name.
fn member<R: Read + Seek, T>(
    archive: &mut ZipArchive<R>,
    name: &str,
    read: impl FnOnce(&mut dyn Read) -> Result<T, String>,
) -> Result<T, String> {
    let file = archive.by_name(&format!("{name}.npy")).map_err(|error| format!("{name}: {error}"))?;
    read(&mut BufReader::new(file)).map_err(|reason| format!("{name}: {reason}"))
}

fn array<R: Read + Seek>(archive: &mut ZipArchive<R>, name: &str) -> Result<Array, String> {
    member(archive, name, |file| read_array(file))
}

fn expect(name: &str, found: &[usize], expected: &[usize]) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{name}: the shape {found:?}, which should be {expected:?}")) }
}

fn words(array: &Array, name: &str) -> Result<Vec<String>, String> {
    let words = array.words().ok_or_else(|| format!("{name}: no texts"))?;
    words.map_err(|reason| format!("{name}: {reason}"))
}

/// The first of some names.
fn listed(names: &[String]) -> String {
    const LISTED: usize = 12;
    if names.is_empty() { "none".to_owned() } else { names[..names.len().min(LISTED)].join(", ") }
}
