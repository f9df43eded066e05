//! Train on an array of the crate ndarray, then encode and decode one image of it.
//!
//!     cargo run --release --features ndarray --example own_arrays

use elbo::dataset::Dataset;
use elbo::{Error, Recipe, Settings, Training, Vae};
use ndarray::{Array4, ArrayView3};

/// A model of so many images, and what it makes of the first.
pub(crate) fn run(count: usize, epochs: u32) -> Result<(Vae, Vec<f32>), Error> {
    // Colours that run from one corner to another, from 0 to 1: [N, H, W, C], in any order in memory.
    let images = Array4::from_shape_fn((count, 16, 24, 3), |(image, row, column, channel)| {
        ((image + 1) * (channel + 1) * (row + column) % 256) as f32 / 255.0
    });
    let recipe = Recipe { epochs, batch_size: 50, widths: vec![8, 16], latent_dim: 4, ..Recipe::fast() };
    let train = Dataset::from_array(images.view(), None)?;
    let mut training = Training::new(Settings::new("colours", recipe), train)?;
    while training.advance()?.is_some() {}

    let vae = Vae::try_from(&training)?;
    let first = Dataset::from_array(images.slice(ndarray::s![..1, .., .., ..]), None)?;
    let decoded = vae.decode(&vae.encode(&first)?.means, None)?;
    Ok((vae, decoded.pixels))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (vae, pixels) = run(2000, 10)?;
    let image = ArrayView3::from_shape((16, 24, 3), &pixels)?;
    println!("{}: the first image's first pixel is {:.2}", vae.card().data.name, image.slice(ndarray::s![0, 0, ..]));
    Ok(())
}
