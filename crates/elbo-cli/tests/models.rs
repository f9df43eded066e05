//! What is done with a trained model: `generate`, `reconstruct`, `evaluate`, `figures`, `summary`.

use crate::common::{
    BARS, IdxFiles, args, contents, elbo, fails, masked, names, png_size, succeeds, train, with_bars, with_run,
};
use serde_json::Value;
use std::fs;

/// Pixels between the images of a sheet.
const GAP: u32 = 2;

#[test]
fn generate_makes_a_sheet() {
    let here = with_run();
    for (count, columns, rows) in [(1, 1, 1), (3, 2, 2), (25, 5, 5), (30, 6, 5)] {
        let line = format!("generate run --count {count} --out sheet.png");
        let images = if count == 1 { "1 image".to_owned() } else { format!("{count} images") };
        let printed = succeeds(elbo(&here).args(args(&line)));
        assert_eq!(printed.stdout, format!("{images}, {columns} to a row, in sheet.png\n"));
        assert_eq!(printed.stderr, "");
        let size = |cells: u32, side: u32| cells * (side + GAP) - GAP;
        assert_eq!(png_size(here.path().join("sheet.png")), [size(columns, 10), size(rows, 12)]);
    }
    succeeds(elbo(&here).args(args("generate run")));
    assert!(names(&here).contains(&"generated.png".to_owned()));
}

#[test]
fn generate_makes_single_images() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("generate run --count 12 --out some")));
    assert_eq!(printed.stdout, "12 images in some\n");
    let expected: Vec<String> = (1..=12).map(|number| format!("{number:04}.png")).collect();
    assert_eq!(names(here.path().join("some")), expected);
    for name in expected {
        assert_eq!(png_size(here.path().join("some").join(name)), [10, 12]);
    }
    // The first images are the same whatever the count.
    succeeds(elbo(&here).args(args("generate run --count 300 --out more --threads 1")));
    let first = contents(&here.path().join("some"));
    let more = contents(&here.path().join("more"));
    assert_eq!(more.len(), 300);
    assert!(first.iter().zip(&more).all(|((_, some), (_, more))| some == more));
    // A directory may have a dot in its name.
    fs::create_dir(here.path().join("v1.2")).unwrap();
    succeeds(elbo(&here).args(args("generate run --count 1 --out v1.2")));
    assert_eq!(names(here.path().join("v1.2")), ["0001.png"]);
}

#[test]
fn a_seed_gives_the_same_images_and_another_gives_others() {
    let here = with_run();
    let sheet = |options: &str| {
        succeeds(elbo(&here).args(args(&format!("generate run --out sheet.PNG {options}"))));
        fs::read(here.path().join("sheet.PNG")).unwrap()
    };
    let first = sheet("");
    assert_eq!(first, sheet("--seed 1 --threads 3"));
    assert_ne!(first, sheet("--seed 2"));
}

#[test]
fn only_png_files_are_written() {
    let here = with_run();
    let before = names(&here);
    for name in ["sheet.jpg", "sheet.jpeg", "sheet.svg"] {
        let message = fails(elbo(&here).args(["generate", "run", "--out", name]));
        assert!(message.contains(name) && message.contains(".png"), "{message}");
        let message = fails(elbo(&here).args(["reconstruct", "run", "--out", name]));
        assert!(message.contains(name) && message.contains(".png"), "{message}");
    }
    assert_eq!(names(&here), before);
}

#[test]
fn reconstruct_shows_pairs() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("reconstruct run")));
    let expected = "20 images of bars (test set), each to the left of its reconstruction, in reconstructions.png\n";
    assert_eq!(printed.stdout, expected);
    assert_eq!(png_size(here.path().join("reconstructions.png")), [10 * (10 + GAP) - GAP, 4 * (12 + GAP) - GAP]);

    let sheet = |options: &str| {
        succeeds(elbo(&here).args(args(&format!("reconstruct run --out pairs.png {options}"))));
        fs::read(here.path().join("pairs.png")).unwrap()
    };
    assert_eq!(sheet("--seed 3"), sheet("--seed 3 --threads 1"));
    assert_ne!(sheet("--seed 3"), sheet("--seed 4"));
    // As many as there are.
    let printed = succeeds(elbo(&here).args(args("reconstruct run --count 1000 --out pairs.png")));
    assert!(printed.stdout.starts_with("60 images of bars"), "{printed:#?}");
    let printed = succeeds(elbo(&here).args(args("reconstruct run --count 1 --out pairs.png")));
    assert!(printed.stdout.starts_with("1 image of bars (test set), "), "{printed:#?}");
    assert_eq!(png_size(here.path().join("pairs.png")), [2 * (10 + GAP) - GAP, 12]);
}

#[test]
fn evaluate_prints_a_table() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("evaluate run")));
    let lines: Vec<&str> = printed.stdout.lines().collect();
    assert_eq!(
        lines[0],
        "60 images of bars (test set); nats per image, likelihood Gaussian of unit variance, up to pixels/2 ln(2 pi)"
    );
    assert_eq!(args(lines[2]).join(" "), "latent vector ELBO loss reconstruction KL");
    for (line, name) in [(3, "sampled"), (4, "std. error"), (5, "at the mean"), (6, "std. error")] {
        assert_eq!(args(&masked(lines[line])).join(" "), format!("{name} # # #"));
    }
    assert_eq!(lines[8], "reconstructions at the mean, mean over images");
}

#[test]
fn evaluate_prints_json() {
    let here = with_run();
    let json = |options: &str| -> Value {
        let printed = succeeds(elbo(&here).args(args(&format!("evaluate run --json {options}"))));
        serde_json::from_str(&printed.stdout).unwrap()
    };
    let evaluation = json("");
    assert_eq!(evaluation["data"], "bars");
    assert_eq!(evaluation["split"], "test");
    assert_eq!(evaluation["images"], 60);
    assert_eq!(evaluation["seed"], 1);
    assert!(evaluation["unit"].as_str().unwrap().contains("nats per image"));
    assert_eq!(evaluation["likelihood"], "gaussian");
    for kind in ["sampled", "mean"] {
        let [loss, reconstruction, kl] =
            ["loss", "reconstruction", "kl"].map(|part| evaluation[kind][part].as_f64().unwrap());
        assert!((loss - reconstruction - kl).abs() <= 1e-12 * loss && reconstruction > 0.0 && kl >= 0.0);
    }
    // The draw of a latent vector has no part in the divergence.
    assert_eq!(evaluation["sampled"]["kl"], evaluation["mean"]["kl"]);
    assert_eq!(evaluation, json("--seed 1 --threads 3"));
    let other = json("--seed 2");
    assert_ne!(evaluation["sampled"], other["sampled"]);
    assert_eq!(evaluation["mean"], other["mean"]);
}

#[test]
fn evaluation_takes_the_data_that_is_given() {
    let here = with_run();
    IdxFiles { test: 0, train: 33, seed: 5, ..BARS }.write(here.path().join("others"));
    let printed = succeeds(elbo(&here).args(args("evaluate run others")));
    assert!(printed.stdout.starts_with("33 images of others; "), "{printed:#?}");
}

#[test]
fn figures_are_drawn_anew_as_training_drew_them() {
    let here = with_bars();
    succeeds(&mut train(&here, "bars --epochs 2 --out run --quiet"));
    let figures = here.path().join("run/figures");
    let before = contents(&figures);
    fs::remove_dir_all(&figures).unwrap();
    let printed = succeeds(elbo(&here).args(args("figures run --threads 1")));
    let listed = ["reconstruction", "latent-space", "samples", "loss"].map(|name| format!("run/figures/{name}.png\n"));
    assert_eq!(printed.stdout, listed.concat());
    assert_eq!(contents(&figures), before);
    assert_eq!(before.len(), 8);
    for (path, bytes) in before {
        if path.extension().unwrap() == "png" {
            let [width, height] = png_size(&path);
            assert!(width >= 100 && height >= 100, "{}: {width} x {height}", path.display());
        } else {
            check_svg(&String::from_utf8(bytes).unwrap());
        }
    }
    succeeds(elbo(&here).args(args("figures run --seed 2")));
    let drawn = |name: &str| fs::read(figures.join(name)).unwrap();
    let (samples, loss) = (drawn("samples.png"), drawn("loss.png"));
    succeeds(elbo(&here).args(args("figures run bars")));
    assert!(samples != drawn("samples.png") && loss == drawn("loss.png"));
}

/// That every element of an SVG document is closed by its own kind, and that it has one root.
fn check_svg(text: &str) {
    let mut open = Vec::new();
    let mut roots = 0;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        assert!(!open.is_empty() || before.trim().is_empty(), "text outside of the root: {before:?}");
        let (tag, after) = after.split_once('>').expect("a tag that ends");
        rest = after;
        if tag.starts_with(['?', '!']) {
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        let name = tag.split([' ', '\n', '/']).next().unwrap();
        if open.is_empty() {
            roots += 1;
            assert_eq!(name, "svg");
            assert!(tag.contains("xmlns=\"http://www.w3.org/2000/svg\""), "{tag}");
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty() && roots == 1 && rest.trim().is_empty(), "{open:?}, {roots} roots, {rest:?}");
    assert!(!text.contains("NaN") && !text.contains("inf"), "a coordinate that is no number");
}

#[test]
fn summary_adds_up() {
    let here = with_run();
    let printed = succeeds(elbo(&here).arg("summary"));
    assert!(printed.stdout.starts_with("the reference network\n"), "{printed:#?}");
    assert!(printed.stdout.contains(" 262,761 "), "{printed:#?}");

    let printed = succeeds(elbo(&here).args(args("summary run")));
    let title = printed.stdout.lines().next().unwrap();
    let template = "run/model.safetensors: trained on bars for # epochs, test ELBO loss # nats per image";
    assert_eq!(masked(title), template);
    let count = elbo::Model::read(&here.path().join("run/model.safetensors")).unwrap().parameters.len();
    assert!(printed.stdout.contains(&format!(" {},{:03} ", count / 1000, count % 1000)), "{count}\n{printed:#?}");
    assert!(printed.stdout.contains(" 12x10x1") && printed.stdout.contains("Latent dimension 3"), "{printed:#?}");
}

#[test]
fn a_model_file_serves_as_well_as_its_run() {
    let here = with_run();
    fs::copy(here.path().join("run/model.safetensors"), here.path().join("mine.safetensors")).unwrap();
    for line in ["evaluate MODEL bars", "generate MODEL", "reconstruct MODEL bars", "summary MODEL"] {
        let of_run = succeeds(elbo(&here).args(args(&line.replace("MODEL", "run")))).stdout;
        let of_file = succeeds(elbo(&here).args(args(&line.replace("MODEL", "mine.safetensors")))).stdout;
        assert_eq!(of_run.replace("run/model.safetensors", "mine.safetensors"), of_file);
    }
    // Where its data is, a model file does not say; figures belong to a run.
    for command in ["evaluate", "reconstruct"] {
        let message = fails(elbo(&here).args([command, "mine.safetensors"]));
        assert!(message.contains("'bars'") && message.contains("give DATA"), "{message}");
    }
    // A run should, and what keeps it from that is named.
    let config = fs::read(here.path().join("run/config.toml")).unwrap();
    for damaged in [Some("data = 3"), None] {
        match damaged {
            Some(text) => fs::write(here.path().join("run/config.toml"), text).unwrap(),
            None => fs::remove_file(here.path().join("run/config.toml")).unwrap(),
        }
        let message = fails(elbo(&here).args(args("evaluate run")));
        assert!(message.contains("run/config.toml") && message.contains("give DATA"), "{message}");
    }
    fs::write(here.path().join("run/config.toml"), config).unwrap();
    let message = fails(elbo(&here).args(args("figures mine.safetensors bars")));
    assert!(message.contains("mine.safetensors") && message.contains("no run here"), "{message}");
}

#[test]
fn a_checkpoint_is_no_model() {
    let here = with_run();
    let message = fails(elbo(&here).args(args("generate run/checkpoint.safetensors")));
    assert!(message.contains("not a model of this program: it is a checkpoint"), "{message}");
}

#[test]
fn images_of_another_size_are_refused() {
    let here = with_run();
    IdxFiles { height: 8, width: 8, ..BARS }.write(here.path().join("others"));
    for command in ["evaluate", "reconstruct", "figures"] {
        let message = fails(elbo(&here).args([command, "run", "others"]));
        assert!(message.contains("the model takes 12x10x1 images, these are 8x8x1"), "{message}");
    }
}

#[test]
fn data_that_is_gone_is_named() {
    let here = with_run();
    fs::rename(here.path().join("bars"), here.path().join("moved")).unwrap();
    for command in ["evaluate", "reconstruct", "figures"] {
        let message = fails(elbo(&here).args([command, "run"]));
        assert!(message.contains("bars"), "{message}");
        succeeds(elbo(&here).args([command, "run", "moved"]));
    }
    succeeds(elbo(&here).args(args("generate run")));
    succeeds(elbo(&here).args(args("summary run")));
}

#[test]
fn a_model_of_one_latent_dimension_has_all_figures() {
    let here = with_bars();
    succeeds(elbo(&here).args(args("train bars --epochs 1 --quiet --out run --widths 4 --latent-dim 1")));
    assert_eq!(names(here.path().join("run/figures")).len(), 8);
}
