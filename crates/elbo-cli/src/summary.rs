//! `elbo summary`.

use crate::Outcome;
use crate::args::SummaryArgs;
use crate::output::{counted, print, thousands};
use elbo::network::ParameterTable;
use elbo::{Architecture, Model, RunDirectory};
use std::fmt::Write;
use std::path::Path;

pub(crate) fn run(arguments: &SummaryArgs) -> anyhow::Result<Outcome> {
    let (title, architecture) = architecture_of(arguments.run.as_deref())?;
    print(&format!("{title}\n\n{}", table(&architecture)?))?;
    Ok(Outcome::Done)
}

/// The network of a run or a model file and what it is, or without one the reference network.
pub(crate) fn architecture_of(run: Option<&Path>) -> Result<(String, Architecture), elbo::Error> {
    let Some(run) = run else { return Ok(("the reference network".to_owned(), Architecture::reference())) };
    let path = RunDirectory::model_of(run)?;
    let card = Model::read(&path)?.card;
    let held_out = card.metrics.and_then(|metrics| metrics.held_out);
    let name = card.architecture.likelihood().loss_name();
    let loss =
        held_out.map_or(String::new(), |(part, loss)| format!(", {part} {name} {:.4} nats per image", loss.total()));
    let epochs = counted(card.epochs as usize, "epoch");
    let classes = match &*card.classes {
        [] => String::new(),
        classes => format!("\nconditional on the classes {}", classes.join(", ")),
    };
    let title = format!("{}: trained on {} for {epochs}{loss}{classes}", path.display(), card.data.name);
    Ok((title, card.architecture))
}

/// Layers, shapes, parameters and cost.
fn table(architecture: &Architecture) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{:<18}{:<38}{:>14}{:>12}{:>9}", "layer", "", "output", "parameters", "MFLOP")?;
    writeln!(text, "{:<18}{:<38}{:>14}", "input", "", architecture.image().to_string())?;
    let mut totals = (0, 0.0);
    for layer in architecture.summary() {
        writeln!(
            text,
            "{:<18}{:<38}{:>14}{:>12}{:>9.2}",
            layer.name,
            layer.kind,
            layer.output.to_string(),
            thousands(layer.parameters),
            layer.flops as f64 / 1e6
        )?;
        totals = (totals.0 + layer.parameters, totals.1 + layer.flops as f64 / 1e6);
    }
    // What no layer has by itself: rows for classes, and what is learned of sigma.
    for tensor in ParameterTable::new(architecture).iter().skip(2 * architecture.summary().len()) {
        let shape = tensor.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        let name = tensor.name.trim_end_matches(".weight");
        writeln!(text, "{name:<18}{shape:<38}{:>14}{:>12}", "", thousands(tensor.range.len()))?;
        totals.0 += tensor.range.len();
    }
    writeln!(text, "{:<18}{:<38}{:>14}{:>12}{:>9.2}", "", "", "", thousands(totals.0), totals.1)?;
    writeln!(
        text,
        "\nMFLOP: forward, one image; a training step takes {:.1} an image. Latent dimension {}.",
        architecture.training_flops() as f64 / 1e6,
        architecture.latent_dim()
    )?;
    Ok(text)
}
