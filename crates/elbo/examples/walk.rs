//! From the first image of a data set to the last in eight steps, through the latent space of a model that is not
//! conditional.
//!
//!     cargo run --release --example walk -- runs/emoji emoji

use elbo::Vae;
use elbo::dataset::load;
use elbo::figures::sheet;
use elbo::storage::write_atomically;

const STEPS: usize = 8;

fn main() -> Result<(), elbo::Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, data] = arguments.as_slice() else {
        eprintln!("usage: walk RUN DATA");
        std::process::exit(2);
    };
    // The model on all cores, and the images brought to what it was trained on.
    let vae = Vae::open(run, 0)?;
    let images = load(data.as_ref(), &vae.card().data_options(), &|_, _| ())?.splits.train;

    // Means and log-variances of the latent distributions, [N, Z] each.
    let encoded = vae.encode(&images)?;
    let mut means = encoded.means.chunks_exact(encoded.latent_dim);
    let (Some(from), Some(to)) = (means.next(), means.next_back()) else {
        eprintln!("two images are needed");
        std::process::exit(1);
    };

    // Latent vectors on the line between two means, [STEPS, Z], decoded to [STEPS, H, W, C] in [0, 1].
    let line = (0..STEPS).flat_map(|step| {
        let share = step as f32 / (STEPS - 1) as f32;
        from.iter().zip(to).map(move |(from, to)| from + share * (to - from))
    });
    let decoded = vae.decode(&line.collect::<Vec<f32>>(), None)?;
    write_atomically("walk.png".as_ref(), &sheet(&decoded.as_pixels(), STEPS, 2)?.png()?)?;
    println!("{STEPS} images of {}: walk.png", decoded.shape);
    Ok(())
}
