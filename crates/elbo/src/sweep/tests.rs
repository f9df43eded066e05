//! Plans, and what follows from the directories of trials.

use super::stage::plan_stage;
use super::*;
use crate::EpochMetrics;
use crate::comparison::flat;
use crate::dataset::{Dataset, ImageShape, Part};
use crate::recipe::Recipe;
use crate::{Likelihood, Loss};

fn data(images: usize) -> Splits {
    let shape = ImageShape { height: 8, width: 8, channels: 1 };
    let pixels = (0..images).flat_map(|image| (0..64).map(move |pixel| ((image * 37 + pixel * image) % 251) as u8));
    Splits::from(Dataset::new(shape, pixels.collect(), None).unwrap())
}

fn plan(text: &str) -> Result<Plan, SweepError> {
    Plan::parse("here/sweep.toml".as_ref(), text)
}

fn trials(text: &str) -> Vec<Trial> {
    let plan = plan(text).unwrap();
    plan.trials(&plan.settings(&data(40)).unwrap()).unwrap()
}

const BASE: &str = "[base]\nrecipe = \"reference\"\nwidths = [4]\nlatent-dim = 2\nbatch_size = 8\nepochs = 4\nthreads = 1\n\
                    device = \"cpu\"\n";

#[test]
fn a_grid_has_every_combination() {
    let found = trials(&format!("{BASE}[grid]\nlearning-rate = [1e-3, 0.01]\nwidths = [[4], [4, 8]]\n"));
    let names: Vec<&str> = found.iter().map(|trial| &*trial.name).collect();
    assert_eq!(
        names,
        [
            "001-learning_rate=0.001-widths=4",
            "002-learning_rate=0.001-widths=4-8",
            "003-learning_rate=0.01-widths=4",
            "004-learning_rate=0.01-widths=4-8",
        ]
    );
    let Recipe { learning_rate, widths, latent_dim, epochs, validation, .. } = &found[3].settings.recipe;
    assert_eq!((*learning_rate, &widths[..], *latent_dim, *epochs, *validation), (0.01, &[4, 8][..], 2, 4, 0.1));
    assert_eq!(found[3].own[1], ("widths".to_owned(), "[4, 8]".to_owned()));
}

#[test]
fn draws_stay_within_their_ranges_and_do_not_depend_on_their_number() {
    let text = |count: usize| {
        format!(
            "{BASE}[random]\ncount = {count}\nseed = 3\nlearning_rate = {{ log = [1e-4, 1e-2] }}\n\
             beta = {{ uniform = [0.5, 2] }}\nlatent_dim = {{ log = [2, 64] }}\nwidths = [[4], [8]]\n"
        )
    };
    let many = trials(&text(400));
    assert_eq!(many[..3], trials(&text(3)));
    let below = |test: &dyn Fn(&Recipe) -> bool| many.iter().filter(|trial| test(&trial.settings.recipe)).count();
    // Half of them below the middle of each range, within five standard deviations of that.
    for count in [
        below(&|recipe| recipe.learning_rate < 1e-3),
        below(&|recipe| recipe.beta < 1.25),
        below(&|recipe| recipe.widths == [4]),
    ] {
        assert!((150..250).contains(&count), "{count}");
    }
    // ln(11 / 2) of ln(65 / 2) lies below 11.
    assert!((145..245).contains(&below(&|recipe| recipe.latent_dim < 11)));
    for Trial { settings, .. } in &many {
        let Recipe { learning_rate, beta, latent_dim, .. } = settings.recipe;
        assert!(
            (1e-4..=1e-2).contains(&learning_rate) && (0.5..=2.0).contains(&beta) && (2..=64).contains(&latent_dim)
        );
    }
    assert!(many.iter().any(|trial| trial.settings.recipe.latent_dim > 50));
}

#[test]
fn schedules_and_what_may_be_none_are_given_as_to_the_command() {
    let found = trials(&format!(
        "{BASE}muon-learning-rate = 0.04\n[grid]\nwarmup = [0.2]\nmuon_learning_rate = [\"none\", 0.1]\n"
    ));
    let recipe = |trial: usize| &found[trial].settings.recipe;
    assert_eq!(recipe(0).schedule, crate::recipe::Schedule::Linear { warmup: 0.2 });
    assert_eq!([recipe(0).muon_learning_rate, recipe(1).muon_learning_rate], [None, Some(0.1)]);
    let found = trials(&format!("{BASE}prior-components = \"none\"\n[grid]\nobjective = [\"elbo\", \"iwae\"]\n"));
    assert_eq!([0, 1].map(|trial: usize| found[trial].settings.recipe.samples), [1, 5]);
}

#[test]
fn every_setting_of_a_run_is_known() {
    let recipe = Recipe { muon_learning_rate: Some(1.0), patience: Some(1), ..Recipe::fast() };
    for (name, _) in flat(&Settings::new("x", recipe)) {
        let result = plan(&format!("[base]\n{name} = 1\n[grid]\nbeta = [1.0]\n"));
        assert!(result.is_ok(), "{name}: {result:?}");
    }
    // As serde lists them: a field that is new and left out where there is none is not forgotten.
    let error = toml::from_str::<Recipe>("no_such_setting = 1").unwrap_err().to_string();
    let expected = error.split_once("expected one of").map(|(_, names)| names.split('`').skip(1).step_by(2)).unwrap();
    for name in expected.filter(|name| !["likelihood", "binarize", "conditional", "validation"].contains(name)) {
        let result = plan(&format!("[grid]\n{name} = [1]\n"));
        assert!(result.is_ok(), "{name}: {result:?}");
    }
}

#[test]
fn what_is_wrong_with_a_plan_is_said() {
    for (text, said) in [
        ("", "either a table [grid] or a table [random]"),
        ("[grid]\nbeta = [1]\n[random]\ncount = 1\nbeta = [1]\n", "either a table [grid] or a table [random]"),
        ("[gird]\nbeta = [1]\n", "there is no table 'gird'; there may be base, grid, random, halving"),
        ("grid = 1\n", "'grid' is a table"),
        ("[grid\n", "TOML parse error"),
        ("[grid]\nlearning_rat = [1]\n", "[grid] has no setting 'learning_rat'; it may have "),
        ("[base]\nlearning_rat = 1\n[grid]\nbeta = [1]\n", "[base] has no setting 'learning_rat'; it may have "),
        ("[grid]\nbeta = 1\n", "[grid] beta = [...]"),
        ("[grid]\nbeta = []\n", "[grid] beta = [...]"),
        ("[grid]\nlikelihood = [\"gaussian\", \"bernoulli\"]\n", "varies 'likelihood': losses of two likelihoods"),
        ("[grid]\nsize = [32, 64]\n", "varies 'size': all trials have the same data"),
        ("[grid]\nvalidation = [0.1, 0.2]\n", "varies 'validation'"),
        ("[random]\nbeta = [1]\n", "[random] count = N"),
        ("[random]\ncount = 0\nbeta = [1]\n", "from 1 to 10000"),
        ("[random]\ncount = 3\n", "no settings to try"),
        ("[random]\ncount = 3\nbeta = { log = [0, 1] }\n", "[random] beta"),
        ("[random]\ncount = 3\nbeta = { uniform = [2, 1] }\n", "[random] beta"),
        ("[random]\ncount = 3\nbeta = { normal = [0, 1] }\n", "[random] beta"),
        ("[random]\ncount = 3\nbeta = { uniform = [0.0, nan] }\n", "[random] beta"),
        ("[grid]\nbeta = [1]\n[halving]\nat = [0.5, 0.5]\n", "[halving] at"),
        ("[grid]\nbeta = [1]\n[halving]\nat = [1.5]\n", "[halving] at"),
        ("[grid]\nbeta = [1]\n[halving]\nshare = [0.5]\n", "no setting 'share'"),
    ] {
        let message = plan(text).unwrap_err().to_string();
        assert!(message.starts_with("here/sweep.toml: ") && message.contains(said), "{text}: {message}");
    }
    for (text, said) in [
        ("[base]\nbeta = \"much\"\n[grid]\nbeta = [1]\n", "[base]: invalid type: string \"much\""),
        ("[base]\nvalidation = \"none\"\n[grid]\nbeta = [1]\n", "no validation images"),
        ("[base]\nrecipe = \"slow\"\n[grid]\nbeta = [1]\n", "'recipe' is \"auto\" or \"reference\""),
        ("[grid]\nseed = [1, 2]\n", "varies 'seed': it says which images are held out"),
    ] {
        let message = plan(text).unwrap().settings(&data(40)).unwrap_err().to_string();
        assert!(message.contains(said), "{text}: {message}");
    }
    let wrong = plan("[grid]\nbeta = [1, \"much\"]\n").unwrap();
    let message = wrong.trials(&wrong.settings(&data(40)).unwrap()).unwrap_err().to_string();
    assert!(message.contains("[grid]: invalid type: string \"much\""), "{message}");
    for (text, said) in [
        ("[grid]\nbeta = [1, nan]\n", "[grid] beta = NaN: beta must be a finite number, 0 or more, not NaN"),
        ("[grid]\nlearning-rate = [-1.0, 1e-3]\n", "[grid] learning_rate = -1.0: the learning rate must be"),
        ("[grid]\nlatent_dim = [0, 2]\n", "[grid] latent_dim = 0: the latent dimension must be"),
        ("[grid]\nwidths = [[4], []]\n", "[grid] widths = []: the number of encoder stages must be"),
        ("[grid]\nsamples = [1, 5000]\n", "[grid] samples = 5000: the number of samples must be from 1 to 4096"),
        ("[random]\ncount = 9\nkl_warmup = { uniform = [1.5, 2.0] }\n", "[random] kl_warmup = 1."),
        ("[grid]\nbeta = [1, 2, 1.0]\n", "trials 001-beta=1 and 003-beta=1.0 have the same settings"),
        ("[grid]\nprior_components = [0, \"none\"]\n", "have the same settings"),
    ] {
        let plan = plan(text).unwrap();
        let message = plan.trials(&plan.settings(&data(40)).unwrap()).unwrap_err().to_string();
        assert!(message.starts_with("here/sweep.toml: [") && message.contains(said), "{text}: {message}");
    }
    let message = plan("[base]\nbeta = -1\n[grid]\nseed = [1]\n").unwrap().settings(&data(40)).unwrap_err().to_string();
    assert!(message.contains("[base] beta = -1: beta must be a finite number"), "{message}");
    let huge = format!(
        "[grid]\n{}",
        ["beta", "seed", "epochs", "free_bits", "kl_warmup"]
            .map(|name| format!("{name} = [1, 2, 3, 4, 5, 6, 7]\n"))
            .concat()
    );
    assert!(plan(&huge).unwrap_err().to_string().contains("16807 trials"));
}

#[test]
fn what_only_goes_with_other_values_is_no_fault_of_the_plan() {
    let text = format!(
        "{BASE}[grid]\nobjective = [\"elbo\", \"iwae\", \"beta-tc\"]\nsamples = [1, 5]\nfree_bits = [0, 0.1]\n\
         prior_components = [0, 2]\n"
    );
    assert_eq!(trials(&text).len(), 24);
}

#[test]
fn a_draw_that_was_there_before_is_none() {
    let text = format!("{BASE}[random]\ncount = 20\nbeta = [1, 1.0, 2]\n");
    let found = trials(&text);
    assert_eq!(found.len(), 2);
    assert_ne!(found[0].settings, found[1].settings);
    let here = tempfile::tempdir().unwrap();
    assert_eq!(Sweep::open(&plan(&text).unwrap(), &data(40), here.path()).unwrap().repeats(), 18);
}

fn state(losses: &[f64]) -> stage::State {
    let row = |(epoch, &loss): (u32, &f64)| EpochMetrics {
        epoch,
        step: None,
        learning_rate: 1e-3,
        train_loss: loss,
        held_out: Some((Part::Validation, Loss { reconstruction: loss, kl: 0.0 })),
        seconds: 1.0,
        images_per_second: 1.0,
        likelihood: Likelihood::Gaussian,
    };
    stage::State { history: (1..).zip(losses).map(row).collect(), failure: None }
}

#[test]
fn the_worse_half_ends_at_each_share() {
    let here = tempfile::tempdir().unwrap();
    let plan = plan(&format!("{BASE}[grid]\nbeta = [1, 2, 3, 4, 5]\n[halving]\nat = [0.25, 0.5]\n")).unwrap();
    let sweep = Sweep::open(&plan, &data(40), here.path()).unwrap();
    let next = |states: &[stage::State]| plan_stage(&sweep, states).0.map(|stage| stage.trials);
    let mut states = vec![state(&[]); 5];
    let all = |until| (0..5).map(|trial| (trial, until)).collect::<Vec<_>>();
    assert_eq!(next(&states), Some(all(1)));
    // What is open is told whatever is done, and nothing is ranked before all are there.
    for (trial, loss) in [5.0, 3.0, 4.0, 1.0].into_iter().enumerate() {
        states[trial] = state(&[loss]);
        assert_eq!(next(&states).unwrap()[0], (trial + 1, 1));
    }
    states[4] = state(&[2.0]);
    assert_eq!(next(&states), Some(vec![(1, 2), (3, 2), (4, 2)]));
    // The best of any epoch so far counts, of epochs up to the share.
    states[1] = state(&[3.0, 0.5]);
    states[3] = state(&[1.0, 9.0]);
    states[4] = state(&[2.0, 1.5, 0.0]);
    assert_eq!(next(&states), Some(vec![(1, 4), (3, 4)]));
    // Where one fails, the next best takes its place.
    states[3].failure = Some("x".to_owned());
    let (stage, left) = plan_stage(&sweep, &states);
    assert_eq!((stage.unwrap().trials, left), (vec![(1, 4)], vec![1]));
    states[1] = state(&[3.0, 0.5, 4.0, 4.0]);
    assert_eq!(next(&states), None);
}

#[test]
fn a_sweep_goes_on_and_its_trials_are_ordinary_runs() {
    let here = tempfile::tempdir().unwrap();
    let out = here.path().join("sweep");
    let open = |text: &str| Sweep::open(&plan(text).unwrap(), &data(40), &out);
    let text = format!("{BASE}[random]\ncount = 3\nlearning_rate = {{ log = [1e-3, 1e-2] }}\n");
    let sweep = open(&text).unwrap();
    // Another process must not train there too.
    assert!(matches!(open(&text).unwrap_err(), Error::RunDirectory(_)));
    sweep.train(&sweep.trials()[1], 2, data(40)).unwrap();
    sweep.fail(&sweep.trials()[0], "it did not work").unwrap();
    assert_eq!(sweep.next().unwrap(), Some(Stage { trials: vec![(1, 4), (2, 4)] }));
    assert_eq!(sweep.results().unwrap()[0].status, Status::Open);
    drop(sweep);

    let sweep = open(&text).unwrap();
    sweep.run(&data(40)).unwrap();
    assert_eq!(sweep.next().unwrap(), None);
    let results = sweep.results().unwrap();
    assert!(results[0].best_loss().unwrap() <= results[1].best_loss().unwrap());
    assert_eq!((results[2].trial, &results[2].status), (0, &Status::Failed("it did not work".to_owned())));
    for TrialResult { trial, .. } in &results[..2] {
        let trial = &sweep.trials()[*trial];
        let directory = RunDirectory::at(&sweep.directory_of(trial));
        let settings = Settings::read(&directory.config()).unwrap();
        let mut alone = Training::new(settings, data(40)).unwrap();
        while alone.advance().unwrap().is_some() {}
        assert_eq!(alone.model().unwrap(), crate::Model::read(&directory.model()).unwrap());
    }
    let table = std::fs::read_to_string(out.join("sweep.csv")).unwrap();
    assert!(table.starts_with("trial,status,learning_rate,best_loss,") && table.lines().count() == 4, "{table}");
    assert!(table.lines().last().unwrap().ends_with("it did not work"), "{table}");
    drop(sweep);

    // More draws are more trials; other settings are another sweep.
    assert_eq!(
        open(&text.replace("count = 3", "count = 4")).unwrap().next().unwrap(),
        Some(Stage { trials: vec![(3, 4)] })
    );
    for (from, to, said) in
        [("count = 3", "count = 2", "no trial of that name"), ("epochs = 4", "epochs = 5", "other settings")]
    {
        let message = open(&text.replace(from, to)).unwrap_err().to_string();
        assert!(message.contains("a trial of another sweep") && message.contains(said), "{message}");
    }
}
