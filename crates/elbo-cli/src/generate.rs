//! `elbo generate`.

use crate::Outcome;
use crate::args::GenerateArgs;
use crate::device;
use crate::output::{counted, print};
use elbo::Images;
use elbo::figures::sheet;
use elbo::storage::write_atomically;
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
    if is_directory(&arguments.out)? {
        write_single(images, count, &arguments.out)?;
        print(&format!("{} in {}\n", counted(count, "image"), arguments.out.display()))?;
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

/// Writes images into files of their own, `images(start, count)` at a time.
fn write_single(
    images: impl Fn(usize, usize) -> Result<Images, elbo::Error>,
    count: usize,
    directory: &Path,
) -> Result<(), elbo::Error> {
    elbo::storage::create_directory(directory)?;
    let digits = count.to_string().len().max(4);
    let mut number = 0;
    while number < count {
        let images = images(number, SINGLE.min(count - number))?;
        for image in images.as_pixels() {
            number += 1;
            let path = directory.join(format!("{number:0digits$}.png"));
            write_atomically(&path, &sheet(&[image], 1, 0)?.png()?)?;
        }
    }
    Ok(())
}
