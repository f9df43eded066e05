//! `elbo train`: what it prints, what it leaves behind, and how its settings come together.

use crate::common::{
    BARS, IdxFiles, args, contents, elbo, ends_with, fails, masked, measured, model, names, succeeds, train, with_bars,
    with_run,
};
use std::fs;

#[test]
fn without_a_terminal_there_are_plain_lines() {
    let here = with_bars();
    let printed = succeeds(&mut train(&here, "bars --epochs 10 --out run"));
    let lines: Vec<&str> = printed.stdout.lines().collect();
    assert_eq!(lines.len(), 11, "{printed:#?}");
    for (line, number) in lines.iter().zip(1..=10) {
        assert!(line.starts_with(&format!("epoch {number:>2}/10  test ELBO loss ")), "{line}");
        let template = "epoch #/#  test ELBO loss # (reconstruction #, KL #)  # s, # images/s";
        assert_eq!(masked(line).replace("epoch  ", "epoch "), template);
    }
    assert_eq!(masked(lines[10]), "done: test ELBO loss # nats per image, # epochs in #:#; see run");

    let lines: Vec<&str> = printed.stderr.lines().collect();
    assert_eq!(lines.len(), 6, "{printed:#?}");
    assert_eq!(lines[0], "bars: 200 images of 12x10x1 to train on, 60 to test");
    assert!(masked(lines[1]).ends_with("; # batches of # per epoch"), "{}", lines[1]);
    assert!(lines[1].contains("latent dimension 3, 2 threads") && lines[1].contains("5 batches of 37"));
    assert_eq!(
        lines[2],
        "run directory run; ELBO losses in nats per image, likelihood Gaussian of unit variance, up to pixels/2 ln(2 pi)"
    );
    let left_out =
        "the last 15 images are never trained on, since they fill no batch: --shuffle, or another --batch-size";
    assert_eq!(lines[3], left_out);
    assert!(lines[4].starts_with("device auto is cpu: NVIDIA's driver "), "{}", lines[4]);
    assert!(lines[5].contains("say nothing of the images") && lines[5].contains("sigma-gaussian"), "{}", lines[5]);
    assert!(lines[5].ends_with("; see \"When KL is near zero\" in the guide"), "{}", lines[5]);
}

#[test]
fn a_run_leaves_its_files_and_nothing_else() {
    let here = with_bars();
    succeeds(&mut train(&here, "bars --epochs 2 --out run --quiet"));
    let run = here.path().join("run");
    let expected = [
        ".lock",
        "best.safetensors",
        "checkpoint.safetensors",
        "config.toml",
        "figures",
        "metrics.csv",
        "model.safetensors",
    ];
    assert_eq!(names(&run), expected);
    assert_eq!(names(run.join("figures")).len(), 8);

    let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let header = "epoch,learning_rate,train_loss,test_loss,test_reconstruction,test_kl,seconds,images_per_second,\
                  likelihood,validation_loss,validation_reconstruction,validation_kl,step";
    assert_eq!(metrics.lines().next(), Some(header));
    let row = |line: &str| -> Vec<f64> {
        let (line, step) = line.rsplit_once(',').unwrap();
        // Nothing was held out beside the test set.
        let line = line.strip_suffix(",gaussian,,,").unwrap();
        line.split(',').chain([step]).map(|cell| cell.parse().unwrap()).collect()
    };
    let rows: Vec<Vec<f64>> = metrics.lines().skip(1).map(row).collect();
    assert_eq!(rows.len(), 2);
    for (row, epoch) in rows.iter().zip([1.0, 2.0]) {
        let [number, rate, train, test, reconstruction, kl, seconds, speed, step] = row[..] else { panic!("{row:?}") };
        assert_eq!([number, rate, step], [epoch, 1e-3, epoch * rows[0][8]]);
        assert!(train > 0.0 && reconstruction > 0.0 && kl >= 0.0 && seconds > 0.0 && speed > 0.0, "{row:?}");
        assert!((test - reconstruction - kl).abs() <= 1e-12 * test, "{row:?}");
    }

    let bytes = model(&run);
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("encoder.conv1.weight").unwrap().shape(), [3, 3, 1, 4]);
}

#[test]
fn the_config_of_a_run_repeats_it() {
    let here = with_bars();
    let settings = "bars --epochs 2 --seed 7 --shuffle --learning-rate 0.0023 --beta 0.5 --out run";
    let first = succeeds(&mut train(&here, settings));
    let second = succeeds(elbo(&here).args(args("train --config run/config.toml --out other")));
    assert_eq!(model(here.path().join("run")), model(here.path().join("other")));
    let config = |run: &str| fs::read_to_string(here.path().join(run).join("config.toml")).unwrap();
    assert_eq!(config("run"), config("other"));
    assert_eq!(masked(&first.stdout).replace("see run", "see other"), masked(&second.stdout));
}

#[test]
fn options_go_before_the_config() {
    let here = with_bars();
    succeeds(&mut train(&here, "bars --epochs 1 --shuffle --out run --quiet"));
    let other = "--epochs 2 --seed 9 --no-shuffle --latent-dim 2 --widths 5 --batch-size 50 --learning-rate 0.01";
    let line = format!("train --config run/config.toml --quiet {other}");
    succeeds(elbo(&here).args(args(&line)).args(args("--out changed")));
    succeeds(elbo(&here).args(args(&format!("train bars --recipe reference --quiet --out given {other}"))));
    assert_eq!(model(here.path().join("changed")), model(here.path().join("given")));
    let config = fs::read_to_string(here.path().join("changed/config.toml")).unwrap();
    for line in ["epochs = 2", "seed = 9", "shuffle = false", "latent_dim = 2", "batch_size = 50"] {
        assert!(config.lines().any(|present| present == line), "{line} is not in\n{config}");
    }
}

#[test]
fn each_recipe_has_its_settings_and_options_change_them() {
    let here = with_bars();
    let small = "--widths 4,6 --latent-dim 3 --quiet";
    let config = |name: &str, line: &str| -> String {
        succeeds(elbo(&here).args(args(&format!("train bars {small} {line} --out {name}"))));
        fs::read_to_string(here.path().join(name).join("config.toml")).unwrap()
    };
    let auto = config("auto", "--epochs 12");
    for line in ["batch_size = 16", "shuffle = true", "[recipe.schedule.linear]"] {
        assert!(auto.lines().any(|present| present == line), "{line} is not in\n{auto}");
    }
    assert!(auto.contains("muon_learning_rate") && auto.contains("kl_gradient = \"path\""), "{auto}");
    let rates: Vec<f64> = fs::read_to_string(here.path().join("auto/metrics.csv"))
        .unwrap()
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(1).unwrap().parse().unwrap())
        .collect();
    // The first epoch or two rise.
    assert!(rates[2..].windows(2).all(|pair| pair[0] > pair[1]) && rates[11] < 0.05 * rates[2], "{rates:?}");

    let reference = config("reference", "--recipe reference --epochs 1");
    assert!(!reference.contains("muon") && reference.contains("schedule = \"constant\""), "{reference}");
    assert!(reference.contains("kl_gradient = \"analytic\""), "{reference}");

    let changed = config("changed", "--epochs 1 --muon-learning-rate none --schedule constant --kl-gradient analytic");
    assert!(!changed.contains("muon") && changed.contains("schedule = \"constant\""), "{changed}");
    assert!(changed.contains("kl_gradient = \"analytic\""), "{changed}");
    let changed = config("risen", "--recipe reference --epochs 1 --muon-learning-rate 0.01 --warmup 0.25");
    assert!(changed.contains("muon_learning_rate = 0.01") && changed.contains("warmup = 0.25"), "{changed}");

    let message = ends_with(2, elbo(&here).args(args("train bars --muon-learning-rate fast"))).stderr;
    assert!(message.contains("neither a number nor 'none'"), "{message}");
    let message = fails(elbo(&here).args(args("train bars --schedule constant --warmup 0.1")));
    assert!(message.contains("--warmup"), "{message}");
    let message = fails(elbo(&here).args(args("train bars --warmup 1")));
    assert!(message.contains("warm-up"), "{message}");
    let message = fails(elbo(&here).args(args("train bars --muon-learning-rate 0")));
    assert!(message.contains("Muon"), "{message}");
}

#[test]
fn without_options_the_settings_suit_the_images_and_are_told() {
    let here = tempfile::tempdir().unwrap();
    IdxFiles { height: 8, width: 8, train: 40, test: 0, labels: false, ..BARS }.write(here.path().join("small"));
    let printed = succeeds(elbo(&here).args(args("train small --out run")));
    let told = "for 36 images of 8x8x1 to train on: widths 32, latent dimension 8, a learned variance, batches of 16, 500 epochs (options change them)\n";
    assert!(printed.stderr.starts_with(told), "{printed:#?}");
    assert!(printed.stderr.contains("36 images of 8x8x1 to train on, 4 to validate"), "{printed:#?}");
    let config = fs::read_to_string(here.path().join("run/config.toml")).unwrap();
    let chosen =
        ["epochs = 500", "batch_size = 16", "latent_dim = 8", "widths = [32]", "likelihood = \"sigma-gaussian\""];
    for line in chosen.into_iter().chain(["validation = 0.1"]) {
        assert!(config.lines().any(|present| present == line), "{line} is not in\n{config}");
    }
    assert_eq!(measured(here.path().join("run")).len(), 500);

    // An option changes one of them, and a recipe of fixed settings has none to tell.
    let printed = succeeds(elbo(&here).args(args("train small --epochs 1 --widths 4,4")));
    assert!(
        printed.stderr.contains("widths 4,4, latent dimension 8, a learned variance, batches of 16, 1 epochs"),
        "{printed:#?}"
    );
    let printed = succeeds(elbo(&here).args(args("train small --recipe reference --epochs 1")));
    assert!(printed.stderr.starts_with("small: 36 images"), "{printed:#?}");
    let printed = succeeds(elbo(&here).args(args("train --config run/config.toml --epochs 1")));
    assert!(printed.stderr.starts_with("small: 36 images"), "{printed:#?}");
}

#[test]
fn a_config_with_a_mistake_is_refused() {
    let here = with_run();
    let config = fs::read_to_string(here.path().join("run/config.toml")).unwrap();
    for (mistake, named) in [
        (config.replace("epochs", "epoch"), "epoch"),
        (config.replace("seed = 1", "seed = \"one\""), "one"),
        (config.replace("beta = 1.0\n", ""), "beta"),
        (config.replace("epochs = 2", "epochs = 0"), "epochs"),
        ("no settings".to_owned(), "mistake.toml"),
    ] {
        fs::write(here.path().join("mistake.toml"), mistake).unwrap();
        let message = fails(elbo(&here).args(args("train --config mistake.toml")));
        assert!(message.contains(named), "{named}: {message}");
    }
    assert!(!here.path().join("runs").exists());
}

#[test]
fn runs_are_numbered_unless_told_otherwise() {
    let here = with_bars();
    for name in ["runs/bars", "runs/bars-2"] {
        let printed = succeeds(&mut train(&here, "bars --epochs 1"));
        assert!(printed.stdout.ends_with(&format!("; see {name}\n")), "{printed:#?}");
        assert!(here.path().join(name).join("model.safetensors").exists());
    }
    assert_eq!(names(here.path().join("runs")), ["bars", "bars-2"]);
}

#[test]
fn a_run_is_never_overwritten() {
    let here = with_run();
    let run = here.path().join("run");
    let before = contents(&run);
    let message = fails(&mut train(&here, "bars --epochs 1 --out run"));
    assert!(message.contains("run already holds a run") && message.contains("\nhint: choose another --out"));
    assert!(message.contains("elbo train --resume run"), "{message}");
    assert_eq!(contents(&run), before);
}

#[test]
fn quiet_leaves_one_line() {
    let here = with_bars();
    let printed = succeeds(&mut train(&here, "bars --epochs 2 -q"));
    assert_eq!(printed.stderr, "");
    assert_eq!(printed.stdout.lines().count(), 1);
    assert!(printed.stdout.starts_with("done: "));
}

#[test]
fn a_run_that_has_learned_nothing_says_so() {
    let here = with_bars();
    for (rate, expected) in [
        ("1e-12", "the loss on the training images has not fallen since epoch 2 ("),
        ("0.5", "the decoder makes the same of every latent vector: "),
    ] {
        let printed = succeeds(&mut train(&here, &format!("bars --epochs 4 --shuffle --learning-rate {rate}")));
        assert!(printed.stderr.lines().last().unwrap().starts_with(expected), "{printed:#?}");
        assert!(!printed.stderr.contains("never trained on"), "{printed:#?}");
    }
    // Two epochs are too few to tell.
    let printed = succeeds(&mut train(&here, "bars --epochs 2 --learning-rate 1e-12"));
    assert!(!printed.stderr.contains("has not fallen"), "{printed:#?}");
}

#[test]
fn the_order_of_the_images_matters_and_the_last_option_counts() {
    let here = with_bars();
    let model_after = |options: &str| {
        let out = options.replace(' ', "");
        succeeds(&mut train(&here, &format!("bars --epochs 1 --quiet --out run{out} {options}")));
        model(here.path().join(format!("run{out}")))
    };
    let (plain, shuffled) = (model_after(""), model_after("--shuffle"));
    assert_ne!(plain, shuffled);
    assert_eq!(plain, model_after("--no-shuffle"));
    assert_eq!(plain, model_after("--shuffle --no-shuffle"));
    assert_eq!(shuffled, model_after("--no-shuffle --shuffle"));
}

#[test]
fn the_model_is_the_same_for_any_number_of_threads() {
    let here = with_bars();
    let model_on = |threads: usize| {
        let widths = "--widths 8,8 --latent-dim 4 --batch-size 90";
        let line = format!("train bars --epochs 2 --quiet {widths} --threads {threads} --out run{threads}");
        succeeds(elbo(&here).args(args(&line)));
        model(here.path().join(format!("run{threads}")))
    };
    let one = model_on(1);
    for threads in [3, 0] {
        assert!(one == model_on(threads), "{threads} threads");
    }
}

#[test]
fn data_comes_in_many_kinds() {
    let here = tempfile::tempdir().unwrap();
    let odd = IdxFiles { height: 9, width: 13, train: 75, test: 21, ..BARS };
    for (name, files) in [
        ("unlabelled", IdxFiles { labels: false, ..BARS }),
        ("untested", IdxFiles { test: 0, ..BARS }),
        ("neither", IdxFiles { labels: false, test: 0, ..BARS }),
        ("odd", odd),
        ("compressed", IdxFiles { gzip: true, ..BARS }),
        ("smaller-than-a-batch", IdxFiles { train: 5, test: 1, ..BARS }),
        ("a-single-image", IdxFiles { train: 1, test: 1, ..BARS }),
    ] {
        files.write(here.path().join(name));
        let printed = succeeds(&mut train(&here, &format!("{name} --epochs 1")));
        let run = here.path().join("runs").join(name);
        assert_eq!(names(run.join("figures")).len(), 8);
        let measure = if files.test == 0 { "validation ELBO loss" } else { "test ELBO loss" };
        assert!(printed.stdout.starts_with(&format!("epoch 1/1  {measure} ")), "{printed:#?}");
        assert!(printed.stdout.contains(&format!("done: {measure} ")), "{printed:#?}");
        assert_eq!(printed.stderr.contains(", 20 to validate"), files.test == 0, "{printed:#?}");
        let measured = measured(&run);
        assert_eq!(measured[0][3..].iter().all(String::is_empty), files.test == 0, "{measured:?}");
        // What was trained on is found again.
        succeeds(elbo(&here).args(["evaluate", run.to_str().unwrap()]));
    }
    // Compression and labels have no part in what is learned.
    let weights =
        |name: &str| elbo::Model::read(&here.path().join("runs").join(name).join("model.safetensors")).unwrap();
    assert_eq!(weights("compressed").parameters, weights("unlabelled").parameters);
}

#[test]
fn data_may_be_named_by_prefix_or_file() {
    let here = with_bars();
    let bars = here.path().join("bars");
    let sets = here.path().join("sets");
    fs::create_dir(&sets).unwrap();
    for name in names(&bars) {
        for prefix in ["first", "second"] {
            fs::copy(bars.join(&name), sets.join(format!("{prefix}-{name}"))).unwrap();
        }
    }
    let message = fails(&mut train(&here, "sets --epochs 1"));
    assert!(message.contains("first") && message.contains("second"), "{message}");
    succeeds(&mut train(&here, "sets/second --epochs 1 --quiet"));
    succeeds(&mut train(&here, "sets/first-train-images-idx3-ubyte --epochs 1 --quiet"));
    assert_eq!(names(here.path().join("runs")), ["first", "second"]);
}

#[test]
fn images_that_no_network_takes_are_refused() {
    let here = tempfile::tempdir().unwrap();
    IdxFiles { height: 7, ..BARS }.write(here.path().join("low"));
    let message = fails(&mut train(&here, "low"));
    assert!(message.contains("height") && message.contains('7'), "{message}");
    assert_eq!(names(&here), ["low"]);
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_with_advice() {
    let here = with_bars();
    let printed = ends_with(1, &mut train(&here, "bars --epochs 2 --learning-rate 1e30 --out run"));
    assert_eq!(printed.stdout, "");
    let message = printed.stderr.split_once("error: ").expect("an error").1;
    assert!(message.contains("the loss is not finite in epoch 1, batch 2"), "{message}");
    assert!(message.contains("\nhint: train anew with lower rates, for example --learning-rate 1"), "{message}");
    let beta = "train bars --epochs 2 --widths 4,6 --beta 1e30 --out beta";
    let message = ends_with(1, elbo(&here).args(args(beta))).stderr;
    assert!(message.contains("at a learning rate of 0.005, of Muon 0.04, with beta 1e30"), "{message}");
    assert!(message.contains("\nhint: train anew with a lower --beta: 1 is usual"), "{message}");
    let printed = ends_with(1, &mut train(&here, "bars --epochs 2 --muon-learning-rate 1e30 --out muon"));
    assert!(printed.stderr.contains("example --learning-rate 0.0001 --muon-learning-rate 1"), "{printed:#?}");
}
