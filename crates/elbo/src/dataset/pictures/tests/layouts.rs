//! Where the parts of a data set are, and what among its pictures are masks.

use super::*;
use crate::dataset::PassedOver;

/// A folder with pictures at these places, and what is read there: part, name and class of each image, and what is said.
fn read(places: &[&str]) -> (Vec<String>, Vec<Note>) {
    let folder = folder(&places.iter().map(|&place| (place, png(&grey(8, 8)))).collect::<Vec<_>>());
    of(folder.path())
}

fn of(path: &Path) -> (Vec<String>, Vec<Note>) {
    let Loaded { splits, notes, .. } = loaded(path, &DataOptions { size: "8".parse().ok(), ..DataOptions::default() });
    let mut images = Vec::new();
    for (part, set) in [("train", Some(splits.train)), ("val", splits.validation), ("test", splits.test)] {
        let Some(set) = set else { continue };
        for (number, name) in set.names().unwrap().iter().enumerate() {
            let class = set.labels().map_or("", |labels| &set.classes()[usize::from(labels[number])]);
            images.push(format!("{part} {name} {class}"));
        }
    }
    (images, notes)
}

fn masks(example: &str, count: usize) -> Note {
    Note::PassedOver { reason: PassedOver::Masks, example: example.to_owned(), count }
}

#[test]
fn parts_lie_below_kinds_of_objects() {
    let places = [
        "bottle/train/good/000.png",
        "bottle/test/good/000.png",
        "bottle/test/broken/000.png",
        "bottle/ground_truth/broken/000_mask.png",
        "screw/train/good/000.png",
        "screw/val/000.png",
        "screw/Ground_Truth/a/000.png",
    ];
    let expected = [
        "train bottle/train/good/000.png bottle/good",
        "train screw/train/good/000.png screw/good",
        "val screw/val/000.png screw",
        "test bottle/test/broken/000.png bottle/broken",
        "test bottle/test/good/000.png bottle/good",
    ];
    let below = Note::PartsBelow { example: "bottle".to_owned(), directories: 2 };
    let (images, notes) = read(&places);
    assert_eq!(images, expected);
    assert_eq!(notes, [below.clone(), masks("bottle/ground_truth/broken/000_mask.png", 2)]);
    let text = said(&notes);
    assert!(text.contains("those in each of 2 directories, such as bottle: classes begin with their names"), "{text}");
    assert!(text.contains("2 masks are passed over, such as bottle/ground_truth/broken/000_mask.png"), "{text}");
    // In a directory that holds nothing else, and beside a picture of none of them.
    let wrapped: Vec<String> = places.iter().map(|place| format!("mvtec/ad/{place}")).collect();
    let mut wrapped: Vec<&str> = wrapped.iter().map(String::as_str).collect();
    wrapped.push("overview.png");
    let (images, notes) = read(&wrapped);
    assert_eq!(images, expected.map(|image| image.replacen(' ', " mvtec/ad/", 1)));
    let below = Note::PartsBelow { example: "mvtec/ad/bottle".to_owned(), directories: 2 };
    assert!(notes.contains(&below) && notes.contains(&Note::OutsideParts { pictures: 1 }), "{notes:?}");
}

#[test]
fn a_directory_around_the_parts_is_no_class() {
    let (images, notes) =
        read(&["data/train/cats/a.png", "data/train/dogs/b.png", "data/val/cats/c.png", "data/labels/a.png"]);
    assert_eq!(
        images,
        ["train data/train/cats/a.png cats", "train data/train/dogs/b.png dogs", "val data/val/cats/c.png cats"]
    );
    assert!(said(&notes).contains("train, val and test are the directories in data"), "{notes:?}");
    // One object alone is the same, given as it is or from above; what lies beside its parts is none of them.
    let objects =
        ["screw/train/good/a.png", "screw/test/bent/b.png", "screw/ground_truth/bent/b.png", "screw/more/c.png"];
    let folder = folder(&objects.map(|place| (place, png(&grey(8, 8)))));
    let (from_above, notes) = of(folder.path());
    assert_eq!(from_above, ["train screw/train/good/a.png good", "test screw/test/bent/b.png bent"]);
    assert!(notes.contains(&Note::OutsideParts { pictures: 1 }), "{notes:?}");
    let (as_it_is, notes) = of(&folder.path().join("screw"));
    assert_eq!(as_it_is, from_above.iter().map(|image| image.replace("screw/", "")).collect::<Vec<_>>());
    assert_eq!(notes, [masks("ground_truth/bent/b.png", 1), Note::OutsideParts { pictures: 1 }]);
    // Masks that are given by name are images.
    assert_eq!(of(&folder.path().join("screw/ground_truth")).0, ["train bent/b.png bent"]);
}

#[test]
fn directories_that_are_only_called_as_parts_are_classes_and_that_is_said() {
    // Some have parts, and some have not.
    let (images, notes) = read(&["a/train/x/1.png", "a/test/x/1.png", "b/1.png"]);
    assert_eq!(images, ["train a/test/x/1.png a/test/x", "train a/train/x/1.png a/train/x", "train b/1.png b"]);
    assert_eq!(notes, [Note::PartsAsClasses { example: "a/train".to_owned() }]);
    assert!(said(&notes).starts_with("a/train is taken for a class, not for a part: "), "{notes:?}");
    // Most pictures lie elsewhere.
    let (images, notes) = read(&["1.png", "2.png", "3.png", "old/train/1.png", "old/test/1.png"]);
    assert_eq!((images.len(), images[3].as_str()), (5, "train old/test/1.png old/test"));
    assert_eq!(notes, [Note::PartsAsClasses { example: "old/train".to_owned() }]);
    // There is nothing to train on.
    let (images, notes) = read(&["cats/1.png", "test/1.png"]);
    assert_eq!(images, ["train cats/1.png cats", "train test/1.png test"]);
    assert_eq!(notes, [Note::PartsAsClasses { example: "test".to_owned() }]);
    let (images, notes) = read(&["Test/cats/1.png", "Test/dogs/1.png"]);
    assert_eq!(images, ["train Test/cats/1.png Test/cats", "train Test/dogs/1.png Test/dogs"]);
    assert_eq!(notes, [Note::OnlyPart { name: "Test".to_owned() }]);
    // Names that are like them, and a kind of vehicle.
    for places in [
        &["train2017/1.png", "val2017/1.png"][..],
        &["sets/train2017/1.png", "sets/val2017/1.png"],
        &["road/car/1.png", "road/bus/1.png", "rail/train/1.png", "rail/tram/1.png"],
        &["land/car/1.png", "land/train/1.png"],
    ] {
        let (images, notes) = read(places);
        assert!(images.len() == places.len() && images.iter().all(|image| image.starts_with("train ")), "{images:?}");
        assert_eq!(notes, [], "{places:?}");
    }
}

#[test]
fn masks_are_told_by_what_lies_beside_them() {
    for (pictures, of_masks) in [
        (
            &["train/images/1.png", "train/images/2.png", "test/images/3.png"][..],
            &["train/masks/1.png", "test/masks/3.png"][..],
        ),
        (&["images/train/1.png", "images/val/2.png"], &["labels/train/1.png", "labels/val/2.png"]),
        (&["JPEGImages/1.png"], &["SegmentationClass/1.png", "SegmentationObject/1.png"]),
        (&["Data/Images/Normal/1.png", "Data/Images/Anomaly/1.png"], &["Data/Masks/Anomaly/1.png"]),
        (&["images/a_1.png"], &["annotations/trimaps/a_1.png"]),
        // Called as the pictures are.
        (&["photos/1.png", "photos/b/2.png"], &["masks/1.png", "masks/b/2_mask.png"]),
        (&["frames/1.png"], &["annotations/1.png"]),
        (&["1.png", "2.png", "3.png"], &["masks/1.png", "masks/2_mask.png"]),
        (&["1.png", "2.png", "b/x.png"], &["1_mask.png", "2_MASK.png", "2_mask_1.png", "b/x_mask.png"]),
    ] {
        let all: Vec<&str> = pictures.iter().chain(of_masks).copied().collect();
        let (images, notes) = read(&all);
        let (alone, _) = read(pictures);
        assert_eq!(images, alone, "{all:?}");
        let mut of_masks = of_masks.to_vec();
        of_masks.sort_by(|a, b| Path::new(a).cmp(Path::new(b)));
        assert!(notes.contains(&masks(of_masks[0], of_masks.len())), "{all:?}: {notes:?}");
    }
}

#[test]
fn what_may_be_a_class_is_one() {
    for places in [
        // People with and without one, with the same numbers.
        &["mask/1.png", "no_mask/1.png"][..],
        &["train/mask/1.png", "train/no_mask/1.png", "test/mask/1.png"],
        &["with_mask/1.png", "without_mask/1.png"],
        &["labels/1.png", "bottles/1.png"],
        &["masks/a.png", "hats/b.png"],
        // Other pictures than those beside them.
        &["1.png", "2.png", "mask/a.png", "mask/b.png", "mask/1.png"],
        // Nothing else would be left.
        &["masks/1.png", "masks/2.png"],
        &["ground_truth/a/1.png", "ground_truth/b/1.png"],
        &["train/ground_truth/1.png", "test/images/1.png"],
        &["a_mask.png", "b_mask.png", "_mask.png", "mask.png", "c_mask_2.png", "d_masks.png", "e_mas.png", "e.png"],
    ] {
        let (images, notes) = read(places);
        assert_eq!(images.len(), places.len(), "{images:?}");
        assert!(!said(&notes).contains("mask"), "{notes:?}");
    }
}
