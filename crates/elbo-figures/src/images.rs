//! Figures of images: reconstructions and samples.

use crate::raster::{Pixels, RasterImage, common_channels};
use crate::scene::{Anchor, Rect, Scene, TextStyle};
use crate::style::{LABEL_SIZE, MARGIN, MUTED};
use crate::text::{self, Weight};
use crate::{Figure, FigureError};

/// Columns of panels in a figure of reconstructions.
const PAIR_COLUMNS: usize = 5;
/// Width that a grid of images fills, as far as whole pixels allow.
const GRID_WIDTH: f32 = 800.0;
/// Characters of a head that are looked at.
const MOST_CHARACTERS: usize = 200;
/// Largest size of one image pixel: a single small image stays a small figure.
const LARGEST_PIXEL: f32 = 8.0;

impl Figure {
    /// Pairs of a true image and its reconstruction, five to a row, under the title "Example ground
    /// truth image vs. reconstructed image".
    ///
    /// Each panel is the true image, a white column one pixel wide, and the reconstruction. Pixels
    /// are drawn as sharp squares. Images may differ in size: panels are as large as the largest
    /// needs. Without pairs, the figure says so.
    ///
    /// # Errors
    ///
    /// [`FigureError::PixelCount`] or [`FigureError::Channels`] for an image that cannot be drawn
    /// (its index counts both images of each pair), [`FigureError::TooLarge`] for an enormous one.
    pub fn reconstruction(pairs: &[(Pixels, Pixels)]) -> Result<Self, FigureError> {
        let mut panels = Vec::with_capacity(pairs.len());
        for (index, (truth, reconstruction)) in pairs.iter().enumerate() {
            truth.check(2 * index)?;
            reconstruction.check(2 * index + 1)?;
            let height = truth.height.max(reconstruction.height);
            let width = truth.width.saturating_add(reconstruction.width).saturating_add(1);
            let channels = common_channels([truth, reconstruction]);
            let mut panel = RasterImage::white(height, width, channels)?;
            panel.paste(truth, 0, 0);
            panel.paste(reconstruction, 0, truth.width + 1);
            panels.push(panel);
        }
        let title = "Example ground truth image vs. reconstructed image";
        grid(title, panels, PAIR_COLUMNS, 14.0, [&[], &[]])
    }

    /// Images tiled in a near-square sheet, row by row, under `title`: 25 of them make 5 x 5.
    ///
    /// Pixels are drawn as sharp squares. Images may differ in size: cells are as large as the
    /// largest. Without images, the figure says so.
    ///
    /// # Errors
    ///
    /// [`FigureError::PixelCount`] or [`FigureError::Channels`] for an image that cannot be drawn,
    /// [`FigureError::TooLarge`] for an enormous one.
    pub fn samples(images: &[Pixels], title: &str) -> Result<Self, FigureError> {
        let columns = (images.len() as f64).sqrt().ceil() as usize;
        grid(title, tiles(images)?, columns, 6.0, [&[], &[]])
    }

    /// Images in rows of `columns`, row by row, under `title`, with a name before each row.
    ///
    /// # Errors
    ///
    /// As [`Figure::samples`].
    pub fn named_rows(images: &[Pixels], columns: usize, names: &[String], title: &str) -> Result<Self, FigureError> {
        let labels: Vec<String> =
            names.iter().enumerate().map(|(number, name)| text::class_label(number, name)).collect();
        grid(title, tiles(images)?, columns, 6.0, [&labels, &[]])
    }

    /// Images in rows of as many as there are `heads`, row by row, under `title`, with a name before each row, if there are
    /// `names`, and a head over each column. A head that is wider than its column is cut, and ends in three dots.
    ///
    /// # Errors
    ///
    /// As [`Figure::samples`].
    pub fn headed(images: &[Pixels], names: &[String], heads: &[String], title: &str) -> Result<Self, FigureError> {
        grid(title, tiles(images)?, heads.len(), 6.0, [names, heads])
    }
}

/// Each image as a raster of its own.
fn tiles(images: &[Pixels]) -> Result<Vec<RasterImage>, FigureError> {
    let tile = |(index, image): (usize, &Pixels)| {
        image.check(index)?;
        let mut tile = RasterImage::white(image.height, image.width, image.channels)?;
        tile.paste(image, 0, 0);
        Ok(tile)
    };
    images.iter().enumerate().map(tile).collect()
}

/// `rasters` in rows of `columns`, `gap` apart, with the names of the rows before them and the heads of the columns over
/// them, if there are any.
fn grid(
    title: &str,
    rasters: Vec<RasterImage>,
    columns: usize,
    gap: f32,
    [names, heads]: [&[String]; 2],
) -> Result<Figure, FigureError> {
    let columns = columns.clamp(1, rasters.len().max(1));
    let rows = rasters.len().div_ceil(columns);
    let most = |length: fn(&RasterImage) -> usize| rasters.iter().map(length).max().unwrap_or(0);
    let (height, width) = (most(RasterImage::height) as f32, most(RasterImage::width) as f32);

    let gaps = |cells: usize| gap * cells.saturating_sub(1) as f32;
    let room = GRID_WIDTH - gaps(columns);
    let fitting = room.max(GRID_WIDTH / 2.0) / (columns as f32 * width.max(1.0));
    // Multiples of a half are whole pixels in the PNG file.
    let pixel = if fitting >= 0.5 { (fitting * 2.0).floor() / 2.0 } else { fitting };
    let pixel = pixel.min(LARGEST_PIXEL);
    let (cell_width, cell_height) = (pixel * width, pixel * height);
    let grid_width = columns as f32 * cell_width + gaps(columns);

    let widest = names.iter().map(|name| text::width(name, LABEL_SIZE, Weight::Regular)).fold(0.0, f32::max);
    let (mut scene, top) = Scene::titled(title, grid_width + 2.0 * (MARGIN + widest));
    if rasters.is_empty() {
        let style = TextStyle::new(LABEL_SIZE, MUTED, Anchor::Middle);
        scene.text("no images", [scene.width / 2.0, top + LABEL_SIZE], style);
        scene.height = top + LABEL_SIZE + MARGIN;
        return Ok(Figure::new(scene));
    }
    let beside = if heads.is_empty() { 0.0 } else { widest };
    let left = f32::midpoint(scene.width - grid_width, beside).round();
    let top = if heads.is_empty() { top } else { top + LABEL_SIZE };
    let style = TextStyle::new(LABEL_SIZE, MUTED, Anchor::Middle);
    for (column, head) in heads.iter().enumerate().take(columns) {
        let middle = left + column as f32 * (cell_width + gap) + cell_width / 2.0;
        scene.text(&fitted(head, cell_width), [middle, top - 0.5 * LABEL_SIZE], style);
    }
    for (index, raster) in rasters.into_iter().enumerate() {
        let (row, column) = (index / columns, index % columns);
        let place = Rect {
            x: left + column as f32 * (cell_width + gap),
            y: top + row as f32 * (cell_height + gap),
            width: pixel * raster.width() as f32,
            height: pixel * raster.height() as f32,
        };
        scene.image(raster, place)?;
    }
    let style = TextStyle::new(LABEL_SIZE, MUTED, Anchor::End);
    for (row, name) in names.iter().enumerate().take(rows) {
        let middle = top + row as f32 * (cell_height + gap) + cell_height / 2.0;
        scene.text(name, [left - 10.0, middle + 0.36 * LABEL_SIZE], style);
    }
    scene.height = (top + rows as f32 * cell_height + gaps(rows) + MARGIN).ceil();
    Ok(Figure::new(scene))
}

/// A text, cut where it would be wider than this.
fn fitted(text: &str, room: f32) -> String {
    let is_narrow = |text: &str| text::width(text, LABEL_SIZE, Weight::Regular) <= room;
    if is_narrow(text) {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().take(MOST_CHARACTERS).collect();
    while kept.pop().is_some() {
        let cut: String = kept.iter().copied().chain("...".chars()).collect();
        if is_narrow(&cut) {
            return cut;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(height: usize, width: usize, data: &[f32]) -> Pixels<'_> {
        Pixels { height, width, channels: 1, data }
    }

    fn decoded(figure: &Figure) -> (u32, u32, Vec<u8>) {
        let file = figure.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut data).unwrap();
        (reader.info().width, reader.info().height, data)
    }

    #[test]
    fn rows_have_their_names() {
        let image = grey(4, 4, &[0.5; 16]);
        let names = ["zero", "one", "two"].map(str::to_owned);
        let figure = Figure::named_rows(&[image; 15], 5, &names, "By class").unwrap();
        assert_eq!(figure.svg().matches("<image").count(), 15);
        assert!(names.iter().all(|name| figure.svg().contains(&format!("aria-label=\"{name}\""))));
        assert!(figure.png().is_ok());
    }

    #[test]
    fn columns_have_their_heads() {
        let image = grey(4, 4, &[0.5; 16]);
        let names = ["one", "two"].map(str::to_owned);
        let heads = ["-3", "0", "a name that is wider than any column"].map(str::to_owned);
        let figure = Figure::headed(&[image; 6], &names, &heads, "By dimension").unwrap();
        let svg = figure.svg();
        assert_eq!(svg.matches("<image").count(), 6);
        let has = |label: &str| svg.contains(&format!("aria-label=\"{label}\""));
        assert!(names.iter().all(|name| has(name)) && has("-3") && has("0") && !has(&heads[2]));
        assert!(svg.contains("...\""), "{svg}");
        // Nothing has room over a column of one pixel.
        let thin = grey(400, 1, &[0.5; 400]);
        for heads in [&heads[..], &[]] {
            assert!(Figure::headed(&[thin; 3], &[], heads, "").unwrap().png().is_ok());
        }
    }

    #[test]
    fn twenty_pairs_make_four_rows_of_five() {
        let image = grey(28, 28, &[0.0; 784]);
        let figure = Figure::reconstruction(&[(image, image); 20]).unwrap();
        let svg = figure.svg();
        assert_eq!(svg.matches("<image").count(), 20);
        let distinct = |name: &str| {
            let values = svg.split("<image").skip(1).map(|image| {
                let (_, rest) = image.split_once(&format!(" {name}=\"")).unwrap();
                rest.split_once('"').unwrap().0.to_owned()
            });
            values.collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!((distinct("x"), distinct("y")), (5, 4));
        let (width, ..) = decoded(&figure);
        assert!((1400..=1800).contains(&width), "{width}");
    }

    /// Black truth, black reconstruction: the panel's middle row is black, white, black.
    #[test]
    fn a_white_column_parts_the_images_of_a_pair() {
        let image = grey(3, 3, &[0.0; 9]);
        let figure = Figure::reconstruction(&[(image, image)]).unwrap();
        let (width, height, data) = decoded(&figure);
        let row = height - 64 - 24;
        let start = (row * width * 4) as usize;
        let runs = data[start..start + width as usize * 4].chunks(4).map(|pixel| pixel[0]).collect::<Vec<_>>();
        let lengths: Vec<(u8, usize)> = runs.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
        let pixel = 2 * LARGEST_PIXEL as usize;
        let [(255, _), black, white, second, (255, _)] = lengths[..] else {
            panic!("{lengths:?}");
        };
        assert_eq!([black, white, second], [(0, 3 * pixel), (255, pixel), (0, 3 * pixel)]);
    }

    #[test]
    fn odd_lists_of_images_do_not_panic() {
        let small = grey(1, 2, &[f32::NAN, 2.0]);
        let large = Pixels { height: 3, width: 2, channels: 4, data: &[0.5; 24] };
        let nothing = grey(0, 7, &[]);
        for images in [&[][..], &[small], &[small, large], &[nothing], &[nothing, large]] {
            let figure = Figure::samples(images, "a title").unwrap();
            assert!(figure.png().is_ok());
        }
        for pairs in [&[][..], &[(small, large)], &[(nothing, nothing)]] {
            assert!(Figure::reconstruction(pairs).unwrap().png().is_ok());
        }
        let bad = grey(2, 2, &[0.0]);
        assert!(matches!(
            Figure::reconstruction(&[(small, small), (small, bad)]),
            Err(FigureError::PixelCount { index: 3, .. })
        ));
        assert!(matches!(Figure::samples(&[bad], ""), Err(FigureError::PixelCount { index: 0, .. })));
    }

    #[test]
    fn wide_images_and_many_images_fit() {
        let wide = vec![0.3; 4000 * 3];
        let wide = Pixels { height: 1, width: 4000, channels: 3, data: &wide };
        let (width, ..) = decoded(&Figure::samples(&[wide; 4], "wide").unwrap());
        assert!(width < 1800);
        let figure = Figure::samples(&[grey(2, 2, &[0.5; 4]); 400], "many").unwrap();
        assert!(decoded(&figure).0 < 1800);
    }
}
