//! Why a card computes nothing.

use cudarc::driver::DriverError;

/// Why a card cannot be used, or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CudaError {
    /// There is no driver.
    #[error("NVIDIA's driver is not installed: there is no libcuda.so.1 (nvcuda.dll) that can be loaded")]
    NoDriver,
    /// The driver is older than what is called of it, or no driver.
    #[error("NVIDIA's driver is too old: its library has no {symbol}")]
    OldDriver {
        /// What it lacks.
        symbol: &'static str,
    },
    /// There is no card of this number.
    #[error("there is no such card: the driver shows {count}, the first of which is number 0")]
    NoCard {
        /// The number.
        number: usize,
        /// Cards that there are.
        count: usize,
    },
    /// The card lacks what the kernels use.
    #[error("{name} has compute capability {}.{}; 8.0 (Ampere, 2020) or newer is needed", capability.0, capability.1)]
    TooOld {
        /// The card.
        name: String,
        /// Its compute capability.
        capability: (i32, i32),
    },
    /// The network takes more of the card's memory than is free.
    #[error("{needed} MiB of the card's memory are needed, and {free} of {total} MiB are free")]
    OutOfMemory {
        /// What is needed, in MiB.
        needed: usize,
        /// What is free.
        free: usize,
        /// What there is.
        total: usize,
    },
    /// The driver says no.
    #[error("{what}: {}", said(*source))]
    Driver {
        /// What was tried.
        what: &'static str,
        /// What the driver says.
        source: DriverError,
    },
}

/// What the driver calls an error.
fn said(DriverError(code): DriverError) -> String {
    match DriverError(code).error_string() {
        Ok(words) => format!("{} ({code:?})", words.to_string_lossy()),
        Err(_) => format!("{code:?}"),
    }
}

/// Says what was tried.
pub(crate) trait While<T> {
    fn while_(self, what: &'static str) -> Result<T, CudaError>;
}

impl<T> While<T> for Result<T, DriverError> {
    fn while_(self, what: &'static str) -> Result<T, CudaError> {
        self.map_err(|source| CudaError::Driver { what, source })
    }
}
