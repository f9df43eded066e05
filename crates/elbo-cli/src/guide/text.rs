//! Markdown as text for a terminal, as far as the guide needs it: headings are underlined, paragraphs filled, tables set in
//! columns, code indented, and of pictures it is said what they show.

use crate::table::aligned;

/// Characters to a line of running text.
const WIDTH: usize = 90;

/// A chapter as text.
pub(super) fn render(markdown: &str) -> String {
    let mut out = String::new();
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            for line in lines.by_ref().take_while(|line| !line.starts_with("```")) {
                out.push_str(format!("    {line}").trim_end());
                out.push('\n');
            }
        } else if let Some(title) = line.strip_prefix('#') {
            let rule = if title.starts_with('#') { "-" } else { "=" };
            let title = inline(title.trim_start_matches('#').trim());
            out.extend([&*title, "\n", &rule.repeat(title.chars().count()), "\n"]);
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(cells(line));
            }
            rows.retain(|row| !row.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| c == '-' || c == ':')));
            rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
            out.push_str(&aligned(&rows));
        } else if line.starts_with("    ") || line.trim().is_empty() {
            out.push_str(line.trim_end());
            out.push('\n');
        } else {
            // A paragraph or an item of a list: all lines up to the next of another kind.
            let mut text = line.trim_start().to_owned();
            let is_item = |line: &str| {
                let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
                line.starts_with("- ") || number.len() < line.len() && number.starts_with(". ")
            };
            let indent = line.len() - line.trim_start().len();
            let ends = |line: &str| {
                let line = line.trim_start();
                line.is_empty() || line.starts_with(['#', '|']) || line.starts_with("```") || is_item(line)
            };
            while let Some(line) = lines.next_if(|line| !ends(line)) {
                text.push(' ');
                text.push_str(line.trim());
            }
            let hanging = indent + if is_item(&text) { text.find(' ').map_or(0, |at| at + 1) } else { 0 };
            fill(&mut out, &inline(&text), indent, hanging);
        }
    }
    out
}

fn cells(line: &str) -> Vec<String> {
    // A bar in a cell is written as `\|`.
    let line = line.trim().trim_start_matches('|').replace("\\|", "\u{0}");
    let line = line.strip_suffix('|').unwrap_or(&line);
    line.split('|').map(|cell| inline(&cell.trim().replace('\u{0}', "|"))).collect()
}

/// Words in lines, the first indented by `indent`, the others by `hanging`.
fn fill(out: &mut String, text: &str, indent: usize, hanging: usize) {
    let (mut line, mut is_empty) = (" ".repeat(indent), true);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            (line, is_empty) = (" ".repeat(hanging), true);
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out.push_str(&line);
    out.push('\n');
}

/// Links as their words, pictures as what they show, emphasis as plain words. What is between backticks stays as it is.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (number, part) in text.split('`').enumerate() {
        if number % 2 == 1 {
            out.extend(["`", part, "`"]);
        } else {
            out.push_str(&part.replace("**", ""));
        }
    }
    // A link may have code in its words, and so is found afterwards.
    let mut text = out.as_str();
    let mut out = String::new();
    while let Some((before, words, address, after)) = link(text) {
        let said = match before.strip_suffix('!') {
            Some(before) => [before, "[picture: ", words, "]", ""],
            None if address.starts_with("http") && address != words => [before, words, " (", address, ")"],
            None => [before, words, "", "", ""],
        };
        out.extend(said);
        text = after;
    }
    out + text
}

/// The first link of a text: what is before it, its words, where it leads, what is after it.
fn link(text: &str) -> Option<(&str, &str, &str, &str)> {
    let middle = text.find("](")?;
    let (before, words) = text[..middle].rsplit_once('[')?;
    let (address, after) = text[middle + 2..].split_once(')')?;
    Some((before, words, address, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_plain_text() {
        let markdown = "# The `elbo` guide\n\nOne line\nand **another**, see [losses](losses.md) and\n\
                        [a page](https://example.org).\n\n## Code\n\n```console\n$ elbo train\n\n# not a heading\n```\n\n\
                        - an item\n  that goes on\n- `a|b`\n\n| file | what |\n|---|---|\n| `a.b` | one \\| two |\n| c | |\n\n\
                        ![Loss by epoch](images/loss.png)\n\n    indented  code\n";
        let expected = "The `elbo` guide\n================\n\nOne line and another, see losses and a page (https://example.org).\n\n\
                        Code\n----\n\n    $ elbo train\n\n    # not a heading\n\n- an item that goes on\n- `a|b`\n\n\
                        file   what\n`a.b`  one | two\nc\n\n[picture: Loss by epoch]\n\n    indented  code\n";
        assert_eq!(render(markdown), expected);
    }

    #[test]
    fn running_text_is_filled() {
        let text = render(&format!("- {}\n", "word ".repeat(60)));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")));
        assert_eq!(text.matches("word").count(), 60);
    }

    #[test]
    fn no_chapter_has_markdown_left() {
        for chapter in elbo_guide::CHAPTERS {
            let text = render(chapter.text);
            assert!(!text.contains("```") && !text.contains("**") && !text.contains(".md)"), "{}", chapter.name);
            assert!(text.lines().all(|line| !line.starts_with(['#', '|'])), "{}", chapter.name);
            // All words are there, but for what code and tables are fenced with.
            assert!(text.len() > chapter.text.len() * 9 / 10, "{}", chapter.name);
        }
    }
}
