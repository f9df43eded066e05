//! The guide to the command `elbo`: its chapters as Markdown, in the order of `src/SUMMARY.md`.
//!
//! It is a crate of its own so that the text lies in the package of what embeds it: a crate cannot be published with files from
//! outside its directory.

#![forbid(unsafe_code)]

/// A chapter of the guide.
#[derive(Clone, Copy, Debug)]
pub struct Chapter {
    /// The name of its file, without `.md`.
    pub name: &'static str,
    /// Its title in the table of contents.
    pub title: &'static str,
    /// All of it, as Markdown.
    pub text: &'static str,
}

/// All chapters, in their order.
pub const CHAPTERS: &[Chapter] = &include!(concat!(env!("OUT_DIR"), "/chapters.rs"));

#[cfg(test)]
mod tests {
    use super::CHAPTERS;

    #[test]
    fn every_file_of_the_guide_is_a_chapter_and_every_chapter_has_a_text() {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let files = std::fs::read_dir(source).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<String> = files.filter_map(|file| file.strip_suffix(".md").map(str::to_owned)).collect();
        files.retain(|file| file != "SUMMARY");
        files.sort();
        let mut names: Vec<&str> = CHAPTERS.iter().map(|chapter| chapter.name).collect();
        names.sort_unstable();
        assert_eq!(names, files);
        let summary = include_str!("src/SUMMARY.md");
        let places: Vec<_> =
            CHAPTERS.iter().map(|chapter| summary.find(&format!("({}.md)", chapter.name)).unwrap()).collect();
        assert!(places.is_sorted());
        assert!(CHAPTERS.iter().all(|chapter| chapter.text.starts_with("# ") && !chapter.title.is_empty()));
    }
}
