//! The examples, on little data.

#![allow(dead_code, reason = "`main` is not called, and what an example prints is not read")]

#[cfg(feature = "figures")]
#[path = "../examples/decode_codes.rs"]
mod decode_codes;
#[path = "../examples/decode_only.rs"]
mod decode_only;
#[cfg(feature = "pictures")]
#[path = "../examples/embed_and_cluster.rs"]
mod embed_and_cluster;
#[cfg(feature = "pictures")]
#[path = "../examples/embed_folder.rs"]
mod embed_folder;
#[cfg(feature = "mnist")]
#[path = "../examples/find_anomalies.rs"]
mod find_anomalies;
#[cfg(feature = "ndarray")]
#[path = "../examples/own_arrays.rs"]
mod own_arrays;
#[path = "../examples/own_images.rs"]
mod own_images;
#[cfg(feature = "mnist")]
#[path = "../examples/own_loop.rs"]
mod own_loop;

use crate::bars::{GREY, run_in, small, small_settings};

/// A model of bars in a new directory, and its path.
fn model() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    run_in(&run, small_settings(2), small());
    let path = run.to_str().unwrap().to_owned();
    (directory, path)
}

#[test]
fn own_images_are_learned_with_labels_and_without() {
    let [conditional, other] = own_images::run(1000, 10).unwrap();
    assert_eq!((conditional.card().classes.len(), other.card().classes.len()), (16, 0));
    // Of a class that is known, an image has its column in its place.
    let image = conditional.generate_class(5, 0, 1, 1).unwrap().pixels;
    let row = &image[8 * 16..][..16];
    let brightest = (0..16).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    assert_eq!(brightest, 5, "{row:?}");
}

#[cfg(feature = "ndarray")]
#[test]
fn an_array_is_learned() {
    let (vae, pixels) = own_arrays::run(100, 1).unwrap();
    assert_eq!((vae.card().architecture.image().channels, pixels.len()), (3, 16 * 24 * 3));
}

/// The first epoch and the others go different ways, and what they leave is a model like any other.
#[cfg(feature = "mnist")]
#[test]
fn a_loop_of_ones_own_leaves_a_model() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.safetensors");
    let training = elbo::Training::new(small_settings(3), small()).unwrap();
    own_loop::train(training, path.to_str().unwrap()).unwrap();
    let vae = elbo::Vae::open(&path, 1).unwrap();
    assert_eq!((vae.card().epochs, vae.card().batches), (3, 0));
    assert!(vae.evaluate(&small().train, 1).unwrap().sampled.is_finite());
}

/// The guide shows a program as it is, wherever it is read: in the terminal too, where nothing is included.
#[test]
fn the_guide_shows_the_program_that_runs() {
    let guide = include_str!("../../../docs/src/rust.md");
    assert!(guide.contains(include_str!("../examples/walk.rs").trim_end()));
    assert!(!guide.contains("{{#include"));
}

/// Bars at one place are learned; those at others are told from them.
#[cfg(feature = "mnist")]
#[test]
fn anomalies_are_found() {
    let labelled = |count: usize, seed: u32| {
        let images = crate::bars::bars(GREY, count, seed);
        images.with_labels((0..count).map(|image| (image * 7 % 4) as u16).collect()).unwrap()
    };
    let recipe = elbo::Recipe { epochs: 30, ..small_settings(1).recipe };
    let data = elbo::dataset::Splits { test: Some(labelled(80, 5)), ..labelled(800, 1).into() };
    let areas = find_anomalies::find(&data, &["2".to_owned()], Some(recipe)).unwrap();
    assert!(areas[0] > 0.99 && areas[1] > 0.99, "{areas:?}");
}

/// A PGM file's values, after three lines.
fn pgm(file: &[u8]) -> (&[u8], Vec<u8>) {
    let end = file.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(2).unwrap().0;
    (&file[..end], file[end + 1..].to_vec())
}

#[test]
fn one_code_is_decoded_to_a_picture() {
    let (_directory, model) = model();
    let file = decode_only::decode(&model, &[0.5, -1.0, 0.25]).unwrap();
    let (header, values) = pgm(&file);
    assert_eq!(header, b"P5\n10 12\n255");
    let decoded = elbo::Vae::open(&model, 1).unwrap().decode(&[0.5, -1.0, 0.25], None).unwrap();
    assert_eq!(values.len(), GREY.len());
    for (byte, value) in values.iter().zip(decoded.pixels) {
        assert!((f32::from(*byte) / 255.0 - value).abs() <= 0.5 / 255.0 + 1e-6, "{byte} for {value}");
    }
    assert!(decode_only::decode(&model, &[0.5]).unwrap_err().to_string().contains("3 numbers, not 1"));
}

#[cfg(feature = "pictures")]
mod pictures {
    use super::{GREY, embed_folder, model};
    use crate::bars::bars;
    use elbo::dataset::Dataset;
    use std::fs;
    use std::path::Path;

    /// Writes images as PNG files.
    fn write_pictures(folder: &Path, images: &Dataset) {
        fs::create_dir_all(folder.join("odd")).unwrap();
        for number in 0..images.len() as u32 {
            let name = if number % 2 == 1 { format!("odd/{number}.png") } else { format!("{number}.png") };
            let mut encoder =
                png::Encoder::new(fs::File::create(folder.join(name)).unwrap(), GREY.width as u32, GREY.height as u32);
            encoder.set_color(png::ColorType::Grayscale);
            let pixels = images.gather(&[number], &mut Vec::new()).unwrap().pixels.to_vec();
            encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        }
    }

    /// The codes of bars in a folder of pictures, as a table.
    fn codes(directory: &Path, model: &str) -> String {
        let folder = directory.join("pictures");
        write_pictures(&folder, &bars(GREY, 5, 7));
        let mut out = Vec::new();
        embed_folder::embed(model, folder.to_str().unwrap(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_code_stands_beside_the_name_of_its_picture() {
        let (directory, model) = model();
        let table = codes(directory.path(), &model);
        let expected = elbo::Vae::open(&model, 1).unwrap().encode(&bars(GREY, 5, 7)).unwrap();
        let names = ["0.png", "2.png", "4.png", "odd/1.png", "odd/3.png"];
        assert_eq!(table.lines().count(), 5);
        for ((line, name), number) in table.lines().zip(names).zip([0, 2, 4, 1, 3]) {
            let (found, code) = line.split_once('\t').unwrap();
            let code: Vec<f32> = code.split('\t').map(|number| number.parse().unwrap()).collect();
            assert_eq!((found, Some(&*code)), (name, expected.mean(number)));
        }
    }

    #[test]
    fn pictures_that_are_alike_are_in_one_cluster() {
        let (directory, model) = model();
        let folder = directory.path().join("pictures");
        write_pictures(&folder, &bars(GREY, 12, 7));
        let mut names = super::embed_and_cluster::run(&model, folder.to_str().unwrap(), 3).unwrap().concat();
        names.sort();
        assert_eq!(names.len(), 12);
        names.dedup();
        assert_eq!((names.len(), &*names[0]), (12, "0.png"));
        // Two groups that lie apart, and more clusters than there are different codes.
        let codes = [[0.0, 0.1], [5.0, 5.0], [0.1, 0.0], [5.0, 5.2], [0.0, 0.0]];
        let codes: Vec<&[f32]> = codes.iter().map(|code| &code[..]).collect();
        assert_eq!(super::embed_and_cluster::cluster(&codes, 2), [0, 1, 0, 1, 0]);
        assert_eq!(super::embed_and_cluster::cluster(&codes[..1], 4), [0]);
        assert_eq!(super::embed_and_cluster::cluster(&[], 4), [0; 0]);
    }

    #[cfg(feature = "figures")]
    #[test]
    fn codes_become_a_sheet() {
        let (directory, model) = model();
        let sheet = directory.path().join("sheet.png");
        let table = codes(directory.path(), &model);
        super::decode_codes::decode(&model, &table, sheet.to_str().unwrap()).unwrap();
        let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(sheet).unwrap()));
        let reader = decoder.read_info().unwrap();
        assert!(reader.info().width >= 5 * GREY.width as u32 && reader.info().height >= GREY.height as u32);
        let error = super::decode_codes::decode(&model, "a.png\t1", "none").unwrap_err();
        assert!(error.to_string().contains("3 numbers, not 1: a.png"), "{error}");
    }
}
