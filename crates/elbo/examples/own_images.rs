//! Train on images of one's own: bytes with the class of each image, numbers without.
//!
//!     cargo run --release --example own_images

use elbo::dataset::{Dataset, ImageShape};
use elbo::{Error, Recipe, Settings, Training, Vae};

const SHAPE: ImageShape = ImageShape { height: 16, width: 16, channels: 1 };

/// Trains a model in memory.
fn train(images: Dataset, epochs: u32, conditional: bool) -> Result<Vae, Error> {
    let recipe = Recipe { epochs, conditional, batch_size: 50, widths: vec![8, 16], latent_dim: 4, ..Recipe::fast() };
    let mut training = Training::new(Settings::new("columns", recipe), images)?;
    while training.advance()?.is_some() {}
    Vae::try_from(&training)
}

/// Two models of so many images.
pub(crate) fn run(count: usize, epochs: u32) -> Result<[Vae; 2], Error> {
    // A bright column on black, whose place is the class: [N, H, W, C] in row-major order.
    let column = |place: usize| (0..SHAPE.len()).map(move |pixel| if pixel % 16 == place { 255 } else { 0 });
    let bytes: Vec<u8> = (0..count).flat_map(|image| column(image % 16)).collect();
    let classes = (0..count).map(|image| (image % 16) as u16).collect();
    let numbers: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();

    let labelled = Dataset::new(SHAPE, bytes, Some(classes))?;
    let unlabelled = Dataset::from_floats(SHAPE, &numbers, None)?;
    Ok([train(labelled, epochs, true)?, train(unlabelled, epochs, false)?])
}

fn main() -> Result<(), Error> {
    let [conditional, other] = run(2000, 10)?;
    println!("the first row of an image of class 5: {:.2?}", &conditional.generate_class(5, 0, 1, 1)?.pixels[..16]);
    println!("and of the mean of all codes: {:.2?}", &other.decode(&[0.0; 4], None)?.pixels[..16]);
    Ok(())
}
