//! Errors, never panics, where checkpoints and models are damaged.

use crate::bars::{model_bytes, resume, run_in, small, small_settings};
use elbo::files::{NewerFileError, TensorFileError};
use elbo::{Error, Model, RunDirectory, Training};
use proptest::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::fs;

/// A run stopped within its second epoch, as the bytes of its checkpoint, and a directory to put damaged ones into.
struct Stopped {
    directory: tempfile::TempDir,
    checkpoint: Vec<u8>,
}

impl Stopped {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(directory.path()).unwrap();
        let mut training = Training::new(small_settings(2), small()).unwrap().save_in(run).unwrap();
        for _ in 0..9 {
            training.advance().unwrap();
        }
        training.save().unwrap();
        let checkpoint = fs::read(directory.path().join("checkpoint.safetensors")).unwrap();
        Self { directory, checkpoint }
    }

    /// Bytes before the tensors: a length, and JSON of that length.
    fn header(&self) -> usize {
        8 + u64::from_le_bytes(self.checkpoint[..8].try_into().unwrap()) as usize
    }

    /// Goes on from other bytes, as far as that leads. It must end in a model or an error, not in a panic.
    fn go_on_from(&self, checkpoint: &[u8]) -> Result<(), Error> {
        fs::write(self.directory.path().join("checkpoint.safetensors"), checkpoint).unwrap();
        let mut training = resume(self.directory.path(), small(), |settings| settings.threads = 1)?;
        // A damaged number of epochs may be large.
        for _ in 0..20 {
            training.advance()?;
        }
        Ok(())
    }
}

#[test]
fn a_checkpoint_cut_short_is_an_error() {
    let stopped = Stopped::new();
    let len = stopped.checkpoint.len();
    let near_the_header = stopped.header() - 20..stopped.header() + 20;
    for cut in (0..20).chain((20..len).step_by(97)).chain(near_the_header).chain(len - 20..len) {
        let error = stopped.go_on_from(&stopped.checkpoint[..cut]).unwrap_err();
        assert!(matches!(error, Error::TensorFile(TensorFileError::Malformed { .. })), "{cut}: {error}");
        assert!(error.to_string().contains("checkpoint.safetensors"), "{error}");
    }
    let longer = [&stopped.checkpoint[..], b"more"].concat();
    assert!(stopped.go_on_from(&longer).is_err());
    stopped.go_on_from(&stopped.checkpoint).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_an_error_or_loads() {
    let stopped = Stopped::new();
    let header = stopped.header();
    // What the file says of the run, where most damage still is JSON.
    let text = String::from_utf8_lossy(&stopped.checkpoint[..header]);
    let document = text.find("settings").unwrap()..text.find("history").unwrap();
    let damage = prop_oneof![document, 0..header, header..stopped.checkpoint.len()];
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let damages = (damage, prop_oneof![(0..8_u32).prop_map(|bit| (Some(bit), 0)), any::<u8>().prop_map(|b| (None, b))]);
    runner
        .run(&damages, |(position, (bit, byte))| {
            let mut damaged = stopped.checkpoint.clone();
            damaged[position] = bit.map_or(byte, |bit| damaged[position] ^ (1 << bit));
            if let Err(error) = stopped.go_on_from(&damaged) {
                prop_assert!(!error.to_string().is_empty());
            }
            Ok(())
        })
        .unwrap();
}

/// The same file with part of its header's text replaced.
fn with_header(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let end = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(file[8..end].to_vec()).unwrap();
    assert!(header.contains(from), "{from} is not in {header}");
    let mut header = header.replace(from, to).into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes(), &header[..], &file[end..]].concat()
}

#[test]
fn a_checkpoint_that_contradicts_itself_is_an_error() {
    let stopped = Stopped::new();
    // One that no digest guards.
    let file = of_format_1(&stopped.checkpoint);
    for (from, to, named) in [
        (r#"\"batches\":3"#, r#"\"batches\":6"#, "batch 6 of an epoch of 5"),
        (r#"\"batches\":3"#, r#"\"batches\":-3"#, "invalid value"),
        (r#"\"epochs\":1"#, r#"\"epochs\":3"#, "cannot end after 2 epochs"),
        (r#"\"epochs\":2"#, r#"\"epochs\":1"#, "cannot end after 1 epochs"),
        (r#"\"batch_size\":17"#, r#"\"batch_size\":0"#, "batch size"),
        (r#"\"batch_size\":17"#, r#"\"batch_size\":70"#, "batch 3 of an epoch of 1"),
        (r#"\"height\":12"#, r#"\"height\":11"#, "the model takes 11x10x1 images"),
        (r#"\"height\":12"#, r#"\"height\":2"#, "height"),
        (r#"\"latent_dim\":3,\"widths\""#, r#"\"latent_dim\":4,\"widths\""#, "asks for another network"),
        (r#"\"position\""#, r#"\"somewhere\""#, "somewhere"),
    ] {
        let error = stopped.go_on_from(&with_header(&file, from, to)).unwrap_err();
        assert!(error.to_string().contains(named), "{from} -> {to}: {error}");
    }
}

/// A file made anew from the tensors and the metadata of another, each tensor as `change` has it; without, it is left
/// out.
fn rebuilt(file: &[u8], change: impl Fn(&str, &[usize]) -> Option<(Dtype, Vec<usize>)>) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let (_, header) = SafeTensors::read_metadata(file).unwrap();
    let views = tensors.iter().filter_map(|(name, tensor)| {
        let (dtype, shape) = change(name, tensor.shape())?;
        Some((name.to_owned(), TensorView::new(dtype, shape, tensor.data()).unwrap()))
    });
    safetensors::serialize(views, header.metadata().clone()).unwrap()
}

#[test]
fn a_model_file_that_is_not_right_says_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    run_in(directory.path(), small_settings(1), small());
    let file = model_bytes(directory.path());
    let path = directory.path().join("other.safetensors");
    let error = |file: &[u8]| {
        fs::write(&path, file).unwrap();
        let error = Model::read(&path).unwrap_err();
        assert!(error.to_string().contains("other.safetensors"), "{error}");
        error
    };
    let changed = |wanted: &'static str, new: Option<(Dtype, Vec<usize>)>| {
        let rebuilt = rebuilt(&file, |name, shape| match &new {
            _ if name != wanted => Some((Dtype::F32, shape.to_vec())),
            Some(new) => Some(new.clone()),
            None => None,
        });
        let error = error(&rebuilt);
        let TensorFileError::Tensor { name, .. } = &error else { panic!("{error}") };
        assert_eq!(name, wanted);
        error.to_string()
    };
    let message = changed("encoder.conv2.weight", None);
    assert!(message.contains("must be F32 [3, 3, 4, 6], but is not there"), "{message}");
    let message = changed("encoder.conv2.weight", Some((Dtype::F32, vec![3, 3, 6, 4])));
    assert!(message.contains("but is F32 [3, 3, 6, 4]"), "{message}");
    let message = changed("decoder.output.bias", Some((Dtype::I32, vec![1])));
    assert!(message.contains("must be F32 [1], but is I32 [1]"), "{message}");

    let newer = error(&with_header(&file, r#"\"format\":4"#, r#"\"format\":5"#));
    assert!(matches!(newer, TensorFileError::Newer(NewerFileError { found: 5, known: 4, .. })), "{newer}");
    // Also when it says things that this program does not know.
    let newer = error(&with_header(&file, r#"\"format\":4"#, r#"\"format\":5,\"colour\":3"#));
    assert!(matches!(newer, TensorFileError::Newer { .. }), "{newer}");
    let unguarded = of_format_1(&file);
    let unknown = error(&with_header(&unguarded, r#"\"format\":1"#, r#"\"format\":1,\"colour\":3"#));
    assert!(matches!(unknown, TensorFileError::Foreign { .. }) && unknown.to_string().contains("colour"));
    let no_digest = error(&with_header(&file, "tensors_digest", "tensors_colour"));
    assert!(matches!(no_digest, TensorFileError::Foreign { .. }), "{no_digest}");
    assert!(no_digest.to_string().contains("missing field `tensors_digest`"), "{no_digest}");
    let other_widths = error(&with_header(&unguarded, r#"\"widths\":[4,6]"#, r#"\"widths\":[4,7]"#));
    assert!(matches!(other_widths, TensorFileError::Tensor { .. }), "{other_widths}");

    // A file that says it is older than its digests does not get past them.
    for older in [0, 1, 2] {
        let error = error(&with_header(&file, r#"\"format\":4"#, &format!(r#"\"format\":{older}"#)));
        assert!(matches!(error, TensorFileError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("format"), "{error}");
    }
    let twice = error(&with_header(&file, r#"\"tensors_digest\""#, r#"\"format\":1,\"tensors_digest\""#));
    assert!(matches!(twice, TensorFileError::Foreign { .. }), "{twice}");
    let directory_for_a_file = Model::read(directory.path()).unwrap_err();
    assert!(directory_for_a_file.to_string().contains("it is no file"), "{directory_for_a_file}");

    let checkpoint = error(&fs::read(directory.path().join("checkpoint.safetensors")).unwrap());
    assert!(matches!(checkpoint, TensorFileError::Foreign { kind: "model", .. }), "{checkpoint}");
    assert!(checkpoint.to_string().contains("it is a checkpoint"));
    let foreign = safetensors::serialize(Vec::<(String, TensorView<'_>)>::new(), None).unwrap();
    let foreign = error(&foreign);
    assert!(matches!(foreign, TensorFileError::Foreign { .. }), "{foreign}");
    for damaged in [&b""[..], b"{}", &[255; 64], &file[..file.len() - 1]] {
        let error = error(damaged);
        assert!(matches!(error, TensorFileError::Malformed { .. }), "{error}");
    }
    // And a model is no checkpoint.
    fs::write(directory.path().join("checkpoint.safetensors"), &file).unwrap();
    let error = resume(directory.path(), small(), |_| {}).unwrap_err();
    assert!(error.to_string().contains("not a checkpoint of this program: it is a model"), "{error}");
}

/// A run of one epoch in a directory, of which the first `held_out` share is held out.
fn finished(held_out: f64) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = small_settings(1);
    settings.recipe.validation = held_out;
    run_in(directory.path(), settings, small());
    directory
}

/// Where the numbers of a file begin.
fn tensors_at(file: &[u8]) -> usize {
    8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize
}

/// What follows `before` in the header's text, up to the next quote.
fn text_after(file: &[u8], before: &str) -> String {
    let header = std::str::from_utf8(&file[8..tensors_at(file)]).unwrap();
    let (_, after) = header.split_once(before).unwrap();
    after.split_once('\\').unwrap().0.to_owned()
}

/// The file as it was written before there were digests.
fn of_format_1(file: &[u8]) -> Vec<u8> {
    let tensors_digest = text_after(file, r#"tensors_digest\":\""#);
    let document_digest = text_after(file, r#"document_digest\":\""#);
    let file = with_header(file, &format!(r#",\"tensors_digest\":\"{tensors_digest}\""#), "");
    let file = with_header(&file, &format!(r#",\"document_digest\":\"{document_digest}\""#), "");
    with_header(&file, r#"\"format\":4"#, r#"\"format\":1"#)
}

#[test]
fn one_bit_of_a_tensor_is_missed() {
    let run = finished(0.0);
    for name in ["model", "checkpoint"] {
        let path = run.path().join(format!("{name}.safetensors"));
        let file = fs::read(&path).unwrap();
        for position in (tensors_at(&file)..file.len()).step_by(241) {
            let mut damaged = file.clone();
            damaged[position] ^= 1 << (position % 8);
            fs::write(&path, damaged).unwrap();
            let error: Error = match name {
                "model" => Model::read(&path).unwrap_err().into(),
                _ => resume(run.path(), small(), |_| {}).unwrap_err(),
            };
            assert!(matches!(error, Error::TensorFile(TensorFileError::Damaged { .. })), "{position}: {error}");
            let said = error.to_string();
            assert!(said.contains(&format!("{name}.safetensors: damaged")), "{said}");
            assert!(said.contains(&text_after(&file, r#"tensors_digest\":\""#)), "{said}");
        }
        fs::write(&path, file).unwrap();
    }
}

/// Numbers of the document too: every one that is another afterwards is missed.
#[test]
fn one_digit_of_the_document_is_missed() {
    let run = finished(0.2);
    let model = Model::open(run.path()).unwrap();
    let history = resume(run.path(), small(), |_| {}).unwrap().history().to_vec();
    for name in ["model", "checkpoint"] {
        let path = run.path().join(format!("{name}.safetensors"));
        let file = fs::read(&path).unwrap();
        let text = String::from_utf8(file[8..tensors_at(&file)].to_vec()).unwrap();
        let document = text.find("__metadata__").unwrap()..text.find("document_digest").unwrap();
        let digits = text[document.clone()].char_indices().filter(|(_, c)| c.is_ascii_digit());
        let mut tried = 0;
        for (place, _) in digits {
            let mut damaged = file.clone();
            let byte = &mut damaged[8 + document.start + place];
            *byte = if *byte == b'9' { b'8' } else { *byte + 1 };
            fs::write(&path, damaged).unwrap();
            let error: Error = match name {
                "model" => match Model::read(&path) {
                    Err(error) => error.into(),
                    // The last of many digits, of the same number to the last bit.
                    Ok(found) if found == model => continue,
                    Ok(_) => panic!("{}", &text[document.start + place - 40..=document.start + place]),
                },
                _ => match resume(run.path(), small(), |_| {}) {
                    Err(error) => error,
                    Ok(found) if found.history() == history => continue,
                    Ok(_) => panic!("{}", &text[document.start + place - 40..=document.start + place]),
                },
            };
            assert!(matches!(error, Error::TensorFile(_)), "{error}");
            tried += 1;
        }
        assert!(tried > 100, "{tried}");
        fs::write(&path, file).unwrap();
    }
}

#[test]
fn files_without_digests_are_read_as_before() {
    let run = finished(0.0);
    let model_path = run.path().join("model.safetensors");
    let model = Model::read(&model_path).unwrap();
    let new = fs::read(&model_path).unwrap();
    fs::write(&model_path, of_format_1(&new)).unwrap();
    assert!(Model::read(&model_path).unwrap() == model);
    // Written again, it has one.
    Model::read(&model_path).unwrap().write(&model_path).unwrap();
    assert!(fs::read(&model_path).unwrap() == new);

    let stopped = Stopped::new();
    let whole = {
        stopped.go_on_from(&stopped.checkpoint).unwrap();
        model_bytes(stopped.directory.path())
    };
    stopped.go_on_from(&of_format_1(&stopped.checkpoint)).unwrap();
    assert!(model_bytes(stopped.directory.path()) == whole);
}

#[test]
fn a_number_that_is_not_finite_is_named() {
    let run = finished(0.0);
    let path = run.path().join("model.safetensors");
    let older = of_format_1(&fs::read(&path).unwrap());
    let (_, header) = SafeTensors::read_metadata(&older).unwrap();
    for (name, value) in [("encoder.conv2.weight", f32::NAN), ("decoder.output.bias", f32::NEG_INFINITY)] {
        let [begin, end] = <[usize; 2]>::from(header.info(name).unwrap().data_offsets);
        let place = (end - begin) / 4 / 2;
        let mut damaged = older.clone();
        damaged[tensors_at(&older) + begin + 4 * place..][..4].copy_from_slice(&value.to_le_bytes());
        fs::write(&path, damaged).unwrap();
        let error = Model::read(&path).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("model.safetensors: ")
                && said.contains(&format!("number {place} of tensor {name} is {value}")),
            "{said}"
        );
        assert!(matches!(error, TensorFileError::NotFinite { .. }), "{error}");
    }
    // Nor is it written, and what was there before stays.
    fs::write(&path, &older).unwrap();
    let mut model = Model::read(&path).unwrap();
    model.parameters[3] = f32::INFINITY;
    let error = model.write(&path).unwrap_err();
    assert!(error.to_string().contains("number 3 of tensor encoder.conv1.weight is inf"), "{error}");
    assert!(fs::read(&path).unwrap() == older);
}

#[test]
fn a_run_does_not_go_on_with_other_images_held_out() {
    let run = finished(0.2);
    let path = run.path().join("checkpoint.safetensors");
    let file = of_format_1(&fs::read(&path).unwrap());
    let held_out = text_after(&file, r#"held_out_digest\":\""#);
    let go_on = |file: Vec<u8>| {
        fs::write(&path, file).unwrap();
        resume(run.path(), small(), |settings| settings.recipe.epochs = 2)
    };
    let error = go_on(with_header(&file, &held_out, &"0".repeat(64))).unwrap_err();
    assert!(matches!(error, Error::HeldOut(_)), "{error}");
    assert!(error.to_string().contains(&held_out[..12]), "{error}");
    // An older file does not say which they are.
    go_on(with_header(&file, &format!(r#",\"held_out_digest\":\"{held_out}\""#), "")).unwrap();
    go_on(file).unwrap();
}
