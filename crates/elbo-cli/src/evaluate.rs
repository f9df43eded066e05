//! `elbo evaluate`.

use crate::Outcome;
use crate::args::EvaluateArgs;
use crate::device;
use crate::output::{counted, print};
use crate::source::tested;
use elbo::Loss;
use serde_json::json;
use std::fmt::Write;

pub(crate) fn run(arguments: &EvaluateArgs) -> anyhow::Result<Outcome> {
    let vae = device::open(&arguments.run, &arguments.on)?;
    let (tested, title) = tested(&arguments.run, &vae, arguments.data.as_deref())?;
    let evaluation = vae.evaluate(&tested.images, arguments.seed)?;
    let likelihood = vae.engine().architecture().likelihood();
    let rows = [("sampled", evaluation.sampled), ("at the mean", evaluation.at_mean)];
    let text = if arguments.json {
        let parts = |elbo: Loss| json!({ "loss": elbo.total(), "reconstruction": elbo.reconstruction, "kl": elbo.kl });
        let json = json!({
            "data": tested.name,
            "split": tested.part.map(|part| part.to_string()),
            "images": evaluation.images,
            "likelihood": likelihood,
            "unit": likelihood.unit(),
            "seed": arguments.seed,
            "sampled": parts(evaluation.sampled),
            "mean": parts(evaluation.at_mean),
        });
        format!("{json:#}\n")
    } else {
        let mut text = format!(
            "{} of {title}; {}\n\n{:<14}{:>12}{:>18}{:>12}\n",
            counted(evaluation.images, "image"),
            likelihood.unit(),
            "latent vector",
            "ELBO loss",
            "reconstruction",
            "KL"
        );
        for (name, elbo) in rows {
            writeln!(text, "{name:<14}{:>12.4}{:>18.4}{:>12.4}", elbo.total(), elbo.reconstruction, elbo.kl)?;
        }
        text
    };
    print(&text)?;
    Ok(Outcome::Done)
}
