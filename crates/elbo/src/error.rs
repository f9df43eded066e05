//! All that can go wrong, in one type.

use crate::anomaly::ThresholdError;
use crate::dataset::DatasetError;
use crate::dataset::class::ClassError;
use crate::dataset::shape::ShapeError;
use crate::engine::EngineError;
#[cfg(feature = "exchange")]
use crate::exchange::ExchangeError;
#[cfg(feature = "arrays")]
use crate::files::codes::CodesError;
use crate::files::model::HeldOutError;
use crate::files::run_directory::RunDirectoryError;
use crate::files::tensors::TensorFileError;
use crate::network::architecture::ArchitectureError;
use crate::recipe::RecipeError;
use crate::recipe::settings::SettingsError;
use crate::storage::StorageError;
#[cfg(feature = "runs")]
use crate::sweep::SweepError;
use crate::training::TrainingError;
use crate::vae::LatentError;
use crate::vae::pca::PcaError;
use crate::vae::prior::PriorError;
#[cfg(feature = "figures")]
use elbo_figures::FigureError;

/// Whatever this library could not do, with what was wrong and where.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum Error {
    /// A data set.
    Dataset(#[from] DatasetError),
    /// The shape of a network.
    Architecture(#[from] ArchitectureError),
    /// A training setting.
    Recipe(#[from] RecipeError),
    /// A file of settings.
    Settings(#[from] SettingsError),
    /// The engine.
    Engine(#[from] EngineError),
    /// The training itself.
    Training(#[from] TrainingError),
    /// The images held out of a training set.
    HeldOut(#[from] HeldOutError),
    /// A run directory.
    RunDirectory(#[from] RunDirectoryError),
    /// A model or a checkpoint.
    TensorFile(#[from] TensorFileError),
    /// A file of codes.
    #[cfg(feature = "arrays")]
    Codes(#[from] CodesError),
    /// Any other file.
    Storage(#[from] StorageError),
    /// A sweep.
    #[cfg(feature = "runs")]
    Sweep(#[from] SweepError),
    /// Images of a shape that the model does not take.
    Shape(#[from] ShapeError),
    /// Classes that are not there.
    Class(#[from] ClassError),
    /// Latent vectors that are not what the model takes.
    Latent(#[from] LatentError),
    /// A prior that cannot be fitted or used.
    Prior(#[from] PriorError),
    /// A threshold between normal images and anomalies.
    Threshold(#[from] ThresholdError),
    /// A model in the files of another program.
    #[cfg(feature = "exchange")]
    Exchange(#[from] ExchangeError),
    /// A figure.
    #[cfg(feature = "figures")]
    Figure(#[from] FigureError),
    /// A projection to principal components.
    Pca(#[from] PcaError),
}
