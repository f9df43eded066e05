//! A scene as a raster.

use tiny_skia::{
    Color, FillRule, FilterQuality, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapPaint,
    PremultipliedColorU8, Stroke, Transform,
};

use crate::outline::{Outline, Step};
use crate::scene::{Item, Scene};
use crate::style::Colour;
use crate::{FigureError, RasterImage};

/// Pixels to a unit of the scene.
const SCALE: f32 = 2.0;
/// Most pixels a picture may have.
const MOST_PIXELS: f32 = 100e6;

/// Draws `scene` on white.
pub(crate) fn raster(scene: &Scene) -> Result<RasterImage, FigureError> {
    let (width, height) = ((scene.width * SCALE).ceil(), (scene.height * SCALE).ceil());
    let too_large = FigureError::TooLarge { width: width as usize, height: height as usize };
    if width * height > MOST_PIXELS {
        return Err(too_large);
    }
    let Some(mut canvas) = Pixmap::new(width as u32, height as u32) else {
        return Err(too_large);
    };
    canvas.fill(Color::WHITE);
    for item in &scene.items {
        draw(&mut canvas, item);
    }
    // On an opaque canvas, premultiplied colours are the colours.
    Ok(RasterImage::rgba(height as usize, width as usize, canvas.take()))
}

fn draw(canvas: &mut Pixmap, item: &Item) {
    let scale = Transform::from_scale(SCALE, SCALE);
    match item {
        Item::Fill { outline, colour, .. } => {
            if let Some(path) = path(outline) {
                canvas.fill_path(&path, &paint(*colour, 1.0), FillRule::Winding, scale, None);
            }
        }
        Item::Stroke { outline, colour, width } => {
            if let Some(path) = path(outline) {
                let stroke =
                    Stroke { width: *width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
                canvas.stroke_path(&path, &paint(*colour, 1.0), &stroke, scale, None);
            }
        }
        Item::Dots { centres, radius, colour, alpha } => {
            let mut builder = PathBuilder::new();
            for [x, y] in centres {
                builder.push_circle(*x, *y, *radius);
            }
            if let Some(path) = builder.finish() {
                canvas.fill_path(&path, &paint(*colour, *alpha), FillRule::Winding, scale, None);
            }
        }
        Item::Image { raster, place, crisp, .. } => {
            if let Some(image) = pixmap(raster) {
                let quality = if *crisp { FilterQuality::Nearest } else { FilterQuality::Bilinear };
                let paint = PixmapPaint { quality, ..PixmapPaint::default() };
                let transform = scale
                    .pre_translate(place.x, place.y)
                    .pre_scale(place.width / raster.width() as f32, place.height / raster.height() as f32);
                canvas.draw_pixmap(0, 0, image.as_ref(), &paint, transform, None);
            }
        }
    }
}

fn paint(Colour(red, green, blue): Colour, alpha: f32) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(red, green, blue, (alpha.clamp(0.0, 1.0) * 255.0).round() as u8);
    paint
}

fn path(outline: &Outline) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for step in outline {
        match *step {
            Step::Move([x, y]) => builder.move_to(x, y),
            Step::Line([x, y]) => builder.line_to(x, y),
            Step::Quad([x1, y1], [x, y]) => builder.quad_to(x1, y1, x, y),
            Step::Close => builder.close(),
        }
    }
    builder.finish()
}

fn pixmap(raster: &RasterImage) -> Option<Pixmap> {
    let (height, width) = (raster.height(), raster.width());
    let mut pixmap = Pixmap::new(width.try_into().ok()?, height.try_into().ok()?)?;
    for (at, target) in pixmap.pixels_mut().iter_mut().enumerate() {
        let [red, green, blue, alpha] = raster.pixel(at / width, at % width)?;
        let premultiplied = |c: u8| ((u16::from(c) * u16::from(alpha) + 127) / 255) as u8;
        *target =
            PremultipliedColorU8::from_rgba(premultiplied(red), premultiplied(green), premultiplied(blue), alpha)?;
    }
    Some(pixmap)
}
