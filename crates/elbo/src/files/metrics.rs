//! What is measured after each epoch.

use crate::dataset::Part;
use crate::network::likelihood::Likelihood;
use crate::network::loss::Loss;
#[cfg(feature = "runs")]
use crate::storage::{StorageError, open_file};
use serde::{Deserialize, Serialize};
#[cfg(feature = "runs")]
use std::path::Path;

/// What was measured in one epoch. Losses are negative evidence lower bounds whatever the recipe minimises, in nats per
/// image, up to the constant that the likelihood leaves out.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "Row", into = "Row")]
pub struct EpochMetrics {
    /// Number of the epoch; the first is 1.
    pub epoch: u32,
    /// Steps of the optimiser so far, in this epoch and those before; none in files that were written before there was this
    /// field.
    pub step: Option<u64>,
    /// Adam's step size in the epoch's last step.
    pub learning_rate: f64,
    /// Mean over the epoch's batches, each before its step.
    pub train_loss: f64,
    /// The loss over images that are not trained on after the epoch, one draw per image, and which images these are: the
    /// validation set where there is one, or else the test set; none without either.
    pub held_out: Option<(Part, Loss)>,
    /// Time spent in training steps, without that in losses over held-out images and in saving.
    pub seconds: f64,
    /// Images trained on in one second.
    pub images_per_second: f64,
    /// What the losses are of: only those of one likelihood can be compared.
    pub likelihood: Likelihood,
}

/// A row of `metrics.csv`, and what files keep of an epoch.
#[derive(Serialize, Deserialize)]
struct Row {
    epoch: u32,
    learning_rate: f64,
    train_loss: f64,
    test_loss: Option<f64>,
    test_reconstruction: Option<f64>,
    test_kl: Option<f64>,
    seconds: f64,
    images_per_second: f64,
    #[serde(default)]
    likelihood: Likelihood,
    validation_loss: Option<f64>,
    validation_reconstruction: Option<f64>,
    validation_kl: Option<f64>,
    #[serde(default)]
    step: Option<u64>,
}

/// The held-out loss as files keep it: sum, reconstruction and divergence in columns of the part they are of.
#[derive(Clone, Copy, Default)]
pub(super) struct Columns {
    pub(super) test: [Option<f64>; 3],
    pub(super) validation: [Option<f64>; 3],
}

impl From<Option<(Part, Loss)>> for Columns {
    fn from(held_out: Option<(Part, Loss)>) -> Self {
        let columns = |loss: Loss| [loss.total(), loss.reconstruction, loss.kl].map(Some);
        match held_out {
            Some((Part::Validation, loss)) => Self { validation: columns(loss), ..Self::default() },
            Some((_, loss)) => Self { test: columns(loss), ..Self::default() },
            None => Self::default(),
        }
    }
}

impl From<Columns> for Option<(Part, Loss)> {
    fn from(Columns { test, validation }: Columns) -> Self {
        let loss = |[_, reconstruction, kl]: [Option<f64>; 3]| Some(Loss { reconstruction: reconstruction?, kl: kl? });
        let validation = loss(validation).map(|loss| (Part::Validation, loss));
        validation.or_else(|| loss(test).map(|loss| (Part::Test, loss)))
    }
}

impl From<EpochMetrics> for Row {
    fn from(metrics: EpochMetrics) -> Self {
        let EpochMetrics { epoch, step, learning_rate, train_loss, held_out, .. } = metrics;
        let EpochMetrics { seconds, images_per_second, likelihood, .. } = metrics;
        let Columns { test, validation } = held_out.into();
        let [test_loss, test_reconstruction, test_kl] = test;
        let [validation_loss, validation_reconstruction, validation_kl] = validation;
        Self {
            epoch,
            learning_rate,
            train_loss,
            test_loss,
            test_reconstruction,
            test_kl,
            seconds,
            images_per_second,
            likelihood,
            validation_loss,
            validation_reconstruction,
            validation_kl,
            step,
        }
    }
}

impl From<Row> for EpochMetrics {
    fn from(row: Row) -> Self {
        let columns = Columns {
            test: [row.test_loss, row.test_reconstruction, row.test_kl],
            validation: [row.validation_loss, row.validation_reconstruction, row.validation_kl],
        };
        let Row { epoch, step, learning_rate, train_loss, seconds, images_per_second, likelihood, .. } = row;
        let held_out = columns.into();
        Self { epoch, step, learning_rate, train_loss, held_out, seconds, images_per_second, likelihood }
    }
}

/// The epoch with the lowest held-out loss, the first of equals; none where no images are held out.
#[must_use]
pub fn best_epoch(history: &[EpochMetrics]) -> Option<&EpochMetrics> {
    let measured = history.iter().filter_map(|row| Some((row, row.held_out?.1.total())));
    measured.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(row, _)| row)
}

/// The rows as CSV, with a header.
#[cfg(feature = "runs")]
#[must_use]
pub(crate) fn to_csv(rows: &[EpochMetrics]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let header = "epoch,learning_rate,train_loss,test_loss,test_reconstruction,test_kl,seconds,images_per_second,\
                  likelihood,validation_loss,validation_reconstruction,validation_kl,step";
    let mut write = || -> csv::Result<()> {
        writer.write_record(header.split(','))?;
        rows.iter().try_for_each(|row| writer.serialize(row))
    };
    // Plain rows of numbers into memory: nothing can fail.
    let written = write();
    debug_assert!(written.is_ok());
    writer.into_inner().unwrap_or_default()
}

/// Reads back the rows of a `metrics.csv`.
///
/// # Errors
/// If the file cannot be read, or is no such table.
#[cfg(feature = "runs")]
pub fn read_metrics(path: &Path) -> Result<Vec<EpochMetrics>, StorageError> {
    let file = open_file(path)?;
    let rows = || -> Result<Vec<EpochMetrics>, csv::Error> { csv::Reader::from_reader(file).deserialize().collect() };
    rows().map_err(|error| StorageError::new("read", path)(error.into()))
}

/// The lowest held-out loss of these epochs, in nats per image; none where nothing is held out.
#[cfg(feature = "runs")]
pub(crate) fn best_loss(history: &[EpochMetrics]) -> Option<f64> {
    best_epoch(history)?.held_out.map(|(_, loss)| loss.total())
}

/// The time that the steps of these epochs took.
#[cfg(feature = "runs")]
pub(crate) fn seconds(history: &[EpochMetrics]) -> f64 {
    history.iter().map(|row| row.seconds).sum()
}

#[cfg(all(test, feature = "runs"))]
mod tests {
    use super::*;

    #[test]
    fn csv_has_a_row_an_epoch_and_blanks_without_a_test_set() {
        let row = EpochMetrics {
            epoch: 1,
            step: Some(10),
            learning_rate: 1e-3,
            train_loss: 40.5,
            held_out: Some((Part::Test, Loss { reconstruction: 20.0, kl: 8.25 })),
            seconds: 2.0,
            images_per_second: 1000.0,
            likelihood: Likelihood::Gaussian,
        };
        let likelihood = Likelihood::ContinuousBernoulli;
        let blank = EpochMetrics { epoch: 2, step: Some(20), held_out: None, likelihood, ..row };
        let validated = EpochMetrics {
            epoch: 3,
            step: None,
            held_out: Some((Part::Validation, Loss { reconstruction: 22.5, kl: 8.0 })),
            ..blank
        };

        let csv = String::from_utf8(to_csv(&[row, blank, validated])).unwrap();
        let expected = "epoch,learning_rate,train_loss,test_loss,test_reconstruction,test_kl,seconds,images_per_second,\
                        likelihood,validation_loss,validation_reconstruction,validation_kl,step\n\
                        1,0.001,40.5,28.25,20.0,8.25,2.0,1000.0,gaussian,,,,10\n\
                        2,0.001,40.5,,,,2.0,1000.0,continuous-bernoulli,,,,20\n\
                        3,0.001,40.5,,,,2.0,1000.0,continuous-bernoulli,30.5,22.5,8.0,\n";
        assert_eq!(csv, expected);

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.csv");
        std::fs::write(&path, csv).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), [row, blank, validated]);

        let loss = Loss { reconstruction: 20.5, kl: 8.25 };
        let worse = EpochMetrics { epoch: 4, held_out: Some((Part::Test, loss)), ..row };
        let equal = EpochMetrics { epoch: 5, ..row };
        assert_eq!(best_epoch(&[blank, worse, row, equal]), Some(&row));
        assert_eq!(best_epoch(&[blank]), None);

        // A table without the columns of a likelihood, a validation set and steps: the reference's.
        let older = "epoch,learning_rate,train_loss,test_loss,test_reconstruction,test_kl,seconds,images_per_second\n\
                     1,0.001,40.5,28.25,20.0,8.25,2.0,1000.0\n";
        std::fs::write(&path, older).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), [EpochMetrics { step: None, ..row }]);
    }
}
