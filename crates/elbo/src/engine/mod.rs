//! What computes.
//!
//! An [`Engine`] holds the parameters of one network, takes steps on them, and encodes, decodes and measures images. It is
//! a trait, so that a processor, an accelerator or a group of hosts can each stand behind it: all that goes in and out is
//! owned by the host, and nothing above knows of threads, instruction sets or cards. A [`Device`] makes engines; the one
//! that every machine has is the [`Cpu`].
//!
//! What every engine must keep, for runs to be repeatable:
//!
//! - A result depends on the batch, the parameters and the noise alone, and not on what else runs.
//! - The noise of an image has the address of its index in the data set: see [`Draw`].
//! - A step whose loss is not finite changes nothing, and neither do the steps after it.

mod choice;
pub(crate) mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub(crate) mod draw;
mod error;
pub(crate) mod evaluate;

use crate::dataset::batch::Batch;
use crate::network::architecture::Architecture;
use crate::network::loss::{Loss, Objective};
use crate::recipe::optimizer::Optimizer;
use std::fmt;

pub use choice::{Chosen, DeviceName, Precision, Reason, UnknownDevice};
pub use cpu::{Cpu, ISA_VARIABLE, bench};
pub use draw::Draw;
pub use error::EngineError;
pub use evaluate::{Evaluation, LossError, evaluate, sampled_loss, standard_error};

/// Something that computes, and can be given a network.
pub trait Device: fmt::Debug {
    /// An engine for a network with these parameters, in the layout of its [`ParameterTable`](crate::network::ParameterTable).
    ///
    /// # Errors
    /// If the device cannot be used, or the number of parameters is not that of the network.
    fn engine(&self, architecture: &Architecture, parameters: &[f32]) -> Result<Box<dyn Engine>, EngineError>;
}

/// What an optimiser remembers from step to step, in the layout of the parameters.
#[derive(Clone, PartialEq, Debug)]
pub struct OptimizerState {
    /// Steps taken.
    pub step: u64,
    /// Running mean of the gradients; Muon's momentum.
    pub mean: Vec<f32>,
    /// Running mean of their squares; for Muon's weights, where their momentum was last heading.
    pub square: Vec<f32>,
}

impl OptimizerState {
    /// Before the first step, for this many parameters.
    #[must_use]
    pub fn new(parameters: usize) -> Self {
        Self { step: 0, mean: vec![0.0; parameters], square: vec![0.0; parameters] }
    }
}

/// A network's parameters, and what can be done with them.
///
/// A batch's pixels must be one image of the network's shape for each index, and a conditional network must be given a
/// class that it knows for each: [`Training`](crate::Training) and [`Vae`](crate::Vae) check that, and an engine may panic
/// where it is not so.
pub trait Engine: fmt::Debug + Send + Sync {
    /// The shape of the network.
    fn architecture(&self) -> &Architecture;

    /// What computes, in a few words: `2 threads (avx2)`.
    fn description(&self) -> String;

    /// What the last bits of its numbers depend on, in a word or two: `x86_64 avx2`. Engines that say the same, of the same version
    /// of this crate, make the same bits; a checkpoint has it.
    fn arithmetic(&self) -> String;

    /// All parameters, in the layout of the network's [`ParameterTable`](crate::network::ParameterTable), after all steps that were
    /// asked for.
    ///
    /// # Errors
    /// If the device fails.
    fn parameters(&self) -> Result<Vec<f32>, EngineError>;

    /// What the optimiser remembers after all steps that were asked for.
    ///
    /// # Errors
    /// If the device fails.
    fn optimizer(&self) -> Result<OptimizerState, EngineError>;

    /// Goes on from this state of the optimiser.
    ///
    /// # Errors
    /// If it is not of the length of the parameters, or the device fails.
    fn resume(&mut self, state: OptimizerState) -> Result<(), EngineError>;

    /// Asks for one step of training: the gradient of the mean of the objective over the batch, then the optimiser.
    ///
    /// The step may be under way when this returns. Its loss is handed out by [`next_loss`](Self::next_loss).
    ///
    /// # Errors
    /// If the device fails, in this step or in one that was asked for before.
    fn step(
        &mut self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        objective: Objective,
        optimizer: &Optimizer,
    ) -> Result<(), EngineError>;

    /// The mean loss of the oldest step whose loss was not handed out yet, as it was before the step, in nats per image.
    /// None if there is no such step, or, unless told to `wait`, if its loss is not there yet.
    ///
    /// # Errors
    /// If the device fails.
    fn next_loss(&mut self, wait: bool) -> Result<Option<Loss>, EngineError>;

    /// The mean loss of a batch, in nats per image, and the gradient of the mean of the objective, in the layout of the
    /// parameters, which stay as they are.
    ///
    /// # Errors
    /// If the device fails.
    fn gradient(
        &mut self,
        batch: Batch<'_>,
        draw: Draw<'_>,
        objective: Objective,
    ) -> Result<(Loss, Vec<f32>), EngineError>;

    /// Takes the step that a gradient asks for. What [`gradient`](Self::gradient) gives leads to the same bits as
    /// [`step`](Self::step).
    ///
    /// # Errors
    /// If the gradient is not of the length of the parameters, or the device fails.
    fn apply(&mut self, gradient: &[f32], optimizer: &Optimizer) -> Result<(), EngineError>;

    /// The loss of each image, in nats; nothing is learned.
    ///
    /// # Errors
    /// If the device fails.
    fn losses(&self, batch: Batch<'_>, draw: Draw<'_>) -> Result<Vec<Loss>, EngineError>;

    /// The reconstruction loss of each image at some draws from its latent distribution, `[N, S]` in nats: `draws`,
    /// `[N, S, Z]`, are standard normal. What [`losses`](Self::losses) has for [`Draw::Given`], which is all that an engine
    /// must have; one that decodes without encoding anew is faster.
    ///
    /// # Errors
    /// If the device fails.
    fn reconstruction_losses(&self, batch: Batch<'_>, draws: &[f32]) -> Result<Vec<f64>, EngineError> {
        let samples = draws.len() / (batch.len() * self.architecture().latent_dim()).max(1);
        let size = batch.pixels.len() / batch.len().max(1);
        let repeated = |image: &[u8]| image.repeat(samples);
        let pixels: Vec<u8> = batch.pixels.chunks_exact(size.max(1)).flat_map(repeated).collect();
        let indices: Vec<u32> = batch.indices.iter().flat_map(|&index| std::iter::repeat_n(index, samples)).collect();
        let batch = Batch { pixels: &pixels, indices: &indices, ..batch };
        let losses = self.losses(batch, Draw::Given(draws))?;
        Ok(losses.into_iter().map(|loss| loss.reconstruction).collect())
    }

    /// The latent distribution of each image: `[N, 2Z]`, means first, then log-variances.
    ///
    /// # Errors
    /// If the device fails.
    fn encode(&self, batch: Batch<'_>) -> Result<Vec<f32>, EngineError>;

    /// The image of each latent vector: `[N, Z]` to `[N, H, W, C]` in [0, 1], each pixel the mean of its distribution.
    ///
    /// A conditional network is given the class of each, `[N]`; `classes` is empty otherwise.
    ///
    /// # Errors
    /// If the device fails.
    fn decode(&self, latents: &[f32], classes: &[u16]) -> Result<Vec<f32>, EngineError>;

    /// How many images to hand in at once where there are many: enough to keep the device busy, a few megabytes of them.
    fn block(&self) -> usize;

    /// Each image encoded, drawn from and decoded: `[N, H, W, C]` in [0, 1].
    ///
    /// # Errors
    /// If the device fails.
    fn reconstruct(&self, batch: Batch<'_>, draw: Draw<'_>) -> Result<Vec<f32>, EngineError> {
        let statistics = self.encode(batch)?;
        let latents = draw.latents(&statistics, batch.indices, self.architecture().latent_dim());
        let classes = if self.architecture().classes() > 0 { batch.classes() } else { Vec::new() };
        self.decode(&latents, &classes)
    }
}
