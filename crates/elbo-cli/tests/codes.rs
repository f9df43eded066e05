//! `encode` and `decode`.

use crate::common::{BARS, IdxFiles, args, elbo, fails, model, names, png_size, succeeds, with_run};
use elbo::dataset::{Dataset, Part, Splits};
use elbo::files::{CodesKind, ReadCodes};
use elbo::{Codes, Recipe, RunDirectory, Settings, Training, Vae};
use std::fs;
use std::path::Path;

const KINDS: &[&str] = &["npy", "npz", "csv", "parquet"];

fn read(path: impl AsRef<Path>) -> Codes {
    let ReadCodes { codes, unused, is_rounded } = Codes::read(path.as_ref()).unwrap();
    assert!(unused.is_empty() && !is_rounded);
    codes
}

fn bars(here: &Path) -> Splits {
    Splits::from_path(here.join("bars")).unwrap()
}

#[test]
fn every_kind_of_file_holds_the_codes_of_all_parts() {
    assert_eq!(KINDS, CodesKind::ALL.iter().map(|kind| kind.extension()).collect::<Vec<_>>());
    let here = with_run();
    let vae = Vae::open(here.path().join("run"), 1).unwrap();
    let splits = bars(here.path());
    let test: &Dataset = splits.test.as_ref().unwrap();
    let [train, test_codes] = [&splits.train, test].map(|images| vae.encode(images).unwrap());
    let means = [train.means, test_codes.means].concat();
    let logvars = [train.logvars, test_codes.logvars].concat();
    for kind in KINDS {
        let out = format!("codes.{kind}");
        let more = if *kind == "npy" { "" } else { "--logvars --samples 2 --seed 5" };
        let printed = succeeds(elbo(&here).args(args(&format!("encode run --out {out} {more}"))));
        let line = format!("260 images of bars (training 200, test 60), a code of 3 numbers each, in {out}\n");
        assert_eq!(printed.stdout, line);
        assert_eq!(printed.stderr.contains("holds the means alone"), *kind == "npy", "{printed:#?}");
        let codes = read(here.path().join(&out));
        assert_eq!(codes.means, means, "{kind}");
        if *kind == "npy" {
            continue;
        }
        assert_eq!(codes.logvars.as_ref(), Some(&logvars), "{kind}");
        assert_eq!((codes.draws, codes.samples.len()), (2, 260 * 2 * 3));
        assert!(codes.names.is_none());
        let parts = codes.parts.unwrap();
        assert!(parts[..200].iter().all(|part| *part == Part::Training));
        assert!(parts[200..].iter().all(|part| *part == Part::Test));
        let labels = codes.labels.unwrap();
        let classes = |label: &Option<u16>| codes.classes[usize::from(label.unwrap())].clone();
        let expected = splits.train.labels().unwrap().iter().chain(test.labels().unwrap());
        assert!(labels.iter().map(classes).eq(expected.map(u16::to_string)), "{kind}");
        assert!(vae.digest().unwrap().starts_with(codes.model.unwrap().as_str()));
    }
    assert_eq!(names(&here).iter().filter(|name| name.starts_with(".elbo")).count(), 0);
}

#[test]
fn threads_and_other_parts_change_no_code() {
    let here = with_run();
    let encode = |line: &str| {
        succeeds(elbo(&here).args(args(&format!("encode run --out codes.npz --samples 3 {line}"))));
        fs::read(here.path().join("codes.npz")).unwrap()
    };
    assert_eq!(encode("--threads 1"), encode("--threads 3"));
    let all = read(here.path().join("codes.npz"));
    encode("--part test");
    let test = read(here.path().join("codes.npz"));
    assert_eq!((test.len(), &test.means[..]), (60, &all.means[600..]));
    assert_eq!(test.samples, all.samples[200 * 9..]);
    // The draws of images at the same place of two parts have nothing to do with one another.
    let noise = |codes: &Codes, row: usize| {
        let mean = codes.means[row * 3];
        (codes.samples[row * 9] - mean).signum().to_bits() | (codes.samples[row * 9 + 3] - mean).signum().to_bits() >> 1
    };
    assert!((0..60).any(|row| noise(&all, row) != noise(&all, 200 + row)));
    encode("--part test --seed 2");
    let other = read(here.path().join("codes.npz"));
    assert!(other.means == test.means && other.samples != test.samples);
    let message = fails(elbo(&here).args(args("encode run --part validation")));
    assert!(message.contains("bars has no validation set"), "{message}");
}

#[test]
fn what_encode_did_is_printed_as_json() {
    let here = with_run();
    let printed = succeeds(elbo(&here).args(args("encode run --out codes.npz --json --part test --samples 1")));
    let json: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!((&json["images"], &json["parts"]["test"], &json["latent_dim"]), (&60.into(), &60.into(), &3.into()));
    assert_eq!((&json["data"], &json["out"], &json["seed"]), (&"bars".into(), &"codes.npz".into(), &1.into()));
    assert_eq!(json["model"].as_str().unwrap().len(), 64);
}

#[test]
fn codes_become_the_images_that_the_library_makes() {
    let here = with_run();
    let vae = Vae::open(here.path().join("run"), 1).unwrap();
    let test = bars(here.path()).test.unwrap();
    let expected = vae.decode(&vae.encode(&test).unwrap().means, None).unwrap();
    let mut arrays = Vec::new();
    for kind in KINDS {
        succeeds(elbo(&here).args(args(&format!("encode run --part test --out codes.{kind}"))));
        let printed = succeeds(elbo(&here).args(args(&format!("decode run codes.{kind} --out images.npy"))));
        assert_eq!(printed.stdout, "60 images of 12x10x1 in images.npy\n");
        let unchecked = printed.stderr.contains("does not say which model made the codes");
        assert_eq!(unchecked, *kind == "npy", "{printed:#?}");
        arrays.push(fs::read(here.path().join("images.npy")).unwrap());
    }
    assert!(arrays.iter().all(|array| *array == expected.to_npy()));
    let printed = succeeds(elbo(&here).args(args("decode run codes.csv")));
    assert_eq!(printed.stdout, "60 images, 8 to a row, in decoded.png\n");
    let [width, height] = png_size(here.path().join("decoded.png"));
    assert!(width >= 80 && height >= 96);
    let printed = succeeds(elbo(&here).args(args("decode run codes.csv --out single")));
    assert_eq!(printed.stdout, "60 images in single\n");
    assert_eq!(names(here.path().join("single")).len(), 60);
    assert_eq!(png_size(here.path().join("single/0060.png")), [10, 12]);
}

#[test]
fn a_conditional_model_takes_the_classes_of_the_codes() {
    let here = with_run();
    let recipe =
        Recipe { epochs: 1, batch_size: 37, widths: vec![4], latent_dim: 3, conditional: true, ..Recipe::reference() };
    let data = here.path().join("bars").to_str().unwrap().to_owned();
    let training = Training::new(Settings { threads: 2, ..Settings::new(data, recipe) }, bars(here.path())).unwrap();
    let mut training = training.save_in(RunDirectory::create(&here.path().join("two")).unwrap()).unwrap();
    while training.advance().unwrap().is_some() {}
    let vae = Vae::open(here.path().join("two"), 1).unwrap();
    let test = bars(here.path()).test.unwrap();
    let means = vae.encode(&test).unwrap().means;
    let decoded = |classes: &[u16]| vae.decode(&means, Some(classes)).unwrap().to_npy();
    let images = || fs::read(here.path().join("images.npy")).unwrap();
    for kind in ["npz", "csv", "parquet"] {
        succeeds(elbo(&here).args(args(&format!("encode two --part test --out codes.{kind}"))));
        succeeds(elbo(&here).args(args(&format!("decode two codes.{kind} --out images.npy"))));
        assert_eq!(images(), decoded(test.labels().unwrap()), "{kind}");
        succeeds(elbo(&here).args(args(&format!("decode two codes.{kind} --out images.npy --class 3"))));
        assert_eq!(images(), decoded(&[3; 60]), "{kind}");
    }
    succeeds(elbo(&here).args(args("encode two --part test --out codes.npy")));
    let message = fails(elbo(&here).args(args("decode two codes.npy")));
    assert!(message.contains("row 0 (the first is 0) has no label") && message.contains("--class"), "{message}");
    let csv = fs::read_to_string(here.path().join("codes.csv")).unwrap();
    let line = csv.lines().nth(1).unwrap();
    let class = line.split(',').nth(1).unwrap();
    let changed = csv.replacen(&format!("test,{class},"), "test,seven,", 1);
    fs::write(here.path().join("changed.csv"), changed).unwrap();
    let message = fails(elbo(&here).args(args("decode two changed.csv")));
    assert!(message.contains("there is no class 'seven'"), "{message}");
    let message = fails(elbo(&here).args(args("decode run codes.csv --class 1")));
    assert!(message.contains("are of the model") || message.contains("not trained with classes"), "{message}");
}

#[test]
fn codes_of_another_model_or_length_are_refused_and_nothing_is_written() {
    let here = with_run();
    for kind in ["npz", "csv", "parquet"] {
        succeeds(elbo(&here).args(args(&format!("encode run --part test --out codes.{kind}"))));
    }
    let other = here.path().join("other.safetensors");
    let mut changed = elbo::Model::read(&here.path().join("run/model.safetensors")).unwrap();
    changed.parameters[0] += 1.0;
    changed.write(&other).unwrap();
    for kind in ["npz", "csv", "parquet"] {
        let message = fails(elbo(&here).args(args(&format!("decode other.safetensors codes.{kind}"))));
        assert!(message.contains("the codes are of the model") && message.contains("hint: decode them"), "{message}");
    }
    let write = |name: &str, text: &str| fs::write(here.path().join(name), text).unwrap();
    write("short.csv", "mean_0,mean_1\n1,2\n");
    write("nan.csv", "mean_0,mean_1,mean_2\n1,2,3\n1,nan,3\n");
    write("empty.csv", "mean_0,mean_1,mean_2\n");
    write("nothing.csv", "");
    for (name, reason) in [
        ("short.csv", "codes of 2 numbers, and the model takes 3"),
        ("nan.csv", "nan.csv: row 1 (the first is 0), column mean_1, is NaN"),
        ("empty.csv", "empty.csv: there are no codes in it"),
        ("nothing.csv", "nothing.csv: there are no codes in it"),
        ("missing.csv", "cannot read missing.csv"),
        ("run", "cannot read run"),
        ("run/model.safetensors", "run/model.safetensors: "),
    ] {
        let message = fails(elbo(&here).args(["decode", "run", name]));
        assert!(message.contains(reason), "{message}");
    }
    for (line, reason) in [
        ("decode run codes.csv --out x.jpg", "x.jpg: choose a name that ends in .png or .npy"),
        ("encode run --out x.txt", "x.txt: files of codes are .npy, .npz, .csv or .parquet"),
        ("encode run --out x", "x: files of codes are"),
        ("encode run --out x.npy --logvars", "x.npy: a .npy file holds the means alone, and no log-variances"),
        ("encode run --out x.npy --samples 1", "and no draws"),
        ("encode run --out no/x.csv", "cannot write no/x.csv"),
    ] {
        let message = fails(elbo(&here).args(args(line)));
        assert!(message.contains(reason), "{message}");
    }
    assert!(!names(&here).iter().any(|name| name.starts_with(['x', '.']) || name == "decoded.png"));
}

#[test]
fn what_is_left_out_of_a_file_is_said() {
    let here = with_run();
    fs::write(here.path().join("mine.csv"), ",mean_2,mean_1,mean_0,sort\n0,1,2,3,big\n").unwrap();
    let printed = succeeds(elbo(&here).args(args("decode run mine.csv --out images.npy")));
    assert!(printed.stderr.contains("not read of mine.csv: '', 'sort'\n"), "{printed:#?}");
    assert!(printed.stderr.contains("does not say which model"), "{printed:#?}");
    let vae = Vae::open(here.path().join("run"), 1).unwrap();
    let expected = vae.decode(&[3.0, 2.0, 1.0], None).unwrap().to_npy();
    assert_eq!(fs::read(here.path().join("images.npy")).unwrap(), expected);
}

#[test]
fn other_images_are_encoded_and_the_model_stays_as_it_is() {
    let here = with_run();
    IdxFiles { test: 0, train: 33, seed: 5, labels: false, ..BARS }.write(here.path().join("others"));
    let before = model(here.path().join("run"));
    let printed = succeeds(elbo(&here).args(args("encode run others --out codes.csv")));
    assert!(printed.stdout.starts_with("33 images of others, a code of 3 numbers"), "{printed:#?}");
    let text = fs::read_to_string(here.path().join("codes.csv")).unwrap();
    assert!(text.starts_with("model,mean_0,mean_1,mean_2\n"), "{text}");
    assert_eq!(text.lines().count(), 34);
    assert_eq!(before, model(here.path().join("run")));
}
