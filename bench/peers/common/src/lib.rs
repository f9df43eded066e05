//! What the peers written in Rust share: the work of `workload.py`, its check, and the protocol of `peer.py`.
//!
//! Tensors are handed out in the layouts of `PyTorch`, `[N, C, H, W]`, and mirrored: turned by 180 degrees, the
//! network's padding, which pads an even size after it, is a framework's own `padding = 1`. See `peer_torch.py`.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

pub const LEARNING_RATE: f64 = 1e-3;
pub const BETA1: f64 = 0.9;
pub const BETA2: f64 = 0.999;
pub const EPSILON: f64 = 1e-8;
const BIAS_BOUND: f64 = 0.16;
const WARM_UP_STEPS: usize = 2;

pub type Failure = Box<dyn Error>;

/// One of the networks of `networks.py`.
pub struct Network {
    pub side: usize,
    pub channels: usize,
    pub widths: Vec<usize>,
    pub latent_dim: usize,
    images: usize,
}

/// A parameter's starting value.
pub struct Parameter {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// The two parameters of a layer.
pub struct Layer {
    pub weight: Parameter,
    pub bias: Parameter,
}

/// The layers of a network. Convolutions are `[out, in, 3, 3]`, transposed ones `[in, out, 3, 3]`, the others
/// `[in, out]`, the decoder's first with one bias for each channel.
pub struct Layers {
    pub convs: Vec<Layer>,
    pub head: Layer,
    pub project: Layer,
    pub deconvs: Vec<Layer>,
    pub output: Layer,
}

/// A model with its optimiser, held by a framework.
pub trait Trainer {
    /// Trains on images `[N, C, H, W]` with this noise, `[N, latent_dim]`, or with fresh one; the loss.
    fn step(&mut self, images: &[f32], noise: Option<&[f32]>) -> Result<f64, Failure>;
}

/// 24 pseudo-random bits for an index of a stream (finaliser of `MurmurHash3`).
fn hashed(stream: u32, index: u32) -> u32 {
    let mut h = index.wrapping_add((stream + 1) << 20);
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    (h ^ (h >> 16)) >> 8
}

/// Numbers in `[-bound, bound)`.
fn uniform(stream: u32, len: usize, bound: f64) -> Vec<f32> {
    (0..len as u32).map(|i| (bound * (f64::from(hashed(stream, i)) / 8_388_608.0 - 1.0)) as f32).collect()
}

/// `values`, of this shape, with the axes in another order and those of `mirrored` reversed.
fn arrange(values: &[f32], shape: [usize; 4], order: [usize; 4], mirrored: [usize; 2]) -> Vec<f32> {
    let [_, n1, n2, n3] = shape;
    let strides = [n1 * n2 * n3, n2 * n3, n3, 1];
    let mut result = Vec::with_capacity(values.len());
    let at = |position: usize, axis: usize| {
        let position = if mirrored.contains(&axis) { shape[axis] - 1 - position } else { position };
        position * strides[axis]
    };
    let [a, b, c, d] = order;
    for i in 0..shape[a] {
        for j in 0..shape[b] {
            for k in 0..shape[c] {
                for l in 0..shape[d] {
                    result.push(values[at(i, a) + at(j, b) + at(k, c) + at(l, d)]);
                }
            }
        }
    }
    result
}

/// Hands out the starting values of one layer after another.
struct Starts {
    stream: u32,
}

impl Starts {
    /// A layer `[kernel, kernel, in, out]`, the weight's axes then put in this order and given this shape.
    fn layer(&mut self, kernel: [usize; 4], order: [usize; 4], shape: &[usize]) -> Layer {
        let (area, [_, _, c_in, c_out]) = (kernel[0] * kernel[1], kernel);
        let bound = |area: usize| 2.0 * (6.0 / (area * (c_in + c_out)) as f64).sqrt();
        let weight = uniform(self.stream, area * c_in * c_out, bound(area));
        let weight = Parameter { shape: shape.to_vec(), values: arrange(&weight, kernel, order, [0, 1]) };
        let bias = Parameter { shape: vec![c_out], values: uniform(self.stream + 1, c_out, BIAS_BOUND) };
        self.stream += 2;
        Layer { weight, bias }
    }

    /// The encoder's head, `[features, out]`, whose fans are those of one matrix.
    fn head(&mut self, side: usize, c_in: usize, c_out: usize) -> Layer {
        let features = side * side * c_in;
        let mut layer = self.layer([1, 1, features, c_out], [0, 1, 2, 3], &[features, c_out]);
        layer.weight.values = arrange(&layer.weight.values, [side, side, c_in, c_out], [2, 0, 1, 3], [0, 1]);
        layer
    }
}

impl Network {
    /// That for images of this shape.
    fn of(shape: &str) -> Result<Self, Failure> {
        let network = |side, channels, widths: &[usize], latent_dim, images| {
            Ok(Self { side, channels, widths: widths.to_vec(), latent_dim, images })
        };
        match shape {
            "28x28x1" => network(28, 1, &[32, 64], 20, 60_000),
            "64x64x3" => network(64, 3, &[32, 64, 128], 32, 2_048),
            "128x128x3" => network(128, 3, &[32, 64, 128, 256], 64, 1_024),
            _ => Err(format!("no network for images of {shape}").into()),
        }
    }

    /// Numbers in an image.
    fn image_len(&self) -> usize {
        self.side * self.side * self.channels
    }

    /// Channels and side where the encoder ends and the decoder begins.
    #[must_use]
    pub fn deepest(&self) -> (usize, usize) {
        (self.widths[self.widths.len() - 1], self.side >> self.widths.len())
    }

    /// The fixed starting values.
    #[must_use]
    pub fn layers(&self) -> Layers {
        let mut starts = Starts { stream: 0 };
        let mut c_in = self.channels;
        let mut convs = Vec::new();
        for &width in &self.widths {
            convs.push(starts.layer([3, 3, c_in, width], [3, 2, 0, 1], &[width, c_in, 3, 3]));
            c_in = width;
        }
        let (deepest, side) = self.deepest();
        let head = starts.head(side, deepest, 2 * self.latent_dim);
        let features = side * side * deepest;
        let project = starts.layer([side, side, self.latent_dim, deepest], [2, 3, 0, 1], &[self.latent_dim, features]);
        let mut deconv = |c_in, c_out| starts.layer([3, 3, c_in, c_out], [2, 3, 0, 1], &[c_in, c_out, 3, 3]);
        let mut deconvs = Vec::new();
        for &width in self.widths.iter().rev() {
            deconvs.push(deconv(c_in, width));
            c_in = width;
        }
        let output = deconv(c_in, self.channels);
        Layers { convs, head, project, deconvs, output }
    }

    /// The synthetic images, `[N, C, H, W]`.
    fn images(&self) -> Vec<f32> {
        let len = self.image_len();
        let mut images = Vec::with_capacity(self.images * len);
        for image in 0..self.images {
            let bits = (0..len).map(|pixel| hashed(1000, (image * len + pixel) as u32));
            let grey: Vec<f32> =
                bits.map(|bits| if bits % 5 == 0 { (bits >> 16) as f32 / 255.0 } else { 0.0 }).collect();
            images.extend(arrange(&grey, [1, self.side, self.side, self.channels], [0, 3, 1, 2], [1, 2]));
        }
        images
    }
}

/// The value of an option of the command line.
fn option(name: &str) -> Result<String, Failure> {
    std::env::args().skip_while(|word| word != name).nth(1).ok_or_else(|| format!("{name} is missing").into())
}

/// The losses that `expected.json` has for this shape and batch.
fn expected_losses(shape: &str, batch: usize) -> Result<Vec<f64>, Failure> {
    let table: serde_json::Value = serde_json::from_str(include_str!("../../expected.json"))?;
    let losses = table[shape][batch.to_string()].as_array();
    let losses = losses.ok_or_else(|| format!("expected.json has no batch {batch} of {shape}"))?;
    Ok(losses.iter().filter_map(serde_json::Value::as_f64).collect())
}

/// How far off the losses of the first steps may be: `check_tolerances` of `workload.py`.
fn check_tolerances(network: &Network) -> [f64; 3] {
    [1e-5, 1e-4, if network.widths.len() > 3 { 1e-3 } else { 1e-4 }]
}

/// Trains the first steps with fixed noise; the losses must be the expected ones.
fn check(
    trainer: &mut impl Trainer,
    images: &[f32],
    noise_len: usize,
    losses: &[f64],
    tolerances: [f64; 3],
) -> Result<(), Failure> {
    for (step, (expected, tolerance)) in losses.iter().zip(tolerances).enumerate() {
        let noise = uniform(100 + step as u32, noise_len, 3.0_f64.sqrt());
        let loss = trainer.step(images, Some(&noise))?;
        eprintln!("step {step}: loss {loss:.6}, expected {expected:.6}");
        if (loss / expected - 1.0).abs().partial_cmp(&tolerance).is_none_or(std::cmp::Ordering::is_gt) {
            return Err(format!("wrong network: loss {loss:.6} at step {step}, expected {expected:.6}").into());
        }
    }
    Ok(())
}

/// The process's highest resident memory in KiB.
fn peak_memory() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    Ok(peak.ok_or("no peak memory")?.parse()?)
}

/// Sets the thread pools' size before there are any.
fn limit_threads(threads: &str) {
    for name in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS"] {
        // SAFETY: the process has a single thread so far.
        unsafe { std::env::set_var(name, threads) };
    }
}

/// Sets up, checks and warms up, then follows the commands on standard input.
fn follow<T: Trainer>(version: &str, set_up: impl FnOnce(&Network) -> Result<T, Failure>) -> Result<(), Failure> {
    let (shape, batch) = (option("--shape")?, option("--batch")?.parse::<usize>()?);
    if option("--task")? != "train" {
        return Err("this peer is written for training only".into());
    }
    let (network, losses) = (Network::of(&shape)?, expected_losses(&shape, batch)?);
    let (images, minibatch) = (network.images(), batch * network.image_len());
    let mut trainer = set_up(&network)?;
    check(&mut trainer, &images[..minibatch], batch * network.latent_dim, &losses, check_tolerances(&network))?;
    let mut batches = images.chunks_exact(minibatch).cycle();
    let mut go = |steps: usize| -> Result<f64, Failure> {
        let start = Instant::now();
        for images in batches.by_ref().take(steps) {
            let loss = trainer.step(images, None)?;
            if !loss.is_finite() {
                return Err(format!("loss is {loss}").into());
            }
        }
        Ok(start.elapsed().as_secs_f64())
    };
    go(WARM_UP_STEPS)?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "ready {version}")?;
    for line in std::io::stdin().lock().lines() {
        match line?.split_whitespace().collect::<Vec<_>>()[..] {
            ["go", steps] => writeln!(stdout, "{}", go(steps.parse()?)?)?,
            ["quit"] => {
                writeln!(stdout, "peak_rss_kib {}", peak_memory()?)?;
                return Ok(());
            }
            _ => return Err("'go STEPS' or 'quit'".into()),
        }
    }
    Ok(())
}

/// The whole of a peer: `PEER --shape S --batch B --threads N --task train`.
pub fn serve<T: Trainer>(version: &str, set_up: impl FnOnce(&Network) -> Result<T, Failure>) {
    let result = option("--threads").and_then(|threads| {
        limit_threads(&threads);
        follow(version, set_up)
    });
    if let Err(error) = result {
        println!("error: {error}");
        std::process::exit(1);
    }
}
