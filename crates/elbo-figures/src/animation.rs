//! Images one after the other, as a GIF or an animated PNG file.

use crate::FigureError;
use crate::raster::{MARK, Pixels, RasterImage, common_channels};
use gif::Repeat;

/// Hundredths of a second that an image is seen,
const DELAY: u16 = 10;
/// and those at both ends.
const DELAY_AT_ENDS: u16 = 60;
/// Length of the longer side of what is seen, which small images are enlarged to.
const SIDE: usize = 256;

/// An animation that goes through `images` and back, without end, as an animated PNG file. Each pixel of small images is a
/// square; all images are as large as the largest.
///
/// # Errors
///
/// [`FigureError::PixelCount`] or [`FigureError::Channels`] for an image that cannot be drawn, [`FigureError::Empty`] if
/// there is none, or none with pixels, [`FigureError::TooLarge`] for enormous ones.
pub fn apng(images: &[Pixels]) -> Result<Vec<u8>, FigureError> {
    let frames = frames(images, common_channels(images))?;
    let Some(first) = frames.first() else { return Err(FigureError::Empty { width: 0, height: 0 }) };
    let too_large = |_| FigureError::TooLarge { width: first.width(), height: first.height() };
    let mut file = Vec::new();
    let [width, height] = [first.width(), first.height()].map(u32::try_from);
    let mut encoder = png::Encoder::new(&mut file, width.map_err(too_large)?, height.map_err(too_large)?);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_color(match first.channels() {
        1 => png::ColorType::Grayscale,
        2 => png::ColorType::GrayscaleAlpha,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    });
    encoder.add_text_chunk(MARK[0].to_owned(), MARK[1].to_owned())?;
    let order = order(frames.len());
    if order.len() > 1 {
        encoder.set_animated(order.len() as u32, 0)?;
        encoder.set_blend_op(png::BlendOp::Source)?;
    }
    let mut writer = encoder.write_header()?;
    for &(frame, delay) in &order {
        if order.len() > 1 {
            writer.set_frame_delay(delay, 100)?;
        }
        writer.write_image_data(frames[frame].data())?;
    }
    writer.finish()?;
    Ok(file)
}

/// The same as a GIF file. Greys are kept as they are; of colours each image has at most 256, chosen for it. What is
/// transparent is drawn on white.
///
/// # Errors
///
/// As [`apng`]; and [`FigureError::TooLarge`] if a side is longer than 65,535 pixels.
pub fn gif(images: &[Pixels]) -> Result<Vec<u8>, FigureError> {
    for (index, image) in images.iter().enumerate() {
        image.check(index)?;
    }
    let opaque: Vec<Vec<f32>> = images.iter().map(on_white).collect();
    let images: Vec<Pixels> = images
        .iter()
        .zip(&opaque)
        .map(|(image, data)| Pixels { channels: if image.channels < 3 { 1 } else { 3 }, data, ..*image })
        .collect();
    let channels = common_channels(&images);
    let frames = frames(&images, channels)?;
    let Some(first) = frames.first() else { return Err(FigureError::Empty { width: 0, height: 0 }) };
    let too_large = |_| FigureError::TooLarge { width: first.width(), height: first.height() };
    let [width, height] = [first.width(), first.height()].map(u16::try_from);
    let (width, height) = (width.map_err(too_large)?, height.map_err(too_large)?);
    let greys: Vec<u8> = (0..=255).flat_map(|grey| [grey; 3]).collect();
    let palette = if channels == 1 { &greys[..] } else { &[] };
    let mut encoder = gif::Encoder::new(Vec::new(), width, height, palette)?;
    encoder.set_repeat(Repeat::Infinite)?;
    for (frame, delay) in order(frames.len()) {
        let data = frames[frame].data();
        let mut frame = if channels == 1 {
            gif::Frame { width, height, buffer: data.into(), ..gif::Frame::default() }
        } else {
            // Every tenth pixel is asked which colours there are.
            gif::Frame::from_rgb_speed(width, height, data, 10)
        };
        frame.delay = delay;
        encoder.write_frame(&frame)?;
    }
    Ok(encoder.into_inner()?)
}

/// There and back: which image is next, and how long it is seen. The ends come once.
fn order(count: usize) -> Vec<(usize, u16)> {
    let back = (1..count.saturating_sub(1)).rev();
    let delay = |image: usize| if image == 0 || image + 1 == count { DELAY_AT_ENDS } else { DELAY };
    (0..count).chain(back).map(|image| (image, delay(image))).collect()
}

/// All images in one size, enlarged if they are small.
fn frames(images: &[Pixels], channels: usize) -> Result<Vec<RasterImage>, FigureError> {
    for (index, image) in images.iter().enumerate() {
        image.check(index)?;
    }
    let most = |length: fn(&Pixels) -> usize| images.iter().map(length).max().unwrap_or(0);
    let (height, width) = (most(|image| image.height), most(|image| image.width));
    if height == 0 || width == 0 {
        return Err(FigureError::Empty { width, height });
    }
    let times = (SIDE / height.max(width)).max(1);
    // All of them are in memory at once.
    let [all_rows, columns] = [height.saturating_mul(images.len()), width].map(|side| side.saturating_mul(times));
    RasterImage::check_size(all_rows, columns)?;
    let frame = |image: &Pixels| {
        let mut frame = RasterImage::white(height, width, channels)?;
        frame.paste(image, 0, 0);
        frame.enlarged(times)
    };
    images.iter().map(frame).collect()
}

/// The numbers of an image without its alpha, on white. Of one that cannot be drawn, as they are.
fn on_white(image: &Pixels) -> Vec<f32> {
    if !matches!(image.channels, 2 | 4) {
        return image.data.to_vec();
    }
    let blend = |pixel: &[f32]| {
        let (alpha, tones) = pixel.split_last().map_or((1.0, pixel), |(alpha, tones)| (alpha.clamp(0.0, 1.0), tones));
        tones.iter().map(move |tone| 1.0 + alpha * (tone - 1.0)).collect::<Vec<f32>>()
    };
    image.data.chunks(image.channels).flat_map(blend).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(channels: usize, data: &[f32]) -> Pixels<'_> {
        Pixels { height: 1, width: data.len() / channels, channels, data }
    }

    /// The frames of a GIF file in RGBA, with their delays.
    fn read(file: &[u8]) -> (u16, u16, Vec<(u16, Vec<u8>)>) {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(file).unwrap();
        assert_eq!(decoder.repeat(), Repeat::Infinite);
        let mut frames = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            frames.push((frame.delay, frame.buffer.to_vec()));
        }
        (decoder.width(), decoder.height(), frames)
    }

    #[test]
    fn a_gif_goes_there_and_back_and_keeps_every_grey() {
        let rows: Vec<Vec<f32>> = (0..4).map(|i| (0..64).map(|p| ((64 * i + p) as f32) / 255.0).collect()).collect();
        let images: Vec<Pixels> = rows.iter().map(|row| image(1, row)).collect();
        let (width, height, frames) = read(&gif(&images).unwrap());
        assert_eq!((width, height), (256, 4));
        let seen: Vec<(u16, u8, u8)> = frames.iter().map(|(delay, data)| (*delay, data[0], data[255 * 4])).collect();
        assert_eq!(seen, [(60, 0, 63), (10, 64, 127), (10, 128, 191), (60, 192, 255), (10, 128, 191), (10, 64, 127)]);
    }

    #[test]
    fn colours_are_kept_and_transparency_is_white() {
        let (colour, clear) = ([1.0, 0.0, 0.2, 0.0, 1.0, 0.4], [0.0, 0.0, 0.0, 0.0, 0.2, 0.4, 0.6, 1.0]);
        let (.., frames) = read(&gif(&[image(3, &colour), image(4, &clear)]).unwrap());
        let pixel = |frame: usize, at: usize| frames[frame].1[at * 4..][..4].to_vec();
        assert_eq!([pixel(0, 0), pixel(0, 255)], [[255, 0, 51, 255], [0, 255, 102, 255]]);
        assert_eq!([pixel(1, 0), pixel(1, 255)], [[255, 255, 255, 255], [51, 102, 153, 255]]);
    }

    #[test]
    fn an_apng_has_the_same_frames_losslessly() {
        let data: Vec<Vec<f32>> = (0..3).map(|i| vec![i as f32 / 10.0, 0.5, 1.0, 0.25]).collect();
        for channels in [1, 2, 4] {
            let images: Vec<Pixels> = data.iter().map(|data| image(channels, data)).collect();
            let file = apng(&images).unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
            let control = *reader.info().animation_control().unwrap();
            assert_eq!((control.num_frames, control.num_plays), (4, 0));
            let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
            for (expected, delay) in [(0, 60), (26, 10), (51, 60), (26, 10)] {
                reader.next_frame(&mut buffer).unwrap();
                assert_eq!(buffer[0], expected);
                assert_eq!(reader.info().frame_control().unwrap().delay_num, delay);
            }
        }
        // One image is a picture.
        let one = apng(&[image(1, &data[0])]).unwrap();
        assert!(png::Decoder::new(std::io::Cursor::new(one)).read_info().unwrap().info().animation_control().is_none());
    }

    #[test]
    fn what_cannot_be_drawn_is_an_error() {
        let bad = Pixels { height: 2, width: 2, channels: 1, data: &[0.0] };
        let tall = Pixels { height: 70_000, width: 1, channels: 1, data: &vec![0.0; 70_000] };
        for make in [gif, apng] {
            assert!(matches!(make(&[]), Err(FigureError::Empty { .. })));
            assert!(matches!(make(&[image(1, &[0.0]), bad]), Err(FigureError::PixelCount { index: 1, .. })));
            assert!(matches!(make(&[image(5, &[0.0; 5])]), Err(FigureError::Channels { .. })));
            assert!(make(&[image(1, &[f32::NAN, 2.0])]).is_ok());
        }
        assert!(matches!(gif(&[tall]), Err(FigureError::TooLarge { .. })));
    }
}
