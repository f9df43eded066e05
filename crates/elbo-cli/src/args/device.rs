//! What computes.

use clap::ValueEnum;
use elbo::engine::{DeviceName, Precision};

/// How a card rounds factors.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum PrecisionName {
    /// Factors are 32-bit floats, as on the processor
    F32,
    /// Factors are rounded to 11 significant bits, sums are not: faster, and for cards alone
    Tf32,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::F32 => Self::F32,
            PrecisionName::Tf32 => Self::Tf32,
        }
    }
}

/// What computes. What is not given is the choice of the command, or of the run.
#[derive(Clone, clap::Args)]
pub(crate) struct DeviceArgs {
    /// What computes: cpu, cuda (the first NVIDIA card), cuda:N, or auto: the first card that can be used, else the processor
    /// [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<DeviceName>,

    /// How a card multiplies [default: f32]
    #[arg(long, value_enum)]
    pub(crate) precision: Option<PrecisionName>,

    /// Number of threads of the processor; the result is the same for any number [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

impl DeviceArgs {
    pub(crate) fn precision(&self) -> Precision {
        self.precision.map_or(Precision::F32, Into::into)
    }

    /// 0 is one per core.
    pub(crate) fn threads(&self) -> usize {
        self.threads.unwrap_or(0)
    }
}
