//! Numbers in, numbers out: `f32` kernels for small convolutional networks on a CPU, forward and backward.
//!
//! In the NHWC layout every layer of a convolutional autoencoder is the same thing: an output pixel is a sum over
//! taps of (a row of `C_in` numbers) x (a `C_in x C_out` matrix). A [`Geometry`] says which pixels a tap joins;
//! [`Gather`] turns it into a table and runs one register-blocked kernel over it, for convolutions, transposed
//! convolutions, fully connected layers and the input gradients of all of them. [`WeightGradient`] does the same for
//! the other product. Layers with few channels go through [`Patches`] first, or through the dot-product form of
//! [`Gather`], and back through [`ImageGradients`], which makes both gradients in one go.
//!
//! The crate knows no network and no file, allocates nothing while it computes, starts no thread, and
//! is the only one of its workspace in which `unsafe` may stand. [`mod@reference`] says plainly what each kernel
//! computes; every kernel is tested against it.
//!
//! # Shapes
//! Activations are `[N, H, W, C]`, weights `[K, K, C_in, C_out]`, both row-major and contiguous.

#![expect(clippy::inline_always, reason = "kernels must be inlined into the function that enables their instructions")]

mod adam;
mod buffer;
mod epilogue;
mod extent;
mod gather;
mod geometry;
mod image_gradients;
mod likelihood;
mod momentum;
mod patches;
mod pointwise;
mod product;
pub mod reference;
mod simd;
mod subnormal;
mod tile_shape;
mod tree_sum;
mod weight_gradient;
mod winograd;
mod yardstick;

pub use adam::{Adam, AdamSlices};
pub use buffer::Buffer;
pub use epilogue::Epilogue;
pub use gather::{Gather, MAX_DOT_OUTPUTS, Operand};
pub use geometry::{Direction, Geometry};
pub use image_gradients::{ImageGradients, ImageGradientsOf};
pub use likelihood::{continuous_bernoulli, continuous_bernoulli_mean, cross_entropy, squared_error};
pub use momentum::Momentum;
pub use patches::Patches;
pub use pointwise::{add_column_sums, exponential, sigmoid};
pub use product::{Matrix, product};
pub use simd::{Isa, UnknownIsa};
pub use tree_sum::{MOST_ARRAYS, tree_sum};
pub use weight_gradient::{Accumulate, WeightGradient};
pub use winograd::{WinogradGather, WinogradInputGradient, WinogradWeightGradient, winograd_saves};
pub use yardstick::square_product;
