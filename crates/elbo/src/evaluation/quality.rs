//! How images come back: errors of their pixels, and likeness to the eye.

use super::ssim::ssim;
use super::{Evaluator, Mean};
use crate::engine::Draw;
use crate::engine::evaluate::for_each_block_of;
use crate::error::Error;
use rayon::prelude::*;

/// How the reconstructions of images at the mean of their latent distributions differ from them; pixels are from 0 to 1,
/// each measure is of one image with all its channels, and the mean is over images.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quality {
    /// Images.
    pub images: usize,
    /// The mean squared error of a pixel.
    pub mse: Mean,
    /// The peak signal-to-noise ratio, `10 log10 (1 / MSE)`, in decibels, of images that do not come back exactly, for which
    /// there is none; none if there is no other.
    pub psnr: Option<Mean>,
    /// How many images come back exactly.
    pub exact: usize,
    /// The structural similarity (see [`ssim`](super::ssim())); none of images that are smaller than its window.
    pub ssim: Option<Mean>,
}

impl Quality {
    /// The root of the mean squared error.
    #[must_use]
    pub fn rmse(&self) -> f64 {
        self.mse.value.sqrt()
    }
}

impl Evaluator<'_> {
    /// How images come back from the mean of their latent distributions.
    ///
    /// # Errors
    /// If the images cannot be read, or the device fails.
    pub fn quality(&self, progress: &mut dyn FnMut(usize)) -> Result<Quality, Error> {
        let engine = self.vae.engine();
        let shape = self.dataset.shape();
        let (mut errors, mut likeness) = (Vec::new(), Vec::new());
        for_each_block_of(engine, &self.dataset, &self.indices, |block| {
            let made = engine.reconstruct(block, Draw::Mean)?;
            let mut images = vec![0.0; block.values()];
            block.write(&mut images);
            let pairs = images.par_chunks_exact(shape.len()).zip(made.par_chunks_exact(shape.len()));
            let measures = pairs.map(|(image, made)| (mse(image, made), ssim(shape, image, made)));
            for (error, like) in measures.collect::<Vec<_>>() {
                errors.push(error);
                likeness.extend(like);
            }
            progress(block.len());
            Ok(())
        })?;
        let inexact: Vec<f64> =
            errors.iter().filter(|&&error| error != 0.0).map(|error| -10.0 * libm::log10(*error)).collect();
        Ok(Quality {
            images: errors.len(),
            mse: Mean::of(&errors),
            psnr: (!inexact.is_empty()).then(|| Mean::of(&inexact)),
            exact: errors.len() - inexact.len(),
            ssim: (!likeness.is_empty()).then(|| Mean::of(&likeness)),
        })
    }
}

/// The mean squared difference.
fn mse(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)) * (f64::from(a) - f64::from(b)));
    squares.sum::<f64>() / a.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_their_definition() {
        assert!((mse(&[0.0, 1.0, 0.5, 0.5], &[0.5, 1.0, 0.5, 0.0]) - 0.125).abs() < 1e-15);
        let quality =
            Quality { images: 1, mse: Mean { value: 0.25, standard_error: None }, psnr: None, exact: 0, ssim: None };
        assert_eq!(quality.rmse(), 0.5);
    }
}
