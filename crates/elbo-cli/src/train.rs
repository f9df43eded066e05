//! `elbo train`.

use crate::Outcome;
use crate::args::{DeviceArgs, RecipeName, ScheduleName, TrainArgs};
use crate::device;
use crate::ending::{advice, last_line};
use crate::hints;
use crate::interrupt::on_request;
use crate::output::{class_key, counted, note, print, print_error, thousands};
use crate::progress::Progress;
use crate::shell;
use crate::source;
use crate::sweep;
use elbo::dataset::{DataOptions, Part, Splits};
use elbo::engine::{Chosen, DeviceName, EngineError, Precision};
use elbo::figures::write_figures;
use elbo::network::ParameterTable;
use elbo::recipe::{EMBEDDED_DATA, ObjectiveKind, Schedule};
use elbo::tensorboard::TensorBoard;
use elbo::{Device, Likelihood, Recipe, RunDirectory, Settings, Training, Vae};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) fn run(arguments: &TrainArgs) -> anyhow::Result<Outcome> {
    match train(arguments) {
        // A sweep reads no words.
        Err(error) if arguments.while_stdin => {
            print_error(&error);
            Ok(Outcome::Failed(sweep::code_of(&error)))
        }
        other => other,
    }
}

fn train(arguments: &TrainArgs) -> anyhow::Result<Outcome> {
    let stop = Stop::on_interrupt(arguments.quiet)?;
    if arguments.while_stdin {
        stop.when_stdin_ends();
    }
    let quiet = arguments.quiet;
    let (directory, mut training, chosen, mut board) = match &arguments.resume {
        Some(run) => resume(arguments, run, &stop)?,
        None => start(arguments, &stop)?,
    };
    if let Some(reason) = training.unlocked().filter(|_| !quiet) {
        let directory = directory.path().display();
        note(&format!("{directory} cannot be locked ({reason}): see to it that no other process trains in it"));
    }
    if !quiet {
        note(&describe(&training, &directory));
        if let Some(left_out) = left_out(&training) {
            note(&left_out);
        }
        if let Some(classes) = of_classes(&training) {
            note(&classes);
        }
        device::explain(&chosen, training.engine());
    }
    let epochs = training.settings().recipe.epochs;
    let mut progress = Progress::new(epochs, training.batches(), quiet);
    let result = loop {
        if stop.is_asked() || is_far_enough(&training, arguments.stop_after) {
            break training.save().map(|()| training.is_finished());
        }
        match training.advance() {
            Ok(Some(elbo::Progress::Batch(batch))) => progress.batch(&batch),
            Ok(Some(elbo::Progress::Epoch(metrics))) => {
                progress.epoch(&metrics);
                if let Some(Err(error)) = board.as_mut().map(|board| board.epoch(&training)) {
                    break training.save().and(Err(error));
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => break Ok(true),
            Err(error) => break Err(error),
        }
    };
    progress.finish();
    if let Err(elbo::Error::Engine(EngineError::Device { .. } | EngineError::OutOfMemory { .. })) = &result {
        note(&left(&mut training, &directory));
    }
    if !result? {
        let is_planned = is_far_enough(&training, arguments.stop_after);
        if !(is_planned && quiet) {
            let (done, batches) = (training.history().len(), training.batches_done());
            note(&format!("stopped after {done} of {epochs} epochs and {batches} batches; the run is saved"));
            note(&format!("go on with: {}{}", shell::resume(directory.path()), board_option(arguments)));
        }
        return Ok(if is_planned { Outcome::Done } else { Outcome::Interrupted });
    }
    let key = class_key(training.data().train.classes()).filter(|_| training.data().train.labels().is_some());
    let (last_line, advice) = (last_line(&training, &directory), advice(&training).collect::<Vec<_>>());
    let drawn = if arguments.no_figures { Ok(()) } else { draw_figures(training, &directory, &*chosen.device) };
    print(&last_line)?;
    if let Err(elbo::Error::Engine(_)) = &drawn {
        let run = shell::word(directory.path());
        note(&format!("the model is saved, its figures are not drawn: elbo figures {run} --device cpu draws them"));
    }
    drawn?;
    if !quiet {
        for line in key.into_iter().chain(advice) {
            note(&line);
        }
    }
    Ok(Outcome::Done)
}

/// What is left of a run whose device has failed: all of it, if the device can still be read.
fn left(training: &mut Training, directory: &RunDirectory) -> String {
    // Whatever is wrong, what is there is told.
    let _ = training.save();
    let (epochs, batches) = training.saved().unwrap_or_default();
    format!(
        "the run is saved as it was after {epochs} of {} epochs and {batches} batches\ngo on with: {}",
        training.settings().recipe.epochs,
        shell::resume(directory.path()),
    )
}

/// The directory for the events of a run, if they are asked for: called as the run, so that `TensorBoard` tells runs apart.
fn tensorboard(arguments: &TrainArgs, run: &Path) -> Option<PathBuf> {
    // The run in `.` has a name too.
    let run = std::path::absolute(run).ok();
    let name = run.as_ref().and_then(|run| run.file_name()).unwrap_or("run".as_ref());
    arguments.tensorboard.as_ref().map(|board| board.join(name))
}

/// What a run that goes on needs again, to go on with its events.
fn board_option(arguments: &TrainArgs) -> String {
    arguments.tensorboard.as_ref().map_or(String::new(), |board| format!(" --tensorboard {}", shell::word(board)))
}

/// Whether a run has had the epochs after which it is to stop for now.
fn is_far_enough(training: &Training, stop_after: Option<u32>) -> bool {
    stop_after.is_some_and(|epochs| training.history().len() >= epochs as usize)
}

/// What Ctrl-C does: it ends the process at once while images are read, since nothing is saved by then; later it asks
/// the run to stop, and a second one ends the process, which harms nothing that is saved.
struct Stop {
    is_asked: Arc<AtomicBool>,
    is_read: Arc<AtomicBool>,
    /// Who started this process is gone, or asks for its end.
    abandoned: Arc<AtomicBool>,
}

impl Stop {
    fn on_interrupt(quiet: bool) -> io::Result<Self> {
        let stop = Self { is_asked: Arc::default(), is_read: Arc::default(), abandoned: Arc::default() };
        let (is_asked, is_read) = (Arc::clone(&stop.is_asked), Arc::clone(&stop.is_read));
        on_request(move || {
            let is_read = is_read.load(Ordering::Relaxed);
            if is_asked.swap(true, Ordering::Relaxed) || !is_read {
                if !quiet && !is_read {
                    note("stopped before the images were read");
                }
                std::process::exit(i32::from(crate::INTERRUPTED));
            }
        })?;
        Ok(stop)
    }

    /// From here on there is something to save.
    fn images_are_read(&self) {
        self.is_read.store(true, Ordering::Relaxed);
    }

    /// From here on the end of standard input asks too.
    fn when_stdin_ends(&self) {
        let abandoned = Arc::clone(&self.abandoned);
        std::thread::spawn(move || {
            // What is said there is nothing, and an error is an end.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            abandoned.store(true, Ordering::Relaxed);
        });
    }

    fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Relaxed) || self.abandoned.load(Ordering::Relaxed)
    }
}

/// A run that is about to be trained: its directory, what it is on, and its event file.
type Begun = (RunDirectory, Training, Chosen, Option<TensorBoard>);

/// A new run.
fn start(arguments: &TrainArgs, stop: &Stop) -> anyhow::Result<Begun> {
    let (settings, data) = resolve(arguments)?;
    stop.images_are_read();
    let is_chosen = arguments.config.is_none() && arguments.recipe == RecipeName::Auto;
    let chosen_recipe = (is_chosen && !arguments.quiet).then(|| chosen(&settings.recipe, &data));
    // Settings are checked before a directory is made: a typing error leaves no empty run.
    let chosen = device_of(&settings, arguments)?;
    let training = Training::on(&*chosen.device, settings, data)?;
    let directory = match &arguments.out {
        Some(out) => RunDirectory::create(out),
        None => RunDirectory::create_in_runs(&training.data().name),
    };
    let directory = directory.map_err(elbo::Error::from)?;
    let board = tensorboard(arguments, directory.path()).map(|board| TensorBoard::create(&board)).transpose();
    let board = board.inspect_err(|_| {
        // Nothing is in it yet, unless it was there before.
        let _ = std::fs::remove_dir(directory.path());
    })?;
    let training = training.save_in(directory.clone())?;
    if let Some(recipe) = chosen_recipe {
        note(&recipe);
    }
    Ok((directory, training, chosen, board))
}

/// Takes the value given, if any.
fn set<T: Clone>(setting: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        setting.clone_from(given);
    }
}

/// The settings, those of the configuration file or the recipe, changed by what else is given; and the data.
fn resolve(arguments: &TrainArgs) -> anyhow::Result<(Settings, Splits)> {
    let given = match &arguments.config {
        Some(config) => Settings::read(config).map_err(elbo::Error::from)?,
        None => Settings::new(source::name_of(None)?, Recipe::reference()),
    };
    let device = if arguments.config.is_some() { given.device } else { DeviceName::Auto };
    let data_options = arguments.pictures.change(given.data_options)?;
    let name = match &arguments.data {
        Some(path) => source::name_of(Some(path))?,
        None => given.data,
    };
    let place = arguments.out.clone().unwrap_or_else(|| Path::new(RunDirectory::RUNS).join("run"));
    let data = source::load(&name, &data_options.clone().cached_beside(&place), arguments.quiet)?;
    let data_options = data_options.settled(&data).map_err(elbo::Error::from)?;
    if !arguments.quiet && name != EMBEDDED_DATA {
        for oddity in data.oddities().map_err(elbo::Error::from)? {
            note(&hints::oddity(&oddity));
        }
    }
    let recipe = match &arguments.config {
        Some(_) => {
            let validation = validation(arguments).unwrap_or(given.recipe.validation);
            Recipe { validation, ..given.recipe }
        }
        None => recipe_for(arguments, &data),
    };
    if let Some(own) = data.validation.as_ref().filter(|_| recipe.validation > 0.0 && !arguments.quiet) {
        let own = counted(own.len(), "image");
        note(&format!("the validation set of {own} is left out for one held out of the training set"));
    }
    let mut settings = Settings { data: name, data_options, recipe, device, ..given };
    change_device(&mut settings, &arguments.on);
    let TrainArgs { epochs, batch_size, learning_rate, muon_learning_rate, schedule, warmup, .. } = arguments;
    let TrainArgs { latent_dim, widths, likelihood, beta, kl_warmup, free_bits, kl_gradient, seed, .. } = arguments;
    let TrainArgs { patience, binarize, .. } = arguments;
    let recipe = &mut settings.recipe;
    set(&mut recipe.epochs, epochs.as_ref());
    set(&mut recipe.batch_size, batch_size.as_ref());
    set(&mut recipe.learning_rate, learning_rate.as_ref());
    set(&mut recipe.muon_learning_rate, muon_learning_rate.map(|rate| rate.0).as_ref());
    recipe.schedule = resolve_schedule(recipe.schedule, *schedule, *warmup)?;
    set(&mut recipe.latent_dim, latent_dim.as_ref());
    set(&mut recipe.widths, widths.as_ref());
    set(&mut recipe.conditional, arguments.conditional.as_ref());
    if let Some(binarize) = binarize {
        (recipe.binarize, recipe.likelihood) = (Some((*binarize).into()), Likelihood::Bernoulli);
    }
    set(&mut recipe.likelihood, likelihood.map(Into::into).as_ref());
    set(&mut recipe.beta, beta.as_ref());
    set(&mut recipe.kl_warmup, kl_warmup.as_ref());
    set(&mut recipe.free_bits, free_bits.as_ref());
    set(&mut recipe.kl_gradient, kl_gradient.map(Into::into).as_ref());
    let TrainArgs { objective, samples, prior_components, .. } = arguments;
    set(&mut recipe.objective, objective.map(Into::into).as_ref());
    set(&mut recipe.samples, samples.as_ref());
    if recipe.objective == ObjectiveKind::Iwae && samples.is_none() && recipe.samples == 1 {
        recipe.samples = ObjectiveKind::SAMPLES;
    }
    if recipe.objective != ObjectiveKind::Iwae && samples.is_none() {
        recipe.samples = 1;
    }
    set(&mut recipe.prior_components, prior_components.map(|components| components.0.unwrap_or(0)).as_ref());
    set(&mut recipe.seed, seed.as_ref());
    set(&mut recipe.patience, patience.map(|epochs| epochs.0).as_ref());
    if arguments.shuffle || arguments.no_shuffle {
        recipe.shuffle = arguments.shuffle;
    }
    Ok((settings, data))
}

/// The recipe that is asked for, before its settings are changed.
fn recipe_for(arguments: &TrainArgs, data: &Splits) -> Recipe {
    let validation = validation(arguments);
    match arguments.recipe {
        RecipeName::Auto => Recipe::for_data(data, validation),
        RecipeName::Reference => {
            Recipe { validation: validation.unwrap_or_else(|| data.usual_validation()), ..Recipe::reference() }
        }
    }
}

/// The share to validate with, if it is given.
fn validation(arguments: &TrainArgs) -> Option<f64> {
    arguments.validation.map(|share| share.0.unwrap_or(0.0))
}

/// What was chosen, and for what.
fn chosen(recipe: &Recipe, data: &Splits) -> String {
    let widths: Vec<String> = recipe.widths.iter().map(usize::to_string).collect();
    format!(
        "for {} images of {} to train on: widths {}, latent dimension {}, {}batches of {}, {} epochs (options change them)",
        thousands(data.trained_on(recipe.validation)),
        data.train.shape(),
        widths.join(","),
        recipe.latent_dim,
        if recipe.likelihood == Likelihood::SigmaGaussian { "a learned variance, " } else { "" },
        recipe.batch_size,
        recipe.epochs,
    )
}

/// The schedule of the recipe, changed by what is given.
fn resolve_schedule(recipe: Schedule, name: Option<ScheduleName>, warmup: Option<f64>) -> anyhow::Result<Schedule> {
    let usual = match recipe {
        Schedule::Linear { warmup } => warmup,
        _ => Schedule::WARMUP,
    };
    Ok(match (name, warmup) {
        (None, None) => recipe,
        (Some(ScheduleName::Constant), None) => Schedule::Constant,
        (Some(ScheduleName::Constant), Some(_)) => anyhow::bail!("--schedule constant has no --warmup"),
        (_, warmup) => Schedule::Linear { warmup: warmup.unwrap_or(usual) },
    })
}

/// A run that goes on.
fn resume(arguments: &TrainArgs, run: &Path, stop: &Stop) -> anyhow::Result<Begun> {
    let directory = RunDirectory::open(run).map_err(elbo::Error::from)?;
    // Before images are read for nothing.
    directory.check_not_in_use().map_err(elbo::Error::from)?;
    let mut settings = Training::settings_of(&directory)?;
    let options = arguments.pictures.change(settings.data_options.clone())?;
    let DataOptions { memory, cache, .. } = options.clone();
    if options != (DataOptions { memory, cache, ..settings.data_options.clone() }) {
        anyhow::bail!("what images are brought to cannot change when a run goes on");
    }
    let data = match &arguments.data {
        Some(path) => source::name_of(Some(path))?,
        None => settings.data.clone(),
    };
    let splits = source::load(&data, &options.clone().cached_beside(directory.path()), arguments.quiet);
    let is_own = arguments.data.is_none();
    let splits = splits.map_err(|error| if is_own { source::moved(error, &data) } else { error.into() })?;
    stop.images_are_read();
    change_device(&mut settings, &arguments.on);
    let chosen = device_of(&settings, arguments)?;
    let training = Training::resume_on(&*chosen.device, directory.clone(), splits, |resumed| {
        let Settings { device, precision, threads, .. } = settings;
        *resumed = Settings { data, data_options: options, device, precision, threads, recipe: resumed.recipe.clone() };
        set(&mut resumed.recipe.epochs, arguments.epochs.as_ref());
        set(&mut resumed.recipe.patience, arguments.patience.map(|epochs| epochs.0).as_ref());
    })?;
    if let Some(before) = training.other_arithmetic().filter(|_| !arguments.quiet) {
        let now = training.engine().arithmetic();
        note(&format!("so far it was trained on {before}, now it is on {now}: its last bits differ from here on"));
    }
    let board = tensorboard(arguments, directory.path());
    let board = board.map(|board| TensorBoard::resume(&board, training.history())).transpose()?;
    Ok((directory, training, chosen, board))
}

/// Takes what is given of the device.
fn change_device(settings: &mut Settings, given: &DeviceArgs) {
    if given.device == Some(DeviceName::Cpu) {
        // A run may come from a card, with a precision that the processor has not.
        settings.precision = Precision::F32;
    }
    set(&mut settings.device, given.device.as_ref());
    set(&mut settings.precision, given.precision.map(Into::into).as_ref());
    set(&mut settings.threads, given.threads.as_ref());
}

/// The device of a run.
fn device_of(settings: &Settings, given: &TrainArgs) -> Result<Chosen, elbo::Error> {
    let chosen = settings.device.open_for(settings.precision, settings.threads, settings.recipe.needs_processor());
    let chosen = chosen.map_err(|error| match error {
        EngineError::Unavailable { what, source } if given.on.device.is_none() => {
            EngineError::Unavailable { what: format!("{what}, the device of the run"), source }
        }
        other => other,
    })?;
    if !given.quiet {
        device::warn_of_precision(&chosen, settings.precision);
    }
    Ok(chosen)
}

/// What is about to happen, in three lines, and one more for each thing that is unusual.
fn describe(training: &Training, directory: &RunDirectory) -> String {
    let (engine, data, recipe) = (training.engine(), training.data(), &training.settings().recipe);
    let parameters = ParameterTable::new(engine.architecture()).len();
    let test = data.test.as_ref().map(|test| format!("{} to test", thousands(test.len())));
    let validation = match training.held_out() {
        Some((Part::Validation, images)) => Some(format!("{} to validate", thousands(images.len()))),
        _ => None,
    };
    let others = [validation, test].into_iter().flatten().reduce(|a, b| format!("{a}, {b}"));
    let others = others.unwrap_or("no test images".to_owned());
    format!(
        "{}: {} images of {} to train on, {others}\n\
         {} parameters, latent dimension {}, {}; {} batches of {} per epoch\n\
         run directory {}; ELBO losses in {}{}",
        data.name,
        thousands(data.train.len()),
        data.train.shape(),
        thousands(parameters),
        recipe.latent_dim,
        engine.description(),
        training.batches(),
        training.batch_size(),
        directory.path().display(),
        engine.architecture().likelihood().unit(),
        other_objective(recipe),
    )
}

/// What is minimised and what the prior is, where these are not the evidence lower bound and the standard normal.
fn other_objective(recipe: &Recipe) -> String {
    let objective = match recipe.objective {
        ObjectiveKind::Iwae => format!("\nminimises the importance-weighted bound of {} samples", recipe.samples),
        ObjectiveKind::BetaTc => format!("\nweighs the total correlation {} times", recipe.beta),
        _ => String::new(),
    };
    let prior = match recipe.prior_components {
        0 => String::new(),
        components => format!("\nlearns a mixture of {components} Gaussians as the prior"),
    };
    format!("{objective}{prior}")
}

/// How many images no epoch trains on, if there are any. Where they are shuffled, each has its turn.
fn left_out(training: &Training) -> Option<String> {
    let count = training.left_out();
    (count > 0 && !training.settings().recipe.shuffle).then(|| {
        let last = counted(count, "image");
        format!("the last {last} are never trained on, since they fill no batch: --shuffle, or another --batch-size")
    })
}

/// What there is to say of the classes that a conditional model is told.
fn of_classes(training: &Training) -> Option<String> {
    if !training.settings().recipe.conditional {
        return None;
    }
    let data = training.data();
    if let [only] = &*data.trained_classes() {
        return Some(format!("--conditional says nothing here: all training images are of the class {only}"));
    }
    // What was held out may be all that there is of a class. Of parts that the data have this was said.
    if training.settings().recipe.validation == 0.0 || data.test.is_some() {
        return None;
    }
    let untrained = data.untrained_classes();
    let first = untrained.first()?;
    let what = match untrained.len() {
        1 => format!("the class {first}, which"),
        classes => format!("{classes} classes, such as {first}, which"),
    };
    Some(format!("all images of {what} the model cannot know, are held out; --validation none trains on all"))
}

/// Draws the figures of a run that has ended, when what training took of memory is given back.
fn draw_figures(training: Training, directory: &RunDirectory, device: &dyn Device) -> Result<(), elbo::Error> {
    let (model, Splits { train, validation, test, .. }, history) = training.into_parts()?;
    let (dataset, seed) = (test.or(validation).unwrap_or(train), model.card.recipe.seed);
    write_figures(&directory.figures(), &Vae::on(device, model)?, &dataset, &history, seed)?;
    Ok(())
}
