//! `tercet describe`: the layers, shapes and parameters of a model or an architecture string.

use std::process::ExitCode;

use serde_json::{Value, json};
use tercet::Model;
use tercet::image::ImageShape;
use tercet::network::{Shape, Summary};
use tercet::text::{bytes, thousands};

use crate::args::describe::DescribeArgs;
use crate::table::{self, percent, table};
use crate::{evaluation, exit, output};

/// Describes a model or an architecture.
pub fn run(args: DescribeArgs) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.model {
        let model = Model::load(path)?;
        let size = std::fs::metadata(path).map_or(0, |file| file.len());
        if args.json {
            output::print(serde_json::to_string_pretty(&of_model(&model, size))?)?;
        } else {
            print_model(&path.display().to_string(), &model, size)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let Some(layers) = &args.layers else {
        return Err(exit::usage("nothing to describe was named; expected a model file, or --layers"));
    };
    let Some(input) = args.input_shape else {
        return Err(exit::usage(
            "--layers needs the shape of its input: add --input-shape 28x28x1 for images, or --input-shape \
             384 for features",
        ));
    };
    let layers = match args.classes {
        Some(0) => return Err(exit::usage("--classes is 0; expected at least 1")),
        Some(classes) => layers.complete(input, classes)?,
        None => layers.clone(),
    };
    let summary = layers.summary(input)?;
    if args.json {
        let mut document = of_layers(&summary);
        document["input"] = of_shape(input);
        document["architecture"] = json!(layers.to_string());
        output::print(serde_json::to_string_pretty(&document)?)?;
    } else {
        output::print(format_args!("{layers}\n\ninput {input}\n"))?;
        print_layers(&summary)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn total(summary: &[Summary], of: fn(&Summary) -> usize) -> usize {
    summary.iter().map(of).fold(0, usize::saturating_add)
}

fn print_layers(summary: &[Summary]) -> anyhow::Result<()> {
    let mut layers = table(["", "layer", "output", "parameters", "multiply-adds"]);
    let number = |count: usize| if count == 0 { String::new() } else { thousands(count) };
    for (n, layer) in (1..).zip(summary) {
        layers.add_row([
            n.to_string(),
            layer.layer.to_string(),
            layer.output.to_string(),
            number(layer.parameters),
            number(layer.multiply_adds),
        ]);
    }
    let (parameters, multiply_adds) =
        (total(summary, |layer| layer.parameters), total(summary, |layer| layer.multiply_adds));
    layers.add_row([
        String::new(),
        "total".to_owned(),
        String::new(),
        thousands(parameters),
        thousands(multiply_adds),
    ]);
    for column in [3, 4] {
        if let Some(column) = layers.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    table::print(&layers)
}

fn print_model(name: &str, model: &Model, size: u64) -> anyhow::Result<()> {
    output::print(format_args!("{name}: {}\n", evaluation::kind(model.classifier())))?;
    if let Some(network) = model.classifier().network() {
        print_layers(&network.summary())?;
        output::print("")?;
    }
    let mut facts = table(["", ""]);
    for (name, value) in facts_of(model, size) {
        facts.add_row([name, value]);
    }
    table::print(&facts)
}

/// Everything except the layers, as names and values.
fn facts_of(model: &Model, size: u64) -> Vec<(String, String)> {
    let card = &model.card;
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
    fact("input", model.preprocessing().input().to_string());
    fact("preprocessing", model.preprocessing().to_string());
    fact("classes", format!("{}: {}", card.classes.len(), card.classes.join(", ")));
    if let Some(neighbors) = model.classifier().neighbors() {
        let (examples, features) = (neighbors.index().len(), neighbors.index().width());
        fact("stores", format!("{} examples of {} features", thousands(examples), thousands(features)));
        if neighbors.weights().is_some() {
            fact("sample weights", "one per example".to_owned());
        }
    }
    if let Some(data) = &card.data {
        let digest: String = data.digest.chars().take(16).collect();
        fact("trained on", format!("{} (digest {digest}…)", data.name));
    }
    for (name, value) in evaluation::settings(model).into_iter().filter(|(name, _)| name != "preprocessing") {
        fact(&name, value);
    }
    if let Some(seed) = card.seed {
        fact("seed", seed.to_string());
    }
    for (name, &value) in &card.metrics {
        let share = name.contains("accuracy") || name.contains("standard error");
        fact(name, if share { percent(value) } else { format!("{value:.4}") });
    }
    let openings: Vec<String> =
        card.openings.iter().map(|opening| format!("{} ({})", opening.at, opening.reason)).collect();
    fact("test set unsealed", if openings.is_empty() { "never".to_owned() } else { openings.join(", ") });
    fact("written by", card.program.clone());
    fact("size", bytes(size as usize));
    facts
}

fn of_shape(shape: Shape) -> Value {
    match shape {
        Shape::Features(count) => json!([count]),
        Shape::Image(ImageShape { width, height, channels }) => json!([height, width, channels]),
    }
}

fn of_layers(summary: &[Summary]) -> Value {
    let layer = |layer: &Summary| {
        json!({
            "layer": layer.layer.to_string(),
            "output": of_shape(layer.output),
            "parameters": layer.parameters,
            "multiply_adds": layer.multiply_adds,
        })
    };
    json!({
        "layers": summary.iter().map(layer).collect::<Vec<_>>(),
        "parameters": total(summary, |layer| layer.parameters),
        "multiply_adds": total(summary, |layer| layer.multiply_adds),
    })
}

fn of_model(model: &Model, size: u64) -> Value {
    let mut document = match (model.classifier().neighbors(), model.classifier().network()) {
        (_, Some(network)) => {
            let mut document = of_layers(&network.summary());
            document["input"] = of_shape(network.input());
            document["architecture"] = json!(network.architecture().to_string());
            document
        }
        (Some(neighbors), None) => json!({
            "input": [neighbors.index().width()],
            "examples": neighbors.index().len(),
            "k": neighbors.k(),
            "metric": neighbors.metric(),
            "vote": neighbors.vote(),
            "weighted": neighbors.weights().is_some(),
        }),
        (None, None) => json!({}),
    };
    document["kind"] = json!(model.classifier().kind());
    document["bytes"] = json!(size);
    document["preprocessing"] = json!(model.preprocessing());
    document["card"] = json!(model.card);
    document
}
