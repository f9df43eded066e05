//! A sheet of the images that codes stand for, as the example `embed_folder` writes them.
//!
//!     cargo run --release --example decode_codes -- runs/emoji codes.tsv sheet.png

use elbo::Vae;
use elbo::figures::sheet;
use elbo::storage::write_atomically;
use std::error::Error;

pub(crate) fn decode(model: &str, codes: &str, out: &str) -> Result<(), Box<dyn Error>> {
    let vae = Vae::open(model, 0)?;
    let dim = vae.card().architecture.latent_dim();
    // One code after the other, [N, Z].
    let mut latents: Vec<f32> = Vec::new();
    for line in codes.lines() {
        let code = line.split('\t').skip(1).map(str::parse).collect::<Result<Vec<f32>, _>>()?;
        if code.len() != dim {
            return Err(format!("a code has {dim} numbers, not {}: {line}", code.len()).into());
        }
        latents.extend(code);
    }
    let images = vae.decode(&latents, None)?;
    Ok(write_atomically(out.as_ref(), &sheet(&images.as_pixels(), 10, 2)?.png()?)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, codes, out] = &arguments[..] else { return Err("usage: decode_codes MODEL CODES OUT.png".into()) };
    decode(model, &std::fs::read_to_string(codes)?, out)
}
