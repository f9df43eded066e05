//! ONNX: a graph that encodes and one that decodes.

mod graph;
mod network;
mod proto;

use super::bundle::Files;
use super::description::Description;
use super::layout::{Foreign, tensors};
use super::scale::Scale;
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
        }
        .encode_to_vec()
    };
    Ok(vec![(FILES[0], file(network.encoder())), (FILES[1], file(network.decoder()))])
}

/// What the two files in a directory say of their model, and its parameters.
pub(super) fn read(directory: &Path) -> Result<(Description, Vec<f32>), ExchangeError> {
    let [first, second] = FILES.map(|name| directory.join(name));
    let (description, mut initializers) = read_file(&first)?;
    let (other, of_decoder) = read_file(&second)?;
    if description != other {
        return Err(ExchangeError::Apart { first, second });
    }
    initializers.extend(of_decoder);
    let tensors = tensors(Format::Onnx, &description.card.architecture);
    let path_of = |tensor: &Foreign| if tensor.name.starts_with("encoder.") { &first } else { &second };
    let mut numbers = Vec::new();
    for tensor in &tensors {
        let path = path_of(tensor);
        if tensor.is_loose {
            let found = description.loose.get(&tensor.name).cloned().unwrap_or_default();
            if found.len() != tensor.range.len() {
                return Err(arrays::wrong(path, tensor, format!("the metadata has {} numbers of it", found.len())));
            }
            numbers.push(found);
            continue;
        }
        let found =
            initializers.get(&tensor.name).ok_or_else(|| arrays::wrong(path, tensor, "is not there".to_owned()))?;
        numbers.push(floats(path, tensor, found)?);
    }
    let parameters = arrays::gathered(&first, &tensors, &numbers)?;
    Ok((description, parameters))
}

/// What a file says of its model, and all its tensors by name.
fn read_file(path: &Path) -> Result<(Description, BTreeMap<String, TensorProto>), ExchangeError> {
    let bytes = storage::read_file(path)?;
    let file = ModelProto::decode(&*bytes)
        .map_err(|error| arrays::malformed(path, format!("not a file of ONNX, or cut short: {error}")))?;
    let Some(entry) = file.metadata_props.iter().find(|entry| entry.key == METADATA_KEY) else {
        let reason = format!("its metadata has no entry '{METADATA_KEY}'");
        return Err(ExchangeError::Foreign { path: path.to_owned(), reason });
    };
    let description = Description::read(entry.value.as_bytes(), path)?;
    let tensors = file.graph.unwrap_or_default().initializer;
    Ok((description, tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect()))
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
        Some(bytes) if bytes.len().is_multiple_of(4) => arrays::from_little_endian(bytes),
        Some(bytes) => return wrong(format!("has {} bytes", bytes.len())),
        None => found.float_data.clone(),
    };
    if numbers.len() != tensor.range.len() {
        return wrong(format!("has {} numbers", numbers.len()));
    }
    Ok(numbers)
}
