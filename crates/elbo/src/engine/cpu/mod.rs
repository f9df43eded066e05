//! The engine on this machine's processor.
//!
//! Work is depth first: a thread takes a few images (a micro-batch) through the whole network and back while their
//! activations are still in cache. A batch is cut into chunks by the position of its images alone; each chunk has a
//! gradient of its own, and these are added in the order of a fixed tree. So the result is the same to the last bit for
//! any number of threads, and threads meet a few times per step.

pub mod bench;
mod chunks;
mod class_weight;
mod decoder;
mod dense_gradient;
mod device;
mod encoder;
mod gradient_layout;
mod gradients;
mod inference;
mod latent;
mod layer;
mod muon;
mod network;
mod patched;
mod pixel_model;
mod product;
mod samples;
#[cfg(test)]
mod tests;
mod threads;
mod total_correlation;
mod training;

pub use device::{Cpu, ISA_VARIABLE};
