//! `elbo data`: what is in a data set, before anything is trained on it.

use crate::common::{args, elbo, fails, names, png_size, succeeds, with_bars};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn write(path: &Path, width: u32, height: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 90])).save(path).unwrap();
}

/// Five pictures in two classes, one of which cannot be read, and a picture each to validate and to test with.
fn with_photos() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    let photos = here.path().join("photos");
    for name in ["cats/a.png", "cats/b.jpg", "dogs/c.png"] {
        write(&photos.join("train").join(name), 12, 10);
    }
    write(&photos.join("train/dogs/d.bmp"), 30, 20);
    write(&photos.join("val/cats/g.png"), 12, 10);
    write(&photos.join("test/dogs/e.png"), 12, 10);
    fs::write(photos.join("train/dogs/f.png"), "rubbish").unwrap();
    here
}

#[test]
fn what_is_asked_of_pictures_is_refused_for_other_images() {
    let here = with_bars();
    for line in ["data --size 32", "data --range 0:1", "data bars --channels grey"] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(message.contains("these images are neither"), "{message}");
    }
}

#[test]
fn pictures_are_described() {
    let here = with_photos();
    let printed = succeeds(elbo(&here).args(args("data photos --sheet sheet.png")));
    let lines: Vec<String> =
        printed.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "photos: images of 64x64x3 (height x width x channels)",
        "images 4 to train on, 1 to validate, 1 to test",
        "formats PNG 4, BMP 1, JPEG 1",
        "sizes 12x10 5, 30x20 1 (width x height)",
        "class train val test",
        "cats 2 1 0",
        "dogs 2 0 1",
        "unreadable:",
    ] {
        assert!(lines.iter().any(|present| present == line), "{line} is not in\n{}", printed.stdout);
    }
    assert!(printed.stdout.contains("images of 64x64 (width x height): the pictures have 2 sizes"), "{printed:#?}");
    assert!(printed.stdout.contains("f.png: not a picture of a known format"), "{printed:#?}");
    assert_eq!(printed.stderr, "");
    // Four images, two to a row.
    assert_eq!(png_size(here.path().join("sheet.png")), [2 * 64 + 2, 2 * 64 + 2]);
    assert_eq!(names(&here), ["photos", "sheet.png"]);
}

#[test]
fn the_same_is_printed_as_json() {
    let here = with_photos();
    let printed = succeeds(elbo(&here).args(args("data photos --json --size 16 --fit fit")));
    let json: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!((&json["train_images"], &json["test_images"]), (&4.into(), &1.into()));
    assert_eq!(json["validation_images"], 1);
    assert_eq!(json["preprocessing"]["pictures"]["size"], "16x16");
    assert_eq!(json["sizes"][0], serde_json::json!({ "width": 12, "height": 10, "count": 5 }));
    assert_eq!(
        json["classes"][1],
        serde_json::json!({ "name": "dogs", "images": { "train": 2, "val": 0, "test": 1 } })
    );
    assert_eq!(json["unreadable"].as_array().unwrap().len(), 1);
    let values = &json["values"]["train"];
    assert_eq!(values["means"].as_array().unwrap().len(), 3);
    let histogram = values["histogram"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap());
    assert_eq!(histogram.sum::<u64>(), 4 * 16 * 16 * 3);
}

#[test]
fn other_data_are_described_too() {
    let here = with_bars();
    let printed = succeeds(elbo(&here).args(args("data bars")));
    assert!(printed.stdout.starts_with("bars: images of 12x10x1 "), "{printed:#?}");
    assert!(printed.stdout.contains("200 to train on, 60 to test") && !printed.stdout.contains("formats"));
    let counts: Vec<Vec<&str>> =
        printed.stdout.lines().skip_while(|line| !line.starts_with("class")).skip(1).map(args).collect();
    let values: Vec<&str> =
        printed.stdout.lines().filter(|line| line.ends_with(" 255") && line.contains("█")).collect();
    assert_eq!(values.len(), 1, "{printed:#?}");
    assert_eq!(counts, [["0", "50", "15"], ["1", "50", "15"], ["2", "50", "15"], ["3", "50", "15"]]);
}

#[test]
fn the_data_built_in_are_described() {
    let here = tempfile::tempdir().unwrap();
    let printed = succeeds(elbo(&here).args(args("data")));
    assert!(printed.stdout.starts_with("mnist: images of 28x28x1 "), "{printed:#?}");
    assert!(printed.stdout.contains("60,000 to train on, 10,000 to test"), "{printed:#?}");
}

#[test]
fn what_cannot_be_shown_is_an_error() {
    let here = with_photos();
    let message = fails(elbo(&here).args(args("data nowhere")));
    assert!(message.contains("nowhere"), "{message}");
    let message = fails(elbo(&here).args(args("data photos --sheet sheet.jpg")));
    assert!(message.contains("sheet.jpg") && message.contains(".png"), "{message}");
    assert_eq!(names(&here), ["photos"]);
}
