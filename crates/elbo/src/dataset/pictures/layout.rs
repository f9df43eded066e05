//! What the directories of a data set are: its parts, masks of its pictures, or classes.
//!
//! All of it follows from the paths of the pictures, so that a data set is the same whenever it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use super::{joined, masks};
use crate::dataset::Note;

/// Names of directories that part the pictures.
const TRAIN: [&str; 2] = ["train", "training"];
const TEST: [&str; 2] = ["test", "testing"];
const VALIDATION: [&str; 3] = ["val", "valid", "validation"];

/// The part that a picture belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Train,
    Validation,
    Test,
}

impl Part {
    /// The part that a directory of this name holds.
    fn called(name: &Path) -> Option<Self> {
        let is_one_of = |names: &[&str]| names.iter().any(|known| name.as_os_str().eq_ignore_ascii_case(known));
        match name {
            _ if is_one_of(&TRAIN) => Some(Self::Train),
            _ if is_one_of(&VALIDATION) => Some(Self::Validation),
            _ if is_one_of(&TEST) => Some(Self::Test),
            _ => None,
        }
    }
}

/// Where the parts of a data set are.
#[derive(PartialEq, Eq, Debug)]
enum Place {
    /// Nowhere: all pictures are to train on.
    Nowhere,
    /// In this directory.
    In(PathBuf),
    /// In each directory of this one.
    Below(PathBuf),
}

/// Where the parts of a data set are, and what there is to say about it.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Layout {
    place: Place,
    pub(super) note: Option<Note>,
}

impl Layout {
    /// The layout of pictures with these paths.
    pub(super) fn of(pictures: &BTreeSet<PathBuf>) -> Self {
        let mut tree = Tree::default();
        for picture in pictures {
            *tree.directories.entry(parent(picture)).or_default() += 1;
        }
        let root = Path::new("");
        if tree.has_train(root) {
            return Self { place: Place::In(root.to_owned()), note: None };
        }
        let mut at = root.to_owned();
        let found = loop {
            let directories = tree.in_directory(&at);
            let parted: usize = directories.iter().map(|directory| tree.within_parts(&at.join(directory))).sum();
            // Few may lie elsewhere: they are left out.
            let are_most = parted * 2 > pictures.len();
            let is_parted = are_most && directories.iter().all(|directory| tree.is_parted(&at.join(directory)));
            match &directories[..] {
                [only] if is_parted => break Some((Place::In(at.join(only)), at.join(only), 1)),
                [first, _, ..] if is_parted => {
                    let (first, count) = (at.join(first), directories.len());
                    break Some((Place::Below(at), first, count));
                }
                [only] => at.push(only),
                _ => break None,
            }
        };
        match found {
            Some((place, example, directories)) => {
                let note = Note::PartsBelow { example: joined(&example), directories };
                Self { place, note: Some(note) }
            }
            None => Self { place: Place::Nowhere, note: tree.without_parts() },
        }
    }

    /// The part that a picture belongs to, and its class: the directories above it, but for that of the part. None if it
    /// lies beside the parts.
    pub(super) fn part_of(&self, picture: &Path) -> Option<(Part, PathBuf)> {
        let directory = parent(picture);
        let below = match &self.place {
            Place::Nowhere => return Some((Part::Train, directory.to_owned())),
            Place::In(above) | Place::Below(above) => directory.strip_prefix(above).ok()?,
        };
        let mut names = below.iter();
        let object = if matches!(self.place, Place::Below(_)) { Path::new(names.next()?) } else { Path::new("") };
        let part = Part::called(Path::new(names.next()?))?;
        Some((part, object.join(names.as_path())))
    }
}

/// The directory of a file.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// All paths from this one on: those that begin with it come first, one after the other.
pub(super) fn from(path: &Path) -> (Bound<&Path>, Bound<&Path>) {
    (Bound::Included(path), Bound::Unbounded)
}

/// The directories that hold pictures, and how many each holds itself.
#[derive(Default)]
struct Tree<'a> {
    directories: BTreeMap<&'a Path, usize>,
}

impl<'a> Tree<'a> {
    /// The directories that hold pictures at any depth below one, with how many they hold themselves.
    fn under(&self, directory: &Path) -> impl Iterator<Item = (&'a Path, usize)> {
        let under = self.directories.range::<Path, _>(from(directory)).map(|(&below, &count)| (below, count));
        under.take_while(move |(below, _)| below.starts_with(directory))
    }

    /// The names of the directories in one that hold pictures at any depth.
    fn in_directory(&self, directory: &Path) -> Vec<&'a Path> {
        let below = self.under(directory).filter_map(|(below, _)| below.strip_prefix(directory).ok()?.iter().next());
        let mut names: Vec<_> = below.map(Path::new).collect();
        names.dedup();
        names
    }

    fn has_train(&self, directory: &Path) -> bool {
        self.in_directory(directory).into_iter().any(|name| Part::called(name) == Some(Part::Train))
    }

    /// Whether the directories in one are the parts of a data set: there is one to train on, and either one to test or
    /// validate with or no other. A class may be called `train` too.
    fn is_parted(&self, directory: &Path) -> bool {
        let names = self.in_directory(directory);
        let parts: Vec<_> = names.iter().filter_map(|name| Part::called(name)).collect();
        let others = names.iter().filter(|name| Part::called(name).is_none() && !masks::is_name(name.as_os_str()));
        let has_other_part = parts.iter().any(|&part| part != Part::Train);
        parts.contains(&Part::Train) && (has_other_part || others.count() == 0)
    }

    /// How many pictures lie in the parts that a directory holds.
    fn within_parts(&self, directory: &Path) -> usize {
        let parts = self.in_directory(directory).into_iter().filter(|name| Part::called(name).is_some());
        parts.flat_map(|name| self.under(&directory.join(name)).collect::<Vec<_>>()).map(|(_, count)| count).sum()
    }

    /// What there is to say where directories are called as parts, and are none.
    fn without_parts(&self) -> Option<Note> {
        let first = self.in_directory(Path::new(""));
        if let [only] = first[..]
            && Part::called(only).is_some()
            && !self.directories.contains_key(Path::new(""))
        {
            return Some(Note::OnlyPart { name: joined(only) });
        }
        let named = first.into_iter().find(|name| Part::called(name).is_some()).map(Path::to_owned);
        let example = named.or_else(|| {
            let all: BTreeSet<&Path> = self.directories.keys().flat_map(|directory| directory.ancestors()).collect();
            let is_parted = |directory: &Path| self.is_parted(directory) && self.in_directory(directory).len() > 1;
            let parted = all.into_iter().find(|directory| is_parted(directory))?;
            let names = self.in_directory(parted);
            let train = names.into_iter().find(|name| Part::called(name) == Some(Part::Train))?;
            Some(parted.join(train))
        })?;
        Some(Note::PartsAsClasses { example: joined(&example) })
    }
}
