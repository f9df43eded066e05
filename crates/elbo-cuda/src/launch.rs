//! One launch of a kernel, as numbers.

use crate::args::Args;

/// When a launch begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// After the one before it.
    Next,
    /// As soon as the one before it is done, beside what follows, until [`Order::Joined`].
    Beside,
    /// After all before it.
    Joined,
}

/// A kernel with all that it is given.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) kernel: &'static str,
    pub(crate) grid: [u32; 3],
    pub(crate) threads: u32,
    /// Bytes of a block's memory.
    pub(crate) shared: u32,
    /// The structure that the kernel takes, in memory aligned for it.
    pub(crate) args: Vec<u64>,
    pub(crate) order: Order,
}

impl Launch {
    pub(crate) fn new<T: Args>(kernel: &'static str, grid: [usize; 3], threads: u32, shared: usize, args: T) -> Self {
        let mut bytes = vec![0_u64; size_of::<T>().div_ceil(8)];
        // SAFETY: the vector has room for a `T`, the two do not overlap, and as `T: Args` it is plain numbers, which stay
        // what they are when copied. Nothing reads the bytes here as `u64`: the driver copies them for the kernel.
        unsafe {
            std::ptr::copy_nonoverlapping((&raw const args).cast::<u8>(), bytes.as_mut_ptr().cast(), size_of::<T>());
        };
        let grid = grid.map(|n| u32::try_from(n).expect("a grid of less than 2^32 blocks"));
        Self {
            kernel,
            grid,
            threads,
            shared: u32::try_from(shared).expect("a block's memory is small"),
            args: bytes,
            order: Order::Next,
        }
    }

    /// The same at another time.
    pub(crate) fn ordered(self, order: Order) -> Self {
        Self { order, ..self }
    }
}
