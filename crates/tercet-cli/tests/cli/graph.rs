//! `tercet graph`.

use image::{GrayImage, ImageFormat, Luma};
use serde_json::{Value, json};

use crate::common::{Outcome, SIDE, Scratch};

/// The program with an expression, which may contain spaces.
fn graph(scratch: &Scratch, expression: &str, more: &str) -> Outcome {
    let mut command = scratch.command("graph");
    command.arg(expression).args(more.split_whitespace());
    Outcome::of(&mut command)
}

fn node<'j>(json: &'j Value, name: &str) -> &'j Value {
    let nodes = json["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["node"] == name).unwrap_or_else(|| panic!("no {name} in {json}"))
}

fn number(json: &Value) -> f64 {
    json.as_f64().unwrap_or_else(|| panic!("{json} is no number"))
}

#[test]
fn the_lectures_graph() {
    let scratch = Scratch::empty();
    let outcome = graph(&scratch, "(x + y) * z", "--at x=-2,y=5,z=-4").succeeds();
    assert_eq!(outcome.stderr, "");
    let lines: Vec<Vec<&str>> = outcome
        .stdout
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect())
        .collect();
    assert_eq!(lines[0], ["node", "formula", "value", "∂f/∂node", "differences", "check"]);
    assert_eq!(lines[1], ["x", "variable", "-2", "-4", "-4", "agrees"]);
    assert_eq!(lines[3], ["v1", "x + y", "3", "-4", "-4", "agrees"]);
    assert_eq!(lines[5], ["f", "v1 * z", "-12", "1", "1", "agrees"]);
    assert_eq!(lines.len(), 6);

    let outcome = graph(&scratch, "q = x + y; q * z", "--at x=-2,y=5 --at z=-4 --steps").succeeds();
    outcome.says(&[
        "Backward pass, step by step:",
        "\n∂f/∂x = ∂q/∂x · ∂f/∂q = 1 · (−4) = −4\n",
        "\n∂f/∂z = q = 3\n",
    ]);
}

#[test]
fn matrices_and_json() {
    let scratch = Scratch::empty();
    let expression = "h = relu(x @ w + b); L = softmax_loss(h @ [1,0;0,2], y)";
    let json = graph(&scratch, expression, "--at x=[1,2],w=[1,-1;0.5,-2],b=[0.1,0.2],y=0 --json --steps");
    let json = json.succeeds().json();
    assert_eq!((&json["of"], &json["expression"]), (&json!("L"), &json!(expression)));
    let w = node(&json, "w");
    assert_eq!((&w["shape"], &w["check"]), (&json!([2, 2]), &json!("agrees")));
    assert_eq!(w["gradient"].as_array().unwrap().len(), 2);
    // The loss of scores (2.1, 0) for class 0, and its derivative p₀ − 1 with respect to the first.
    let p = 2.1f64.exp() / (2.1f64.exp() + 1.0);
    assert!((number(&node(&json, "L")["value"]) + p.ln()).abs() < 1e-12);
    for (weight, x) in [(0, 1.0), (1, 2.0)] {
        let (dw, slope) = (&w["gradient"][weight][0], &w["differences"][2 * weight]["slope"]);
        assert!((number(dw) - (p - 1.0) * x).abs() < 1e-12, "{dw}");
        assert!((number(slope) - (p - 1.0) * x).abs() < 1e-8, "{slope}");
    }
    assert_eq!(node(&json, "y")["gradient"], Value::Null);
    assert!(json["steps"].as_array().unwrap().len() > 5);
    // JSON has no non-finite numbers.
    let json = graph(&scratch, "log(x)", "--at x=0 --json").succeeds().json();
    assert_eq!(node(&json, "f")["value"], Value::Null);
}

#[test]
fn a_corner_is_distinguished_from_a_mistake() {
    let scratch = Scratch::empty();
    graph(&scratch, "h = relu(x); h * 3", "--at x=0").succeeds().says(&["corner of h = relu(x)"]);
    let json = graph(&scratch, "h = relu(x); h * 3", "--at x=0 --json").succeeds().json();
    assert_eq!(
        (&node(&json, "x")["check"], &node(&json, "x")["corner"]),
        (&json!("corner"), &json!("h = relu(x)"))
    );
    graph(&scratch, "sqrt(x)", "--at x=0").succeeds().says(&["inf", "not comparable"]);
}

#[test]
fn drawings_are_files() {
    let scratch = Scratch::empty();
    let outcome = graph(&scratch, "(x + y) * z", "--at x=-2,y=5,z=-4 --svg g.svg --dot g.dot").succeeds();
    assert_eq!(outcome.stderr, "drawing: g.svg\ngraph: g.dot\n");
    let text = |name: &str| String::from_utf8(scratch.read(name)).unwrap();
    assert!(text("g.svg").starts_with("<svg") && text("g.svg").contains("∂f/∂z = 3"));
    assert!(text("g.dot").starts_with("digraph") && text("g.dot").contains("f = v1 * z"));
}

#[test]
fn invalid_expressions_are_rejected() {
    let scratch = Scratch::empty();
    let rejects = |expression: &str, more: &str, words: &[&str]| {
        let mut command = scratch.command("graph");
        command.arg(expression).args(more.split_whitespace());
        scratch.rejects_command(&mut command, 2, words);
    };
    rejects(
        "(x + y) * * z",
        "--at x=1,y=2,z=3",
        &["in the expression, at character 11:\n  (x + y) * * z\n            ^\nfound `*`; expected a \
             number"],
    );
    rejects("(x + y) * z", "", &["x, y and z have no value: add --at x=…,y=…,z=…"]);
    rejects("(x + y) * z", "--at x=1,z=1", &["y has no value: add --at y=…"]);
    rejects("x", "--at x=1,w=2", &["--at gives a value to w, which the expression does not use; it has x"]);
    rejects("1 + 2", "--at w=2", &["it has no variables"]);
    rejects("x", "--at x=1 --at x=2", &["--at gives x two values"]);
    rejects("x", "--at x=1,x=2", &["found another value for x"]);
    rejects(
        "x",
        "--at x",
        &["in the values, at character 2:\n  x\n   ^\nfound the end; expected `=` and the value of x"],
    );
    rejects(
        "sum(a @ b)",
        "--at a=[1,2],b=[3,4]",
        &["\n  sum(a @ b)\n        ^\n", "inner dimensions that match, but 2 is not 1"],
    );
    rejects("x * 2", "--at x=[1,2]", &["with dimensions (1, 2); expected a scalar"]);
    rejects("x * 2", "--at x=1 --label 3", &["--label belong to --model"]);
    rejects("x * 2", "--at x=1 --model m.safetensors", &["--model"]);
    rejects(&"(".repeat(10_000), "", &["more than 200 levels of nesting"]);
    scratch.rejects("graph", 2, &["EXPRESSION"]);
    let mut command = scratch.command("graph");
    command.arg("x").args(["--at", "x=1", "--svg", "nowhere/g.svg"]);
    scratch.rejects_command(&mut command, 3, &["nowhere", "create it first"]);
}

fn picture(scratch: &Scratch) {
    let picture =
        GrayImage::from_fn(SIDE as u32, SIDE as u32, |_, y| Luma([if y % 6 < 3 { 255 } else { 0 }]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    scratch.write("p.png", bytes.into_inner());
}

#[test]
fn the_graph_of_a_network() {
    let scratch = Scratch::with_model();
    scratch.run("train network --data small --hidden 7,5 --epochs 8").succeeds();
    picture(&scratch);
    let outcome = scratch.run("graph --model network.safetensors --picture p.png --steps").succeeds();
    assert_eq!(outcome.stderr, "");
    outcome.says(&[
        "network.safetensors on p.png: predicted ",
        "softmax cross-entropy for the predicted class ",
        "value of",
        "relu(z1)",
        "(144, 7)",
        "∂loss/∂w1",
        "∂loss/∂z1 = ∂h1/∂z1 ∘ ∂loss/∂h1 = [z1 > 0] ∘ ∂loss/∂h1",
        "∂loss/∂w1 = xᵀ · ∂loss/∂v1",
    ]);

    let predicted = scratch.run("predict network.safetensors p.png --json").succeeds().json();
    let json = scratch.run("graph --model network.safetensors --picture p.png --json").succeeds().json();
    assert_eq!(json["predicted"], predicted[0]["class"]);
    assert_eq!(json["label"], predicted[0]["class"]);
    // The probability of the class by the network, in f32.
    let p = number(&predicted[0]["probability"]);
    assert!((number(&json["loss"]["value"]) + p.ln()).abs() < 1e-5, "{}", json["loss"]);
    let h1 = node(&json, "h1");
    assert_eq!(h1["shape"], json!([1, 7]));
    assert!(number(&h1["value"]["min"]) >= 0.0 && h1["gradient"]["mean"].is_number());

    // Another class has a larger loss, and the gradient of the picture is present.
    let other = if json["label"] == "0" { "1" } else { "0" };
    let more =
        scratch.run(&format!("graph --model network.safetensors --picture p.png --label {other} --json"));
    let more = more.succeeds().json();
    assert_eq!(more["label"], other);
    assert!(number(&more["loss"]["value"]) > number(&json["loss"]["value"]));
    assert!(number(&node(&more, "x")["gradient"]["max"]) != 0.0);
}

#[test]
fn the_graph_of_a_linear_model_and_of_an_example() {
    let scratch = Scratch::with_model();
    let run = "graph --model linear.safetensors --example 4 --data small";
    scratch
        .run(&format!("{run} --svg g.svg"))
        .succeeds()
        .says(&["example 4 of", "SVM loss, margin 1 for the example's class 1: "]);
    assert!(String::from_utf8(scratch.read("g.svg")).unwrap().contains("SVM loss"));
    let json = scratch.run(&format!("{run} --json")).succeeds().json();
    let scores = json["scores"].as_object().unwrap();
    let of = |class: &str| number(&scores[class]);
    let loss = ["0", "2"].map(|class| (of(class) - of("1") + 1.0).max(0.0)).iter().sum::<f64>();
    assert!((number(&json["loss"]["value"]) - loss).abs() < 1e-12);
}

#[test]
fn models_without_a_graph_and_other_errors() {
    let scratch = Scratch::with_model();
    scratch.run("train neighbors --data small").succeeds();
    picture(&scratch);
    scratch.write("no.png", "no picture");
    for (arguments, code, words) in [
        (
            "neighbors.safetensors --picture p.png",
            2,
            ["nearest-neighbour model, which has no weights", "--explain"].as_slice(),
        ),
        ("linear.safetensors", 2, &["--model needs an input", "--picture PICTURE", "--example N"]),
        (
            "linear.safetensors --picture p.png --label 3",
            2,
            &["label is 3; expected a class of the model: 0, 1, 2"],
        ),
        ("linear.safetensors --picture no.png", 3, &["not a picture"]),
        ("linear.safetensors --picture p.png --example 1", 2, &["--example"]),
        ("linear.safetensors --example 200 --data small", 2, &["example is 200; expected 0 to 199"]),
        ("linear.safetensors --example 0", 3, &["features of", "found 784", "144"]),
        ("p.png --picture p.png", 3, &["p.png"]),
        ("nothing.safetensors --picture p.png", 3, &["nothing.safetensors"]),
        ("linear.safetensors --picture p.png --at x=1", 2, &["--at"]),
    ] {
        scratch.rejects(&format!("graph --model {arguments}"), code, words);
    }
}

#[test]
fn a_picture_on_standard_input() {
    let scratch = Scratch::with_model();
    picture(&scratch);
    let run = "graph --model linear.safetensors --json --picture";
    let of_file = scratch.run(&format!("{run} p.png")).succeeds().json();
    let of_input = scratch.run_with_input(&format!("{run} -"), &scratch.read("p.png")).succeeds().json();
    assert_eq!(of_input["nodes"], of_file["nodes"]);
}
