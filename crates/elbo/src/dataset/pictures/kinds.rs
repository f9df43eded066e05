//! Files and directories that are no pictures, and are told so by their names or first bytes.

use std::ffi::OsStr;
use std::path::Path;

/// Directories that systems and network drives keep for themselves.
const SYSTEM_DIRECTORIES: [&str; 17] = [
    "__MACOSX",
    "@eaDir",
    "@Recycle",
    "@Recently-Snapshot",
    "@sharebin",
    "@SynoResource",
    "@tmp",
    "#recycle",
    "#snapshot",
    "$RECYCLE.BIN",
    "RECYCLER",
    "System Volume Information",
    "lost+found",
    "Network Trash Folder",
    "Temporary Items",
    "TheFindByContentFolder",
    "TheVolumeSettingsFolder",
];

/// Files of the same kind.
const SYSTEM_FILES: [&str; 4] = ["Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r"];

/// How the names of copies that editors leave and of downloads that have not ended end.
const BACKUPS: [&str; 9] = ["bak", "backup", "orig", "tmp", "part", "partial", "filepart", "crdownload", "download"];

/// How the names of pictures end that nothing here reads.
const UNREAD: [&str; 46] = [
    "heic", "heif", "hif", "avif", "jp2", "j2k", "j2c", "jpf", "jpx", "jxl", "jxr", "dng", "cr2", "cr3", "crw", "nef",
    "nrw", "arw", "srf", "sr2", "orf", "rw2", "raf", "srw", "pef", "x3f", "psd", "psb", "xcf", "svg", "exr", "hdr",
    "tga", "pnm", "ppm", "pgm", "pbm", "pam", "ico", "icns", "pcx", "qoi", "dds", "dcm", "djvu", "eps",
];

/// The text chunk that figures have of which this program has drawn the PNG files.
const FIGURE: &[u8] = b"tEXtSoftware\0elbo figure";

/// How many bytes of a file tell what it is.
pub(super) const START: usize = 96;

fn is_one_of(text: &str, names: &[&str]) -> bool {
    names.iter().any(|name| text.eq_ignore_ascii_case(name))
}

pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

pub(super) fn is_system_directory(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| is_one_of(name, &SYSTEM_DIRECTORIES))
}

pub(super) fn is_system_file(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| is_one_of(name, &SYSTEM_FILES))
}

/// Whether a file is called as backups and as unfinished downloads are.
pub(super) fn is_backup(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b"~") || ending(path).is_some_and(|ending| is_one_of(ending, &BACKUPS))
}

/// Whether a file begins as figures of this program do.
pub(super) fn is_figure(start: &[u8]) -> bool {
    start.windows(FIGURE.len()).any(|bytes| bytes == FIGURE)
}

/// Whether a file is called as pictures that nothing here reads are.
pub(super) fn is_unread_name(path: &Path) -> bool {
    ending(path).is_some_and(|ending| is_one_of(ending, &UNREAD))
}

/// What kind of picture that nothing here reads a file is by its first bytes or its name, if it is one.
pub(super) fn unread(path: &Path, start: &[u8]) -> Option<String> {
    let brand = start.strip_prefix(&[0, 0, 0]).and_then(|start| start.get(1..9));
    let told = match brand {
        Some(b"ftypheic" | b"ftypheix" | b"ftyphevc" | b"ftypmif1" | b"ftypmsf1") => "HEIC",
        Some(b"ftypavif" | b"ftypavis") => "AVIF",
        Some(b"jP  \r\n\x87\n") => "JP2",
        Some(b"JXL \r\n\x87\n") => "JXL",
        _ => return is_unread_name(path).then(|| kind(path)),
    };
    Some(told.to_owned())
}

/// The ending of a file's name in capitals.
pub(super) fn kind(path: &Path) -> String {
    ending(path).map_or_else(|| "without an ending".to_owned(), str::to_ascii_uppercase)
}

fn ending(path: &Path) -> Option<&str> {
    path.extension().and_then(OsStr::to_str)
}
