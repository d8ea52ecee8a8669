//! `tercet graph`: backpropagation through an expression or a model, step by step.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use tercet::data::{Examples, Openings};
use tercet::graph::{Graph, ModelGraph, Value, Values, parse_values};
use tercet::loss::Loss;
use tercet::matrix::argmax;
use tercet::{Error, Model};

use crate::args::graph::GraphArgs;
use crate::graph_output::Passes;
use crate::output_files::{check_writable, register_input};
use crate::progress::say;
use crate::{exit, loading, output, picture};

/// Runs the forward and the backward pass.
pub fn run(args: GraphArgs) -> anyhow::Result<ExitCode> {
    for path in args.svg.iter().chain(&args.dot) {
        check_writable(path)?;
    }
    // clap cannot check this: it ignores the requirements of an argument whose requirement conflicts with
    // another.
    let of_models = args.picture.is_some() || args.example.is_some() || args.label.is_some();
    if args.expression.is_some() && of_models {
        return Err(exit::usage("--picture, --example and --label belong to --model, not to an expression"));
    }
    match (&args.expression, &args.model) {
        (Some(expression), _) => of_expression(expression, &args)?,
        (None, Some(model)) => of_model(model, &args)?,
        (None, None) => unreachable!("one of the two is required"),
    }
    Ok(ExitCode::SUCCESS)
}

fn of_expression(expression: &str, args: &GraphArgs) -> anyhow::Result<()> {
    let (graph, root) = Graph::parse(expression)?;
    let values = values_at(&graph, &args.at)?;
    let evaluation = graph.evaluate(&values)?;
    let passes = Passes::new(graph, root, evaluation, args.steps)?;
    let checks = passes.checks()?;
    draw(&passes, args)?;
    if args.json {
        let mut json = passes.to_json(Some(&checks));
        json["expression"] = json!(expression);
        return output::print(serde_json::to_string_pretty(&json)?);
    }
    passes.print(&checks)?;
    passes.print_steps()
}

/// The values of `--at`, one per variable.
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

/// `x`, `x and y`, `x, y and z`, without the ending of the names.
fn in_words(names: &[String], ending: &str) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.strip_suffix(ending).unwrap_or(name)).collect();
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => names.concat(),
    }
}

fn of_model(path: &Path, args: &GraphArgs) -> anyhow::Result<()> {
    register_input(path)?;
    let model = Model::load(path)?;
    let Some(network) = model.classifier().network() else {
        let path = path.display();
        return Err(exit::usage(format!(
            "{path} is a nearest-neighbour model, which has no weights and no gradients; expected a linear \
             classifier or a network. `tercet predict {path} --explain` shows its neighbours"
        )));
    };
    // As in prediction, batch norms are folded into the weights before them.
    let network = &*network.for_prediction();
    let (example, name, truth) = example(&model, path, args)?;
    let predicted = argmax(model.scores(&example)?.row(0)) as usize;
    let (label, whose) = match (&args.label, truth) {
        (Some(label), _) => (class(model.classes(), label)?, "the given"),
        (None, Some(truth)) => (truth, "the example's"),
        (None, None) => (predicted, "the predicted"),
    };
    let loss = loss(&model);

    let input = model.preprocessing().apply(&example)?;
    let mut x = vec![0.0; input.width()];
    input.write_inputs(&[0], &mut x);
    let ModelGraph { graph, values, loss: root, scores, .. } =
        ModelGraph::new(network, &x, &[label as u32], loss, 0.0)?;
    let evaluation = graph.evaluate(&values)?;
    let passes = Passes::new(graph, root, evaluation, args.steps)?;
    draw(&passes, args)?;

    let classes = model.classes();
    let of_loss = passes.evaluation.value(root).as_scalar();
    if args.json {
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
        "{} on {name}: predicted {}\n{loss} for {whose} class {}: {}\n",
        path.display(),
        classes[predicted],
        classes[label],
        Value::scalar(of_loss.unwrap_or(f64::NAN))
    ))?;
    passes.print_summaries()?;
    passes.print_steps()
}

/// The input of the model: one example, its name, and its class if known.
fn example(
    model: &Model,
    path: &Path,
    args: &GraphArgs,
) -> anyhow::Result<(Examples, String, Option<usize>)> {
    match (&args.picture, args.example) {
        (Some(image), _) => {
            picture::check_input(model, path)?;
            let name = image.display().to_string();
            let prepared = model.prepare(&picture::read(image)?).with_context(|| name.clone())?;
            Ok((prepared.examples(), name, None))
        }
        (None, Some(number)) => {
            let collection = loading::open(&args.data)?;
            loading::check_fit(path, model, &collection)?;
            let test = loading::test_set(&collection)?.open(&mut Openings::new(), "graph");
            if number >= test.len() {
                let expected = format!("0 to {}, the test set of {}", test.len() - 1, collection.name);
                return Err(Error::setting("example", number, expected).into());
            }
            let (name, truth) = (format!("example {number} of {}", test.name()), test.label(number) as usize);
            Ok((test.examples().subset(&[number]), name, Some(truth)))
        }
        (None, None) => Err(exit::usage(
            "--model needs an input: add --picture PICTURE, or --example N for an example of the test set",
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
fn loss(model: &Model) -> Loss {
    let known = model.card.settings.pointer("/train/loss").cloned();
    known.and_then(|loss| serde_json::from_value(loss).ok()).unwrap_or_else(|| {
        say("the model file does not record the loss that it was trained with; using the SVM loss");
        Loss::SVM
    })
}

/// Writes the drawings.
fn draw(passes: &Passes, args: &GraphArgs) -> anyhow::Result<()> {
    let Passes { graph, root, evaluation, gradients, .. } = passes;
    if let Some(path) = &args.svg {
        tercet::file::replace(path, graph.svg(evaluation, gradients, *root)?.as_bytes())?;
        say(format!("drawing: {}", path.display()));
    }
    if let Some(path) = &args.dot {
        tercet::file::replace(path, graph.dot(evaluation, gradients, *root).as_bytes())?;
        say(format!("graph: {}", path.display()));
    }
    Ok(())
}
