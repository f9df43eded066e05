//! `elbo data`.

use crate::Outcome;
use crate::args::ShowDataArgs;
use crate::generate::{names_png, write_sheet};
use crate::output::{print, thousands};
use crate::source;
use elbo::dataset::{DataOptions, Loaded, Splits, Survey};
use elbo::{Images, choose_examples};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Sizes that are listed.
const SIZES: usize = 8;

pub(crate) fn run(arguments: &ShowDataArgs) -> anyhow::Result<Outcome> {
    if let Some(sheet) = &arguments.sheet
        && !names_png(sheet)?
    {
        anyhow::bail!("{}: choose a name that ends in .png", sheet.display());
    }
    // All that is wrong is to be shown, however much it is.
    let options = arguments.pictures.change(DataOptions { max_bad: Some(1.0), ..DataOptions::default() })?;
    let options = source::with_cache(options, Path::new("runs/run"));
    let loaded = source::load_all(&source::name_of(arguments.data.as_deref())?, &options, false)?;
    let splits = &loaded.splits;
    let train = Survey::of(&splits.train).map_err(elbo::Error::from)?;
    let test = splits.test.as_ref().map(Survey::of).transpose().map_err(elbo::Error::from)?;
    if let Some(path) = &arguments.sheet {
        let indices = choose_examples(&splits.train, arguments.count as usize, arguments.seed);
        let images = Images::of(&splits.train, &indices).map_err(elbo::Error::from)?;
        write_sheet(&images, (indices.len() as f64).sqrt().ceil() as usize, path)?;
    }
    if arguments.json {
        print(&format!("{:#}\n", as_json(&loaded, &train, test.as_ref())))?;
    } else {
        print(&as_text(&loaded, &train, test.as_ref())?)?;
    }
    Ok(Outcome::Done)
}

/// A class with its images to train on and to test with.
fn classes(train: &Survey, test: Option<&Survey>) -> Vec<(String, usize, usize)> {
    let named = if train.classes.is_empty() { test.map_or(&[][..], |test| &test.classes) } else { &train.classes };
    let count = |survey: Option<&Survey>, class: usize| {
        survey.and_then(|survey| survey.classes.get(class)).map_or(0, |class| class.1)
    };
    let rows = named.iter().enumerate();
    rows.map(|(class, (name, _))| (name.clone(), count(Some(train), class), count(test, class))).collect()
}

fn as_text(loaded: &Loaded, train: &Survey, test: Option<&Survey>) -> Result<String, std::fmt::Error> {
    let Loaded { splits, notes, bad, files } = loaded;
    let Splits { name, train: images, .. } = splits;
    let mut text = String::new();
    writeln!(text, "{name}: images of {} (height x width x channels)\n", images.shape())?;
    let tested = test.map_or(String::new(), |test| format!(", {} to test", thousands(test.images)));
    writeln!(text, "images    {} to train on{tested}", thousands(train.images))?;
    if !files.formats.is_empty() {
        let formats = files.formats.iter().map(|(format, count)| format!("{format} {}", thousands(*count)));
        writeln!(text, "formats   {}", formats.collect::<Vec<_>>().join(", "))?;
        let sizes = files.sizes.iter().take(SIZES);
        let sizes = sizes.map(|(size, count)| format!("{}x{} {}", size[0], size[1], thousands(*count)));
        let more = match files.sizes.len().saturating_sub(SIZES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        writeln!(text, "sizes     {}{more} (width x height)", sizes.collect::<Vec<_>>().join(", "))?;
    }
    let means: Vec<_> = train.means.iter().map(|mean| format!("{mean:.1}")).collect();
    writeln!(text, "values    {} to {}, mean {}", train.least, train.most, means.join(" "))?;
    let classes = classes(train, test);
    if !classes.is_empty() {
        writeln!(text, "\n{:<30}{:>10}{:>10}", "class", "train", "test")?;
        for (name, train, test) in classes {
            writeln!(text, "{name:<30}{:>10}{:>10}", thousands(train), thousands(test))?;
        }
    }
    if !notes.is_empty() {
        text.push('\n');
        notes.iter().try_for_each(|note| writeln!(text, "{note}"))?;
    }
    if !bad.is_empty() {
        writeln!(text, "\nunreadable:")?;
        bad.iter().try_for_each(|bad| writeln!(text, "{bad}"))?;
    }
    Ok(text)
}

fn as_json(loaded: &Loaded, train: &Survey, test: Option<&Survey>) -> Value {
    let Loaded { splits, notes, bad, files } = loaded;
    let shape = splits.train.shape();
    let values = |survey: &Survey| json!({ "least": survey.least, "most": survey.most, "means": survey.means });
    let counts = |(name, train, test)| json!({ "name": name, "train": train, "test": test });
    json!({
        "name": splits.name,
        "shape": { "height": shape.height, "width": shape.width, "channels": shape.channels },
        "preprocessing": splits.train.preprocessing(),
        "train_images": train.images,
        "test_images": test.map_or(0, |test| test.images),
        "formats": files.formats.iter().map(|(name, count)| json!({ "name": name, "count": count })).collect::<Vec<_>>(),
        "sizes": files.sizes.iter()
            .map(|(size, count)| json!({ "width": size[0], "height": size[1], "count": count }))
            .collect::<Vec<_>>(),
        "classes": classes(train, test).into_iter().map(counts).collect::<Vec<_>>(),
        "values": { "train": values(train), "test": test.map(values) },
        "notes": notes,
        "unreadable": bad.iter()
            .map(|bad| json!({ "path": bad.path.to_string_lossy(), "reason": bad.reason }))
            .collect::<Vec<_>>(),
    })
}
