//! A picture as text: two pixels to a character cell, in 24-bit colour.

use elbo::figures::RasterImage;
use std::fmt::Write;

/// A picture as lines of at most `columns` cells: in each the upper half block, whose colour is that of the upper pixel, on
/// the colour of the lower one.
pub(super) fn cells(picture: &RasterImage, columns: usize) -> Result<String, std::fmt::Error> {
    let columns = columns.min(picture.width());
    if columns == 0 || picture.height() == 0 {
        return Ok(String::new());
    }
    let rows = (picture.height() * columns).div_ceil(picture.width()).max(1);
    let mut text = String::new();
    let mean = |row: usize, column: usize| mean(picture, [row, rows], [column, columns]);
    for row in (0..rows).step_by(2) {
        let mut last = None;
        for column in 0..columns {
            let (upper, lower) = (mean(row, column), (row + 1 < rows).then(|| mean(row + 1, column)));
            // A terminal keeps its colours until it is told others.
            if last != Some((upper, lower)) {
                let [red, green, blue] = upper;
                write!(text, "\x1b[38;2;{red};{green};{blue}")?;
                match lower {
                    Some([red, green, blue]) => write!(text, ";48;2;{red};{green};{blue}m")?,
                    None => text.push('m'),
                }
                last = Some((upper, lower));
            }
            text.push('\u{2580}');
        }
        text.push_str("\x1b[0m\n");
    }
    Ok(text)
}

/// The mean colour of the pixels that come together in one of `[number, of]` rows and columns.
fn mean(picture: &RasterImage, [row, rows]: [usize; 2], [column, columns]: [usize; 2]) -> [u8; 3] {
    let span = |number: usize, of: usize, length: usize| {
        let start = number * length / of;
        start..((number + 1) * length / of).clamp(start + 1, length.max(start + 1))
    };
    let channels = picture.channels();
    let (mut sums, mut count) = ([0_u64; 3], 0);
    for y in span(row, rows, picture.height()) {
        for x in span(column, columns, picture.width()) {
            let pixel = &picture.data()[(y * picture.width() + x) * channels..][..channels];
            let (tones, alpha) = match pixel {
                [grey] => ([*grey; 3], 255),
                [grey, alpha] => ([*grey; 3], *alpha),
                [red, green, blue] => ([*red, *green, *blue], 255),
                [red, green, blue, alpha, ..] => ([*red, *green, *blue], *alpha),
                [] => ([0; 3], 255),
            };
            for (sum, tone) in sums.iter_mut().zip(tones) {
                *sum += (u64::from(tone) * u64::from(alpha) + 255 * u64::from(255 - alpha) + 127) / 255;
            }
            count += 1;
        }
    }
    sums.map(|sum| ((sum + count / 2) / count.max(1)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use elbo::figures::{Pixels, sheet};

    fn picture(height: usize, width: usize, channels: usize, data: &[f32]) -> RasterImage {
        sheet(&[Pixels { height, width, channels, data }], 1, 0).unwrap()
    }

    #[test]
    fn two_pixels_share_a_cell() {
        let image = picture(3, 2, 1, &[0.0, 1.0, 1.0, 0.0, 0.2, 0.2]);
        let expected = "\x1b[38;2;0;0;0;48;2;255;255;255m\u{2580}\x1b[38;2;255;255;255;48;2;0;0;0m\u{2580}\x1b[0m\n\
                        \x1b[38;2;51;51;51m\u{2580}\u{2580}\x1b[0m\n";
        assert_eq!(cells(&image, 80).unwrap(), expected);
    }

    #[test]
    fn a_wide_picture_is_made_smaller_by_its_mean() {
        // Black and white columns, four to a cell: grey.
        let data: Vec<f32> = (0..8 * 8).map(|p| (p % 2) as f32).collect();
        let text = cells(&picture(8, 8, 1, &data), 2).unwrap();
        assert_eq!(text, "\x1b[38;2;128;128;128;48;2;128;128;128m\u{2580}\u{2580}\x1b[0m\n");
        let clear = picture(2, 1, 4, &[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
        assert_eq!(cells(&clear, 9).unwrap(), "\x1b[38;2;255;255;255;48;2;255;0;0m\u{2580}\x1b[0m\n");
        let flat = picture(1, 300, 1, &[0.5; 300]);
        assert_eq!(cells(&flat, 100).unwrap().matches('\u{2580}').count(), 100);
    }
}
