//! How long runs took to a test loss: a table, and their losses against seconds of training beside the published run.
//!
//!     cargo run --release -p elbo-bench --bin time_to_loss -- docs/images/seconds 18.5081 runs/fast-1 runs/reference-1
//!
//! Seconds are those of training alone, as everywhere; the time of an evaluation is measured once and stated.

use elbo::dataset::Splits;
use elbo::engine::sampled_loss;
use elbo::figures::{Figure, Series, SeriesStyle};
use elbo::files::read_metrics;
use elbo::storage::write_atomically;
use elbo::{Recipe, RunDirectory, Training, Vae};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

/// The published run, epoch by epoch: `epoch,test_elbo,seconds`.
const PUBLISHED: &str = include_str!("../../published_run.csv");

/// A run: seconds and loss at the end of each epoch.
struct Run {
    name: String,
    recipe: &'static str,
    points: Vec<(f64, f64)>,
}

impl Run {
    fn read(path: &str) -> Result<Self, Box<dyn Error>> {
        let directory = RunDirectory::open(Path::new(path))?;
        let recipe = Training::settings_of(&directory)?.recipe;
        let is = |named: Recipe| recipe == Recipe { epochs: recipe.epochs, seed: recipe.seed, ..named };
        let recipe = match () {
            () if is(Recipe::fast()) => "elbo, fast",
            () if is(Recipe::reference()) => "elbo, reference",
            () => "elbo, other settings",
        };
        let mut seconds = 0.0;
        let points = read_metrics(&directory.metrics())?.into_iter().filter_map(|row| {
            seconds += row.seconds;
            Some((seconds, row.held_out?.1.total()))
        });
        Ok(Self { name: path.to_owned(), recipe, points: points.collect() })
    }

    fn published() -> Result<Self, Box<dyn Error>> {
        let mut seconds = 0.0;
        let point = |line: &str| -> Result<(f64, f64), Box<dyn Error>> {
            let cells: Vec<f64> = line.split(',').map(str::parse).collect::<Result<_, _>>()?;
            seconds += cells[2];
            Ok((seconds, cells[1]))
        };
        let points = PUBLISHED.lines().skip(1).map(point).collect::<Result<_, _>>()?;
        Ok(Self { name: "published run".to_owned(), recipe: "published, on a GPU", points })
    }

    fn print(&self, threshold: f64) {
        let reached = self.points.iter().position(|(_, loss)| *loss <= threshold);
        let when =
            reached.map_or("not reached | ".to_owned(), |epoch| format!("{} | {:.0}", epoch + 1, self.points[epoch].0));
        let last = self.points.last().map_or(f64::NAN, |(_, loss)| *loss);
        println!("| {} | {} | {when} | {last:.4} |", self.name, self.recipe);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, threshold, runs @ ..] = &arguments[..] else {
        return Err("usage: time_to_loss OUT LOSS RUN...; writes OUT.png and OUT.svg".into());
    };
    let threshold: f64 = threshold.parse()?;
    let mut all = runs.iter().map(|run| Run::read(run)).collect::<Result<Vec<_>, _>>()?;
    all.push(Run::published()?);

    println!("| run | recipe | epochs to {threshold} | seconds of training | last loss |\n|---|---|---:|---:|---:|");
    for run in &all {
        run.print(threshold);
    }
    if let (Some(run), Some(test)) = (runs.first(), Splits::mnist().test) {
        let vae = Vae::open(run, 0)?;
        let start = Instant::now();
        std::hint::black_box(sampled_loss(vae.engine(), &test, 1, 1)?);
        println!("\nAn evaluation on the test set takes {:.2} s.", start.elapsed().as_secs_f64());
    }

    let series: Vec<Series> = all
        .into_iter()
        .map(|Run { recipe, points, .. }| {
            let style = if recipe.starts_with("published") { SeriesStyle::Emphasis } else { SeriesStyle::Line };
            Series { name: recipe.to_owned(), points, style }
        })
        .collect();
    let axis = "test ELBO loss, nats per image (up to a constant)";
    let figure = Figure::loss_comparison("Test loss against time", "seconds of training", axis, &series);
    write_atomically(Path::new(out).with_extension("svg").as_ref(), figure.svg().as_bytes())?;
    write_atomically(Path::new(out).with_extension("png").as_ref(), &figure.png()?)?;
    Ok(())
}
