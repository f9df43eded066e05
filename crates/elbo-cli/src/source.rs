//! Which data a command is about.

use crate::hints;
use crate::output::{counted, note};
use crate::progress::reading_bar;
use elbo::dataset::{self, DataOptions, Dataset, DatasetError, Loaded, Note, Part, Splits};
use elbo::files::{PartImages, Tested};
use elbo::recipe::EMBEDDED_DATA;
use elbo::{RunDirectory, Vae};
use std::path::{Path, PathBuf};

/// The data of this name: the MNIST built in, or a path. Unless `quiet`, stderr shows how far reading is, and what was
/// chosen and left out.
pub(crate) fn load(data: &str, options: &DataOptions, quiet: bool) -> Result<Splits, elbo::Error> {
    let Loaded { splits, notes, .. } = load_all(data, options, quiet)?;
    if !quiet {
        tell(&notes);
    }
    Ok(splits)
}

fn tell(notes: &[Note]) {
    for line in notes {
        note(&hints::note(line));
    }
}

/// The same with all that there is to say about it, of which nothing is printed.
pub(crate) fn load_all(data: &str, options: &DataOptions, quiet: bool) -> Result<Loaded, elbo::Error> {
    if data == EMBEDDED_DATA && !Path::new(data).exists() {
        let mut loaded = Loaded::from(Splits::mnist());
        loaded.keep_classes(&options.only_classes)?;
        return Ok(loaded);
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

/// All images of `data`, or else of what a model was trained on, part by part, or those of one part alone.
pub(crate) fn parts(
    run: &Path,
    vae: &Vae,
    data: Option<&Path>,
    part: Option<Part>,
    quiet: bool,
) -> anyhow::Result<Vec<PartImages>> {
    Ok(named_parts(run, vae, data, part, quiet)?.1)
}

/// The same with what the data set is called.
pub(crate) fn named_parts(
    run: &Path,
    vae: &Vae,
    data: Option<&Path>,
    part: Option<Part>,
    quiet: bool,
) -> anyhow::Result<(String, Vec<PartImages>)> {
    let (_, splits) = for_model(run, vae, data, quiet)?;
    let name = splits.name.clone();
    let mut parts = vae.card().parts(splits)?;
    if let Some(part) = part {
        parts.retain(|images| images.part == part);
        anyhow::ensure!(!parts.is_empty(), "{name} has no {part} set");
    }
    Ok((name, parts))
}

/// The images that a model is to be tried on, of `data` or else of what it was trained on; and what to call them.
pub(crate) fn tested(run: &Path, vae: &Vae, data: Option<&Path>) -> anyhow::Result<(Tested, String)> {
    let is_own = data.is_none();
    let (data, splits) = for_model(run, vae, data, false)?;
    told(vae.card().tested(splits)?, &data, is_own)
}

/// The same, and the images that the model was trained on, where the data are those and others are there to try it on.
pub(crate) fn tested_and_trained(
    run: &Path,
    vae: &Vae,
    data: Option<&Path>,
) -> anyhow::Result<(Tested, String, Option<Dataset>)> {
    let is_own = data.is_none();
    let (data, splits) = for_model(run, vae, data, false)?;
    let (tested, trained) = vae.card().tested_and_trained(splits)?;
    let (tested, title) = told(tested, &data, is_own)?;
    Ok((tested, title, trained))
}

/// Images that a model is tried on, with what there is to say about them.
pub(crate) fn told(tested: Tested, data: &str, is_own: bool) -> anyhow::Result<(Tested, String)> {
    if tested.is_unchecked {
        note("the model says only how many images were held out of its training, not which: this is not checked");
    }
    // Of data that a run found in another place the name tells nothing.
    if is_own && tested.part.is_none() {
        anyhow::bail!(
            "{data} has changed since the model was trained on it: which images were held out cannot be told any more\n\
             hint: give images that it has not seen as DATA; with {data} itself as DATA all its images are measured, those trained on among them"
        );
    }
    if tested.has_changed {
        note(
            "these images have changed since the model was trained on them, and most of them may have been trained on",
        );
    }
    let title = match tested.part {
        Some(part) => format!("{} ({part} set)", tested.name),
        None => tested.name.clone(),
    };
    Ok((tested, title))
}

/// What data for a model are called, and their images, prepared as for its training. Unless `quiet`, stderr shows how far
/// reading is, and what was left out.
fn for_model(run: &Path, vae: &Vae, data: Option<&Path>, quiet: bool) -> anyhow::Result<(String, Splits)> {
    let (name, mut splits, kept) = of_all_classes(run, vae, data, quiet)?;
    let left_out = splits.keep_classes(&kept).map_err(elbo::Error::from)?;
    if left_out > 0 && !quiet {
        note(&Note::OtherClasses { kept, left_out }.to_string());
    }
    Ok((name, splits))
}

/// The data of a model with what it was not trained on because it is of other classes.
pub(crate) struct WithOthers {
    /// What the data are called.
    pub(crate) name: String,
    /// Those of the model; the test set, if there is one, is of all classes.
    pub(crate) splits: Splits,
    /// The classes that it was trained on, if not on all.
    pub(crate) trained_on: Vec<String>,
    /// Without a test set, the images of other classes beside those trained on.
    pub(crate) others: Option<Dataset>,
}

pub(crate) fn with_others(run: &Path, vae: &Vae, data: Option<&Path>) -> anyhow::Result<WithOthers> {
    let (name, mut splits, trained_on) = of_all_classes(run, vae, data, false)?;
    let test = splits.test.clone();
    let rest: Vec<String> =
        splits.train.classes().iter().filter(|class| !trained_on.contains(class)).cloned().collect();
    let mut others = (test.is_none() && !trained_on.is_empty()).then(|| splits.clone());
    others = others.filter(|_| !rest.is_empty());
    if let Some(others) = &mut others {
        others.keep_classes(&rest).map_err(elbo::Error::from)?;
    }
    splits.keep_classes(&trained_on).map_err(elbo::Error::from)?;
    Ok(WithOthers { name, splits: Splits { test, ..splits }, trained_on, others: others.map(|others| others.train) })
}

/// The data of [`for_model`] before classes are left out, and which stay; all, if there are none.
fn of_all_classes(
    run: &Path,
    vae: &Vae,
    data: Option<&Path>,
    quiet: bool,
) -> anyhow::Result<(String, Splits, Vec<String>)> {
    let is_own = data.is_none();
    let data = match data {
        Some(path) => name_of(Some(path))?,
        None => trained_on(run, vae)?,
    };
    let kept = RunDirectory::settings_of(run).map(|settings| settings.data_options).unwrap_or_default();
    let DataOptions { memory, max_bad, cache, only_classes, .. } = kept;
    let options = DataOptions { memory, max_bad, cache, ..vae.card().data_options() };
    let loaded = load_all(&data, &options.cached_beside(run), quiet);
    let loaded = loaded.map_err(|error| if is_own { moved(error, &data) } else { error.into() })?;
    // What the model has settled cannot be changed here.
    let notes = loaded.notes.iter().filter(|line| !quiet && !matches!(line, Note::NoRange));
    notes.for_each(|line| note(&line.to_string()));
    let coloured = loaded.files.coloured;
    if !is_own && !quiet && coloured > 0 {
        note(&format!("given to the model in grey, though in colour: {}", counted(coloured, "picture")));
    }
    let is_of_it = is_own || is_own_by_digest(vae, &loaded.splits, &only_classes)?;
    // Other data are taken as they are given.
    Ok((data, loaded.splits, if is_of_it { only_classes } else { Vec::new() }))
}

/// Whether the images of these classes are what a model was trained on.
fn is_own_by_digest(vae: &Vae, data: &Splits, only_classes: &[String]) -> anyhow::Result<bool> {
    let mut kept = data.clone();
    if only_classes.is_empty() || kept.keep_classes(only_classes).is_err() {
        return Ok(false);
    }
    Ok(kept.train.digest().map_err(elbo::Error::from)? == vae.card().data.train_digest)
}

/// The error for data of a run that cannot be loaded: where they are no more, the path is wanted, not another kind of data.
pub(crate) fn moved(error: elbo::Error, data: &str) -> anyhow::Error {
    match error {
        elbo::Error::Dataset(DatasetError::MissingDirectory { .. }) => anyhow::anyhow!(
            "{data}: the data of the run are not here any more\n\
             hint: if they were moved, give the path where they are now as DATA"
        ),
        error => error.into(),
    }
}

/// The file or directory that a run was trained on, if it says which.
pub(crate) fn data_of(run: &Path) -> Option<PathBuf> {
    RunDirectory::settings_of(run).map(|settings| settings.data.into())
}

/// The data that a run was trained on, if that can be told.
fn trained_on(run: &Path, vae: &Vae) -> anyhow::Result<String> {
    if vae.card().data.name == EMBEDDED_DATA {
        return Ok(EMBEDDED_DATA.to_owned());
    }
    if let Some(settings) = RunDirectory::settings_of(run) {
        return Ok(settings.data);
    }
    let name = &vae.card().data.name;
    if run.is_dir() {
        let wrong = match RunDirectory::read_settings(run) {
            Ok(settings) => return Ok(settings.data),
            Err(error) => error,
        };
        anyhow::bail!("{wrong}\nhint: it says where the data of the run are, '{name}': bring it back, or give DATA");
    }
    anyhow::bail!("the model was trained on '{name}', and a model file does not say where that is: give DATA")
}

/// Fails where the run is being trained, whose model file is about to be replaced.
pub(crate) fn check_unused(run: &Path) -> anyhow::Result<()> {
    if run.is_dir()
        && let Ok(directory) = RunDirectory::open(run)
    {
        directory.check_not_in_use().map_err(elbo::Error::from)?;
    }
    Ok(())
}
