//! Images held out of the training set: which they are, where they are measured, and that all commands take the same.

use crate::common::{BARS, IdxFiles, args, elbo, fails, measured, model, names, succeeds, train, with_bars};
use elbo::Model;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A directory with a data set without a test set in `untested`.
fn untested() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    IdxFiles { test: 0, ..BARS }.write(here.path().join("untested"));
    here
}

fn card(run: &Path) -> elbo::files::ModelCard {
    Model::read(&run.join("model.safetensors")).unwrap().card
}

fn evaluate(here: &Path, line: &str) -> Value {
    let printed = succeeds(elbo(here).args(args(&format!("evaluate --json {line}"))));
    serde_json::from_str(&printed.stdout).unwrap()
}

#[test]
fn without_a_test_set_a_tenth_is_held_out() {
    let here = untested();
    let printed = succeeds(&mut train(&here, "untested --epochs 2 --out run"));
    assert!(printed.stderr.starts_with("untested: 180 images of 12x10x1 to train on, 20 to validate\n"));
    assert!(printed.stdout.contains("\ndone: validation ELBO loss "), "{printed:#?}");
    let run = here.path().join("run");
    let data = card(&run).data;
    assert_eq!((data.train_images, data.validation_images, data.test_images), (180, 20, 0));
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.lines().any(|line| line == "validation = 0.1"), "{config}");
    let svg = fs::read_to_string(run.join("figures/loss.svg")).unwrap();
    assert!(svg.contains("\"validation, KL divergence\""));
    let summary = succeeds(elbo(&here).args(args("summary run"))).stdout;
    assert!(summary.contains(", validation ELBO loss "), "{summary}");
}

#[test]
fn the_same_images_are_found_by_all_commands() {
    let here = untested();
    let here = here.path();
    succeeds(&mut train(here, "untested --epochs 2 --seed 5 --quiet --out run"));
    let of_the_run = evaluate(here, "run");
    assert_eq!((&of_the_run["split"], &of_the_run["images"]), (&Value::from("validation"), &Value::from(20)));
    // By the data's path too, and from the model file alone.
    assert_eq!(evaluate(here, "run untested"), of_the_run);
    assert_eq!(evaluate(here, "run/model.safetensors untested"), of_the_run);
    for line in ["reconstruct run", "reconstruct run/model.safetensors untested"] {
        let printed = succeeds(elbo(here).args(args(line)));
        assert!(printed.stdout.starts_with("20 images of untested (validation set)"), "{printed:#?}");
    }
    let figure = fs::read(here.join("run/figures/reconstruction.png")).unwrap();
    succeeds(elbo(here).args(args("figures run")));
    assert!(fs::read(here.join("run/figures/reconstruction.png")).unwrap() == figure);

    // Other images of that shape are not those that were trained on, and none of them were held out.
    IdxFiles { test: 0, seed: 9, ..BARS }.write(here.join("other"));
    let other = evaluate(here, "run other");
    assert_eq!((&other["split"], &other["images"]), (&Value::Null, &Value::from(200)));
}

/// A file with the first of these texts in its header replaced by the second, of the same length.
fn replace(path: &Path, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let mut file = fs::read(path).unwrap();
    let place = file.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    file[place..place + from.len()].copy_from_slice(to.as_bytes());
    fs::write(path, file).unwrap();
}

/// As the file was written before it had digests, so that no damage is seen where one changes it.
fn without_digests(path: &Path) {
    for field in ["tensors_digest", "document_digest"] {
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let (_, after) = text.split_once(&format!(r#",\"{field}\":\""#)).unwrap();
        let found = format!(r#",\"{field}\":\"{}\""#, &after[..64]);
        replace(path, &found, &" ".repeat(found.len()));
    }
    replace(path, r#"\"format\":4"#, r#"\"format\":1"#);
}

/// The data of the run has changed: what is measured might have been trained on.
#[test]
fn a_run_whose_data_changed_is_not_measured_on_it_unasked() {
    let here = untested();
    let here = here.path();
    succeeds(&mut train(here, "untested --epochs 1 --quiet --out run"));
    IdxFiles { test: 0, seed: 9, ..BARS }.write(here.join("untested"));
    for command in ["evaluate", "reconstruct", "figures"] {
        let message = fails(elbo(here).args([command, "run"]));
        assert!(message.contains("has changed since the model was trained") && message.contains("hint: "), "{message}");
    }
    let printed = succeeds(elbo(here).args(args("evaluate run untested")));
    assert!(printed.stdout.starts_with("200 images of untested;"), "{printed:#?}");
    assert!(printed.stderr.contains("most of them may have been trained on"), "{printed:#?}");
}

/// The same where the run has found its data under another name.
#[test]
fn a_run_whose_data_moved_and_changed_is_not_measured_on_it_unasked() {
    let here = untested();
    let here = here.path();
    succeeds(&mut train(here, "untested --epochs 1 --quiet --out run"));
    fs::rename(here.join("untested"), here.join("moved")).unwrap();
    succeeds(elbo(here).args(args("train moved --resume run --epochs 2 --quiet")));
    assert_eq!(evaluate(here, "run")["images"], 20);
    IdxFiles { test: 0, seed: 9, ..BARS }.write(here.join("moved"));
    let message = fails(elbo(here).args(["evaluate", "run"]));
    assert!(message.contains("moved has changed since the model was trained"), "{message}");
}

#[test]
fn a_model_is_not_tried_on_images_that_it_was_trained_on() {
    let here = untested();
    let here = here.path();
    succeeds(&mut train(here, "untested --epochs 1 --quiet --out run"));
    let path = here.join("run/model.safetensors");
    without_digests(&path);
    let digest = card(&here.join("run")).data.held_out_digest.unwrap();
    // As if the images were divided otherwise now.
    let other = "0".repeat(64);
    replace(&path, &digest, &other);
    for command in ["evaluate", "reconstruct", "figures"] {
        let message = fails(elbo(here).args([command, "run"]));
        let said = format!(
            "the images held out of 'untested' now (digest {}) are not those that the model was trained without (digest {})",
            &digest[..12],
            &other[..12]
        );
        assert!(message.contains(&said) && message.contains("\nhint: use the version of elbo"), "{message}");
    }
    // Other data are taken whole.
    IdxFiles { test: 0, seed: 9, ..BARS }.write(here.join("other"));
    assert_eq!(evaluate(here, "run other")["images"], 200);

    // An older file does not say which they are.
    let field = format!(r#",\"held_out_digest\":\"{other}\""#);
    replace(&path, &field, &" ".repeat(field.len()));
    let printed = succeeds(elbo(here).args(args("evaluate run")));
    assert!(printed.stdout.starts_with("20 images of untested (validation set)"), "{printed:#?}");
    assert_eq!(printed.stderr.lines().count(), 2, "{printed:#?}");
    assert!(printed.stderr.contains("this is not checked"), "{printed:#?}");
}

#[test]
fn a_run_goes_on_with_the_same_images_held_out() {
    let here = untested();
    succeeds(&mut train(&here, "untested --epochs 3 --seed 5 --shuffle --quiet --out whole"));
    succeeds(&mut train(&here, "untested --epochs 1 --seed 5 --shuffle --quiet --out parts"));
    succeeds(elbo(&here).args(args("train --resume parts --epochs 3 --quiet")));
    assert!(model(here.path().join("whole")) == model(here.path().join("parts")));
    let losses = |run: &str| -> Vec<String> {
        let text = fs::read_to_string(here.path().join(run).join("metrics.csv")).unwrap();
        text.lines().map(|line| line.split(',').skip(9).collect::<Vec<_>>().join(",")).collect()
    };
    assert_eq!(losses("whole"), losses("parts"));
    assert!(losses("whole")[1..].iter().all(|row| row.split(',').all(|cell| cell.parse::<f64>().is_ok())));
}

#[test]
fn how_many_are_held_out_can_be_said() {
    let here = untested();
    BARS.write(here.path().join("tested"));
    let counts = |data: &str, options: &str| {
        let out = format!("{data}{options}").replace(' ', "");
        succeeds(&mut train(&here, &format!("{data} --epochs 1 --quiet --out {out} {options}")));
        let data = card(&here.path().join(out)).data;
        (data.train_images, data.validation_images, data.test_images)
    };
    assert_eq!(counts("untested", "--validation none"), (200, 0, 0));
    assert_eq!(counts("untested", "--validation 0"), (200, 0, 0));
    assert_eq!(counts("untested", "--validation 0.25"), (150, 50, 0));
    assert_eq!(counts("untested", "--validation 0.0001"), (199, 1, 0));
    assert_eq!(counts("tested", ""), (200, 0, 60));
    // The test set is left alone until it is asked for.
    assert_eq!(counts("tested", "--validation 0.25"), (150, 50, 60));
    let printed = succeeds(elbo(&here).args(args("evaluate tested--validation0.25")));
    assert!(printed.stdout.starts_with("60 images of tested (test set); "), "{printed:#?}");
}

/// Pictures in `photos`: ten to train on, four to validate and three to test with.
fn in_three_parts(here: &Path) {
    for (part, count) in [("train", 10), ("val", 4), ("test", 3)] {
        let part_directory = here.join("photos").join(part);
        fs::create_dir_all(&part_directory).unwrap();
        for number in 0..count {
            let shade = |x: u32, y: u32| ((x + y) * 10 + number) as u8;
            let picture = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([shade(x, y)]));
            picture.save(part_directory.join(format!("{number}.png"))).unwrap();
        }
    }
}

#[test]
fn a_validation_set_of_its_own_is_measured_after_each_epoch() {
    let here = tempfile::tempdir().unwrap();
    in_three_parts(here.path());
    let printed = succeeds(&mut train(&here, "photos --epochs 2 --patience 5 --out run"));
    assert!(
        printed.stderr.contains("photos: 10 images of 8x8x1 to train on, 4 to validate, 3 to test\n"),
        "{printed:#?}"
    );
    assert!(printed.stdout.contains("done: validation ELBO loss "), "{printed:#?}");
    let data = card(&here.path().join("run")).data;
    assert_eq!((data.train_images, data.validation_images, data.test_images), (10, 4, 3));
    // What is tried afterwards is the test set, if there is one.
    assert_eq!(evaluate(here.path(), "run")["split"], "test");
    fs::rename(here.path().join("photos/test"), here.path().join("elsewhere")).unwrap();
    let evaluation = evaluate(here.path(), "run");
    assert_eq!((&evaluation["split"], &evaluation["images"]), (&Value::from("validation"), &Value::from(4)));
    fs::rename(here.path().join("elsewhere"), here.path().join("photos/test")).unwrap();

    // It belongs to the run as the other parts do.
    succeeds(elbo(&here).args(args("train --resume run --epochs 3 --quiet")));
    fs::copy(here.path().join("photos/val/0.png"), here.path().join("photos/val/1.png")).unwrap();
    let message = fails(elbo(&here).args(args("train --resume run --epochs 4 --quiet")));
    assert!(message.contains("the validation set is not that of the run"), "{message}");
    // A share takes its place.
    let printed = succeeds(&mut train(&here, "photos --epochs 1 --validation 0.2 --out share"));
    assert!(printed.stderr.contains("the validation set of 4 images is left out"), "{printed:#?}");
    assert!(printed.stderr.contains("8 images of 8x8x1 to train on, 2 to validate, 3 to test"), "{printed:#?}");
}

#[test]
fn settings_that_say_nothing_of_a_validation_set_mean_none() {
    let here = untested();
    succeeds(&mut train(&here, "untested --epochs 1 --validation none --quiet --out run"));
    let config = fs::read_to_string(here.path().join("run/config.toml")).unwrap();
    let older = config.replace("validation = 0.0\n", "");
    assert_ne!(config, older);
    fs::write(here.path().join("older.toml"), older).unwrap();
    succeeds(elbo(&here).args(args("train --config older.toml --quiet --out again")));
    assert!(model(here.path().join("run")) == model(here.path().join("again")));
}

#[test]
fn a_share_out_of_range_is_refused() {
    let here = with_bars();
    for share in ["1", "-0.1", "nan", "2"] {
        let message = fails(elbo(&here).args(args("train bars")).arg(format!("--validation={share}")));
        assert!(message.contains("the share to validate with"), "{share}: {message}");
    }
    IdxFiles { train: 1, test: 0, ..BARS }.write(here.path().join("one"));
    let message = fails(elbo(&here).args(args("train one --validation 0.5")));
    assert!(message.contains("single image") && message.contains("\nhint: ") && message.contains("--validation none"));
    assert_eq!(names(&here), ["bars", "one"]);
    succeeds(&mut train(&here, "one --epochs 1 --quiet"));
}

#[test]
fn the_best_model_is_told_and_used_like_any_other() {
    let here = untested();
    let here = here.path();
    let overfitting = "--recipe reference --batch-size 20 --latent-dim 8 --widths 32,32 --learning-rate 0.01 --muon-learning-rate 0.03";
    let line = format!("train untested --epochs 20 --out run --quiet {overfitting}");
    let printed = succeeds(elbo(here).args(args(&line)));
    let rows = fs::read_to_string(here.join("run/metrics.csv")).unwrap();
    let losses: Vec<f64> = rows.lines().skip(1).map(|row| row.split(',').nth(9).unwrap().parse().unwrap()).collect();
    let best = (0..20).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert!(best < 19, "the test needs a run that is best on the way: {losses:?}");
    let told = format!("; best after epoch {}, {:.4}, kept as run/best.safetensors; see run\n", best + 1, losses[best]);
    assert!(printed.stdout.ends_with(&told), "{told} is not in {printed:#?}");

    let summary = succeeds(elbo(here).args(args("summary run/best.safetensors"))).stdout;
    assert!(summary.contains(&format!("for {} epochs, validation ELBO loss {:.4} ", best + 1, losses[best])));
    // In its run it knows its data.
    let [best, last] = ["run/best.safetensors", "run"].map(|model| evaluate(here, model));
    assert_eq!((&best["split"], &best["images"]), (&last["split"], &last["images"]));
    // Which is lower by other draws than those of the run, for twenty images, is a matter of rounding.
    assert_ne!(best["mean"], last["mean"], "they are two models");
    succeeds(elbo(here).args(args("generate run/best.safetensors --count 4")));
}

#[test]
fn a_run_that_stalls_ends_early_and_says_why() {
    let here = untested();
    let here = here.path();
    let line = "train untested --recipe reference --batch-size 20 --latent-dim 8 --widths 32,32 --learning-rate 0.01 \
                --muon-learning-rate 0.03 --epochs 60 --patience 4";
    let printed = succeeds(elbo(here).args(args(line)).args(args("--out run")));
    let epochs = measured(here.join("run")).len();
    assert!((5..60).contains(&epochs), "the test needs a run that stalls: {epochs}");
    let last = printed.stdout.lines().last().unwrap();
    assert!(last.contains(&format!("; best after epoch {}, ", epochs - 4)), "{last}");
    let why = "; ended before epoch 60: no lower validation loss in 4 epochs; see run";
    assert!(last.contains(&format!(", {epochs} epochs in ")) && last.ends_with(why), "{last}");

    // It stays ended, with its last line, until it is given more patience; then it goes on as if it had had that.
    let again = succeeds(elbo(here).args(args("train --resume run --quiet")));
    // But for the time, which goes on between its last save and that line.
    let without_time = |line: &str| {
        let (before, after) = line.trim_end().split_once(" epochs in ").unwrap();
        format!("{before} epochs{}", after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'))
    };
    assert_eq!(without_time(&again.stdout), without_time(last));
    succeeds(
        elbo(here).args(args("train --resume run --quiet --patience none --epochs")).arg((epochs + 2).to_string()),
    );
    let longer = line.replace("--epochs 60 --patience 4", "--quiet --out longer --epochs");
    succeeds(elbo(here).args(args(&longer)).arg((epochs + 2).to_string()));
    assert_eq!(measured(here.join("run")), measured(here.join("longer")));
    assert!(model(here.join("run")) == model(here.join("longer")));
}

#[test]
fn patience_needs_held_out_images() {
    let here = untested();
    let message = fails(&mut train(&here, "untested --validation none --patience 3"));
    assert!(message.contains("a patience of 3 epochs") && message.contains("\nhint: "), "{message}");
    assert!(message.contains("--validation 0.1"), "{message}");
    let message = fails(&mut train(&here, "untested --patience 0"));
    assert!(message.contains("the patience must be at least 1 epoch"), "{message}");
    assert_eq!(names(&here), ["untested"]);
}
