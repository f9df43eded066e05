//! Which data a command is about.

use crate::hints;
use crate::output::note;
use crate::progress::reading_bar;
use elbo::dataset::{self, DataOptions, Dataset, Loaded, Part, Splits};
use elbo::{EMBEDDED_DATA, ModelCard, RunDirectory, Settings, Vae};
use std::fmt;
use std::path::Path;

/// The directory beside runs for images that are too many for memory.
const CACHE: &str = ".elbo-cache";

/// The data of this name: the MNIST built in, or a path. Unless `quiet`, stderr shows how far reading is, and what was
/// chosen and left out.
pub(crate) fn load(data: &str, options: &DataOptions, quiet: bool) -> Result<Splits, elbo::Error> {
    let Loaded { splits, notes, .. } = load_all(data, options, quiet)?;
    if !quiet {
        for line in &notes {
            note(&hints::note(line));
        }
    }
    Ok(splits)
}

/// The same with all that there is to say about it, of which nothing is printed.
pub(crate) fn load_all(data: &str, options: &DataOptions, quiet: bool) -> Result<Loaded, elbo::Error> {
    if data == EMBEDDED_DATA && !Path::new(data).exists() {
        return Ok(Loaded::from(Splits::mnist()));
    }
    let bar = reading_bar(quiet);
    let loaded = dataset::load(Path::new(data), options, &|done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    Ok(loaded?)
}

/// The name under which settings keep the data of an argument: as an absolute path, so that it is found from anywhere.
pub(crate) fn name_of(data: Option<&Path>) -> anyhow::Result<String> {
    let Some(path) = data else { return Ok(EMBEDDED_DATA.to_owned()) };
    // A path that does not exist may yet be a directory and a prefix in it.
    let absolute = std::path::absolute(path)?;
    match absolute.into_os_string().into_string() {
        Ok(name) => Ok(name),
        Err(name) => anyhow::bail!("the path {} is not UTF-8, which the settings of a run must be", name.display()),
    }
}

/// The images that a model is to be tried on: of `data`, or else of what it was trained on; the test set where there
/// is one, or else the images that were held out of its training.
pub(crate) struct Tested {
    pub(crate) name: String,
    /// Which part of the data they are; none where other data than that of the training are taken whole.
    pub(crate) part: Option<Part>,
    pub(crate) dataset: Dataset,
}

/// The name of the data, and which part of it the images are.
impl fmt::Display for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.part.map_or(Ok(()), |part| write!(f, " ({part} set)"))
    }
}

impl Tested {
    pub(crate) fn load(run: &Path, vae: &Vae, data: Option<&Path>) -> anyhow::Result<Self> {
        let data = match data {
            Some(path) => name_of(Some(path))?,
            None => trained_on(run, vae)?,
        };
        let settings = settings_of(run);
        let kept = settings.map(|settings| settings.data_options).unwrap_or_default();
        let DataOptions { memory, max_bad, cache, .. } = kept;
        let options = DataOptions { memory, max_bad, cache, ..vae.card().data_options() };
        let mut splits = load(&data, &with_cache(options, run), false)?;
        if let Some(test) = splits.test {
            return Ok(Self { name: splits.name, part: Some(Part::Test), dataset: test });
        }
        let ModelCard { recipe, data, .. } = vae.card();
        let was_trained_on = splits.train.digest().map_err(elbo::Error::from)? == data.train_digest;
        if was_trained_on {
            recipe.hold_out(&mut splits)?;
            if let Some(held_out) = splits.validation.as_ref().filter(|_| recipe.validation > 0.0)
                && !data.check_held_out(held_out)?
            {
                note(
                    "the model says only how many images were held out of its training, not which: this is not checked",
                );
            }
        }
        let (part, dataset) = match splits.validation {
            Some(validation) => (Some(Part::Validation), validation),
            None => (was_trained_on.then_some(Part::Training), splits.train),
        };
        Ok(Self { name: splits.name, part, dataset })
    }
}

/// The options with a place for images that are too many for memory: one beside the run, unless one is given.
pub(crate) fn with_cache(mut options: DataOptions, run: &Path) -> DataOptions {
    if options.cache.is_none() {
        let beside = run.parent().unwrap_or(Path::new("")).join(CACHE);
        options.cache = beside.into_os_string().into_string().ok();
    }
    options
}

/// The settings of a run, of which a path is the directory or a model file in it.
fn settings_of(run: &Path) -> Option<Settings> {
    let directory = if run.is_dir() { run } else { run.parent()? };
    Settings::read(&RunDirectory::open(directory).ok()?.config()).ok()
}

/// The data that a run was trained on, if that can be told.
fn trained_on(run: &Path, vae: &Vae) -> anyhow::Result<String> {
    if vae.card().data.name == EMBEDDED_DATA {
        return Ok(EMBEDDED_DATA.to_owned());
    }
    match settings_of(run) {
        Some(settings) => Ok(settings.data),
        None => anyhow::bail!(
            "the model was trained on '{}', and a model file does not say where that is: give DATA",
            vae.card().data.name
        ),
    }
}
