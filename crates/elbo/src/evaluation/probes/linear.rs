//! Multinomial logistic regression.
//!
//! Minimised is `sum over rows of -ln p(class | row) + |W|^2 / 2`, over the number of rows, with `p` the softmax of
//! `W row + b`; by L-BFGS (Nocedal and Wright, 2006, *Numerical Optimization*, algorithm 7.5) with steps halved until they
//! descend enough (Armijo, 3.4). Sums are in f64 and in one order, whatever the threads.

use super::Table;
use elbo_kernels::{Matrix, product};
use rayon::prelude::*;
use std::collections::VecDeque;

/// Parts into which rows are divided, each summed by one thread: no more memory than that for gradients.
const PARTS: usize = 16;
/// Rows of a product.
const BLOCK: usize = 512;
/// Pairs of steps and differences of gradients that are remembered.
const MEMORY: usize = 10;
const MOST_STEPS: usize = 500;
/// No derivative of the mean loss is larger at the end: that of scikit-learn.
const TOLERANCE: f64 = 1e-4;
/// How far a loss may be off, by rounding of the logits to f32: near the minimum steps gain less than that.
const ROUNDING: f64 = 1e-8;
/// Times that a step is halved before there is nothing more to be gained within rounding.
const MOST_HALVINGS: usize = 30;

/// A classifier.
pub(super) struct Fit {
    /// `W`, `[columns, classes]`, then `b`, `[classes]`.
    pub(super) weights: Vec<f64>,
    pub(super) has_converged: bool,
}

/// Fits a classifier.
pub(super) fn fit(table: &Table, classes: usize) -> Fit {
    fit_to(table, classes, TOLERANCE)
}

fn fit_to(table: &Table, classes: usize, tolerance: f64) -> Fit {
    let mut weights = vec![0.0; (table.columns + 1) * classes];
    let (mut loss, mut gradient) = evaluated(&weights, table, classes);
    let mut memory: VecDeque<Pair> = VecDeque::new();
    for _ in 0..MOST_STEPS {
        if gradient.iter().all(|slope| slope.abs() <= tolerance) {
            return Fit { weights, has_converged: true };
        }
        let direction = direction(&gradient, &memory);
        let slope = dot(&direction, &gradient);
        let mut length = if memory.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt() } else { 1.0 };
        let mut found = None;
        for _ in 0..MOST_HALVINGS {
            let there: Vec<f64> = weights.iter().zip(&direction).map(|(w, d)| w + length * d).collect();
            let (loss_there, gradient_there) = evaluated(&there, table, classes);
            if loss_there <= loss + 1e-4 * length * slope + ROUNDING * (1.0 + loss) {
                found = Some((there, loss_there, gradient_there));
                break;
            }
            length *= 0.5;
        }
        let Some((there, loss_there, gradient_there)) = found else { break };
        let pair = Pair::new(difference(&there, &weights), difference(&gradient_there, &gradient));
        memory.extend(pair);
        if memory.len() > MEMORY {
            memory.pop_front();
        }
        (weights, loss, gradient) = (there, loss_there, gradient_there);
    }
    Fit { weights, has_converged: false }
}

/// The class of each row that is the most probable, the first where several are.
pub(super) fn predicted(weights: &[f64], table: &Table, classes: usize) -> Vec<u16> {
    let rounded: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
    let best = |logits: &[f32]| {
        let best = (1..classes).fold(0, |best, class| if logits[class] > logits[best] { class } else { best });
        best as u16
    };
    table
        .values
        .par_chunks(BLOCK * table.columns)
        .flat_map_iter(|rows| {
            logits(rows, &rounded, table.columns, classes).chunks_exact(classes).map(best).collect::<Vec<_>>()
        })
        .collect()
}

/// `W row + b` of some rows, `[rows, classes]`.
fn logits(rows: &[f32], weights: &[f32], columns: usize, classes: usize) -> Vec<f32> {
    let (matrix, bias) = weights.split_at(columns * classes);
    let mut logits = vec![0.0; rows.len() / columns * classes];
    product(Matrix::new(rows, columns), Matrix::new(matrix, classes), &mut logits);
    for row in logits.chunks_exact_mut(classes) {
        row.iter_mut().zip(bias).for_each(|(logit, bias)| *logit += bias);
    }
    logits
}

/// What is minimised, and its gradient.
fn evaluated(weights: &[f64], table: &Table, classes: usize) -> (f64, Vec<f64>) {
    let rounded: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
    let (columns, rows) = (table.columns, table.rows());
    let part = rows.div_ceil(PARTS).max(1);
    let parts: Vec<(f64, Vec<f64>)> = table
        .values
        .par_chunks(part * columns)
        .zip(table.labels.par_chunks(part))
        .map(|(values, labels)| {
            let (mut loss, mut gradient) = (0.0, vec![0.0; weights.len()]);
            let mut products = vec![0.0; columns * classes];
            for (values, labels) in values.chunks(BLOCK * columns).zip(labels.chunks(BLOCK)) {
                let mut residuals = logits(values, &rounded, columns, classes);
                for (row, &label) in residuals.chunks_exact_mut(classes).zip(labels) {
                    loss += residual(row, usize::from(label));
                    gradient[columns * classes..].iter_mut().zip(&*row).for_each(|(sum, &r)| *sum += f64::from(r));
                }
                product(Matrix::new(values, columns).transposed(), Matrix::new(&residuals, classes), &mut products);
                gradient.iter_mut().zip(&products).for_each(|(sum, &product)| *sum += f64::from(product));
            }
            (loss, gradient)
        })
        .collect();
    let (mut loss, mut gradient) = (0.0, vec![0.0; weights.len()]);
    for (part_loss, part_gradient) in parts {
        loss += part_loss;
        gradient.iter_mut().zip(part_gradient).for_each(|(sum, part)| *sum += part);
    }
    let count = rows as f64;
    let matrix = &weights[..columns * classes];
    gradient.iter_mut().zip(matrix).for_each(|(slope, weight)| *slope += weight);
    for slope in &mut gradient {
        *slope /= count;
    }
    ((loss + 0.5 * dot(matrix, matrix)) / count, gradient)
}

/// `-ln p(label)` of a row of logits, which become `p` less 1 for the label.
fn residual(logits: &mut [f32], label: usize) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let of_label = f64::from(logits[label] - largest);
    let mut sum = 0.0;
    for logit in &mut *logits {
        *logit = libm::expf(*logit - largest);
        sum += f64::from(*logit);
    }
    for probability in &mut *logits {
        *probability = (f64::from(*probability) / sum) as f32;
    }
    logits[label] -= 1.0;
    libm::log(sum) - of_label
}

/// A step and what it did to the gradient.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// One over their product.
    rho: f64,
}

impl Pair {
    /// None where they say nothing of curvature, within rounding.
    fn new(step: Vec<f64>, change: Vec<f64>) -> Option<Self> {
        let product = dot(&step, &change);
        (product > 1e-14 * dot(&change, &change)).then(|| Self { step, change, rho: 1.0 / product })
    }
}

/// Where to go: the gradient, turned by what is remembered of the curvature.
fn direction(gradient: &[f64], memory: &VecDeque<Pair>) -> Vec<f64> {
    let mut direction = gradient.to_vec();
    let mut along = Vec::new();
    for Pair { step, change, rho } in memory.iter().rev() {
        let alpha = rho * dot(step, &direction);
        direction.iter_mut().zip(change).for_each(|(d, y)| *d -= alpha * y);
        along.push(alpha);
    }
    if let Some(Pair { change, rho, .. }) = memory.back() {
        let scale = 1.0 / (rho * dot(change, change));
        for d in &mut direction {
            *d *= scale;
        }
    }
    for (Pair { step, change, rho }, alpha) in memory.iter().zip(along.into_iter().rev()) {
        let beta = rho * dot(change, &direction);
        direction.iter_mut().zip(step).for_each(|(d, s)| *d += (alpha - beta) * s);
    }
    for d in &mut direction {
        *d = -*d;
    }
    direction
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::super::clusters::clusters;
    use super::*;

    /// `tests/golden/make_evaluation.py`.
    #[test]
    fn classifiers_are_those_of_scikit_learn() {
        for (columns, expected_loss, expected_right) in
            [(3, 1.199_367_407_211_125_6, 103), (12, 0.672_386_143_799_314, 166)]
        {
            let (train, test) = (clusters(600, columns, 4, 1), clusters(250, columns, 4, 2));
            let fit = fit_to(&train, 4, 3e-6);
            assert!(fit.has_converged);
            let matrix = &fit.weights[..columns * 4];
            let loss = evaluated(&fit.weights, &train, 4).0 - 0.5 * dot(matrix, matrix) / 600.0;
            // It is least of the penalised loss: of the loss itself a small way off is a small difference.
            assert!((loss - expected_loss).abs() < 1e-5, "{columns}: {loss}, not {expected_loss}");
            let right = predicted(&fit.weights, &test, 4).iter().zip(&test.labels).filter(|(a, b)| a == b).count();
            assert_eq!(right, expected_right, "{columns}");
            assert!(super::fit(&train, 4).has_converged);
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let table = clusters(40, 3, 4, 3);
        let weights: Vec<f64> = (0..16).map(|i| f64::from(i * 7 % 5) * 0.1 - 0.2).collect();
        let (_, gradient) = evaluated(&weights, &table, 4);
        for i in 0..weights.len() {
            let at = |by: f64| {
                let mut weights = weights.clone();
                weights[i] += by;
                evaluated(&weights, &table, 4).0
            };
            // Weights are rounded to f32.
            let difference = (at(0.01) - at(-0.01)) / 0.02;
            assert!((difference - gradient[i]).abs() < 5e-5, "{i}: {difference}, not {}", gradient[i]);
        }
    }

    #[test]
    fn threads_change_nothing() {
        let table = clusters(600, 12, 4, 1);
        let fitted = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(&table, 4).weights)
        };
        assert_eq!(fitted(1), fitted(3));
    }
}
