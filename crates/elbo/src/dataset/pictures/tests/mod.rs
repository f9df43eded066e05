//! Real picture files in a temporary directory.

mod animations;
mod bad_files;
mod deep;
mod formats;
mod guide;
mod layouts;
mod left_out;
mod sets;
mod tiff_file;
mod tiff_pages;
mod whole;

use std::fs;
use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, GrayImage, ImageEncoder, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};
use image::{ImageBuffer, RgbaImage};
use tempfile::TempDir;

use super::*;
use crate::dataset::{Fit, Frames, ImageShape, load};

/// The texts of notes, a line each.
fn said(notes: &[Note]) -> String {
    notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const WIDTH: u32 = 10;
const HEIGHT: u32 = 8;

fn colour(x: u32, y: u32) -> Rgb<u8> {
    Rgb([(x * 20) as u8, (y * 25) as u8, ((x + 3 * y) * 6) as u8])
}

/// Ten by eight pixels, no two alike.
fn colourful() -> DynamicImage {
    RgbImage::from_fn(WIDTH, HEIGHT, colour).into()
}

fn grey(width: u32, height: u32) -> DynamicImage {
    GrayImage::from_fn(width, height, |x, y| Luma([(x * 7 + y * 31) as u8])).into()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(image: &DynamicImage) -> Vec<u8> {
    encoded(image, ImageFormat::Png)
}

/// A directory with these files.
fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn loaded(path: &Path, options: &DataOptions) -> Loaded {
    load(path, options, &|_, _| {}).unwrap()
}

fn error_of(path: &Path, options: &DataOptions) -> DatasetError {
    load(path, options, &|_, _| {}).unwrap_err()
}

/// All values of a data set.
fn pixels(dataset: &Dataset) -> Vec<u8> {
    let indices: Vec<u32> = (0..dataset.len() as u32).collect();
    dataset.gather(&indices, &mut Vec::new()).unwrap().pixels.to_vec()
}

/// The values of a single picture in a file of this name.
fn single(name: &str, bytes: Vec<u8>, options: &DataOptions) -> (ImageShape, Vec<u8>) {
    let folder = folder(&[(name, bytes)]);
    let train = loaded(&folder.path().join(name), options).splits.train;
    (train.shape(), pixels(&train))
}

const SHAPE: ImageShape = ImageShape { height: HEIGHT as usize, width: WIDTH as usize, channels: 3 };
