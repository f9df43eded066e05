//! Real picture files in a temporary directory.

use std::fs;
use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, GrayImage, ImageEncoder, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};
use image::{ImageBuffer, RgbaImage};
use tempfile::TempDir;

use super::*;
use crate::dataset::{Fit, ImageShape, load};

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

#[test]
fn every_format_is_read_whatever_its_name() {
    let expected = colourful().into_rgb8().into_raw();
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP] {
        let extension = format.extensions_str()[0];
        let bytes = encoded(&colourful(), format);
        assert_eq!(
            single(&format!("a.{extension}"), bytes.clone(), &DataOptions::default()),
            (SHAPE, expected.clone())
        );
        assert_eq!(single("b.JPG", bytes.clone(), &DataOptions::default()), (SHAPE, expected.clone()));
        if format != ImageFormat::Bmp {
            assert_eq!(single("c", bytes, &DataOptions::default()), (SHAPE, expected.clone()));
        }
    }
    // Formats that lose something, or have few colours.
    for (format, tolerance) in [(ImageFormat::Jpeg, 60), (ImageFormat::Gif, 40)] {
        let (shape, found) = single("a", encoded(&colourful(), format), &DataOptions::default());
        assert_eq!(shape, SHAPE);
        assert!(found.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= tolerance), "{format:?}: {found:?}");
    }
}

#[test]
fn of_an_animation_the_first_frame_is_taken() {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for value in [30, 200] {
        encoder.encode_frame(image::Frame::new(RgbaImage::from_pixel(9, 9, Rgba([value, value, value, 255])))).unwrap();
    }
    drop(encoder);
    let (shape, found) = single("a.gif", bytes, &DataOptions::default());
    assert_eq!((shape, found), (ImageShape { height: 9, width: 9, channels: 1 }, vec![30; 81]));
}

/// EXIF data that say nothing but an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif
}

#[test]
fn pictures_are_turned_upright() {
    /// Where an upright pixel is stored, by the last column and row that are.
    type Place = fn(u32, u32, [u32; 2]) -> (u32, u32);
    let [last_x, last_y] = [WIDTH - 1, HEIGHT - 1];
    let stored: [Place; 8] = [
        |x, y, _| (x, y),
        |x, y, [w, _]| (w - x, y),
        |x, y, [w, h]| (w - x, h - y),
        |x, y, [_, h]| (x, h - y),
        |x, y, _| (y, x),
        |x, y, [_, h]| (y, h - x),
        |x, y, [w, h]| (w - y, h - x),
        |x, y, [w, _]| (w - y, x),
    ];
    for (orientation, stored) in (1..).zip(stored) {
        let mut bytes = Vec::new();
        let mut encoder = PngEncoder::new(&mut bytes);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        encoder.write_image(colourful().as_bytes(), WIDTH, HEIGHT, ExtendedColorType::Rgb8).unwrap();
        let (shape, found) = single("a.png", bytes, &DataOptions::default());
        let (width, height) = if orientation < 5 { (WIDTH, HEIGHT) } else { (HEIGHT, WIDTH) };
        assert_eq!((shape.width, shape.height), (width as usize, height as usize), "orientation {orientation}");
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let expected: Vec<u8> = places
            .flat_map(|(x, y)| {
                let (x, y) = stored(x, y, [last_x, last_y]);
                colour(x, y).0
            })
            .collect();
        assert_eq!(found, expected, "orientation {orientation}");
    }
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new(&mut bytes);
    encoder.set_exif_metadata(exif(6)).unwrap();
    encoder.write_image(colourful().as_bytes(), WIDTH, HEIGHT, ExtendedColorType::Rgb8).unwrap();
    let (shape, _) = single("a.jpg", bytes, &DataOptions::default());
    assert_eq!((shape.width, shape.height), (HEIGHT as usize, WIDTH as usize));
}

#[test]
fn transparency_shows_the_background() {
    let half = RgbaImage::from_pixel(8, 8, Rgba([100, 0, 50, 51]));
    let blended = |background: &str| {
        let options = DataOptions { background: background.parse().ok(), ..DataOptions::default() };
        single("a.png", png(&half.clone().into()), &options).1[..3].to_vec()
    };
    assert_eq!(blended("white"), [224, 204, 214]);
    assert_eq!(blended("black"), [20, 0, 10]);
    assert_eq!(blended("#ff0000"), [224, 0, 10]);
    let (shape, found) = single("a.png", png(&half.into()), &DataOptions::default());
    assert_eq!((shape.channels, &found[..3]), (3, &[224, 204, 214][..]));

    let grey = ImageBuffer::from_pixel(8, 8, LumaA([0_u16, 0x8000]));
    let (shape, found) = single("a.png", png(&grey.into()), &DataOptions::default());
    assert_eq!((shape.channels, found[0]), (1, 127));
}

#[test]
fn sixteen_bits_and_palettes_are_read() {
    let deep = ImageBuffer::from_fn(8, 8, |x, y| Luma([(y * 8 + x) as u16 * 1028]));
    let (_, found) = single("a.png", png(&DynamicImage::ImageLuma16(deep)), &DataOptions::default());
    assert_eq!(found, (0..64).map(|i| i * 4).collect::<Vec<u8>>());

    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_palette(vec![10, 20, 30, 200, 100, 0]);
    encoder.write_header().unwrap().write_image_data(&[0b0101_0101; 8]).unwrap();
    let (shape, found) = single("a.png", bytes, &DataOptions::default());
    assert_eq!((shape.channels, &found[..6]), (3, &[10, 20, 30, 200, 100, 0][..]));
}

#[test]
fn colour_becomes_grey_and_grey_colour_where_asked() {
    let channels = |channels| DataOptions { channels: Some(channels), ..DataOptions::default() };
    let red = DynamicImage::from(RgbImage::from_pixel(8, 8, Rgb([255, 0, 0])));
    assert_eq!(single("a.png", png(&red), &channels(Channels::Grey)).1, [76; 64]);
    let (shape, found) = single("a.png", png(&grey(8, 8)), &channels(Channels::Rgb));
    assert_eq!((shape.channels, &found[3..6]), (3, &[7, 7, 7][..]));
}

#[test]
fn colour_that_no_picture_has_is_dropped() {
    let stored_in_colour = DynamicImage::from(grey(8, 8).into_rgb8());
    let folder = folder(&[("a.png", png(&stored_in_colour)), ("b.png", png(&grey(8, 8)))]);
    let Loaded { splits, notes, .. } = loaded(folder.path(), &DataOptions::default());
    assert_eq!(splits.train.shape().channels, 1);
    assert_eq!(pixels(&splits.train)[..64], *grey(8, 8).as_bytes());
    assert!(notes.iter().any(|note| note.starts_with("1 channel")), "{notes:?}");
    fs::write(folder.path().join("c.png"), png(&colourful())).unwrap();
    assert_eq!(loaded(folder.path(), &DataOptions::default()).splits.train.shape().channels, 3);
}

#[test]
fn what_is_left_open_follows_from_the_pictures() {
    let chosen = |files: &[(&str, Vec<u8>)]| {
        let folder = folder(files);
        let Loaded { splits, notes, .. } = loaded(folder.path(), &DataOptions::default());
        let Preprocessing::Pictures(preparation) = splits.train.preprocessing() else { panic!("no pictures") };
        assert_eq!(splits.train.shape(), preparation.shape());
        (preparation, notes.join("\n"))
    };
    let (same, notes) = chosen(&[("a.png", png(&grey(30, 20))), ("b.png", png(&grey(30, 20)))]);
    assert_eq!((same.size.to_string().as_str(), same.channels), ("30x20", Channels::Grey));
    assert!(notes.contains("all pictures have that size") && !notes.contains("crop"), "{notes}");
    let (mixed, notes) = chosen(&[("a.png", png(&grey(30, 20))), ("b.png", png(&colourful()))]);
    assert_eq!((mixed.size.to_string().as_str(), mixed.channels, mixed.fit), ("64x64", Channels::Rgb, Fit::Crop));
    for part in ["2 sizes", "--fit", "1 of 2 pictures are stored in colour"] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    for picture in [grey(7, 9), grey(129, 129), grey(1, 1)] {
        let (usual, notes) = chosen(&[("a.png", png(&picture))]);
        assert_eq!(usual.size.to_string(), "64x64");
        assert!(notes.contains("outside of 8 to 128"), "{notes}");
    }
}

#[test]
fn what_a_model_says_makes_the_same_images_again() {
    let files = [("a.png", png(&grey(30, 41))), ("b.png", png(&colourful()))];
    let folder = folder(&files);
    let train = loaded(folder.path(), &DataOptions::default()).splits.train;
    let Preprocessing::Pictures(preparation) = train.preprocessing() else { panic!("no pictures") };
    for (number, (name, _)) in files.iter().enumerate() {
        let again = loaded(&folder.path().join(name), &preparation.into());
        assert!(again.notes.is_empty(), "{:?}", again.notes);
        assert_eq!(pixels(&again.splits.train), pixels(&train)[number * train.shape().len()..][..train.shape().len()]);
    }
}

fn names(dataset: &Dataset) -> Option<Vec<&str>> {
    let classes = dataset.classes();
    Some(dataset.labels()?.iter().map(|&label| classes[usize::from(label)].as_str()).collect())
}

#[test]
fn directories_are_classes() {
    let picture = png(&grey(8, 8));
    let folder = folder(&[
        ("birds/owls/a.png", picture.clone()),
        ("birds/b.png", picture.clone()),
        ("ants/c.PNG", picture.clone()),
        ("ants/.hidden.png", picture.clone()),
        (".thumbnails/d.png", picture.clone()),
        ("__MACOSX/e.png", picture.clone()),
        ("notes.txt", b"BM is how this begins".to_vec()),
    ]);
    let train = loaded(folder.path(), &DataOptions::default()).splits.train;
    assert_eq!(names(&train).unwrap(), ["ants", "birds", "birds/owls"]);
    assert_eq!(train.classes(), ["ants", "birds", "birds/owls"]);
    fs::write(folder.path().join("root.png"), &picture).unwrap();
    assert_eq!(names(&loaded(folder.path(), &DataOptions::default()).splits.train).unwrap()[3], ".");
    // Pictures in one place have no classes.
    let flat = loaded(&folder.path().join("birds/owls"), &DataOptions::default()).splits;
    assert_eq!((flat.train.labels(), flat.name.as_str()), (None, "owls"));
}

#[test]
fn train_and_test_directories_are_the_parts() {
    let picture = png(&grey(8, 8));
    let folder = folder(&[
        ("Train/cats/a.png", picture.clone()),
        ("Train/dogs/b.png", picture.clone()),
        ("test/cows/c.png", picture.clone()),
        ("test/cats/d.png", picture.clone()),
        ("val/cats/e.png", picture.clone()),
        ("f.png", picture.clone()),
    ]);
    let Loaded { splits, notes, .. } = loaded(folder.path(), &DataOptions::default());
    let (validation, test) = (splits.validation.unwrap(), splits.test.unwrap());
    assert_eq!(names(&splits.train).unwrap(), ["cats", "dogs"]);
    assert_eq!(names(&validation).unwrap(), ["cats"]);
    assert_eq!(validation.classes(), splits.train.classes());
    assert_eq!(names(&test).unwrap(), ["cats", "cows"]);
    assert_eq!(test.classes(), splits.train.classes());
    let notes = notes.join("\n");
    assert!(notes.contains("1 pictures beside"), "{notes}");
    // Without a training set they are classes like any other.
    fs::remove_dir_all(folder.path().join("Train")).unwrap();
    let splits = loaded(folder.path(), &DataOptions::default()).splits;
    assert!(splits.validation.is_none() && splits.test.is_none());
    assert_eq!(names(&splits.train).unwrap(), [".", "test/cats", "test/cows", "val/cats"]);
}

/// The beginning of a PNG file that claims this many grey pixels.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 0, 0, 0, 0]);
    let mut checksum = flate2::Crc::new();
    checksum.update(&header);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend(header);
    bytes.extend(checksum.sum().to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    bytes
}

/// What is wrong with a single file.
fn reason(name: &str, bytes: Vec<u8>) -> String {
    let folder = folder(&[(name, bytes)]);
    match error_of(&folder.path().join(name), &DataOptions::default()) {
        DatasetError::Pictures(PictureError::Unreadable(BadPicture { path, reason })) => {
            assert_eq!(path, folder.path().join(name));
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_picture_says_so() {
    assert_eq!(reason("a.png", Vec::new()), "the file is empty");
    assert_eq!(reason("a.jpg", b"<html>not found</html>".to_vec()), "not a picture of a known format");
    for side in [30_000, 2_000_000_000] {
        let reason = reason("a.png", bomb(side, side));
        assert!(reason.contains("limit") || reason.contains("more than") || reason.contains("large"), "{reason}");
    }
    // Sides that are let pass, but too much together with colour at 16 bits.
    let reason_of_wide = reason("a.png", bomb(20_000, 19_999 * 2));
    assert!(!reason_of_wide.is_empty());
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif] {
        let bytes = encoded(&colourful(), format);
        for length in [1, 3, 9, 12, 20, bytes.len() / 2] {
            let extension = format.extensions_str()[0];
            assert!(!reason(&format!("a.{extension}"), bytes[..length].to_vec()).is_empty());
        }
    }
}

#[test]
fn a_few_bad_pictures_are_left_out_and_many_are_an_error() {
    let folder = folder(&[]);
    for number in 0..18 {
        fs::write(folder.path().join(format!("{number:02}.png")), png(&grey(8 + number % 2, 8))).unwrap();
    }
    // A header that is right, and one that is not.
    let cut = png(&grey(64, 64));
    fs::write(folder.path().join("05b.png"), &cut[..cut.len() - 40]).unwrap();
    fs::write(folder.path().join("07b.png"), "rubbish").unwrap();
    let options = DataOptions { size: "8".parse().ok(), ..DataOptions::default() };
    let Loaded { splits, notes, bad, .. } = loaded(folder.path(), &options);
    assert_eq!((splits.train.len(), bad.len()), (18, 2));
    assert!(notes.join("\n").contains("2 of 20 pictures cannot be read and are left out"), "{notes:?}");
    let expected: Vec<u8> = (0..18)
        .flat_map(|number| {
            let mut out = vec![0; 64];
            let bytes = grey(8 + number % 2, 8).into_bytes();
            let picture = fit::Picture { width: 8 + number as usize % 2, height: 8, pixels: bytes };
            let Preprocessing::Pictures(preparation) = splits.train.preprocessing() else { panic!("no pictures") };
            fit::fit(&picture, &preparation, &mut out);
            out
        })
        .collect();
    assert_eq!(pixels(&splits.train), expected);

    for (max_bad, allowed) in [(0.0, false), (0.09, false), (0.1, true), (1.0, true)] {
        let result = load(folder.path(), &DataOptions { max_bad: Some(max_bad), ..options.clone() }, &|_, _| {});
        assert_eq!(result.is_ok(), allowed, "{max_bad}");
    }
    fs::write(folder.path().join("08b.png"), "rubbish").unwrap();
    let error = error_of(folder.path(), &options);
    assert!(error.to_string().contains(": 3 of 21 pictures cannot be read, such as "), "{error}");
    assert!(error.hint().unwrap().contains("--max-bad"));
    for max_bad in [-0.1, 1.1, f64::NAN] {
        let error = error_of(folder.path(), &DataOptions { max_bad: Some(max_bad), ..options.clone() });
        assert!(matches!(error, DatasetError::Pictures(PictureError::MaxBad { .. })), "{error}");
    }
}

#[test]
fn nothing_readable_is_an_error_whatever_is_let_pass() {
    let folder = folder(&[("a.png", vec![1]), ("b.jpg", vec![])]);
    let error = error_of(folder.path(), &DataOptions { max_bad: Some(1.0), ..DataOptions::default() });
    assert!(error.to_string().contains("2 of 2 pictures cannot be read"), "{error}");
}

#[test]
fn progress_counts_every_picture() {
    let folder = folder(&[("a.png", png(&grey(8, 8))), ("b.png", png(&grey(8, 9))), ("c.png", png(&grey(8, 8)))]);
    let most = AtomicUsize::new(0);
    load(folder.path(), &DataOptions::default(), &|done, total| {
        assert!(done <= total && total == 3);
        most.fetch_max(done, Ordering::Relaxed);
    })
    .unwrap();
    assert_eq!(most.into_inner(), 3);
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_and_odd_names_are_read() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    let outside = folder(&[("c.png", png(&grey(8, 8)))]);
    let folder = folder(&[("cats/a.png", png(&grey(8, 8)))]);
    symlink("..", folder.path().join("cats/loop")).unwrap();
    symlink(".", folder.path().join("self")).unwrap();
    symlink(outside.path(), folder.path().join("dogs")).unwrap();
    symlink("nowhere.png", folder.path().join("dangling.png")).unwrap();
    let odd = folder.path().join(OsStr::from_bytes(b"\xff\xfe"));
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join(OsStr::from_bytes(b"\xff.png")), png(&grey(8, 8))).unwrap();
    let train = loaded(folder.path(), &DataOptions::default()).splits.train;
    assert_eq!(names(&train).unwrap(), ["cats", "dogs", "\u{fffd}\u{fffd}"]);
}

/// The same pictures, however little may be in memory.
#[test]
fn images_in_a_file_are_those_in_memory() {
    let places = folder(&[]);
    let cache = places.path().join("cache");
    let folder = folder(&[]);
    for number in 0..23 {
        let name = format!("{}/{number:02}.png", ["cats", "dogs"][number as usize % 2]);
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, png(&grey(8 + number % 3, 8))).unwrap();
    }
    // A header that is right, and half of the picture.
    let cut = png(&grey(64, 64));
    fs::write(folder.path().join("cats/05b.png"), &cut[..cut.len() - 40]).unwrap();
    let in_file =
        DataOptions { memory: Some(1000), cache: cache.to_str().map(str::to_owned), ..DataOptions::default() };
    let error = error_of(folder.path(), &DataOptions { cache: None, ..in_file.clone() });
    assert!(matches!(error, DatasetError::Pictures(PictureError::OutOfMemory { images: 24, .. })), "{error}");
    assert!(error.hint().unwrap().contains("--memory"));

    let check = |colour: bool| {
        let file = loaded(folder.path(), &in_file);
        let memory = loaded(folder.path(), &DataOptions::default());
        assert_eq!(file.splits.train.shape().channels, if colour { 3 } else { 1 });
        assert_eq!(file.splits.train.digest().unwrap(), memory.splits.train.digest().unwrap());
        assert_eq!(file.splits.train.preprocessing(), memory.splits.train.preprocessing());
        assert_eq!((file.notes, &file.bad), (memory.notes, &memory.bad));
        assert_eq!(file.bad.len(), 1);
        let mut staging = [Vec::new(), Vec::new()];
        let [a, b] = &mut staging;
        for indices in [&[3, 1, 22][..], &[0, 1, 2], &[], &[7, 7]] {
            let found = file.splits.train.gather(indices, a).unwrap().pixels;
            assert_eq!(found, memory.splits.train.gather(indices, b).unwrap().pixels);
        }
        file.splits.train
    };
    check(false);
    let files = |count: usize| assert_eq!(fs::read_dir(&cache).unwrap().count(), count);
    files(1);
    // A file that is there is used: it is not made anew.
    let times = || -> Vec<_> {
        fs::read_dir(&cache).unwrap().map(|e| e.unwrap().metadata().unwrap().modified().unwrap()).collect()
    };
    let before = times();
    check(false);
    assert_eq!(times(), before);
    // One that is damaged is not.
    let path = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() - 1], &whole[1..], &[]] {
        fs::write(&path, damaged).unwrap();
        check(false);
        assert!(fs::read(&path).unwrap() == whole);
    }
    // Other pictures have another file; and grey ones stored in colour are made twice.
    fs::write(folder.path().join("dogs/99.png"), png(&DynamicImage::from(grey(8, 8).into_rgb8()))).unwrap();
    check(false);
    files(3);
    fs::write(folder.path().join("dogs/99.png"), png(&colourful())).unwrap();
    let train = check(true);
    // A file that becomes shorter is an error where it is read, and no crash.
    for entry in fs::read_dir(&cache).unwrap() {
        fs::File::options().write(true).open(entry.unwrap().path()).unwrap().set_len(100).unwrap();
    }
    let error = train.gather(&[0, 2], &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains(".images: "), "{error}");
}
