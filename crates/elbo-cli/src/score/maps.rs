//! Pictures of what was not reconstructed.

use super::Scored;
use crate::generate::GAP;
use crate::output::counted;
use elbo::anomaly::{Score, error_map, reconstructed};
use elbo::dataset::Dataset;
use elbo::figures::{Figure, Pixels, sheet};
use elbo::storage::{create_directory, write_atomically};
use elbo::{Images, Vae};
use std::path::Path;

/// Images in the figure of all: more are too many for one look.
const SHOWN: usize = 12;

/// Images in one row of it, of three pictures each.
const ACROSS: usize = 2;

/// What to call an image in the name of a file: as it is called itself, or else by its position.
fn name_of(images: &Dataset, index: u32) -> String {
    const LONGEST: usize = 60;
    let Some(name) = images.names().and_then(|names| names.get(index as usize)) else { return index.to_string() };
    let name = Path::new(name).with_extension("");
    let plain = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    let letters: Vec<char> = name.to_string_lossy().chars().map(plain).collect();
    // Its end says more than the directories that it lies in.
    letters[letters.len().saturating_sub(LONGEST)..].iter().collect()
}

/// Writes image, reconstruction and error map of the `count` images of the highest scores, each a file of its own, and a
/// figure of the first; gives the line that says so.
pub(super) fn write(directory: &Path, vae: &Vae, scored: &[Scored], by: Score, count: usize) -> anyhow::Result<String> {
    let mut order: Vec<(usize, u32, f64)> = Vec::new();
    for (part, scored) in scored.iter().enumerate() {
        order.extend((0..).zip(&scored.losses).map(|(index, loss)| (part, index, by.of(*loss))));
    }
    order.sort_by(|a, b| b.2.total_cmp(&a.2));
    order.truncate(count);
    // One scale for all, or an image with small errors would look as bad as one with large ones.
    let mut triples = Vec::new();
    let mut largest = 0.0_f32;
    for &(part, index, _) in &order {
        let images = &scored[part].images;
        let truth = Images::of(images, &[index]).map_err(elbo::Error::from)?;
        let made = reconstructed(vae, images, &[index])?;
        let map = error_map(&truth.pixels, &made.pixels, truth.shape.channels);
        largest = map.iter().fold(largest, |largest, error| largest.max(*error));
        triples.push((truth, made, map));
    }
    create_directory(directory).map_err(elbo::Error::from)?;
    let digits = order.len().to_string().len().max(4);
    let coloured: Vec<Vec<f32>> = triples.iter().map(|(_, _, map)| heat(map, largest)).collect();
    for (number, ((truth, made, _), map)) in triples.iter().zip(&coloured).enumerate() {
        let (part, index, _) = order[number];
        let file = format!("{:0digits$}-{}.png", number + 1, name_of(&scored[part].images, index));
        let png =
            sheet(&row(truth, made, map), 3, GAP).and_then(|sheet| sheet.figure_png()).map_err(elbo::Error::from)?;
        write_atomically(&directory.join(file), &png).map_err(elbo::Error::from)?;
    }
    let shown = triples.iter().zip(&coloured).take(SHOWN);
    let pictures: Vec<Pixels<'_>> = shown.flat_map(|((truth, made, _), map)| row(truth, made, map)).collect();
    let numbers = order.iter().take(SHOWN).map(|(_, _, score)| format!("{score:.1}")).collect::<Vec<_>>();
    let names: Vec<String> = numbers.chunks(ACROSS).map(|scores| scores.join(", ")).collect();
    let title = format!("Image, reconstruction, error; {by} in nats, the highest first");
    let figure = Figure::named_rows(&pictures, 3 * ACROSS, &names, &title).map_err(elbo::Error::from)?;
    let overview = directory.join("overview.png");
    write_atomically(&overview, &figure.png().map_err(elbo::Error::from)?).map_err(elbo::Error::from)?;
    Ok(format!(
        "image, reconstruction and error map of the {} of the highest {by} in {}, the first in {}; in all maps black is an \
         error of 0 and white one of {largest:.2}, of values from 0 to 1",
        counted(order.len(), "image"),
        directory.display(),
        overview.display()
    ))
}

fn row<'a>(truth: &'a Images, made: &'a Images, map: &'a [f32]) -> [Pixels<'a>; 3] {
    let shape = truth.shape;
    let pixels = |data, channels| Pixels { height: shape.height, width: shape.width, channels, data };
    [pixels(&truth.pixels, shape.channels), pixels(&made.pixels, shape.channels), pixels(map, 3)]
}

/// Errors as colours from black over red and yellow to white, which is the largest.
fn heat(map: &[f32], largest: f32) -> Vec<f32> {
    let scale = if largest > 0.0 { 3.0 / largest } else { 0.0 };
    map.iter().flat_map(|error| [0.0, 1.0, 2.0].map(|below| (error * scale - below).clamp(0.0, 1.0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_goes_from_black_to_white() {
        assert_eq!(heat(&[0.0, 0.25, 0.5, 0.75], 0.75)[..6], [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(heat(&[0.0, 0.25, 0.5, 0.75], 0.75)[6..], [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(heat(&[0.0], 0.0), [0.0; 3]);
    }
}
