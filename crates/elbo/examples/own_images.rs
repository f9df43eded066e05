//! Train on images of one's own, in memory, in colour, of a size that is no power of two; then encode, decode and
//! measure.
//!
//!     cargo run --release --example own_images

use elbo::dataset::{Dataset, ImageShape, Splits};
use elbo::{Recipe, Settings, Training, Vae};

/// A disc of some colour somewhere on black.
fn disc(number: usize, shape: ImageShape) -> impl Iterator<Item = u8> {
    let (row, column) = (8 + number * 7 % 9, 8 + number * 5 % 14);
    let colour = [255, (number * 37 % 256) as u8, (number * 91 % 256) as u8];
    (0..shape.len()).map(move |i| {
        let (y, x, channel) = (i / (shape.width * 3), i / 3 % shape.width, i % 3);
        if y.abs_diff(row).pow(2) + x.abs_diff(column).pow(2) < 36 { colour[channel] } else { 0 }
    })
}

fn main() -> Result<(), elbo::Error> {
    let shape = ImageShape { height: 25, width: 30, channels: 3 };
    let discs = |from: usize, count: usize| {
        Dataset::new(shape, (from..from + count).flat_map(|number| disc(number, shape)).collect(), None)
    };
    let data =
        Splits { train: discs(0, 2000)?, validation: None, test: Some(discs(2000, 200)?), name: "discs".to_owned() };

    let recipe = Recipe {
        epochs: 10,
        batch_size: 50,
        widths: vec![16, 32, 32],
        latent_dim: 8,
        shuffle: true,
        ..Recipe::reference()
    };
    let mut training = Training::new(Settings::new("discs", recipe), data)?;
    while training.advance()?.is_some() {}
    for row in training.history() {
        println!("epoch {}: {:?} nats per image", row.epoch, row.held_out);
    }

    let vae = Vae::try_from(&training)?;
    let test = discs(2000, 200)?;
    let encoded = vae.encode(&test)?;
    println!("the first disc's latent mean: {:.2?}", &encoded.means[..encoded.latent_dim]);
    println!("halfway between two discs: {} pixels", {
        let (a, b) = encoded.means.split_at(encoded.latent_dim);
        let middle: Vec<f32> = a.iter().zip(b).map(|(a, b)| 0.5 * (a + b)).collect();
        vae.decode(&middle, None)?.pixels.len()
    });
    println!("{:?}", vae.evaluate(&test, 1)?);
    Ok(())
}
