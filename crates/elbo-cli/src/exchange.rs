//! `elbo export` and `elbo import`.

use crate::Outcome;
use crate::args::{ExportArgs, ImportArgs};
use crate::output::{counted, note, print};
use elbo::exchange::{Exported, Imported, Numbers, export, import};
use elbo::storage::NewDirectories;
use elbo::{Architecture, Model};
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

pub(crate) fn run_export(arguments: &ExportArgs) -> anyhow::Result<Outcome> {
    let model = Model::open(&arguments.run)?;
    let numbers = if arguments.raw { Numbers::Unit } else { Numbers::Files };
    let format = arguments.format.into();
    let exported = export(&model, format, numbers, &arguments.out).map_err(elbo::Error::from)?;
    let text = if arguments.json {
        let [black, white] = exported.ends;
        let json = json!({
            "format": format,
            "files": exported.files,
            "black": black,
            "white": white,
            "classes": model.card.classes,
            "latent_dim": model.card.architecture.latent_dim(),
            "digest": model.digest(),
        });
        format!("{json:#}\n")
    } else {
        described(&exported, &model.card.architecture)?
    };
    print(&text)?;
    if model.card.recipe.binarize.is_some() {
        note(
            "the model was trained on black and white pixels: draw those of grey images first, each white with its share of \
             white as the probability, or its codes are others",
        );
    }
    Ok(Outcome::Done)
}

/// The files, and what goes into the two halves of the model and comes out.
fn described(exported: &Exported, architecture: &Architecture) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for path in &exported.files {
        writeln!(text, "{}", path.display())?;
    }
    let [black, white] = exported.ends;
    let class = match architecture.classes() {
        0 => String::new(),
        classes => format!(", class from 0 to {}", classes - 1),
    };
    let image = format!("image {}, from {black} (black) to {white} (white)", architecture.image());
    let dim = architecture.latent_dim();
    writeln!(text, "encoder: {image}{class} -> mean and logvar, {} each", counted(dim, "number"))?;
    writeln!(text, "decoder: z, {}{class} -> {image}", counted(dim, "number"))?;
    Ok(text)
}

pub(crate) fn run_import(arguments: &ImportArgs) -> anyhow::Result<Outcome> {
    let out = &arguments.out;
    if out.is_dir() {
        anyhow::bail!(
            "{}: this is a directory: give the name of a file, such as model.safetensors in it",
            out.display()
        );
    }
    anyhow::ensure!(!out.exists(), "{}: there is such a file already: choose another --out", out.display());
    let Imported { model, format, is_changed, .. } = import(&arguments.from).map_err(elbo::Error::from)?;
    let parent = out.parent().filter(|parent| *parent != Path::new(""));
    let parent = parent.map(NewDirectories::make).transpose().map_err(elbo::Error::from)?;
    model.write(out).map_err(elbo::Error::from)?;
    if let Some(parent) = parent {
        parent.keep();
    }
    if is_changed {
        note(
            "the weights are others than those that were exported: what was measured of these, and a prior or a threshold fitted to them, is not kept",
        );
    }
    let parameters = counted(model.parameters.len(), "parameter");
    print(&if arguments.json {
        let json = json!({
            "format": format,
            "out": out,
            "parameters": model.parameters.len(),
            "changed": is_changed,
            "digest": model.digest(),
        });
        format!("{json:#}\n")
    } else {
        format!("{parameters}, as {format} has them, in {}\n", out.display())
    })?;
    Ok(Outcome::Done)
}
