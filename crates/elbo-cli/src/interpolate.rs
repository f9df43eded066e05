//! `elbo interpolate`.

use crate::Outcome;
use crate::args::{InterpolateArgs, KindName};
use crate::destination::{check_directory, check_file};
use crate::device;
use crate::generate::{GAP, write_single};
use crate::operand::{Operand, Operands};
use crate::output::{counted, print};
use crate::terminal::Screen;
use elbo::Images;
use elbo::figures::{Figure, apng, gif, sheet};
use elbo::storage::write_atomically;
use elbo::vae::Path as Way;
use std::path::Path;

/// What is written.
enum Form {
    Strip,
    Gif,
    Apng,
    Directory,
}

/// What a path is to be by its extension.
fn form(path: &Path) -> anyhow::Result<Form> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    Ok(match extension.as_deref() {
        _ if path.is_dir() => Form::Directory,
        None => Form::Directory,
        Some("png") => Form::Strip,
        Some("gif") => Form::Gif,
        Some("apng") => Form::Apng,
        Some(_) => anyhow::bail!(
            "{}: only PNG and GIF files are written: choose a name that ends in .png, .gif or .apng",
            path.display()
        ),
    })
}

pub(crate) fn run(arguments: &InterpolateArgs) -> anyhow::Result<Outcome> {
    let InterpolateArgs { run, out, .. } = arguments;
    let form = form(out)?;
    match form {
        Form::Directory => check_directory(out)?,
        Form::Strip | Form::Gif | Form::Apng => {
            check_file(out, run, [arguments.from.as_ref(), arguments.to.as_ref()])?;
        }
    }
    let screen = Screen::open(arguments.show)?;
    let vae = device::open(run, &arguments.on)?;
    let operands = Operands::new(run, &vae, arguments.class.as_deref())?;
    let (from, to) = (operands.one(&arguments.from)?, operands.one(&arguments.to)?);
    let way = match arguments.kind {
        KindName::Linear => Way::Linear,
        KindName::Spherical => Way::Spherical,
    };
    let steps = arguments.steps as usize;
    let (a, b) = (&from.encoded.means, &to.encoded.means);
    let images = vae.interpolate(a, b, steps, way, operands.class())?;
    match form {
        Form::Strip => write(out, &strip(&from, &images, &to)?.png().map_err(elbo::Error::from)?)?,
        Form::Gif => write(out, &gif(&images.as_pixels()).map_err(elbo::Error::from)?)?,
        Form::Apng => write(out, &apng(&images.as_pixels()).map_err(elbo::Error::from)?)?,
        Form::Directory => write_single(|start, count| Ok(slice(&images, start, count)), steps, out, None)?,
    }
    print(&format!("{} from {} to {} in {}\n", counted(steps, "image"), from.name, to.name, out.display()))?;
    if let Some(screen) = screen {
        screen.show(&sheet(&images.as_pixels(), steps, GAP).map_err(elbo::Error::from)?)?;
    }
    Ok(Outcome::Done)
}

/// The images of the way between the two pictures.
fn strip(from: &Operand, images: &Images, to: &Operand) -> Result<Figure, elbo::Error> {
    let ends = [from.image.as_pixels(), to.image.as_pixels()];
    let pixels: Vec<_> = ends[0].iter().copied().chain(images.as_pixels()).chain(ends[1].iter().copied()).collect();
    let last = images.len().saturating_sub(1).max(1) as f64;
    let shares = (0..images.len()).map(|step| format!("{:.2}", step as f64 / last));
    let heads: Vec<String> =
        std::iter::once(from.name.clone()).chain(shares).chain(std::iter::once(to.name.clone())).collect();
    Ok(Figure::headed(&pixels, &[], &heads, &format!("From {} to {}", from.name, to.name))?)
}

fn slice(images: &Images, start: usize, count: usize) -> Images {
    let length = images.shape.len();
    Images { shape: images.shape, pixels: images.pixels[start * length..(start + count) * length].to_vec() }
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), elbo::Error> {
    Ok(write_atomically(path, bytes)?)
}
