//! Makes the list of chapters from `src/SUMMARY.md`, so that a chapter is listed in one place.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=src");
    let here = env::var("CARGO_MANIFEST_DIR")?;
    let source = Path::new(&here).join("src");
    let summary = fs::read_to_string(source.join("SUMMARY.md"))?;
    let mut list = String::from("[");
    // A chapter is a line `- [Title](file.md)`, with or without the dash.
    for line in summary.lines().filter(|line| line.contains("](")) {
        let parts = line.split_once('[').and_then(|(_, rest)| rest.split_once("](")).zip(line.split_once(".md)"));
        let ((title, file), _) = parts.ok_or_else(|| format!("SUMMARY.md: no chapter: {line}"))?;
        let name = file.trim_end_matches(".md)");
        let path = source.join(name).with_extension("md");
        // A text as Rust has it, quotes and backslashes escaped.
        let path = path.to_str().ok_or("the path of the guide is not UTF-8")?;
        writeln!(list, "Chapter {{ name: {name:?}, title: {title:?}, text: include_str!({path:?}) }},")?;
    }
    list.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("chapters.rs"), list)?;
    Ok(())
}
