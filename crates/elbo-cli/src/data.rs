//! `elbo data`.

use crate::Outcome;
use crate::args::ShowDataArgs;
use crate::generate::{names_png, write_sheet};
use crate::hints;
use crate::output::{print, thousands};
use crate::source;
use elbo::dataset::{DataOptions, Dataset, Depth, Loaded, Splits, Survey};
use elbo::figures::choose_examples;
use elbo::{Images, RunDirectory};
use serde_json::{Value, json};
use std::collections::BTreeMap;
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
    let options = options.cached_beside(&Path::new(RunDirectory::RUNS).join("run"));
    let loaded = source::load_all(&source::name_of(arguments.data.as_deref())?, &options, false)?;
    let splits = &loaded.splits;
    // What cannot be done with these data is an error here as it is for train.
    options.settled(splits).map_err(elbo::Error::from)?;
    let train = Survey::of(&splits.train).map_err(elbo::Error::from)?;
    let of = |part: &Option<Dataset>| part.as_ref().map(Survey::of).transpose().map_err(elbo::Error::from);
    let oddities = splits.oddities().map_err(elbo::Error::from)?;
    let remarks: Vec<String> = loaded.notes.iter().map(hints::note).chain(oddities.iter().map(hints::oddity)).collect();
    let surveys = Surveys { train, validation: of(&splits.validation)?, test: of(&splits.test)? };
    if let Some(path) = &arguments.sheet {
        let indices = choose_examples(&splits.train, arguments.count as usize, arguments.seed);
        let images = Images::of(&splits.train, &indices).map_err(elbo::Error::from)?;
        write_sheet(&images, (indices.len() as f64).sqrt().ceil() as usize, path)?;
    }
    if arguments.json {
        print(&format!("{:#}\n", as_json(&loaded, &surveys, &remarks)))?;
    } else {
        print(&as_text(&loaded, &surveys, &remarks)?)?;
    }
    Ok(Outcome::Done)
}

/// What is in each part.
struct Surveys {
    train: Survey,
    validation: Option<Survey>,
    test: Option<Survey>,
}

impl Surveys {
    /// The parts that there are, and what they are called.
    fn parts(&self) -> Vec<(&'static str, &Survey)> {
        let parts = [("train", Some(&self.train)), ("val", self.validation.as_ref()), ("test", self.test.as_ref())];
        parts.into_iter().filter_map(|(name, survey)| Some((name, survey?))).collect()
    }

    /// Each class, with how many images of each part have it.
    fn classes(&self) -> Vec<(&str, Vec<usize>)> {
        let parts = self.parts();
        let named = parts.iter().map(|(_, survey)| &survey.classes).max_by_key(|classes| classes.len());
        let named = named.into_iter().flatten().enumerate();
        let count = |class: usize, survey: &Survey| survey.classes.get(class).map_or(0, |class| class.1);
        named
            .map(|(class, (name, _))| (name.as_str(), parts.iter().map(|(_, survey)| count(class, survey)).collect()))
            .collect()
    }
}

/// How often values occur, in sixteen steps from 0 to 255, as bars as high as a letter. Their heights are roots: most
/// pictures have far more of one shade than of any other.
fn bars(histogram: &[u64]) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let steps: Vec<u64> = histogram.chunks(16).map(|step| step.iter().sum()).collect();
    let most = steps.iter().max().map_or(1, |&most| most.max(1));
    // Rounded up, so that what occurs is seen.
    let height = |count: u64| (count as f64 / most as f64).sqrt() * (BARS.len() - 1) as f64;
    steps.iter().map(|&count| BARS[height(count).ceil() as usize]).collect()
}

fn as_text(loaded: &Loaded, surveys: &Surveys, remarks: &[String]) -> Result<String, std::fmt::Error> {
    let Loaded { splits, bad, files, .. } = loaded;
    let Splits { name, train: images, .. } = splits;
    let mut text = String::new();
    writeln!(text, "{name}: images of {} (height x width x channels)\n", images.shape())?;
    let Surveys { train, validation, test } = surveys;
    let count = |part: &Option<Survey>, what| {
        part.as_ref().map_or(String::new(), |part| format!(", {} to {what}", thousands(part.images)))
    };
    let (validated, tested) = (count(validation, "validate"), count(test, "test"));
    writeln!(text, "images    {} to train on{validated}{tested}", thousands(train.images))?;
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
    let [least, most] = train.range();
    let held = if images.depth() == Depth::Sixteen { ", held in 16 bits" } else { "" };
    writeln!(text, "values    {least} to {most}, mean {}{held}", means.join(" "))?;
    writeln!(text, "          0 {} 255", bars(&train.histogram))?;
    let classes = surveys.classes();
    if !classes.is_empty() {
        let columns = |cells: Vec<String>| cells.iter().fold(String::new(), |row, cell| row + &format!("{cell:>10}"));
        let parts = surveys.parts().into_iter().map(|(name, _)| name.to_owned()).collect();
        writeln!(text, "\n{:<30}{}", "class", columns(parts))?;
        for (name, counts) in classes {
            writeln!(text, "{name:<30}{}", columns(counts.into_iter().map(thousands).collect()))?;
        }
    }
    if !remarks.is_empty() {
        text.push('\n');
        remarks.iter().try_for_each(|remark| writeln!(text, "{remark}"))?;
    }
    if !bad.is_empty() {
        writeln!(text, "\nunreadable:")?;
        bad.iter().try_for_each(|bad| writeln!(text, "{bad}"))?;
    }
    Ok(text)
}

fn as_json(loaded: &Loaded, surveys: &Surveys, remarks: &[String]) -> Value {
    let Loaded { splits, bad, files, .. } = loaded;
    let shape = splits.train.shape();
    let Surveys { train, validation, test } = surveys;
    let values = |survey: &Survey| {
        let [least, most] = survey.range();
        json!({ "least": least, "most": most, "means": survey.means, "histogram": survey.histogram })
    };
    let values = surveys.parts().into_iter().map(|(name, survey)| (name, values(survey)));
    let classes = surveys.classes().into_iter().map(|(name, counts)| {
        let counts = surveys.parts().into_iter().map(|part| part.0).zip(counts);
        json!({ "name": name, "images": counts.collect::<BTreeMap<_, _>>() })
    });
    json!({
        "name": splits.name,
        "shape": { "height": shape.height, "width": shape.width, "channels": shape.channels },
        "bits": 8 * splits.train.depth().bytes(),
        "preprocessing": splits.train.preprocessing(),
        "train_images": train.images,
        "validation_images": validation.as_ref().map_or(0, |validation| validation.images),
        "test_images": test.as_ref().map_or(0, |test| test.images),
        "formats": files.formats.iter().map(|(name, count)| json!({ "name": name, "count": count })).collect::<Vec<_>>(),
        "sizes": files.sizes.iter()
            .map(|(size, count)| json!({ "width": size[0], "height": size[1], "count": count }))
            .collect::<Vec<_>>(),
        "classes": classes.collect::<Vec<_>>(),
        "values": values.collect::<BTreeMap<_, _>>(),
        "notes": remarks,
        "unreadable": bad.iter()
            .map(|bad| json!({ "path": bad.path.to_string_lossy(), "reason": bad.reason }))
            .collect::<Vec<_>>(),
    })
}
