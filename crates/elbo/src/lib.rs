//! Train convolutional variational autoencoders (VAEs) on images, on a CPU or an NVIDIA GPU, and put them to use.
//!
//! A model is trained by [`Training`], kept in a [`RunDirectory`] as a [`Model`] file, and used through [`Vae`]:
//!
//! ```no_run
//! use elbo::dataset::Splits;
//! use elbo::{Progress, Recipe, RunDirectory, Settings, Training, Vae};
//!
//! # #[cfg(feature = "mnist")] {
//! // The reference recipe on MNIST, which is built in, for three epochs; saved as it goes.
//! let settings = Settings::new("mnist", Recipe { epochs: 3, ..Recipe::reference() });
//! let directory = RunDirectory::create("runs/three".as_ref())?;
//! let mut training = Training::new(settings, Splits::mnist())?.save_in(directory)?;
//! while let Some(progress) = training.advance()? {
//!     if let Progress::Epoch(metrics) = progress {
//!         println!("epoch {}: {:?} nats per image", metrics.epoch, metrics.held_out);
//!     }
//! }
//!
//! // Later, or elsewhere: the model file is all that is needed.
//! let vae = Vae::open("runs/three", 0)?;
//! let digits = vae.generate(25, 1)?;
//! assert_eq!(digits.len(), 25);
//! # }
//! # Ok::<(), elbo::Error>(())
//! ```
//!
//! The same in memory, on images of one's own, and all that one does with a model:
//!
//! ```
//! use elbo::dataset::{Dataset, ImageShape};
//! use elbo::{Recipe, Settings, Training, Vae};
//!
//! // Two hundred images of 10 x 8 pixels: a bright column somewhere.
//! let shape = ImageShape { height: 10, width: 8, channels: 1 };
//! let pixels = (0..200).flat_map(|i| (0..80).map(move |p| if p % 8 == i % 8 { 255 } else { 0 })).collect();
//! let train = Dataset::new(shape, pixels, None)?;
//!
//! let recipe = Recipe { epochs: 2, batch_size: 50, widths: vec![8, 8], latent_dim: 3, ..Recipe::reference() };
//! let settings = Settings { threads: 1, ..Settings::new("columns", recipe) };
//! let mut training = Training::new(settings, train)?;
//! while training.advance()?.is_some() {}
//!
//! let vae = Vae::try_from(&training)?;
//! let images = &training.data().train;
//! let encoded = vae.encode(images)?; // means and log-variances, [200, 3] each
//! let decoded = vae.decode(&encoded.means, None)?; // [200, 10, 8, 1] in [0, 1]
//! assert_eq!((encoded.means.len(), decoded.len()), (600, 200));
//! let loss = vae.evaluate(images, 1)?.sampled; // nats per image
//! assert!(loss.kl >= 0.0 && loss.reconstruction >= 0.0);
//! # Ok::<(), elbo::Error>(())
//! ```
//!
//! # Conventions
//! Images are `[N, H, W, C]`, row-major; a data set holds bytes, the network sees `byte / 255`. Losses are in nats per
//! image: the negative evidence lower bound under the recipe's [`Likelihood`]; the reference's, a Gaussian of unit
//! variance, is less its constant `pixels / 2 * ln(2 pi)`. Losses of different likelihoods, images or preprocessings
//! cannot be compared; see [`Loss`].
//!
//! A seed fixes every loss, model and image to the last bit. The bits are the same
//! - on any number of threads,
//! - after a run was stopped and resumed,
//! - on every machine of the same architecture (x86-64, or 64-bit ARM) that computes with the same instruction set: the
//!   fastest that it has, unless [`engine::ISA_VARIABLE`] names another; whatever the operating system and its C library,
//! - with the same version of this crate and of what it is built from, as its `Cargo.lock` has it.
//!
//! They are not the same with another instruction set or on a card, which round otherwise: see
//! [`Engine::arithmetic`]. With another version they are the same
//! unless the changelog says which are not. The images that are held out of a training set never change; a model file has
//! a digest of them, by which [`DataSummary::check_held_out`](files::DataSummary::check_held_out) tells.
//!
//! NaN in a parameter or a latent vector is NaN in all that depends on it. A model file or checkpoint with such a number,
//! or one that is infinite, is neither written nor read.
//!
//! # Features
//! All but the last two are on by default. Without any, this crate trains, encodes and decodes on data of one's own and IDX
//! files, and depends on about thirty others.
//!
//! | feature | what it adds |
//! |---|---|
//! | `pictures` | data sets of PNG, JPEG, WebP, GIF, BMP and TIFF files |
//! | `cuda` | NVIDIA cards, where their driver is |
//! | `arrays` | `.npy` and `.npz` files, of data and of [`Codes`], and IDX files compressed by gzip |
//! | `exchange` | models in the files of other programs, and back: ONNX, `PyTorch`, Keras, `NumPy`; with it `arrays` |
//! | `mnist` | MNIST, embedded: 9 MB |
//! | `figures` | figures of what a model does |
//! | `runs` | runs in directories: settings, metrics, checkpoints to go on from |
//! | `parquet` | [`Codes`] in `.parquet` files |
//! | `ndarray` | data sets from arrays of the crate `ndarray` |
//!
//! # Where things are
//! What most programs use is here; the rest is in the modules below, each error beside what it is of. Enums that may get
//! more variants say so.
//!
//! # How it is built
//! The modules read in the order in which data flows: data set, batch, encoder, latent, decoder, loss, optimiser,
//! training, evaluation, checkpoint, figures. [`Engine`] is the seam below them: parameters, a step on a batch,
//! encode and decode; everything above talks to nothing below it. A [`Device`] makes engines: the processor, [`Cpu`], or a
//! card.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests compare within tolerances"))]

pub mod anomaly;
#[cfg(feature = "runs")]
pub mod comparison;
pub mod dataset;
pub mod diagnosis;
pub mod engine;
mod error;
pub mod evaluation;
#[cfg(feature = "exchange")]
pub mod exchange;
#[cfg(feature = "figures")]
pub mod figures;
pub mod files;
pub mod network;
pub mod noise;
pub mod recipe;
pub mod storage;
#[cfg(feature = "runs")]
pub mod sweep;
#[cfg(feature = "runs")]
pub mod tensorboard;
pub mod training;
pub mod vae;

pub use engine::{Cpu, Device, Engine, Evaluation};
pub use error::Error;
pub use evaluation::Evaluator;
#[cfg(feature = "arrays")]
pub use files::Codes;
pub use files::{EpochMetrics, Model, RunDirectory};
pub use network::{Architecture, Likelihood, Loss, Objective};
pub use recipe::{Adam, Muon, Optimizer, Recipe, Settings};
pub use training::{BatchProgress, Progress, Training};
#[cfg(feature = "arrays")]
pub use vae::CodesOptions;
pub use vae::{Encoded, Images, LatentError, Vae};
