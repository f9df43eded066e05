//! Names of classes that say that something else was meant.

use std::collections::HashMap;

/// How parts of data sets are called, the longer names first.
const TRAIN: [&str; 2] = ["training", "train"];
const OTHERS: [&str; 5] = ["validation", "testing", "valid", "test", "val"];

/// Two classes that are called as parts of one data set, such as `raw/train/cat` and `raw/test/cat`: the first two that there
/// are.
pub(super) fn called_as_parts(classes: &[String]) -> Option<[String; 2]> {
    // By what their paths have in common, one for training and one for all else.
    let mut found = HashMap::<(&str, String), [Option<&String>; 2]>::new();
    for class in classes {
        let mut place = 0;
        for name in class.split('/') {
            if let Some((rest, is_train)) = part_of(name) {
                let known = found.entry((&class[..place], rest)).or_default();
                known[usize::from(!is_train)].get_or_insert(class);
                if let [Some(train), Some(other)] = *known {
                    return Some([train.clone(), other.clone()]);
                }
            }
            place += name.len() + 1;
        }
    }
    None
}

/// A directory's name with a star for the word for a part, and whether that is the one for training: of `seg_train`,
/// `test2017` and `valA` it is `seg_*`, `*2017` and `*A`. None where the word is but a piece of another, as in `constraint`.
fn part_of(name: &str) -> Option<(String, bool)> {
    let lower = name.to_ascii_lowercase();
    let words = TRAIN.iter().map(|&word| (word, true)).chain(OTHERS.iter().map(|&word| (word, false)));
    words.into_iter().find_map(|(word, is_train)| {
        let start = lower.find(word)?;
        let (before, after) = (&name[..start], &name[start + word.len()..]);
        let ends_another = before.ends_with(char::is_alphabetic) && !name[start..].starts_with(char::is_uppercase);
        let begins_another = after.starts_with(char::is_lowercase);
        (!ends_another && !begins_another).then(|| (format!("{before}*{after}"), is_train))
    })
}

/// A character with its marks, as files from macOS have `é`: in two characters, where other systems have one.
type Letter = (char, String);

fn letters(name: &str) -> Vec<Letter> {
    let mut letters: Vec<Letter> = Vec::new();
    for char in name.trim().chars().flat_map(char::to_lowercase) {
        match (char, letters.last_mut()) {
            ('\u{300}'..='\u{36f}' | '\u{3099}' | '\u{309a}', Some(letter)) => letter.1.push(char),
            ('_' | '-', _) => letters.push((' ', String::new())),
            _ => letters.push((char, String::new())),
        }
    }
    letters
}

/// Classes whose names differ only in capitals, in what stands for a space, or in how marks are stored.
pub(super) fn alike(classes: &[String]) -> Vec<[String; 2]> {
    let spelled: Vec<Vec<Letter>> = classes.iter().map(|class| letters(class)).collect();
    // What differs in marks alone is the same where letters with marks, and those that may have them, are left out.
    let is_plain = |(char, marks): &Letter| char.is_ascii() && marks.is_empty();
    let has_marks = |letters: &[Letter]| letters.iter().any(|letter| !letter.1.is_empty());
    let key = |letters: &[Letter]| -> String {
        letters.iter().map(|letter| if is_plain(letter) { letter.0 } else { '\0' }).collect()
    };
    let mut same = HashMap::<&[Letter], &String>::new();
    let mut without_marks = HashMap::<String, Vec<usize>>::new();
    let mut pairs = Vec::new();
    for (number, (class, letters)) in classes.iter().zip(&spelled).enumerate() {
        match same.get(&**letters) {
            Some(&other) => pairs.push([other.clone(), class.clone()]),
            None => drop(same.insert(letters, class)),
        }
        if !has_marks(letters) && !letters.iter().all(is_plain) {
            without_marks.entry(key(letters)).or_default().push(number);
        }
    }
    for (class, letters) in classes.iter().zip(&spelled).filter(|(_, letters)| has_marks(letters)) {
        let may_be = |&&other: &&usize| {
            spelled[other].iter().zip(letters).all(|(other, letter)| other == letter || !letter.1.is_empty())
        };
        if let Some(&other) = without_marks.get(&key(letters)).and_then(|others| others.iter().find(may_be)) {
            pairs.push([classes[other].clone(), class.clone()]);
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn parts_that_are_taken_for_classes_are_seen() {
        for classes in [
            ["raw/test/cat", "raw/train/cat"],
            ["images/train", "images/val"],
            ["seg_test/seg_test/sea", "seg_train/seg_train/street"],
            ["testA", "trainA"],
            ["train2017", "val2017"],
            ["TestImages", "TrainImages"],
            ["VALIDATION", "raw"],
        ] {
            let found = called_as_parts(&names(&classes));
            // Sorted by name, as classes are; the one for training comes first.
            let expected = (classes[1] != "raw").then(|| {
                let [a, b] = classes.map(str::to_owned);
                if a.to_lowercase().contains("train") { [a, b] } else { [b, a] }
            });
            assert_eq!(found, expected, "{classes:?}");
        }
        for classes in [
            ["airplane", "train"],
            ["crash_test", "train"],
            ["test_tube", "train_station"],
            ["contest", "constrain"],
            ["a/train", "b/test"],
            ["trains", "tests"],
            ["valley", "training"],
        ] {
            assert_eq!(called_as_parts(&names(&classes)), None, "{classes:?}");
        }
    }

    #[test]
    fn names_that_look_alike_are_seen() {
        for [a, b] in [
            ["Cat", "cat"],
            ["big dog", "big_dog"],
            ["dog", "dog "],
            ["caf\u{e9}", "cafe\u{301}"],
            ["\u{304c}\u{304f}", "\u{304b}\u{3099}\u{304f}"],
            ["\u{c9}A", "\u{e9}a"],
        ] {
            let expected = [[a.to_owned(), b.to_owned()]];
            assert_eq!(alike(&names(&["x", a, "y", b])), expected);
        }
        assert_eq!(alike(&names(&["cafe\u{301}", "caf\u{e9}"])), [["caf\u{e9}", "cafe\u{301}"]]);
        for [a, b] in [
            ["1_2", "12"],
            ["cafe", "cafe\u{301}"],
            ["caf\u{e9}", "cafe"],
            ["\u{732b}", "\u{72ac}"],
            ["\u{304b}\u{3099}\u{304f}", "\u{304c}\u{3051}"],
        ] {
            assert_eq!(alike(&names(&[a, b])), [[""; 2]; 0], "{a} {b}");
        }
    }
}
