//! What becomes an image: a file, or a page or frame of one.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::decode::{self, Contents, Header};
use super::pages::Page;
use super::scan::{Part, Scan};
use crate::dataset::{BadPicture, Frames, Note};

/// Which image of a file with several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Inside {
    Page(Page),
    /// By its number; the first is 1.
    Frame(usize),
}

impl Inside {
    /// The first is 1.
    pub(super) fn number(self) -> usize {
        match self {
            Self::Page(Page { number, .. }) | Self::Frame(number) => number,
        }
    }
}

/// A picture whose header could be read.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) file: &'a Path,
    /// The directory that is its class.
    pub(super) class: &'a Path,
    /// None where the file is one picture.
    pub(super) inside: Option<Inside>,
    pub(super) header: Header,
}

impl Item<'_> {
    /// The file, with the number of its page or frame.
    pub(super) fn path(&self) -> PathBuf {
        path_of(self.file, self.inside)
    }

    /// Whether this is a frame of the animation that `before` is one of too.
    pub(super) fn follows(&self, before: &Self) -> bool {
        matches!((before.inside, self.inside), (Some(Inside::Frame(_)), Some(Inside::Frame(_))))
            && before.file == self.file
    }
}

/// `file`, or `file#7`.
fn path_of(file: &Path, inside: Option<Inside>) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    if let Some(inside) = inside {
        path.push(format!("#{}", inside.number()));
    }
    path.into()
}

/// What the files of a data set hold.
#[derive(Debug, Default)]
pub(super) struct Items<'a> {
    /// Those of the training set, the validation set and the test set.
    pub(super) parts: [Vec<Item<'a>>; 3],
    pub(super) bad: Vec<BadPicture>,
    pub(super) notes: Vec<Note>,
}

impl<'a> Items<'a> {
    /// Reads the headers of all files, on all cores; of animations these frames are images.
    pub(super) fn of(scan: &'a Scan, frames: Frames) -> Self {
        let mut items = Self::default();
        let (mut files, mut pages, mut copies, mut animations) = (0, 0, 0, 0);
        let (mut played, mut all_frames) = (0, 0);
        for (number, Part { files: of_part }) in scan.parts().into_iter().enumerate() {
            let contents: Vec<_> = of_part.par_iter().map(|(file, _)| decode::contents(file, frames)).collect();
            for ((file, class), contents) in of_part.iter().zip(contents) {
                let bad = |inside, reason| BadPicture { path: path_of(file, inside), reason };
                let contents = match contents {
                    Ok(contents) => contents,
                    Err(reason) => {
                        items.bad.push(bad(None, reason));
                        continue;
                    }
                };
                let Contents { images, is_animation, copies: copies_in_file } = contents;
                animations += usize::from(is_animation);
                copies += copies_in_file;
                match images[..] {
                    [(Some(Inside::Frame(_)), _), ..] => {
                        played += 1;
                        all_frames += images.len();
                    }
                    [_, _, ..] => {
                        files += 1;
                        pages += images.len();
                    }
                    _ => {}
                }
                for (inside, header) in images {
                    match header {
                        Ok(header) => items.parts[number].push(Item { file, class, inside, header }),
                        Err(reason) => items.bad.push(bad(inside, reason)),
                    }
                }
            }
        }
        let total = items.total();
        let more = items.parts.iter().flatten().filter(|item| item.header.has_more).count();
        let notes = [
            (files, Note::Pages { files, pages }),
            (copies, Note::Copies { pages: copies }),
            (more, Note::MoreNumbers { pictures: more, total }),
            (animations, Note::FirstFrames { animations, total }),
            (played, Note::AllFrames { animations: played, frames: all_frames }),
        ];
        items.notes = notes.into_iter().filter(|&(count, _)| count > 0).map(|(_, note)| note).collect();
        items
    }

    /// The pictures that can be read as far as is known.
    pub(super) fn good(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    /// All pictures.
    pub(super) fn total(&self) -> usize {
        self.good() + self.bad.len()
    }

    pub(super) fn headers(&self) -> Vec<Header> {
        self.parts.iter().flatten().map(|item| item.header).collect()
    }
}
