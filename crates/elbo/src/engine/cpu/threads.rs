//! Threads, and the memory that each has to itself.

use super::network::{Network, Scratch};
use crate::engine::EngineError;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A pool of threads, each with its memory for a micro-batch.
#[derive(Debug)]
pub(super) struct Threads {
    pool: rayon::ThreadPool,
    scratch: Vec<Mutex<Scratch>>,
}

/// More threads than any machine can use at this: each takes memory, and starting them time.
const MOST: usize = 1024;

impl Threads {
    /// So many threads for a network; 0 is one per core.
    pub(super) fn new(threads: usize, network: &Network) -> Result<Self, EngineError> {
        if threads > MOST {
            let what = format!("{threads} threads");
            return Err(EngineError::Unavailable { what, source: format!("at most {MOST} are of use").into() });
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("elbo-{number}"))
            .build()
            .map_err(|source| EngineError::Unavailable {
                what: format!("cannot start {threads} threads"),
                source: source.into(),
            })?;
        let scratch = (0..pool.current_num_threads()).map(|_| Mutex::new(Scratch::new(network))).collect();
        Ok(Self { pool, scratch })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Does work in the pool: what it does in parallel, these threads do.
    pub(super) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// Does the work once on each thread, all at the same time, and waits for all; `work` is given the number of its
    /// thread.
    pub(super) fn each(&self, work: impl Fn(usize) + Sync) {
        self.pool.broadcast(|context| work(context.index()));
    }

    /// The memory of the thread that asks, which is one of the pool. No other thread takes it, so the lock is always free.
    pub(super) fn own_scratch(&self) -> MutexGuard<'_, Scratch> {
        let number = rayon::current_thread_index().unwrap_or(0);
        // Memory that a panicking thread left is overwritten before it is read.
        self.scratch[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
