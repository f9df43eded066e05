//! How many rows the register tiles of a kernel have.

/// How many rows the next tile takes so that `remaining` rows make tiles of nearly equal height, none above `most`.
#[inline(always)]
pub(crate) fn tile_rows(remaining: usize, most: usize) -> usize {
    remaining.div_ceil(remaining.div_ceil(most))
}

/// Calls `$function::<$simd, M>` with the number of rows `$rows` as the constant `M`.
macro_rules! with_constant_rows {
    ($rows:expr, $simd:ident, $function:ident ( $($argument:expr),* )) => {
        match $rows {
            1 => $function::<$simd, 1>($($argument),*),
            2 => $function::<$simd, 2>($($argument),*),
            3 => $function::<$simd, 3>($($argument),*),
            4 => $function::<$simd, 4>($($argument),*),
            5 if $simd::ROWS >= 5 => $function::<$simd, 5>($($argument),*),
            6 if $simd::ROWS >= 6 => $function::<$simd, 6>($($argument),*),
            7 if $simd::ROWS >= 7 => $function::<$simd, 7>($($argument),*),
            8 if $simd::ROWS >= 8 => $function::<$simd, 8>($($argument),*),
            9 if $simd::ROWS >= 9 => $function::<$simd, 9>($($argument),*),
            10 if $simd::ROWS >= 10 => $function::<$simd, 10>($($argument),*),
            11 if $simd::ROWS >= 11 => $function::<$simd, 11>($($argument),*),
            12 if $simd::ROWS >= 12 => $function::<$simd, 12>($($argument),*),
            rows => unreachable!("a tile of {rows} rows"),
        }
    };
}
pub(crate) use with_constant_rows;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_balanced() {
        assert_eq!(tile_rows(6, 6), 6);
        assert_eq!(tile_rows(7, 6), 4);
        assert_eq!(tile_rows(16, 6), 6);
        assert_eq!(tile_rows(10, 6), 5);
        assert_eq!(tile_rows(1, 12), 1);
    }
}
