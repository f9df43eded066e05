//! Which files under a directory are pictures, and what their places say about them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::layout::{self, Layout};
use super::{decode, joined, kinds, masks};
use crate::dataset::{DatasetError, Note, PassedOver};
use crate::storage::{RUN_FIGURES, holds_run, is_of_run};

/// Directories nested deeper than this are passed over.
const MAX_DEPTH: usize = 32;

/// The pictures of one part of a data set, sorted by path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Where they are, and the class of each: the directory it lies in, below that of the part.
    pub(super) files: Vec<(PathBuf, PathBuf)>,
}

impl Part {
    /// Whether any picture lies in a directory of its own, which is its class.
    pub(super) fn has_classes(&self) -> bool {
        self.files.iter().any(|(_, class)| !class.as_os_str().is_empty())
    }
}

/// What lies under a directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) train: Part,
    pub(super) validation: Part,
    pub(super) test: Part,
    /// Pictures that are in none of these, where there is a `train`.
    pub(super) outside: usize,
    /// What there is to say about where the parts are.
    pub(super) layout: Option<Note>,
    /// Directories and files that are none of the data set's.
    pub(super) passed_over: BTreeMap<PassedOver, Vec<String>>,
    /// Pictures of kinds that are not read, by their kinds.
    pub(super) unread: BTreeMap<String, usize>,
    /// Files that are no pictures, by the endings of their names.
    pub(super) others: BTreeMap<String, usize>,
}

impl Scan {
    /// All of them.
    pub(super) fn parts(&self) -> [&Part; 3] {
        [&self.train, &self.validation, &self.test]
    }

    /// Pictures of kinds that are not read, the commonest first.
    pub(super) fn unread(&self) -> Vec<(String, usize)> {
        listed(&self.unread)
    }

    /// What there is to say about what was left out.
    pub(super) fn notes(&self) -> Vec<Note> {
        let mut notes: Vec<_> = self.layout.iter().cloned().collect();
        for (&reason, paths) in &self.passed_over {
            notes.push(Note::PassedOver { reason, example: paths[0].clone(), count: paths.len() });
        }
        if !self.unread.is_empty() {
            notes.push(Note::UnreadKinds { kinds: self.unread() });
        }
        if !self.others.is_empty() {
            notes.push(Note::OtherFiles { endings: listed(&self.others) });
        }
        if self.outside > 0 {
            notes.push(Note::OutsideParts { pictures: self.outside });
        }
        notes
    }
}

/// The commonest first.
fn listed(counts: &BTreeMap<String, usize>) -> Vec<(String, usize)> {
    let mut counts: Vec<_> = counts.iter().map(|(kind, &count)| (kind.clone(), count)).collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.1));
    counts
}

/// Lists the pictures under a directory: what has the name of one or begins like one. Hidden files and directories
/// are passed over, and so is what systems, editors and runs leave; each directory is listed once, whatever links lead
/// to it.
pub(super) fn scan(root: &Path) -> Result<Scan, DatasetError> {
    let mut walk = Walk { root, seen: HashSet::new(), pictures: BTreeSet::new(), scan: Scan::default() };
    walk.directory(root, 0)?;
    let Walk { pictures, mut scan, .. } = walk;
    let masks = masks::masks(&pictures);
    let pictures: BTreeSet<PathBuf> = pictures.difference(&masks).cloned().collect();
    if !masks.is_empty() {
        scan.passed_over.insert(PassedOver::Masks, masks.iter().map(|mask| joined(mask)).collect());
    }
    let layout = Layout::of(&pictures);
    for path in pictures {
        let part = match layout.part_of(&path) {
            Some((layout::Part::Train, class)) => (&mut scan.train, class),
            Some((layout::Part::Validation, class)) => (&mut scan.validation, class),
            Some((layout::Part::Test, class)) => (&mut scan.test, class),
            None => {
                scan.outside += 1;
                continue;
            }
        };
        part.0.files.push((root.join(&path), part.1));
    }
    scan.layout = layout.note;
    Ok(scan)
}

struct Walk<'a> {
    root: &'a Path,
    /// The directories that were listed, by their real paths.
    seen: HashSet<PathBuf>,
    /// Relative to the root.
    pictures: BTreeSet<PathBuf>,
    /// All else.
    scan: Scan,
}

impl Walk<'_> {
    fn directory(&mut self, path: &Path, depth: usize) -> Result<(), DatasetError> {
        let failed = |source| DatasetError::io(path, source);
        if depth > MAX_DEPTH || !self.seen.insert(fs::canonicalize(path).map_err(failed)?) {
            return Ok(());
        }
        let mut entries = fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        // In one order everywhere: it decides under which name a directory with several is listed.
        entries.sort_by_key(fs::DirEntry::file_name);
        let is_run = holds_run(path);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            if kinds::is_hidden(&name) || is_run && is_of_run(&name) {
                continue;
            }
            // Follows links; one that leads nowhere is no file.
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {
                    // Of a run among the pictures themselves only its figures are not theirs.
                    if holds_run(&path) || is_run && name == RUN_FIGURES {
                        self.pass_over(PassedOver::Run, &path);
                    } else if kinds::is_system_directory(&name) {
                        self.pass_over(PassedOver::System, &path);
                    } else {
                        self.directory(&path, depth + 1)?;
                    }
                }
                Ok(metadata) if metadata.is_file() => self.file(&path),
                Err(_) if entry.file_type().is_ok_and(|kind| kind.is_symlink()) && decode::is_picture_name(&path) => {
                    self.pass_over(PassedOver::DeadLink, &path);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) {
        if kinds::is_system_file(path.file_name().unwrap_or_default()) {
            return self.pass_over(PassedOver::System, path);
        }
        if kinds::is_backup(path) {
            return self.pass_over(PassedOver::Backup, path);
        }
        // What cannot be opened is told apart from other files by its name alone.
        let start = File::open(path).and_then(|file| decode::start_of(&file)).unwrap_or_default();
        if kinds::is_figure(&start) {
            self.pass_over(PassedOver::Figure, path);
        } else if decode::is_picture_name(path) || decode::format_of(&start, path).is_some() {
            self.pictures.insert(path.strip_prefix(self.root).unwrap_or(path).to_owned());
        } else if let Some(kind) = kinds::unread(path, &start) {
            *self.scan.unread.entry(kind).or_default() += 1;
        } else {
            *self.scan.others.entry(kinds::kind(path)).or_default() += 1;
        }
    }

    fn pass_over(&mut self, reason: PassedOver, path: &Path) {
        let path = joined(path.strip_prefix(self.root).unwrap_or(path));
        self.scan.passed_over.entry(reason).or_default().push(path);
    }
}
