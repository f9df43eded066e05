//! Arrays in real files.

use std::fs;
use std::io::{Cursor, Write};

use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::dataset::{Depth, ImageShape, Preparation, Preprocessing, load};

/// A `.npy` file with this header's type, order and shape.
fn npy(descr: &str, fortran: bool, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let sides: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let sides = if sides.is_empty() { String::new() } else { sides.join(", ") + "," };
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({sides}), }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    file
}

fn npz(arrays: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        writer.start_file(format!("{name}.npy"), SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn file(name: &str, bytes: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    folder
}

fn try_load_with(name: &str, bytes: &[u8], options: &DataOptions) -> Result<Loaded, DatasetError> {
    let folder = file(name, bytes);
    load(&folder.path().join(name), options, &|_, _| {})
}

fn try_load(name: &str, bytes: &[u8]) -> Result<Loaded, DatasetError> {
    try_load_with(name, bytes, &DataOptions::default())
}

fn loaded(name: &str, bytes: &[u8]) -> Loaded {
    try_load(name, bytes).unwrap()
}

fn pixels(dataset: &Dataset) -> Vec<u8> {
    let indices: Vec<u32> = (0..dataset.len() as u32).collect();
    dataset.gather(&indices, &mut Vec::new()).unwrap().pixels.to_vec()
}

/// The values, from 0 to what their depth has for the largest.
fn values_of(dataset: &Dataset) -> Vec<u16> {
    dataset.depth().values(&pixels(dataset)).collect()
}

/// What is said of a set.
fn said(loaded: &Loaded) -> Vec<String> {
    loaded.notes.iter().map(ToString::to_string).collect()
}

/// How a set says that it was made.
fn preparation(loaded: &Loaded) -> Option<Preparation> {
    match loaded.splits.train.preprocessing() {
        Preprocessing::Pictures(preparation) => Some(preparation),
        _ => None,
    }
}

/// Options with this range.
fn ranged(range: &str) -> DataOptions {
    DataOptions { range: Some(range.parse().unwrap()), ..DataOptions::default() }
}

fn shape(height: usize, width: usize, channels: usize) -> ImageShape {
    ImageShape { height, width, channels }
}

/// Bytes of which no two in a row are alike.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 37 % 251) as u8).collect()
}

fn images(count: usize) -> Vec<u8> {
    npy("|u1", false, &[count, 8, 8], &bytes(count * 64))
}

/// One image of these values in turn, as floats of 32 bits.
fn float_image(values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = (0..64).flat_map(|i| values[i % values.len()].to_le_bytes()).collect();
    npy("<f4", false, &[1, 8, 8], &data)
}

mod layouts;
mod memory;
mod ranges;
mod sets;
mod sizes;
mod wrong;
