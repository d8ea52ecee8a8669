//! `tercet train`: one classifier, kept as a model file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;
use tercet::data::{Collection, Split};
use tercet::image::{Cleaning, Contract, Preparation, Range};
use tercet::linear::LinearClassifier;
use tercet::model::{Card, Classifier, DataRecord, ModelFile};
use tercet::neighbors::{Deformable, Metric, NeighborsClassifier, Priors, Vote};
use tercet::network::{Architecture, Init, Network};
use tercet::recipe::{self, AnyRecipe, Exact, Recipe, Remember};
use tercet::train::{Check, Ending, Identity, Plan};
use tercet::tune;
use tercet::{Dataset, text};

use crate::args::dual::{self, Solving};
use crate::args::gradient_descent::Descent;
use crate::args::neighbors::{self, Deforming, K, read_weights};
use crate::args::{self, Cleaned, Data, Validation, check_writable};
use crate::callbacks::Keeping;
use crate::progress::{Stage, say};
use crate::{exit, interrupt, output, training};

/// What `tercet train` understands.
#[derive(clap::Args)]
#[command(
    arg_required_else_help = true,
    override_usage = "tercet train KIND [OPTIONS]\n       tercet train --recipe NAME|FILE [OPTIONS]",
    subcommand_value_name = "KIND",
    subcommand_help_heading = "Kinds"
)]
pub struct Arguments {
    #[command(subcommand)]
    kind: Option<Kind>,

    /// Train as a recipe says: `convolutional`, `deep`, `exact`, `fashion`, `fewest`, `knn-deformable`, `knn-shifted`, `lecture`,
    /// `linear`, `linear-patches`, `linear-pixels`, `network`, `ninety-nine`, `two-layer`, `two-layer-elastic`, or a TOML file
    #[arg(long, value_name = "NAME|FILE")]
    recipe: Option<String>,

    /// The seed of every random choice, instead of the recipe's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// How many training examples are held out for validation, or 0 for none, instead of as many as the recipe says
    #[arg(long, value_name = "N")]
    validation: Option<usize>,

    /// Write the loss of every step to a CSV file
    #[arg(long, value_name = "FILE.csv")]
    losses: Option<PathBuf>,

    /// The weight of each training example, which its loss is multiplied by: a file with one number a line
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand)]
enum Kind {
    /// Remember every example; its nearest neighbours vote on a new one
    Neighbors(NeighborsArguments),
    /// Scores = X · W + b
    Linear(LinearArguments),
    /// Layers of neurons with ReLU between them
    Network(NetworkArguments),
}

#[derive(clap::Args)]
struct Common {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    cleaned: Cleaned,
    /// The model file to write [default: neighbors, linear or network.safetensors]
    #[arg(long, global = true, help_heading = "Data and files", value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    keeping: Keeping,
}

#[derive(clap::Args)]
struct NeighborsArguments {
    /// How many neighbours vote, or `auto`: as many as are best at classifying each training example by the others
    #[arg(short, long, default_value_t = K::Given(3), value_name = "K|auto")]
    k: K,
    /// The largest k that `auto` tries [default: 15]
    #[arg(long, value_name = "K")]
    k_max: Option<usize>,
    /// Where `auto` draws the accuracy against k [default: beside the model, neighbors.k.html]
    #[arg(long, value_name = "FILE.html", conflicts_with = "no_plot")]
    plot: Option<PathBuf>,
    /// Let `auto` draw nothing
    #[arg(long)]
    no_plot: bool,
    /// How distance is measured: l1, l2, l3, cosine or dot
    #[arg(long, default_value_t = Metric::L2)]
    metric: Metric,
    /// What a vote counts: uniform, or distance (1 / d)
    #[arg(long, default_value_t = Vote::Uniform)]
    vote: Vote,
    /// How often each class is to be expected: as in the data, uniform (balances classes), or a number for each
    #[arg(long, default_value_t = Priors::Data, value_name = "data|uniform|P0,P1,…", allow_hyphen_values = true)]
    priors: Priors,
    /// The weight of each training example, which its vote is multiplied by: a file with one number a line
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    #[command(flatten)]
    deforming: Deforming,
}

#[derive(clap::Args)]
struct LinearArguments {
    #[command(flatten)]
    solving: Solving,
    #[command(flatten)]
    descent: Descent,
}

#[derive(clap::Args)]
struct NetworkArguments {
    /// Hidden units of each hidden layer, such as 128 or 256,64
    #[arg(long, value_delimiter = ',', default_value = "128", value_name = "H,…")]
    hidden: Vec<usize>,
    /// All layers instead, as words: "conv5-24 pool relu flatten dense256 relu". The one that gives the scores is added
    #[arg(long, value_name = "WORDS", conflicts_with = "hidden", long_help = LAYERS)]
    layers: Option<Architecture>,
    /// Initial weights: `he`, or the eps of eps · randn, such as 1e-4
    #[arg(long, default_value = "he", value_name = "he|EPS")]
    init: String,
    #[command(flatten)]
    descent: Descent,
}

/// What the words of `--layers` are.
const LAYERS: &str = "\
All layers instead of hidden sizes, as words between quotation marks:

  dense256         256 units, each connected to everything
  conv5-24         24 filters of 5 × 5 pixels; conv3x5-24 has 3 rows and 5 columns
  conv5-24/2       … with a stride of 2
  conv5-24+1       … with 1 row and column of zeros around the image; +same keeps its size
  pool, pool3/2    the largest value of windows of 2 × 2 pixels; of 3 × 3 that lie 2 apart
  avgpool          the mean of them
  relu, leaky0.01, sigmoid, tanh, gelu
  dropout0.4       units sit out a step with this probability
  batchnorm        each channel to mean 0 and variance 1, then to a learned scale and shift
  flatten          an image as a list, which dense layers need

Where the words do not end with a dense layer, the one that gives the scores is added. `tercet describe --layers` shows \
what becomes of an image";

/// Trains a classifier.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    arguments.check()?;
    let common = &arguments.common;
    match arguments.kind {
        Some(Kind::Neighbors(neighbors)) => {
            let deformable = neighbors.deforming.deformable()?;
            remember(common, &neighbors, common.cleaned.over(Cleaning::NONE), deformable)
        }
        Some(Kind::Linear(linear)) => {
            let LinearArguments { solving, descent } = linear;
            if let Some(recipe) = solving.recipe(&descent)? {
                return solve(common, &recipe);
            }
            let recipe = descent.recipe(Recipe::linear())?;
            descend(common, &recipe, descent.losses.as_deref(), descent.weights.as_deref())
        }
        Some(Kind::Network(NetworkArguments { hidden, layers, init, descent })) => {
            let hidden = if layers.is_some() { Vec::new() } else { hidden };
            let init = match init.as_str() {
                "he" => Init::He,
                eps => Init::Normal(eps.parse().map_err(|_| {
                    exit::usage(format!("--init is {eps:?}; expected `he`, or a number such as 1e-4"))
                })?),
            };
            let recipe = descent.recipe(Recipe { hidden, layers, init: Some(init), ..Recipe::network() })?;
            descend(common, &recipe, descent.losses.as_deref(), descent.weights.as_deref())
        }
        None => {
            let name = arguments.recipe.unwrap_or_default();
            let recipe = args::recipe(&name)?;
            let (seed, validation) = (arguments.seed, arguments.validation);
            let (losses, weights) = (arguments.losses.as_deref(), arguments.weights.as_deref());
            match recipe {
                AnyRecipe::Remember(recipe) => {
                    for (name, given) in [
                        ("--losses", losses.is_some()),
                        ("--seed", seed.is_some()),
                        ("--validation", validation.is_some()),
                    ] {
                        if given {
                            return Err(exit::usage(format!(
                                "{name} belongs to training; the recipe says kind = \"neighbors\", which only remembers: leave {name} out"
                            )));
                        }
                    }
                    let cleaning = common.cleaned.over(recipe.cleaning);
                    let neighbors = NeighborsArguments::of(&recipe, arguments.weights);
                    remember(common, &neighbors, cleaning, recipe.deformation)
                }
                AnyRecipe::Descent(mut recipe) => {
                    recipe.seed = seed.unwrap_or(recipe.seed);
                    recipe.validation = validation.or(recipe.validation);
                    descend(common, &recipe, losses, weights)
                }
                AnyRecipe::Exact(mut recipe) => {
                    for (name, given) in [("--losses", losses), ("--weights", weights)] {
                        if given.is_some() {
                            return Err(exit::usage(format!(
                                "{name} belongs to gradient descent; the recipe says solver = \"dual\": leave {name} out"
                            )));
                        }
                    }
                    recipe.seed = seed.unwrap_or(recipe.seed);
                    recipe.validation = validation.or(recipe.validation);
                    solve(common, &recipe)
                }
            }
        }
    }
}

impl Arguments {
    /// Refuses a recipe beside a kind, and neither of them.
    fn check(&self) -> anyhow::Result<()> {
        let of_recipe = [
            ("--recipe", self.recipe.is_some()),
            ("--seed", self.seed.is_some()),
            ("--validation", self.validation.is_some()),
            ("--losses", self.losses.is_some()),
            ("--weights", self.weights.is_some()),
        ];
        let given = of_recipe.into_iter().find_map(|(name, given)| given.then_some(name));
        match (&self.kind, given) {
            (None, _) if self.recipe.is_none() => Err(exit::usage(
                "nothing to train was named; expected a kind (neighbors, linear or network) or --recipe",
            )),
            (Some(_), Some("--recipe")) => {
                Err(exit::usage("--recipe says which kind to train: leave out the kind, or the recipe"))
            }
            (Some(_), Some(option)) => Err(exit::usage(format!("{option} belongs after the kind"))),
            _ => Ok(()),
        }
    }
}

impl Common {
    /// Where the model goes.
    fn path(&self, kind: &str) -> anyhow::Result<PathBuf> {
        let path = self.out.clone().unwrap_or_else(|| PathBuf::from(format!("{kind}.safetensors")));
        check_writable(&path)?;
        Ok(path)
    }
}

/// How pictures of a data set become inputs: MNIST's way for grey images, scaling for colour.
pub fn preparation(collection: &Collection) -> Preparation {
    match collection.train.image_shape() {
        Some(shape) if shape.channels > 1 => Preparation::Resize,
        _ => Preparation::Centred,
    }
}

/// What a model's input is, and the training examples as it sees them.
fn cleaned(collection: &Collection, cleaning: Cleaning) -> anyhow::Result<(Contract, Dataset)> {
    let contract = Contract { cleaning, ..Contract::of(&collection.train, preparation(collection)) };
    contract.check()?;
    if cleaning.is_none() {
        return Ok((contract, collection.train.clone()));
    }
    let stage = Stage::new(format!("pictures: {cleaning}"), 1);
    let train = contract.clean(&collection.train)?;
    stage.done(&format!("{} cleaned", text::thousands(train.len())));
    Ok((contract, train))
}

/// The record of the training examples as they were read, before any cleaning.
fn record_as_read(
    collection: &Collection,
    data: &Split,
    validation: &Validation,
    seed: u64,
    cleaning: Cleaning,
) -> anyhow::Result<DataRecord> {
    if cleaning.is_none() {
        return Ok(DataRecord::of(&data.train));
    }
    // Labels and seed decide the split, so that this one has the same examples.
    Ok(DataRecord::of(&validation.split_or_keep_all(&collection.train, seed)?.train))
}

impl NeighborsArguments {
    /// Those of a recipe.
    fn of(recipe: &Remember, weights: Option<PathBuf>) -> Self {
        NeighborsArguments {
            k: K::Given(recipe.k),
            k_max: None,
            plot: None,
            no_plot: false,
            metric: recipe.metric,
            vote: recipe.vote,
            priors: Priors::Data,
            weights,
            deforming: Deforming::default(),
        }
    }

    /// Where the plot goes; nowhere without `auto`, whose options are then refused.
    fn plot(&self, model: &Path) -> anyhow::Result<Option<PathBuf>> {
        let of_auto =
            [("--k-max", self.k_max.is_some()), ("--plot", self.plot.is_some()), ("--no-plot", self.no_plot)];
        if self.k != K::Auto {
            let given = of_auto.into_iter().find_map(|(name, given)| given.then_some(name));
            return given.map_or(Ok(None), |name| {
                Err(exit::usage(format!("{name} belongs to -k auto: add that, or leave {name} out")))
            });
        }
        if self.no_plot {
            return Ok(None);
        }
        let plot = self.plot.clone().unwrap_or_else(|| model.with_extension("k.html"));
        if plot == model {
            return Err(exit::usage(format!(
                "the model and the plot have the same name, {}: give one of them another",
                plot.display()
            )));
        }
        check_writable(&plot)?;
        Ok(Some(plot))
    }
}

fn remember(
    common: &Common,
    arguments: &NeighborsArguments,
    cleaning: Cleaning,
    deformable: Option<Deformable>,
) -> anyhow::Result<ExitCode> {
    common.keeping.refuse("neighbors")?;
    let path = common.path("neighbors")?;
    let plot = arguments.plot(&path)?;
    let collection = common.data.open()?;
    let (mut contract, train) = cleaned(&collection, cleaning)?;
    let weights = arguments.weights.as_deref().map(|file| read_weights(file, train.len())).transpose()?;
    let stage = Stage::new("nearest neighbours", 1);
    let &NeighborsArguments { k, k_max, metric, vote, ref priors, .. } = arguments;
    // Until k is chosen, any will do.
    let k_or_one = if let K::Given(k) = k { k } else { 1 };
    let mut classifier = NeighborsClassifier::fit(&train, metric, k_or_one, vote)?;
    if let Some(weights) = weights {
        classifier = classifier.with_weights(weights)?;
    }
    classifier = classifier.with_priors(priors.clone())?.with_deformation(deformable)?;
    stage.done(&format!("{} examples remembered", text::thousands(train.len())));

    if train.is_pixels() {
        contract.range = Range::Bytes;
    }
    let mut card = Card::new(train.classes().to_vec(), contract);
    card.data = Some(DataRecord::of(&collection.train));
    let choice = match k {
        K::Given(_) => None,
        K::Auto => {
            interrupt::watch("stopping; nothing is written")?;
            let Some(choice) = neighbors::choose_k(&classifier, k_max)? else {
                return Ok(exit::interrupted());
            };
            classifier = classifier.with_k(choice.k)?;
            card.metrics.insert("leave-one-out accuracy".to_owned(), choice.best().accuracy);
            card.metrics.insert("leave-one-out standard error".to_owned(), choice.best().standard_error);
            Some(choice)
        }
    };
    card.settings = json!({ "k": classifier.k(), "metric": metric, "vote": vote });
    if *priors != Priors::Data {
        card.settings["priors"] = json!(priors.to_string());
    }
    if !cleaning.is_none() {
        card.settings["pictures"] = json!(cleaning.to_string());
    }
    if let Some(deformable) = deformable {
        card.settings["distance"] = json!(classifier.distance_in_words());
        card.settings["candidates"] = json!(deformable.candidates);
    }
    if let Some(weights) = &arguments.weights {
        card.settings["weights"] = json!(weights.to_string_lossy());
    }
    if let Some(choice) = &choice {
        card.settings["k chosen by"] = json!(format!("leave-one-out, 1 to {}", choice.accuracies.len()));
        if let Some(plot) = &plot {
            tune::write_choice(plot, choice, train.name())?;
            say(format!("plot: {}", plot.display()));
        }
    }
    let saved = save(&path, ModelFile { card, classifier: Classifier::Neighbors(classifier) })?;
    choice.as_ref().map(neighbors::print).transpose()?;
    output::print(saved)?;
    Ok(ExitCode::SUCCESS)
}

/// Trains by gradient descent, as a recipe says.
fn descend(
    common: &Common,
    recipe: &Recipe,
    losses: Option<&Path>,
    weights: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let recipe = &Recipe { cleaning: common.cleaned.over(recipe.cleaning), ..recipe.clone() };
    let name = match recipe.kind {
        recipe::Kind::Linear => "linear",
        recipe::Kind::Network => "network",
    };
    recipe.validate()?;
    common.keeping.check_dashboard()?;
    let path = common.path(name)?;
    losses.map(check_writable).transpose()?;
    let checkpoint = common.keeping.path(&path)?;
    let collection = common.data.open()?;
    let (contract, train) = cleaned(&collection, recipe.cleaning)?;
    let validation = Validation { validation: recipe.validation };
    let data = validation.split_or_keep_all(&train, recipe.seed)?;
    // Now, and not after the split has been made.
    let untrained = recipe.untrained_on(&data.train)?;
    // Weights are of all training examples, in the order of their file; some of these are held out.
    let own = weights.map(|file| read_weights(file, collection.train.len())).transpose()?;
    let own: Option<Vec<f32>> =
        own.map(|own| (0..data.train.len()).map(|i| own[data.train.origin(i)]).collect());
    let of_examples = recipe.class_weights.of_examples(&data.train, own.as_deref())?;
    interrupt::watch("the model so far will be saved")?;

    let mut network = untrained.clone();
    say(format!("{network}; {}", data_in_words(&data)));
    let plan = Plan {
        validation: Some(&data.validation).filter(|held_out| !held_out.is_empty()),
        weights: of_examples.as_deref(),
        ..Plan::new(&data.train, &recipe.train, recipe.seed)
    };
    let identity = || Identity::new(recipe, &data.train, &data.validation, own.as_deref());
    let watch = common.keeping.open(checkpoint, identity, &untrained, &recipe.train, data.train.len())?;
    let trained = training::follow(name, &mut network, &plan, true, watch);

    let mut card = Card::new(data.train.classes().to_vec(), contract);
    card.settings = serde_json::to_value(recipe)?;
    if let Some(weights) = weights {
        card.settings["weights"] = json!(weights.to_string_lossy());
    }
    if let Ok((training, _)) = &trained
        && !training.history.rate_changes.is_empty()
    {
        card.settings["rate_changes"] = serde_json::to_value(&training.history.rate_changes)?;
    }
    card.seed = Some(recipe.seed);
    card.data = Some(record_as_read(&collection, &data, &validation, recipe.seed, recipe.cleaning)?);
    let mut save_as = |network: Network, check: Option<&Check>| -> anyhow::Result<String> {
        if let Some(check) = check {
            card.metrics.insert("validation accuracy".to_owned(), check.validation_accuracy);
            card.metrics.insert("validation loss".to_owned(), check.validation_loss.into());
        }
        let classifier = match recipe.kind {
            recipe::Kind::Linear => {
                let dense = network.dense_layers().next().expect("a linear classifier has its layer");
                Classifier::Linear(LinearClassifier::from_dense(dense.clone())?)
            }
            recipe::Kind::Network => Classifier::Network(network),
        };
        save(&path, ModelFile { card: card.clone(), classifier })
    };
    match trained {
        Ok((training, _)) => {
            // The model first: where both cannot be written, it is what took the time.
            let saved = save_as(network, training.check())?;
            if let Some(path) = losses {
                tercet::file::replace(path, training.history.to_csv().as_bytes())?;
            }
            output::print(saved)?;
            // The dashboard's key to stop is a way to end well.
            let interrupted = training.ending == Ending::Interrupted && interrupt::was_asked();
            Ok(if interrupted { exit::interrupted() } else { ExitCode::SUCCESS })
        }
        Err(error) => {
            if matches!(error.downcast_ref(), Some(tercet::Error::Diverged { .. })) {
                // Weights that have learned nothing yet are not worth a model that may have.
                let learned = network != untrained;
                output::tell(if !learned && path.exists() {
                    format!("{} stays as it was", path.display())
                } else {
                    let which = if learned { "of the last sound look" } else { "before the first step" };
                    format!("the weights {which} are kept: {}", save_as(network, None)?)
                });
            }
            Err(error)
        }
    }
}

/// Trains a linear classifier exactly, as a recipe says.
fn solve(common: &Common, recipe: &Exact) -> anyhow::Result<ExitCode> {
    common.keeping.refuse("the exact solver")?;
    // The rows without their zeros, once for each fold, beside the data set.
    tercet_kernels::heap::give_large_blocks_back();
    let recipe = &Exact { cleaning: common.cleaned.over(recipe.cleaning), ..recipe.clone() };
    recipe.validate()?;
    let path = common.path("linear")?;
    let collection = common.data.open()?;
    let (contract, train) = cleaned(&collection, recipe.cleaning)?;
    let validation = Validation { validation: recipe.validation };
    let data = validation.split(&train, recipe.seed)?;
    interrupt::watch("the model so far will be saved")?;
    say(format!("exact linear classifier; {}", data_in_words(&data)));
    let Some(outcome) = dual::run(recipe, &data)? else { return Ok(exit::interrupted()) };
    let mut card = Card::new(data.train.classes().to_vec(), contract);
    card.settings = serde_json::to_value(recipe)?;
    card.seed = Some(recipe.seed);
    card.data = Some(record_as_read(&collection, &data, &validation, recipe.seed, recipe.cleaning)?);
    outcome.describe(&mut card)?;
    let classifier = Classifier::Linear(outcome.solution.classifier.clone());
    let saved = save(&path, ModelFile { card, classifier })?;
    output::print(outcome.summary())?;
    output::print(saved)?;
    Ok(outcome.code())
}

fn data_in_words(data: &Split) -> String {
    let (train, validation) = (text::thousands(data.train.len()), text::thousands(data.validation.len()));
    match data.validation.len() {
        0 => format!("{train} examples to learn from, none held out"),
        _ => format!("{train} examples to learn from, {validation} to validate"),
    }
}

/// Writes the model, and returns where it is and how large.
pub fn save(path: &Path, model: ModelFile) -> anyhow::Result<String> {
    if let Err(error) = model.save(path) {
        return Err(rescue(&model, error));
    }
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len() as usize);
    Ok(format!("{} ({})", path.display(), text::bytes(bytes)))
}

/// What could be written to when the training began may be full or gone when it ends. Hours of work are not: the model is
/// kept among the temporary files, and the error says where.
fn rescue(model: &ModelFile, error: tercet::Error) -> anyhow::Error {
    let elsewhere = std::env::temp_dir().join(format!("tercet-{}.safetensors", std::process::id()));
    match model.save(&elsewhere) {
        Ok(()) => {
            anyhow::anyhow!(
                "{error}. The trained model is kept in {}: move it from there",
                elsewhere.display()
            )
        }
        Err(_) => error.into(),
    }
}
