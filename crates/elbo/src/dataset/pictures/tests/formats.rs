//! What the pixels of a file become, whatever its format.

use super::*;

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
pub(super) fn exif(orientation: u8) -> Vec<u8> {
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
    assert_eq!((shape.channels, &found[..2]), (1, &32767_u16.to_le_bytes()[..]));
}

#[test]
fn sixteen_bits_and_palettes_are_read() {
    let deep = ImageBuffer::from_fn(8, 8, |x, y| Luma([(y * 8 + x) as u16 * 1028]));
    let (_, found) = single("a.png", png(&DynamicImage::ImageLuma16(deep)), &DataOptions::default());
    assert_eq!(found, (0..64_u16).flat_map(|i| (i * 1028).to_le_bytes()).collect::<Vec<u8>>());

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
    let mixed = folder(&[("a.png", png(&colourful())), ("b.png", png(&grey(WIDTH, HEIGHT).into_rgb8().into()))]);
    let coloured = |channels| {
        let options = DataOptions { channels: Some(channels), ..DataOptions::default() };
        loaded(mixed.path(), &options).files.coloured
    };
    assert_eq!([Channels::Grey, Channels::Rgb].map(coloured), [1, 0]);
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
    assert!(notes.contains(&Note::NoColour), "{notes:?}");
    fs::write(folder.path().join("c.png"), png(&colourful())).unwrap();
    assert_eq!(loaded(folder.path(), &DataOptions::default()).splits.train.shape().channels, 3);
}
