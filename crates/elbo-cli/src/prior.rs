//! `elbo prior`, and the prior of `elbo generate`.

use crate::Outcome;
use crate::args::PriorArgs;
use crate::device;
use crate::output::{counted, note, print};
use crate::progress::work_bar;
use crate::source::{check_unused, parts};
use elbo::dataset::Part;
use elbo::files::PartImages;
use elbo::vae::prior::{Candidate, FittedPrior, MOST_CANDIDATES, Mixture, PriorError, PriorEvaluation, PriorProgress};
use elbo::{Model, Vae};
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

pub(crate) fn run(arguments: &PriorArgs) -> anyhow::Result<Outcome> {
    let PriorArgs { run, seed, .. } = arguments;
    let vae = device::open(run, &arguments.on)?;
    check(run, &vae)?;
    let parts = parts(run, &vae, arguments.data.as_deref(), None, arguments.json)?;
    let fitted = fit(&vae, &parts, arguments.json)?;
    let (part, gain) = measure(&vae, &fitted.mixture, &parts, *seed)?;
    keep(run, &vae, &fitted.mixture)?;
    let text = if arguments.json {
        let tried: Vec<_> = fitted
            .candidates
            .iter()
            .map(|Candidate { components, covariance, held_out }| {
                json!({ "components": components, "covariance": covariance, "log_density": held_out })
            })
            .collect();
        let json = json!({
            "components": fitted.mixture.components(),
            "covariance": fitted.mixture.covariance(),
            "fitted_to_images": fitted.images,
            "draws_per_image": fitted.draws,
            "tried": tried,
            "split": part.to_string(),
            "images": gain.images,
            "unit": vae.engine().architecture().likelihood().unit(),
            "seed": seed,
            "reconstruction": gain.reconstruction,
            "kl_normal": gain.kl_standard,
            "kl_mixture": gain.kl_mixture,
            "gain": gain.gain(),
            "standard_error": gain.standard_error,
        });
        format!("{json:#}\n")
    } else {
        table(&vae, &fitted, part, &gain)?
    };
    print(&text)?;
    Ok(Outcome::Done)
}

/// The prior of a model, fitted and kept in its file if there is none yet.
pub(crate) fn prior_of(run: &Path, vae: &Vae) -> anyhow::Result<Mixture> {
    if let Some(prior) = &vae.card().prior {
        return Ok(prior.clone());
    }
    check(run, vae)?;
    let parts = parts(run, vae, None, None, false).map_err(|error| {
        let advice = format!("hint: fit it with its data: elbo prior {} DATA", crate::shell::word(run));
        let is_said = error.is::<elbo::Error>() || error.to_string().contains("hint: ");
        if is_said { error } else { anyhow::anyhow!("{error:#}\n{advice}") }
    })?;
    note("the model has no prior yet: it is fitted to the codes of its training set now, once");
    let fitted = fit(vae, &parts, false)?;
    let (part, gain) = measure(vae, &fitted.mixture, &parts, 1)?;
    note(&format!("{}: {}", title(&fitted), sentence(part, &gain)));
    keep(run, vae, &fitted.mixture)?;
    Ok(fitted.mixture)
}

/// Fails where no prior can be fitted, or kept, before there is work for nothing.
fn check(run: &Path, vae: &Vae) -> anyhow::Result<()> {
    if vae.card().architecture.prior_components() > 0 {
        return Err(elbo::Error::from(PriorError::Learned).into());
    }
    check_unused(run)
}

/// Fits a prior to the training set.
fn fit(vae: &Vae, parts: &[PartImages], quiet: bool) -> anyhow::Result<FittedPrior> {
    let Some(training) = parts.iter().find(|images| images.part == Part::Training) else {
        anyhow::bail!("the data have no training set");
    };
    let mut encoding = None;
    let mut trying = None;
    let fitted = vae.fit_prior(&training.images, &mut |progress| match progress {
        PriorProgress::Encoded { done, total } => {
            encoding.get_or_insert_with(|| work_bar("encoding images", total, quiet)).set_position(done as u64);
        }
        PriorProgress::Tried(_) => {
            if let Some(bar) = encoding.take() {
                bar.finish_and_clear();
            }
            trying.get_or_insert_with(|| work_bar("fitting mixtures", MOST_CANDIDATES, quiet)).inc(1);
        }
        _ => {}
    })?;
    for bar in encoding.into_iter().chain(trying) {
        bar.finish_and_clear();
    }
    if fitted.images < training.images.len() && !quiet {
        let (some, all) = (fitted.images, counted(training.images.len(), "image"));
        note(&format!("fitted to {some} of {all}, chosen at random"));
    }
    Ok(fitted)
}

/// What a prior gains, on the images that are the least known to the model.
fn measure(vae: &Vae, prior: &Mixture, parts: &[PartImages], seed: u64) -> anyhow::Result<(Part, PriorEvaluation)> {
    let wanted = [Part::Test, Part::Validation, Part::Training];
    let Some(images) = wanted.iter().find_map(|part| parts.iter().find(|images| images.part == *part)) else {
        anyhow::bail!("the data have no images");
    };
    let gain = vae.evaluate_prior(prior, &images.images, seed)?;
    anyhow::ensure!(
        (gain.reconstruction + gain.kl_standard + gain.kl_mixture).is_finite(),
        "the loss of the {} set is no number: a prior that cannot be measured is not kept\n\
         hint: the model has diverged; elbo inspect says more",
        images.part
    );
    Ok((images.part, gain))
}

/// Keeps a prior in the model file.
fn keep(run: &Path, vae: &Vae, prior: &Mixture) -> anyhow::Result<()> {
    let parameters = vae.engine().parameters().map_err(elbo::Error::from)?;
    Model::change(run, &parameters, |card| card.prior = Some(prior.clone()))?;
    Ok(())
}

fn title(FittedPrior { mixture, images, draws, .. }: &FittedPrior) -> String {
    let components = counted(mixture.components(), "component");
    let drawn = if *draws == 1 { "a draw".to_owned() } else { format!("{draws} draws") };
    let images = counted(*images, "training image");
    format!("prior of {components} with {} covariance, fitted to {drawn} for each of {images}", mixture.covariance())
}

fn sentence(part: Part, gain: &PriorEvaluation) -> String {
    format!(
        "{part} KL {:.2} nats instead of {:.2}, a gain of {:.2} (standard error {:.2})",
        gain.kl_mixture,
        gain.kl_standard,
        gain.gain(),
        gain.standard_error
    )
}

fn table(vae: &Vae, fitted: &FittedPrior, part: Part, gain: &PriorEvaluation) -> Result<String, std::fmt::Error> {
    let mut text = format!("{}\n\n", title(fitted));
    writeln!(text, "{:<12}{:>12}{:>30}", "components", "covariance", "held-out ln p(z), nats a code")?;
    for Candidate { components, covariance, held_out } in &fitted.candidates {
        writeln!(text, "{components:<12}{:>12}{held_out:>30.4}", covariance.to_string())?;
    }
    let unit = vae.engine().architecture().likelihood().unit();
    let images = counted(gain.images, "image");
    writeln!(text, "\n{images} of the {part} set; {unit}\n")?;
    writeln!(text, "{:<16}{:>10}{:>18}{:>12}", "prior", "ELBO loss", "reconstruction", "KL")?;
    for (name, kl) in [("normal", gain.kl_standard), ("aggregate", gain.kl_mixture)] {
        let (loss, reconstruction) = (gain.reconstruction + kl, gain.reconstruction);
        writeln!(text, "{name:<16}{loss:>10.4}{reconstruction:>18.4}{kl:>12.4}")?;
    }
    writeln!(text, "gain {:.4}, standard error {:.4}", gain.gain(), gain.standard_error)?;
    Ok(text)
}
