//! How far reading is.

use std::cell::Cell;

/// Passes over each array of images.
const PASSES: usize = 2;

/// What is to be read, in images, and how much of it is.
pub(super) struct Work<'a> {
    progress: &'a (dyn Fn(usize, usize) + Sync),
    total: usize,
    /// Images of passes that have ended.
    done: Cell<usize>,
}

impl<'a> Work<'a> {
    /// Of so many images.
    pub(super) fn of(images: usize, progress: &'a (dyn Fn(usize, usize) + Sync)) -> Self {
        Self { progress, total: PASSES * images, done: Cell::new(0) }
    }

    /// So many images of this pass are done.
    pub(super) fn reach(&self, images: usize) {
        (self.progress)(self.done.get() + images, self.total);
    }

    /// This pass has ended, over so many images.
    pub(super) fn end(&self, images: usize) {
        self.done.set(self.done.get() + images);
        self.reach(0);
    }
}
