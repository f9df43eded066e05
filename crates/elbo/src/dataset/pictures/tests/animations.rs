//! Animations of which every frame is an image.

use super::whole::chunk;
use super::*;

/// What becomes of a frame when the next one is drawn.
#[derive(Clone, Copy, PartialEq)]
enum After {
    Stays,
    Removed,
    /// What was there before it is there again: only in GIF and PNG files.
    Undone,
}

/// A rectangle of one colour.
struct Drawn {
    /// Left, top, width, height.
    area: [u32; 4],
    colour: [u8; 4],
    /// Whether it replaces what it covers, rather than being drawn over it: not in GIF files.
    replaces: bool,
    after: After,
}

const RED: [u8; 4] = [250, 10, 20, 255];
const GREEN: [u8; 4] = [30, 240, 10, 255];
const BLUE: [u8; 4] = [0, 30, 220, 255];
const CLEAR: [u8; 4] = [0; 4];
const BACKGROUND: [u8; 3] = [16, 32, 48];

/// Five frames; with the third as it is in WebP files, and the last opaque as in GIF files.
fn frames(undone: After, last: u8) -> [Drawn; 5] {
    let drawn = |area, colour, replaces, after| Drawn { area, colour, replaces, after };
    [
        drawn([0, 0, WIDTH, HEIGHT], RED, false, After::Stays),
        drawn([2, 2, 4, 4], GREEN, false, After::Removed),
        drawn([4, 0, 4, 6], BLUE, true, undone),
        drawn([0, 6, 8, 2], CLEAR, true, After::Stays),
        drawn([6, 2, 3, 3], [0, 200, 200, last], false, After::Stays),
    ]
}

/// What a viewer shows: `[frames, H, W, 3]`.
fn shown(frames: &[Drawn], can_replace: bool) -> Vec<u8> {
    let mut canvas = vec![CLEAR; (WIDTH * HEIGHT) as usize];
    let mut out = Vec::new();
    for Drawn { area: [left, top, width, height], colour, replaces, after } in frames {
        let before = canvas.clone();
        let places = || (*top..top + height).flat_map(|y| (*left..left + width).map(move |x| (y * WIDTH + x) as usize));
        for place in places() {
            let alpha = f64::from(colour[3]) / 255.0;
            if *replaces && can_replace || colour[3] == 255 {
                canvas[place] = *colour;
            } else if colour[3] > 0 {
                assert_eq!(canvas[place][3], 255);
                for channel in 0..3 {
                    let under = f64::from(canvas[place][channel]);
                    canvas[place][channel] = (f64::from(colour[channel]) * alpha + under * (1.0 - alpha)).round() as u8;
                }
            }
        }
        out.extend(canvas.iter().flat_map(|p| if p[3] == 0 { BACKGROUND } else { [p[0], p[1], p[2]] }));
        match after {
            After::Stays => {}
            After::Removed => places().for_each(|place| canvas[place] = CLEAR),
            After::Undone => canvas = before,
        }
    }
    out
}

/// A GIF file, whose compression begins anew after every second pixel.
fn gif(frames: &[Drawn]) -> Vec<u8> {
    let mut colours: Vec<[u8; 4]> = vec![CLEAR];
    colours.extend(frames.iter().map(|frame| frame.colour).filter(|colour| colour[3] == 255));
    colours.resize(8, CLEAR);
    let number = |number: u32| (number as u16).to_le_bytes();
    let mut bytes = [&b"GIF89a"[..], &number(WIDTH), &number(HEIGHT), &[0x82, 0, 0]].concat();
    bytes.extend(colours.iter().flat_map(|colour| &colour[..3]));
    for Drawn { area: [left, top, width, height], colour, after, .. } in frames {
        let dispose = match after {
            After::Stays => 1,
            After::Removed => 2,
            After::Undone => 3,
        };
        bytes.extend([0x21, 0xf9, 4, dispose << 2 | 1, 0, 0, 0, 0, 0x2c]);
        bytes.extend([*left, *top, *width, *height].map(number).concat());
        bytes.extend([0, 3]);
        let pixel = colours.iter().position(|known| known == colour).unwrap() as u8;
        let mut codes: Vec<u8> =
            (0..width * height).flat_map(|i| [8, pixel][usize::from(i % 2 != 0)..].to_vec()).collect();
        codes.push(9);
        let bits: Vec<u8> = codes.iter().flat_map(|code| (0..4).map(move |bit| code >> bit & 1)).collect();
        let data: Vec<u8> = bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit)).collect();
        for block in data.chunks(255) {
            bytes.push(block.len() as u8);
            bytes.extend(block);
        }
        bytes.push(0);
    }
    bytes.push(0x3b);
    bytes
}

/// A PNG file, whose first picture is a frame unless it is given.
fn animated_png(frames: &[Drawn], first: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(frames.len() as u32, 0).unwrap();
    encoder.set_sep_def_img(first.is_some()).unwrap();
    let mut writer = encoder.write_header().unwrap();
    if let Some(colour) = first {
        writer.write_image_data(&colour.repeat((WIDTH * HEIGHT) as usize)).unwrap();
    }
    for Drawn { area: [left, top, width, height], colour, replaces, after } in frames {
        writer.set_frame_position(0, 0).unwrap();
        writer.set_frame_dimension(*width, *height).unwrap();
        writer.set_frame_position(*left, *top).unwrap();
        writer.set_blend_op(if *replaces { png::BlendOp::Source } else { png::BlendOp::Over }).unwrap();
        let dispose = match after {
            After::Stays => png::DisposeOp::None,
            After::Removed => png::DisposeOp::Background,
            After::Undone => png::DisposeOp::Previous,
        };
        writer.set_dispose_op(dispose).unwrap();
        writer.write_image_data(&colour.repeat((width * height) as usize)).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

fn animated_webp(frames: &[Drawn]) -> Vec<u8> {
    let number = |number: u32| number.to_le_bytes()[..3].to_vec();
    let mut chunks = b"WEBP".to_vec();
    let header = [vec![0x12, 0, 0, 0], number(WIDTH - 1), number(HEIGHT - 1)].concat();
    chunks.extend([chunk(b"VP8X", &header), chunk(b"ANIM", &[0, 0, 255, 255, 0, 0])].concat());
    for Drawn { area: [left, top, width, height], colour, replaces, after } in frames {
        let picture = encoded(&RgbaImage::from_pixel(*width, *height, Rgba(*colour)).into(), ImageFormat::WebP);
        let place = [left / 2, top / 2, width - 1, height - 1].map(number).concat();
        let flags = u8::from(*after == After::Removed) | u8::from(*replaces) << 1;
        chunks.extend(chunk(b"ANMF", &[&place, &[100, 0, 0, flags][..], &picture[12..]].concat()));
    }
    chunk(b"RIFF", &chunks)
}

/// An animation of each format, and what a viewer shows of each frame.
fn animations() -> [(&'static str, Vec<u8>, Vec<u8>); 3] {
    let (of_gif, of_png, of_webp) = (frames(After::Undone, 255), frames(After::Undone, 100), frames(After::Stays, 100));
    [
        ("a.gif", gif(&of_gif), shown(&of_gif, false)),
        ("a.png", animated_png(&of_png, None), shown(&of_png, true)),
        ("a.webp", animated_webp(&of_webp), shown(&of_webp, true)),
    ]
}

fn all() -> DataOptions {
    let (frames, background) = (Some(Frames::All), Some(Colour(BACKGROUND)));
    DataOptions { frames, background, max_bad: Some(1.0), ..DataOptions::default() }
}

const FRAME: usize = (WIDTH * HEIGHT * 3) as usize;

#[test]
fn every_frame_is_an_image_as_it_is_shown() {
    let animations = animations();
    let files: Vec<_> = animations.iter().map(|(name, bytes, _)| (*name, bytes.clone())).collect();
    let folder = folder(&[&files[..], &[("b.png", png(&colourful()))]].concat());
    let Loaded { splits, notes, bad, files } = loaded(folder.path(), &all());
    let train = splits.train;
    assert_eq!((train.len(), train.shape(), bad), (16, SHAPE, Vec::new()));
    assert_eq!(train.names().unwrap()[3..7], ["a.gif#4", "a.gif#5", "a.png#1", "a.png#2"]);
    assert_eq!(files.formats, [("PNG", 6), ("GIF", 5), ("WebP", 5)]);
    assert!(notes.contains(&Note::AllFrames { animations: 3, frames: 15 }), "{notes:?}");
    assert!(
        said(&notes).contains("3 animations have several frames, 15 together: each frame is an image"),
        "{notes:?}"
    );
    let pixels = pixels(&train);
    for ((name, _, shown), found) in animations.iter().zip(pixels.chunks(5 * FRAME)) {
        for (number, (shown, found)) in shown.chunks(FRAME).zip(found.chunks(FRAME)).enumerate() {
            let is_near = shown.iter().zip(found).all(|(a, b)| a.abs_diff(*b) <= 1);
            assert!(is_near, "{name}#{}: {found:?} for {shown:?}", number + 1);
        }
    }
    assert_eq!(pixels[15 * FRAME..], *colourful().as_bytes());
    // A model says so; and of the first frames it is as ever.
    let Preprocessing::Pictures(preparation) = train.preprocessing() else { panic!("no pictures") };
    assert_eq!(loaded(folder.path(), &preparation.into()).splits.train.digest().unwrap(), train.digest().unwrap());
    let first = DataOptions { frames: Some(Frames::First), ..all() };
    let Loaded { splits, notes, .. } = loaded(folder.path(), &first);
    assert_eq!(splits.train.names().unwrap(), ["a.gif", "a.png", "a.webp", "b.png"]);
    assert!(notes.contains(&Note::FirstFrames { animations: 3, total: 4 }), "{notes:?}");
    assert_eq!(super::pixels(&splits.train)[..FRAME], pixels[..FRAME]);
}

/// Images in a file are made block by block, and an animation may be longer than a block.
#[test]
fn frames_in_a_file_are_those_in_memory() {
    let animations = animations();
    let still = ("m/1.png", png(&colourful()));
    let names = ["l/1.gif", "m/2.png", "n/3.webp"];
    let files = names.iter().zip(&animations).map(|(name, (_, bytes, _))| (*name, bytes.clone()));
    let folder = folder(&files.chain([still]).collect::<Vec<_>>());
    let places = tempfile::tempdir().unwrap();
    for side in [8, 30, 50] {
        let cache = places.path().join(side.to_string());
        let options = DataOptions { size: side.to_string().parse().ok(), ..all() };
        let in_file = DataOptions { memory: Some(1), cache: cache.to_str().map(str::to_owned), ..options.clone() };
        let memory = loaded(folder.path(), &options).splits.train;
        for frames in [Frames::All, Frames::First, Frames::All] {
            let file = loaded(folder.path(), &DataOptions { frames: Some(frames), ..in_file.clone() }).splits.train;
            assert_eq!(file.len(), if frames == Frames::All { 16 } else { 4 });
            let is_same = file.digest().unwrap() == memory.digest().unwrap();
            assert_eq!(is_same, frames == Frames::All, "{side} {frames}");
        }
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 2, "{side}");
    }
}

#[test]
fn of_an_animation_that_is_cut_off_the_frames_before_are_images() {
    for (name, bytes, _) in animations() {
        let folder = folder(&[]);
        let path = folder.path().join(name);
        let options = DataOptions { size: "10x8".parse().ok(), channels: Some(Channels::Rgb), ..all() };
        fs::write(&path, &bytes).unwrap();
        let whole = pixels(&loaded(&path, &options).splits.train);
        let mut most = 0;
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let Ok(Loaded { splits, bad, .. }) = load(&path, &options, &|_, _| {}) else { continue };
            let count = splits.train.len();
            assert!(pixels(&splits.train) == whole[..count * FRAME], "{name} {length}");
            // A GIF may end after any frame, and of WebP a byte may be missing that makes its length even.
            match &bad[..] {
                [] => assert!(name == "a.gif" || name == "a.webp" && length + 1 == bytes.len(), "{name} {length}"),
                [bad] => {
                    assert_eq!(bad.path, folder.path().join(format!("{name}#{}", count + 1)));
                    assert_eq!(bad.reason, "the file is cut off", "{name} {length}");
                }
                _ => panic!("{bad:?}"),
            }
            assert!(count >= most, "{name} {length}");
            most = count;
        }
        assert!(most >= 4, "{name}: {most}");
    }
}

/// Data that are damaged in the middle, though the file goes on to its end.
#[test]
fn what_follows_a_frame_that_cannot_be_read_cannot_be_read_either() {
    let folder = folder(&[]);
    let path = folder.path().join("a.webp");
    let (_, mut bytes, _) = animations()[2].clone();
    let third = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"ANMF")).nth(2).unwrap();
    bytes[third + 8] = 90;
    fs::write(&path, &bytes).unwrap();
    let Loaded { splits, bad, notes, .. } = loaded(&path, &all());
    assert_eq!(splits.train.names().unwrap(), ["a.webp#1", "a.webp#2"]);
    assert_eq!(bad.len(), 3);
    assert!(bad.iter().all(|bad| bad.reason == "the frame lies outside of the canvas"), "{bad:?}");
    assert!(said(&notes).contains("3 of 5 pictures cannot be read and are left out, such as "), "{notes:?}");
    // With the usual share that is an error.
    let error = error_of(&path, &DataOptions { max_bad: None, ..all() });
    assert!(matches!(error, DatasetError::Pictures(PictureError::TooManyBad { bad: 3, total: 5, .. })), "{error}");
}

/// Transparency that lies apart from the colours, as lossy files have it; by Pillow, of one colour.
#[test]
fn lossy_frames_with_transparency_are_read() {
    let alpha = chunk(b"ALPH", &[&[0], &[128; 64][..]].concat());
    let frame = [&[0, 0, 0, 0, 0, 0, 7, 0, 0, 7, 0, 0, 100, 0, 0, 2][..], &alpha, LOSSY].concat();
    let header = [0x12, 0, 0, 0, 7, 0, 0, 7, 0, 0];
    let chunks = [b"WEBP".to_vec(), chunk(b"VP8X", &header), chunk(b"ANIM", &[0; 6]), chunk(b"ANMF", &frame).repeat(2)];
    let bytes = chunk(b"RIFF", &chunks.concat());
    let background = Some(Colour::BLACK);
    let (_, found) = single("a.webp", bytes, &DataOptions { background, ..all() });
    assert_eq!(found.len(), 2 * 8 * 8 * 3);
    assert!(found.chunks(3).all(|pixel| pixel[0].abs_diff(100) < 4 && pixel[1].abs_diff(50) < 4), "{found:?}");
}

/// The chunk of a lossy file of 8x8 pixels (200, 100, 50).
const LOSSY: &[u8] = &[
    86, 80, 56, 32, 46, 0, 0, 0, 240, 1, 0, 157, 1, 42, 8, 0, 8, 0, 1, 64, 38, 37, 160, 2, 116, 186, 1, 248, 0, 4, 200,
    0, 0, 254, 174, 23, 255, 54, 4, 12, 208, 250, 96, 255, 210, 108, 241, 54, 120, 155, 62, 57, 128, 0,
];

#[test]
fn a_picture_that_is_no_frame_is_none_and_frames_are_turned_upright() {
    let frames = [
        Drawn { area: [0, 0, WIDTH, HEIGHT], colour: GREEN, replaces: true, after: After::Stays },
        Drawn { area: [0, 0, 2, 1], colour: BLUE, replaces: true, after: After::Stays },
    ];
    let mut bytes = animated_png(&frames, Some(RED));
    let (_, found) = single("a.png", bytes.clone(), &all());
    assert_eq!((found.len(), &found[..3], &found[FRAME..FRAME + 3]), (2 * FRAME, &GREEN[..3], &BLUE[..3]));
    // Turned to the right: columns become rows, from the right to the left.
    let mut exif = b"eXIfII*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    let mut checksum = flate2::Crc::new();
    checksum.update(&exif);
    let length = exif.len() as u32 - 4;
    exif.extend(checksum.sum().to_be_bytes());
    bytes.splice(33..33, [length.to_be_bytes().to_vec(), exif].concat());
    let (shape, found) = single("a.png", bytes, &all());
    assert_eq!((shape.width, shape.height), (HEIGHT as usize, WIDTH as usize));
    let row = |number: usize| &found[FRAME + number * HEIGHT as usize * 3..][..HEIGHT as usize * 3];
    for (number, end) in [(0, &BLUE[..3]), (1, &BLUE[..3]), (2, &GREEN[..3])] {
        assert_eq!((&row(number)[..3], &row(number)[21..]), (&GREEN[..3], end), "row {number}");
    }
}

#[test]
fn frames_of_any_depth_and_number_of_channels_are_read() {
    for (colour, depth, bytes, expected) in [
        (png::ColorType::Grayscale, png::BitDepth::One, &[0b0101_0101][..], [[0; 3], [255; 3]]),
        (png::ColorType::Grayscale, png::BitDepth::Eight, &[7, 8, 7, 8, 7, 8, 7, 8], [[7; 3], [8; 3]]),
        (png::ColorType::Grayscale, png::BitDepth::Sixteen, &[1, 130, 255, 127].repeat(4), [[2; 3], [255; 3]]),
        (png::ColorType::GrayscaleAlpha, png::BitDepth::Eight, &[7, 255, 8, 0].repeat(4), [[7; 3], BACKGROUND]),
        (png::ColorType::Rgb, png::BitDepth::Eight, &[1, 2, 3, 4, 5, 6].repeat(4), [[1, 2, 3], [4, 5, 6]]),
        (png::ColorType::Indexed, png::BitDepth::Two, &[0b0001_0001; 2], [[9, 8, 7], [3, 2, 1]]),
    ] {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 8, 8);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        if colour == png::ColorType::Indexed {
            encoder.set_palette(vec![9, 8, 7, 3, 2, 1]);
        }
        encoder.set_animated(2, 0).unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&bytes.repeat(8)).unwrap();
        writer.set_frame_dimension(8, 1).unwrap();
        writer.write_image_data(bytes).unwrap();
        writer.finish().unwrap();
        let (_, found) = single("a.png", file, &DataOptions { channels: Some(Channels::Rgb), ..all() });
        assert_eq!(found, expected.concat().repeat(64), "{colour:?} {depth:?}");
    }
}
