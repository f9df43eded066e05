//! AVX2 with FMA: 8 lanes, 16 registers, tiles of 6 x 16.

use super::{Kernel, Simd};
use std::arch::x86_64::*;

/// Proves that the machine has AVX2 and FMA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Avx2(());

/// Eight lanes on, then eight off: a mask for the first `n` starts at `8 - n`.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.call(self)
    }
}

/// The first `count` lanes.
///
/// # Safety
/// The machine has AVX.
#[inline(always)]
unsafe fn mask(count: usize) -> __m256i {
    assert!(count <= 8);
    // SAFETY: 8 - count <= 8, so 8 of the 16 numbers are left; the caller answers for AVX.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - count).cast()) }
}

impl Simd for Avx2 {
    type Vector = __m256;
    const LANES: usize = 8;
    // 6 rows of 2 vectors; 2 weights and 1 broadcast make 15 of 16 registers.
    const ACCUMULATORS: usize = 12;
    const MOST_VECTORS: usize = 2;

    #[inline]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves AVX2 and FMA.
        unsafe { self.enter(kernel) }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        // SAFETY: the caller answers for the pointer, the token for the instructions.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> __m256 {
        // SAFETY: lanes that the mask leaves out are not read; the caller answers for the others.
        unsafe { _mm256_maskload_ps(from, mask(count)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: __m256) {
        // SAFETY: the caller answers for the pointer, the token for the instructions.
        unsafe { _mm256_storeu_ps(to, vector) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, vector: __m256, count: usize) {
        // SAFETY: lanes that the mask leaves out are not written; the caller answers for the others.
        unsafe { _mm256_maskstore_ps(to, mask(count), vector) }
    }
    #[inline(always)]
    fn prefetch(self, from: *const f32) {
        // SAFETY: a prefetch reads nothing, wherever it points; the token proves SSE.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }
    #[inline(always)]
    fn splat(self, number: f32) -> __m256 {
        // SAFETY: the token proves AVX.
        unsafe { _mm256_set1_ps(number) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the token proves FMA.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX.
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX.
        unsafe { _mm256_div_ps(a, b) }
    }
    #[inline(always)]
    fn at_most(self, a: __m256, limit: __m256) -> __m256 {
        // SAFETY: the token proves AVX. The second operand is returned where one is not a number.
        unsafe { _mm256_min_ps(limit, a) }
    }
    #[inline(always)]
    fn at_least(self, a: __m256, limit: __m256) -> __m256 {
        // SAFETY: the token proves AVX. The second operand is returned where one is not a number.
        unsafe { _mm256_max_ps(limit, a) }
    }
    #[inline(always)]
    fn where_positive(self, gate: __m256, a: __m256) -> __m256 {
        // SAFETY: the token proves AVX. Not at most zero: so is NaN.
        unsafe { _mm256_and_ps(a, _mm256_cmp_ps::<_CMP_NLE_UQ>(gate, _mm256_setzero_ps())) }
    }
    #[inline(always)]
    fn scale(self, a: __m256, shifted: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe {
            let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(shifted));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent))
        }
    }
    #[inline(always)]
    fn sum(self, a: __m256) -> f32 {
        // SAFETY: the token proves AVX.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn sum_eight(self, vectors: [__m256; 8]) -> [f32; 8] {
        // SAFETY: the token proves AVX2.
        unsafe { sum_eight(vectors) }
    }
}

/// The sum over the lanes of each vector.
///
/// # Safety
/// The machine must have AVX.
#[inline(always)]
pub(super) unsafe fn sum_eight([a, b, c, d, e, f, g, h]: [__m256; 8]) -> [f32; 8] {
    // SAFETY: the caller answers for the instructions; eight numbers are stored where there is room for them.
    unsafe {
        // Within each half: sums of two lanes, then of four.
        let first = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
        let last = _mm256_hadd_ps(_mm256_hadd_ps(e, f), _mm256_hadd_ps(g, h));
        let low = _mm256_permute2f128_ps::<0x20>(first, last);
        let high = _mm256_permute2f128_ps::<0x31>(first, last);
        let mut sums = [0.0; 8];
        _mm256_storeu_ps(sums.as_mut_ptr(), _mm256_add_ps(low, high));
        sums
    }
}
