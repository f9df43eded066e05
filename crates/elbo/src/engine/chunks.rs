//! How a batch is cut into pieces of work: by the position of its images alone, whatever the number of threads.

/// The most chunks that a batch is cut into, and so the most threads that a step can use.
const MAX_CHUNKS: usize = 32;

/// The least images in a chunk: below that the fully connected layers read their weights for too little work.
const MIN_CHUNK: usize = 8;

/// The most numbers that the gradients of all chunks may take together: 256 MiB.
const MAX_GRADIENT_NUMBERS: usize = 1 << 26;

/// How many chunks a batch is cut into: a matter of the batch and the network alone.
pub(super) fn chunk_count(batch: usize, parameters: usize) -> usize {
    let most = (MAX_GRADIENT_NUMBERS / parameters.max(1)).clamp(1, MAX_CHUNKS);
    let chunk = batch.div_ceil(most).max(MIN_CHUNK);
    batch.div_ceil(chunk)
}

/// Cuts `len` images into micro-batches of nearly equal length, none above `most`: (position, images).
pub(super) fn micro_batches(len: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = len.div_ceil(most);
    (0..count).map(move |number| {
        let (start, end) = (number * len / count, (number + 1) * len / count);
        (start, end - start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_batch_and_none_is_empty() {
        for parameters in [100, 262_761, 50_000_000] {
            for batch in 1..600 {
                let count = chunk_count(batch, parameters);
                let len = batch.div_ceil(count);
                assert!(count <= MAX_CHUNKS && (count - 1) * len < batch && count * len >= batch, "{batch}");
            }
        }
        assert_eq!(chunk_count(512, 262_761), 32);
        assert_eq!(chunk_count(64, 262_761), 8);
    }

    #[test]
    fn micro_batches_cover_the_chunk() {
        for len in 0..100 {
            let mut next = 0;
            for (start, images) in micro_batches(len, 16) {
                assert!(start == next && (1..=16).contains(&images));
                next = start + images;
            }
            assert_eq!(next, len);
        }
    }
}
