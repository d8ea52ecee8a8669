//! Backpropagation through the lecture's graph: f(x, y, z) = (x + y) · z at x = −2, y = 5, z = −4.
//!
//! ```text
//! x ─┐
//!    + ── q ─┐
//! y ─┘       × ── f
//! z ─────────┘
//! ```
//!
//! Then the exercise's network, whose loss is a graph as well: cat, dog or bird, and the direction in which each weight
//! would have to change for the prediction to become cat.

use tercet::Result;
use tercet::gradient_check::Verdict;
use tercet::graph::{Graph, Value, Values, parse_values};

fn main() -> Result<()> {
    lecture()?;
    exercise()
}

/// The lecture's graph, forwards and backwards, and its gradient checked numerically.
fn lecture() -> Result<()> {
    // ANCHOR: graph
    // Step 1: express the function as a graph.
    let mut graph = Graph::new();
    let (x, y, z) = (graph.input("x"), graph.input("y"), graph.input("z"));
    let q = graph.add(x, y);
    let f = graph.multiply(q, z);
    graph.set_name(q, "q");
    graph.set_name(f, "f");

    let at = [("x", -2.0), ("y", 5.0), ("z", -4.0)];
    let values: Values = at.map(|(name, v)| (name.to_owned(), Value::scalar(v))).into();
    let evaluation = graph.evaluate(&values)?;
    // ANCHOR_END: graph

    println!("Forwards:");
    for node in graph.nodes() {
        println!("  {} = {}", graph.name(node), evaluation.value(node));
    }

    // ANCHOR: backward
    // Step 2: compute gradients, last node first.
    println!("\nBackwards:");
    let gradients = graph.gradients_with(&evaluation, f, &mut |step| println!("  {step}"))?;
    // ANCHOR_END: backward

    let gradient = |node| gradients.of(node).and_then(Value::as_scalar);
    assert_eq!([x, y, z, q, f].map(gradient), [-4.0, -4.0, 3.0, -4.0, 1.0].map(Some));

    // ANCHOR: check
    // The numerical derivatives agree.
    for node in [x, y, z] {
        let checked = graph.check(&evaluation, &gradients, f, node)?.expect("a variable has a gradient");
        println!("  Δf/Δ{} = {:.6}", graph.name(node), checked.differences[0].slope);
        assert_eq!(checked.verdict, Verdict::Agrees);
    }
    // ANCHOR_END: check
    Ok(())
}

/// The exercise's network.
fn exercise() -> Result<()> {
    // ANCHOR: network
    // The exercise's network from text, with the SVM loss of "cat", class 0. The matrices are the transposes of those
    // on the slide.
    let (network, loss) = Graph::parse("z = x @ w1 + b1; h = relu(z); s = h @ w2 + b2; L = svm_loss(s, 0)")?;
    let values = parse_values(
        "x  = [56, 231, 24, 2],
         w1 = [0.2, -0.2, 1.1, -1.9; -0.5, 0.0, 0.7, 1.0; 0.1, 0.4, -0.9, 0.9; 2.0, 1.3, -0.2, 2.1],
         b1 = [9.1, 7.3, -27, 2.1],
         w2 = [0.8, 0.3, 0.6; 0.9, -0.3, 0.7; 0.0, 2.2, -0.1; 1.4, -1.2, -0.6],
         b2 = [-32, 14, 19]",
    )?;
    let evaluation = network.evaluate(&values)?;
    println!("\nThe exercise, as if it were a cat:");
    let gradients = network.gradients_with(&evaluation, loss, &mut |step| println!("  {step}"))?;
    // ANCHOR_END: network

    // The dog's score is 23 above the cat's and thus violates the margin: the loss is 24.
    let of_loss = evaluation.value(loss).numbers()[0];
    assert!((of_loss - 24.0).abs() < 1e-9, "{of_loss}");
    let node = |name: &str| network.node(name).expect("a node of this name");
    // Raising the cat's score lowers the loss, raising the dog's raises it, and the bird's has no effect.
    assert_eq!(gradients.of(node("s")).map(Value::numbers), Some(&[-1.0, 1.0, 0.0][..]));
    // The first hidden unit is inactive: no weight before it gets a gradient.
    let db1 = gradients.of(node("b1")).expect("a variable has a gradient").numbers();
    assert!(db1[0] == 0.0 && db1[1..].iter().all(|&d| d != 0.0), "{db1:?}");
    Ok(())
}
