//! The tables of the guide that say what files become.

use super::formats::exif;
use super::tiff_file::{LAB, Tiff};
use super::*;
use super::{tiff_pages, whole};

const GUIDE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/files.md"));

/// The files that a line of a table speaks of.
fn files(table: &str, line: &str) -> Vec<Vec<u8>> {
    let png_of = |color: png::ColorType, depth: png::BitDepth, data: &[u8]| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == png::ColorType::Indexed {
            encoder.set_palette(vec![10, 20, 30, 200, 100, 0]);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        bytes
    };
    let grey = |bits: usize| {
        let depth = [png::BitDepth::One, png::BitDepth::Two, png::BitDepth::Four, png::BitDepth::Eight];
        png_of(png::ColorType::Grayscale, depth[bits.ilog2() as usize], &vec![0b0101_1010; 8 * bits])
    };
    let tiff = |bits, samples, photometric, format| {
        let bytes = usize::from(bits) * usize::from(samples) * 8;
        // No byte makes a floating-point number that is none.
        Tiff::new(bits, samples, photometric, format).file(&(0..bytes).map(|i| (i % 60) as u8).collect::<Vec<_>>())
    };
    let transparent = RgbaImage::from_pixel(8, 8, Rgba([100, 0, 50, 51]));
    let of_png = |change: &dyn Fn(&mut PngEncoder<&mut Vec<u8>>)| {
        let mut bytes = Vec::new();
        let mut encoder = PngEncoder::new(&mut bytes);
        change(&mut encoder);
        encoder.write_image(colourful().as_bytes(), WIDTH, HEIGHT, ExtendedColorType::Rgb8).unwrap();
        bytes
    };
    let jpeg = |turned: bool| {
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new(&mut bytes);
        if turned {
            encoder.set_exif_metadata(exif(6)).unwrap();
        }
        encoder.write_image(colourful().as_bytes(), WIDTH, HEIGHT, ExtendedColorType::Rgb8).unwrap();
        bytes
    };
    match (table, line) {
        ("PNG", "grey, 1, 2, 4 or 8 bits") => [1, 2, 4, 8].map(grey).to_vec(),
        ("PNG", "grey, 16 bits") => vec![png_of(png::ColorType::Grayscale, png::BitDepth::Sixteen, &[9; 128])],
        ("PNG", "colour, 8 bits") => vec![png(&colourful())],
        ("PNG", "colour, 16 bits") => vec![png(&colourful().into_rgb16().into())],
        ("PNG", "palette") => vec![png_of(png::ColorType::Indexed, png::BitDepth::One, &[0b0101_0101; 8])],
        ("PNG", "transparent") => vec![png(&transparent.into())],
        ("PNG", "with an EXIF orientation") => vec![of_png(&|encoder| encoder.set_exif_metadata(exif(6)).unwrap())],
        ("PNG", "with a colour profile or gamma") => {
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, WIDTH, HEIGHT);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_source_gamma(png::ScaledFloat::new(1.0));
            encoder.write_header().unwrap().write_image_data(colourful().as_bytes()).unwrap();
            vec![of_png(&|encoder| encoder.set_icc_profile(vec![7; 200]).unwrap()), bytes]
        }
        ("PNG", "interlaced") => vec![include_bytes!("interlaced.png").to_vec()],
        ("PNG", "animated") => vec![whole::animated_png()],
        ("JPEG", "grey") => vec![encoded(&super::grey(9, 9), ImageFormat::Jpeg)],
        ("JPEG", "colour") => vec![jpeg(false)],
        ("JPEG", "progressive") => vec![whole::PROGRESSIVE.to_vec()],
        ("JPEG", "with an EXIF orientation") => vec![jpeg(true)],
        (_, "WebP") => vec![encoded(&colourful(), ImageFormat::WebP)],
        (_, "WebP, animated") => vec![whole::animated_webp()],
        (_, "GIF") => vec![encoded(&colourful(), ImageFormat::Gif)],
        (_, "GIF, animated") => vec![whole::animation()],
        (_, "BMP") => vec![encoded(&colourful(), ImageFormat::Bmp)],
        ("TIFF", "grey, 1, 2, 4 or 8 bits") => [1, 2, 4, 8].map(|bits| tiff(bits, 1, 1, 1)).to_vec(),
        ("TIFF", "grey, white is zero") => vec![tiff(8, 1, 0, 1), tiff(1, 1, 0, 1)],
        ("TIFF", "grey, 16 bits") => vec![tiff(16, 1, 1, 1)],
        ("TIFF", "grey, 32 or 64 bits") => [32, 64].map(|bits| tiff(bits, 1, 1, 1)).to_vec(),
        ("TIFF", "grey, numbers with a sign") => [8, 16, 32, 64].map(|bits| tiff(bits, 1, 1, 2)).to_vec(),
        ("TIFF", "grey, floating-point numbers of 16, 32 or 64 bits") => {
            [16, 32, 64].map(|bits| tiff(bits, 1, 1, 3)).to_vec()
        }
        ("TIFF", "grey and alpha") => {
            let tiff = Tiff { more: vec![(338, vec![2])], ..Tiff::new(8, 2, 1, 1) };
            vec![tiff.file(&[9; 128])]
        }
        ("TIFF", "colour, 8 bits") => vec![tiff(8, 3, 2, 1)],
        ("TIFF", "colour, 16 bits or floating-point numbers") => vec![tiff(16, 3, 2, 1), tiff(32, 3, 2, 3)],
        ("TIFF", "colour in planes") => {
            let planar = Tiff { is_planar: true, ..Tiff::new(8, 3, 2, 1) };
            vec![planar.file(&(0..192).collect::<Vec<u8>>())]
        }
        ("TIFF", "palette") => [1_u16, 2, 4, 8]
            .map(|bits| {
                let map = (0..3 << bits).map(|i: u16| i * 80).collect();
                let data: Vec<u8> = (0..8 * bits).map(|i| i as u8).collect();
                Tiff { more: vec![(320, map)], ..Tiff::new(bits, 1, 3, 1) }.file(&data)
            })
            .to_vec(),
        ("TIFF", "several pages") => tiff_pages::three_pages()[..2].to_vec(),
        ("TIFF", "several pages, BigTIFF") => tiff_pages::three_pages()[2..].to_vec(),
        ("TIFF", "12 bits, packed") => vec![tiff(12, 1, 1, 1)],
        ("TIFF", "Lab colours") => vec![tiff(8, 3, LAB, 1)],
        ("TIFF", "colour and one number more, such as near infrared") => {
            let infrared = Tiff { more: vec![(338, vec![0])], ..Tiff::new(8, 4, 2, 1) };
            vec![infrared.file(&(0..=255).collect::<Vec<u8>>())]
        }
        ("TIFF", "other numbers per pixel that are no colours") => vec![tiff(8, 5, 1, 1), tiff(8, 5, 2, 1)],
        _ => panic!("there is no file for {table}: {line}"),
    }
}

#[test]
fn the_guide_says_what_files_become() {
    let (mut table, mut lines) = (String::new(), 0);
    for line in GUIDE.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if cells[1] == "images" {
            table = cells[0].to_owned();
            continue;
        }
        for file in files(&table, cells[0]) {
            let name = if cells[0] == "BMP" { "a.bmp" } else { "a" };
            let found = match set(name, file) {
                Ok(train) => {
                    let channels = if train.shape().channels == 1 { "grey" } else { "rgb" };
                    [train.len().to_string(), channels.to_owned(), (8 * train.depth().bytes()).to_string()]
                }
                Err(_) => ["not read".to_owned(), String::new(), String::new()],
            };
            assert_eq!(found, cells[1..4], "{table}: {}", cells[0]);
        }
        lines += 1;
    }
    assert_eq!(lines, 36);
}

fn set(name: &str, file: Vec<u8>) -> Result<Dataset, DatasetError> {
    let folder = folder(&[(name, file)]);
    load(folder.path(), &DataOptions::default(), &|_, _| {}).map(|loaded| loaded.splits.train)
}

/// What the last column says of profiles.
#[test]
fn profiles_and_gamma_are_not_applied() {
    let plain = single("a.png", png(&colourful()), &DataOptions::default());
    for file in files("PNG", "with a colour profile or gamma") {
        assert_eq!(single("a.png", file, &DataOptions::default()), plain);
    }
    let interlaced = files("PNG", "interlaced").remove(0);
    assert_eq!(single("a.png", interlaced, &DataOptions::default()), plain);
}
