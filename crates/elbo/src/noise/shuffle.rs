//! Random orders.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::Rng;

/// Puts `items` in a random order: item 0 stays, and then each item `i` in turn changes places with one of `0..=i`
/// (Durstenfeld, 1964, from the front).
///
/// The places of neighbouring items come from one number. For items `i, i + 1, ..., j - 1` it is drawn from
/// `0..(i + 1) (i + 2) ... j`, with `j` as large as leaves that product below 2^32, whether there are so many items or
/// not; the place of `i` is the remainder of its division by `i + 1`, that of `i + 1` the remainder of the quotient's
/// division by `i + 2`, and so on.
///
/// # Panics
/// If there are 2^32 - 1 items or more.
pub(super) fn shuffle<T>(items: &mut [T], stream: &mut ChaCha8Rng) {
    assert!(items.len() < u32::MAX as usize, "{} items", items.len());
    let mut i = 1;
    while i < items.len() {
        let (mut product, mut end) = (i as u32 + 1, i + 1);
        while let Some(larger) = product.checked_mul(end as u32 + 1) {
            (product, end) = (larger, end + 1);
        }
        let mut number = below(product, stream);
        for i in i..end.min(items.len()) {
            let choices = i as u32 + 1;
            items.swap(i, (number % choices) as usize);
            number /= choices;
        }
        i = end;
    }
}

/// A number from `0..bound`: the upper half of a 32-bit word of the stream times `bound` (Canon's method). Where the lower
/// half is so large that more digits may carry into the upper one, the next word gives those digits. No number is more
/// likely than another by more than 2^-64.
fn below(bound: u32, stream: &mut ChaCha8Rng) -> u32 {
    let mut times_bound = || {
        let product = u64::from(stream.next_u32()) * u64::from(bound);
        ((product >> 32) as u32, product as u32)
    };
    let (number, rest) = times_bound();
    if rest > bound.wrapping_neg() {
        let (digits, _) = times_bound();
        return number + u32::from(rest.checked_add(digits).is_none());
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::rand_core::SeedableRng;
    use rand::seq::SliceRandom;

    fn stream(seed: u8) -> ChaCha8Rng {
        ChaCha8Rng::from_seed([seed; 32])
    }

    /// The orders of existing runs, and the images that existing models were trained without, are those of `rand` 0.10.
    #[test]
    fn orders_are_those_of_rand() {
        // Each length of a last, unfinished run of items; lengths about those where a run becomes shorter by one.
        let lengths = (0..300).chain([1624, 1625, 1626, 5000, 54_000, 60_000, 65_534, 65_535, 65_536, 65_537, 70_000]);
        for len in lengths.chain([1_000_000]) {
            for seed in 0..if len < 300 { 20 } else { 2 } {
                let mut found: Vec<u32> = (0..len).collect();
                let mut expected = found.clone();
                let (mut ours, mut theirs) = (stream(seed), stream(seed));
                shuffle(&mut found, &mut ours);
                expected.shuffle(&mut theirs);
                assert!(found == expected, "{len} items, seed {seed}");
                // Both have read as much.
                assert_eq!(ours.next_u32(), theirs.next_u32(), "{len} items, seed {seed}");
            }
        }
    }

    #[test]
    fn every_place_is_as_likely_as_any_other() {
        let mut counts = [[0_u32; 7]; 7];
        let mut stream = stream(1);
        for _ in 0..7_000 {
            let mut items = [0, 1, 2, 3, 4, 5, 6];
            shuffle(&mut items, &mut stream);
            items.iter().enumerate().for_each(|(place, &item)| counts[place][item] += 1);
        }
        // Five standard deviations of a count of 1,000 are 146.
        assert!(counts.as_flattened().iter().all(|count| count.abs_diff(1_000) < 146), "{counts:?}");
    }
}
