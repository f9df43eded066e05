//! The canvas that frames of an animation are drawn on.

use image::{Pixel, Rgba, RgbaImage};

const CLEAR: Rgba<u8> = Rgba([0; 4]);

/// What becomes of a frame when the next one is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum After {
    Stays,
    /// Its place is transparent again.
    Removed,
    /// What was there before it is there again.
    Undone,
}

/// Where a frame is drawn, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawing {
    pub(super) left: u32,
    pub(super) top: u32,
    /// Whether what is below shows through, rather than being replaced.
    pub(super) is_blended: bool,
    pub(super) after: After,
}

/// A canvas, transparent at first.
pub(super) struct Canvas {
    pixels: RgbaImage,
    /// What it is to be before the next frame is drawn, if not what it is.
    next: Option<RgbaImage>,
}

impl Canvas {
    pub(super) fn new((width, height): (u32, u32)) -> Self {
        Self { pixels: RgbaImage::from_pixel(width, height, CLEAR), next: None }
    }

    /// What is seen when a frame is drawn, or why it cannot be.
    pub(super) fn draw(&mut self, frame: &RgbaImage, drawing: Drawing) -> Result<RgbaImage, String> {
        let Drawing { left, top, is_blended, after } = drawing;
        let fits = |at: u32, length: u32, whole: u32| at.checked_add(length).is_some_and(|end| end <= whole);
        if !fits(left, frame.width(), self.pixels.width()) || !fits(top, frame.height(), self.pixels.height()) {
            return Err("the frame lies outside of the canvas".to_owned());
        }
        if let Some(next) = self.next.take() {
            self.pixels = next;
        }
        if after == After::Undone {
            self.next = Some(self.pixels.clone());
        }
        for (x, y, over) in frame.enumerate_pixels() {
            let pixel = self.pixels.get_pixel_mut(left + x, top + y);
            if is_blended && pixel.0[3] != 0 {
                pixel.blend(over);
            } else {
                *pixel = *over;
            }
        }
        if after == After::Removed {
            let mut next = self.pixels.clone();
            for (x, y, _) in frame.enumerate_pixels() {
                next.put_pixel(left + x, top + y, CLEAR);
            }
            self.next = Some(next);
        }
        Ok(self.pixels.clone())
    }
}
