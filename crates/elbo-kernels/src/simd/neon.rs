//! NEON: 4 lanes, 32 registers, tiles of 12 x 8.

use super::{Kernel, Simd};
use std::arch::aarch64::*;

/// Proves that the machine has NEON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.call(self)
    }
}

impl Simd for Neon {
    type Vector = float32x4_t;
    const LANES: usize = 4;
    // 12 rows of 2 vectors are 24 accumulators; 2 weights and 1 broadcast make 27 of 32 registers.
    const ACCUMULATORS: usize = 24;
    const MOST_VECTORS: usize = 2;

    #[inline]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves NEON.
        unsafe { self.enter(kernel) }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> float32x4_t {
        // SAFETY: the caller answers for the pointer, the token for the instructions.
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> float32x4_t {
        let mut lanes = [0.0_f32; 4];
        // SAFETY: the caller answers for `count` numbers at `from`, the slice below for as many in `lanes`.
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes[..count].as_mut_ptr(), count);
            vld1q_f32(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: float32x4_t) {
        // SAFETY: the caller answers for the pointer, the token for the instructions.
        unsafe { vst1q_f32(to, vector) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, vector: float32x4_t, count: usize) {
        let mut lanes = [0.0_f32; 4];
        // SAFETY: `lanes` takes a vector; the caller answers for `count` numbers at `to`, the slice for as many in
        // `lanes`.
        unsafe {
            vst1q_f32(lanes.as_mut_ptr(), vector);
            std::ptr::copy_nonoverlapping(lanes[..count].as_ptr(), to, count);
        }
    }
    #[inline(always)]
    fn splat(self, number: f32) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vdupq_n_f32(number) }
    }
    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vdivq_f32(a, b) }
    }
    #[inline(always)]
    fn at_most(self, a: float32x4_t, limit: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON. FMIN gives NaN where an operand is NaN.
        unsafe { vminq_f32(a, limit) }
    }
    #[inline(always)]
    fn at_least(self, a: float32x4_t, limit: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON. FMAX gives NaN where an operand is NaN.
        unsafe { vmaxq_f32(a, limit) }
    }
    #[inline(always)]
    fn where_positive(self, gate: float32x4_t, a: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON. NaN is not at most zero.
        unsafe { vbslq_f32(vclezq_f32(gate), vdupq_n_f32(0.0), a) }
    }
    #[inline(always)]
    fn scale(self, a: float32x4_t, shifted: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe {
            let exponent = vshlq_n_s32::<23>(vreinterpretq_s32_f32(shifted));
            vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a), exponent))
        }
    }
    #[inline(always)]
    fn sum(self, a: float32x4_t) -> f32 {
        // SAFETY: the token proves NEON.
        unsafe { vaddvq_f32(a) }
    }
}
