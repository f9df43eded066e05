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
//! | [`Figure::headed`] | the same with a head over each column |
//! | [`Figure::latent_space`] | two scatter plots coloured by class |
//! | [`Figure::loss_curve`] | the losses of a training run by epoch |
//! | [`Figure::inspection`] | what latent dimensions carry, beside the losses |
//! | [`Figure::loss_comparison`] | any number of curves on one pair of axes |
//!
//! [`gif()`] and [`apng`] make animations of images, one after the other.
//!
//! [`sheet`] tiles images without a title or a margin, as a plain raster.

mod animation;
mod chart;
mod curves;
mod error;
mod font;
mod images;
mod inspection;
mod latent;
mod outline;
mod raster;
mod render;
mod scene;
mod style;
mod svg;
mod text;

pub use animation::{apng, gif};
pub use curves::{Curves, LossRow, Series, SeriesStyle};
pub use error::FigureError;
pub use inspection::Dimension;
pub use latent::Scatter;
pub use raster::{MARK, Pixels, RasterImage, sheet};
pub use text::class_label;

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
        render::raster(&self.scene)?.figure_png()
    }
}
