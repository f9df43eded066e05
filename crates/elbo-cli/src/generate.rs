//! `elbo generate`.

use crate::Outcome;
use crate::args::{FormatName, GenerateArgs, Grid, PriorName};
use crate::destination::{check_directory, check_file};
use crate::device;
use crate::output::{counted, note, print};
use crate::prior::prior_of;
use crate::progress::work_bar;
use crate::terminal::Screen;
use elbo::dataset::{Preparation, Preprocessing};
use elbo::figures::sheet;
use elbo::storage::write_atomically;
use elbo::vae::Sampling;
use elbo::{Images, Vae};
use std::path::{Path, PathBuf};

/// Pixels between the images of a sheet.
pub(crate) const GAP: usize = 2;

/// Images decoded at a time into single files: memory stays flat whatever the count.
const SINGLE: usize = 256;

/// Images without a count or a grid.
const USUAL_COUNT: usize = 25;

pub(crate) fn run(arguments: &GenerateArgs) -> anyhow::Result<Outcome> {
    let (format, out) = target(arguments)?;
    let (count, columns) = layout(arguments, format)?;
    let bits_16 = arguments.bits == "16";
    if bits_16 && format == FormatName::Npy {
        anyhow::bail!("an array has 32-bit floats: leave out --bits");
    }
    if bits_16 && format == FormatName::Png && count > 1 {
        anyhow::bail!("a sheet has 8 bits: with --bits 16 give a directory as --out, or --count 1 for a single image");
    }
    match format {
        FormatName::Dir => check_directory(&out)?,
        FormatName::Npy | FormatName::Png => check_file(&out, &arguments.run, None)?,
    }
    let screen = Screen::open(arguments.show)?;
    let vae = device::open(&arguments.run, &arguments.on)?;
    let class = arguments.class.as_deref().map(|class| vae.class(class)).transpose()?;
    let prior = match arguments.prior {
        PriorName::Normal => None,
        PriorName::Aggregate => Some(prior_of(&arguments.run, &vae)?),
    };
    let sampling = Sampling { prior: prior.as_ref(), temperature: arguments.temperature, class };
    let images = |start, count| vae.sample(start, count, arguments.seed, &sampling);
    let ends = bits_16.then(|| ends_of_16_bits(&vae));
    match format {
        FormatName::Dir => {
            write_single(images, count, &out, ends)?;
            print(&format!("{} in {}\n", counted(count, "image"), out.display()))?;
        }
        FormatName::Npy => {
            let images = images(0, count)?;
            write_atomically(&out, &images.to_npy()).map_err(elbo::Error::from)?;
            let shape = images.shape;
            let sides = [count, shape.height, shape.width, shape.channels].map(|side| side.to_string()).join(", ");
            print(&format!("{}, [{sides}] floats, in {}\n", counted(count, "image"), out.display()))?;
        }
        FormatName::Png => {
            let images = images(0, count)?;
            if let Some(ends) = ends {
                let png = images.as_pixels()[0].png_16(ends).map_err(elbo::Error::from)?;
                write_atomically(&out, &png).map_err(elbo::Error::from)?;
                print(&format!("1 image in {}\n", out.display()))?;
            } else {
                write_sheet(&images, columns, &out)?;
                print(&format!("{}, {columns} to a row, in {}\n", counted(count, "image"), out.display()))?;
            }
        }
    }
    if let Some(screen) = screen {
        let shown = images(0, count.min(MOST_SHOWN))?;
        if count > MOST_SHOWN {
            note(&format!("shown: the first {MOST_SHOWN}"));
        }
        screen.show(&sheet(&shown.as_pixels(), columns, GAP).map_err(elbo::Error::from)?)?;
    }
    Ok(Outcome::Done)
}

/// Images shown in a terminal, at most.
const MOST_SHOWN: usize = 400;

/// What is written, and where.
fn target(arguments: &GenerateArgs) -> anyhow::Result<(FormatName, PathBuf)> {
    let Some(out) = &arguments.out else {
        let format = arguments.format.unwrap_or(FormatName::Png);
        let name = match format {
            FormatName::Png => "generated.png",
            FormatName::Npy => "generated.npy",
            FormatName::Dir => "generated",
        };
        return Ok((format, name.into()));
    };
    let is_npy = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"));
    let called = match out.extension() {
        _ if out.is_dir() => Some(FormatName::Dir),
        None => None,
        Some(_) if is_npy => Some(FormatName::Npy),
        Some(_) => {
            let is_png = matches!(names_png(out), Ok(true));
            is_png.then_some(FormatName::Png)
        }
    };
    match (arguments.format, called) {
        (Some(format), Some(called)) if format != called => {
            let [asked, called] = [format, called].map(|format| match format {
                FormatName::Png => "a PNG file",
                FormatName::Npy => "an array",
                FormatName::Dir => "a directory",
            });
            anyhow::bail!("{}: names {called}, and --format asks for {asked}", out.display())
        }
        (Some(format), _) | (None, Some(format)) => Ok((format, out.clone())),
        (None, None) => {
            names_png(out)?;
            Ok((FormatName::Dir, out.clone()))
        }
    }
}

/// How many images, and how many to a row of a sheet.
fn layout(arguments: &GenerateArgs, format: FormatName) -> anyhow::Result<(usize, usize)> {
    let count = arguments.count.map(|count| count as usize);
    let Some(Grid { rows, columns }) = arguments.grid else {
        let count = count.unwrap_or(USUAL_COUNT);
        return Ok((count, (count as f64).sqrt().ceil() as usize));
    };
    anyhow::ensure!(format == FormatName::Png, "--grid is of a sheet: give a name that ends in .png as --out");
    let places = rows * columns;
    let count = count.unwrap_or(places);
    anyhow::ensure!(count <= places, "{count} images have no room on a sheet of {rows}x{columns}");
    Ok((count, columns))
}

/// Whether a path has the extension of a PNG file. One with none has not; one with another is an error.
pub(crate) fn names_png(path: &Path) -> anyhow::Result<bool> {
    match path.extension() {
        None => Ok(false),
        Some(extension) if extension.eq_ignore_ascii_case("png") => Ok(true),
        Some(_) => {
            anyhow::bail!("{}: pictures are written as PNG files: choose a name that ends in .png", path.display())
        }
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
    let bar = work_bar("writing images", count, count <= SINGLE);
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
        bar.set_position(number as u64);
    }
    bar.finish_and_clear();
    Ok(())
}
