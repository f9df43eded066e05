//! A network timed on request, training, encoding or decoding: one side of the comparisons in `bench/peers`.
//!
//! Says `ready`, then for every line `go STEPS` on stdin takes that many steps and prints the seconds they took; `quit`
//! prints the peak memory and ends. A step is a minibatch of training, or all images encoded or decoded, a batch at a
//! time. After each `go`, standard error has the median of a step.
//!
//!     cargo run --release -p elbo-bench --bin peer -- --batch 512 --threads 2
//!     cargo run --release -p elbo-bench --bin peer -- --shape 64x64x3 --batch 64
//!     cargo run --release -p elbo-bench --bin peer -- --task decode --images 1

use elbo::dataset::{Dataset, ImageShape, Splits};
use elbo::engine::Draw;
use elbo::network::ParameterTable;
use elbo::noise::{Noise, Purpose};
use elbo::{Adam, Architecture, Cpu, Device, Engine, Objective};
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

/// The value of an option, or what it is when it is not given.
fn option(name: &str, default: &str) -> String {
    std::env::args().skip_while(|word| word != name).nth(1).unwrap_or_else(|| default.to_owned())
}

/// The process's highest resident memory in KiB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}

/// The network for images of this shape, and how many of them there are to train on.
fn network(shape: &str) -> Result<(Architecture, usize), Failure> {
    let square = |side, widths: &[usize], latent_dim| {
        Architecture::new(ImageShape { height: side, width: side, channels: 3 }, widths, latent_dim)
    };
    match shape {
        "28x28x1" => Ok((Architecture::reference(), 60_000)),
        "64x64x3" => Ok((square(64, &[32, 64, 128], 32)?, 2_048)),
        "128x128x3" => Ok((square(128, &[32, 64, 128, 256], 64)?, 1_024)),
        _ => Err(format!("no network for images of {shape}").into()),
    }
}

/// Pseudo-random bytes, four fifths of them 0, as in MNIST.
fn generated(shape: ImageShape, count: usize) -> Result<Dataset, Failure> {
    let len = shape.height * shape.width * shape.channels;
    let mut state = 1_u32;
    let bytes = (0..count * len).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if (state >> 16).is_multiple_of(5) { (state >> 24) as u8 } else { 0 }
    });
    Ok(Dataset::new(shape, bytes.collect(), None)?)
}

/// A step of training: the next minibatch in file order.
fn trainer(mut engine: Box<dyn Engine>, images: Dataset, batch: usize) -> impl FnMut() -> Result<(), Failure> {
    let adam = Adam::new(1e-3);
    let noise = Noise::new(1, Purpose::Training, 1);
    let order: Vec<u32> = (0..images.len() as u32).collect();
    let (mut start, mut staging) = (0, Vec::new());
    move || {
        let images = images.gather(&order[start..start + batch], &mut staging)?;
        engine.step(images, Draw::Noise(&noise), Objective::default(), &adam.into())?;
        engine.next_loss(true)?;
        start = if start + 2 * batch > order.len() { 0 } else { start + batch };
        Ok(())
    }
}

/// A pass over all images that encodes them.
fn encoder(engine: Box<dyn Engine>, images: Dataset, batch: usize) -> impl FnMut() -> Result<(), Failure> {
    let order: Vec<u32> = (0..images.len() as u32).collect();
    let mut staging = Vec::new();
    move || {
        for indices in order.chunks(batch) {
            black_box(engine.encode(images.gather(indices, &mut staging)?)?);
        }
        Ok(())
    }
}

/// A pass over so many latent vectors that decodes them.
fn decoder(engine: Box<dyn Engine>, images: usize, batch: usize) -> impl FnMut() -> Result<(), Failure> {
    let dim = engine.architecture().latent_dim();
    let mut latents = vec![0.0; images * dim];
    Noise::new(1, Purpose::Generation, 1).normal(0, &mut latents);
    move || {
        for latents in latents.chunks(batch * dim) {
            black_box(engine.decode(latents, &[])?);
        }
        Ok(())
    }
}

/// Takes `steps` steps; the time of each.
fn timed(step: &mut dyn FnMut() -> Result<(), Failure>, steps: usize) -> Result<Vec<Duration>, Failure> {
    let one = |_| {
        let start = Instant::now();
        step()?;
        Ok(start.elapsed())
    };
    (0..steps).map(one).collect()
}

/// Everything set up as the options have it.
fn set_up() -> Result<Box<dyn FnMut() -> Result<(), Failure>>, Failure> {
    let (shape, task) = (option("--shape", "28x28x1"), option("--task", "train"));
    let (batch, threads) = (option("--batch", "512").parse()?, option("--threads", "0").parse()?);
    let count = option("--images", "10000").parse()?;
    let (architecture, training_images) = network(&shape)?;
    let image = architecture.image();
    let parameters = ParameterTable::new(&architecture).initialize(1);
    let engine = Cpu::new(threads).engine(&architecture, &parameters)?;
    match task.as_str() {
        "train" if shape == "28x28x1" => Ok(Box::new(trainer(engine, Splits::mnist().train, batch))),
        "train" => Ok(Box::new(trainer(engine, generated(image, training_images)?, batch))),
        "encode" => Ok(Box::new(encoder(engine, generated(image, count)?, batch))),
        "decode" => Ok(Box::new(decoder(engine, count, batch))),
        _ => Err(format!("--task is train, encode or decode, not {task}").into()),
    }
}

fn main() -> Result<(), Failure> {
    let mut step = set_up()?;
    timed(&mut step, 3)?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "ready elbo {}", env!("CARGO_PKG_VERSION"))?;
    stdout.flush()?;
    for line in std::io::stdin().lock().lines() {
        match line?.split_whitespace().collect::<Vec<_>>()[..] {
            ["go", steps] => {
                let start = Instant::now();
                let mut each = timed(&mut step, steps.parse()?)?;
                writeln!(stdout, "{}", start.elapsed().as_secs_f64())?;
                each.sort();
                if let Some(median) = each.get(each.len() / 2) {
                    eprintln!("median of a step: {:.1} us", median.as_secs_f64() * 1e6);
                }
            }
            ["quit"] => {
                writeln!(stdout, "peak_rss_kib {}", peak_memory().unwrap_or(0))?;
                return Ok(());
            }
            _ => writeln!(stdout, "error: 'go STEPS' or 'quit'")?,
        }
        stdout.flush()?;
    }
    Ok(())
}
