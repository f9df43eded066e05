//! How a batch is cut into pieces of work: by the position of its images alone, whatever the number of threads.

/// The most chunks that a batch is cut into, and so the most threads that a step can use.
const MAX_CHUNKS: usize = 32;

/// The least images in a chunk: below that the fully connected layers read their weights for too little work.
const MIN_CHUNK: usize = 8;

/// The most numbers that the gradients of all chunks may take together: 256 MiB.
const MAX_GRADIENT_NUMBERS: usize = 1 << 26;

/// How many chunks a batch is cut into: a matter of the batch and the network alone.
fn chunk_count(batch: usize, parameters: usize) -> usize {
    let most = (MAX_GRADIENT_NUMBERS / parameters.max(1)).clamp(1, MAX_CHUNKS);
    let chunk = batch.div_ceil(most).max(MIN_CHUNK);
    batch.div_ceil(chunk)
}

/// How a batch is gone through: in rounds, in each of which every chunk has its turn with a micro-batch.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Cut {
    /// Images of the batch.
    pub(super) batch: usize,
    /// How many chunks.
    pub(super) chunks: usize,
    chunk_len: usize,
    /// How many rounds.
    pub(super) rounds: usize,
    /// Images of a chunk in a round, where it has as many left.
    micro_batch: usize,
}

impl Cut {
    /// How a batch of `batch` images is cut, for gradients of `parameters` parameters and micro-batches of at most `most`
    /// images.
    pub(super) fn new(batch: usize, parameters: usize, most: usize) -> Self {
        let chunks = chunk_count(batch, parameters);
        let chunk_len = batch.div_ceil(chunks.max(1));
        let rounds = chunk_len.div_ceil(most);
        Self { batch, chunks, chunk_len, rounds, micro_batch: chunk_len.div_ceil(rounds.max(1)) }
    }

    /// The images of a chunk in a round: their position in the batch, and how many; for the last chunk perhaps none.
    pub(super) fn part(&self, chunk: usize, round: usize) -> (usize, usize) {
        let end = self.batch.min((chunk + 1) * self.chunk_len);
        let end = end.min(chunk * self.chunk_len + (round + 1) * self.micro_batch);
        let start = chunk * self.chunk_len + round * self.micro_batch;
        (start.min(self.batch), end.saturating_sub(start))
    }

    /// The images of all chunks in a round: as many for each as for the first, but for the last chunk.
    pub(super) fn round_len(&self, round: usize) -> usize {
        (0..self.chunks).map(|chunk| self.part(chunk, round).1).sum()
    }
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
    fn rounds_cover_the_batch_chunk_by_chunk() {
        for batch in (0..600).chain([1000, 4096, 4097]) {
            for most in [1, 4, 16] {
                let cut = Cut::new(batch, 100, most);
                let mut seen = vec![false; batch];
                for round in 0..cut.rounds {
                    let lens: Vec<usize> = (0..cut.chunks).map(|chunk| cut.part(chunk, round).1).collect();
                    let (last, others) = lens.split_last().unwrap();
                    assert!(others.iter().all(|len| *len == others[0] && (1..=most).contains(len) && last <= len));
                    assert_eq!(lens.iter().sum::<usize>(), cut.round_len(round));
                    for chunk in 0..cut.chunks {
                        let (start, images) = cut.part(chunk, round);
                        for seen in &mut seen[start..start + images] {
                            assert!(!std::mem::replace(seen, true), "{batch}, {most}: one twice");
                        }
                    }
                }
                assert!(seen.into_iter().all(|seen| seen), "{batch}, {most}");
            }
        }
    }
}
