//! The second pass over an array of images: from its numbers to the values that are held.

use rayon::prelude::*;

use super::archive::{ArrayStream, Arrays, unreadable};
use super::form::Form;
use super::images::Images;
use crate::dataset::fit::fit;
use crate::dataset::picture::{Picture, Samples, luma};
use crate::dataset::preprocessing::Channels;
use crate::dataset::{DatasetError, Depth};

/// About how many bytes of numbers are converted at a time.
const BLOCK: usize = 1 << 23;

/// Makes images in their order, whatever the order of the array.
pub(super) enum Maker<'a, 'b> {
    InOrder(InOrder<'a>),
    /// An array in Fortran order is read anew for each call.
    Fortran(Fortran<'a, 'b>),
}

impl<'a, 'b> Maker<'a, 'b>
where
    'b: 'a,
{
    pub(super) fn new(arrays: &'a mut Arrays<'b>, images: &'a Images, form: &'a Form) -> Result<Self, DatasetError> {
        if images.header.is_fortran {
            return Ok(Self::Fortran(Fortran { arrays, images, form, outside: 0 }));
        }
        let path = arrays.path;
        let stream = arrays.stream(&images.name)?;
        Ok(Self::InOrder(InOrder { path, stream, images, form, outside: 0 }))
    }

    /// Makes the images from number `first` on, which are those after the last call's, as many as fill `out`.
    pub(super) fn make(&mut self, first: usize, out: &mut [u8], reach: &dyn Fn(usize)) -> Result<(), DatasetError> {
        match self {
            Self::InOrder(maker) => maker.make(first, out, reach),
            Self::Fortran(maker) => maker.make(first, out),
        }
    }

    /// How many numbers were outside of the range.
    pub(super) fn outside(&self) -> u64 {
        match self {
            Self::InOrder(maker) => maker.outside,
            Self::Fortran(maker) => maker.outside,
        }
    }
}

/// An array that is read from its beginning to its end.
pub(super) struct InOrder<'a> {
    path: &'a std::path::Path,
    stream: ArrayStream<'a>,
    images: &'a Images,
    form: &'a Form,
    outside: u64,
}

impl InOrder<'_> {
    fn make(&mut self, first: usize, out: &mut [u8], reach: &dyn Fn(usize)) -> Result<(), DatasetError> {
        let Self { path, images, form, .. } = *self;
        let wrong = |reason| unreadable(path, &images.name, reason);
        let (from, to) = (images.source_bytes(), form.image_bytes());
        let at_once = (BLOCK / from).max(1);
        let (mut done, mut block) = (first, Vec::new());
        for out in out.chunks_mut(at_once * to) {
            let count = out.len() / to;
            if form.is_as_stored(images) {
                self.stream.fill(out).map_err(wrong)?;
            } else {
                self.stream.next(count * from, &mut block).map_err(wrong)?;
                let made = block.par_chunks_exact(from).zip(out.par_chunks_exact_mut(to));
                self.outside += made.map(|(numbers, out)| of_image(numbers, images, form, out)).sum::<u64>();
            }
            done += count;
            reach(done);
        }
        Ok(())
    }
}

/// An array whose first index goes fastest: all images begin before one ends.
pub(super) struct Fortran<'a, 'b> {
    arrays: &'a mut Arrays<'b>,
    images: &'a Images,
    form: &'a Form,
    outside: u64,
}

impl Fortran<'_, '_> {
    fn make(&mut self, first: usize, out: &mut [u8]) -> Result<(), DatasetError> {
        let Self { images, form, .. } = *self;
        let to = form.image_bytes();
        if images.shape == form.shape {
            return self.turn(first, out);
        }
        let from = images.shape.len() * form.depth.bytes();
        let mut values = vec![0; out.len() / to * from];
        self.turn(first, &mut values)?;
        let made = values.par_chunks_exact(from).zip(out.par_chunks_exact_mut(to));
        made.for_each(|(values, out)| bring(values, images, form, out));
        Ok(())
    }

    /// The values of images from number `first` on, in their own shape, as many as fill `out`.
    fn turn(&mut self, first: usize, out: &mut [u8]) -> Result<(), DatasetError> {
        let Self { images, form, .. } = *self;
        let path = self.arrays.path;
        let wrong = |reason| unreadable(path, &images.name, reason);
        let mut stream = self.arrays.stream(&images.name)?;
        let (bytes, image) = (form.depth.bytes(), images.shape.len() * form.depth.bytes());
        let (size, count) = (images.header.element.size, out.len() / image);
        // The numbers that all images have in one place.
        let mut row = Vec::new();
        for number in 0..images.shape.len() {
            stream.next(images.count * size, &mut row).map_err(wrong)?;
            let row = &row[first * size..][..count * size];
            let mut place = images.fortran_place(number) * bytes;
            images.header.element.numbers(row, |number| {
                self.outside += u64::from(!form.range.contains(number));
                form.depth.write(form.range.share(number), &mut out[place..][..bytes]);
                place += image;
            });
        }
        Ok(())
    }
}

/// Makes one image of its numbers: how many of them are outside of the range.
fn of_image(numbers: &[u8], images: &Images, form: &Form, out: &mut [u8]) -> u64 {
    if images.shape == form.shape {
        return scale(numbers, images, form, out);
    }
    let mut values = vec![0; images.shape.len() * form.depth.bytes()];
    let outside = scale(numbers, images, form, &mut values);
    bring(&values, images, form, out);
    outside
}

/// The values of one image in its own shape, `[H, W, C]`: how many of its numbers are outside of the range.
fn scale(numbers: &[u8], images: &Images, form: &Form, out: &mut [u8]) -> u64 {
    let Form { range, depth, .. } = *form;
    let (bytes, (len, planes)) = (depth.bytes(), images.planes());
    let mut outside = 0;
    for (plane, numbers) in numbers.chunks_exact(len * images.header.element.size).enumerate() {
        let mut place = plane * bytes;
        images.header.element.numbers(numbers, |number| {
            outside += u64::from(!range.contains(number));
            depth.write(range.share(number), &mut out[place..][..bytes]);
            place += planes * bytes;
        });
    }
    outside
}

/// Brings an image to size and channels.
fn bring(values: &[u8], images: &Images, form: &Form, out: &mut [u8]) {
    let (from, to) = (images.shape, form.preparation.channels);
    let samples = match form.depth {
        Depth::Eight => Samples::Eight(recolour(values.to_vec(), from.channels, to)),
        Depth::Sixteen => Samples::Sixteen(recolour(form.depth.values(values).collect(), from.channels, to)),
    };
    fit(&Picture { width: from.width, height: from.height, samples }, &form.preparation, form.depth, out);
}

/// Grey from colour, colour from grey, or the same.
fn recolour<T: crate::dataset::picture::Sample>(samples: Vec<T>, channels: usize, to: Channels) -> Vec<T> {
    match (channels, to) {
        (3, Channels::Grey) => samples.as_chunks().0.iter().map(|&pixel| luma(pixel)).collect(),
        (1, Channels::Rgb) => samples.into_iter().flat_map(|sample| [sample; 3]).collect(),
        _ => samples,
    }
}
