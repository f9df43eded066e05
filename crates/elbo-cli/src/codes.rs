//! `elbo encode` and `elbo decode`.

use crate::Outcome;
use crate::args::{DecodeArgs, EncodeArgs};
use crate::destination::{check_directory, check_file};
use crate::device;
use crate::generate::{write_sheet, write_single};
use crate::output::{counted, note, print, thousands};
use crate::progress::work_bar;
use crate::source::named_parts;
use elbo::files::{CodesKind, PartImages, ReadCodes};
use elbo::{Codes, CodesOptions};
use serde_json::{Map, json};
use std::path::Path;

/// How many names of columns a line lists.
const LISTED: usize = 8;

pub(crate) fn encode(arguments: &EncodeArgs) -> anyhow::Result<Outcome> {
    let EncodeArgs { out, logvars, samples, seed, .. } = arguments;
    let kind = CodesKind::of(out).map_err(elbo::Error::from)?;
    check_file(out, &arguments.run, arguments.data.as_deref())?;
    let vae = device::open(&arguments.run, &arguments.on)?;
    let part = arguments.part.map(Into::into);
    let (data, parts) = named_parts(&arguments.run, &vae, arguments.data.as_deref(), part, false)?;
    let images = parts.iter().map(|part| part.images.len()).sum();
    let bar = work_bar("encoding images", images, false);
    let options = CodesOptions { logvars: *logvars, draws: *samples as usize, seed: *seed };
    let written = vae.write_codes(out, &parts, &data, options, &|done| bar.set_position(done as u64));
    bar.finish_and_clear();
    written?;
    if kind == CodesKind::Npy {
        note(&format!(
            "{} holds the means alone: names, classes, parts and which model they are of stand in files of the other kinds",
            out.display()
        ));
    }
    let dim = vae.card().architecture.latent_dim();
    // Of other data that are not divided, to call all a training set would mislead.
    let has_parts = parts.len() > 1 || parts.iter().any(|part| part.is_own);
    let text = if arguments.json {
        let named = |part: &PartImages| if has_parts { part.part.to_string() } else { "all".to_owned() };
        let of_parts: Map<_, _> = parts.iter().map(|part| (named(part), json!(part.images.len()))).collect();
        let json = json!({
            "out": out.display().to_string(),
            "data": data,
            "images": images,
            "parts": of_parts,
            "latent_dim": dim,
            "logvars": logvars,
            "samples": samples,
            "seed": (*samples > 0).then_some(seed),
            "model": vae.digest()?,
        });
        format!("{json:#}\n")
    } else {
        let of_parts: Vec<String> =
            parts.iter().map(|part| format!("{} {}", part.part, thousands(part.images.len()))).collect();
        let images = counted(images, "image");
        let of_parts = if has_parts { format!(" ({})", of_parts.join(", ")) } else { String::new() };
        format!("{images} of {data}{of_parts}, a code of {} each, in {}\n", counted(dim, "number"), out.display())
    };
    print(&text)?;
    Ok(Outcome::Done)
}

/// Where images go.
enum Out<'a> {
    Directory(&'a Path),
    Array(&'a Path),
    Sheet(&'a Path),
}

impl<'a> Out<'a> {
    fn of(path: &'a Path) -> anyhow::Result<Self> {
        let is = |extension: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension));
        if path.is_dir() || path.extension().is_none() {
            Ok(Self::Directory(path))
        } else if is("npy") {
            Ok(Self::Array(path))
        } else {
            anyhow::ensure!(
                is("png"),
                "{}: choose a name that ends in .png or .npy, or has no ending for a directory",
                path.display()
            );
            Ok(Self::Sheet(path))
        }
    }
}

pub(crate) fn decode(arguments: &DecodeArgs) -> anyhow::Result<Outcome> {
    let out = Out::of(&arguments.out)?;
    match out {
        Out::Directory(directory) => check_directory(directory)?,
        Out::Array(file) | Out::Sheet(file) => check_file(file, &arguments.run, [&*arguments.codes])?,
    }
    let vae = device::open(&arguments.run, &arguments.on)?;
    let read = Codes::read(&arguments.codes).map_err(elbo::Error::from)?;
    let is_known = vae.check_codes(&read.codes)?;
    let codes = &read.codes;
    let count = codes.len();
    let classes = match arguments.class.as_deref() {
        Some(class) => Some(vec![vae.class(class)?; count]),
        None => vae.classes_of(codes)?,
    };
    tell(&arguments.codes, &read, is_known);
    let dim = codes.latent_dim;
    let images = |start: usize, count: usize| {
        let classes = classes.as_ref().map(|classes| &classes[start..start + count]);
        vae.decode(&codes.means[start * dim..(start + count) * dim], classes)
    };
    let bar = work_bar("decoding codes", count, false);
    let done = |done: usize| bar.set_position(done as u64);
    let images_text = counted(count, "image");
    let line = match out {
        Out::Directory(directory) => {
            let images = |start: usize, count: usize| {
                let images = images(start, count)?;
                done(start);
                Ok(images)
            };
            write_single(images, count, directory, None)?;
            format!("{images_text} in {}\n", directory.display())
        }
        Out::Array(path) => {
            vae.write_decoded(path, &codes.means, classes.as_deref(), &done)?;
            let shape = vae.card().architecture.image();
            format!("{images_text} of {shape} in {}\n", path.display())
        }
        Out::Sheet(path) => {
            let columns = (count as f64).sqrt().ceil() as usize;
            write_sheet(&images(0, count)?, columns, path)?;
            format!("{images_text}, {columns} to a row, in {}\n", path.display())
        }
    };
    bar.finish_and_clear();
    print(&line)?;
    Ok(Outcome::Done)
}

/// Says what was not read of a file of codes, or could not be checked.
fn tell(path: &Path, read: &ReadCodes, is_known: bool) {
    let ReadCodes { unused, is_rounded, .. } = read;
    let path = path.display();
    if !is_known {
        note(&format!("{path} does not say which model made the codes: only their length was checked"));
    }
    if *is_rounded {
        note(&format!("numbers of {path} were rounded to 32-bit floats"));
    }
    if !unused.is_empty() {
        let more = if unused.len() > LISTED { format!(" and {} more", unused.len() - LISTED) } else { String::new() };
        let names: Vec<String> = unused.iter().take(LISTED).map(|name| format!("'{}'", name.escape_debug())).collect();
        note(&format!("not read of {path}: {}{more}", names.join(", ")));
    }
}
