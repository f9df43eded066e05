//! Which device computes, where a name says so.

#[cfg(feature = "cuda")]
use super::cuda::{Cuda, CudaError, card_count};
use super::{Cpu, Device, EngineError};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A device by its name: `auto`, `cpu`, `cuda` for the first card, or `cuda:N`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum DeviceName {
    /// The first NVIDIA card that can be used, or else the processor.
    Auto,
    /// The processor.
    #[default]
    Cpu,
    /// The NVIDIA card of this number, the first being 0.
    Cuda(usize),
}

/// There is no such device.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("'{0}' is no device: auto, cpu, cuda or cuda:N")]
pub struct UnknownDevice(pub String);

impl FromStr for DeviceName {
    type Err = UnknownDevice;
    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        match (text, text.strip_prefix("cuda:")) {
            ("auto", _) => Ok(Self::Auto),
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            (_, Some(number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                number.parse().map(Self::Cuda).map_err(|_| UnknownDevice(text.to_owned()))
            }
            _ => Err(UnknownDevice(text.to_owned())),
        }
    }
}

impl TryFrom<String> for DeviceName {
    type Error = UnknownDevice;
    fn try_from(text: String) -> Result<Self, UnknownDevice> {
        text.parse()
    }
}

impl From<DeviceName> for String {
    fn from(name: DeviceName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// How the factors of products are rounded; sums are in `f32` in any case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// Not at all: they are `f32`.
    #[default]
    F32,
    /// To the 11 significant bits that an NVIDIA card's tensor cores take, which are faster.
    Tf32,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
        })
    }
}

/// A device that was chosen by a name.
#[derive(Debug)]
pub struct Chosen {
    /// What computes.
    pub device: Box<dyn Device>,
    /// Its own name: not [`DeviceName::Auto`].
    pub name: DeviceName,
    /// Why it is this one.
    pub reason: Reason,
}

/// Why a device was chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// It was asked for by its name.
    Named,
    /// It is the first card that can be used.
    Usable,
    /// It is the processor, because there is no card or no driver: which of the two.
    NoCard(String),
    /// It is the processor, because no card can be used: why.
    Unusable(String),
    /// It is the processor, because what is asked for is computed there alone.
    Needed,
}

impl DeviceName {
    /// The device of this name, after a card has shown that it computes what the processor does. `threads` are the
    /// processor's, 0 being one per core.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] if it cannot be used, or does not have this precision. [`DeviceName::Auto`] takes the
    /// processor then, which computes in `f32`.
    pub fn open(self, precision: Precision, threads: usize) -> Result<Chosen, EngineError> {
        self.open_for(precision, threads, false)
    }

    /// The same, where [`DeviceName::Auto`] takes the processor if that is needed: see
    /// [`Recipe::needs_processor`](crate::Recipe::needs_processor).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_for(self, precision: Precision, threads: usize, needs_processor: bool) -> Result<Chosen, EngineError> {
        let cpu = Box::new(Cpu::new(threads));
        match self {
            Self::Cpu if precision == Precision::F32 => Ok(Chosen { device: cpu, name: self, reason: Reason::Named }),
            Self::Cpu => {
                let source = format!("it computes in f32: {precision} is a mode of NVIDIA cards").into();
                Err(EngineError::Unavailable { what: "cpu".to_owned(), source })
            }
            Self::Cuda(number) => Ok(Chosen { device: card(number, precision)?, name: self, reason: Reason::Named }),
            Self::Auto if needs_processor => Ok(Chosen { device: cpu, name: Self::Cpu, reason: Reason::Needed }),
            Self::Auto => Ok(match first_card(precision) {
                Ok((number, device)) => Chosen { device, name: Self::Cuda(number), reason: Reason::Usable },
                Err(reason) => Chosen { device: cpu, name: Self::Cpu, reason },
            }),
        }
    }
}

/// A card that was tested.
#[cfg(feature = "cuda")]
fn card(number: usize, precision: Precision) -> Result<Box<dyn Device>, EngineError> {
    let card = Cuda::new(number, precision)?;
    card.test()?;
    Ok(Box::new(card))
}

#[cfg(not(feature = "cuda"))]
fn card(number: usize, _precision: Precision) -> Result<Box<dyn Device>, EngineError> {
    let source = "this program was built without the feature `cuda`".into();
    Err(EngineError::Unavailable { what: format!("cuda:{number}"), source })
}

/// The first card that can be used, and its number; else why there is none.
#[cfg(feature = "cuda")]
fn first_card(precision: Precision) -> Result<(usize, Box<dyn Device>), Reason> {
    let count = match card_count() {
        Ok(count) => count,
        Err(CudaError::NoDriver) => return Err(Reason::NoCard("NVIDIA's driver is not installed".to_owned())),
        Err(error) => return Err(Reason::Unusable(error.to_string())),
    };
    let mut reasons = Vec::new();
    for number in 0..count {
        match card(number, precision) {
            Ok(device) => return Ok((number, device)),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(if count == 0 {
        Reason::NoCard("NVIDIA's driver shows no card".to_owned())
    } else {
        Reason::Unusable(reasons.join("; "))
    })
}

#[cfg(not(feature = "cuda"))]
fn first_card(_precision: Precision) -> Result<(usize, Box<dyn Device>), Reason> {
    Err(Reason::NoCard("this program was built without the feature `cuda`".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in [DeviceName::Auto, DeviceName::Cpu, DeviceName::Cuda(0), DeviceName::Cuda(12)] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        assert_eq!("cuda".parse(), Ok(DeviceName::Cuda(0)));
        for wrong in ["", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:+1", "cuda:x", "cuda:99999999999999999999999"] {
            assert_eq!(wrong.parse::<DeviceName>(), Err(UnknownDevice(wrong.to_owned())));
        }
    }

    #[test]
    fn the_processor_has_no_other_precision_than_its_own() {
        assert_eq!(DeviceName::Cpu.open(Precision::F32, 1).unwrap().reason, Reason::Named);
        let error = DeviceName::Cpu.open(Precision::Tf32, 1).unwrap_err();
        assert_eq!(error.to_string(), "cpu: it computes in f32: tf32 is a mode of NVIDIA cards");
    }
}
