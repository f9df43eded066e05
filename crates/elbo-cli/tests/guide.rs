//! `help`: of commands, and the guide.

use crate::common::{args, elbo, fails, succeeds};

#[test]
fn the_guide_is_in_the_program() {
    let here = tempfile::tempdir().unwrap();
    let printed = succeeds(elbo(&here).args(args("help guide")));
    assert!(printed.stderr.starts_with("a chapter alone: elbo help guide CHAPTER, which may be about, pictures, "));
    let chapter = succeeds(elbo(&here).args(args("help guide training")));
    assert!(chapter.stdout.starts_with("Training\n========\n\n    $ elbo train emoji"), "{}", chapter.stdout);
    assert!(chapter.stdout.contains("[picture: Loss by epoch]"));
    assert_eq!(chapter.stderr, "");
    assert!(printed.stdout.contains(&chapter.stdout));
    let message = fails(elbo(&here).args(args("help guide trainin")));
    assert!(message.contains("the guide has no chapter 'trainin'; it has about, pictures, "), "{message}");
}

#[test]
fn commands_have_the_help_that_they_print_themselves() {
    let here = tempfile::tempdir().unwrap();
    for [asked, itself] in [["help train", "train --help"], ["help", "--help"], ["help help", "help --help"]] {
        let [asked, itself] = [asked, itself].map(|line| succeeds(elbo(&here).args(args(line))).stdout);
        assert_eq!(asked, itself);
    }
    assert!(fails(elbo(&here).args(args("help fly"))).contains("there is no command 'fly'"));
}
