//! What lies among pictures and is none of a data set's.

use super::*;
use crate::dataset::PassedOver;

/// Twelve pictures, and what else there is.
fn among_pictures(others: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = folder(others);
    for number in 0..12 {
        fs::write(folder.path().join(format!("{number:02}.png")), png(&grey(8, 8))).unwrap();
    }
    folder
}

/// The names of the images, and what is said.
fn images(folder: &TempDir) -> (Vec<String>, Vec<Note>) {
    let Loaded { splits, notes, .. } = loaded(folder.path(), &DataOptions::default());
    (splits.train.names().unwrap().to_vec(), notes)
}

#[test]
fn runs_are_passed_over() {
    let figure = png(&grey(300, 200));
    let plain = images(&among_pictures(&[]));
    assert_eq!(plain.0.len(), 12);
    let folder = among_pictures(&[
        ("runs/one/model.safetensors", vec![1]),
        ("runs/one/figures/loss.png", figure.clone()),
        ("runs/two/checkpoint.safetensors", vec![1]),
        ("runs/two/generated.png", figure.clone()),
        ("mine/metrics.csv", vec![1]),
        ("mine/config.toml", vec![1]),
        ("mine/figures/loss.png", figure.clone()),
    ]);
    let (names, notes) = images(&folder);
    assert_eq!(names, plain.0);
    assert!(
        notes.contains(&Note::PassedOver { reason: PassedOver::Run, example: "mine".to_owned(), count: 3 }),
        "{notes:?}"
    );
    assert!(said(&notes).contains("3 runs of elbo are passed over, such as mine"), "{notes:?}");
    // A run that lies among the pictures themselves.
    let folder = among_pictures(&[("best.safetensors", vec![1]), ("figures/loss.png", figure.clone())]);
    let (names, notes) = images(&folder);
    assert_eq!(names, plain.0);
    assert!(said(&notes).contains("1 run of elbo is passed over: figures"), "{notes:?}");
    // What is only called so is none.
    let folder = among_pictures(&[
        ("figures/loss.png", png(&grey(8, 8))),
        ("runs/a.png", png(&grey(8, 8))),
        ("runs/config.toml", vec![]),
    ]);
    let (names, notes) = images(&folder);
    assert_eq!(names.len(), 14);
    assert!(!said(&notes).contains("passed over"), "{notes:?}");
}

/// Commands write into the current directory, which may be that of the pictures.
#[cfg(feature = "figures")]
#[test]
fn figures_are_passed_over() {
    let pixels = elbo_figures::Pixels { height: 8, width: 8, channels: 1, data: &[0.5; 64] };
    let sheet = elbo_figures::sheet(&[pixels; 4], 2, 2).unwrap();
    let folder = among_pictures(&[("generated.png", sheet.figure_png().unwrap()), ("0.png", sheet.png().unwrap())]);
    let (names, notes) = images(&folder);
    assert_eq!((names.len(), names[0].as_str()), (13, "0.png"));
    assert!(said(&notes).contains("1 figure of elbo is passed over: generated.png"), "{notes:?}");
    assert_eq!(loaded(&folder.path().join("generated.png"), &DataOptions::default()).splits.train.len(), 1);
}

#[test]
fn what_systems_and_editors_leave_is_passed_over() {
    let picture = png(&grey(8, 8));
    let folder = among_pictures(&[
        ("@eaDir/00.png/SYNOPHOTO_THUMB_M.png", picture.clone()),
        ("__MACOSX/00.png", picture.clone()),
        ("#recycle/old.png", picture.clone()),
        ("$Recycle.Bin/S-1/old.png", picture.clone()),
        ("lost+found/#12.png", picture.clone()),
        (".AppleDouble/00.png", picture.clone()),
        ("._00.png", picture.clone()),
        ("Thumbs.db", vec![0xd0, 0xcf]),
        ("copy.png~", picture.clone()),
        ("copy.png.bak", picture.clone()),
        ("new.jpg.crdownload", picture.clone()),
    ]);
    let (names, notes) = images(&folder);
    assert_eq!(names.len(), 12, "{names:?}");
    let said = said(&notes);
    assert!(said.contains("6 entries of the system are passed over, such as #recycle"), "{said}");
    assert!(said.contains("3 backups or unfinished downloads are passed over, such as copy.png.bak"), "{said}");
    // What is given by name is read.
    assert_eq!(loaded(&folder.path().join("copy.png~"), &DataOptions::default()).splits.train.len(), 1);
    assert_eq!(loaded(&folder.path().join("lost+found"), &DataOptions::default()).splits.train.len(), 1);
}

#[test]
#[cfg(unix)]
fn links_to_nothing_are_told() {
    let folder = among_pictures(&[]);
    for name in ["dead.png", "dead too.jpg", "no picture"] {
        std::os::unix::fs::symlink("../annex/nowhere", folder.path().join(name)).unwrap();
    }
    let (names, notes) = images(&folder);
    assert_eq!(names.len(), 12);
    assert!(said(&notes).contains("2 links to nothing are passed over, such as dead"), "{notes:?}");
}

/// How a phone's picture begins.
fn heic() -> Vec<u8> {
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec()
}

#[test]
fn pictures_of_other_kinds_are_told_and_many_are_an_error() {
    let avif = b"\0\0\0\x18ftypavif\0\0\0\0".to_vec();
    let raw = encoded(&grey(8, 8), ImageFormat::Tiff);
    let folder = among_pictures(&[
        ("IMG_1.HEIC", heic()),
        ("IMG_2.heic", heic()),
        ("no ending", heic()),
        ("a.avif", avif),
        ("b.nef", raw),
        ("notes.txt", b"BM is how this begins".to_vec()),
        ("labels.csv", vec![]),
        ("more.csv", vec![]),
        ("LICENSE", vec![]),
    ]);
    let (names, notes) = images(&folder);
    assert_eq!(names.len(), 12);
    let text = said(&notes);
    assert!(text.contains("5 pictures are of kinds that are not read, and left out: 3 HEIC, 1 AVIF, 1 NEF"), "{text}");
    assert!(text.contains("4 files are no pictures, and left out: 2 CSV, 1 TXT, 1 without an ending"), "{text}");
    // Only pictures count: a text for each of them is no mistake.
    for number in 0..20 {
        fs::write(folder.path().join(format!("{number}.txt")), "a cat").unwrap();
    }
    assert_eq!(images(&folder).0.len(), 12);
    for number in 0..7 {
        fs::write(folder.path().join(format!("{number}.heic")), heic()).unwrap();
    }
    assert_eq!(images(&folder).0.len(), 12);
    fs::write(folder.path().join("last.heic"), heic()).unwrap();
    let error = error_of(folder.path(), &DataOptions::default());
    assert!(matches!(error, DatasetError::Pictures(PictureError::UnreadKinds { read: 12, .. })), "{error}");
    let expected = "13 pictures of kinds that are not read (11 HEIC, 1 AVIF, 1 NEF), and 12 that can be";
    assert!(error.to_string().contains(expected), "{error}");
    let let_pass = DataOptions { max_bad: Some(1.0), ..DataOptions::default() };
    assert_eq!(loaded(folder.path(), &let_pass).splits.train.len(), 12);
}

#[test]
fn nothing_but_other_kinds_is_an_error_that_says_so() {
    let folder = folder(&[("a.heic", heic()), ("b.heic", heic())]);
    for max_bad in [None, Some(1.0)] {
        let error = error_of(folder.path(), &DataOptions { max_bad, ..DataOptions::default() });
        assert!(error.to_string().contains("2 pictures of kinds that are not read (2 HEIC), and 0"), "{error}");
    }
    // One that is called otherwise is a bad picture.
    let path = folder.path().join("c.jpg");
    fs::write(&path, heic()).unwrap();
    assert!(error_of(&path, &DataOptions::default()).to_string().ends_with("c.jpg: HEIC files are not read"));
}
