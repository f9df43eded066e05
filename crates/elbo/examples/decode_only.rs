//! Decode one code with a model file and nothing else: no feature of the library is needed.
//!
//!     cargo run --release --no-default-features --example decode_only -- model.safetensors image.ppm 0.5 -1 0.2

use elbo::Vae;
use std::error::Error;

/// The image of a code as a PPM file, or PGM where it is grey.
pub(crate) fn decode(model: &str, code: &[f32]) -> Result<Vec<u8>, Box<dyn Error>> {
    let vae = Vae::open(model, 0)?;
    let dim = vae.card().architecture.latent_dim();
    if code.len() != dim {
        return Err(format!("a code has {dim} numbers, not {}", code.len()).into());
    }
    let image = vae.decode(code, None)?;
    let kind = match image.shape.channels {
        1 => "P5",
        3 => "P6",
        other => return Err(format!("a picture has 1 or 3 channels, not {other}").into()),
    };
    let mut file = format!("{kind}\n{} {}\n255\n", image.shape.width, image.shape.height).into_bytes();
    file.extend(image.pixels.iter().map(|value| (value * 255.0).round() as u8));
    Ok(file)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, out, code @ ..] = &arguments[..] else { return Err("usage: decode_only MODEL OUT NUMBER...".into()) };
    let code = code.iter().map(|number| number.parse()).collect::<Result<Vec<f32>, _>>()?;
    Ok(std::fs::write(out, decode(model, &code)?)?)
}
