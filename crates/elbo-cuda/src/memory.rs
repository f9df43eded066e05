//! Memory of a card, and of the host for its copies.

use crate::args::Address;
use crate::card::Card;
use crate::error::{CudaError, While};
use cudarc::driver::{DriverError, result, sys};
use std::ops::Range;
use std::sync::Arc;
use std::{ptr, slice};

/// A piece of the card's memory; freed when it is dropped, after all that was asked for is done.
pub(crate) struct Memory {
    card: Arc<Card>,
    pub(crate) address: Address,
}

impl Memory {
    /// So many bytes; what is in them is not known.
    pub(crate) fn new(card: &Arc<Card>, bytes: u64) -> Result<Self, CudaError> {
        card.context.bind_to_thread().while_("using the card")?;
        let bytes = bytes.max(256) as usize;
        // SAFETY: the context is current; nothing reads the memory before it is written.
        let address = unsafe { result::malloc_sync(bytes) }.map_err(|source| {
            let DriverError(code) = source;
            match (code, result::mem_get_info()) {
                (sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY, Ok((free, total))) => {
                    CudaError::OutOfMemory { needed: bytes.div_ceil(1 << 20), free: free >> 20, total: total >> 20 }
                }
                _ => CudaError::Driver { what: "taking the card's memory", source },
            }
        })?;
        Ok(Self { card: Arc::clone(card), address })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = self.card.wait();
        // SAFETY: `malloc_sync` gave the address, and nothing runs that uses it.
        let _ = unsafe { result::free_sync(self.address) };
    }
}

/// Memory of the host that the card copies from and to by itself.
pub(crate) struct Pinned {
    card: Arc<Card>,
    start: *mut u8,
    bytes: usize,
}

// SAFETY: the memory belongs to this value alone, wherever it is.
unsafe impl Send for Pinned {}
// SAFETY: shared references only read.
unsafe impl Sync for Pinned {}

impl Pinned {
    /// So many bytes, all 0.
    pub(crate) fn new(card: &Arc<Card>, bytes: usize) -> Result<Self, CudaError> {
        card.context.bind_to_thread().while_("using the card")?;
        let bytes = bytes.max(8);
        // SAFETY: the context is current; the memory is written before it is read, below.
        let start = unsafe { result::malloc_host(bytes, 0) }.while_("taking pinned memory")?.cast::<u8>();
        // SAFETY: `start` points to as many bytes, which are ours alone.
        unsafe { ptr::write_bytes(start, 0, bytes) };
        Ok(Self { card: Arc::clone(card), start, bytes })
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Some of them, to which no copy may be under way.
    pub(crate) fn bytes(&self, of: Range<usize>) -> &[u8] {
        assert!(of.start <= of.end && of.end <= self.bytes, "bytes that are there");
        // SAFETY: they are among those taken and written in `new`, which live as long as this; a copy to them was waited for.
        unsafe { slice::from_raw_parts(self.start.add(of.start), of.len()) }
    }

    /// Some of them, to or from which no copy may be under way.
    pub(crate) fn bytes_mut(&mut self, of: Range<usize>) -> &mut [u8] {
        assert!(of.start <= of.end && of.end <= self.bytes, "bytes that are there");
        // SAFETY: as in `bytes`, and the reference is the only one.
        unsafe { slice::from_raw_parts_mut(self.start.add(of.start), of.len()) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = self.card.wait();
        // SAFETY: `malloc_host` gave the address, and no copy is under way.
        let _ = unsafe { result::free_host(self.start.cast()) };
    }
}
