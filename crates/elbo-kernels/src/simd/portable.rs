//! Plain Rust: 4 lanes, tiles of 4 x 8, on any machine. Products and sums are rounded one by one, not fused.

use super::{Kernel, Simd};
use std::array::from_fn;

/// Every machine has this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Portable;

impl Simd for Portable {
    type Vector = [f32; 4];
    const LANES: usize = 4;
    const ACCUMULATORS: usize = 8;
    const MOST_VECTORS: usize = 2;

    #[inline]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.call(self)
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> [f32; 4] {
        // SAFETY: the caller answers for four numbers; f32 alignment is all that the read assumes.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> [f32; 4] {
        // SAFETY: only the `count` numbers that the caller answers for are read.
        from_fn(|i| if i < count { unsafe { *from.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: [f32; 4]) {
        // SAFETY: the caller answers for four numbers.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(vector) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, vector: [f32; 4], count: usize) {
        for (i, number) in vector.into_iter().enumerate().take(count) {
            // SAFETY: only the `count` numbers that the caller answers for are written.
            unsafe { *to.add(i) = number }
        }
    }
    #[inline(always)]
    fn splat(self, number: f32) -> [f32; 4] {
        [number; 4]
    }
    #[inline(always)]
    fn mul_add(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn add(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn sub(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    fn mul(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    fn div(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        from_fn(|i| a[i] / b[i])
    }
    #[inline(always)]
    fn at_most(self, a: [f32; 4], limit: [f32; 4]) -> [f32; 4] {
        from_fn(|i| if a[i] > limit[i] { limit[i] } else { a[i] })
    }
    #[inline(always)]
    fn at_least(self, a: [f32; 4], limit: [f32; 4]) -> [f32; 4] {
        from_fn(|i| if a[i] < limit[i] { limit[i] } else { a[i] })
    }
    #[inline(always)]
    fn where_positive(self, gate: [f32; 4], a: [f32; 4]) -> [f32; 4] {
        from_fn(|i| if gate[i] <= 0.0 { 0.0 } else { a[i] })
    }
    #[inline(always)]
    fn scale(self, a: [f32; 4], shifted: [f32; 4]) -> [f32; 4] {
        from_fn(|i| f32::from_bits(a[i].to_bits().wrapping_add(shifted[i].to_bits() << 23)))
    }
    #[inline(always)]
    fn sum(self, a: [f32; 4]) -> f32 {
        (a[0] + a[2]) + (a[1] + a[3])
    }
}
