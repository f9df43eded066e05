//! The training step of the reference network, timed on request: one side of the comparison in `bench/peers`.
//!
//! Says `ready`, then for every line `go STEPS` on stdin takes that many steps and prints the seconds they took; `quit`
//! prints the peak memory and ends.
//!
//!     cargo run --release --example peer -- --batch 512 --threads 2

use elbo::dataset::Splits;
use elbo::noise::{Noise, Purpose};
use elbo::{Adam, Architecture, Batch, Draw, Engine, ParameterTable};
use std::io::{BufRead, Write};
use std::time::Instant;

fn option(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args();
    arguments.find(|argument| argument == name);
    arguments.next().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The process's highest resident memory in KiB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (batch, threads) = (option("--batch", 512), option("--threads", 0));
    let images = Splits::mnist().train;
    let architecture = Architecture::reference();
    let parameters = ParameterTable::new(&architecture).initialize(1);
    let mut engine = Engine::new(architecture, &parameters, threads)?;
    let adam = Adam { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    let noise = Noise::new(1, Purpose::Training, 1);
    let order: Vec<u32> = (0..images.len() as u32).collect();
    let mut batches = order.chunks_exact(batch).cycle();
    let mut run = |steps: usize| {
        for indices in batches.by_ref().take(steps) {
            engine.train_batch(Batch { dataset: &images, indices }, Draw::Noise(&noise), 1.0, &adam.into());
        }
    };
    run(3);
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "ready elbo {}", env!("CARGO_PKG_VERSION"))?;
    stdout.flush()?;
    for line in std::io::stdin().lock().lines() {
        match line?.split_whitespace().collect::<Vec<_>>()[..] {
            ["go", steps] => {
                let steps = steps.parse()?;
                let start = Instant::now();
                run(steps);
                writeln!(stdout, "{}", start.elapsed().as_secs_f64())?;
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
