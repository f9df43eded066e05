//! What the user of the command may do about what the library says.

mod exchange;
mod findings;
mod others;
mod shape;

use crate::shell;
use elbo::Error;
use elbo::anomaly::ThresholdError;
use elbo::dataset::{ArrayError, ClassError, DatasetError, FileKind, IdxError};
use elbo::dataset::{Note, Oddity, PassedOver, PictureError, SIDES};
use elbo::engine::EngineError;
use elbo::files::{CodesError, RunDirectoryError, TensorFileError};
use elbo::network::ArchitectureError;
use elbo::recipe::SettingsError;
use elbo::storage::StorageError;
use elbo::sweep::SweepError;
use elbo::training::TrainingError;
pub(crate) use findings::finding;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What to do where images do not fit in memory.
const MEMORY: &str = "choose a smaller --size, or set with --memory from how many bytes on they are kept in a file";

/// What begins a file of IDX images.
const IDX_IMAGES: u32 = 2051;

/// What to do about an error, as one sentence without a full stop; none where the message says it all.
pub(crate) fn hint(error: &Error) -> Option<String> {
    match error {
        Error::Dataset(error) => of_dataset(error),
        Error::Class(error) => of_class(error),
        Error::Architecture(ArchitectureError::TooLarge { .. }) => {
            Some("make the images smaller, or the stages narrower with --widths".to_owned())
        }
        Error::Codes(error) => of_codes(error),
        Error::Engine(error) => of_engine(error),
        Error::Training(error) => of_training(error),
        Error::Sweep(SweepError::NoValidation { .. }) => Some("hold some out: validation = 0.1 in [base]".to_owned()),
        Error::Sweep(SweepError::OtherSweep { .. }) => Some("choose another --out, or bring the plan back".to_owned()),
        Error::HeldOut(_) => Some(
            "use the version of elbo that trained the model, or give images as DATA that it was not trained on"
                .to_owned(),
        ),
        Error::Exchange(error) => exchange::hint(error),
        Error::RunDirectory(error) => of_run_directory(error),
        Error::TensorFile(error) => of_tensor_file(error),
        Error::Threshold(ThresholdError::TooFew { .. }) => {
            Some("give more normal images, or a higher rate with --fit-threshold".to_owned())
        }
        Error::Storage(error) | Error::Settings(SettingsError::Storage(error)) => of_storage(error),
        _ => None,
    }
}

/// A note with the option that changes what it says.
pub(crate) fn note(note: &Note) -> String {
    let option = match note {
        Note::Size { .. } => "; --size changes it",
        Note::Cropped => "; --fit fit or stretch keeps all",
        Note::Enlarged { .. } => "; leave them out, or choose a smaller --size",
        Note::SomeColour { .. } => "; --channels changes it",
        Note::NoColour => "; --channels rgb keeps three",
        Note::Range { .. } => "; --range changes it",
        Note::PartsAsClasses { .. } => "; give a directory that holds the parts to have them apart",
        Note::PassedOver { reason: PassedOver::Masks, .. } => "; give their directory to train on them",
        Note::PassedOver { reason: PassedOver::DeadLink, .. } => {
            "; git annex get, dvc pull and the like bring what they lead to"
        }
        Note::UnreadKinds { .. } => "; convert them to PNG or JPEG to train on them",
        Note::OutsideParts { .. } => {
            "; if train is a class, call it otherwise, or else call all parts train, val and test"
        }
        Note::LastMayCount { .. } => ": a = np.moveaxis(a, -1, 0)",
        Note::FirstFrames { .. } => "; train and data take every frame with --frames all",
        _ => "",
    };
    format!("{note}{option}")
}

/// Something odd with what to do about it.
pub(crate) fn oddity(oddity: &Oddity) -> String {
    let advice = match oddity {
        Oddity::AllEqual | Oddity::Flat { .. } | Oddity::Dark { .. } => "; elbo data DATA --sheet FILE shows them",
        Oddity::Bright { .. } => {
            "; elbo data DATA --sheet FILE shows them, and with --background black what is white on transparency"
        }
        Oddity::Copies { .. } | Oddity::Seen { .. } => "; leave them out unless they are meant",
        Oddity::PartsAsClasses { .. } => {
            "; to keep some to measure, give the directory that holds train and val or test, called so"
        }
        Oddity::Alike { .. } => "; rename those that are one class, in all parts",
        Oddity::Untrained { .. } => "; a conditional model cannot know them",
        _ => "",
    };
    format!("{oddity}{advice}")
}

fn of_engine(error: &EngineError) -> Option<String> {
    match error {
        EngineError::Unavailable { what, .. } if what.starts_with("cuda") => {
            Some("--device cpu takes the processor; elbo devices says what there is".to_owned())
        }
        EngineError::OutOfMemory { .. } => Some("end what else uses the card, or take --device cpu".to_owned()),
        EngineError::Device { .. } | EngineError::Unsupported { .. } => {
            Some("--device cpu takes the processor".to_owned())
        }
        _ => None,
    }
}

fn of_dataset(error: &DatasetError) -> Option<String> {
    let others = match error {
        DatasetError::UnknownFile { path } => others::hint(path.to_str().into_iter()),
        DatasetError::NoData { holds, .. } => others::hint(holds.iter().map(String::as_str)),
        _ => None,
    };
    if let Some(hint) = others {
        return Some(hint.to_owned());
    }
    Some(match error {
        DatasetError::MissingDirectory { parent: Some(parent), prefixes, .. } if !prefixes.is_empty() => {
            format!("choose one of the data sets there, for example {}", shell::word(&select(parent, prefixes)))
        }
        DatasetError::MissingDirectory { .. } | DatasetError::UnknownFile { .. } | DatasetError::NoData { .. } => {
            "give a directory that holds pictures (PNG, JPEG, WebP, GIF, BMP or TIFF), a .npy or .npz file, \
             a directory that holds train-images-idx3-ubyte, plain or with .gz, \
             or DIR/PREFIX for files such as PREFIX-train-images-idx3-ubyte.gz"
                .to_owned()
        }
        DatasetError::Pictures(error) => return of_pictures(error),
        DatasetError::Idx(error) => return of_idx(error),
        DatasetError::Array(error) => return of_arrays(error),
        DatasetError::Cache(_) => {
            "choose a directory with room for the images with --cache, or a smaller --size".to_owned()
        }
        DatasetError::PermissionDenied { path } => {
            format!("make it readable for this user, for example with chmod u+rX {}", shell::word(path))
        }
        DatasetError::CannotHoldOut { .. } => "train on it alone with --validation none".to_owned(),
        DatasetError::NoPictures { .. } => "leave out --size, --fit, --range and the like".to_owned(),
        DatasetError::Changed { .. } => "begin anew, and leave the file as it is while it is used".to_owned(),
        DatasetError::Feature { feature, .. } => format!("build with it: elbo = {{ features = [\"{feature}\"] }}"),
        DatasetError::Value { .. } => "scale the values to 0 to 1, or give bytes".to_owned(),
        DatasetError::ShapeMismatch { .. } => "the two may belong to different data sets".to_owned(),
        _ => return None,
    })
}

fn of_idx(error: &IdxError) -> Option<String> {
    Some(match error {
        IdxError::MissingFile { holds, .. } if holds.iter().any(|name| name.ends_with('/')) => {
            "if the files lie in one of the directories inside, give that directory".to_owned()
        }
        IdxError::SeveralPrefixes { directory, prefixes } => {
            format!("choose one, for example {}", shell::word(&select(directory, prefixes)))
        }
        IdxError::WrongMagic { expected, kind: Some(kind), .. } => match (kind, *expected) {
            (FileKind::Images | FileKind::Labels, _) => "the files of images and labels seem to be swapped".to_owned(),
            (FileKind::Text, _) => "the download may have saved a web page in its place; download it again".to_owned(),
            (FileKind::Gzip, _) => "the file is compressed twice; decompress it once".to_owned(),
            (FileKind::Idx(_) | FileKind::Swapped, IDX_IMAGES) => {
                "images must be unsigned bytes in 3 dimensions, big-endian".to_owned()
            }
            (FileKind::Idx(_) | FileKind::Swapped, _) => {
                "labels must be unsigned bytes in 1 dimension, big-endian".to_owned()
            }
            _ => return None,
        },
        IdxError::TruncatedHeader { .. } | IdxError::TruncatedPayload { .. } | IdxError::CorruptGzip { .. } => {
            "the download may be incomplete or damaged; download the file again".to_owned()
        }
        IdxError::CountMismatch { .. } => "the two files may belong to different data sets".to_owned(),
        _ => return None,
    })
}

fn of_arrays(error: &ArrayError) -> Option<String> {
    Some(match error {
        ArrayError::NoImages { arrays, .. } if arrays.is_empty() => {
            "if there are pictures in it, unpack it and give the directory".to_owned()
        }
        ArrayError::NoImages { .. } => {
            "call them train_images, train_labels, test_images and test_labels, or x_train and so on".to_owned()
        }
        ArrayError::Shape { shape, .. } => return shape::hint(shape),
        ArrayError::Sides { sides, .. } if *sides == SIDES => {
            "bring them to another size, for example --size 32".to_owned()
        }
        ArrayError::Channels { .. } => "leave out --channels".to_owned(),
        ArrayError::Scales { .. } => "say with --range which values are black and white in all of them".to_owned(),
        ArrayError::OutOfMemory { .. } => MEMORY.to_owned(),
        ArrayError::NotFinite { .. } => "clean the array before it is saved".to_owned(),
        _ => return None,
    })
}

fn of_pictures(error: &PictureError) -> Option<String> {
    match error {
        PictureError::TooManyBad { .. } => {
            Some("remove or repair them, or let a larger share pass, for example with --max-bad 0.5".to_owned())
        }
        PictureError::UnreadKinds { kinds, read, .. } => {
            let ending = kinds.first().map_or("heic", |kind| &kind.0).to_lowercase();
            let anyway = if *read > 0 { "; or train without them with --max-bad 1" } else { "" };
            Some(format!(
                "convert them, for example with ImageMagick in each directory: magick mogrify -format jpg '*.{ending}'{anyway}"
            ))
        }
        PictureError::Scales { .. } => Some(
            "give the values that are black and white in all of them, for example with --range 0:4095; \
             or keep each kind in a directory of its own"
                .to_owned(),
        ),
        PictureError::OutOfMemory { .. } => Some(MEMORY.to_owned()),
        _ => None,
    }
}

fn of_class(error: &ClassError) -> Option<String> {
    match error {
        ClassError::NoLabels => Some(
            "give images with labels, such as pictures in a directory for each class, or leave out --conditional"
                .to_owned(),
        ),
        ClassError::Unknown { classes, .. } => {
            Some(format!("give a name, or a number from 0 to {}", classes.len().saturating_sub(1)))
        }
        ClassError::NotConditional => Some("train with --conditional, or leave out the class".to_owned()),
        _ => None,
    }
}

fn of_codes(error: &CodesError) -> Option<String> {
    match error {
        CodesError::Storage(error) => of_storage(error),
        CodesError::NoPlace { .. } => Some("choose a name that ends in .npz, .csv or .parquet as --out".to_owned()),
        CodesError::OtherModel { .. } => Some(
            "decode them with the model that made them, or encode the images again with this one; model.safetensors and \
             best.safetensors of a run are two models"
                .to_owned(),
        ),
        CodesError::Newer { .. } => Some("update elbo to read it".to_owned()),
        CodesError::NoLabel { .. } => Some("give all images one class with --class, or a label to each code".to_owned()),
        _ => None,
    }
}

fn of_training(error: &TrainingError) -> Option<String> {
    match error {
        TrainingError::NotFinite { epoch, learning_rate, muon_learning_rate, beta, .. } => {
            let kept = if *epoch > 1 { "the model of the last whole epoch is kept; " } else { "" };
            Some(format!("{kept}train anew with {}", tamer(*learning_rate, *muon_learning_rate, *beta)))
        }
        TrainingError::OtherData { expected, .. } => Some(format!(
            "if '{}' lies elsewhere, give its path as DATA; if it has changed, bring it back, or train anew",
            expected.name
        )),
        TrainingError::NothingHeldOut { .. } => {
            Some("hold some out, for example --validation 0.1, or leave out --patience".to_owned())
        }
        TrainingError::PastEnd { done, batches, .. } => {
            let least = done + u32::from(*batches > 0);
            Some(format!("give --epochs {least} or more"))
        }
        _ => None,
    }
}

/// Other settings to train with where these led to a loss that is not finite: a usual one for what is far out, or else lower
/// rates.
fn tamer(learning_rate: f64, muon_learning_rate: Option<f64>, beta: f64) -> String {
    // Each is more than a hundred times what is usual.
    let beta_is_far_out = beta > 100.0;
    let rates_are_far_out = learning_rate > 0.5 || muon_learning_rate.is_some_and(|rate| rate > 4.0);
    let muon = muon_learning_rate.map(|rate| format!(" --muon-learning-rate {:?}", rate / 10.0));
    let rates = format!("--learning-rate {:?}{}", learning_rate / 10.0, muon.unwrap_or_default());
    match (beta_is_far_out, rates_are_far_out) {
        (true, false) => "a lower --beta: 1 is usual".to_owned(),
        (true, true) => format!("a lower --beta and lower rates, for example --beta 1 {rates}"),
        (false, _) => format!("lower rates, for example {rates}"),
    }
}

fn of_run_directory(error: &RunDirectoryError) -> Option<String> {
    match error {
        RunDirectoryError::Storage(error) => of_storage(error),
        RunDirectoryError::Occupied { path } => {
            Some(format!("choose another --out, or go on with that run: {}", shell::resume(path)))
        }
        RunDirectoryError::NoModelYet { path } => Some(format!(
            "wait for its first epoch if it is being trained, or else go on with it: {}",
            shell::resume(path)
        )),
        RunDirectoryError::InUse { .. } => {
            Some("wait until it ends, or end it with Ctrl-C or a signal; a new run takes another --out".to_owned())
        }
        RunDirectoryError::ModelChanged { .. } => {
            Some("wait until it is trained, then give the same command again; or use a copy of its file".to_owned())
        }
        RunDirectoryError::Missing { .. } | RunDirectoryError::NoRun { .. } => {
            Some("train one with: elbo train --out RUN".to_owned())
        }
        RunDirectoryError::NoDirectory { .. } => Some("give the directory in which it lies".to_owned()),
        RunDirectoryError::Events { .. } => Some(
            "choose another --tensorboard, or another --out: the events are in a directory called as the run's"
                .to_owned(),
        ),
        _ => None,
    }
}

fn of_tensor_file(error: &TensorFileError) -> Option<String> {
    let hint = match error {
        TensorFileError::Storage(error) => return of_storage(error),
        TensorFileError::Malformed { .. } => "the file is damaged; copy it again or train again",
        TensorFileError::Damaged { .. } | TensorFileError::DamagedDocument { .. } => {
            "some bytes changed since it was written; copy it again or train again"
        }
        TensorFileError::NotFinite { .. } => {
            "the training diverged; train anew with lower rates, --learning-rate and its like, or a --beta near 1"
        }
        TensorFileError::Newer { .. } => "update elbo to read it",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn of_storage(error: &StorageError) -> Option<String> {
    let hint = match error.source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free some space, or write elsewhere with --out; what was saved before is unharmed"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "choose a place that you may write to with --out"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// A path that chooses one of the data sets in `directory`.
fn select(directory: &Path, prefixes: &[String]) -> PathBuf {
    match prefixes.iter().find(|prefix| !prefix.is_empty()) {
        Some(prefix) => directory.join(prefix),
        None => directory.to_owned(),
    }
}

#[cfg(test)]
mod tests;
