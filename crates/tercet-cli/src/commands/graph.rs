//! `tercet graph`: backpropagation through an expression or a model, step by step.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use tercet::data::Openings;
use tercet::graph::{FUNCTIONS, Graph, ModelGraph, Value, Values, parse_values};
use tercet::loss::Loss;
use tercet::matrix::argmax;
use tercet::model::{Classifier, ModelFile};
use tercet::{Dataset, Error};

use super::evaluate::check_fit;
use crate::args::{Data, check_writable, test_set};
use crate::graph_output::Passes;
use crate::progress::say;
use crate::{exit, output, picture};

/// What `tercet graph` understands.
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub struct Arguments {
    /// The function, such as "(x + y) * z"; statements before the last name its parts: "q = x + y; q * z"
    #[arg(required_unless_present = "model", conflicts_with = "model")]
    expression: Option<String>,
    /// The values of the variables, as in `x=-2,y=5,w=[1,2;3,4]`
    #[arg(long, value_name = "NAME=VALUE,…", conflicts_with = "model")]
    at: Vec<String>,
    /// Take the loss of a model file instead of an expression
    #[arg(long, value_name = "FILE", help_heading = "Models")]
    model: Option<PathBuf>,
    /// The picture that the model looks at: PNG, JPEG, BMP or PGM; `-` reads one from standard input
    #[arg(long, value_name = "PICTURE", help_heading = "Models")]
    image: Option<PathBuf>,
    /// The example of the test set that it looks at, from 0
    #[arg(long, value_name = "N", conflicts_with = "image", help_heading = "Models")]
    example: Option<usize>,
    /// The class that the loss takes for true [default: the example's; of a picture the one that is predicted]
    #[arg(long, value_name = "CLASS", help_heading = "Models")]
    label: Option<String>,
    #[command(flatten)]
    data: Data,
    /// Say every step of the backward pass
    #[arg(long)]
    steps: bool,
    /// Draw the graph, with values above the nodes and gradients below
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// Write the graph for Graphviz
    #[arg(long, value_name = "FILE.dot")]
    dot: Option<PathBuf>,
    /// Print JSON; numbers that are not finite are null
    #[arg(long)]
    json: bool,
}

/// The functions of expressions, below the options.
fn after_help() -> String {
    let mut text =
        "An expression has numbers, matrices such as [1, 2; 3, 4], variables, + - * / @ (matrix product) \
                    ^ or ** (powers), brackets, and these functions:\n"
            .to_owned();
    for (name, arguments) in FUNCTIONS {
        text += &format!("\n  {name}({arguments})");
    }
    text
}

/// Takes a function forwards and backwards.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    for path in arguments.svg.iter().chain(&arguments.dot) {
        check_writable(path)?;
    }
    // Not for clap to say: it requires nothing of an argument beside what conflicts with it.
    let of_models = arguments.image.is_some() || arguments.example.is_some() || arguments.label.is_some();
    if arguments.expression.is_some() && of_models {
        return Err(exit::usage(
            "--image, --example and --label belong to --model, and not to an expression",
        ));
    }
    match (&arguments.expression, &arguments.model) {
        (Some(expression), _) => of_expression(expression, &arguments)?,
        (None, Some(model)) => of_model(model, &arguments)?,
        (None, None) => unreachable!("one of the two is required"),
    }
    Ok(ExitCode::SUCCESS)
}

fn of_expression(expression: &str, arguments: &Arguments) -> anyhow::Result<()> {
    let (graph, root) = Graph::parse(expression)?;
    let values = values_at(&graph, &arguments.at)?;
    let evaluation = graph.evaluate(&values)?;
    let passes = Passes::new(graph, root, evaluation, arguments.steps)?;
    let checks = passes.checks()?;
    draw(&passes, arguments)?;
    if arguments.json {
        let mut json = passes.to_json(Some(&checks));
        json["expression"] = json!(expression);
        return output::print(serde_json::to_string_pretty(&json)?);
    }
    passes.print(&checks)?;
    passes.print_steps()
}

/// The values of `--at`, one for each variable.
fn values_at(graph: &Graph, at: &[String]) -> anyhow::Result<Values> {
    let mut values = Values::new();
    for text in at {
        for (name, value) in parse_values(text)? {
            if values.insert(name.clone(), value).is_some() {
                return Err(exit::usage(format!("--at gives {name} two values; expected one")));
            }
        }
    }
    let names: Vec<&str> = graph.inputs().map(|input| graph.name(input)).collect();
    let missing: Vec<String> =
        names.iter().filter(|&&name| !values.contains_key(name)).map(|name| format!("{name}=…")).collect();
    if !missing.is_empty() {
        let (list, verb) = (in_words(&missing, "=…"), if missing.len() == 1 { "has" } else { "have" });
        return Err(exit::usage(format!("{list} {verb} no value: add --at {}", missing.join(","))));
    }
    let unused: Vec<String> = values.keys().filter(|name| !names.contains(&name.as_str())).cloned().collect();
    if !unused.is_empty() {
        let variables = if names.is_empty() { "no variables".to_owned() } else { names.join(", ") };
        let (list, meaning) = (in_words(&unused, ""), "which the expression does not use");
        return Err(exit::usage(format!("--at gives a value to {list}, {meaning}; it has {variables}")));
    }
    Ok(values)
}

/// `x`, `x and y`, `x, y and z`, without what the names end with.
fn in_words(names: &[String], ending: &str) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.strip_suffix(ending).unwrap_or(name)).collect();
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => names.concat(),
    }
}

fn of_model(path: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let model = ModelFile::load(path)?;
    let network = match &model.classifier {
        Classifier::Linear(linear) => linear.network(),
        Classifier::Network(network) => network,
        Classifier::Neighbors(_) => {
            let path = path.display();
            return Err(exit::usage(format!(
                "{path} is a model of nearest neighbours, which has no weights and so no gradients; \
                 expected a linear classifier or a network. `tercet predict {path} --explain` shows its neighbours"
            )));
        }
    };
    // What prediction computes: batch norms are in the weights before them.
    let network = &*network.for_prediction();
    let (set, name, truth) = example(&model, path, arguments)?;
    let predicted = argmax(model.classifier.scores(&set)?.row(0)) as usize;
    let (label, whose) = match (&arguments.label, truth) {
        (Some(label), _) => (class(&model.card.classes, label)?, "that was given"),
        (None, Some(truth)) => (truth, "of the example"),
        (None, None) => (predicted, "that is predicted"),
    };
    let loss = loss(&model);

    let mut x = vec![0.0; set.width()];
    set.write_inputs(&[0], &mut x);
    let ModelGraph { graph, values, loss: root, scores, .. } =
        ModelGraph::new(network, &x, &[label as u32], loss, 0.0)?;
    let evaluation = graph.evaluate(&values)?;
    let passes = Passes::new(graph, root, evaluation, arguments.steps)?;
    draw(&passes, arguments)?;

    let classes = &model.card.classes;
    let of_loss = passes.evaluation.value(root).as_scalar();
    if arguments.json {
        let scores: serde_json::Map<String, serde_json::Value> = classes
            .iter()
            .zip(passes.evaluation.value(scores).numbers())
            .map(|(class, score)| (class.clone(), json!(score)))
            .collect();
        let mut json = passes.to_json(None);
        json["model"] = json!(path.to_string_lossy());
        json["input"] = json!(name);
        json["predicted"] = json!(classes[predicted]);
        json["label"] = json!(classes[label]);
        json["loss"] = json!({ "is": loss.to_string(), "value": of_loss });
        json["scores"] = json!(scores);
        return output::print(serde_json::to_string_pretty(&json)?);
    }
    output::print(format_args!(
        "{} on {name}: predicted {}\n{loss} with the class {whose}, {}: {}\n",
        path.display(),
        classes[predicted],
        classes[label],
        Value::scalar(of_loss.unwrap_or(f64::NAN))
    ))?;
    passes.print_summaries()?;
    passes.print_steps()
}

/// What the model looks at: a set of one example, what it is called, and its class where that is known.
fn example(
    model: &ModelFile,
    path: &Path,
    arguments: &Arguments,
) -> anyhow::Result<(Dataset, String, Option<usize>)> {
    let card = &model.card;
    match (&arguments.image, arguments.example) {
        (Some(image), _) => {
            picture::check_contract(model, path)?;
            let prepared = picture::read(model, image)?.picture;
            let (classes, pixels) = (card.classes.clone(), prepared.pixels().to_vec());
            let set = Dataset::from_pixels("picture", prepared.shape(), pixels, vec![0], classes)?;
            Ok((set, image.display().to_string(), None))
        }
        (None, Some(number)) => {
            let collection = arguments.data.open()?;
            check_fit(path, model, &collection)?;
            let test = test_set(&collection)?.open(&mut Openings::new(), "graph");
            if number >= test.len() {
                let expected = format!("0 to {}, the test set of {}", test.len() - 1, collection.name);
                return Err(Error::setting("example", number, expected).into());
            }
            let set = card.contract.clean(&test.subset(&[number]))?;
            let (name, truth) = (format!("example {number} of {}", test.name()), set.label(0) as usize);
            Ok((set, name, Some(truth)))
        }
        (None, None) => Err(exit::usage(
            "--model needs something to look at: add --image PICTURE, or --example N for one of the test set",
        )),
    }
}

/// The class of this name, or of this number.
fn class(classes: &[String], label: &str) -> anyhow::Result<usize> {
    let named = classes.iter().position(|class| class == label);
    let numbered = label.parse().ok().filter(|&number: &usize| number < classes.len());
    named.or(numbered).ok_or_else(|| {
        Error::setting("label", label, format!("a class of the model: {}", classes.join(", "))).into()
    })
}

/// The loss that the model was trained with.
fn loss(model: &ModelFile) -> Loss {
    let known = model.card.settings.pointer("/train/loss").cloned();
    known.and_then(|loss| serde_json::from_value(loss).ok()).unwrap_or_else(|| {
        say("the model file does not say which loss it was trained with; the SVM loss is taken");
        Loss::SVM
    })
}

/// Writes the drawings that were asked for.
fn draw(passes: &Passes, arguments: &Arguments) -> anyhow::Result<()> {
    let Passes { graph, root, evaluation, gradients, .. } = passes;
    if let Some(path) = &arguments.svg {
        tercet::file::replace(path, graph.svg(evaluation, gradients, *root)?.as_bytes())?;
        say(format!("drawing: {}", path.display()));
    }
    if let Some(path) = &arguments.dot {
        tercet::file::replace(path, graph.dot(evaluation, gradients, *root).as_bytes())?;
        say(format!("graph: {}", path.display()));
    }
    Ok(())
}
