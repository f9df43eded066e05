//! AVX-512F: 16 lanes, 32 registers, tiles of 12 x 32 to 6 x 64.

use super::avx2::sum_eight;
use super::{Kernel, Simd};
use std::arch::x86_64::*;

/// Proves that the machine has AVX-512F.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    #[target_feature(enable = "avx512f,fma")]
    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.call(self)
    }
}

/// The first `count` lanes.
#[inline(always)]
fn mask(count: usize) -> __mmask16 {
    ((1_u32 << count) - 1) as __mmask16
}

impl Simd for Avx512 {
    type Vector = __m512;
    const LANES: usize = 16;
    // 2 to 4 weights and 1 broadcast make up to 29 of 32 registers.
    const ACCUMULATORS: usize = 24;
    const MOST_VECTORS: usize = 4;

    #[inline]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves AVX-512F and FMA.
        unsafe { self.enter(kernel) }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: the caller answers for the pointer, the token for the instructions.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> __m512 {
        // SAFETY: lanes that the mask leaves out are not read; the caller answers for the others.
        unsafe { _mm512_maskz_loadu_ps(mask(count), from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: __m512) {
        // SAFETY: the caller answers for the pointer, the token for the instructions.
        unsafe { _mm512_storeu_ps(to, vector) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, vector: __m512, count: usize) {
        // SAFETY: lanes that the mask leaves out are not written; the caller answers for the others.
        unsafe { _mm512_mask_storeu_ps(to, mask(count), vector) }
    }
    #[inline(always)]
    fn prefetch(self, from: *const f32) {
        // SAFETY: a prefetch reads nothing, wherever it points; the token proves SSE.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }
    #[inline(always)]
    fn splat(self, number: f32) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_set1_ps(number) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn at_most(self, a: __m512, limit: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F. The second operand is returned where one is not a number.
        unsafe { _mm512_min_ps(limit, a) }
    }
    #[inline(always)]
    fn at_least(self, a: __m512, limit: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F. The second operand is returned where one is not a number.
        unsafe { _mm512_max_ps(limit, a) }
    }
    #[inline(always)]
    fn where_positive(self, gate: __m512, a: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F. Not at most zero: so is NaN.
        unsafe {
            let positive = _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(gate, _mm512_setzero_ps());
            _mm512_maskz_mov_ps(positive, a)
        }
    }
    #[inline(always)]
    fn scale(self, a: __m512, shifted: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe {
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(shifted));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), exponent))
        }
    }
    #[inline(always)]
    fn sum(self, a: __m512) -> f32 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_reduce_add_ps(a) }
    }
    #[inline(always)]
    fn sum_eight(self, vectors: [__m512; 8]) -> [f32; 8] {
        // SAFETY: the token proves AVX-512F, and so AVX.
        unsafe {
            let mut halves = [_mm256_setzero_ps(); 8];
            for (half, vector) in halves.iter_mut().zip(vectors) {
                let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(vector)));
                *half = _mm256_add_ps(_mm512_castps512_ps256(vector), high);
            }
            sum_eight(halves)
        }
    }
}
