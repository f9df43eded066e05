//! TIFF files with many pages.

use super::*;

/// How a TIFF file is written: in which order of bytes, and with offsets of 32 or 64 bits.
#[derive(Clone, Copy)]
struct Layout {
    is_little: bool,
    is_big: bool,
}

const LAYOUTS: [Layout; 4] = [
    Layout { is_little: true, is_big: false },
    Layout { is_little: false, is_big: false },
    Layout { is_little: true, is_big: true },
    Layout { is_little: false, is_big: true },
];

impl Layout {
    fn number(self, number: u64, bytes: usize) -> Vec<u8> {
        let number = number.to_le_bytes()[..bytes].to_vec();
        if self.is_little { number } else { number.into_iter().rev().collect() }
    }

    fn offset(self) -> usize {
        if self.is_big { 8 } else { 4 }
    }

    /// Grey pages of these shades and sides, the type of each behind it: 1 is a reduced copy.
    fn stack(self, pages: &[(u8, u64, u64)]) -> Vec<u8> {
        let mut bytes = if self.is_little { b"II".to_vec() } else { b"MM".to_vec() };
        bytes.extend(self.number(42 + u64::from(self.is_big), 2));
        if self.is_big {
            bytes.extend([self.number(8, 2), self.number(0, 2)].concat());
        }
        let mut link = bytes.len();
        bytes.extend(self.number(0, self.offset()));
        for &(shade, side, kind) in pages {
            let data = bytes.len() as u64;
            bytes.extend(vec![shade; (side * side) as usize]);
            let here = self.number(bytes.len() as u64, self.offset());
            bytes[link..link + self.offset()].copy_from_slice(&here);
            // Type, sides, depth, no compression, black is zero, where the values are, all rows in one strip.
            let entries = [
                (254, kind),
                (256, side),
                (257, side),
                (258, 8),
                (259, 1),
                (262, 1),
                (273, data),
                (278, side),
                (279, side * side),
            ];
            bytes.extend(self.number(entries.len() as u64, if self.is_big { 8 } else { 2 }));
            for (tag, value) in entries {
                bytes.extend([self.number(tag, 2), self.number(4, 2), self.number(1, self.offset())].concat());
                let mut value = self.number(value, 4);
                value.resize(self.offset(), 0);
                bytes.extend(value);
            }
            link = bytes.len();
            bytes.extend(self.number(0, self.offset()));
        }
        bytes
    }
}

/// A stack of each layout.
pub(super) fn stacks() -> [Vec<u8>; 4] {
    LAYOUTS.map(|layout| layout.stack(&[(10, 8, 0), (20, 8, 1), (30, 8, 0)]))
}

/// Three pages beside a reduced copy and a mask, of each layout.
pub(super) fn three_pages() -> [Vec<u8>; 4] {
    LAYOUTS.map(|layout| layout.stack(&[(10, 8, 0), (10, 8, 1), (20, 8, 0), (30, 8, 0), (40, 8, 4)]))
}

#[test]
fn every_page_is_an_image() {
    for layout in LAYOUTS {
        let folder = folder(&[
            ("wells/a.tif", layout.stack(&[(10, 9, 0), (20, 9, 0), (30, 9, 0)])),
            ("wells/b.tif", layout.stack(&[(40, 9, 0)])),
            ("dishes/c.tif", layout.stack(&[(50, 9, 0), (60, 12, 0)])),
        ]);
        let options = DataOptions { size: "9".parse().ok(), ..DataOptions::default() };
        let Loaded { splits, notes, bad, files } = loaded(folder.path(), &options);
        let train = splits.train;
        assert_eq!((train.len(), train.shape().channels, bad.len()), (6, 1, 0));
        let shades: Vec<u8> = pixels(&train).chunks(81).map(|image| image[40]).collect();
        assert_eq!(shades, [50, 60, 10, 20, 30, 40]);
        assert_eq!(
            train.names().unwrap(),
            ["dishes/c.tif#1", "dishes/c.tif#2", "wells/a.tif#1", "wells/a.tif#2", "wells/a.tif#3", "wells/b.tif"]
        );
        assert_eq!(train.labels().unwrap(), [0, 0, 1, 1, 1, 1]);
        assert_eq!(files.formats, [("TIFF", 6)]);
        assert_eq!(files.sizes, [([9, 9], 5), ([12, 12], 1)]);
        assert!(said(&notes).contains("2 files have several pages, 5 together: each page is an image"), "{notes:?}");
        // A single file is a set of its pages, and as many images are read from a file for images.
        let in_file = DataOptions {
            memory: Some(100),
            cache: folder.path().join(".cache").to_str().map(str::to_owned),
            ..DataOptions::default()
        };
        for options in [DataOptions::default(), in_file] {
            let stack = loaded(&folder.path().join("wells/a.tif"), &options).splits.train;
            assert_eq!(pixels(&stack), [[10; 81], [20; 81], [30; 81]].concat());
            assert_eq!(stack.names().unwrap(), ["a.tif#1", "a.tif#2", "a.tif#3"]);
        }
    }
}

#[test]
fn reduced_copies_and_masks_are_no_images() {
    for layout in LAYOUTS {
        let folder = folder(&[("a.tif", layout.stack(&[(10, 16, 0), (10, 8, 1), (20, 16, 0), (255, 16, 4)]))]);
        let Loaded { splits, notes, .. } = loaded(folder.path(), &DataOptions::default());
        assert_eq!(splits.train.names().unwrap(), ["a.tif#1", "a.tif#3"]);
        assert!(notes.contains(&Note::Copies { pages: 2 }), "{notes:?}");
        // Where all are, they are all that there is.
        let path = folder.path().join("a.tif");
        fs::write(&path, layout.stack(&[(10, 16, 1), (20, 16, 1)])).unwrap();
        assert_eq!(loaded(&path, &DataOptions::default()).splits.train.len(), 2);
    }
}

#[test]
fn pages_that_are_missing_are_bad_pictures() {
    let pages: Vec<_> = (0..20).map(|number| (number, 12, 0)).collect();
    for layout in LAYOUTS {
        let folder = folder(&[]);
        let path = folder.path().join("a.tif");
        let bytes = layout.stack(&pages);
        fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        let Loaded { splits, bad, .. } = loaded(&path, &DataOptions::default());
        assert_eq!(splits.train.len(), 19);
        assert_eq!(
            bad,
            [BadPicture { path: folder.path().join("a.tif#20"), reason: "the file is cut off".to_owned() }]
        );
        // Whatever is cut off, no page is made up, and nothing goes on for ever.
        for length in (0..bytes.len()).step_by(97) {
            fs::write(&path, &bytes[..length]).unwrap();
            let options = DataOptions { max_bad: Some(1.0), size: "12".parse().ok(), ..DataOptions::default() };
            if let Ok(Loaded { splits, bad, .. }) = load(&path, &options, &|_, _| {}) {
                assert!(!bad.is_empty() && splits.train.len() < 20, "{length}");
                let shades: Vec<u8> = pixels(&splits.train).chunks(144).map(|image| image[0]).collect();
                assert!(shades.into_iter().eq(0..splits.train.len() as u8), "{length}");
            }
        }
        // A list that leads back to its beginning.
        let mut circle = bytes.clone();
        let first = if layout.is_big { 8..16 } else { 4..8 };
        let end = circle.len() - layout.offset();
        circle.copy_within(first, end);
        fs::write(&path, circle).unwrap();
        let Loaded { splits, bad, .. } = loaded(&path, &DataOptions::default());
        assert_eq!((splits.train.len(), bad.len()), (20, 1));
        assert!(bad[0].to_string().contains("a.tif#21: the list of pages leads back"), "{bad:?}");
    }
}
