//! The figures of a run: what a trained model looks like.

use crate::dataset::{Dataset, Part};
use crate::error::Error;
use crate::files::metrics::EpochMetrics;
use crate::network::likelihood::Likelihood;
use crate::network::loss::Loss;
use crate::noise::{Noise, Purpose};
use crate::storage::{ABANDONED, create_directory, remove_leftovers, write_atomically};
use crate::vae::pca::Pca;
use crate::vae::{Images, Vae};
use elbo_figures::{Figure, LossRow, Pixels, Scatter};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Pairs of image and reconstruction in a figure: the ten digits twice over.
pub const RECONSTRUCTIONS: usize = 20;

/// Generated images in a figure.
pub const SAMPLES: usize = 25;

/// Generated images of each class in a figure of a conditional model.
const SAMPLES_A_CLASS: usize = 10;

/// The most classes in a figure of samples: 64 rows are still one picture.
const MOST_CLASSES: usize = 64;

impl Images {
    /// The images as the figures take them.
    #[must_use]
    pub fn as_pixels(&self) -> Vec<Pixels<'_>> {
        let shape = self.shape;
        self.iter()
            .map(|data| Pixels { height: shape.height, width: shape.width, channels: shape.channels, data })
            .collect()
    }
}

/// Chooses `count` images at random, the classes in turn; without labels, any. Fewer where there are not that many.
#[must_use]
pub fn choose_examples(dataset: &Dataset, count: usize, seed: u64) -> Vec<u32> {
    let mut shuffled: Vec<u32> = (0..dataset.len() as u32).collect();
    Noise::new(seed, Purpose::Choice, 0).shuffle(&mut shuffled);
    let Some(labels) = dataset.labels() else {
        shuffled.truncate(count);
        return shuffled;
    };
    let classes: BTreeSet<u16> = labels.iter().copied().collect();
    let mut members: Vec<_> = classes
        .iter()
        .map(|class| shuffled.iter().copied().filter(|&index| labels[index as usize] == *class))
        .collect();
    let mut chosen = Vec::new();
    while chosen.len() < count.min(dataset.len()) {
        for member in &mut members {
            chosen.extend(member.next());
        }
    }
    chosen.truncate(count);
    chosen
}

/// Images beside their reconstructions, from sampled latent vectors: the reference's `visualizeReconstruction`.
///
/// # Errors
/// If the images are not of the model's shape, or cannot be read.
pub fn reconstruction_figure(vae: &Vae, dataset: &Dataset, seed: u64) -> Result<Figure, Error> {
    let indices = choose_examples(dataset, RECONSTRUCTIONS, seed);
    let reconstructed = vae.reconstruct(dataset, &indices, seed)?;
    let truth = Images::of(dataset, &indices)?;
    let pairs: Vec<_> = truth.as_pixels().into_iter().zip(reconstructed.as_pixels()).collect();
    Ok(Figure::reconstruction(&pairs)?)
}

/// The encoded means and log-variances of a data set, each on the first two principal components of its own: the
/// reference's `visualizeLatentSpace`. With one latent dimension the second coordinate is zero.
///
/// # Errors
/// If the images are not of the model's shape, or cannot be read.
pub fn latent_space_figure(vae: &Vae, dataset: &Dataset) -> Result<Figure, Error> {
    let encoded = vae.encode(dataset)?;
    let project =
        |rows: &[f32]| -> Result<Vec<[f64; 2]>, Error> { Ok(Pca::fit(rows, encoded.latent_dim)?.project(rows)?) };
    let (means, logvars) = (project(&encoded.means)?, project(&encoded.logvars)?);
    let names: Vec<&str> = dataset.classes().iter().map(String::as_str).collect();
    let scatter = |points| Scatter { points, labels: dataset.labels().unwrap_or(&[]), class_names: &names };
    Ok(Figure::latent_space(&scatter(&means), &scatter(&logvars))?)
}

/// New images: the reference's `generate`. Of a conditional model a row per class, where a column is one latent vector.
///
/// # Errors
/// If the figure cannot be drawn.
pub fn samples_figure(vae: &Vae, seed: u64) -> Result<Figure, Error> {
    let title = if vae.card().data.name == crate::recipe::settings::EMBEDDED_DATA {
        "Generated samples of digits"
    } else {
        "Generated samples"
    };
    let names = &vae.card().classes[..vae.card().classes.len().min(MOST_CLASSES)];
    if !names.is_empty() {
        let mut rows = Images { shape: vae.engine().architecture().image(), pixels: Vec::new() };
        for class in 0..names.len() {
            rows.pixels.extend(vae.generate_class(class as u16, 0, SAMPLES_A_CLASS, seed)?.pixels);
        }
        return Ok(Figure::named_rows(&rows.as_pixels(), SAMPLES_A_CLASS, names, title)?);
    }
    Ok(Figure::samples(&vae.generate(SAMPLES, seed)?.as_pixels(), title)?)
}

/// Training and held-out loss by epoch, and the parts of the held-out loss; the axis says of which likelihood.
#[must_use]
pub fn loss_figure(history: &[EpochMetrics]) -> Figure {
    let likelihood = history.first().map_or(Likelihood::default(), |row| row.likelihood);
    Figure::loss_curve(&loss_rows(history), &loss_label(likelihood), &held_out_label(history))
}

/// The losses as the figures take them.
pub(crate) fn loss_rows(history: &[EpochMetrics]) -> Vec<LossRow> {
    history
        .iter()
        .map(|row| {
            let unknown = Loss { reconstruction: f64::NAN, kl: f64::NAN };
            let held_out = row.held_out.map_or(unknown, |(_, loss)| loss);
            LossRow {
                epoch: row.epoch as usize,
                train_loss: row.train_loss,
                held_out_loss: held_out.total(),
                held_out_reconstruction: held_out.reconstruction,
                held_out_kl: held_out.kl,
            }
        })
        .collect()
}

/// What the axis of a loss is called.
pub(crate) fn loss_label(likelihood: Likelihood) -> String {
    match likelihood {
        Likelihood::Gaussian => "negative ELBO, nats per image (up to a constant)".to_owned(),
        other => format!("{}, nats per image", other.loss_name()),
    }
}

/// What the legend calls images that are not trained on.
pub(crate) fn held_out_label(history: &[EpochMetrics]) -> String {
    history.iter().find_map(|row| row.held_out).map_or(Part::Test, |(part, _)| part).to_string()
}

/// Writes all four figures to `directory`, each as PNG and SVG, and returns the paths of the PNG files. Each file is wholly
/// there or not at all, whoever else writes them at the same time.
///
/// # Errors
/// If the images are not of the model's shape or cannot be read, or a file cannot be written.
pub fn write_figures(
    directory: &Path,
    vae: &Vae,
    dataset: &Dataset,
    history: &[EpochMetrics],
    seed: u64,
) -> Result<Vec<PathBuf>, Error> {
    create_directory(directory)?;
    remove_leftovers(directory, ABANDONED);
    let figures = [
        ("reconstruction", reconstruction_figure(vae, dataset, seed)?),
        ("latent-space", latent_space_figure(vae, dataset)?),
        ("samples", samples_figure(vae, seed)?),
        ("loss", loss_figure(history)),
    ];
    let mut paths = Vec::new();
    for (name, figure) in figures {
        write_atomically(&directory.join(name).with_extension("svg"), figure.svg().as_bytes())?;
        let path = directory.join(name).with_extension("png");
        write_atomically(&path, &figure.png()?)?;
        paths.push(path);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    fn dataset(labels: Option<Vec<u16>>) -> Dataset {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        Dataset::new(shape, (0..30).collect(), labels).unwrap()
    }

    #[test]
    fn examples_take_the_classes_in_turn() {
        let labels: Vec<u16> = (0..30).map(|i| [3, 5, 9][i % 3]).collect();
        let chosen = choose_examples(&dataset(Some(labels.clone())), 7, 1);
        let classes: Vec<u16> = chosen.iter().map(|&index| labels[index as usize]).collect();
        assert_eq!(classes, [3, 5, 9, 3, 5, 9, 3]);
    }

    #[test]
    fn examples_are_different_images_and_as_many_as_there_are() {
        let one_class = Some([vec![1; 29], vec![2]].concat());
        for labels in [None, one_class] {
            let mut chosen = choose_examples(&dataset(labels), 100, 1);
            chosen.sort_unstable();
            assert_eq!(chosen, (0..30).collect::<Vec<u32>>());
        }
    }
}
