//! Files of codes: the same bits come back, and what is no file of codes is an error.

use super::*;
use crate::files::model::DataSummary;
use crate::network::architecture::Architecture;
use crate::recipe::Recipe;
use proptest::prelude::*;
use std::fs;

const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn origin(latent_dim: usize, images: usize) -> CodesOrigin {
    CodesOrigin {
        format: FORMAT,
        program: "elbo".to_owned(),
        model: DIGEST.to_owned(),
        latent_dim,
        image: ImageShape { height: 3, width: 4, channels: 1 },
        data: "numbers, \"and\" words".to_owned(),
        parts: vec![OriginPart { part: "test".to_owned(), images, digest: DIGEST.to_owned() }],
        seed: Some(7),
    }
}

/// Codes with all that there can be, of these numbers.
fn full(latent_dim: usize, images: usize, mut number: impl FnMut(usize) -> f32) -> Codes {
    let mut numbers = |count: usize| (0..count).map(&mut number).collect::<Vec<_>>();
    let names = ["a.png", "cells/well.tif#7", "with, comma \"and\" quotes", "", "über/\u{732b}.png", "two\nlines"];
    Codes {
        latent_dim,
        means: numbers(images * latent_dim),
        logvars: Some(numbers(images * latent_dim)),
        draws: 2,
        samples: numbers(images * 2 * latent_dim),
        names: Some((0..images).map(|image| names[image % names.len()].to_owned()).collect()),
        parts: Some((0..images).map(|image| [Part::Training, Part::Validation, Part::Test][image % 3]).collect()),
        labels: Some((0..images).map(|image| [Some(0), None, Some(1)][image % 3]).collect()),
        classes: vec!["cat".to_owned(), "\u{732b}, 2".to_owned()],
        model: Some(DIGEST.to_owned()),
        origin: Some(origin(latent_dim, images)),
    }
}

/// What comes back of codes that were written to a file of a kind.
fn round(codes: &Codes, kind: CodesKind) -> ReadCodes {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("codes.{}", kind.extension()));
    codes.write(&path).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    Codes::read(&path).unwrap()
}

/// What a kind of file keeps of codes.
fn kept(codes: &Codes, kind: CodesKind) -> Codes {
    match kind {
        CodesKind::Npy => Codes { latent_dim: codes.latent_dim, means: codes.means.clone(), ..Codes::default() },
        #[cfg(feature = "runs")]
        CodesKind::Csv => Codes { model: Some(DIGEST[..MODEL_DIGITS].to_owned()), origin: None, ..codes.clone() },
        _ => codes.clone(),
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn every_kind_keeps_what_it_says() {
    for &kind in CodesKind::ALL {
        let codes = full(3, 7, |place| place as f32 / 3.0 - 1.0);
        let written = match kind {
            CodesKind::Npy => Codes { logvars: None, draws: 0, samples: Vec::new(), ..codes.clone() },
            _ => codes.clone(),
        };
        let read = round(&written, kind);
        assert_eq!(read, ReadCodes { codes: kept(&codes, kind), ..ReadCodes::default() }, "{kind:?}");
        let bare = Codes { latent_dim: 2, means: vec![1.0, 2.0], ..Codes::default() };
        assert_eq!(round(&bare, kind).codes, bare, "{kind:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any finite number, subnormal ones and -0 among them, has the same bits again.
    #[test]
    fn numbers_have_the_same_bits_again(
        dim in 1_usize..5,
        words in prop::collection::vec(any::<u32>(), 40),
    ) {
        let finite = |word: u32| Some(f32::from_bits(word)).filter(|value| value.is_finite()).unwrap_or(-0.0);
        let mut place = 0;
        let codes = full(dim, 2, |_| { place += 1; finite(words[place % words.len()]) });
        for &kind in CodesKind::ALL {
            let written = match kind {
                CodesKind::Npy => Codes { logvars: None, draws: 0, samples: Vec::new(), ..codes.clone() },
                _ => codes.clone(),
            };
            let read = round(&written, kind).codes;
            prop_assert_eq!(bits(&read.means), bits(&codes.means));
            if kind != CodesKind::Npy {
                prop_assert_eq!(bits(&read.samples), bits(&codes.samples));
                prop_assert_eq!(bits(&read.logvars.unwrap()), bits(codes.logvars.as_ref().unwrap()));
            }
        }
    }
}

proptest! {
    /// Whatever happened to a file, it is read or an error, and never more than that.
    #[test]
    fn damaged_files_are_errors(
        images in 1_usize..20,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        for &kind in CodesKind::ALL {
            let path = directory.path().join(format!("codes.{}", kind.extension()));
            kept(&full(2, images, |place| place as f32), kind).write(&path).unwrap();
            let mut bytes = fs::read(&path).unwrap();
            for (place, value) in &changes {
                let place = place.index(bytes.len());
                bytes[place] = *value;
            }
            if is_cut {
                bytes.truncate(length.index(bytes.len()));
            }
            fs::write(&path, &bytes).unwrap();
            if let Ok(read) = Codes::read(&path) {
                prop_assert_eq!(read.codes.check_lengths(), Ok(()));
                prop_assert!(read.codes.means.iter().all(|value| value.is_finite()));
            }
        }
    }
}

/// Reads a file of these bytes, which is an error.
fn error(bytes: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, bytes).unwrap();
    let error = Codes::read(&path).unwrap_err().to_string();
    error.replace(&path.display().to_string(), "FILE")
}

fn array(element: &str, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    [super::super::npy::header(element, shape), bytes.to_vec()].concat()
}

#[test]
fn arrays_of_others_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("codes");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Codes::read(&path).unwrap()
    };
    let of = |means: &[f32]| Codes { latent_dim: 2, means: means.to_vec(), ..Codes::default() };
    let doubles = |values: [f64; 2]| values.map(f64::to_le_bytes).concat();
    assert_eq!(
        read(&array("<f8", &[1, 2], &doubles([0.5, -2.0]))),
        ReadCodes { codes: of(&[0.5, -2.0]), ..ReadCodes::default() }
    );
    // One code by itself, and a number that 32 bits do not hold.
    assert_eq!(
        read(&array("<f8", &[2], &doubles([0.1, -2.0]))),
        ReadCodes { codes: of(&[0.1, -2.0]), is_rounded: true, ..ReadCodes::default() }
    );
    assert_eq!(read(&array("|i1", &[2, 2], &[1, 255, 3, 4])).codes, of(&[1.0, -1.0, 3.0, 4.0]));
}

#[test]
fn what_is_no_array_of_codes_is_said() {
    let one = 1.0_f32.to_le_bytes();
    for (bytes, reason) in [
        (Vec::new(), "FILE: there are no codes in it"),
        (array("<f4", &[0, 3], &[]), "FILE: there are no codes in it"),
        (array("<f4", &[3, 0], &[]), "FILE: an array of the shape [3, 0], and codes are [N, Z]"),
        (array("<f4", &[1, 1, 1], &one), "FILE: an array of the shape [1, 1, 1], and codes are [N, Z]"),
        (array("<f4", &[], &one), "FILE: an array of the shape [], and codes are [N, Z]"),
        (array("<U1", &[1, 1], &one), "FILE: an array of texts, and codes are numbers"),
        (array("<f4", &[2, 1], &one), "FILE: the header announces 8 bytes ([2, 1]), 4 follow it"),
        (array("<f4", &[1 << 40, 20], &one), "FILE: [1099511627776, 20] numbers are more than 16 GiB"),
        (array("<f4", &[usize::MAX, 20], &one), "numbers are more than a file can hold"),
        (array("<f4", &[1, 1], &f32::NAN.to_le_bytes()), "FILE: row 0 (the first is 0), column mean_0, is NaN"),
        (
            array("<f4", &[2, 2], &[1.0, 2.0, 3.0, f32::NEG_INFINITY].map(f32::to_le_bytes).concat()),
            "FILE: row 1 (the first is 0), column mean_1, is -inf",
        ),
        (array("<f8", &[1, 1], &1e300_f64.to_le_bytes()), "column mean_0, is inf"),
        (b"PK\x03\x04 and no more".to_vec(), "FILE: "),
        (b"\x7fELF\x00\x01".to_vec(), "FILE: no file of codes that is known here"),
    ] {
        let found = error(&bytes);
        assert!(found.contains(reason), "{found}: {reason}");
    }
}

#[cfg(feature = "runs")]
#[test]
fn tables_of_others_are_read_and_what_is_wrong_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("codes");
    // As pandas writes it, with its index and a column more.
    fs::write(&path, ",label,mean_1,note,mean_0\n0,cat,1e-3,x,-2\n1,,0.1,,NaN\n").unwrap();
    let message = Codes::read(&path).unwrap_err().to_string();
    assert!(message.ends_with("row 1 (the first is 0), column mean_0, is NaN"), "{message}");
    fs::write(&path, ",label,mean_1,note,mean_0\n0,cat,1e-3,x,-2\n1,,0.1,,7.25\n").unwrap();
    let read = Codes::read(&path).unwrap();
    assert_eq!(read.unused, ["", "note"]);
    assert_eq!((read.codes.latent_dim, &*read.codes.means), (2, &[-2.0, 1e-3, 7.25, 0.1][..]));
    assert_eq!((read.codes.labels, read.codes.classes), (Some(vec![Some(0), None]), vec!["cat".to_owned()]));
    let (a, b) = ("0123456789abcdef", "1123456789abcdef");
    for (text, reason) in [
        ("a,b\n1,2\n", "FILE: no column is called mean_0"),
        ("mean_0\n", "FILE: there are no codes in it"),
        ("mean_0,mean_1\n1,2\n1\n", "FILE: CSV error: record 2"),
        ("mean_0\none\n", "FILE: row 0 (the first is 0), column mean_0, is no number: 'one'"),
        ("mean_0,mean_1\n1,\n", "FILE: row 0 (the first is 0), column mean_1, is empty"),
        ("mean_0,part\n1,test\n2,tset\n", "row 1 (the first is 0), column part: is none of"),
        ("mean_0,model\n1,abc\n", "row 0 (the first is 0), column model: is no digest"),
        (&format!("mean_0,model\n1,{a}\n2,\n3,{b}\n"), "row 2 (the first is 0), column model: is of another model"),
    ] {
        let found = error(text.as_bytes());
        assert!(found.contains(reason), "{found}: {reason}");
    }
    assert!(error(b"mean_0\n\xff\xfe\n").contains("UTF-8"));
}

fn card() -> ModelCard {
    let data = DataSummary {
        name: "numbers".to_owned(),
        train_images: 1,
        validation_images: 0,
        test_images: 0,
        train_digest: String::new(),
        validation_digest: None,
        held_out_digest: None,
        test_digest: None,
    };
    let architecture = Architecture::new(ImageShape { height: 8, width: 9, channels: 1 }, &[2], 3).unwrap();
    ModelCard::new(architecture, Recipe::reference(), data)
}

#[test]
fn codes_of_another_model_are_refused() {
    let codes = full(3, 2, |place| place as f32);
    assert!(codes.check(DIGEST, &card()).unwrap());
    let bare = Codes { model: None, origin: None, ..codes.clone() };
    assert!(!bare.check(DIGEST, &card()).unwrap());
    let short = |digits: &str| Codes { model: Some(digits.to_owned()), origin: None, ..codes.clone() };
    assert!(short(&DIGEST[..MODEL_DIGITS]).check(DIGEST, &card()).unwrap());
    // As little as a digit tells nothing.
    for other in ["", "0", "fedcba9876543210", &format!("{DIGEST}0")] {
        assert!(matches!(short(other).check(DIGEST, &card()), Err(CodesError::OtherModel { .. })), "{other}");
    }
    let narrow = Codes { latent_dim: 2, means: vec![0.0; 4], ..Codes::default() };
    assert!(matches!(narrow.check(DIGEST, &card()), Err(CodesError::Width { found: 2, expected: 3 })));
    let newer = Codes { origin: Some(CodesOrigin { format: FORMAT + 1, ..origin(3, 2) }), ..codes };
    assert!(matches!(newer.check(DIGEST, &card()), Err(CodesError::Newer { .. })));
}

#[test]
fn what_a_file_cannot_hold_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let codes = full(2, 3, |place| place as f32);
    let write = |codes: &Codes, name: &str| codes.write(&directory.path().join(name)).unwrap_err();
    assert!(matches!(write(&codes, "codes.npy"), CodesError::NoPlace { what: "log-variances", .. }));
    assert!(matches!(write(&codes, "codes.txt"), CodesError::UnknownKind { .. }));
    assert!(matches!(write(&codes, "codes"), CodesError::UnknownKind { .. }));
    let mut broken = codes.clone();
    broken.samples[5] = f32::INFINITY;
    for kind in CodesKind::ALL.iter().filter(|kind| **kind != CodesKind::Npy) {
        let message = write(&broken, &format!("codes.{}", kind.extension())).to_string();
        assert!(message.ends_with("row 1 (the first is 0), column sample_0_1, is inf"), "{message}");
    }
    let uneven = Codes { names: Some(Vec::new()), ..codes };
    assert!(write(&uneven, "codes.npz").to_string().contains("0 names for 3 codes"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
