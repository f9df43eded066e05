//! One loop for all functions of a single number.

use super::{Isa, Kernel, Simd};
use std::marker::PhantomData;

/// A function of one number, for a vector of them.
pub(crate) trait UnaryFunction {
    /// The function's value in each lane. Implementations are `#[inline(always)]`, as those of [`Kernel::call`].
    fn apply<S: Simd>(simd: S, x: S::Vector) -> S::Vector;
}

/// Replaces each number by the function's value there.
pub(crate) fn map_in_place<F: UnaryFunction>(isa: Isa, numbers: &mut [f32]) {
    isa.run(Map { numbers, function: PhantomData::<F> });
}

struct Map<'a, F> {
    numbers: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: UnaryFunction> Kernel for Map<'_, F> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        for chunk in self.numbers.chunks_mut(S::LANES) {
            // SAFETY: `chunks_mut` gives chunks of at most `LANES` numbers, and just those of a chunk are read and
            // written.
            unsafe {
                let x = simd.load_first(chunk.as_ptr(), chunk.len());
                simd.store_first(chunk.as_mut_ptr(), F::apply(simd, x), chunk.len());
            }
        }
    }
}
