//! `elbo bench`.

use crate::Outcome;
use crate::args::BenchArgs;
use crate::device;
use crate::output::print;
use crate::summary::architecture_of;
use elbo::engine::DeviceName;
use elbo::engine::bench::{BenchReport, Rate, bench};
use elbo::engine::cuda::{CardReport, CardStep, Cuda, KernelTime};
use std::fmt::Write;

pub(crate) fn run(arguments: &BenchArgs) -> anyhow::Result<Outcome> {
    let (title, architecture) = architecture_of(arguments.run.as_deref())?;
    let chosen = device::choose(&arguments.on, &architecture)?;
    let (json, table) = if let DeviceName::Cuda(number) = chosen.name {
        let card = Cuda::new(number, arguments.on.precision()).map_err(elbo::Error::from)?;
        let report = card.bench(&architecture)?;
        (serde_json::to_string_pretty(&report)?, card_table(&report)?)
    } else {
        let report = bench(&architecture, arguments.on.threads())?;
        (serde_json::to_string_pretty(&report)?, table(&report)?)
    };
    print(&if arguments.json { format!("{json}\n") } else { format!("{title}\n{table}") })?;
    Ok(Outcome::Done)
}

fn card_table(report: &CardReport) -> Result<String, std::fmt::Error> {
    let CardReport { card, precision, gflop_an_image, steps } = report;
    let mut text = format!("{card}, {precision}\n");
    for CardStep { batch, microseconds, images_per_second, gflops, kernels } in steps {
        writeln!(
            text,
            "\nstep, batch {batch}: {microseconds:.1} us, {images_per_second:.0} images/s, {gflops:.0} GFLOP/s; by itself each kernel takes"
        )?;
        for KernelTime { kernel, microseconds } in kernels {
            writeln!(text, "  {kernel:<32}{microseconds:>8.1} us")?;
        }
    }
    writeln!(
        text,
        "\nOperations are the layers' nominal ones, {:.1} million per image and step. Batches are on the card already.",
        gflop_an_image * 1e3
    )?;
    Ok(text)
}

fn table(report: &BenchReport) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let BenchReport { isa, threads, gflop_an_image, product, steps, layers } = report;
    writeln!(text, "{threads} threads, {isa}; GFLOP/s, median of rounds (least to most)\n")?;
    writeln!(text, "{:<16}{:>24}", "matrix product", spread(*product))?;
    for step in steps {
        let name = format!("step, batch {}", step.batch);
        writeln!(
            text,
            "{name:<16}{:>24}{:>6.0} % of the product, {:.0} images/s",
            spread(step.gflops),
            100.0 * step.share_of_product,
            step.images_per_second.median
        )?;
    }
    writeln!(text, "\n{:<16}{:>24}{:>24}{:>24}", "layer", "forward", "input gradient", "weight gradient")?;
    for layer in layers {
        let input_gradient = layer.input_gradient.map_or(String::new(), spread);
        let (forward, weight_gradient) = (spread(layer.forward), spread(layer.weight_gradient));
        writeln!(text, "{:<16}{forward:>24}{input_gradient:>24}{weight_gradient:>24}", layer.name)?;
    }
    writeln!(
        text,
        "\nOperations are the layers' nominal ones, {:.1} million per image and step; multiplications by padding count, \
         though none are done. The last layer makes its gradients in one go: both rates are that of both.",
        gflop_an_image * 1e3
    )?;
    Ok(text)
}

fn spread(rate: Rate) -> String {
    format!("{:.1} ({:.1} to {:.1})", rate.median, rate.least, rate.most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use elbo::engine::bench::{LayerRate, StepRate};

    #[test]
    fn a_cards_table_has_each_kernel() {
        let kernel = KernelTime { kernel: "update", microseconds: 7.25 };
        let step =
            CardStep { batch: 64, microseconds: 100.0, images_per_second: 640e3, gflops: 26e3, kernels: vec![kernel] };
        let precision = elbo::engine::Precision::Tf32;
        let report = CardReport { card: "Card".to_owned(), precision, gflop_an_image: 0.0406, steps: vec![step] };
        let table = card_table(&report).unwrap();
        for part in ["Card, tf32", "batch 64: 100.0 us, 640000 images/s, 26000 GFLOP/s", "update   ", " 7.2 us"] {
            assert!(table.contains(part), "{part} in\n{table}");
        }
    }

    #[test]
    fn the_table_has_a_row_for_everything_measured() {
        let rate = |median: f64| Rate { median, least: median - 1.0, most: median + 1.0 };
        let layer = |name: &str, input_gradient| LayerRate {
            name: name.to_owned(),
            forward: rate(70.0),
            input_gradient,
            weight_gradient: rate(65.0),
        };
        let report = BenchReport {
            isa: "avx2",
            threads: 2,
            gflop_an_image: 0.0406,
            product: rate(80.0),
            steps: vec![StepRate {
                batch: 512,
                images_per_second: rate(1600.0),
                gflops: rate(64.0),
                share_of_product: 0.8,
            }],
            layers: vec![layer("encoder.conv1", None), layer("encoder.conv2", Some(rate(60.0)))],
        };
        let table = table(&report).unwrap();
        for part in [
            "2 threads, avx2",
            "80.0 (79.0 to 81.0)",
            "step, batch 512",
            "80 % of the product, 1600 images/s",
            "encoder.conv1",
            "60.0 (59.0 to 61.0)",
            "40.6 million",
        ] {
            assert!(table.contains(part), "{part} in\n{table}");
        }
    }
}
