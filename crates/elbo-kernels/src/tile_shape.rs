//! The shape of the register tiles of a kernel: so many rows, each of a few vectors.
//!
//! Wide tiles need fewer loads for their multiplications: 6 rows of 4 vectors take 10 for 24, 12 rows of 2 take 14. Where
//! loads are all that such a core has to spare, for instance while another program runs on its other hardware thread, that
//! is what decides.

use crate::simd::Simd;

/// Vectors of a tile's row for `rows x columns` in all: as many as leave the fewest lanes without a column, of those, if
/// there are few rows, as have them all in the fewest tiles, each of which would read the weights again, and of those the
/// most.
pub(crate) fn tile_vectors<S: Simd>(rows: usize, columns: usize) -> usize {
    let padded = |vectors: usize| columns.next_multiple_of(vectors * S::LANES);
    let tiles = |vectors: usize| if rows <= FEW_ROWS { rows.div_ceil(most_rows::<S>(vectors)) } else { 0 };
    (2..=S::MOST_VECTORS).rev().min_by_key(|&vectors| (padded(vectors), tiles(vectors))).unwrap_or(2)
}

/// So many rows are over before weights that come from afar stay near.
const FEW_ROWS: usize = 24;

/// The most rows of a tile of so many vectors.
#[inline(always)]
pub(crate) fn most_rows<S: Simd>(vectors: usize) -> usize {
    S::ACCUMULATORS / vectors
}

/// How many rows the next tile takes so that `remaining` rows make tiles of nearly equal height, none above `most`.
#[inline(always)]
pub(crate) fn tile_rows(remaining: usize, most: usize) -> usize {
    remaining.div_ceil(remaining.div_ceil(most))
}

/// Calls `$function::<$simd, M, V>` with the number of rows as the constant `M`, that of vectors as `V`.
macro_rules! with_constant_shape {
    ($vectors:expr, $rows:expr, $simd:ident, $function:ident $arguments:tt) => {
        match $vectors {
            2 => with_constant_shape!(@rows 2, $rows, $simd, $function $arguments, 1 2 3 4 5 6 7 8 9 10 11 12),
            3 => with_constant_shape!(@rows 3, $rows, $simd, $function $arguments, 1 2 3 4 5 6 7 8),
            4 => with_constant_shape!(@rows 4, $rows, $simd, $function $arguments, 1 2 3 4 5 6),
            vectors => unreachable!("a tile of {vectors} vectors per row"),
        }
    };
    (@rows $vectors:literal, $rows:expr, $simd:ident, $function:ident $arguments:tt, $($constant:literal)*) => {
        match $rows {
            $($constant if $vectors <= $simd::MOST_VECTORS && $constant * $vectors <= $simd::ACCUMULATORS => {
                $function::<$simd, $constant, $vectors> $arguments
            })*
            rows => unreachable!("a tile of {rows} rows of {} vectors", $vectors),
        }
    };
}
pub(crate) use with_constant_shape;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Isa, Kernel};

    #[test]
    fn tiles_are_balanced() {
        assert_eq!(tile_rows(6, 6), 6);
        assert_eq!(tile_rows(7, 6), 4);
        assert_eq!(tile_rows(16, 6), 6);
        assert_eq!(tile_rows(10, 6), 5);
        assert_eq!(tile_rows(1, 12), 1);
    }

    fn most_rows_of_two(isa: Isa) -> usize {
        struct Rows;
        impl Kernel for Rows {
            type Output = usize;
            fn call<S: Simd>(self, _: S) -> usize {
                most_rows::<S>(2)
            }
        }
        isa.run(Rows)
    }

    #[test]
    fn tiles_are_wide_unless_lanes_would_be_empty() {
        struct Vectors([usize; 2]);
        impl Kernel for Vectors {
            type Output = (usize, usize, usize);
            fn call<S: Simd>(self, _: S) -> Self::Output {
                (S::LANES, S::MOST_VECTORS, tile_vectors::<S>(self.0[0], self.0[1]))
            }
        }
        for isa in Isa::available() {
            for columns in [1, 5, 16, 20, 32, 40, 48, 64, 65, 96, 100, 128, 256] {
                let (lanes, most, vectors) = isa.run(Vectors([49, columns]));
                assert!((2..=most).contains(&vectors));
                let empty = |vectors: usize| columns.next_multiple_of(vectors * lanes) - columns;
                for other in 2..=most {
                    assert!((empty(vectors), other) <= (empty(other), vectors), "{isa}: {vectors} for {columns}");
                }
                // Twelve rows of two vectors are one tile wherever there are as many accumulators.
                let (_, _, vectors) = isa.run(Vectors([most_rows_of_two(isa), columns]));
                assert!(vectors == 2 || empty(vectors) < empty(2), "{isa}: {vectors} for few rows of {columns}");
            }
        }
    }
}
