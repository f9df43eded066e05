//! Train the reference network on MNIST for two epochs, then look at what it makes.
//!
//!     cargo run --release --example train_digits

use elbo::dataset::Splits;
use elbo::figures::samples_figure;
use elbo::storage::write_atomically;
use elbo::{Progress, Recipe, Settings, Training, Vae};

fn main() -> Result<(), elbo::Error> {
    let recipe = Recipe { epochs: 2, ..Recipe::reference() };
    let settings = Settings::new("mnist", recipe);
    let mut training = Training::new(settings, Splits::mnist())?;
    while let Some(progress) = training.advance()? {
        match progress {
            Progress::Batch(batch) if batch.batch % 20 == 0 => {
                println!("batch {}/{}: loss {:.2}", batch.batch, batch.batches, batch.loss);
            }
            Progress::Epoch(metrics) => println!("epoch {}: {:?}", metrics.epoch, metrics.held_out),
            _ => {}
        }
    }
    let vae = Vae::try_from(&training)?;
    write_atomically("digits.png".as_ref(), &samples_figure(&vae, 1)?.png()?)?;
    println!("twenty-five digits that nobody wrote: digits.png");
    Ok(())
}
