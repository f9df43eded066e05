//! What is modelled and minimised: likelihoods, the weight of the divergence, classes.

use crate::common::{
    BARS, IdxFiles, args, contents, elbo, fails, measured, model, png_size, succeeds, train, with_bars,
};
use serde_json::Value;
use std::fs;

#[test]
fn every_likelihood_trains_and_says_which_it_is() {
    let here = with_bars();
    for (name, loss, words) in [
        ("gaussian", "ELBO loss", "Gaussian of unit variance, up to pixels/2 ln(2 pi)"),
        ("sigma-gaussian", "sigma-Gaussian ELBO loss", "Gaussian of learned variance"),
        ("bernoulli", "Bernoulli ELBO loss", "Bernoulli"),
        ("continuous-bernoulli", "continuous Bernoulli ELBO loss", "continuous Bernoulli"),
    ] {
        let printed = succeeds(&mut train(&here, &format!("bars --epochs 6 --likelihood {name} --out {name}")));
        let lines: Vec<&str> = printed.stdout.lines().collect();
        assert!(lines[0].starts_with(&format!("epoch 1/6  test {loss} ")), "{}", lines[0]);
        assert!(lines[6].starts_with(&format!("done: test {loss} ")), "{}", lines[6]);
        assert!(printed.stderr.contains(&format!("losses in nats per image, likelihood {words}\n")), "{printed:#?}");

        let run = here.path().join(name);
        let config = fs::read_to_string(run.join("config.toml")).unwrap();
        assert!(config.lines().any(|line| line == format!("likelihood = \"{name}\"")), "{config}");
        let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
        assert!(metrics.lines().skip(1).all(|line| line.split(',').nth(8) == Some(name)), "{metrics}");
        // Half of a run's unit-variance squared error is soon less than what latent vectors would cost.
        let kl: f64 = measured(&run)[5][5].parse().unwrap();
        assert_eq!(printed.stderr.contains("the latent vectors say nothing of the images"), kl < 0.1, "{printed:#?}");
        let losses: Vec<f64> = measured(&run).iter().map(|row| row[3].parse().unwrap()).collect();
        assert!(losses[5] < losses[0], "{name}: {losses:?}");

        let printed = succeeds(elbo(&here).args(["evaluate", name]));
        assert!(printed.stdout.lines().next().unwrap().ends_with(&format!("likelihood {words}")), "{printed:#?}");
        let printed = succeeds(elbo(&here).args(["evaluate", name, "--json"]));
        let evaluation: Value = serde_json::from_str(&printed.stdout).unwrap();
        assert_eq!(evaluation["likelihood"], name);
        let printed = succeeds(elbo(&here).args(["summary", name]));
        assert!(printed.stdout.contains(&format!("test {loss} ")), "{printed:#?}");
        let figure = fs::read_to_string(run.join("figures/loss.svg")).unwrap();
        assert!(name == "gaussian" || figure.contains(&format!("\"{loss}, nats per image\"")), "{name}");
        assert_eq!(figure.contains("up to a constant"), name == "gaussian");
        succeeds(elbo(&here).args(["generate", name, "--count", "1", "--out", "one.png"]));
        assert_eq!(png_size(here.path().join("one.png")), [10, 12]);
    }
    let bytes = model(here.path().join("sigma-gaussian"));
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("decoder.log_sigma").unwrap().shape(), [1]);
    let raw = f32::from_le_bytes(tensors.tensor("decoder.log_sigma").unwrap().data().try_into().unwrap());
    assert!(raw < -0.01, "{raw} has not been learned");
    let bytes = model(here.path().join("bernoulli"));
    assert!(safetensors::SafeTensors::deserialize(&bytes).unwrap().tensor("decoder.log_sigma").is_err());
}

#[test]
fn other_objectives_train_resume_and_say_what_they_are() {
    let here = with_bars();
    for (name, options, line, kept) in [
        ("iwae", "--objective iwae", "minimises the importance-weighted bound of 5 samples", "samples = 5"),
        ("tc", "--objective beta-tc --beta 3", "weighs the total correlation 3 times", "objective = \"beta-tc\""),
        ("mixture", "--prior-components 4", "learns a mixture of 4 Gaussians as the prior", "prior_components = 4"),
    ] {
        let printed = succeeds(&mut train(&here, &format!("bars --epochs 3 {options} --out {name}")));
        assert!(printed.stderr.contains(&format!("\n{line}\n")), "{printed:#?}");
        let config = fs::read_to_string(here.path().join(name).join("config.toml")).unwrap();
        assert!(config.lines().any(|line| line == kept), "{config}");
        let settings = format!("bars --quiet --config {name}/config.toml --out {name}-part --epochs 2");
        succeeds(elbo(&here).arg("train").args(args(&settings)));
        succeeds(elbo(&here).args(args(&format!("train --quiet --resume {name}-part --epochs 3"))));
        assert_eq!(model(here.path().join(name)), model(here.path().join(format!("{name}-part"))), "{name}");
        succeeds(elbo(&here).args(["generate", name, "--count", "4", "--out", "sheet.png"]));
    }
    for (options, said) in [
        ("--samples 3", "the number of samples must be 1 but for the objective iwae, not 3"),
        ("--objective iwae --samples 0", "the number of samples must be from 1 to 4096, not 0"),
        ("--objective iwae --free-bits 0.1", "the number of free bits must be 0 with the objective iwae"),
        ("--objective beta-tc --prior-components 2", "the number of the prior's components must be 0"),
        ("--prior-components 5000", "the number of components of the prior must be from 0 to 1024, not 5000"),
    ] {
        let error = fails(&mut train(&here, &format!("bars {options} --out none")));
        assert!(error.contains(said), "{error}");
        assert!(!here.path().join("none").exists());
    }
}

#[test]
fn a_likelihood_is_kept_by_configs_and_resumed_runs() {
    let here = with_bars();
    let settings = "bars --likelihood sigma-gaussian --quiet";
    succeeds(&mut train(&here, &format!("{settings} --epochs 3 --out whole")));
    succeeds(&mut train(&here, &format!("{settings} --epochs 1 --out parts")));
    succeeds(elbo(&here).args(args("train --resume parts --epochs 3 --quiet --threads 1")));
    assert!(model(here.path().join("whole")) == model(here.path().join("parts")));
    succeeds(elbo(&here).args(args("train --config whole/config.toml --quiet --out again")));
    assert!(model(here.path().join("whole")) == model(here.path().join("again")));
}

#[test]
fn a_likelihood_that_is_none_is_refused() {
    let here = with_bars();
    succeeds(&mut train(&here, "bars --epochs 1 --quiet --out run"));
    let config = fs::read_to_string(here.path().join("run/config.toml")).unwrap();
    fs::write(here.path().join("mistake.toml"), config.replace("\"gaussian\"", "\"cauchy\"")).unwrap();
    let message = fails(elbo(&here).args(args("train --config mistake.toml")));
    assert!(message.contains("cauchy") && message.contains("bernoulli"), "{message}");
}

#[test]
fn the_divergence_warms_up_and_has_free_bits() {
    let here = with_bars();
    let last = |name: &str, options: &str| -> Vec<f64> {
        succeeds(&mut train(&here, &format!("bars --epochs 8 --learning-rate 0.01 --quiet --out {name} {options}")));
        let rows = measured(here.path().join(name));
        rows.iter().map(|row| row[5].parse().unwrap()).collect()
    };
    let plain = last("plain", "");
    let warm = last("warm", "--kl-warmup 1");
    let free = last("free", "--free-bits 5");
    // Reported is the whole divergence, which is larger where it counts less.
    assert!(warm[3] > plain[3], "{warm:?} {plain:?}");
    assert!(free[7] > plain[7], "{free:?} {plain:?}");
    let config = fs::read_to_string(here.path().join("warm/config.toml")).unwrap();
    assert!(config.lines().any(|line| line == "kl_warmup = 1.0"), "{config}");

    // A function of the step alone: to the same bits with a stop between.
    let options = "--kl-warmup 0.7 --free-bits 0.1 --recipe fast --widths 4,6 --latent-dim 3 --epochs 3 --quiet";
    let whole = succeeds(elbo(&here).args(args(&format!("train bars {options} --out whole --threads 3"))));
    assert!(whole.stdout.contains("3 epochs"));
    succeeds(elbo(&here).args(args("train --config whole/config.toml --out again --quiet --threads 1")));
    assert!(model(here.path().join("whole")) == model(here.path().join("again")));

    for (option, named) in [("--kl-warmup 2", "warm-up of the divergence"), ("--free-bits=-1", "free bits")] {
        let message = fails(&mut train(&here, &format!("bars --epochs 1 {option}")));
        assert!(message.contains(named), "{message}");
    }
}

#[test]
fn a_conditional_model_is_told_the_class() {
    let here = with_bars();
    let settings = "bars --conditional --epochs 12 --learning-rate 0.01 --quiet";
    succeeds(&mut train(&here, &format!("{settings} --out run")));
    succeeds(elbo(&here).args(args("train --config run/config.toml --quiet --out one --threads 1")));
    assert!(model(here.path().join("run")) == model(here.path().join("one")));
    succeeds(&mut train(&here, "bars --conditional --epochs 5 --learning-rate 0.01 --quiet --out parts"));
    succeeds(elbo(&here).args(args("train --resume parts --epochs 12 --quiet")));
    assert!(model(here.path().join("run")) == model(here.path().join("parts")));
    let bytes = model(here.path().join("run"));
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("encoder.class.weight").unwrap().shape(), [4, 6]);
    assert_eq!(tensors.tensor("decoder.class.weight").unwrap().shape(), [4, 3 * 3 * 6]);

    succeeds(elbo(&here).args(args("train --config run/config.toml --conditional=false --epochs 1 --quiet --out not")));
    assert!(fails(elbo(&here).args(args("generate not --class 1"))).contains("not trained with classes"));

    // In turn without a class; with one, images of it alone, from the same draws.
    let images = |out: &str, options: &str| {
        succeeds(elbo(&here).args(args(&format!("generate run --count 8 --out {out} {options}"))));
        contents(&here.path().join(out))
    };
    let in_turn = images("turns", "");
    for class in 0..4 {
        let of_class = images(&format!("class-{class}"), &format!("--class {class}"));
        let same: Vec<bool> = in_turn.iter().zip(&of_class).map(|(a, b)| a.1 == b.1).collect();
        assert_eq!(same, (0..8).map(|sample| sample % 4 == class).collect::<Vec<bool>>(), "{class}");
    }
    succeeds(elbo(&here).args(args("reconstruct run")));
    succeeds(elbo(&here).args(args("evaluate run")));
    let printed = succeeds(elbo(&here).args(args("summary run")));
    assert!(printed.stdout.contains("\nconditional on the classes 0, 1, 2, 3\n"), "{printed:#?}");
    assert!(printed.stdout.contains("\nencoder.class "), "{printed:#?}");
    let count = elbo::Model::open(here.path().join("run")).unwrap().parameters.len();
    assert!(printed.stdout.contains(&format!(" {},{:03} ", count / 1000, count % 1000)), "{count}\n{printed:#?}");
    let printed = succeeds(elbo(&here).args(args("figures run")));
    assert_eq!(printed.stdout.lines().count(), 4);
    let figure = fs::read_to_string(here.path().join("run/figures/samples.svg")).unwrap();
    assert_eq!(figure.matches("<image").count(), 40);

    for class in ["4", "bar"] {
        let message = fails(elbo(&here).args(["generate", "run", "--class", class]));
        assert!(message.contains(&format!("no class '{class}'")) && message.contains("hint: "), "{message}");
    }
}

#[test]
fn classes_that_are_missing_or_unknown_are_told() {
    let here = with_bars();
    IdxFiles { labels: false, ..BARS }.write(here.path().join("unlabelled"));
    let message = fails(&mut train(&here, "unlabelled --conditional"));
    assert!(message.contains("have no labels") && message.contains("hint: "), "{message}");
    succeeds(&mut train(&here, "bars --epochs 1 --quiet --out plain"));
    let message = fails(elbo(&here).args(args("generate plain --class 1")));
    assert!(message.contains("not trained with classes") && message.contains("hint: "), "{message}");
    succeeds(&mut train(&here, "bars --conditional --epochs 1 --quiet --out run"));
    for command in ["evaluate", "reconstruct", "figures"] {
        let message = fails(elbo(&here).args([command, "run", "unlabelled"]));
        assert!(message.contains("have no labels"), "{command}: {message}");
    }
    // A class that was not trained on.
    let labels = here.path().join("bars/t10k-labels-idx1-ubyte");
    let mut bytes = fs::read(&labels).unwrap();
    *bytes.last_mut().unwrap() = 9;
    fs::write(&labels, bytes).unwrap();
    let message = fails(elbo(&here).args(args("evaluate run bars")));
    assert!(message.contains("no class '9'"), "{message}");
}
