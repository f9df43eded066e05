//! `train --tensorboard`, `--stop-after` and `--no-figures`.

use crate::common::{args, elbo, fails, model, names, succeeds, train, with_bars};
use std::fs;

#[test]
fn events_grow_with_the_run_and_others_are_left_alone() {
    let here = with_bars();
    let events = here.path().join("logs/run/events.out.tfevents.elbo");
    let line = "bars --epochs 3 --no-figures --tensorboard logs --out run";
    let printed = succeeds(&mut train(&here, &format!("{line} --stop-after 1")));
    assert!(
        printed.stderr.ends_with("stopped after 1 of 3 epochs and 0 batches; the run is saved\ngo on with: elbo train --resume run --tensorboard logs\n"),
        "{printed:#?}"
    );
    let first = fs::read(&events).unwrap();
    assert!(!here.path().join("run/figures").exists());
    // Without the option, events stay as they are; with it, the epochs between are made up for.
    succeeds(elbo(&here).args(args("train --resume run --stop-after 2 --quiet")));
    assert!(fs::read(&events).unwrap() == first);
    succeeds(elbo(&here).args(args("train --resume run --no-figures --quiet --tensorboard logs")));
    let all = fs::read(&events).unwrap();
    assert!(all.len() > first.len() && all.starts_with(&first));
    let has = |tag: &str| all.windows(tag.len()).filter(|window| *window == tag.as_bytes()).count();
    assert_eq!(["loss/test", "learning_rate", "samples", "kl_per_dimension"].map(has), [3, 3, 2, 2]);

    succeeds(&mut train(&here, "bars --epochs 3 --no-figures --quiet --out whole"));
    assert!(model(here.path().join("whole")) == model(here.path().join("run")));

    fs::rename(here.path().join("run"), here.path().join("moved")).unwrap();
    let message = fails(&mut train(&here, line));
    assert!(message.contains("there are the events of a run already\nhint: choose another --tensorboard"), "{message}");
    assert!(fs::read(&events).unwrap() == all);
    assert_eq!(names(&here), ["bars", "logs", "moved", "whole"]);
}
