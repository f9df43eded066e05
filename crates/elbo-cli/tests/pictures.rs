//! Pictures of one's own: from a directory of files to a model, and from a model back to pictures.

use crate::common::{args, elbo, fails, model, names, png_size, succeeds, train, with_bars};
use std::fs;
use std::path::Path;

/// Writes a picture with a gradient that depends on the number.
fn write(path: &Path, width: u32, height: u32, number: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let value = |x: u32, y: u32| ((x * 9 + y * 5 + number * 40) % 256) as u8;
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([value(x, y), value(y, x), 90])).save(path).unwrap();
}

/// Twenty pictures of several sizes, two classes and two formats in `photos`, and four to test with.
fn with_photos() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    let photos = here.path().join("photos");
    for number in 0..20 {
        let class = if number % 2 == 0 { "cats" } else { "dogs" };
        let extension = if number % 3 == 0 { "jpg" } else { "png" };
        write(&photos.join(format!("train/{class}/{number:02}.{extension}")), 9 + number % 5, 10, number);
    }
    for number in 0..4 {
        write(&photos.join(format!("test/cats/{number}.png")), 12, 9 + number, number);
    }
    here
}

/// `train photos` into the run directory `run`, whatever else.
fn train_photos(here: impl AsRef<Path>, options: &str) -> crate::common::Printed {
    succeeds(&mut train(here, &format!("photos --epochs 1 --out run {options}")))
}

#[test]
fn a_directory_of_pictures_is_trained_on() {
    let here = with_photos();
    let printed = train_photos(&here, "--size 9x8");
    let lines: Vec<&str> = printed.stderr.lines().collect();
    assert!(lines[0].contains("cropped in the middle"), "{printed:#?}");
    assert_eq!(lines[1], "photos: 20 images of 8x9x3 to train on, 4 to test");
    let run = here.path().join("run");
    assert_eq!(names(run.join("figures")).len(), 8);
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    for line in ["size = \"9x8\"", "channels = \"rgb\"", "fit = \"crop\"", "background = \"#ffffff\""] {
        assert!(config.lines().any(|present| present == line), "{line} is not in\n{config}");
    }
    let card = elbo::Model::read(&run.join("model.safetensors")).unwrap().card;
    let json = serde_json::to_value(card.preprocessing).unwrap();
    assert_eq!(json["pictures"]["size"], "9x8");

    // The settings repeat the run, and other commands need to be told nothing.
    succeeds(elbo(&here).args(args("train --config run/config.toml --quiet --out again")));
    assert!(model(&run) == model(here.path().join("again")));
    let evaluated = succeeds(elbo(&here).args(args("evaluate run"))).stdout;
    assert!(evaluated.starts_with("4 images of photos (test set)"), "{evaluated}");
    assert_eq!(evaluated, succeeds(elbo(&here).args(args("evaluate run photos"))).stdout);
    succeeds(elbo(&here).args(args("figures run")));
}

#[test]
fn a_model_takes_a_picture_of_any_size() {
    let here = with_photos();
    train_photos(&here, "--size 9x8 --fit fit --background #102030 --quiet");
    let photo = here.path().join("photo.bmp");
    write(&photo, 200, 70, 1);
    let printed = succeeds(elbo(&here).args(args("reconstruct run photo.bmp --out pair.png")));
    assert!(printed.stdout.starts_with("1 image of photo, "), "{printed:#?}");
    assert_eq!(png_size(here.path().join("pair.png")), [2 * 9 + 2, 8]);
    // A row of the background, above what the picture fills.
    let pair = image::open(here.path().join("pair.png")).unwrap().into_rgb8();
    assert_eq!(pair.get_pixel(4, 0).0, [0x10, 0x20, 0x30]);
    // The model file alone says all of it.
    fs::rename(here.path().join("run/model.safetensors"), here.path().join("mine.safetensors")).unwrap();
    succeeds(elbo(&here).args(args("reconstruct mine.safetensors photo.bmp --out other.png")));
    assert!(fs::read(here.path().join("pair.png")).unwrap() == fs::read(here.path().join("other.png")).unwrap());

    fs::write(&photo, "BM and no more").unwrap();
    let message = fails(elbo(&here).args(args("reconstruct mine.safetensors photo.bmp")));
    assert!(message.contains("photo.bmp: "), "{message}");
}

#[test]
fn a_model_of_other_data_takes_pictures_too() {
    let here = with_bars();
    succeeds(&mut train(&here, "bars --epochs 1 --out run --quiet"));
    write(&here.path().join("photo.png"), 60, 50, 3);
    let printed = succeeds(elbo(&here).args(args("reconstruct run photo.png --out pair.png")));
    assert!(printed.stderr.contains("given to the model in grey, though in colour: 1 picture"), "{printed:#?}");
    assert_eq!(png_size(here.path().join("pair.png")), [2 * 10 + 2, 12]);
}

#[test]
fn a_run_on_pictures_goes_on_to_the_same_bits() {
    let here = with_photos();
    succeeds(&mut train(&here, "photos --epochs 2 --size 8 --channels grey --quiet --out whole"));
    succeeds(&mut train(&here, "photos --epochs 1 --size 8 --channels grey --quiet --out run"));
    let message = fails(elbo(&here).args(args("train --resume run --epochs 2 --size 16")));
    assert!(message.contains("cannot change"), "{message}");
    succeeds(elbo(&here).args(args("train --resume run --epochs 2 --quiet")));
    let parameters = |run: &str| elbo::Model::read(&here.path().join(run).join("model.safetensors")).unwrap();
    assert_eq!(parameters("whole").parameters, parameters("run").parameters);
    assert_eq!(parameters("run").card.preprocessing, parameters("whole").card.preprocessing);
    // Another picture is other data.
    write(&here.path().join("photos/train/cats/new.png"), 9, 9, 1);
    let message = fails(elbo(&here).args(args("train --resume run --epochs 3")));
    assert!(message.contains("not that of the run"), "{message}");
}

#[test]
fn unreadable_pictures_are_told_and_left_out() {
    let here = with_photos();
    fs::write(here.path().join("photos/train/cats/bad.png"), "rubbish").unwrap();
    let printed = train_photos(&here, "--size 8");
    assert!(printed.stderr.contains("1 of 25 pictures cannot be read and are left out, such as"), "{printed:#?}");
    assert!(printed.stderr.contains("bad.png: not a picture of a known format"), "{printed:#?}");
    fs::remove_file(here.path().join("photos/train/cats/bad.png")).unwrap();
    succeeds(&mut train(&here, "photos --epochs 1 --size 8 --quiet --out other"));
    assert!(model(here.path().join("run")) == model(here.path().join("other")));
    fs::write(here.path().join("photos/train/cats/bad.png"), "rubbish").unwrap();
    let message = fails(&mut train(&here, "photos --max-bad 0.01"));
    assert!(message.contains("1 of 25 pictures cannot be read") && message.contains("--max-bad"), "{message}");
}

/// What people give who mean something else, and what is said to them.
#[test]
fn directories_that_mean_something_else_are_told() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    for number in 0..6 {
        for directory in
            ["nested/data/train/cat", "nested/data/test/cat", "nested/more", "vehicles/train", "vehicles/ship"]
        {
            // No two alike.
            let number = number + 10 * directory.len() as u32;
            write(&here.join(directory).join(format!("{number}.png")), 9, 9, number);
        }
    }
    let said = |data: &str| succeeds(elbo(here).args(["data", data])).stdout;
    let nested = said("nested");
    assert!(nested.contains("though the classes data/train/cat and data/test/cat are called as parts"), "{nested}");
    assert!(nested.contains("; to keep some to measure, give the directory that holds train"), "{nested}");
    assert!(!said("nested/data").contains("called as parts"));
    let vehicles = said("vehicles");
    assert!(vehicles.contains("6 pictures beside train, val and test are left out; if train is a class"), "{vehicles}");
}

#[test]
fn classes_that_a_conditional_model_cannot_know_are_told() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    for number in 0..8 {
        write(&here.join(format!("one/cat/{number}.png")), 9, 9, number);
        write(&here.join(format!("people/{number}/face.png")), 9, 9, number);
    }
    let said = |line: &str| succeeds(&mut train(here, &format!("{line} --epochs 1"))).stderr;
    let one = said("one --conditional");
    assert!(one.contains("--conditional says nothing here: all training images are of the class cat\n"), "{one}");
    let people = said("people --conditional --validation 0.25");
    assert!(people.contains("all images of 2 classes, such as "), "{people}");
    let [one, people] = [said("one"), said("people --conditional --validation none")];
    assert!(!one.contains("class") && !people.contains("class"), "{one}{people}");
}

/// Whoever works inside the folder of pictures has the run among them.
#[test]
fn a_run_among_the_pictures_is_none_of_them() {
    let here = tempfile::tempdir().unwrap();
    let photos = here.path().join("photos");
    for number in 0..12 {
        write(&photos.join(format!("{number:02}.png")), 16, 16, number);
    }
    let passed_over = "1 run of elbo is passed over: runs/photos";
    succeeds(&mut train(&photos, ". --epochs 1"));
    let data = succeeds(elbo(&photos).args(args("data ."))).stdout;
    assert!(data.contains("images    12 to train on") && data.contains(passed_over), "{data}");
    succeeds(elbo(&photos).args(args("train --resume runs/photos --epochs 2")));
    let evaluated = succeeds(elbo(&photos).args(args("evaluate runs/photos"))).stdout;
    let again = succeeds(&mut train(&photos, ". --epochs 2"));
    assert!(again.stderr.contains(passed_over), "{again:#?}");
    assert!(model(photos.join("runs/photos")) == model(photos.join("runs/photos-2")));
    // Wherever the run lies, and whatever is drawn there.
    succeeds(&mut train(&photos, ". --epochs 2 --out mine"));
    succeeds(elbo(&photos).args(args("generate mine --out mine/samples")));
    succeeds(elbo(&photos).args(args("generate mine")));
    succeeds(elbo(&photos).args(args("reconstruct mine")));
    succeeds(elbo(&photos).args(args("data . --sheet sheet.png")));
    succeeds(&mut train(&photos, ". --epochs 2 --out ."));
    let printed = succeeds(elbo(&photos).args(args("evaluate .")));
    assert!(printed.stderr.contains("4 runs of elbo are passed over, such as figures"), "{printed:#?}");
    assert!(printed.stderr.contains("3 figures of elbo are passed over, such as generated.png"), "{printed:#?}");
    assert_eq!(printed.stdout, evaluated);
}

#[test]
fn pictures_of_kinds_that_are_not_read_are_told() {
    let here = with_photos();
    let phone = |number: u32| here.path().join(format!("photos/train/cats/IMG_{number}.HEIC"));
    (0..24).for_each(|number| fs::write(phone(number), "").unwrap());
    let printed = train_photos(&here, "--size 8");
    let note = "24 pictures are of kinds that are not read, and left out: 24 HEIC; convert them";
    assert!(printed.stderr.contains(note), "{printed:#?}");
    fs::write(phone(24), "").unwrap();
    let message = fails(&mut train(&here, "photos --epochs 1"));
    assert!(message.contains("25 pictures of kinds that are not read (25 HEIC), and 24 that can be"), "{message}");
    assert!(message.contains("\nhint: convert them") && message.contains("'*.heic'"), "{message}");
    let data = succeeds(elbo(&here).args(args("data photos"))).stdout;
    assert!(data.contains("25 pictures are of kinds that are not read"), "{data}");
}

/// The parts of a set of anomalies lie below the kinds of objects, beside masks.
#[test]
fn parts_below_kinds_of_objects_are_found_by_every_command() {
    let here = tempfile::tempdir().unwrap();
    for (number, object) in (0..).zip(["bottle", "screw"]) {
        for (place, count) in [("train/good", 10), ("test/good", 2), ("test/bent", 3), ("ground_truth/bent", 3)] {
            for i in 0..count {
                write(&here.path().join(format!("defects/{object}/{place}/{i}.png")), 8, 8, 30 * number + i);
            }
        }
    }
    let printed = succeeds(&mut train(&here, "defects --epochs 1 --out run"));
    for line in [
        "train, val and test are those in each of 2 directories, such as bottle: classes begin with their names",
        "6 masks are passed over, such as bottle/ground_truth/bent/0.png; give their directory to train on them",
        "defects: 20 images of 8x8x3 to train on, 10 to test",
    ] {
        assert!(printed.stderr.lines().any(|printed| printed == line), "{line}: {printed:#?}");
    }
    succeeds(elbo(&here).args(args("train --resume run --epochs 2 --quiet")));
    let evaluated = succeeds(elbo(&here).args(args("evaluate run"))).stdout;
    assert!(evaluated.starts_with("10 images of defects (test set)"), "{evaluated}");
    let data = succeeds(elbo(&here).args(args("data defects/screw/ground_truth"))).stdout;
    assert!(data.contains("images    3 to train on"), "{data}");
}

#[test]
fn every_frame_of_an_animation_is_trained_on_where_that_is_asked_for() {
    let here = tempfile::tempdir().unwrap();
    for number in 0..3 {
        fs::create_dir_all(here.path().join("clips")).unwrap();
        let file = fs::File::create(here.path().join(format!("clips/{number}.gif"))).unwrap();
        let mut encoder = image::codecs::gif::GifEncoder::new(file);
        for frame in 0..7_u8 {
            let value = |x: u32, y: u32| (x as u8 * 9 + y as u8 * 5).wrapping_add(frame * 30 + number * 11);
            let frame = image::RgbaImage::from_fn(9, 8, |x, y| image::Rgba([value(x, y), value(y, x), 90, 255]));
            encoder.encode_frame(image::Frame::new(frame)).unwrap();
        }
    }
    let first = succeeds(&mut train(&here, "clips --epochs 1 --out first"));
    let note = "3 of 3 pictures are animations: only the first frame is taken; train and data take every frame with \
                --frames all";
    assert!(first.stderr.lines().any(|line| line == note), "{first:#?}");
    let all = succeeds(&mut train(&here, "clips --epochs 1 --frames all --out run"));
    let note = "3 animations have several frames, 21 together: each frame is an image";
    assert!(all.stderr.lines().any(|line| line == note), "{all:#?}");
    let config = fs::read_to_string(here.path().join("run/config.toml")).unwrap();
    assert!(config.lines().any(|line| line == "frames = \"all\""), "{config}");
    // Nobody needs to be told again, not even with the model file alone.
    let message = fails(elbo(&here).args(args("train --resume run --epochs 2 --frames first")));
    assert!(message.contains("cannot change"), "{message}");
    succeeds(elbo(&here).args(args("train --resume run --epochs 2 --quiet")));
    succeeds(&mut train(&here, "clips --epochs 2 --frames all --quiet --out whole"));
    let parameters = |run: &str| elbo::Model::read(&here.path().join(run).join("model.safetensors")).unwrap();
    assert_eq!(parameters("whole").card.data.train_digest, parameters("run").card.data.train_digest);
    fs::rename(here.path().join("run/model.safetensors"), here.path().join("mine.safetensors")).unwrap();
    for model in ["mine.safetensors clips", "whole"] {
        let evaluated = succeeds(elbo(&here).args(args(&format!("evaluate {model}")))).stdout;
        assert!(evaluated.starts_with("2 images of clips (validation set)"), "{evaluated}");
    }
    let other = succeeds(elbo(&here).args(args("evaluate mine.safetensors clips/1.gif"))).stdout;
    assert!(other.starts_with("7 images of 1"), "{other}");
    let data = succeeds(elbo(&here).args(args("data clips/2.gif --frames all"))).stdout;
    assert!(data.contains("images    7 to train on") && data.contains("formats   GIF 7"), "{data}");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let here = with_photos();
    crate::common::BARS.write(here.path().join("bars"));
    for (line, named) in [
        ("photos --size 7", "from 8 to 4096"),
        ("photos --size 64x5000", "from 8 to 4096"),
        ("photos --size many", "WxH"),
        ("photos --background pink", "#rrggbb"),
        ("photos --fit squash", "stretch"),
        ("photos --frames 3", "first, all"),
    ] {
        let printed = crate::common::ends_with(2, &mut train(&here, line));
        assert!(printed.stderr.contains(named), "{line}: {printed:#?}");
    }
    let message = fails(&mut train(&here, "bars --size 16"));
    assert!(message.contains("options for pictures and arrays were given, and these images are neither"), "{message}");
    for data in ["photos", "bars"] {
        let printed = crate::common::ends_with(2, &mut train(&here, &format!("{data} --max-bad 2")));
        assert!(printed.stderr.contains("from 0 to 1"), "{printed:#?}");
    }
    fs::create_dir(here.path().join("empty")).unwrap();
    let message = fails(&mut train(&here, "empty"));
    assert!(message.contains("no pictures and no IDX files here") && message.contains("\nhint: "), "{message}");
    assert_eq!(names(&here), ["bars", "empty", "photos"]);
}

#[test]
fn too_many_images_for_memory_go_through_a_file_to_the_same_bits() {
    let here = with_photos();
    fs::create_dir(here.path().join("place")).unwrap();
    train_photos(&here, "--size 9x8 --shuffle --quiet");
    succeeds(&mut train(&here, "photos --epochs 1 --size 9x8 --shuffle --memory 1K --quiet --out place/other"));
    assert!(model(here.path().join("run")) == model(here.path().join("place/other")));
    // One file for the training set, one for the test set; nothing else is left there.
    assert_eq!(names(here.path().join("place")), [".elbo-cache", "other"]);
    let files = names(here.path().join("place/.elbo-cache"));
    assert!(files.len() == 2 && files.iter().all(|name| name.ends_with(".images")), "{files:?}");
    // Commands find the same files, and so does going on.
    let evaluated = |run: &str| succeeds(elbo(&here).args(["evaluate", run])).stdout;
    assert_eq!(evaluated("run"), evaluated("place/other"));
    succeeds(elbo(&here).args(args("train --resume place/other --epochs 2 --quiet")));
    assert_eq!(names(here.path().join("place/.elbo-cache")), files);
    let printed = crate::common::ends_with(2, &mut train(&here, "photos --memory much"));
    assert!(printed.stderr.contains("500M"), "{printed:#?}");
}

/// Where files cannot grow, as on a full disk.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_leaves_nothing_behind() {
    let here = with_photos();
    let mut command = std::process::Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    command.current_dir(&here).args(["-c", script, env!("CARGO_BIN_EXE_elbo")]);
    command.args(args("train photos --size 16 --memory 0 --cache full --out run"));
    let message = fails(&mut command);
    assert!(message.contains("cannot write ") && message.contains("full") && message.contains("--cache"), "{message}");
    assert_eq!(names(here.path().join("full")), [""; 0]);
    assert!(!here.path().join("run").exists());
}

#[test]
fn numbers_of_twelve_bits_keep_their_range_all_the_way() {
    let here = tempfile::tempdir().unwrap();
    let scans = here.path().join("scans");
    fs::create_dir(&scans).unwrap();
    for number in 0..50 {
        let value = |x: u32, y: u32| image::Luma([((x * 250 + y * 190 + number * 95) % 4096) as u16]);
        image::ImageBuffer::from_fn(10, 9, value).save(scans.join(format!("{number:02}.png"))).unwrap();
    }
    let data = succeeds(elbo(&here).args(args("data scans"))).stdout;
    assert!(
        data.contains("held in 16 bits") && data.contains("0 is black and 4095 white; --range changes it"),
        "{data}"
    );
    let json = succeeds(elbo(&here).args(args("data scans --json"))).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["bits"], &json["preprocessing"]["pictures"]["range"]), (&16.into(), &"0:4095".into()));

    let printed = succeeds(&mut train(&here, "scans --epochs 1 --out run"));
    assert!(printed.stderr.contains("0 is black and 4095 white"), "{printed:#?}");
    let config = fs::read_to_string(here.path().join("run/config.toml")).unwrap();
    assert!(config.contains("range = \"0:4095\""), "{config}");
    succeeds(elbo(&here).args(args("train --resume run --epochs 2 --quiet")));
    let evaluated = succeeds(elbo(&here).args(args("evaluate run"))).stdout;
    assert!(evaluated.starts_with("5 images of scans"), "{evaluated}");

    succeeds(elbo(&here).args(args("generate run --count 5 --bits 16 --out made")));
    for name in names(here.path().join("made")) {
        let image::DynamicImage::ImageLuma16(made) = image::open(here.path().join("made").join(&name)).unwrap() else {
            panic!("{name} has no 16 bits")
        };
        let most = made.pixels().map(|pixel| pixel.0[0]).max().unwrap();
        assert!((1000..=4095).contains(&most), "{most}");
    }
    // What the model has made is read with the model's range, and so nothing is cut.
    let printed = succeeds(elbo(&here).args(args("reconstruct run made")));
    assert!(!printed.stderr.contains("lie"), "{printed:#?}");
    succeeds(elbo(&here).args(args("generate run --count 1 --bits 16 --out one.png")));
    assert!(fails(elbo(&here).args(args("generate run --bits 16"))).contains("a sheet has 8 bits"));

    let printed = succeeds(&mut train(&here, "scans --epochs 1 --out narrow --range -5:2000"));
    assert!(printed.stderr.contains("values lie outside of the range -5:2000 and are cut to it"), "{printed:#?}");
    let made = succeeds(elbo(&here).args(args("generate narrow --bits 16 --out narrow_made"))).stderr;
    assert!(made.contains("none of 16 bits"), "{made}");
    for range in ["5", "5:5", "9:1", "a:b", "0:inf"] {
        let message = crate::common::ends_with(2, elbo(&here).args(["data", "scans", "--range", range])).stderr;
        assert!(message.contains("LOW:HIGH"), "{message}");
    }
}
