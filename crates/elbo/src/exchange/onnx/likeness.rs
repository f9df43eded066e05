//! Whether a graph is the one that export writes of a network: another one computes something else with the same numbers.
//!
//! What does not change what is computed may have changed: names of nodes, words, the order of numbers and of attributes, sizes
//! of batches.

use super::super::ExchangeError;
use super::super::arrays::little_endian;
use super::Half;
use super::proto::{AttributeProto, GraphProto, INT64, NodeProto, TensorProto, ValueInfoProto};
use std::collections::BTreeSet;
use std::path::Path;

/// Checks that a graph is as expected; its parameters are compared as well, and are what they were read as.
pub(super) fn check(path: &Path, found: &Half, expected: &GraphProto) -> Result<(), ExchangeError> {
    let foreign = |reason: String| Err(ExchangeError::Foreign { path: path.to_owned(), reason });
    let known: BTreeSet<&str> = expected.initializer.iter().map(|tensor| &*tensor.name).collect();
    if let Some(name) = found.initializers.keys().find(|name| !known.contains(&***name)) {
        return Err(ExchangeError::Unknown { path: path.to_owned(), name: name.escape_debug().to_string() });
    }
    if !found.graph.sparse_initializer.is_empty() {
        return foreign("it has sparse tensors, and export writes none".to_owned());
    }
    for tensor in &expected.initializer {
        let is_same = found.initializers.get(&tensor.name).is_some_and(|found| is_same_tensor(found, tensor));
        if !is_same {
            return foreign(format!("its tensor {} is not the one that export writes", tensor.name));
        }
    }
    for (place, node) in found.graph.node.iter().enumerate() {
        let operator = || node.op_type.escape_debug();
        match expected.node.get(place) {
            Some(expected) if is_same_node(node, expected) => {}
            Some(expected) if node.op_type != expected.op_type => {
                let (place, expected) = (place + 1, &expected.op_type);
                return foreign(format!("node {place} of its graph is {}, where export writes {expected}", operator()));
            }
            Some(_) => {
                let reason = format!("node {} of its graph, {}, is not as export writes it", place + 1, operator());
                return foreign(reason);
            }
            None => return foreign(format!("its graph goes on with {}, where that of export ends", operator())),
        }
    }
    if let Some(missing) = expected.node.get(found.graph.node.len()) {
        return foreign(format!("its graph ends where export writes {}", missing.op_type));
    }
    let names = |values: &[ValueInfoProto]| values.iter().map(|value| value.name.clone()).collect::<Vec<_>>();
    if names(&found.graph.input) != names(&expected.input) || names(&found.graph.output) != names(&expected.output) {
        return foreign("its inputs and outputs are not those that export writes".to_owned());
    }
    Ok(())
}

/// Of one operator, on the same values, with the same settings.
fn is_same_node(found: &NodeProto, expected: &NodeProto) -> bool {
    let settings = |node: &NodeProto| {
        let mut settings: Vec<AttributeProto> = node.attribute.clone();
        settings.sort_by(|a, b| a.name.cmp(&b.name));
        settings
    };
    found.op_type == expected.op_type
        && ["", "ai.onnx"].contains(&&*found.domain)
        && (&found.input, &found.output) == (&expected.input, &expected.output)
        && settings(found) == settings(expected)
}

/// Of the same type, shape and numbers to the last bit, wherever in the message these lie.
fn is_same_tensor(found: &TensorProto, expected: &TensorProto) -> bool {
    let (floats, integers) = (&found.float_data, &found.int64_data);
    let lists = usize::from(!floats.is_empty()) + usize::from(!integers.is_empty());
    let bytes = match &found.raw_data {
        Some(_) if lists > 0 => None,
        Some(bytes) => Some(bytes.clone()),
        None if lists > 1 => None,
        None if found.data_type == Some(INT64) => {
            Some(integers.iter().flat_map(|number| number.to_le_bytes()).collect())
        }
        None => Some(little_endian(floats)),
    };
    found.data_location.unwrap_or_default() == 0
        && (found.data_type, &found.dims) == (expected.data_type, &expected.dims)
        && bytes == expected.raw_data
}
