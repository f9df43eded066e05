//! Why training stops before its end.

use crate::files::model::{DataSummary, short};
use crate::network::loss::Loss;

/// Why training stopped.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The loss overflowed or became not-a-number.
    #[error(
        "the loss is not finite in epoch {epoch}, batch {batch}: reconstruction {}, divergence {} nats per image, at a learning rate of {learning_rate:?}{}{}",
        loss.reconstruction, loss.kl,
        muon_learning_rate.map_or(String::new(), |rate| format!(", of Muon {rate:?}")),
        if *beta == 1.0 { String::new() } else { format!(", with beta {beta:?}") },
    )]
    NotFinite {
        /// Number of the epoch; the first is 1.
        epoch: u32,
        /// Number of the batch in the epoch; the first is 1. One more than the last means the held-out images.
        batch: usize,
        /// The loss, in its parts.
        loss: Loss,
        /// Adam's step size at its highest.
        learning_rate: f64,
        /// Muon's, where it is used.
        muon_learning_rate: Option<f64>,
        /// The recipe's weight of the divergence.
        beta: f64,
    },
    /// The data is not what the run was trained on.
    #[error("{}", difference(expected, found))]
    OtherData {
        /// What the run was trained on.
        expected: Box<DataSummary>,
        /// What was given.
        found: Box<DataSummary>,
    },
    /// A run is to end when the held-out loss no longer falls, but no images are held out.
    #[error("a patience of {patience} epochs needs images that are not trained on, and there are none")]
    NothingHeldOut {
        /// The recipe's patience.
        patience: u32,
    },
    /// There is no batch for the gradient.
    #[error("{}", if *is_finished { "the run is finished: there is no batch to apply a gradient for".to_owned() } else { format!("all batches of epoch {epoch} are done: `advance` ends the epoch") })]
    NoBatch {
        /// Number of the epoch; the first is 1.
        epoch: u32,
        /// Whether the whole run is over.
        is_finished: bool,
    },
    /// Something that was given is NaN or infinite.
    #[error("{what} is not finite")]
    NotANumber {
        /// What it is.
        what: &'static str,
    },
    /// The objective does not fit the network or itself.
    #[error("{what}")]
    Objective {
        /// Why not.
        what: &'static str,
    },
    /// A run cannot go on with other settings than these.
    #[error("{what} cannot change when a run goes on: what is done already was done with it")]
    Changed {
        /// Which setting.
        what: &'static str,
    },
    /// The run is further than it is to go.
    #[error("the run cannot end after {asked} epochs: it has trained {done} and {batches} batches of the next")]
    PastEnd {
        /// Epochs that it is to have.
        asked: u32,
        /// Whole epochs that it has.
        done: u32,
        /// Batches after those.
        batches: usize,
    },
}

/// Which part of the data is another, and how it differs.
fn difference(expected: &DataSummary, found: &DataSummary) -> String {
    fn parts(data: &DataSummary) -> [(&'static str, usize, Option<&str>); 3] {
        let DataSummary { train_images, validation_images, test_images, .. } = *data;
        [
            ("training", train_images, Some(&data.train_digest)),
            ("validation", validation_images, data.validation_digest.as_deref().or(data.held_out_digest.as_deref())),
            ("test", test_images, data.test_digest.as_deref()),
        ]
    }
    let said = |(_, images, digest): (_, usize, Option<&str>)| match digest {
        Some(digest) => format!("{images} images with digest {}", short(digest)),
        None => format!("{images} images"),
    };
    let differs = |(expected, found): &(_, _)| expected != found;
    match parts(expected).into_iter().zip(parts(found)).find(differs) {
        Some((expected, found)) => {
            format!("the {} set is not that of the run: {}, not {}", expected.0, said(found), said(expected))
        }
        None => "the data is not that of the run".to_owned(),
    }
}
