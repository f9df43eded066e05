//! What stands beside the weights: what the model says of itself, and of what its tensors are.

use super::layout::Foreign;
use super::scale::Scale;
use super::{ExchangeError, Format};
use crate::files::{Model, ModelCard, NewerFileError};
use crate::network::architecture::{Activation, LayerShape, Role};
use crate::network::likelihood::log_sigma;
use crate::network::parameters::ParameterTable;
use elbo_kernels::Direction;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What every description calls itself.
const KIND: &str = "exported model";
/// The newest format of a description, and the one that is written.
const NEWEST: u32 = 1;

/// The description of a model in a format.
pub(super) fn describe(model: &Model, format: Format, scale: Scale, tensors: &[Foreign]) -> Value {
    let table = ParameterTable::new(&model.card.architecture);
    let sigma = table.log_sigma().map(|place| libm::exp(log_sigma(f64::from(model.parameters[place]))));
    let loose: BTreeMap<&str, &[f32]> = tensors
        .iter()
        .filter(|tensor| tensor.is_loose)
        .map(|tensor| (tensor.name.as_str(), &model.parameters[tensor.range.clone()]))
        .collect();
    let tensors: Vec<Value> =
        tensors.iter().map(|tensor| json!({ "name": tensor.name, "shape": tensor.shape })).collect();
    json!({
        "kind": KIND,
        "format": NEWEST,
        "framework": format,
        "black": scale.low,
        "white": scale.high,
        "sigma": sigma,
        "loose": loose,
        "layers": model.card.architecture.layers().iter().map(layer).collect::<Vec<_>>(),
        "tensors": tensors,
        "digest": model.digest(),
        "card": model.card,
    })
}

/// A layer, as one would build it elsewhere.
fn layer(layer: &LayerShape) -> Value {
    let (kind, stride) = match (layer.role, layer.direction) {
        (Role::Head, _) => ("fully connected", None),
        // It reads a single pixel.
        (Role::Projection, _) => ("transposed convolution", Some([1, 1])),
        (_, Direction::Down) => ("convolution", Some(layer.geometry.stride)),
        (_, Direction::Up) => ("transposed convolution", Some(layer.geometry.stride)),
    };
    json!({
        "name": layer.name,
        "kind": kind,
        "inputs": layer.c_in,
        "outputs": layer.c_out,
        "kernel": layer.geometry.kernel,
        "stride": stride,
        "padding": paddings(layer),
        "output": layer.output(),
        "activation": if layer.activation == Activation::Relu { Some("relu") } else { None },
    })
}

/// Rows above, columns to the left, rows below, columns to the right of the large image that taps reach into: what a
/// convolution is padded by, and what is cut off a transposed one.
pub(super) fn paddings(layer: &LayerShape) -> [usize; 4] {
    let geometry = &layer.geometry;
    let after = |axis: usize| match layer.role {
        Role::Head | Role::Projection => 0,
        _ => {
            geometry.stride[axis] * (geometry.small[axis] - 1) + geometry.kernel[axis]
                - geometry.pad[axis]
                - geometry.large[axis]
        }
    };
    [geometry.pad[0], geometry.pad[1], after(0), after(1)]
}

/// What is read of a description.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub(super) struct Description {
    pub(super) framework: Format,
    /// SHA-256 of the parameters that were exported.
    pub(super) digest: String,
    /// The parameters that are part of no layer, by name: a graph of ONNX has no place for them.
    pub(super) loose: BTreeMap<String, Vec<f32>>,
    pub(super) card: ModelCard,
}

/// What descriptions of all formats have.
#[derive(Deserialize)]
struct Head {
    kind: String,
    format: u32,
}

impl Description {
    /// Understands the description that a file holds or is.
    pub(super) fn read(json: &[u8], path: &Path) -> Result<Self, ExchangeError> {
        let foreign = |reason: String| ExchangeError::Foreign { path: path.to_owned(), reason };
        let value: Value = serde_json::from_slice(json).map_err(|error| foreign(error.to_string()))?;
        // The format first: a newer one may have fields that this program does not know.
        let head = Head::deserialize(&value).map_err(|error| foreign(error.to_string()))?;
        if head.kind != KIND {
            return Err(foreign(format!("it is of kind '{}'", head.kind.escape_debug())));
        }
        if head.format > NEWEST {
            return Err(NewerFileError { path: path.to_owned(), found: head.format, known: NEWEST }.into());
        }
        let description = Self::deserialize(value).map_err(|error| foreign(error.to_string()))?;
        description.card.check().map_err(foreign)?;
        Ok(description)
    }
}
