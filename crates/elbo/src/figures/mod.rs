//! Figures of a trained variational autoencoder, as SVG documents and as PNG pictures.
//!
//! Each constructor lays out one kind of figure and returns a [`Figure`]. Text is set in an embedded
//! font and drawn as outlines, so that a figure looks the same everywhere; no font of the system is
//! read. The text itself stays in the document as `aria-label` attributes.
//!
//! Nothing here computes: reconstructions, samples, projections and losses are handed in.
//!
//! | constructor | figure |
//! |---|---|
//! | [`Figure::reconstruction`] | pairs of true and reconstructed images |
//! | [`Figure::samples`] | a near-square sheet of images |
//! | [`Figure::named_rows`] | rows of images, each with a name |
//! | [`Figure::latent_space`] | two scatter plots coloured by class |
//! | [`Figure::loss_curve`] | the losses of a training run by epoch |
//! | [`Figure::loss_comparison`] | any number of curves on one pair of axes |
//!
//! [`sheet`] tiles images without a title or a margin, as a plain raster.

mod chart;
mod curves;
mod images;
mod latent;
mod raster;
mod render;
mod scene;
mod style;
mod svg;
mod text;

use thiserror::Error;

pub use curves::{LossRow, Series, SeriesStyle};
pub use latent::Scatter;
pub use raster::{Pixels, RasterImage, sheet};

/// Why a figure or a raster could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FigureError {
    /// The values of an image do not match its shape.
    #[error("image {index}: {height} x {width} pixels of {channels} channels do not make {found} values")]
    PixelCount {
        /// Position of the image in the list, from 0; a pair counts as two images.
        index: usize,
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
        /// Values a pixel.
        channels: usize,
        /// Number of values found.
        found: usize,
    },
    /// An image is neither grey nor RGB, with or without alpha.
    #[error("image {index} has {channels} channels: only 1, 2, 3 or 4 can be drawn")]
    Channels {
        /// Position of the image in the list, from 0; a pair counts as two images.
        index: usize,
        /// Values a pixel.
        channels: usize,
    },
    /// A scatter plot has labels, but not one a point.
    #[error("{points} points have {labels} labels")]
    Labels {
        /// Number of points.
        points: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A picture has no pixels.
    #[error("a picture of {width} x {height} pixels is empty")]
    Empty {
        /// Columns of the picture.
        width: usize,
        /// Rows of the picture.
        height: usize,
    },
    /// A picture has more pixels than are reasonable to hold in memory.
    #[error("a picture of {width} x {height} pixels is too large")]
    TooLarge {
        /// Columns of the picture.
        width: usize,
        /// Rows of the picture.
        height: usize,
    },
    /// The PNG encoder failed.
    #[error("cannot encode a PNG picture: {0}")]
    Png(#[from] png::EncodingError),
}

/// A finished figure.
#[derive(Debug, Clone)]
pub struct Figure {
    scene: scene::Scene,
    svg: String,
}

impl Figure {
    fn new(scene: scene::Scene) -> Self {
        let svg = svg::document(&scene);
        Self { scene, svg }
    }

    /// The figure as a self-contained SVG document, without references to fonts or other files.
    #[must_use]
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// The figure as a PNG file, on white, with two pixels to each unit of the SVG document.
    ///
    /// # Errors
    ///
    /// [`FigureError::TooLarge`] if the picture has more than 100 million pixels, which takes
    /// thousands of images in one figure.
    pub fn png(&self) -> Result<Vec<u8>, FigureError> {
        render::raster(&self.scene)?.png()
    }
}
