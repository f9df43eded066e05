//! Which instruction set to use: found out once, at run time.

use super::{Kernel, Simd};
use crate::tile_shape::tile_vectors;
use std::fmt;

/// An instruction set that this machine has.
///
/// There is no way to make one that the machine lacks, so passing it to a kernel is safe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Isa(Kind);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512(super::avx512::Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(super::avx2::Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(super::neon::Neon),
    Portable(super::portable::Portable),
}

/// The name given is not that of an instruction set which this machine has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownIsa {
    /// The name given.
    pub name: String,
    /// The names that would do.
    pub available: Vec<&'static str>,
}

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no instruction set '{}' on this machine; it has: {}", self.name, self.available.join(", "))
    }
}

impl std::error::Error for UnknownIsa {}

impl Isa {
    /// All that this machine has, the fastest first; the last is `portable`, which every machine has.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            found.extend(super::avx512::Avx512::detect().map(|token| Self(Kind::Avx512(token))));
            found.extend(super::avx2::Avx2::detect().map(|token| Self(Kind::Avx2(token))));
        }
        #[cfg(target_arch = "aarch64")]
        found.extend(super::neon::Neon::detect().map(|token| Self(Kind::Neon(token))));
        found.push(Self(Kind::Portable(super::portable::Portable)));
        found
    }

    /// The fastest that this machine has.
    #[must_use]
    pub fn fastest() -> Self {
        Self::available()[0]
    }

    /// The one of this name: `avx512`, `avx2`, `neon` or `portable`.
    ///
    /// # Errors
    /// If this machine lacks it, or nothing has that name.
    pub fn named(name: &str) -> Result<Self, UnknownIsa> {
        let available = Self::available();
        available
            .iter()
            .copied()
            .find(|isa| isa.name() == name)
            .ok_or_else(|| UnknownIsa { name: name.to_owned(), available: available.iter().map(Self::name).collect() })
    }

    /// Its name, as [`Isa::named`] takes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon(_) => "neon",
            Kind::Portable(_) => "portable",
        }
    }

    /// Runs a kernel compiled for this instruction set.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(simd) => simd.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(simd) => simd.run(kernel),
            #[cfg(target_arch = "aarch64")]
            Kind::Neon(simd) => simd.run(kernel),
            Kind::Portable(simd) => simd.run(kernel),
        }
    }

    /// How many columns of `rows x columns` a register tile takes at a time: the width of a panel of packed weights.
    pub(crate) fn tile_columns(self, rows: usize, columns: usize) -> usize {
        self.run(TileColumns { rows, columns })
    }
}

struct TileColumns {
    rows: usize,
    columns: usize,
}

impl Kernel for TileColumns {
    type Output = usize;
    #[inline(always)]
    fn call<S: Simd>(self, _: S) -> usize {
        tile_vectors::<S>(self.rows, self.columns) * S::LANES
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_one_is_found_by_its_name() {
        for isa in Isa::available() {
            assert_eq!(Isa::named(isa.name()), Ok(isa));
        }
        assert_eq!(Isa::available().last().map(Isa::name), Some("portable"));
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known() {
        let error = Isa::named("mmx").unwrap_err();
        assert!(error.to_string().contains("'mmx'"));
        assert!(error.to_string().contains("portable"));
    }
}
