//! What computes: `elbo devices`, and the device of every other command.

use crate::Outcome;
use crate::args::{DeviceArgs, DevicesArgs};
use crate::output::{note, print};
use elbo::engine::cuda::{Cuda, card_count, card_info};
use elbo::engine::{Chosen, DeviceName, EngineError, Precision, Reason};
use elbo::{Architecture, Cpu, Engine, Model, Vae};
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

/// The device that a command that uses a model was asked for.
pub(crate) fn choose(arguments: &DeviceArgs, architecture: &Architecture) -> Result<Chosen, elbo::Error> {
    let name = arguments.device.unwrap_or(DeviceName::Auto);
    let needs_processor = architecture.prior_components() > 0;
    let chosen = name.open_for(arguments.precision(), arguments.threads(), needs_processor)?;
    warn_of_precision(&chosen, arguments.precision());
    Ok(chosen)
}

/// Says that a precision that was asked for is not had.
pub(crate) fn warn_of_precision(chosen: &Chosen, asked: Precision) {
    if chosen.name == DeviceName::Cpu && asked != Precision::F32 {
        note(&format!("{asked} is a mode of NVIDIA cards: the processor computes in f32"));
    }
}

/// A model, on the device that was asked for.
pub(crate) fn open(run: &Path, arguments: &DeviceArgs) -> Result<Vae, elbo::Error> {
    let model = Model::open(run)?;
    let chosen = choose(arguments, &model.card.architecture)?;
    let vae = Vae::on(&*chosen.device, model)?;
    if matches!(chosen.reason, Reason::Usable | Reason::Unusable(_)) {
        explain(&chosen, vae.engine());
    }
    Ok(vae)
}

/// Says what computes where the choice was free.
pub(crate) fn explain(chosen: &Chosen, engine: &dyn Engine) {
    let why = match &chosen.reason {
        Reason::Usable => engine.description(),
        Reason::NoCard(reason) | Reason::Unusable(reason) => reason.clone(),
        Reason::Needed => "the objective or the prior is computed by the processor alone".to_owned(),
        _ => return,
    };
    note(&format!("device auto is {}: {why}", chosen.name));
}

/// A device, and why it cannot be used, if so.
struct Row {
    name: DeviceName,
    what: String,
    trouble: Option<String>,
}

pub(crate) fn devices(arguments: &DevicesArgs) -> anyhow::Result<Outcome> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sets = Cpu::instruction_sets().join(", ");
    let mut rows =
        vec![Row { name: DeviceName::Cpu, what: format!("processor, {cores} cores ({sets})"), trouble: None }];
    let count = card_count();
    for number in 0..*count.as_ref().unwrap_or(&0) {
        let what = card_info(number).map(|card| {
            let (major, minor) = card.capability;
            let gib = card.memory as f64 / f64::from(1 << 30);
            format!("{}, compute capability {major}.{minor}, {gib:.0} GiB", card.name)
        });
        let trouble = Cuda::new(number, Precision::F32).and_then(|card| card.test()).err().map(|error| match error {
            EngineError::Unavailable { source, .. } => source.to_string(),
            other => other.to_string(),
        });
        let what = what.unwrap_or_else(|_| "an NVIDIA card".to_owned());
        rows.push(Row { name: DeviceName::Cuda(number), what, trouble });
    }
    let auto = rows.iter().skip(1).find(|row| row.trouble.is_none()).map_or(DeviceName::Cpu, |row| row.name);
    let none = match &count {
        Err(error) => Some(error.to_string()),
        Ok(0) => Some("NVIDIA's driver shows no card".to_owned()),
        Ok(_) => None,
    };
    print(&if arguments.json {
        as_json(&rows, auto, none.as_deref())
    } else {
        as_text(&rows, auto, none.as_deref())?
    })?;
    Ok(Outcome::Done)
}

fn as_text(rows: &[Row], auto: DeviceName, none: Option<&str>) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for Row { name, what, trouble } in rows {
        let trouble = trouble.as_ref().map_or(String::new(), |trouble| format!("; cannot be used: {trouble}"));
        writeln!(text, "{:<8}{what}{trouble}", name.to_string())?;
    }
    let none = none.map_or(String::new(), |none| format!(": {none}"));
    writeln!(text, "{:<8}{auto}{none}", DeviceName::Auto.to_string())?;
    Ok(text)
}

fn as_json(rows: &[Row], auto: DeviceName, none: Option<&str>) -> String {
    let devices: Vec<_> = rows
        .iter()
        .map(|Row { name, what, trouble }| json!({ "device": name, "what": what, "trouble": trouble }))
        .collect();
    format!("{:#}\n", json!({ "devices": devices, "auto": auto, "no_card": none }))
}
