//! What the tests of the command share: small data sets in IDX files, and a run of the command with all that it prints.

use elbo::dataset::Splits;
use elbo::{Recipe, RunDirectory, Settings, Training};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a command may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(300);

/// The command, as it is run in the directory `here`, where there is no card.
pub(crate) fn elbo(here: impl AsRef<Path>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elbo"));
    command.current_dir(here).env("CUDA_VISIBLE_DEVICES", "");
    command
}

/// Words as arguments: `args("train data --epochs 2")`.
pub(crate) fn args(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// The settings of a network that takes next to no time, at one rate however many epochs there are.
pub(crate) const TINY: &str = "--recipe reference --widths 4,6 --latent-dim 3 --batch-size 37 --threads 2";

/// `train` with the settings [`TINY`] and what else there is in `line`.
pub(crate) fn train(here: impl AsRef<Path>, line: &str) -> Command {
    let mut command = elbo(here);
    command.arg("train").args(args(TINY)).args(args(line));
    command
}

/// What a command printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What a command printed, and how it ended. It reads nothing, and must not take longer than [`PATIENCE`].
fn output(command: &mut Command) -> Output {
    fn read_all(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            // Nobody waits any longer for what takes too long.
            let _ = sender.send(bytes);
        });
        receiver
    }

    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pipes = [read_all(child.stdout.take().unwrap()), read_all(child.stderr.take().unwrap())];
    let start = Instant::now();
    let [stdout, stderr] = pipes.map(|pipe| {
        // A pipe ends when the process does.
        pipe.recv_timeout(PATIENCE.saturating_sub(start.elapsed())).unwrap_or_else(|_| {
            child.kill().unwrap();
            panic!("{command:?} has not ended after {PATIENCE:?}");
        })
    });
    Output { status: child.wait().unwrap(), stdout, stderr }
}

/// Runs a command that must end with this exit code.
pub(crate) fn ends_with(code: i32, command: &mut Command) -> Printed {
    let output = output(command);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let printed = Printed { stdout: text(&output.stdout), stderr: text(&output.stderr) };
    assert_eq!(output.status.code(), Some(code), "{command:?}\n{printed:#?}");
    for text in [&printed.stdout, &printed.stderr] {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "control characters in {text:?}");
        assert!(!text.contains("panicked"), "{text}");
    }
    printed
}

/// Runs a command that must succeed.
pub(crate) fn succeeds(command: &mut Command) -> Printed {
    ends_with(0, command)
}

/// Runs a command that must fail at its work, in the way in which all do; gives its stderr.
pub(crate) fn fails(command: &mut Command) -> String {
    let printed = ends_with(1, command);
    assert_eq!(printed.stdout, "", "{printed:#?}");
    assert!(printed.stderr.starts_with("error: "), "{printed:#?}");
    let hints = printed.stderr.lines().filter(|line| line.starts_with("hint: ")).count();
    assert!(hints <= 1, "{printed:#?}");
    // Where an error has a cause, the cause is told once.
    for cause in ["(os error", "No such file"] {
        assert!(printed.stderr.matches(cause).count() <= 1, "{printed:#?}");
    }
    printed.stderr
}

/// A small data set in IDX files: bars at places that depend on the class, with some noise.
#[derive(Clone, Copy)]
pub(crate) struct IdxFiles {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) train: usize,
    /// Zero is no test set.
    pub(crate) test: usize,
    pub(crate) labels: bool,
    pub(crate) gzip: bool,
    pub(crate) seed: u32,
}

/// 200 images of 12 x 10 to train on and 60 to test with, in 4 classes.
pub(crate) const BARS: IdxFiles =
    IdxFiles { height: 12, width: 10, train: 200, test: 60, labels: true, gzip: false, seed: 1 };

impl IdxFiles {
    /// Writes the files into `directory`, which is made if need be, and returns it.
    pub(crate) fn write(&self, directory: impl AsRef<Path>) -> PathBuf {
        let directory = directory.as_ref().to_owned();
        fs::create_dir_all(&directory).unwrap();
        for (part, count, seed) in [("train", self.train, self.seed), ("t10k", self.test, self.seed + 1000)] {
            if count == 0 {
                continue;
            }
            let sizes = [count, self.height, self.width];
            self.write_file(&directory.join(format!("{part}-images-idx3-ubyte")), &sizes, &self.pixels(count, seed));
            if self.labels {
                let labels: Vec<u8> = (0..count).map(|image| class(image) as u8).collect();
                self.write_file(&directory.join(format!("{part}-labels-idx1-ubyte")), &[count], &labels);
            }
        }
        directory
    }

    fn pixels(&self, count: usize, seed: u32) -> Vec<u8> {
        let mut state = seed;
        let mut pixels = Vec::new();
        for image in 0..count {
            for pixel in 0..self.height * self.width {
                // Numerical Recipes' generator; its upper bits are the good ones.
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (state >> 26) as u8;
                let on_the_bar = pixel % self.width % 4 == class(image);
                pixels.push(if on_the_bar { 255 - noise } else { noise });
            }
        }
        pixels
    }

    fn write_file(&self, path: &Path, sizes: &[usize], bytes: &[u8]) {
        let mut contents = vec![0, 0, 8, sizes.len() as u8];
        contents.extend(sizes.iter().flat_map(|&size| (size as u32).to_be_bytes()));
        contents.extend(bytes);
        if self.gzip {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&contents).unwrap();
            let path = path.with_extension("gz");
            fs::write(path, encoder.finish().unwrap()).unwrap();
        } else {
            fs::write(path, contents).unwrap();
        }
    }
}

fn class(image: usize) -> usize {
    image * 7 % 4
}

/// A directory with [`BARS`] in `bars`.
pub(crate) fn with_bars() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    BARS.write(here.path().join("bars"));
    here
}

/// The same, with a run of two epochs on it in `run`: what `train` with the settings [`TINY`] leaves, but for the
/// figures, which take longer than all else.
pub(crate) fn with_run() -> tempfile::TempDir {
    let here = with_bars();
    let path = here.path().join("bars");
    let data = path.to_str().unwrap().to_owned();
    let recipe = Recipe { epochs: 2, batch_size: 37, widths: vec![4, 6], latent_dim: 3, ..Recipe::reference() };
    let training =
        Training::new(Settings { threads: 2, ..Settings::new(data, recipe) }, Splits::from_path(path).unwrap())
            .unwrap();
    let directory = RunDirectory::create(&here.path().join("run")).unwrap();
    let mut training = training.save_in(directory).unwrap();
    while training.advance().unwrap().is_some() {}
    here
}

/// The bytes of a run's model.
pub(crate) fn model(run: impl AsRef<Path>) -> Vec<u8> {
    let path = run.as_ref().join("model.safetensors");
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of what is in a directory, sorted.
pub(crate) fn names(directory: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// All files under a directory with their contents, sorted.
pub(crate) fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for name in names(directory) {
        let path = directory.join(name);
        if path.is_dir() {
            files.extend(contents(&path));
        } else {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    files
}

/// Width and height of a PNG file, all of which must decode.
pub(crate) fn png_size(path: impl AsRef<Path>) -> [u32; 2] {
    let bytes = fs::read(path).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    [info.width, info.height]
}

/// A text with `#` for each number, decimal or not.
pub(crate) fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if !character.is_ascii_digit() {
            out.push(character);
            continue;
        }
        out.push('#');
        while characters.next_if(|&next| next.is_ascii_digit() || next == '.').is_some() {}
    }
    out
}

/// The rows of a run's `metrics.csv` below its header, without the two columns that are times.
pub(crate) fn measured(run: impl AsRef<Path>) -> Vec<Vec<String>> {
    let text = fs::read_to_string(run.as_ref().join("metrics.csv")).unwrap();
    text.lines().skip(1).map(|line| line.split(',').take(6).map(str::to_owned).collect()).collect()
}
