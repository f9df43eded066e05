//! `elbo figures`.

use crate::Outcome;
use crate::args::FiguresArgs;
use crate::device;
use crate::output::{class_key, note, print};
use crate::source::tested;
use elbo::RunDirectory;
use elbo::figures::write_figures;
use elbo::files::read_metrics;

pub(crate) fn run(arguments: &FiguresArgs) -> anyhow::Result<Outcome> {
    let directory = RunDirectory::open(&arguments.run).map_err(elbo::Error::from)?;
    let vae = device::open(&arguments.run, &arguments.on)?;
    let (tested, _) = tested(&arguments.run, &vae, arguments.data.as_deref())?;
    let history = read_metrics(&directory.metrics()).map_err(elbo::Error::from)?;
    let seed = arguments.seed.unwrap_or(vae.card().recipe.seed);
    for path in write_figures(&directory.figures(), &vae, &tested.images, &history, seed)? {
        print(&format!("{}\n", path.display()))?;
    }
    if let Some(key) = class_key(tested.images.classes()) {
        note(&key);
    }
    Ok(Outcome::Done)
}
