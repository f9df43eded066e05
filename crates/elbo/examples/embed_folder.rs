//! The code of each picture in a folder: a line with its file's name and its latent mean, tabs between them.
//!
//!     cargo run --release --example embed_folder -- runs/emoji emoji > codes.tsv

use elbo::Vae;
use elbo::dataset::load;
use std::error::Error;
use std::io::Write;

pub(crate) fn embed(model: &str, folder: &str, mut out: impl Write) -> Result<(), Box<dyn Error>> {
    let vae = Vae::open(model, 0)?;
    // Brought to the size and the channels that the model was trained on.
    let pictures = load(folder.as_ref(), &vae.card().data_options(), &|_, _| ())?.splits.train;
    let encoded = vae.encode(&pictures)?;
    for (name, (mean, _)) in pictures.names().unwrap_or_default().iter().zip(encoded.iter()) {
        write!(out, "{name}")?;
        for number in mean {
            write!(out, "\t{number}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, folder] = &arguments[..] else { return Err("usage: embed_folder MODEL FOLDER".into()) };
    embed(model, folder, std::io::stdout().lock())
}
