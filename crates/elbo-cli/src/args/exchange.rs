//! The arguments of `export` and `import`.

use clap::ValueEnum;
use elbo::exchange::Format;
use std::path::PathBuf;

/// What to write.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum FormatName {
    /// encoder.onnx and decoder.onnx, for ONNX Runtime and many others
    Onnx,
    /// weights.safetensors, and a short program that loads them with torch
    Pytorch,
    /// weights.npz, and a short program that loads them with Keras 3
    Keras,
    /// weights.npz, as they lie in the model file
    Npz,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Onnx => Self::Onnx,
            FormatName::Pytorch => Self::PyTorch,
            FormatName::Keras => Self::Keras,
            FormatName::Npz => Self::Npz,
        }
    }
}

/// Write a model for other programs
///
/// The exported encoder makes of images the means and log-variances of their latent distributions, the decoder of latent vectors
/// the mean of each pixel. Images have the numbers of the files that the model was trained on: from 0 to 255, or from black to
/// white as --range had them. They must have the model's size; scaling pictures to it is not part of the export.
#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// Run directory, or model file such as RUN/best.safetensors
    pub(crate) run: PathBuf,

    /// What to write
    #[arg(long, value_enum, default_value = "onnx")]
    pub(crate) format: FormatName,

    /// Directory to write to; it must be empty, and is made if there is none
    #[arg(long, value_name = "DIR", default_value = "exported")]
    pub(crate) out: PathBuf,

    /// Images have the network's own numbers, from 0 to 1
    #[arg(long)]
    pub(crate) raw: bool,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Read an exported model back
///
/// Reads what export wrote, to the last bit, or with weights that were trained further elsewhere. Other networks are not read.
#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// Directory that export wrote, or a file of weights with model.json beside it
    pub(crate) from: PathBuf,

    /// Model file to write; there must be none yet
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
