//! A sum of arrays in a fixed order: that of a tree.
//!
//! The tree of `n` arrays is the left-complete one: its left branch holds the largest power of two of them that is below
//! `n`, the right branch the rest, and so on down. Whatever makes sums of whole aligned branches first, a thread, another
//! machine, and then the sum of these comes to the same bits.

use crate::simd::{Isa, Kernel, Simd};

/// Numbers summed at a time; a branch of the tree stays in the first-level cache.
const RUN: usize = 256;

/// The most branches that wait for their sibling: there is one for each power of two.
const LEVELS: usize = 20;

/// The most arrays that are summed.
pub const MOST_ARRAYS: usize = (1 << LEVELS) - 1;

/// Writes `scale` times the sum of `arrays`, added in the order of the left-complete tree; zeros if there are none.
///
/// # Panics
/// If an array is shorter than `sum`, or there are more than [`MOST_ARRAYS`].
pub fn tree_sum<'a>(isa: Isa, arrays: impl ExactSizeIterator<Item = &'a [f32]> + Clone, scale: f32, sum: &mut [f32]) {
    assert!(arrays.len() <= MOST_ARRAYS, "{} arrays", arrays.len());
    assert!(arrays.clone().all(|array| array.len() >= sum.len()), "an array is too short");
    isa.run(TreeSum { arrays, scale, sum });
}

struct TreeSum<'a, A> {
    arrays: A,
    scale: f32,
    sum: &'a mut [f32],
}

impl<'a, A: ExactSizeIterator<Item = &'a [f32]> + Clone> Kernel for TreeSum<'_, A> {
    type Output = ();
    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        // What stands at a level is the sum of two to its power arrays, if there is any.
        #[expect(clippy::large_stack_arrays, reason = "nothing is allocated in a step")]
        let mut waiting = [[0.0_f32; RUN]; LEVELS];
        for (number, sum) in self.sum.chunks_mut(RUN).enumerate() {
            let here = number * RUN..number * RUN + sum.len();
            let mut count = 0_usize;
            for array in self.arrays.clone() {
                sum.copy_from_slice(&array[here.clone()]);
                // As a binary number counts: each branch that waits at the lowest levels is complete now.
                let level = count.trailing_ones() as usize;
                for branch in &waiting[..level] {
                    add(branch, sum);
                }
                waiting[level][..sum.len()].copy_from_slice(sum);
                count += 1;
            }
            // The branches that are left, the smallest first.
            sum.fill(0.0);
            let mut is_first = true;
            for (_, branch) in waiting.iter().enumerate().filter(|(level, _)| count >> level & 1 == 1) {
                if std::mem::replace(&mut is_first, false) {
                    sum.copy_from_slice(&branch[..sum.len()]);
                } else {
                    add(branch, sum);
                }
            }
            for sum in sum {
                *sum *= self.scale;
            }
        }
    }
}

/// Adds a branch to what is on its right.
#[inline(always)]
fn add(branch: &[f32], sum: &mut [f32]) {
    for (sum, branch) in sum.iter_mut().zip(branch) {
        *sum += branch;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree by its definition.
    fn by_definition(numbers: &[f32]) -> f32 {
        match numbers {
            [] => 0.0,
            [only] => *only,
            _ => {
                let (left, right) = numbers.split_at(numbers.len().next_power_of_two() / 2);
                by_definition(left) + by_definition(right)
            }
        }
    }

    fn arrays(count: usize, len: usize) -> Vec<Vec<f32>> {
        (0..count).map(|array| (0..len).map(|i| ((array * 7 + i * 3 + 1) as f32).sin()).collect()).collect()
    }

    #[test]
    fn the_order_is_that_of_the_tree_to_the_last_bit() {
        for isa in Isa::available() {
            for count in (0..=33).chain([63, 64, 65, 100]) {
                for len in [0, 1, 255, 256, 257, 700] {
                    let arrays = arrays(count, len);
                    let mut sum = vec![f32::NAN; len];
                    tree_sum(isa, arrays.iter().map(Vec::as_slice), 0.5, &mut sum);
                    for (i, sum) in sum.into_iter().enumerate() {
                        let column: Vec<f32> = arrays.iter().map(|array| array[i]).collect();
                        assert_eq!(sum, 0.5 * by_definition(&column), "{isa}: {count} arrays, number {i} of {len}");
                    }
                }
            }
        }
    }

    /// What lets several machines share the work: each sums aligned branches of its own.
    #[test]
    fn sums_of_whole_branches_come_to_the_same_bits() {
        let isa = Isa::fastest();
        for (count, branch) in [(32, 8), (32, 2), (29, 4), (13, 8), (5, 4)] {
            let arrays = arrays(count, 300);
            let sum = |arrays: &[Vec<f32>]| {
                let mut sum = vec![0.0; 300];
                tree_sum(isa, arrays.iter().map(Vec::as_slice), 1.0, &mut sum);
                sum
            };
            let branches: Vec<Vec<f32>> = arrays.chunks(branch).map(sum).collect();
            assert_eq!(sum(&branches), sum(&arrays), "{count} in branches of {branch}");
        }
    }

    #[test]
    fn one_order_and_another_differ() {
        let arrays = arrays(32, 300);
        let mut sum = vec![0.0; 300];
        tree_sum(Isa::fastest(), arrays.iter().map(Vec::as_slice), 1.0, &mut sum);
        let in_a_row = |i: usize| arrays.iter().map(|array| array[i]).sum::<f32>();
        assert!((0..300).any(|i| sum[i] != in_a_row(i)), "the test above would not see another order");
    }
}
