//! Files that are cut off, in every format.

use super::*;
use crate::dataset::picture::Samples;
use proptest::prelude::*;

/// A progressive JPEG of 24x24 grey pixels by Pillow: `save(progressive=True, quality=40, optimize=True)`.
pub(super) const PROGRESSIVE: &[u8] = include_bytes!("progressive.jpg");

/// Three frames.
pub(super) fn animation() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for value in [30, 200, 90] {
        encoder.encode_frame(image::Frame::new(RgbaImage::from_pixel(9, 9, Rgba([value, 7, value, 255])))).unwrap();
    }
    drop(encoder);
    bytes
}

/// The same in PNG.
pub(super) fn animated_png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 9, 9);
    encoder.set_animated(3, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for value in [30, 200, 90] {
        writer.write_image_data(&[value; 81]).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

/// A chunk of a WebP file.
pub(super) fn chunk(name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut chunk = name.to_vec();
    chunk.extend((content.len() as u32).to_le_bytes());
    chunk.extend(content);
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

/// And in WebP: each frame is the picture of a file that is one.
pub(super) fn animated_webp() -> Vec<u8> {
    let side = [WIDTH - 1, HEIGHT - 1].map(|side| [side as u8, 0, 0]).concat();
    let still = encoded(&colourful(), ImageFormat::WebP);
    let frame = [&[0; 6], &side[..], &[100, 0, 0, 0], &still[12..]].concat();
    let header = [&[2, 0, 0, 0], &side[..]].concat();
    let chunks = [b"WEBP".to_vec(), chunk(b"VP8X", &header), chunk(b"ANIM", &[0; 6])].concat();
    chunk(b"RIFF", &[chunks, chunk(b"ANMF", &frame).repeat(3)].concat())
}

/// The pixels of a file's picture, or why there are none.
fn read(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, String> {
    fs::write(path, bytes).unwrap();
    let contents = decode::contents(path, Frames::First)?;
    let [(page, header)] = &contents.images[..] else { panic!("{contents:?}") };
    header.clone()?;
    let page = page.map(|_| panic!("{contents:?}"));
    let (size, background) = (Size { width: 8, height: 8 }, Colour::WHITE);
    let (channels, fit, frames) = (Channels::Rgb, Fit::Crop, Frames::First);
    let preparation = Preparation { size, channels, fit, background, range: None, frames };
    let (picture, _) = decode::decode(path, page, &preparation)?;
    let Samples::Eight(samples) = picture.samples else { panic!("more than 8 bits") };
    Ok(samples)
}

#[test]
fn a_file_that_is_cut_off_is_never_a_picture() {
    let folder = folder(&[]);
    let formats =
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff];
    let pictures = formats.map(|format| (format.extensions_str()[0], encoded(&colourful(), format)));
    let others = [
        ("jpg", PROGRESSIVE.to_vec()),
        ("jpg", encoded(&grey(40, 30), ImageFormat::Jpeg)),
        ("gif", animation()),
        ("png", animated_png()),
        ("webp", animated_webp()),
    ];
    for (number, (extension, bytes)) in pictures.into_iter().chain(others).enumerate() {
        let path = folder.path().join(format!("{number}.{extension}"));
        let whole = read(&path, &bytes).unwrap_or_else(|reason| panic!("{number} {extension}: {reason}"));
        for length in 0..bytes.len() {
            match read(&path, &bytes[..length]) {
                Err(reason) => assert!(!reason.is_empty()),
                // A GIF may end after any frame, and the first is all that is taken; of WebP a byte may be missing that
                // makes its length even.
                Ok(pixels) => {
                    assert!(
                        extension == "gif" || extension == "webp" && length + 1 == bytes.len(),
                        "{extension} {length}"
                    );
                    assert_eq!(pixels, whole, "{extension} {length}");
                }
            }
        }
        // What follows is nobody's.
        let longer = [bytes.clone(), b"and more \xff\xd8\xff".to_vec()].concat();
        assert_eq!(read(&path, &longer).as_ref(), Ok(&whole), "{extension}");
    }
}

#[test]
fn pictures_that_are_cut_off_are_told_and_left_out() {
    let folder = folder(&[]);
    for number in 0..19 {
        fs::write(folder.path().join(format!("{number:02}.jpg")), encoded(&grey(16, 16), ImageFormat::Jpeg)).unwrap();
    }
    let whole = encoded(&grey(16, 16), ImageFormat::Jpeg);
    fs::write(folder.path().join("cut.jpg"), &whole[..whole.len() - 20]).unwrap();
    let Loaded { splits, bad, .. } = loaded(folder.path(), &DataOptions::default());
    assert_eq!((splits.train.len(), bad.len()), (19, 1));
    assert_eq!(bad[0].reason, "the file is cut off");
}

/// A thumbnail in a segment of its own has an end too, which is not that of the picture.
#[test]
fn the_end_of_a_thumbnail_is_not_that_of_the_picture() {
    let folder = folder(&[]);
    let path = folder.path().join("a.jpg");
    let picture = encoded(&grey(40, 30), ImageFormat::Jpeg);
    let mut segment = vec![0xff, 0xe5];
    segment.extend((picture.len() as u16 + 2).to_be_bytes());
    segment.extend(&picture);
    let bytes = [&picture[..2], &segment, &picture[2..]].concat();
    assert!(read(&path, &bytes).is_ok());
    let reason = read(&path, &bytes[..bytes.len() - 200]).unwrap_err();
    assert_eq!(reason, "the file is cut off");
}

/// What a picture claims to be before it turns out to be cut off decides nothing.
#[test]
fn a_bad_picture_does_not_decide_the_size() {
    let folder = folder(&[]);
    for number in 0..19 {
        fs::write(folder.path().join(format!("{number:02}.png")), png(&grey(24, 24))).unwrap();
    }
    let huge = encoded(&DynamicImage::from(RgbImage::new(900, 700)), ImageFormat::Bmp);
    fs::write(folder.path().join("huge.bmp"), &huge[..5000]).unwrap();
    let Loaded { splits, notes, bad, files } = loaded(folder.path(), &DataOptions::default());
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert_eq!(splits.train.shape(), ImageShape { height: 24, width: 24, channels: 1 });
    assert_eq!(pixels(&splits.train)[..576], *grey(24, 24).as_bytes());
    assert_eq!(files.sizes, [([24, 24], 19)]);
    assert!(said(&notes).contains("all pictures have that size"), "{notes:?}");
    assert!(!said(&notes).contains("cropped"), "{notes:?}");
}

#[test]
fn animations_are_told() {
    let files =
        [("a.gif", animation()), ("b.png", animated_png()), ("c.webp", animated_webp()), ("d.png", png(&grey(9, 9)))];
    let folder = folder(&files);
    let Loaded { splits, notes, .. } = loaded(folder.path(), &DataOptions::default());
    assert_eq!(splits.train.len(), 4);
    assert!(notes.contains(&Note::FirstFrames { animations: 3, total: 4 }), "{notes:?}");
    assert!(said(&notes).contains("3 of 4 pictures are animations: only the first frame is taken"), "{notes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes that are changed at random make a file that holds something, or an error with a message.
    #[test]
    fn damaged_files_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let folder = folder(&[]);
        let stack = tiff_pages::stacks();
        let files = [PROGRESSIVE.to_vec(), animation(), animated_png(), animated_webp()];
        for (number, mut bytes) in files.into_iter().chain(stack).enumerate() {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let path = folder.path().join(number.to_string());
            fs::write(&path, &bytes).unwrap();
            let all = DataOptions { frames: Some(Frames::All), max_bad: Some(1.0), ..DataOptions::default() };
            if let Ok(Loaded { splits, .. }) = load(&path, &all, &|_, _| {}) {
                prop_assert!(splits.train.len() < 100);
            }
            match decode::contents(&path, Frames::First) {
                Ok(contents) => prop_assert!(!contents.images.is_empty()),
                Err(reason) => prop_assert!(!reason.is_empty()),
            }
        }
    }
}
