//! Images as they come from a network, and rasters of bytes made of them.

use crate::FigureError;

/// Most pixels a raster may have.
const MOST_PIXELS: usize = 100_000_000;

/// An image as a network sees it: values in [0, 1], row-major, the channels of a pixel together
/// (height, width, channels).
///
/// One channel is grey, two are grey and alpha, three RGB, four RGB and alpha. Values outside
/// [0, 1] are clamped when drawn, and NaN is drawn as 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pixels<'a> {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values a pixel, 1 to 4.
    pub channels: usize,
    /// The values, `height * width * channels` of them.
    pub data: &'a [f32],
}

impl Pixels<'_> {
    /// The image as a PNG file of 16 bits: 0 is written as `ends[0]` and 1 as `ends[1]`, what lies between to the nearest.
    ///
    /// # Errors
    ///
    /// [`FigureError::Channels`] or [`FigureError::PixelCount`] if it cannot be drawn, [`FigureError::Empty`] if it has no
    /// pixels.
    pub fn png_16(&self, ends: [u16; 2]) -> Result<Vec<u8>, FigureError> {
        self.check(0)?;
        let [low, high] = ends.map(f64::from);
        // A comparison that is false for NaN.
        let share = |value: f32| if value > 0.0 { f64::from(value.min(1.0)) } else { 0.0 };
        let numbers = self.data.iter().map(|&value| (low + share(value) * (high - low)).round() as u16);
        let data: Vec<u8> = numbers.flat_map(u16::to_be_bytes).collect();
        encode([self.height, self.width], self.channels, png::BitDepth::Sixteen, &data, false)
    }

    /// That the image can be drawn; `index` is its place in the caller's list.
    pub(crate) fn check(&self, index: usize) -> Result<(), FigureError> {
        let &Self { height, width, channels, data } = self;
        if !(1..=4).contains(&channels) {
            return Err(FigureError::Channels { index, channels });
        }
        let values = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(channels));
        if values != Some(data.len()) {
            let found = data.len();
            return Err(FigureError::PixelCount { index, height, width, channels, found });
        }
        Ok(())
    }
}

/// The least number of channels that holds each of `images` without loss.
pub(crate) fn common_channels<'a>(images: impl IntoIterator<Item = &'a Pixels<'a>>) -> usize {
    let (colour, alpha) = images.into_iter().fold((false, false), |(colour, alpha), image| {
        (colour || image.channels >= 3, alpha || image.channels % 2 == 0)
    });
    let tones = if colour { 3 } else { 1 };
    tones + usize::from(alpha)
}

/// A picture of bytes: row-major, the channels of a pixel together, as a PNG file stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RasterImage {
    height: usize,
    width: usize,
    channels: usize,
    data: Vec<u8>,
}

impl RasterImage {
    /// A white opaque picture of 1 to 4 channels.
    pub(crate) fn white(height: usize, width: usize, channels: usize) -> Result<Self, FigureError> {
        let pixels = Self::check_size(height, width)?;
        Ok(Self { height, width, channels, data: vec![255; pixels * channels] })
    }

    /// How many pixels a picture of this size has, if they are not too many.
    pub(crate) fn check_size(height: usize, width: usize) -> Result<usize, FigureError> {
        match height.checked_mul(width) {
            Some(pixels) if pixels <= MOST_PIXELS => Ok(pixels),
            _ => Err(FigureError::TooLarge { width, height }),
        }
    }

    /// A picture of `data`, four bytes per pixel.
    pub(crate) fn rgba(height: usize, width: usize, data: Vec<u8>) -> Self {
        Self { height, width, channels: 4, data }
    }

    /// Copies `image`, which has been checked and has no channel that `self` lacks, so that its first
    /// pixel comes to (`top`, `left`). What falls outside `self` is left out.
    pub(crate) fn paste(&mut self, image: &Pixels, top: usize, left: usize) {
        let columns = image.width.min(self.width.saturating_sub(left));
        if columns == 0 {
            return;
        }
        for row in 0..image.height.min(self.height.saturating_sub(top)) {
            for column in 0..columns {
                let from = (row * image.width + column) * image.channels;
                let to = ((top + row) * self.width + left + column) * self.channels;
                let pixel = &image.data[from..from + image.channels];
                let byte = |channel: usize| (pixel[channel].clamp(0.0, 1.0) * 255.0).round() as u8;
                for (channel, target) in self.data[to..to + self.channels].iter_mut().enumerate() {
                    let is_alpha = self.channels.is_multiple_of(2) && channel + 1 == self.channels;
                    *target = match (is_alpha, image.channels) {
                        (true, 2 | 4) => byte(image.channels - 1),
                        (true, _) => 255,
                        (false, 1 | 2) => byte(0),
                        (false, _) => byte(channel),
                    };
                }
            }
        }
    }

    /// The picture with each pixel as a square of `times` x `times`.
    pub(crate) fn enlarged(&self, times: usize) -> Result<Self, FigureError> {
        let Self { height, width, channels, .. } = *self;
        let mut large = Self::white(height.saturating_mul(times), width.saturating_mul(times), channels)?;
        for (row, line) in large.data.chunks_exact_mut((width * times * channels).max(1)).enumerate() {
            for (column, pixel) in line.chunks_exact_mut(channels).enumerate() {
                let from = (row / times * width + column / times) * channels;
                pixel.copy_from_slice(&self.data[from..from + channels]);
            }
        }
        Ok(large)
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Bytes a pixel: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA).
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The bytes, `height * width * channels` of them, row-major, channels together.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The picture as a PNG file of the same channels, 8 bits each.
    ///
    /// # Errors
    ///
    /// [`FigureError::Empty`] for a picture without pixels, which PNG cannot express.
    pub fn png(&self) -> Result<Vec<u8>, FigureError> {
        encode([self.height, self.width], self.channels, png::BitDepth::Eight, &self.data, false)
    }

    /// The same with [`MARK`] in it, by which a figure is told from the pictures that it lies among.
    ///
    /// # Errors
    ///
    /// As [`png`](Self::png).
    pub fn figure_png(&self) -> Result<Vec<u8>, FigureError> {
        encode([self.height, self.width], self.channels, png::BitDepth::Eight, &self.data, true)
    }

    /// The colour of one pixel as red, green, blue, alpha, or nothing outside the picture.
    pub(crate) fn pixel(&self, row: usize, column: usize) -> Option<[u8; 4]> {
        if row >= self.height || column >= self.width {
            return None;
        }
        let at = (row * self.width + column) * self.channels;
        Some(match self.data[at..at + self.channels] {
            [grey] => [grey, grey, grey, 255],
            [grey, alpha] => [grey, grey, grey, alpha],
            [red, green, blue] => [red, green, blue, 255],
            [red, green, blue, alpha] => [red, green, blue, alpha],
            _ => return None,
        })
    }
}

/// A PNG file of `[height, width]` pixels, with [`MARK`] in it if it is a figure.
fn encode(
    [height, width]: [usize; 2],
    channels: usize,
    depth: png::BitDepth,
    data: &[u8],
    is_figure: bool,
) -> Result<Vec<u8>, FigureError> {
    if height == 0 || width == 0 {
        return Err(FigureError::Empty { width, height });
    }
    let too_large = |_| FigureError::TooLarge { width, height };
    let mut file = Vec::new();
    let mut encoder =
        png::Encoder::new(&mut file, width.try_into().map_err(too_large)?, height.try_into().map_err(too_large)?);
    encoder.set_depth(depth);
    encoder.set_color(match channels {
        1 => png::ColorType::Grayscale,
        2 => png::ColorType::GrayscaleAlpha,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    });
    if is_figure {
        encoder.add_text_chunk(MARK[0].to_owned(), MARK[1].to_owned())?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(data)?;
    writer.finish()?;
    Ok(file)
}

/// The keyword and the text of a text chunk in PNG files of figures, which stands before their pixels.
pub const MARK: [&str; 2] = ["Software", "elbo figure"];

/// Tiles `images` row by row, `columns` to a row (at least one), with `gap` white pixels between
/// neighbours and none around the edge.
///
/// All cells have the size of the largest image; a smaller one lies at the top left of its cell, on
/// white. The sheet has colour, and alpha, if any of the images has. Fewer images than `columns`
/// make a narrower sheet, and no image at all makes one of no pixels.
///
/// # Errors
///
/// [`FigureError::PixelCount`] or [`FigureError::Channels`] for an image that cannot be drawn,
/// [`FigureError::TooLarge`] for a sheet of more than 100 million pixels.
pub fn sheet(images: &[Pixels], columns: usize, gap: usize) -> Result<RasterImage, FigureError> {
    for (index, image) in images.iter().enumerate() {
        image.check(index)?;
    }
    let columns = columns.clamp(1, images.len().max(1));
    let rows = images.len().div_ceil(columns);
    let cell_height = images.iter().map(|image| image.height).max().unwrap_or(0);
    let cell_width = images.iter().map(|image| image.width).max().unwrap_or(0);
    // Lengths that do not fit saturate, and are then too large to be drawn.
    let length = |cells: usize, cell: usize| {
        cells.saturating_mul(cell).saturating_add(cells.saturating_sub(1).saturating_mul(gap))
    };
    let width = if rows == 0 { 0 } else { length(columns, cell_width) };
    let mut sheet = RasterImage::white(length(rows, cell_height), width, common_channels(images))?;
    for (index, image) in images.iter().enumerate() {
        let (row, column) = (index / columns, index % columns);
        // A gap that is not between any images may be of any size.
        let top = row * cell_height.saturating_add(gap);
        let left = column * cell_width.saturating_add(gap);
        sheet.paste(image, top, left);
    }
    Ok(sheet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(height: usize, width: usize, data: &[f32]) -> Pixels<'_> {
        Pixels { height, width, channels: 1, data }
    }

    #[test]
    fn values_are_clamped_and_rounded() {
        let data = [0.0, 1.0, 0.5, -3.0, 7.0, f32::NAN, f32::INFINITY, 0.0021];
        let sheet = sheet(&[grey(2, 4, &data)], 1, 0).unwrap();
        assert_eq!(sheet.data(), [0, 255, 128, 0, 255, 0, 255, 1]);
    }

    #[test]
    fn tiles_lie_row_by_row_with_white_gaps() {
        let images = [grey(1, 2, &[0.0; 2]), grey(2, 1, &[0.2; 2]), grey(1, 1, &[0.4])];
        let sheet = sheet(&images, 2, 1).unwrap();
        assert_eq!((sheet.height(), sheet.width(), sheet.channels()), (5, 5, 1));
        #[rustfmt::skip]
        assert_eq!(sheet.data(), [
              0,   0, 255,  51, 255,
            255, 255, 255,  51, 255,
            255, 255, 255, 255, 255,
            102, 255, 255, 255, 255,
            255, 255, 255, 255, 255,
        ]);
    }

    #[test]
    fn an_enlarged_picture_has_squares_for_pixels() {
        let small = sheet(&[grey(2, 1, &[0.0, 1.0])], 1, 0).unwrap();
        let large = small.enlarged(2).unwrap();
        assert_eq!((large.height(), large.width(), large.data()), (4, 2, &[0, 0, 0, 0, 255, 255, 255, 255][..]));
        assert_eq!(small.enlarged(1).unwrap(), small);
    }

    #[test]
    fn all_channel_counts_survive_the_png_file() {
        for channels in 1..=4 {
            let data: Vec<f32> = (0..6 * channels).map(|i| i as f32 / 24.0).collect();
            let image = Pixels { height: 2, width: 3, channels, data: &data };
            let sheet = sheet(&[image], 9, 5).unwrap();
            assert_eq!((sheet.height(), sheet.width(), sheet.channels()), (2, 3, channels));
            let file = sheet.png().unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
            let mut back = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut back).unwrap();
            assert_eq!(back, sheet.data());
        }
    }

    #[test]
    fn sixteen_bits_are_written_between_their_ends() {
        let data = [0.0, 1.0, 0.5, f32::NAN, -1.0, 2.0];
        for (ends, expected) in
            [([0, 65535], [0, 65535, 32768, 0, 0, 65535]), ([100, 4095], [100, 4095, 2098, 100, 100, 4095])]
        {
            let file = grey(2, 3, &data).png_16(ends).unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
            assert_eq!(reader.info().bit_depth, png::BitDepth::Sixteen);
            let mut back = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut back).unwrap();
            let numbers: Vec<u16> = back.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            assert_eq!(numbers, expected);
        }
        assert!(grey(2, 3, &data[1..]).png_16([0, 1]).is_err() && grey(0, 0, &[]).png_16([0, 1]).is_err());
    }

    #[test]
    fn mixed_images_share_the_richest_channels() {
        let images = [
            Pixels { height: 1, width: 1, channels: 2, data: &[1.0, 0.4] },
            Pixels { height: 1, width: 1, channels: 3, data: &[0.0, 0.2, 0.4] },
            grey(1, 1, &[0.6]),
        ];
        let sheet = sheet(&images, 3, 0).unwrap();
        assert_eq!(sheet.data(), [255, 255, 255, 102, 0, 51, 102, 255, 153, 153, 153, 255]);
    }

    #[test]
    fn odd_shapes_are_errors_or_empty_and_never_panic() {
        let bad = [grey(2, 2, &[0.0; 3]), grey(usize::MAX, 2, &[])];
        for image in bad {
            assert!(matches!(sheet(&[grey(1, 1, &[0.0]), image], 1, 0), Err(FigureError::PixelCount { index: 1, .. })));
        }
        for channels in [0, 5] {
            let image = Pixels { height: 0, width: 0, channels, data: &[] };
            assert!(matches!(sheet(&[image], 1, 0), Err(FigureError::Channels { index: 0, .. })));
        }
        let empty = sheet(&[], 0, 3).unwrap();
        assert_eq!((empty.height(), empty.width()), (0, 0));
        assert!(matches!(empty.png(), Err(FigureError::Empty { .. })));
        assert!(sheet(&[grey(usize::MAX, 0, &[])], 1, 0).unwrap().png().is_err());
        let one = grey(1, 1, &[0.0]);
        assert!(sheet(&[one], 0, usize::MAX).is_ok());
        assert!(matches!(sheet(&[one; 2], 1, usize::MAX), Err(FigureError::TooLarge { .. })));
    }
}
