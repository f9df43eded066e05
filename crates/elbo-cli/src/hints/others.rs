//! What to do with files that hold images, but in a way that is not read.

/// How the names of archives end, and of files in which other programs keep arrays.
const ARCHIVES: [&str; 9] = ["zip", "tar", "tgz", "gz", "bz2", "xz", "zst", "7z", "rar"];
const ARRAYS: [&str; 15] = [
    "mat",
    "h5",
    "hdf5",
    "pkl",
    "pickle",
    "pt",
    "pth",
    "joblib",
    "csv",
    "parquet",
    "arrow",
    "tfrecord",
    "tfrecords",
    "mdb",
    "nc",
];

/// What to do where there is nothing but files of these names; none if they say nothing of images. What a name holds may
/// stand behind it, as [`DatasetError::NoData`](elbo::dataset::DatasetError) has it.
pub(super) fn hint<'a>(mut names: impl Iterator<Item = &'a str> + Clone) -> Option<&'static str> {
    let ends_with = |endings: &[&str]| {
        let mut names = names.clone();
        names.any(|name| endings.iter().any(|ending| is_called(name, ending)))
    };
    if ends_with(&["npy", "npz"]) {
        return Some(
            "give one file with all images: with the names of these files in names, \
             np.save('images.npy', np.stack([np.load(name) for name in names]))",
        );
    }
    if ends_with(&ARCHIVES) {
        return Some("unpack it, and give the directory");
    }
    if ends_with(&ARRAYS) {
        return Some(
            "with NumPy, save the images as an array [N, H, W] or [N, H, W, C], np.save('images.npy', images), \
             and give that file",
        );
    }
    names.any(|name| name.ends_with("(a link to nothing)")).then_some(
        "the files that these links lead to are not here: fetch them, for example with dvc pull or git annex get, \
         or give the directory that holds them",
    )
}

/// Whether a file's name has this ending, or a directory holds such files: `a.npy`, or `a/ (20 NPY)`.
fn is_called(name: &str, ending: &str) -> bool {
    let known = name.strip_suffix(')').and_then(|name| name.rsplit_once(' ')).map(|(_, known)| known);
    let known = known.or_else(|| name.rsplit_once('.').map(|(_, known)| known));
    known.is_some_and(|known| known.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_to_do() {
        for (names, expected) in [
            (&["a.npy", "b.npy"][..], "np.stack"),
            (&["labels.csv", "a/ (20 NPY)"], "np.stack"),
            (&["images.zip"], "unpack"),
            (&["train.tar.GZ"], "unpack"),
            (&["x.MAT"], "save the images as an array"),
            (&["a.png (a link to nothing)"], "dvc pull"),
        ] {
            let hint = hint(names.iter().copied()).unwrap();
            assert!(hint.contains(expected), "{names:?}: {hint}");
        }
        for names in [&[][..], &["a"], &["a/"], &["notes.txt"], &["a/ (20 TXT)"], &["npy"]] {
            assert_eq!(hint(names.iter().copied()), None, "{names:?}");
        }
    }
}
