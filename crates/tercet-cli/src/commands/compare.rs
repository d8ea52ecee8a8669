//! `tercet compare`: the three classifiers on one data set, and a convolutional network if the examples are
//! images, evaluated by the same code, in one report.

use std::process::ExitCode;
use std::time::Instant;

use tercet::data::{Openings, Split};
use tercet::interval::Interval;
use tercet::neighbors::accuracy_by_k;
use tercet::network::{Network, Shape};
use tercet::preprocess::Spec;
use tercet::recipe::{GradientDescentRecipe, NeighborsRecipe, Recipe};
use tercet::text;
use tercet::train::Training;
use tercet::{Dataset, Error, Model, Result};
use tercet_report::{self as report, AccuracyAtK, AccuracyByK, ModelCard, Run};

use crate::args::compare::CompareArgs;
use crate::data_check::{self, Check};
use crate::evaluation::evaluate;
use crate::output_files::check_writable;
use crate::progress::{Stage, say};
use crate::split::split;
use crate::table::{self, percent, table};
use crate::training::Trained;
use crate::{evaluation, exit, figures, interrupt, loading, output, robustness, run_record, training};

/// The largest k of the curve of accuracy by k.
const LARGEST_K: usize = 15;

/// A fitted classifier, and how it was fitted.
struct Fitted {
    name: &'static str,
    model: Model,
    settings: Vec<(String, String)>,
    seconds: f64,
    training: Option<Training>,
    accuracy_by_k: Option<AccuracyByK>,
}

/// Trains and evaluates the classifiers, and writes the report.
pub fn run(args: CompareArgs) -> anyhow::Result<ExitCode> {
    let seed = args.seed.seed;
    let recipes = Recipes::new(&args.hidden, args.preprocessing.or(Spec::default()), args.k, seed);
    recipes.network.validate()?;
    check_writable(&args.report)?;
    figures::check(args.figures.figures.as_deref())?;
    let whole = Instant::now();
    let started = run_record::now();
    interrupt::watch("stopping; nothing is written")?;

    let stage = Stage::new("data", 1);
    let collection = loading::open(&args.data)?;
    let sealed = loading::test_set(&collection)?;
    let data = split(&collection.train, args.split.validation, seed)?;
    check_k(args.k, &data)?;
    Network::check_sizes(data.train.width(), &args.hidden, data.train.class_count())?;
    let (train, validation) = (text::thousands(data.train.len()), text::thousands(data.validation.len()));
    stage.done(&format!("{}: {train} training examples, {validation} validation examples", collection.name));

    let Some(fitted) = recipes.fit(&collection.train, &data)? else { return Ok(exit::interrupted()) };
    // The test set is unsealed here, after all training.
    let mut openings = Openings::new();
    let test = sealed.open(&mut openings, "compare: the final evaluation of the fitted models");
    let Some(models) = evaluate_all(fitted, &data, &test, args.extra.robustness)? else {
        return Ok(exit::interrupted());
    };
    let check = match args.extra.check_data {
        true => Check::of(&collection.train, seed).run(&collection.train, &data, Some(&test))?,
        false => None,
    };
    if interrupt::was_asked() {
        return Ok(exit::interrupted());
    }

    let title =
        format!("{} classifiers on {}", if models.len() == 4 { "Four" } else { "Three" }, collection.name);
    let card = run_record::data_card(&collection, &data.train, data.validation.len(), test.len());
    let mut run = Run { models, check, ..run_record::new(title, started, Some(seed), card, openings) };
    run.compare()?;
    if interrupt::was_asked() {
        return Ok(exit::interrupted());
    }
    report::write(&args.report, &run, &test)?;
    figures::write(args.figures.figures.as_deref(), || report::figures(&run))?;
    match args.json {
        true => output::print(run.to_json()?)?,
        false => {
            print(&run, &test)?;
            output::print(format_args!("\nreport: {}", args.report.display()))?;
        }
    }
    say(format!("total time: {}", text::seconds(whole.elapsed().as_secs_f64())));
    Ok(ExitCode::SUCCESS)
}

/// Evaluates all classifiers on the test set. `None` if Ctrl-C interrupted it.
fn evaluate_all(
    fitted: Vec<Fitted>,
    data: &Split,
    test: &Dataset,
    robustness: bool,
) -> anyhow::Result<Option<Vec<ModelCard>>> {
    let mut models = Vec::new();
    for fitted in fitted {
        let validation = fitted.training.is_some().then_some(&data.validation);
        let ensemble = fitted.model.into();
        let Some(card) = evaluate(fitted.name, &ensemble, test, validation, robustness)? else {
            return Ok(None);
        };
        models.push(ModelCard {
            settings: fitted.settings,
            fit_seconds: Some(fitted.seconds),
            history: fitted.training.map(|training| training.history),
            accuracy_by_k: fitted.accuracy_by_k,
            ..card
        });
    }
    Ok(Some(models))
}

/// Nearest neighbours store all training examples, but the curve of accuracy by k is computed without the
/// validation set.
fn check_k(k: usize, data: &Split) -> Result<()> {
    let most = data.train.len();
    if (1..=most).contains(&k) {
        return Ok(());
    }
    let (most, held_out) = (text::thousands(most), text::thousands(data.validation.len()));
    let expected = format!("1 to {most}, the training examples without the {held_out} of the validation set");
    Err(Error::setting("k", text::thousands(k), expected))
}

/// The recipe of each classifier.
struct Recipes {
    neighbors: NeighborsRecipe,
    linear: GradientDescentRecipe,
    network: GradientDescentRecipe,
    /// The small convolutional network of the recipe `ninety-nine`.
    convolutional: GradientDescentRecipe,
}

impl Recipes {
    fn new(hidden: &[usize], preprocessing: Spec, k: usize, seed: u64) -> Self {
        let Some(Recipe::GradientDescent(convolutional)) = Recipe::named("ninety-nine") else {
            unreachable!("the recipe is built in and trains by gradient descent")
        };
        let with = |recipe| GradientDescentRecipe { seed, preprocessing: preprocessing.clone(), ..recipe };
        Recipes {
            neighbors: NeighborsRecipe { preprocessing: preprocessing.clone(), ..NeighborsRecipe::new(k) },
            linear: with(GradientDescentRecipe::linear().by_data()),
            network: with(GradientDescentRecipe {
                hidden: hidden.to_vec(),
                ..GradientDescentRecipe::network().by_data()
            }),
            convolutional: with(convolutional),
        }
    }

    /// Fits all classifiers: nearest neighbours store all examples but the test set, the others are trained
    /// and validated on a split. `None` if Ctrl-C interrupted it.
    fn fit(&self, train: &Dataset, data: &Split) -> anyhow::Result<Option<Vec<Fitted>>> {
        let mut neighbors = fit_neighbors(&self.neighbors, train)?;
        let Some(by_k) = accuracies_by_k(&self.neighbors, data)? else { return Ok(None) };
        neighbors.accuracy_by_k = Some(by_k);
        let linear = fit("linear classifier", &self.linear, data)?;
        let network = fit("neural network", &self.network, data)?;
        let convolutional = fit_convolutional(&self.convolutional, data)?;
        let all = [neighbors, linear, network].into_iter().chain(convolutional);
        Ok(if interrupt::was_asked() { None } else { Some(all.collect()) })
    }
}

fn fit_neighbors(recipe: &NeighborsRecipe, train: &Dataset) -> anyhow::Result<Fitted> {
    let stage = Stage::new("nearest neighbours", 1);
    let model = recipe.fit(train, None)?.model;
    let seconds = stage.done(&format!("{} examples stored", text::thousands(train.len())));
    let mut settings = evaluation::settings(&model);
    settings.push(("examples".to_owned(), format!("all {}", text::thousands(train.len()))));
    Ok(Fitted { name: "nearest neighbours", model, settings, seconds, training: None, accuracy_by_k: None })
}

/// The accuracy on the validation set for every k, from one search. `None` if Ctrl-C interrupted it.
fn accuracies_by_k(recipe: &NeighborsRecipe, data: &Split) -> Result<Option<AccuracyByK>> {
    let largest = LARGEST_K.max(recipe.k).min(data.train.len());
    let name = format!("accuracy for k = 1 to {largest}");
    let stage = Stage::new(name, data.validation.len());
    let progress = |done, _| {
        stage.at(done);
        interrupt::flow()
    };
    let model = recipe.fit(&data.train, None)?.model;
    let index = model.classifier().neighbors().expect("the recipe is of neighbours").index();
    let queries = model.preprocessing().apply(&data.validation)?;
    let Some(found) = index.search_with(&queries, largest, &progress)? else { return Ok(None) };
    let (truth, count) = (data.validation.labels(), data.validation.len());
    let accuracies = accuracy_by_k(&found, data.train.labels(), truth, recipe.vote)?;
    let points = (1..).zip(accuracies).map(|(k, accuracy)| {
        let correct = (accuracy * count as f64).round() as usize;
        AccuracyAtK { k, accuracy, interval: Interval::wilson(correct, count) }
    });
    let (chosen, points) = (recipe.k, points.collect::<Vec<_>>());
    stage.done(&format!("validation {} at k = {chosen}", percent(points[chosen - 1].accuracy)));
    let on = format!("the validation set, {} examples", text::thousands(count));
    Ok(Some(AccuracyByK { on, chosen, points }))
}

/// Trains a recipe by gradient descent.
fn fit(name: &'static str, recipe: &GradientDescentRecipe, data: &Split) -> anyhow::Result<Fitted> {
    let Trained { model, training, seconds } = training::fit(name, recipe, data)?;
    let mut settings = evaluation::settings(&model);
    settings.push(("examples".to_owned(), text::thousands(data.train.len())));
    Ok(Fitted { name, model, settings, seconds, training: Some(training), accuracy_by_k: None })
}

/// Trains the convolutional network; `None` if the examples are not images, or too small for it.
fn fit_convolutional(recipe: &GradientDescentRecipe, data: &Split) -> anyhow::Result<Option<Fitted>> {
    if let Err(error) = recipe.untrained(Shape::of(&data.train), data.train.class_count()) {
        say(format!("convolutional network: left out, since {error}"));
        return Ok(None);
    }
    fit("convolutional network", recipe, data).map(Some)
}

fn print(run: &Run, test: &Dataset) -> anyhow::Result<()> {
    let mut rows = table(["model", "accuracy (95 %)", "errors", "fit", "per image", "size"]);
    for model in &run.models {
        let Interval { low, high } = model.evaluation.interval;
        rows.add_row([
            model.name.clone(),
            format!("{} ({:.2}–{:.2})", percent(model.evaluation.accuracy), 100.0 * low, 100.0 * high),
            text::thousands(model.evaluation.errors()),
            model.fit_seconds.map_or("–".to_owned(), text::seconds),
            text::seconds(model.predict_seconds_per_example),
            text::bytes(model.model_bytes as usize),
        ]);
    }
    table::print(&rows)?;
    let mut rows = table(["model", "settings"]);
    for model in &run.models {
        let settings: Vec<String> =
            model.settings.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        rows.add_row([model.name.clone(), settings.join("; ")]);
    }
    output::print("")?;
    table::print(&rows)?;
    output::print("")?;
    run.comparisons.iter().try_for_each(|comparison| output::print(&comparison.sentence))?;
    if run.models.iter().any(|card| !card.robustness.is_empty()) {
        robustness::print(&run.models)?;
    }
    if let Some(check) = &run.check {
        output::print("")?;
        data_check::print(check, test.classes())?;
    }
    Ok(())
}
