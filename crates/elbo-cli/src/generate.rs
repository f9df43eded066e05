//! `elbo generate`.

use crate::Outcome;
use crate::args::GenerateArgs;
use crate::device;
use crate::output::{counted, note, print};
use elbo::dataset::{Preparation, Preprocessing};
use elbo::figures::sheet;
use elbo::storage::write_atomically;
use elbo::{Images, Vae};
use std::path::Path;

/// Pixels between the images of a sheet.
pub(crate) const GAP: usize = 2;

/// Images decoded at a time into single files: memory stays flat whatever the count.
const SINGLE: usize = 256;

pub(crate) fn run(arguments: &GenerateArgs) -> anyhow::Result<Outcome> {
    let vae = device::open(&arguments.run, &arguments.on)?;
    let count = arguments.count as usize;
    let class = arguments.class.as_deref().map(|class| vae.class(class)).transpose()?;
    let images = |start, count| match class {
        Some(class) => vae.generate_class(class, start, count, arguments.seed),
        None => vae.generate_from(start, count, arguments.seed),
    };
    let ends = (arguments.bits == "16").then(|| ends_of_16_bits(&vae));
    if is_directory(&arguments.out)? {
        write_single(images, count, &arguments.out, ends)?;
        print(&format!("{} in {}\n", counted(count, "image"), arguments.out.display()))?;
    } else if let Some(ends) = ends {
        anyhow::ensure!(
            count == 1,
            "a sheet has 8 bits: with --bits 16 give a directory as --out, or --count 1 for a single image"
        );
        let image = images(0, 1)?;
        let png = image.as_pixels()[0].png_16(ends).map_err(elbo::Error::from)?;
        write_atomically(&arguments.out, &png).map_err(elbo::Error::from)?;
        print(&format!("1 image in {}\n", arguments.out.display()))?;
    } else {
        let images = images(0, count)?;
        let columns = (count as f64).sqrt().ceil() as usize;
        write_sheet(&images, columns, &arguments.out)?;
        print(&format!("{}, {columns} to a row, in {}\n", counted(count, "image"), arguments.out.display()))?;
    }
    Ok(Outcome::Done)
}

/// Whether a path is to be a directory of pictures rather than a PNG file.
fn is_directory(path: &Path) -> anyhow::Result<bool> {
    Ok(path.is_dir() || !names_png(path)?)
}

/// Whether a path has the extension of a PNG file. One with none has not; one with another is an error.
pub(crate) fn names_png(path: &Path) -> anyhow::Result<bool> {
    match path.extension() {
        None => Ok(false),
        Some(extension) if extension.eq_ignore_ascii_case("png") => Ok(true),
        Some(_) => anyhow::bail!("{}: only PNG files are written: choose a name that ends in .png", path.display()),
    }
}

/// Writes all images into one PNG file.
pub(crate) fn write_sheet(images: &Images, columns: usize, path: &Path) -> Result<(), elbo::Error> {
    let sheet = sheet(&images.as_pixels(), columns, GAP)?;
    // One image is a picture like any other.
    let png = if images.len() == 1 { sheet.png()? } else { sheet.figure_png()? };
    Ok(write_atomically(path, &png)?)
}

/// The numbers of 16 bits for black and white: those that the model was trained on, if they are such.
fn ends_of_16_bits(vae: &Vae) -> [u16; 2] {
    let Preprocessing::Pictures(Preparation { range: Some(range), .. }) = vae.card().preprocessing else {
        return [0, u16::MAX];
    };
    let (low, high) = (range.low(), range.high());
    let is_whole = |end: f64| (0.0..=f64::from(u16::MAX)).contains(&end) && end.fract() == 0.0;
    if is_whole(low) && is_whole(high) && high > f64::from(u8::MAX) {
        return [low as u16, high as u16];
    }
    note(&format!(
        "the range {range} of the model's files is none of 16 bits: black is written as 0 and white as 65535"
    ));
    [0, u16::MAX]
}

/// Writes images into files of their own, `images(start, count)` at a time; of 16 bits, if black and white are given.
pub(crate) fn write_single(
    images: impl Fn(usize, usize) -> Result<Images, elbo::Error>,
    count: usize,
    directory: &Path,
    ends: Option<[u16; 2]>,
) -> Result<(), elbo::Error> {
    elbo::storage::create_directory(directory)?;
    let digits = count.to_string().len().max(4);
    let mut number = 0;
    while number < count {
        let images = images(number, SINGLE.min(count - number))?;
        for image in images.as_pixels() {
            number += 1;
            let path = directory.join(format!("{number:0digits$}.png"));
            let png = match ends {
                Some(ends) => image.png_16(ends)?,
                None => sheet(&[image], 1, 0)?.png()?,
            };
            write_atomically(&path, &png)?;
        }
    }
    Ok(())
}
