//! What a card does with a step of training: whether it is right, whether its bits are the same twice, and how long it takes.
//!
//!     cargo run --release -p elbo-bench --bin card -- check     # against the definition in f64
//!     cargo run --release -p elbo-bench --bin card -- bits      # of a small network, as a number
//!     cargo run --release -p elbo-bench --bin card -- times     # of each kernel and each step
//!     cargo run --release -p elbo-bench --bin card -- steps     # with batches and noise from the host
//!
//! `--images N` before `check` takes no more images than that; `crates/elbo-cuda/check.sh` needs no card for it.

use elbo::dataset::{Batch, Depth, ImageShape, Splits};
use elbo::engine::Precision;
use elbo::engine::cuda::Cuda;
use elbo::engine::{Draw, Engine};
use elbo::network::{ParameterTable, reference};
use elbo::noise::{Noise, Purpose};
use elbo::recipe::Muon;
use elbo::{Adam, Architecture, Device, Likelihood, Loss, Objective, Optimizer};
use std::process::ExitCode;
use std::time::Instant;

type Failure = Box<dyn std::error::Error>;

fn shape(height: usize, width: usize, channels: usize) -> ImageShape {
    ImageShape { height, width, channels }
}

/// The networks that are timed, as in `bench/peers`.
fn networks() -> Result<[(Architecture, &'static str); 3], Failure> {
    Ok([
        (Architecture::reference(), "28x28x1"),
        (Architecture::new(shape(64, 64, 3), &[32, 64, 128], 32)?, "64x64x3"),
        (Architecture::new(shape(128, 128, 3), &[32, 64, 128, 256], 64)?, "128x128x3"),
    ])
}

fn adam() -> Optimizer {
    Adam::new(1e-3).into()
}

fn muon() -> Optimizer {
    Optimizer { adam: Adam::new(1e-3), muon: Some(Muon { learning_rate: 0.02, momentum: 0.9 }) }
}

fn pixels(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if (state >> 16).is_multiple_of(5) { (state >> 24) as u8 } else { 0 }
    };
    (0..count).map(next).collect()
}

/// Numbers of a network's parameters, and a batch for it.
struct Case {
    architecture: Architecture,
    table: ParameterTable,
    parameters: Vec<f32>,
    pixels: Vec<u8>,
    indices: Vec<u32>,
    labels: Vec<u16>,
    noise: Vec<f32>,
    objective: Objective,
}

impl Case {
    fn new(architecture: Architecture, count: usize) -> Self {
        let table = ParameterTable::new(&architecture);
        let mut parameters = table.initialize(1);
        for (i, parameter) in parameters.iter_mut().enumerate() {
            *parameter += 0.01 * ((i * 37 % 101) as f32 / 50.0 - 1.0);
        }
        let classes = architecture.classes().max(1);
        let mut noise = vec![0.0; count * architecture.latent_dim()];
        Noise::new(1, Purpose::Training, 1).normal(0, &mut noise);
        Self {
            pixels: pixels(count * architecture.image().len()),
            indices: (0..count as u32).collect(),
            labels: (0..count).map(|i| (i % classes) as u16).collect(),
            objective: Objective { beta: 0.7, free_bits: 0.01, ..Objective::default() },
            architecture,
            table,
            parameters,
            noise,
        }
    }

    fn batch(&self) -> Batch<'_> {
        let labels = (self.architecture.classes() > 0).then_some(self.labels.as_slice());
        Batch::new(&self.pixels, &self.indices, labels)
    }

    fn draw(&self) -> Draw<'_> {
        Draw::Given(&self.noise)
    }

    /// Loss and gradient as they are defined.
    fn defined(&self) -> reference::Defined {
        let images: Vec<f64> = self.pixels.iter().map(|&byte| f64::from(byte) / 255.0).collect();
        let Self { architecture, labels, objective, .. } = self;
        reference::gradient(
            architecture,
            &double(&self.parameters).collect::<Vec<_>>(),
            &images,
            &double(&self.noise).collect::<Vec<_>>(),
            labels,
            objective,
        )
    }

    fn engine(&self, device: &impl Device) -> Result<Box<dyn Engine>, Failure> {
        Ok(device.engine(&self.architecture, &self.parameters)?)
    }

    /// The parameters after so many steps.
    fn stepped(&self, device: &impl Device, steps: usize) -> Result<Vec<f32>, Failure> {
        let mut engine = self.engine(device)?;
        for _ in 0..steps {
            engine.step(self.batch(), self.draw(), self.objective, &muon())?;
            engine.next_loss(true)?;
        }
        Ok(engine.parameters()?)
    }

    /// The same, each step in two halves; and the first loss and its gradient.
    fn halves(&self, device: &impl Device, steps: usize) -> Result<(Loss, Vec<f32>, Vec<f32>), Failure> {
        let mut engine = self.engine(device)?;
        let (loss, first) = engine.gradient(self.batch(), self.draw(), self.objective)?;
        engine.apply(&first, &muon())?;
        for _ in 1..steps {
            let (_, gradient) = engine.gradient(self.batch(), self.draw(), self.objective)?;
            engine.apply(&gradient, &muon())?;
        }
        Ok((loss, first, engine.parameters()?))
    }

    /// The gradient of the same images in 16 bits, which is the same.
    fn of_16_bits(&self, device: &impl Device) -> Result<Vec<f32>, Failure> {
        let pixels: Vec<u8> = self.pixels.iter().flat_map(|&byte| (u16::from(byte) * 257).to_le_bytes()).collect();
        let batch = Batch { pixels: &pixels, depth: Depth::Sixteen, ..self.batch() };
        Ok(self.engine(device)?.gradient(batch, self.draw(), self.objective)?.1)
    }

    /// Losses, statistics and images without a step.
    fn forwards(&self, device: &impl Device) -> Result<[Vec<f32>; 3], Failure> {
        let engine = self.engine(device)?;
        let losses = engine.losses(self.batch(), self.draw())?;
        let labels = if self.architecture.classes() > 0 { self.labels.as_slice() } else { &[] };
        Ok([
            losses.iter().flat_map(|loss| [loss.reconstruction as f32, loss.kl as f32]).collect(),
            engine.encode(self.batch())?,
            engine.decode(&self.noise, labels)?,
        ])
    }
}

/// How far `found` is from `exact`, relative to its size.
fn relative(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (error, size) =
        pairs.fold((0.0, 0.0), |(e, s), (found, exact)| (e + (found - exact).powi(2), s + exact * exact));
    let relative = (error / (size + f64::MIN_POSITIVE)).sqrt();
    if relative.is_finite() { relative } else { f64::INFINITY }
}

fn double(numbers: &[f32]) -> impl Iterator<Item = f64> {
    numbers.iter().map(|&x| f64::from(x))
}

/// How far a card may be off. TF32's factors have 11 bits, and where there are few images a unit on the other side of its
/// `ReLU`'s kink is much of a tensor's gradient.
struct Tolerance {
    loss: f64,
    gradient: f64,
    /// Of what is computed without a step, beside the processor.
    forwards: f64,
}

const F32: Tolerance = Tolerance { loss: 1e-5, gradient: 1e-5, forwards: 1e-5 };
const TF32: Tolerance = Tolerance { loss: 1e-4, gradient: 5e-2, forwards: 5e-3 };

/// Networks of all kinds, with up to so many images, against the definition: the largest relative error of a tensor. Also
/// that two engines make the same bits, one of them with each step in two halves.
fn check(images: usize) -> Result<(), Failure> {
    use Likelihood::{Bernoulli, ContinuousBernoulli, Gaussian, SigmaGaussian};
    // Where there is no card, smaller ones for the same kernels.
    let (large, long) = if images == usize::MAX { (shape(64, 64, 3), 140) } else { (shape(16, 16, 3), 40) };
    let cases = [
        (shape(28, 28, 1), vec![32, 64], 20, Gaussian, 0, 64),
        (shape(9, 13, 3), vec![5, 70], 3, SigmaGaussian, 0, 7),
        (shape(20, 33, 2), vec![8, 36, 12], 65, ContinuousBernoulli, 3, 7),
        (shape(8, 8, 4), vec![4], 4, Bernoulli, 2, 3),
        (large, vec![32, 64, 128], 32, Gaussian, 0, 2),
        (shape(100, 67, 1), vec![3, 4, 5, 6, 7], 5, Gaussian, 0, 2),
        (shape(17, 40, 3), vec![130, 20], long, Gaussian, 0, 3),
    ];
    println!(
        "{:>10} {:>6} {:>10} {:>10} {:>10} {:>8} {:>10}",
        "images", "", "loss", "gradient", "forwards", "same", "Muon"
    );
    let steps = if images == usize::MAX { 3 } else { 1 };
    let mut wrong = 0;
    for (image, widths, dim, likelihood, classes, count) in cases {
        let architecture = Architecture::new(image, &widths, dim)?.with_likelihood(likelihood).with_classes(classes)?;
        let case = Case::new(architecture, count.min(images));
        let defined = case.defined();
        let cpu = elbo::Cpu::new(0);
        let (plain, plain_forwards) = (case.stepped(&cpu, steps)?, case.forwards(&cpu)?);
        for (precision, tolerance) in [(Precision::F32, F32), (Precision::Tf32, TF32)] {
            let card = Cuda::new(0, precision)?;
            let (loss, gradient, by_halves) = case.halves(&card, steps)?;
            let lost = relative([(loss.total(), defined.loss.total())].into_iter());
            let errors = case.table.iter().map(|tensor| {
                let range = tensor.range.clone();
                relative(double(&gradient[range.clone()]).zip(defined.gradient[range].iter().copied()))
            });
            let worst = errors.fold(0.0, f64::max);
            let forwards = case.forwards(&card)?;
            let off = forwards.iter().zip(&plain_forwards).map(|(a, b)| relative(double(a).zip(double(b))));
            let off = off.fold(0.0, f64::max);
            let bits = case.stepped(&card, steps)?;
            let same = bits == by_halves && gradient == case.of_16_bits(&card)?;
            let stepped = plain.iter().zip(&bits).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let right = lost <= tolerance.loss && worst <= tolerance.gradient && off <= tolerance.forwards && same;
            wrong += usize::from(!right);
            println!(
                "{:>10} {precision:>6?} {lost:>10.1e} {worst:>10.1e} {off:>10.1e} {same:>8} {stepped:>10.1e}{}",
                format!("{image}"),
                if right { "" } else { "  wrong" }
            );
        }
    }
    // Images enough for the kernels of large batches, beside the processor.
    for (widths, precision, tolerance) in
        [([4, 8], Precision::F32, 1e-5), ([4, 8], Precision::Tf32, 1e-3), ([4, 36], Precision::Tf32, 1e-3)]
    {
        let architecture = Architecture::new(shape(64, 64, 1), &widths, 2)?;
        let case = Case::new(architecture, 33);
        let gradient = |device: &dyn Device| -> Result<Vec<f32>, Failure> {
            let mut engine = device.engine(&case.architecture, &case.parameters)?;
            Ok(engine.gradient(case.batch(), case.draw(), case.objective)?.1)
        };
        let (found, plain) = (gradient(&Cuda::new(0, precision)?)?, gradient(&elbo::Cpu::new(0))?);
        let off = relative(double(&found).zip(double(&plain)));
        let right = off <= tolerance;
        wrong += usize::from(!right);
        println!("33 of 64x64x1, widths {widths:?}, {precision:?}: {off:.1e}{}", if right { "" } else { "  wrong" });
    }
    if wrong == 0 { Ok(()) } else { Err(format!("{wrong} of the lines above are wrong").into()) }
}

/// A number that tells bits apart: of the gradient, and of the parameters after a step, of two small networks.
fn bits() -> Result<(), Failure> {
    for (width, channels, classes) in [(8, 3, 2), (6, 1, 0)] {
        let architecture = Architecture::new(shape(10, 9, channels), &[width, 12], 6)?.with_classes(classes)?;
        let case = Case::new(architecture, 2);
        for precision in [Precision::F32, Precision::Tf32] {
            let card = Cuda::new(0, precision)?;
            let (_, gradient) = case.engine(&card)?.gradient(case.batch(), case.draw(), case.objective)?;
            let hash = |numbers: &[f32]| {
                // FNV-1a.
                let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
                bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
                })
            };
            let stepped = case.stepped(&card, 1)?;
            println!("{} {precision:?} {:016x} {:016x}", case.architecture.image(), hash(&gradient), hash(&stepped));
        }
    }
    Ok(())
}

/// Microseconds of each kernel, and of a step.
fn times() -> Result<(), Failure> {
    for (architecture, name) in networks()? {
        let parameters = ParameterTable::new(&architecture).initialize(1);
        for images in [64, 512] {
            for (precision, by, optimizer) in
                [(Precision::Tf32, adam(), "Adam"), (Precision::Tf32, muon(), "Muon"), (Precision::F32, adam(), "Adam")]
            {
                let card = Cuda::new(0, precision)?;
                let image = architecture.image();
                let pixels = pixels(images * image.height * image.width * image.channels);
                let indices: Vec<u32> = (0..images as u32).collect();
                let batch = Batch::new(&pixels, &indices, None);
                let profile = card.profile(&architecture, &parameters, batch, &by, 20)?;
                let sum: f32 = profile.launches.iter().map(|launch| launch.1).sum();
                println!(
                    "{name} batch {images} {precision:?} {optimizer}: step {:.1} us, in a row {:.1}, sum of {} kernels {sum:.1}",
                    profile.step,
                    profile.in_a_row,
                    profile.launches.len()
                );
                if precision == Precision::Tf32 {
                    let launches = profile.launches.iter().map(|(kernel, time)| format!("{kernel} {time:.1}"));
                    println!("    {}", launches.collect::<Vec<_>>().join(", "));
                }
            }
        }
    }
    Ok(())
}

/// Microseconds of a step with everything that belongs to it: images gathered, noise made, both copied.
fn steps() -> Result<(), Failure> {
    let images = Splits::mnist().train;
    let architecture = Architecture::reference();
    let parameters = ParameterTable::new(&architecture).initialize(1);
    for precision in [Precision::Tf32, Precision::F32] {
        for batch in [64, 512] {
            let mut engine = Cuda::new(0, precision)?.engine(&architecture, &parameters)?;
            let noise = Noise::new(1, Purpose::Training, 1);
            let order: Vec<u32> = (0..images.len() as u32).collect();
            let mut staging = Vec::new();
            let mut run = |count: usize| -> Result<f64, Failure> {
                let begin = Instant::now();
                for indices in order.chunks_exact(batch).cycle().take(count) {
                    engine.step(
                        images.gather(indices, &mut staging)?,
                        Draw::Noise(&noise),
                        Objective::default(),
                        &adam(),
                    )?;
                    while engine.next_loss(false)?.is_some() {}
                }
                while engine.next_loss(true)?.is_some() {}
                Ok(begin.elapsed().as_secs_f64() * 1e6 / count as f64)
            };
            run(50)?;
            let mut all = [run(500)?, run(500)?, run(500)?];
            all.sort_by(f64::total_cmp);
            println!("28x28x1 batch {batch} {precision:?}: {:.1} us a step ({:.1} to {:.1})", all[1], all[0], all[2]);
        }
    }
    Ok(())
}

fn run() -> Result<(), Failure> {
    let mut images = usize::MAX;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--images" => images = arguments.next().ok_or("--images N")?.parse::<usize>()?.max(1),
            "check" => check(images)?,
            "bits" => bits()?,
            "times" => times()?,
            "steps" => steps()?,
            _ => return Err(format!("check, bits, times or steps, not {argument}").into()),
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
