//! ONNX: a graph that encodes and one that decodes.

mod graph;
mod likeness;
mod network;
mod proto;
#[cfg(test)]
mod tests;

use super::bundle::Files;
use super::description::Description;
use super::layout::{Foreign, tensors};
use super::scale::{Numbers, Scale};
use super::{ExchangeError, Format, arrays};
use crate::files::Model;
use crate::storage;
use network::Network;
use prost::Message;
use proto::{FLOAT, GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, TensorProto};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The two files.
pub(super) const FILES: [&str; 2] = ["encoder.onnx", "decoder.onnx"];

/// The set of operators, and the version of the format that came with it (ONNX 1.8): the oldest in which all that is used here
/// is what it is today, so that the most runtimes read it.
const OPSET: i64 = 13;
const IR_VERSION: i64 = 7;

/// The entry of the metadata with the description of the model.
const METADATA_KEY: &str = "elbo";

/// The most bytes of a file: those of a message of protocol buffers.
const MOST: u64 = (1 << 31) - 1;

/// The files of a model, for a directory.
pub(super) fn files(
    model: &Model,
    scale: Scale,
    tensors: &[Foreign],
    description: &Value,
    directory: &Path,
) -> Result<Files, ExchangeError> {
    let network = Network { model, scale, tensors };
    // What comes with the weights is far below a hundredth.
    for name in FILES {
        let prefix = &name[..name.len() - "onnx".len()];
        let of_file = tensors.iter().filter(|tensor| tensor.name.starts_with(prefix));
        let bytes = of_file.map(|tensor| 4 * tensor.range.len() as u64).sum::<u64>() + (1 << 24);
        if bytes > MOST {
            return Err(ExchangeError::TooLarge { path: directory.join(name), bytes, most: MOST });
        }
    }
    let file = |graph: GraphProto| {
        let entry = StringStringEntryProto { key: METADATA_KEY.to_owned(), value: description.to_string() };
        ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: "elbo".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            doc_string: format!("The {} of a variational autoencoder.", graph.name),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(OPSET) }],
            metadata_props: vec![entry],
            functions: Vec::new(),
        }
        .encode_to_vec()
    };
    Ok(vec![(FILES[0], file(network.encoder())), (FILES[1], file(network.decoder()))])
}

/// What the two files in a directory say of their model, and its parameters.
pub(super) fn read(directory: &Path) -> Result<(Description, Vec<f32>), ExchangeError> {
    let [first, second] = FILES.map(|name| directory.join(name));
    let (description, encoder) = read_file(&first)?;
    let (other, decoder) = read_file(&second)?;
    if description != other {
        return Err(ExchangeError::Apart { first, second });
    }
    let tensors = tensors(Format::Onnx, &description.card.architecture);
    let half_of = |tensor: &Foreign| {
        if tensor.name.starts_with("encoder.") { (&first, &encoder) } else { (&second, &decoder) }
    };
    let mut numbers = Vec::new();
    for tensor in &tensors {
        let (path, half) = half_of(tensor);
        if tensor.is_loose {
            let found = description.loose.get(&tensor.name).cloned().unwrap_or_default();
            if found.len() != tensor.range.len() {
                return Err(arrays::wrong(path, tensor, format!("the metadata has {} numbers of it", found.len())));
            }
            numbers.push(found);
            continue;
        }
        let found = half
            .initializers
            .get(&*tensor.name)
            .ok_or_else(|| arrays::wrong(path, tensor, "is not there".to_owned()))?;
        numbers.push(floats(path, tensor, found)?);
    }
    let parameters = arrays::gathered(&first, &tensors, &numbers)?;
    let model = Model { card: description.card.clone(), parameters };
    // The numbers of images stand in the graphs alone.
    let is_raw = !encoder.initializers.contains_key("encoder.black");
    let scale = Scale::new(if is_raw { Numbers::Unit } else { Numbers::Files }, &model.card)?;
    let network = Network { model: &model, scale, tensors: &tensors };
    likeness::check(&first, &encoder, &network.encoder())?;
    likeness::check(&second, &decoder, &network.decoder())?;
    Ok((description, model.parameters))
}

/// One of the two graphs, its numbers by name.
struct Half {
    graph: GraphProto,
    initializers: BTreeMap<String, TensorProto>,
}

/// What a file says of its model, and its graph.
fn read_file(path: &Path) -> Result<(Description, Half), ExchangeError> {
    let bytes = storage::read_file(path)?;
    let file = ModelProto::decode(&*bytes)
        .map_err(|error| arrays::malformed(path, format!("not a file of ONNX, or cut short: {error}")))?;
    let foreign = |reason: String| Err(ExchangeError::Foreign { path: path.to_owned(), reason });
    let mut entries = file.metadata_props.iter().filter(|entry| entry.key == METADATA_KEY);
    let entry = match (entries.next(), entries.next()) {
        (Some(entry), None) => entry,
        (None, _) => return foreign(format!("its metadata has no entry '{METADATA_KEY}'")),
        (Some(_), Some(_)) => return foreign(format!("its metadata has two entries '{METADATA_KEY}'")),
    };
    let description = Description::read(entry.value.as_bytes(), path)?;
    let is_standard = |set: &&OperatorSetIdProto| matches!(set.domain.as_deref(), None | Some("" | "ai.onnx"));
    let sets: Vec<Option<i64>> = file.opset_import.iter().filter(is_standard).map(|set| set.version).collect();
    if sets != [Some(OPSET)] {
        return foreign(format!("its graph is not of operator set {OPSET}"));
    }
    if !file.functions.is_empty() {
        return foreign("it has operators of its own".to_owned());
    }
    let mut graph = file.graph.unwrap_or_default();
    let mut initializers = BTreeMap::new();
    for tensor in std::mem::take(&mut graph.initializer) {
        if let Some(twice) = initializers.insert(tensor.name.clone(), tensor) {
            return foreign(format!("it has two tensors {}", twice.name.escape_debug()));
        }
    }
    Ok((description, Half { graph, initializers }))
}

/// The numbers of a tensor, which must be 32-bit floats of its shape.
fn floats(path: &Path, tensor: &Foreign, found: &TensorProto) -> Result<Vec<f32>, ExchangeError> {
    let wrong = |found: String| Err(arrays::wrong(path, tensor, found));
    if found.data_type != Some(FLOAT) {
        return wrong(format!("is of elements of type {}", found.data_type.unwrap_or_default()));
    }
    if !found.dims.iter().copied().eq(tensor.shape.iter().map(|&side| side as i64)) {
        return wrong(format!("is {:?}", found.dims));
    }
    if found.data_location.unwrap_or_default() != 0 {
        return wrong("its numbers lie in another file".to_owned());
    }
    let numbers = match &found.raw_data {
        Some(_) if !found.float_data.is_empty() => return wrong("has its numbers twice".to_owned()),
        Some(bytes) if bytes.len().is_multiple_of(4) => arrays::from_little_endian(bytes),
        Some(bytes) => return wrong(format!("has {} bytes", bytes.len())),
        None => found.float_data.clone(),
    };
    if numbers.len() != tensor.range.len() {
        return wrong(format!("has {} numbers", numbers.len()));
    }
    Ok(numbers)
}
