//! Event files: what they hold, and that they hold it once.

use super::*;
use crate::Recipe;
use crate::dataset::{ImageShape, Splits};
use crate::{Settings, Training};

fn training() -> Training {
    let shape = ImageShape { height: 8, width: 8, channels: 1 };
    let pixels = (0..40 * 64_usize).map(|at| (at * at % 251) as u8).collect();
    let data = Splits::from(Dataset::new(shape, pixels, None).unwrap());
    let recipe =
        Recipe { epochs: 3, batch_size: 12, widths: vec![4], latent_dim: 2, validation: 0.1, ..Recipe::reference() };
    Training::new(Settings { threads: 1, ..Settings::new("x", recipe) }, data).unwrap()
}

/// The steps of the records of a file, all of which must be whole.
fn steps(path: &Path) -> Vec<i64> {
    let bytes = std::fs::read(path.join(FILE)).unwrap();
    let (mut rest, mut steps) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let left = rest.len() as u64;
        steps.push(step_of(&record::read(&mut rest, left).unwrap().unwrap()).unwrap());
    }
    steps
}

#[test]
fn a_record_is_framed_as_tensorflow_has_it() {
    // The first record of any event file of TensorFlow has 24 bytes, and begins like this.
    let mut bytes = Vec::new();
    record::write(&mut bytes, &[0; 24]);
    assert_eq!(bytes[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
    let mut bytes = Vec::new();
    record::write(&mut bytes, b"123456789");
    // CRC-32C of these digits is 0xe3069283 (RFC 3720, and every catalogue of checksums).
    let masked = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
    assert_eq!(bytes[21..], masked.to_le_bytes());
}

#[test]
fn no_step_is_there_twice_whatever_was_cut() {
    let here = tempfile::tempdir().unwrap();
    let mut training = training();
    let mut board = TensorBoard::create(here.path()).unwrap();
    while let Some(progress) = training.advance().unwrap() {
        if let crate::Progress::Epoch(_) = progress {
            board.epoch(&training).unwrap();
        }
    }
    assert_eq!(steps(here.path()), [0, 3, 6, 9]);
    assert!(matches!(
        TensorBoard::create(here.path()).unwrap_err(),
        Error::RunDirectory(RunDirectoryError::Events { .. })
    ));
    let (whole, history) = (std::fs::read(here.path().join(FILE)).unwrap(), training.history());
    // A run that goes on after two epochs, and one of which the file lacks some.
    TensorBoard::resume(here.path(), &history[..2]).unwrap();
    assert_eq!(steps(here.path()), [0, 3, 6]);
    TensorBoard::resume(here.path(), history).unwrap();
    assert_eq!(steps(here.path()), [0, 3, 6, 9]);
    TensorBoard::resume(here.path(), &[]).unwrap();
    assert_eq!(steps(here.path()), [0]);
    // A process that was killed while it wrote, and bytes that were changed: all before them is kept.
    for length in [0, 5, 20, whole.len() / 2, whole.len() - 1, whole.len()] {
        std::fs::write(here.path().join(FILE), &whole[..length]).unwrap();
        TensorBoard::resume(here.path(), history).unwrap();
        assert_eq!(steps(here.path()), [0, 3, 6, 9], "{length}");
        let mut changed = whole.clone();
        changed[length.min(whole.len() - 1)] ^= 0x10;
        std::fs::write(here.path().join(FILE), &changed).unwrap();
        TensorBoard::resume(here.path(), history).unwrap();
        assert_eq!(steps(here.path()), [0, 3, 6, 9], "{length}");
    }
    let other = tempfile::tempdir().unwrap();
    TensorBoard::resume(&other.path().join("new"), history).unwrap();
    assert_eq!(steps(&other.path().join("new")), [0, 3, 6, 9]);
}

#[test]
fn the_divergence_of_the_dimensions_adds_up() {
    let mut training = training();
    while training.advance().unwrap().is_some() {}
    let (_, images) = training.held_out().unwrap();
    let total: f64 = divergences(&training, images).unwrap().iter().sum();
    let expected = training.history().last().unwrap().held_out.unwrap().1.kl;
    assert!((total - expected).abs() < 1e-4 * expected.abs(), "{total} {expected}");
}

#[test]
fn histograms_count_all_numbers() {
    assert_eq!(Histogram::of(&[]), None);
    assert_eq!(Histogram::of(&[f64::NAN]), None);
    let text = |numbers: &[f64]| format!("{:?}", Histogram::of(numbers).unwrap());
    assert!(text(&[2.0, 2.0]).contains("count: 2.0, sum: 4.0, squares: 8.0, limits: [2.0], counts: [2.0]"));
    let spread = text(&[0.0, 0.5, 30.0]);
    assert!(
        spread.contains("least: 0.0, most: 30.0")
            && spread.contains("counts: [2.0, 0.0, ")
            && spread.ends_with("1.0] }")
    );
}

#[test]
fn what_is_no_event_has_no_step() {
    for bytes in [&[0xff][..], &[0x10], &[0x0a, 0x05, 1], &[0xff; 20], &[0x0b]] {
        assert_eq!(step_of(bytes), None, "{bytes:?}");
    }
    assert_eq!(step_of(&[0x10, 0xac, 0x02]), Some(300));
}
