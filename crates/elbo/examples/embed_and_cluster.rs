//! Which pictures in a folder are alike: their codes, and k-means on these.
//!
//!     cargo run --release --example embed_and_cluster -- runs/emoji emoji 8

use elbo::Vae;
use elbo::dataset::load;
use std::error::Error;

/// The square of the distance of two codes.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b) * (a - b))).sum()
}

/// The place of the nearest of some centres, and the square of the distance to it.
fn nearest(code: &[f32], centres: &[Vec<f32>]) -> (usize, f64) {
    let distances = centres.iter().map(|centre| distance(code, centre)).enumerate();
    distances.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, f64::INFINITY))
}

/// Which of `count` clusters each code is in: k-means (Lloyd, 1982). The first centre is the first code, and each other one
/// the code that is farthest from those before.
pub(crate) fn cluster(codes: &[&[f32]], count: usize) -> Vec<usize> {
    let mut centres: Vec<Vec<f32>> = codes.iter().take(1).map(|code| code.to_vec()).collect();
    while centres.len() < count.min(codes.len()) {
        let far = |code: &&&[f32]| nearest(code, &centres).1;
        let farthest = codes.iter().max_by(|a, b| far(a).total_cmp(&far(b)));
        centres.extend(farthest.map(|code| code.to_vec()));
    }
    let mut clusters = Vec::new();
    // It ends much sooner.
    for _ in 0..1000 {
        let now: Vec<usize> = codes.iter().map(|code| nearest(code, &centres).0).collect();
        if now == clusters {
            break;
        }
        for (number, centre) in centres.iter_mut().enumerate() {
            let inside: Vec<&[f32]> =
                codes.iter().zip(&now).filter(|(_, cluster)| **cluster == number).map(|(code, _)| *code).collect();
            for (place, value) in centre.iter_mut().enumerate() {
                // A cluster that has lost all its codes stays where it was.
                if !inside.is_empty() {
                    let sum: f64 = inside.iter().map(|code| f64::from(code[place])).sum();
                    *value = (sum / inside.len() as f64) as f32;
                }
            }
        }
        clusters = now;
    }
    clusters
}

/// The names of the pictures in each cluster.
pub(crate) fn run(model: &str, folder: &str, count: usize) -> Result<Vec<Vec<String>>, Box<dyn Error>> {
    let vae = Vae::open(model, 0)?;
    // Brought to the size and the channels that the model was trained on.
    let pictures = load(folder.as_ref(), &vae.card().data_options(), &|_, _| ())?.splits.train;
    let encoded = vae.encode(&pictures)?;
    let codes: Vec<&[f32]> = encoded.iter().map(|(mean, _)| mean).collect();
    let mut names = vec![Vec::new(); count];
    for (name, cluster) in pictures.names().unwrap_or_default().iter().zip(cluster(&codes, count)) {
        names[cluster].push(name.clone());
    }
    Ok(names)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, folder, count] = &arguments[..] else {
        return Err("usage: embed_and_cluster MODEL FOLDER COUNT".into());
    };
    for (number, names) in run(model, folder, count.parse()?)?.iter().enumerate() {
        println!("cluster {number}, {} pictures: {}", names.len(), names.join(" "));
    }
    Ok(())
}
