//! `elbo reconstruct`.

use crate::Outcome;
use crate::args::ReconstructArgs;
use crate::destination::check_file;
use crate::device;
use crate::generate::{GAP, names_png};
use crate::output::{counted, print};
use crate::source::tested;
use elbo::Images;
use elbo::figures::{Pixels, choose_examples, sheet};
use elbo::storage::write_atomically;

/// Pairs to a row.
const COLUMNS: usize = 5;

pub(crate) fn run(arguments: &ReconstructArgs) -> anyhow::Result<Outcome> {
    if !names_png(&arguments.out)? {
        anyhow::bail!("{}: choose a name that ends in .png", arguments.out.display());
    }
    check_file(&arguments.out, &arguments.run, arguments.data.as_deref())?;
    let vae = device::open(&arguments.run, &arguments.on)?;
    let (tested, title) = tested(&arguments.run, &vae, arguments.data.as_deref())?;
    let indices = choose_examples(&tested.images, arguments.count as usize, arguments.seed);
    let reconstructed = vae.reconstruct(&tested.images, &indices, arguments.seed)?;
    let truth = Images::of(&tested.images, &indices).map_err(elbo::Error::from)?;
    let pairs: Vec<Pixels<'_>> =
        truth.as_pixels().into_iter().zip(reconstructed.as_pixels()).flat_map(|(truth, made)| [truth, made]).collect();
    let sheet = sheet(&pairs, 2 * COLUMNS, GAP).map_err(elbo::Error::from)?;
    let png = sheet.figure_png().map_err(elbo::Error::from)?;
    write_atomically(&arguments.out, &png).map_err(elbo::Error::from)?;
    let (count, out) = (counted(indices.len(), "image"), arguments.out.display());
    print(&format!("{count} of {title}, each to the left of its reconstruction, in {out}\n"))?;
    Ok(Outcome::Done)
}
