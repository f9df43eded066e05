//! Why nothing is computed.

use std::error::Error;

/// Why there is no engine, or it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The device cannot be used.
    #[error("{what}: {source}")]
    Unavailable {
        /// What was asked for.
        what: String,
        /// Why it cannot be had.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The device does not compute this.
    #[error("{device} does not compute {what}: the processor does")]
    Unsupported {
        /// What it is.
        device: String,
        /// What it does not compute.
        what: &'static str,
    },
    /// The device failed while it worked.
    #[error("{device} failed: {source}")]
    Device {
        /// What it is, as [`Engine::description`](super::Engine::description) has it.
        device: String,
        /// What the device says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The device has too little memory for the network.
    #[error("{device} has too little memory: {source}")]
    OutOfMemory {
        /// What it is.
        device: String,
        /// What the device says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Parameters, or what belongs to them, are not those of the network.
    #[error("{found} parameters for a network that has {expected}")]
    ParameterCount {
        /// Those of the network.
        expected: usize,
        /// Those given.
        found: usize,
    },
}

impl EngineError {
    /// That there is a number for each parameter.
    pub(crate) fn check_count(expected: usize, found: usize) -> Result<(), Self> {
        if found == expected { Ok(()) } else { Err(Self::ParameterCount { expected, found }) }
    }
}
