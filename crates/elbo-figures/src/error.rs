//! What can be wrong with a figure.

use thiserror::Error;

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
    /// A scatter plot has labels, but not one per point.
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
    /// The GIF encoder failed.
    #[error("cannot encode a GIF animation: {0}")]
    Gif(#[from] gif::EncodingError),
    /// The PNG encoder failed.
    #[error("cannot encode a PNG picture: {0}")]
    Png(#[from] png::EncodingError),
}
