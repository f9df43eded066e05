//! What codes know of classes that nobody told them: how well simple classifiers do on them, beside principal components
//! of as many dimensions, and the pixels themselves.

mod linear;
mod neighbours;
mod subspace;

use super::Evaluator;
use crate::dataset::Dataset;
use crate::engine::EngineError;
use crate::engine::evaluate::{all_indices, for_each_block_of};
use crate::error::Error;
use crate::noise::{Noise, Purpose};
use crate::vae::Vae;

/// Neighbours that vote.
pub const NEIGHBOURS: usize = 5;

/// The most numbers of the training images' pixels that are held at once: half a gigabyte.
const MOST_NUMBERS: usize = 1 << 27;
/// The most products of pixels, in all distances from tried images to training images.
const MOST_PRODUCTS: usize = 1_000_000_000_000;
/// The most weights of a regression, of which some forty copies are held.
const MOST_WEIGHTS: usize = 1 << 21;

/// How probes are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProbeOptions {
    /// Threads; 0 is one per core. The result is the same for any number.
    pub threads: usize,
    /// Which images are chosen where there are too many.
    pub seed: u64,
}

/// What classifiers are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Representation {
    /// The means of the latent distributions.
    Codes,
    /// The first principal components of the training images' pixels, as many as a code has dimensions.
    PrincipalComponents,
    /// The pixels, from 0 to 1.
    Pixels,
}

/// The share of the tried images whose class is told right.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Probed {
    /// From what.
    pub representation: Representation,
    /// Numbers for each image.
    pub dimensions: usize,
    /// By multinomial logistic regression, fitted to the training images with the penalty `|W|^2 / 2` on the summed loss:
    /// `LogisticRegression(C=1)` of scikit-learn.
    pub linear: f64,
    /// Whether the regression came to its minimum, or ended after its most steps.
    pub has_converged: bool,
    /// By the vote of the five nearest training images in Euclidean distance; where two classes have as many votes, the one
    /// with the smaller number.
    pub neighbours: f64,
}

/// What all classifiers did, on the same images.
#[derive(Clone, PartialEq, Debug)]
pub struct Probes {
    /// Images that classifiers were fitted to, and how many there were to choose from.
    pub trained: [usize; 2],
    /// Images that they were tried on, and how many there were to choose from.
    pub tried: [usize; 2],
    /// Classes of the training images.
    pub classes: usize,
    /// Codes, principal components, pixels; without those whose numbers times classes, or times components, are more than fit in a
    /// gigabyte with all that the work on them needs.
    pub rows: Vec<Probed>,
}

/// Numbers for images, `[N, columns]`, and the class of each.
struct Table {
    values: Vec<f32>,
    columns: usize,
    labels: Vec<u16>,
}

impl Table {
    /// The same images with other numbers.
    fn with(&self, values: Vec<f32>, columns: usize) -> Self {
        Self { values, columns, labels: self.labels.clone() }
    }

    fn rows(&self) -> usize {
        self.labels.len()
    }
}

/// Parts of the work, for `progress`.
pub const STAGES: usize = 8;

/// Fits classifiers to the training images and tries them on those of the evaluator, none of which may be among them.
/// Nothing where either have no labels. `progress` is told of each of [`STAGES`].
///
/// # Errors
/// If the images cannot be read or are not of the model's shape, a code is not finite, or the device fails.
pub fn probe(
    vae: &Vae,
    training: &Dataset,
    tried: &Evaluator<'_>,
    options: ProbeOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<Option<Probes>, Error> {
    let training = vae.taken(training)?;
    if training.labels().is_none() || tried.dataset.labels().is_none() {
        return Ok(None);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool = pool.map_err(|source| EngineError::Unavailable {
        what: format!("cannot start {} threads", options.threads),
        source: source.into(),
    })?;
    let pixels = training.shape().len();
    let chosen = |mut indices: Vec<u32>, most: usize| {
        if most < indices.len() {
            Noise::new(options.seed, Purpose::Choice, 0).shuffle(&mut indices);
            indices.truncate(most.max(1));
            indices.sort_unstable();
        }
        indices
    };
    let fitted = chosen(all_indices(&training), MOST_NUMBERS / pixels);
    let most_tried = MOST_PRODUCTS / (pixels * fitted.len());
    let asked = chosen(tried.indices.clone(), most_tried);

    let labels = of_training(&tried.dataset, training.classes());
    let mut train = pixels_of(vae, &training, &fitted, training.labels().unwrap_or_default())?;
    let mut test = pixels_of(vae, &tried.dataset, &asked, &labels)?;
    let latent_dim = vae.engine().architecture().latent_dim();
    let codes = [(&*training, &fitted, &train), (&*tried.dataset, &asked, &test)].map(|(dataset, indices, table)| {
        let codes = codes_of(vae, dataset, indices).map(|codes| table.with(codes, latent_dim));
        progress(1);
        codes
    });
    let [train_codes, test_codes] = codes;
    let (mut train_codes, mut test_codes) = (train_codes?, test_codes?);
    let classes = training.classes().len();
    centre(&mut train, &mut test);
    centre(&mut train_codes, &mut test_codes);
    let scores = subspace::fits(&train, latent_dim).then(|| {
        pool.install(|| {
            let axes = subspace::principal_axes(&train, latent_dim);
            (subspace::projected(&train, &axes), subspace::projected(&test, &axes))
        })
    });
    let representations = [
        (Representation::Codes, Some((&train_codes, &test_codes))),
        (Representation::PrincipalComponents, scores.as_ref().map(|(train, test)| (train, test))),
        (Representation::Pixels, Some((&train, &test))),
    ];
    let mut rows = Vec::new();
    for (representation, tables) in representations {
        let Some((train, test)) = tables.filter(|(train, _)| (train.columns + 1) * classes <= MOST_WEIGHTS) else {
            progress(2);
            continue;
        };
        let (linear, has_converged) = pool.install(|| {
            let fit = linear::fit(train, classes);
            (share(&linear::predicted(&fit.weights, test, classes), test), fit.has_converged)
        });
        progress(1);
        let neighbours = pool.install(|| share(&neighbours::predicted(train, test, NEIGHBOURS), test));
        progress(1);
        rows.push(Probed { representation, dimensions: train.columns, linear, has_converged, neighbours });
    }
    let of = |table: &Table, all: usize| [table.rows(), all];
    Ok(Some(Probes { trained: of(&train, training.len()), tried: of(&test, tried.images()), classes, rows }))
}

/// The classes of all images by the numbers that these names have; one without a name there has a number beyond them.
fn of_training(tried: &Dataset, classes: &[String]) -> Vec<u16> {
    let number = |name: &String| classes.iter().position(|class| class == name);
    let numbers: Vec<u16> = tried
        .classes()
        .iter()
        .map(|name| number(name).and_then(|number| u16::try_from(number).ok()).unwrap_or(u16::MAX))
        .collect();
    tried.labels().unwrap_or_default().iter().map(|&label| numbers[usize::from(label)]).collect()
}

/// The pixels of the images at these positions.
fn pixels_of(vae: &Vae, dataset: &Dataset, indices: &[u32], labels: &[u16]) -> Result<Table, Error> {
    let columns = dataset.shape().len();
    let mut values = vec![0.0; indices.len() * columns];
    let mut done = 0;
    for_each_block_of(vae.engine(), dataset, indices, |block| {
        block.write(&mut values[done..]);
        done += block.values();
        Ok(())
    })?;
    Ok(Table { values, columns, labels: indices.iter().map(|&index| labels[index as usize]).collect() })
}

/// The codes of the images at these positions.
fn codes_of(vae: &Vae, dataset: &Dataset, indices: &[u32]) -> Result<Vec<f32>, Error> {
    let dim = vae.engine().architecture().latent_dim();
    let mut codes = Vec::with_capacity(indices.len() * dim);
    for_each_block_of(vae.engine(), dataset, indices, |block| {
        for row in vae.engine().encode(block)?.chunks_exact(2 * dim) {
            codes.extend_from_slice(&row[..dim]);
        }
        Ok(())
    })?;
    match codes.iter().position(|code| !code.is_finite()) {
        Some(at) => Err(crate::vae::pca::PcaError::NotFinite { row: at / dim, column: at % dim }.into()),
        None => Ok(codes),
    }
}

/// Takes the mean of the training images off both: no classifier is changed by that, and less is rounded.
fn centre(train: &mut Table, test: &mut Table) {
    let mut mean = vec![0.0; train.columns];
    for row in train.values.chunks_exact(train.columns) {
        mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let rows = train.rows() as f64;
    for sum in &mut mean {
        *sum /= rows;
    }
    for table in [train, test] {
        for row in table.values.chunks_exact_mut(table.columns) {
            row.iter_mut().zip(&mean).for_each(|(value, mean)| *value = (f64::from(*value) - mean) as f32);
        }
    }
}

/// The share of predictions that are right.
fn share(predicted: &[u16], table: &Table) -> f64 {
    let right = predicted.iter().zip(&table.labels).filter(|(predicted, label)| predicted == label).count();
    right as f64 / table.rows() as f64
}

#[cfg(test)]
mod clusters {
    use super::Table;

    /// Those of `tests/golden/make_evaluation.py`.
    pub(in crate::evaluation::probes) fn clusters(rows: usize, columns: usize, classes: usize, seed: u32) -> Table {
        let mut state = seed;
        let mut values = Vec::new();
        for row in 0..rows {
            for column in 0..columns {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = f64::from(state >> 16) / 65536.0;
                let corner = ((column + 2 * (row % classes)) % 5) as f64 / 5.0;
                values.push((corner * 0.6 + noise * (1 + column % 3) as f64) as f32);
            }
        }
        Table { values, columns, labels: (0..rows).map(|row| (row % classes) as u16).collect() }
    }
}
