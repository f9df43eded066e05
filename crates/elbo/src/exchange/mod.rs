//! Models in the files of other programs, and back.
//!
//! [`export`] writes a model as one [`Format`] has it; [`import`] reads what it wrote, to the last bit, so that weights that were
//! trained further elsewhere come back. What files hold, in every format:
//!
//! | format | files | layout of weights |
//! |---|---|---|
//! | [`Onnx`](Format::Onnx) | `encoder.onnx`, `decoder.onnx` | as `PyTorch` |
//! | [`PyTorch`](Format::PyTorch) | `weights.safetensors`, `model.py`, `model.json` | `[out, in]`, `[C_out, C_in, H, W]` |
//! | [`Keras`](Format::Keras) | `weights.npz`, `model.py`, `model.json` | `[in, out]`, `[H, W, C_in, C_out]` |
//! | [`Npz`](Format::Npz) | `weights.npz`, `model.json` | that of a [`ParameterTable`](crate::network::ParameterTable) |
//!
//! Decoders make the mean of each pixel under the model's [`Likelihood`](crate::Likelihood), as [`Vae::decode`](crate::Vae::decode)
//! does. What outputs differ by is how sums are rounded.

mod arrays;
mod bundle;
mod description;
mod error;
mod export;
mod import;
mod layout;
mod onnx;
mod python;
mod scale;
#[cfg(test)]
mod tests;

pub use error::ExchangeError;
pub use export::{Exported, export};
pub use import::{Imported, import};
pub use scale::Numbers;

use serde::{Deserialize, Serialize};
use std::fmt;

/// Files that other programs read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// Graphs of ONNX, which many runtimes run: one that encodes and one that decodes.
    Onnx,
    /// Weights and a short program for `PyTorch`.
    PyTorch,
    /// Weights and a short program for Keras 3.
    Keras,
    /// Arrays of `NumPy`, as they lie in a model file.
    Npz,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Onnx, Self::PyTorch, Self::Keras, Self::Npz];

    /// The file with the weights, where one has them all.
    fn weights(self) -> Option<&'static str> {
        match self {
            Self::Onnx => None,
            Self::PyTorch => Some("weights.safetensors"),
            Self::Keras | Self::Npz => Some("weights.npz"),
        }
    }
}

/// As people write it: `PyTorch`.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Onnx => "ONNX",
            Self::PyTorch => "PyTorch",
            Self::Keras => "Keras",
            Self::Npz => "NumPy",
        })
    }
}
