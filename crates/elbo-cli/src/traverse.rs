//! `elbo traverse`.

use crate::Outcome;
use crate::args::TraverseArgs;
use crate::destination::check_file;
use crate::device;
use crate::generate::{GAP, names_png};
use crate::interpolate::write;
use crate::operand::Operands;
use crate::output::{counted, print};
use crate::source::tested;
use crate::terminal::Screen;
use elbo::figures::{Figure, sheet};
use serde_json::json;
use std::path::Path;

pub(crate) fn run(arguments: &TraverseArgs) -> anyhow::Result<Outcome> {
    let TraverseArgs { run, out, .. } = arguments;
    anyhow::ensure!(names_png(out)?, "{}: choose a name that ends in .png", out.display());
    let read = [arguments.around.as_deref().map(Path::new), arguments.data.as_deref()];
    check_file(out, run, read.into_iter().flatten())?;
    let screen = Screen::open(arguments.show)?;
    let vae = device::open(run, &arguments.on)?;
    let operands = Operands::new(run, &vae, arguments.class.as_deref())?;
    let around = arguments.around.as_deref().map(|around| operands.one(around)).transpose()?;
    let (tested, title) = tested(run, &vae, arguments.data.as_deref())?;
    let encoded = vae.encode(&tested.images)?;
    let all = encoded.dimensions();
    let shown = &all[..all.len().min(arguments.dims as usize)];
    let (code, centre) = match &around {
        Some(operand) => (operand.encoded.means.clone(), operand.name.clone()),
        None => (encoded.centre(), format!("the mean of {title}")),
    };
    let steps = arguments.steps as usize;
    let last = steps.saturating_sub(1).max(1) as f32;
    let values: Vec<f32> = (0..steps).map(|step| arguments.range * (2.0 * step as f32 / last - 1.0)).collect();
    let numbers: Vec<usize> = shown.iter().map(|dimension| dimension.number).collect();
    let images = vae.traverse(&code, &numbers, &values, operands.class())?;

    let names: Vec<String> =
        shown.iter().map(|dimension| format!("{}: {:.2} nats", dimension.number, dimension.kl)).collect();
    let heads: Vec<String> = values.iter().map(|value| number(*value)).collect();
    let figure = Figure::headed(&images.as_pixels(), &names, &heads, &format!("Latent dimensions around {centre}"));
    let figure = figure.map_err(elbo::Error::from)?;
    write(out, &figure.png().map_err(elbo::Error::from)?)?;

    let range = number(arguments.range);
    if arguments.json {
        let dimensions: Vec<_> =
            all.iter().map(|dimension| json!({ "dimension": dimension.number, "kl": dimension.kl })).collect();
        let json = json!({
            "data": tested.name,
            "split": tested.part.map(|part| part.to_string()),
            "images": encoded.len(),
            "unit": "nats per image",
            "dimensions": dimensions,
            "shown": shown.len(),
            "out": out,
        });
        print(&format!("{json:#}\n"))?;
    } else {
        let total: f64 = all.iter().map(|dimension| dimension.kl).sum();
        let part: f64 = shown.iter().map(|dimension| dimension.kl).sum();
        print(&format!(
            "{} of {} from -{range} to {range} around {centre} in {}: {part:.2} of {total:.2} nats KL over {}\n",
            shown.len(),
            counted(all.len(), "latent dimension"),
            out.display(),
            counted(encoded.len(), "image"),
        ))?;
    }
    if let Some(screen) = screen {
        screen.show(&sheet(&images.as_pixels(), steps, GAP).map_err(elbo::Error::from)?)?;
    }
    Ok(Outcome::Done)
}

/// A number with at most two digits after the point.
fn number(value: f32) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
