//! What is drawn from a model: options of `generate`; `prior`, `interpolate`, `traverse`, `arithmetic`.

use crate::common::{
    args, contents, elbo, ends_with, fails, model, names, png_size, succeeds, train, with_bars, with_run,
};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Pixels between the images of a sheet.
const GAP: u32 = 2;

/// A grey picture of these pixels.
fn write_png(path: &Path, width: u32, height: u32, pixels: &[u8]) {
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
}

/// A directory with a run on bars, and two pictures of its size.
fn with_pictures() -> tempfile::TempDir {
    let here = with_run();
    fs::create_dir(here.path().join("some")).unwrap();
    for (name, step) in [("a.png", 3), ("b.png", 5), ("some/1.png", 3), ("some/2.png", 7)] {
        let pixels: Vec<u8> = (0..120).map(|p| (p * step % 256) as u8).collect();
        write_png(&here.path().join(name), 10, 12, &pixels);
    }
    here
}

#[test]
fn a_grid_has_rows_and_columns() {
    let here = with_run();
    let size = |cells: u32, side: u32| cells * (side + GAP) - GAP;
    for (line, expected, columns, rows) in [
        ("--grid 2x4", "8 images, 4 to a row", 4, 2),
        ("--grid 3X2 --count 5", "5 images, 2 to a row", 2, 3),
        ("--grid 1x1", "1 image, 1 to a row", 1, 1),
    ] {
        let printed = succeeds(elbo(&here).args(args(&format!("generate run --out sheet.png {line}"))));
        assert_eq!(printed.stdout, format!("{expected}, in sheet.png\n"));
        assert_eq!(png_size(here.path().join("sheet.png")), [size(columns, 10), size(rows, 12)]);
    }
    let message = fails(elbo(&here).args(args("generate run --grid 2x2 --count 5")));
    assert!(message.contains("5 images have no room on a sheet of 2x2"), "{message}");
    let message = fails(elbo(&here).args(args("generate run --grid 2x2 --out there")));
    assert!(message.contains("--grid is of a sheet"), "{message}");
    for wrong in ["4", "0x3", "3x", "1001x1", "axb"] {
        ends_with(2, elbo(&here).args(["generate", "run", "--grid", wrong]));
    }
    assert_eq!(names(&here), ["bars", "run", "sheet.png"]);
}

#[test]
fn an_array_has_the_numbers_of_the_images() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("generate run --count 3 --out new.npy")));
    assert_eq!(printed.stdout, "3 images, [3, 12, 10, 1] floats, in new.npy\n");
    let array = fs::read(here.path().join("new.npy")).unwrap();
    let header = String::from_utf8_lossy(&array[10..128]).into_owned();
    assert!(header.contains("'<f4'") && header.contains("(3, 12, 10, 1)"), "{header}");
    assert_eq!(array.len(), 128 + 3 * 120 * 4);
    let vae = elbo::Vae::open(here.path().join("run"), 1).unwrap();
    let expected: Vec<u8> = vae.generate(3, 1).unwrap().pixels.iter().flat_map(|x| x.to_le_bytes()).collect();
    assert!(array[128..] == expected);
    // A format without a name has a name of its own.
    succeeds(elbo(&here).args(args("generate run --count 2 --format npy")));
    succeeds(elbo(&here).args(args("generate run --count 2 --format dir")));
    succeeds(elbo(&here).args(args("generate run --count 2 --format png --out sheet")));
    assert_eq!(names(&here), ["bars", "generated", "generated.npy", "new.npy", "run", "sheet"]);
    assert_eq!(names(here.path().join("generated")), ["0001.png", "0002.png"]);
    for (line, expected) in [
        ("--format npy --out a.png", "names a PNG file, and --format asks for an array"),
        ("--format dir --out a.npy", "names an array, and --format asks for a directory"),
        ("--format png --out generated", "names a directory, and --format asks for a PNG file"),
        ("--format npy --bits 16", "leave out --bits"),
    ] {
        let message = fails(elbo(&here).args(args(&format!("generate run {line}"))));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn temperature_changes_how_far_images_are_from_one_another() {
    let here = with_run();
    let array = |line: &str| {
        succeeds(elbo(&here).args(args(&format!("generate run --count 4 --out t.npy {line}"))));
        fs::read(here.path().join("t.npy")).unwrap()[128..].to_vec()
    };
    assert_eq!(array(""), array("--temperature 1 --prior normal"));
    assert_ne!(array(""), array("--temperature 0.5"));
    let none = array("--temperature 0");
    assert!(none.chunks(480).all(|image| image == &none[..480]));
    for wrong in ["-1", "nan", "1000", "x"] {
        ends_with(2, elbo(&here).args(["generate", "run", &format!("--temperature={wrong}")]));
    }
}

#[test]
fn the_aggregate_prior_is_fitted_once_and_kept() {
    let here = with_run();
    let untouched = model(here.path().join("run"));
    let digest = || elbo::Model::open(here.path().join("run")).unwrap().digest();
    let before = digest();
    succeeds(elbo(&here).args(args("generate run --out normal.png")));
    let printed = succeeds(elbo(&here).args(args("generate run --out one.png --prior aggregate")));
    assert!(printed.stderr.contains("the model has no prior yet"), "{printed:#?}");
    assert!(printed.stderr.contains("a gain of ") && printed.stderr.contains("test KL "), "{printed:#?}");
    let kept = model(here.path().join("run"));
    assert!(kept != untouched && digest() == before);
    let printed = succeeds(elbo(&here).args(args("generate run --out two.png --prior aggregate --threads 1")));
    assert_eq!(printed.stderr, "");
    let file = |name: &str| fs::read(here.path().join(name)).unwrap();
    assert!(file("one.png") == file("two.png") && file("one.png") != file("normal.png"));
    assert!(kept == model(here.path().join("run")));
    // All else is as it was, and fitting anew makes the same file.
    succeeds(elbo(&here).args(args("generate run --out again.png")));
    assert!(file("again.png") == file("normal.png"));
    succeeds(elbo(&here).args(args("prior run --threads 1")));
    assert!(kept == model(here.path().join("run")));
}

#[test]
fn a_prior_says_what_it_gains() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("prior run")));
    for part in
        ["prior of ", "16 draws for each of 200 training images", "60 images of the test set", "aggregate", "gain "]
    {
        assert!(printed.stdout.contains(part), "{part}: {printed:#?}");
    }
    assert_eq!(printed.stderr, "");
    let printed = succeeds(elbo(&here).args(args("prior run --json")));
    let json: Value = serde_json::from_str(&printed.stdout).unwrap();
    let number = |name: &str| json[name].as_f64().unwrap();
    assert_eq!((&json["split"], &json["images"]), (&"test".into(), &60.into()));
    assert!((number("gain") - (number("kl_normal") - number("kl_mixture"))).abs() < 1e-12);
    assert!(json["tried"].as_array().unwrap().iter().all(|tried| tried["log_density"].is_f64()));
    // The loss is that of evaluate.
    let evaluation: Value =
        serde_json::from_str(&succeeds(elbo(&here).args(args("evaluate run --json"))).stdout).unwrap();
    assert_eq!(evaluation["sampled"]["reconstruction"], json["reconstruction"]);
    assert_eq!(evaluation["sampled"]["kl"], json["kl_normal"]);
}

#[test]
fn a_model_file_needs_its_data_for_a_prior() {
    let here = with_run();
    fs::copy(here.path().join("run/model.safetensors"), here.path().join("mine.safetensors")).unwrap();
    let before = contents(here.path());
    let message = fails(elbo(&here).args(args("generate mine.safetensors --prior aggregate --out x.png")));
    assert!(
        message.contains("'bars'")
            && message.contains("hint: ")
            && message.contains("elbo prior mine.safetensors DATA"),
        "{message}"
    );
    assert!(contents(here.path()) == before);
    succeeds(elbo(&here).args(args("prior mine.safetensors bars")));
    succeeds(elbo(&here).args(args("generate mine.safetensors --prior aggregate --out x.png")));
}

#[test]
fn interpolate_writes_a_strip_an_animation_or_files() {
    let here = with_pictures();
    let printed = succeeds(elbo(&here).args(args("interpolate run a.png b.png --steps 7 --out strip.png")));
    assert_eq!(printed.stdout, "7 images from a.png to b.png in strip.png\n");
    let [width, height] = png_size(here.path().join("strip.png"));
    assert!(width > 3 * height, "{width} x {height}");
    succeeds(elbo(&here).args(args("interpolate run a.png b.png --steps 7 --out way.gif")));
    let gif = fs::read(here.path().join("way.gif")).unwrap();
    assert!(gif.starts_with(b"GIF89a"));
    succeeds(elbo(&here).args(args("interpolate run 0 59 --kind spherical --steps 3 --out way.apng")));
    let apng = fs::read(here.path().join("way.apng")).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(&apng[..])).read_info().unwrap();
    // There and back.
    assert_eq!(reader.info().animation_control().unwrap().num_frames, 4);
    let printed = succeeds(elbo(&here).args(args("interpolate run 7 a.png --steps 5 --out files")));
    assert_eq!(printed.stdout, "5 images from image 7 to a.png in files\n");
    assert_eq!(names(here.path().join("files")).len(), 5);
    // The way back is the same.
    succeeds(elbo(&here).args(args("interpolate run a.png 7 --steps 5 --out back")));
    let [there, back] = ["files", "back"].map(|name| contents(&here.path().join(name)));
    assert!(there[2].1 == back[2].1 && there[0].1 == back[4].1 && there[0].1 != there[4].1);
}

#[test]
fn ends_of_a_way_that_are_none_are_named() {
    let here = with_pictures();
    fs::write(here.path().join("empty.png"), b"").unwrap();
    let before = contents(here.path());
    for (line, named) in [
        ("a.png nowhere.png", "nowhere.png"),
        ("a.png empty.png", "empty.png"),
        ("a.png some", "2 images in it, and one is wanted"),
        ("60 a.png", "those of the run are 0 to 59"),
        ("a.png b.png --out way.mp4", "choose a name that ends in .png, .gif or .apng"),
        ("a.png b.png --class 1", "not trained with classes"),
        ("a.png b.png --show", "--show: standard output is no terminal"),
    ] {
        let message = fails(elbo(&here).args(args(&format!("interpolate run {line}"))));
        assert!(message.contains(named), "{line}: {message}");
    }
    ends_with(2, elbo(&here).args(args("interpolate run a.png b.png --steps 1")));
    assert!(contents(here.path()) == before);
}

#[test]
fn traverse_shows_the_dimension_that_says_most_first() {
    let here = with_pictures();
    let printed = succeeds(elbo(&here).args(args("traverse run --dims 2 --steps 5 --range 2.5")));
    assert!(
        printed.stdout.starts_with(
            "2 of 3 latent dimensions from -2.5 to 2.5 around the mean of bars (test set) in traverse.png: "
        ),
        "{printed:#?}"
    );
    let [width, height] = png_size(here.path().join("traverse.png"));
    assert!(width > 400 && height > 400, "{width} x {height}");
    let printed = succeeds(elbo(&here).args(args("traverse run a.png --json --out t.png")));
    let json: Value = serde_json::from_str(&printed.stdout).unwrap();
    let kls: Vec<f64> = json["dimensions"].as_array().unwrap().iter().map(|one| one["kl"].as_f64().unwrap()).collect();
    assert!(kls.len() == 3 && kls.is_sorted_by(|a, b| a >= b), "{json}");
    let evaluation: Value =
        serde_json::from_str(&succeeds(elbo(&here).args(args("evaluate run --json"))).stdout).unwrap();
    let kl = evaluation["mean"]["kl"].as_f64().unwrap();
    assert!((kls.iter().sum::<f64>() - kl).abs() < 1e-4 * kl, "{kls:?} for {kl}");
    let message = fails(elbo(&here).args(args("traverse run --out t.gif")));
    assert!(message.contains(".png"), "{message}");
    ends_with(2, elbo(&here).args(args("traverse run --range 0")));
}

#[test]
fn arithmetic_adds_codes() {
    let here = with_pictures();
    let printed = succeeds(elbo(&here).args(args("arithmetic run a.png - some + 3 --out sum.png")));
    assert_eq!(printed.stdout, "a.png - some (mean of 2 images) + image 3 in sum.png\n");
    assert!(png_size(here.path().join("sum.png"))[0] > 400);
    // What is taken away again was never there.
    succeeds(elbo(&here).args(args("arithmetic run a.png - b.png + b.png --out there.png")));
    let before = contents(here.path());
    for (line, named) in [
        ("a.png b.png", "b.png: a sign is wanted before it"),
        ("a.png -", "an operand is wanted after the last sign"),
        ("a.png + nowhere.png", "nowhere.png"),
        ("a.png --out sum.gif", ".png"),
    ] {
        let message = fails(elbo(&here).args(args(&format!("arithmetic run {line}"))));
        assert!(message.contains(named), "{line}: {message}");
    }
    ends_with(2, elbo(&here).args(args("arithmetic run")));
    assert!(contents(here.path()) == before);
}

#[test]
fn a_conditional_model_needs_a_class() {
    let here = with_bars();
    succeeds(&mut train(&here, "bars --epochs 1 --conditional --out run --quiet"));
    for line in ["interpolate run 0 1", "traverse run", "arithmetic run 0 + 1"] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(message.contains("a conditional model") && message.contains("--class 0"), "{line}: {message}");
        succeeds(elbo(&here).args(args(&format!("{line} --class 2 --out x.png"))));
    }
    let message = fails(elbo(&here).args(args("traverse run --class nine")));
    assert!(message.contains("there is no class 'nine'"), "{message}");
    succeeds(elbo(&here).args(args("generate run --prior aggregate --class 1 --out one.png")));
    succeeds(elbo(&here).args(args("generate run --prior aggregate --out all.png")));
}
