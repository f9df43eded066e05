//! What is measured after each epoch.

use crate::dataset::Part;
use crate::network::likelihood::Likelihood;
use crate::network::loss::Elbo;
use crate::storage::StorageError;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One epoch, a row of `metrics.csv`. Losses are negative evidence lower bounds whatever the recipe minimises, in
/// nats per image, up to the constant that the likelihood leaves out.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Number of the epoch; the first is 1.
    pub epoch: u32,
    /// Adam's step size in the epoch's last step.
    pub learning_rate: f64,
    /// Mean over the epoch's batches, each before its step.
    pub train_loss: f64,
    /// Loss over the test set after the epoch, one draw per image; none without a test set, or where a validation set is
    /// measured in its place.
    pub test_loss: Option<f64>,
    /// The reconstruction part of `test_loss`.
    pub test_reconstruction: Option<f64>,
    /// The divergence part of `test_loss`.
    pub test_kl: Option<f64>,
    /// Time spent in training steps.
    pub seconds: f64,
    /// Images trained on in one second.
    pub images_per_second: f64,
    /// What the losses are of: only those of one likelihood can be compared.
    #[serde(default)]
    pub likelihood: Likelihood,
    /// Loss over the validation set after the epoch, one draw per image; none without a validation set.
    pub validation_loss: Option<f64>,
    /// The reconstruction part of `validation_loss`.
    pub validation_reconstruction: Option<f64>,
    /// The divergence part of `validation_loss`.
    pub validation_kl: Option<f64>,
}

impl EpochMetrics {
    /// The loss in its parts over images that are not trained on, and which: of the validation set where there is one,
    /// or else of the test set.
    #[must_use]
    pub fn held_out(&self) -> Option<(Part, Elbo)> {
        let elbo = |reconstruction, kl| Some(Elbo { reconstruction: reconstruction?, kl: kl? });
        let validation = elbo(self.validation_reconstruction, self.validation_kl).map(|elbo| (Part::Validation, elbo));
        validation.or_else(|| elbo(self.test_reconstruction, self.test_kl).map(|elbo| (Part::Test, elbo)))
    }
}

/// The epoch with the lowest held-out loss, the first of equals; none where no images are held out.
#[must_use]
pub fn best_epoch(history: &[EpochMetrics]) -> Option<&EpochMetrics> {
    let measured = history.iter().filter_map(|row| Some((row, row.held_out()?.1.loss())));
    measured.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(row, _)| row)
}

/// The rows as CSV, with a header.
#[must_use]
pub(crate) fn to_csv(rows: &[EpochMetrics]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let header = "epoch,learning_rate,train_loss,test_loss,test_reconstruction,test_kl,seconds,images_per_second,\
                  likelihood,validation_loss,validation_reconstruction,validation_kl";
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
pub fn read_metrics(path: &Path) -> Result<Vec<EpochMetrics>, StorageError> {
    let rows = || -> Result<Vec<EpochMetrics>, csv::Error> { csv::Reader::from_path(path)?.deserialize().collect() };
    rows().map_err(|error| StorageError::new("read", path)(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_has_a_row_an_epoch_and_blanks_without_a_test_set() {
        let row = EpochMetrics {
            epoch: 1,
            learning_rate: 1e-3,
            train_loss: 40.5,
            test_loss: Some(28.25),
            test_reconstruction: Some(20.0),
            test_kl: Some(8.25),
            seconds: 2.0,
            images_per_second: 1000.0,
            likelihood: Likelihood::Gaussian,
            validation_loss: None,
            validation_reconstruction: None,
            validation_kl: None,
        };
        assert_eq!(row.held_out(), Some((Part::Test, Elbo { reconstruction: 20.0, kl: 8.25 })));
        let likelihood = Likelihood::ContinuousBernoulli;
        let blank =
            EpochMetrics { epoch: 2, test_loss: None, test_reconstruction: None, test_kl: None, likelihood, ..row };
        let validated = EpochMetrics {
            epoch: 3,
            validation_loss: Some(30.5),
            validation_reconstruction: Some(22.5),
            validation_kl: Some(8.0),
            ..blank
        };
        assert_eq!(blank.held_out(), None);
        assert_eq!(validated.held_out(), Some((Part::Validation, Elbo { reconstruction: 22.5, kl: 8.0 })));

        let csv = String::from_utf8(to_csv(&[row, blank, validated])).unwrap();
        let expected = "epoch,learning_rate,train_loss,test_loss,test_reconstruction,test_kl,seconds,images_per_second,\
                        likelihood,validation_loss,validation_reconstruction,validation_kl\n\
                        1,0.001,40.5,28.25,20.0,8.25,2.0,1000.0,gaussian,,,\n\
                        2,0.001,40.5,,,,2.0,1000.0,continuous-bernoulli,,,\n\
                        3,0.001,40.5,,,,2.0,1000.0,continuous-bernoulli,30.5,22.5,8.0\n";
        assert_eq!(csv, expected);

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.csv");
        std::fs::write(&path, csv).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), [row, blank, validated]);

        let worse = EpochMetrics { epoch: 4, test_reconstruction: Some(20.5), ..row };
        let equal = EpochMetrics { epoch: 5, ..row };
        assert_eq!(best_epoch(&[blank, worse, row, equal]), Some(&row));
        assert_eq!(best_epoch(&[blank]), None);

        // A table without the columns of a likelihood and a validation set: the reference's.
        let older = "epoch,learning_rate,train_loss,test_loss,test_reconstruction,test_kl,seconds,images_per_second\n\
                     1,0.001,40.5,28.25,20.0,8.25,2.0,1000.0\n";
        std::fs::write(&path, older).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), [row]);
    }
}
