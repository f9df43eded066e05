//! What a step costs on the card.

use super::{Batch, Engine, Objective, Optimizer, ready};
use crate::error::CudaError;
use crate::plan::Part;

/// Microseconds on the card.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// Of each launch of a step: its kernel and its time.
    pub launches: Vec<(&'static str, f32)>,
    /// Of a step by itself.
    pub step: f32,
    /// Of a step among many.
    pub in_a_row: f32,
}

impl Engine {
    /// What a step costs on the card alone: microseconds of each launch by itself, the middle one of `repeats`, and of the
    /// whole step, one after the other as graphs. The batch is copied once. What is learned of it is not to be used.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn profile(
        &mut self,
        batch: Batch<'_>,
        objective: Objective,
        optimizer: &Optimizer,
        repeats: usize,
    ) -> Result<Profile, CudaError> {
        let images = batch.images(self.network.image_len());
        self.work(images)?;
        let control = self.control(objective, Some((optimizer, 1)), images, batch.value_bytes);
        let input = self.upload(batch, control)?;
        let part = Part { first: true, last: true };
        let muon = optimizer.muon.is_some();
        let work = ready(&mut self.work);
        let mut launches = work.plan.gradient_of(images, input, part);
        launches.extend(work.plan.update(muon, true));
        let mut times = Vec::new();
        for launch in launches.chunks(1) {
            times.push((launch[0].kernel, self.card.time(repeats, || self.card.launch(launch))?));
        }
        let graph = self.card.graph(&launches)?;
        let step = self.card.time(repeats, || graph.run())?;
        let many = self.card.time(3, || (0..100).try_for_each(|_| graph.run()))? / 100.0;
        Ok(Profile { launches: times, step, in_a_row: many })
    }
}
