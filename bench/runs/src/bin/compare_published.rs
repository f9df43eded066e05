//! Draws the test loss of runs of the reference recipe beside that of the published run.
//!
//!     cargo run --release -p elbo-bench --bin compare_published -- docs/images/published runs/mnist runs/mnist-2

use elbo::RunDirectory;
use elbo::figures::{Figure, Series, SeriesStyle};
use elbo::files::read_metrics;
use elbo::storage::write_atomically;
use std::path::Path;

/// The published run, epoch by epoch: `epoch,test_elbo,seconds`.
const PUBLISHED: &str = include_str!("../../published_run.csv");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(out) = arguments.next() else {
        return Err("usage: compare_published OUT RUN...; writes OUT.png and OUT.svg".into());
    };
    let mut series = Vec::new();
    for run in arguments {
        let rows = read_metrics(&RunDirectory::open(Path::new(&run))?.metrics())?;
        let points = rows.iter().filter_map(|row| Some((f64::from(row.epoch), row.held_out?.1.total()))).collect();
        series.push(Series { name: "elbo, one line per seed".to_owned(), points, style: SeriesStyle::Line });
    }
    let published = PUBLISHED
        .lines()
        .skip(1)
        .map(|line| {
            let mut cells = line.split(',').map(str::parse::<f64>);
            Ok((cells.next().ok_or("no epoch")??, cells.next().ok_or("no loss")??))
        })
        .collect::<Result<_, Box<dyn std::error::Error>>>()?;
    series.push(Series { name: "published run".to_owned(), points: published, style: SeriesStyle::Emphasis });
    let title = "Test loss of the reference recipe";
    let figure = Figure::loss_comparison(title, "epoch", "test ELBO loss, nats per image (up to a constant)", &series);
    write_atomically(Path::new(&out).with_extension("svg").as_ref(), figure.svg().as_bytes())?;
    write_atomically(Path::new(&out).with_extension("png").as_ref(), &figure.png()?)?;
    Ok(())
}
