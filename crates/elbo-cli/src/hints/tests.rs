//! What is advised about each error, or that nothing is.

use super::*;
use elbo::Loss;
use elbo::dataset::{BadPicture, Channels, ImageShape, Size};
use elbo::files::{DataSummary, HeldOutError, NewerFileError, TensorNotFiniteError};
use std::io;

const SHAPE: ImageShape = ImageShape { height: 8, width: 8, channels: 1 };

fn path() -> PathBuf {
    PathBuf::from("x")
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn storage(kind: ErrorKind) -> StorageError {
    StorageError { action: "write", path: path(), source: kind.into() }
}

fn magic(expected: u32, kind: Option<FileKind>) -> DatasetError {
    IdxError::WrongMagic { path: path(), expected, found: 7, kind }.into()
}

fn missing_directory(prefixes: &[&str]) -> DatasetError {
    DatasetError::MissingDirectory { path: path(), parent: Some("sets".into()), prefixes: names(prefixes) }
}

/// Checks what each error's hint says, or that it has none.
fn check<E: Into<Error>>(cases: impl IntoIterator<Item = (E, Option<&'static str>)>) {
    for (error, expected) in cases {
        let error = error.into();
        assert_eq!(hint(&error).as_deref(), expected, "{error}");
    }
}

#[test]
fn a_data_set_that_is_not_there() {
    let what = Some(
        "give a directory that holds pictures (PNG, JPEG, WebP, GIF, BMP or TIFF), a .npy or .npz file, a directory \
         that holds train-images-idx3-ubyte, plain or with .gz, or DIR/PREFIX for files such as \
         PREFIX-train-images-idx3-ubyte.gz",
    );
    let unpack = Some("unpack it, and give the directory");
    let missing_file = |holds: &[&str]| IdxError::MissingFile {
        directory: path(),
        names: names(&["train-images-idx3-ubyte"]),
        holds: names(holds),
        more: 0,
    };
    check([
        (missing_directory(&[]), what),
        (DatasetError::MissingDirectory { path: path(), parent: None, prefixes: Vec::new() }, what),
        (
            missing_directory(&["", "digits", "letters"]),
            Some("choose one of the data sets there, for example sets/digits"),
        ),
        (missing_directory(&[""]), Some("choose one of the data sets there, for example sets")),
        (DatasetError::UnknownFile { path: path() }, what),
        (DatasetError::NoData { directory: path(), holds: Vec::new(), more: 0 }, what),
        (DatasetError::NoData { directory: path(), holds: names(&["a.zip"]), more: 0 }, unpack),
        (DatasetError::UnknownFile { path: "a.tar.gz".into() }, unpack),
        (
            missing_file(&["a.png", "raw/"]).into(),
            Some("if the files lie in one of the directories inside, give that directory"),
        ),
        (missing_file(&["a.png"]).into(), None),
        (
            IdxError::SeveralPrefixes { directory: "sets".into(), prefixes: names(&["digits", "letters"]) }.into(),
            Some("choose one, for example sets/digits"),
        ),
        (
            DatasetError::PermissionDenied { path: "x/train-images-idx3-ubyte".into() },
            Some("make it readable for this user, for example with chmod u+rX x/train-images-idx3-ubyte"),
        ),
        (
            DatasetError::Feature { path: path(), feature: "pictures" },
            Some("build with it: elbo = { features = [\"pictures\"] }"),
        ),
        (DatasetError::Io { path: path(), reason: io::Error::other("no") }, None),
    ]);
}

#[test]
fn files_of_a_data_set_that_are_wrong() {
    let images = Some("images must be unsigned bytes in 3 dimensions, big-endian");
    let labels = Some("labels must be unsigned bytes in 1 dimension, big-endian");
    let again = Some("the download may be incomplete or damaged; download the file again");
    let swapped = Some("the files of images and labels seem to be swapped");
    let other = || FileKind::Idx("32-bit floats in 3 dimensions".to_owned());
    check([
        (magic(2051, Some(FileKind::Labels)), swapped),
        (magic(2049, Some(FileKind::Images)), swapped),
        (magic(2051, Some(other())), images),
        (magic(2051, Some(FileKind::Swapped)), images),
        (magic(2049, Some(other())), labels),
        (magic(2049, Some(FileKind::Swapped)), labels),
        (
            magic(2051, Some(FileKind::Text)),
            Some("the download may have saved a web page in its place; download it again"),
        ),
        (magic(2051, Some(FileKind::Gzip)), Some("the file is compressed twice; decompress it once")),
        (magic(2051, None), None),
        (IdxError::TruncatedHeader { path: path(), expected: 16, found: 3 }.into(), again),
        (IdxError::TruncatedPayload { path: path(), announces: String::new(), expected: 60, found: 3 }.into(), again),
        (IdxError::CorruptGzip { path: path(), reason: io::Error::other("no") }.into(), again),
        (
            IdxError::CountMismatch { images_path: path(), images: 1, labels_path: path(), labels: 2 }.into(),
            Some("the two files may belong to different data sets"),
        ),
        (IdxError::EmptyFile { path: path(), items: "images" }.into(), None),
        (
            DatasetError::ShapeMismatch { train_path: path(), train: SHAPE, other_path: path(), other: SHAPE },
            Some("the two may belong to different data sets"),
        ),
    ]);
}

#[test]
fn values_and_arrays_that_are_wrong() {
    let no_images = |arrays: &[&str]| ArrayError::NoImages { path: path(), arrays: names(arrays) };
    check([
        (DatasetError::Value { image: 2, value: 7.0 }, Some("scale the values to 0 to 1, or give bytes")),
        (
            ArrayError::Sides { path: path(), array: None, found: [7, 7], sides: SIDES }.into(),
            Some("bring them to another size, for example --size 32"),
        ),
        (ArrayError::Sides { path: path(), array: None, found: [3, 3], sides: 5..=20_000 }.into(), None),
        (
            ArrayError::Channels { path: path(), array: None, channels: 4, asked: Channels::Rgb }.into(),
            Some("leave out --channels"),
        ),
        (
            ArrayError::Scales { path: path(), arrays: Box::default(), found: Box::default() }.into(),
            Some("say with --range which values are black and white in all of them"),
        ),
        (
            ArrayError::OutOfMemory { path: path(), memory: 1000, images: 24, shape: SHAPE }.into(),
            Some("choose a smaller --size, or set with --memory from how many bytes on they are kept in a file"),
        ),
        (DatasetError::Changed { path: path() }, Some("begin anew, and leave the file as it is while it is used")),
        (
            ArrayError::NotFinite { path: path(), array: None, image: 2, value: f64::NAN }.into(),
            Some("clean the array before it is saved"),
        ),
        (
            no_images(&["a", "b"]).into(),
            Some("call them train_images, train_labels, test_images and test_labels, or x_train and so on"),
        ),
        (no_images(&[]).into(), Some("if there are pictures in it, unpack it and give the directory")),
        (ArrayError::Shape { path: path(), array: None, shape: vec![2] }.into(), None),
        (
            ArrayError::Shape { path: path(), array: None, shape: vec![9, 64] }.into(),
            Some("if each row is an image: a = a.reshape(-1, 8, 8)"),
        ),
    ]);
}

#[test]
fn pictures_that_are_bad_or_too_many() {
    check([
        (
            PictureError::TooManyBad { directory: path(), examples: Vec::new(), bad: 3, total: 21 }.into(),
            Some("remove or repair them, or let a larger share pass, for example with --max-bad 0.5"),
        ),
        (
            PictureError::UnreadKinds { directory: path(), kinds: vec![("HEIC".to_owned(), 60)], read: 4 }.into(),
            Some(
                "convert them, for example with ImageMagick in each directory: magick mogrify -format jpg '*.heic'; or \
                 train without them with --max-bad 1",
            ),
        ),
        (
            PictureError::OutOfMemory { memory: 1000, images: 24, shape: SHAPE }.into(),
            Some("choose a smaller --size, or set with --memory from how many bytes on they are kept in a file"),
        ),
        (
            DatasetError::Cache(storage(ErrorKind::StorageFull)),
            Some("choose a directory with room for the images with --cache, or a smaller --size"),
        ),
        (DatasetError::CannotHoldOut { name: "one".to_owned() }, Some("train on it alone with --validation none")),
        (DatasetError::NoPictures { name: "bars".to_owned() }, Some("leave out --size, --fit, --range and the like")),
        (PictureError::Unreadable(BadPicture { path: path(), reason: String::new() }).into(), None),
    ]);
}

#[test]
fn networks_and_classes_that_do_not_fit() {
    check([(
        ArchitectureError::TooLarge { image: SHAPE, widths: vec![8], activations: 1 << 40 },
        Some("make the images smaller, or the stages narrower with --widths"),
    )]);
    check([
        (
            ClassError::NoLabels,
            Some(
                "give images with labels, such as pictures in a directory for each class, or leave out \
                 --conditional",
            ),
        ),
        (
            ClassError::Unknown { found: "cow".to_owned(), classes: names(&["cat", "dog", "7", "owl"]) },
            Some("give a name, or a number from 0 to 3"),
        ),
        (ClassError::NotConditional, Some("train with --conditional, or leave out the class")),
        (ClassError::Count { known: 4, latents: 2, classes: 3 }, None),
    ]);
}

#[test]
fn devices_that_cannot_be_used() {
    let unavailable = |what: &str| EngineError::Unavailable { what: what.to_owned(), source: "none".into() };
    check([
        (unavailable("cuda:1"), Some("--device cpu takes the processor; elbo devices says what there is")),
        (unavailable("ELBO_ISA"), None),
        (
            EngineError::OutOfMemory { device: "card".to_owned(), source: "none".into() },
            Some("end what else uses the card, or take --device cpu"),
        ),
        (
            EngineError::Device { device: "card".to_owned(), source: "none".into() },
            Some("--device cpu takes the processor"),
        ),
    ]);
}

#[test]
fn training_that_does_not_go_on() {
    let with_beta = |epoch, learning_rate, muon_learning_rate, beta| TrainingError::NotFinite {
        epoch,
        batch: 2,
        loss: Loss { reconstruction: f64::NAN, kl: 1.0 },
        learning_rate,
        muon_learning_rate,
        beta,
    };
    let not_finite = |epoch, muon_learning_rate| with_beta(epoch, 0.5, muon_learning_rate, 1.0);
    let data = |name: &str| {
        Box::new(DataSummary {
            name: name.to_owned(),
            train_images: 100,
            validation_images: 0,
            test_images: 0,
            train_digest: "0".repeat(64),
            validation_digest: None,
            held_out_digest: None,
            test_digest: None,
        })
    };
    check([
        (not_finite(1, None), Some("train anew with lower rates, for example --learning-rate 0.05")),
        (
            not_finite(2, Some(0.25)),
            Some(
                "the model of the last whole epoch is kept; train anew with lower rates, for example \
                 --learning-rate 0.05 --muon-learning-rate 0.025",
            ),
        ),
        (with_beta(1, 0.5, Some(0.04), 1e30), Some("train anew with a lower --beta: 1 is usual")),
        (
            with_beta(1, 2.0, None, 1e30),
            Some("train anew with a lower --beta and lower rates, for example --beta 1 --learning-rate 0.2"),
        ),
        (
            TrainingError::OtherData { expected: data("bars"), found: data("dots") },
            Some("if 'bars' lies elsewhere, give its path as DATA; if it has changed, bring it back, or train anew"),
        ),
        (
            TrainingError::NothingHeldOut { patience: 3 },
            Some("hold some out, for example --validation 0.1, or leave out --patience"),
        ),
        (TrainingError::PastEnd { asked: 2, done: 2, batches: 1 }, Some("give --epochs 3 or more")),
    ]);
    let held_out = HeldOutError { name: "bars".to_owned(), expected: String::new(), found: String::new() };
    check([(
        held_out,
        Some("use the version of elbo that trained the model, or give images as DATA that it was not trained on"),
    )]);
}

#[test]
fn places_that_cannot_be_used() {
    let full = Some("free some space, or write elsewhere with --out; what was saved before is unharmed");
    let locked = Some("choose a place that you may write to with --out");
    let train = Some("train one with: elbo train --out RUN");
    check([
        (Error::from(storage(ErrorKind::StorageFull)), full),
        (storage(ErrorKind::QuotaExceeded).into(), full),
        (storage(ErrorKind::PermissionDenied).into(), locked),
        (storage(ErrorKind::ReadOnlyFilesystem).into(), locked),
        (storage(ErrorKind::NotFound).into(), None),
        (SettingsError::Storage(storage(ErrorKind::PermissionDenied)).into(), locked),
        (TensorFileError::Storage(storage(ErrorKind::StorageFull)).into(), full),
        (RunDirectoryError::Storage(storage(ErrorKind::PermissionDenied)).into(), locked),
        (
            RunDirectoryError::Occupied { path: "runs/one".into() }.into(),
            Some("choose another --out, or go on with that run: elbo train --resume runs/one"),
        ),
        #[cfg(unix)]
        (
            RunDirectoryError::Occupied { path: "my runs/one".into() }.into(),
            Some("choose another --out, or go on with that run: elbo train --resume 'my runs/one'"),
        ),
        (
            RunDirectoryError::NoModelYet { path: path() }.into(),
            Some("wait for its first epoch if it is being trained, or else go on with it: elbo train --resume x"),
        ),
        (
            RunDirectoryError::InUse { path: path(), process: Some(7) }.into(),
            Some("wait until it ends, or end it with Ctrl-C or a signal; a new run takes another --out"),
        ),
        (RunDirectoryError::Missing { path: path() }.into(), train),
        (RunDirectoryError::NoRun { path: path(), file: "model.safetensors" }.into(), train),
    ]);
}

#[test]
fn files_that_are_damaged() {
    let text = || String::from("x");
    check([
        (
            TensorFileError::Malformed { path: path(), reason: text() },
            Some("the file is damaged; copy it again or train again"),
        ),
        (
            TensorFileError::Damaged { path: path(), expected: text(), found: text() },
            Some("some bytes changed since it was written; copy it again or train again"),
        ),
        (
            TensorNotFiniteError { path: path(), name: text(), position: 3, value: f32::NAN }.into(),
            Some(
                "the training diverged; train anew with lower rates, --learning-rate and its like, or a --beta near 1",
            ),
        ),
        (NewerFileError { path: path(), found: 3, known: 2 }.into(), Some("update elbo to read it")),
        (TensorFileError::Foreign { path: path(), kind: "model", reason: text() }, None),
    ]);
}

#[test]
fn notes_name_the_options_that_change_what_they_say() {
    let size = "64".parse().unwrap();
    for (said, expected) in [
        (
            Note::Size { size, reason: "the pictures have 2 sizes".to_owned() },
            "images of 64x64 (width x height): the pictures have 2 sizes; --size changes it",
        ),
        (Note::Cropped, "cropped in the middle where a picture has another shape; --fit fit or stretch keeps all"),
        (
            Note::SomeColour { colourful: 1, total: 2 },
            "3 channels: 1 of 2 pictures are stored in colour; --channels changes it",
        ),
        (Note::NoColour, "1 channel: no picture has any colour; --channels rgb keeps three"),
        (
            Note::PassedOver { reason: PassedOver::Masks, example: "gt/a.png".to_owned(), count: 1 },
            "1 mask is passed over: gt/a.png; give their directory to train on them",
        ),
        (
            Note::PassedOver { reason: PassedOver::System, example: "@eaDir".to_owned(), count: 1 },
            "1 entry of the system is passed over: @eaDir",
        ),
        (
            Note::PartsAsClasses { example: "a/train".to_owned() },
            "a/train is taken for a class, not for a part: there are parts where a train is at the first level, or in \
             every directory of it; give a directory that holds the parts to have them apart",
        ),
        (
            Note::Enlarged { pictures: 1, total: 3, least: Size { width: 9, height: 8 } },
            "1 of 3 pictures is enlarged more than twofold, the smallest from 9x8; leave them out, or choose a smaller --size",
        ),
        (
            Note::OutsideParts { pictures: 2 },
            "2 pictures beside train, val and test are left out; if train is a class, call it otherwise, or else call all parts train, val and test",
        ),
        (
            Note::LastMayCount { images: 8, shape: SHAPE },
            "8 images of 8x8x1: if the last index of the array counts the images, it must be the first: a = np.moveaxis(a, -1, 0)",
        ),
        (
            Note::Range { range: "0:4095".parse().unwrap(), least: "7".to_owned(), most: "4000".to_owned() },
            "values from 7 to 4000: 0 is black and 4095 white; --range changes it",
        ),
        (
            Note::Brought { from: SHAPE, to: ImageShape { channels: 3, ..SHAPE } },
            "images of 8x8x1 are brought to 8x8x3 (height x width x channels)",
        ),
        (Note::Mask, "values 0 and 1 are taken for black and white"),
        (
            Note::UnreadKinds { kinds: vec![("HEIC".to_owned(), 60), ("JP2".to_owned(), 1)] },
            "61 pictures are of kinds that are not read, and left out: 60 HEIC, 1 JP2; convert them to PNG or JPEG to \
             train on them",
        ),
        (
            Note::FirstFrames { animations: 1, total: 3 },
            "1 of 3 pictures is an animation: only the first frame is taken; train and data take every frame with \
             --frames all",
        ),
    ] {
        assert_eq!(note(&said), expected);
    }
}
