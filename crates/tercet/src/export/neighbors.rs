//! Nearest neighbours as ONNX operators, in f64, which represents the distances of pixels exactly.

use super::onnx::{Attribute, Element, Graph};
use crate::neighbors::{Features, Metric, NeighborsClassifier, Priors, Vote};
use crate::{Error, Result};

/// Adds the search and the vote to a graph, from its input to `scores`.
///
/// ```text
/// key = ‖r‖² − 2 r·x (L2), −r·x (dot), −r·x / ‖r‖ (cosine), Σ |r − x| (L1), Σ |r − x|³ (L3)
/// ```
///
/// orders the rows r by their distance from x. For equal keys, `TopK` takes the lower index first, as this crate does.
pub(super) fn write(graph: &mut Graph, classifier: &NeighborsClassifier, input: &str) -> Result<()> {
    let reject = |what: &str| {
        Err(Error::mismatch("the model to export", what, "neighbours that vote by the metric alone"))
    };
    if classifier.deformation().is_some() {
        return reject("neighbours compared by deformations");
    }
    if classifier.weights().is_some() || *classifier.priors() != Priors::Data {
        return reject("neighbours with weights or priors");
    }
    let (index, metric, k) = (classifier.index(), classifier.metric(), classifier.k());
    let (n, d) = (index.len(), index.width());
    let (rows, values): (String, Vec<f64>) = match index.features() {
        Features::U8(rows) => {
            let values = rows.iter().map(|&v| v.into()).collect();
            (graph.bytes("rows", &[n, d], &rows), values)
        }
        Features::F32(rows) => {
            let values = rows.iter().map(|&v| v.into()).collect();
            (graph.floats("rows", &[n, d], &rows), values)
        }
        Features::F64(_) => {
            return Err(Error::mismatch(
                "the features of the stored examples",
                "numbers that float32 does not represent exactly",
                "float32, the type of the input of the exported model: subtract an offset or rescale them",
            ));
        }
    };
    let rows = graph.cast(&rows, Element::Double);
    let x = graph.cast(input, Element::Double);
    let keys = match metric {
        Metric::L1 | Metric::L3 => keys_of_differences(graph, metric, &rows, &x),
        Metric::L2 | Metric::Dot | Metric::Cosine => {
            let squares = values.chunks_exact(d).map(|row| row.iter().map(|v| v * v).sum()).collect();
            keys_of_products(graph, metric, (&rows, squares), &x)
        }
        other => {
            let expected = "l1, l2, l3, cosine or dot, which ONNX has operators for";
            return Err(Error::setting("metric", other, expected));
        }
    };
    let count = graph.ints("k", &[1], &[k as i64]);
    let order = [Attribute::Int("axis", 1), Attribute::Int("largest", 0), Attribute::Int("sorted", 1)];
    graph.named_node("TopK", &[&keys, &count], &["keys", "neighbors"], &order);

    vote(graph, classifier, &x);
    Ok(())
}

/// The keys of L1 and L3, summed over the differences (N queries, rows, D).
fn keys_of_differences(graph: &mut Graph, metric: Metric, rows: &str, x: &str) -> String {
    let axis = graph.ints("axis", &[1], &[1]);
    let x = graph.node("Unsqueeze", &[x, &axis], &[]);
    let difference = graph.node("Sub", &[&x, rows], &[]);
    let mut term = graph.node("Abs", &[&difference], &[]);
    if metric == Metric::L3 {
        let square = graph.node("Mul", &[&term, &term], &[]);
        term = graph.node("Mul", &[&square, &term], &[]);
    }
    let axis = graph.ints("axis", &[1], &[2]);
    graph.node("ReduceSum", &[&term, &axis], &[Attribute::Int("keepdims", 0)])
}

/// The keys of L2, dot product and cosine, from one matrix product. `squares` are ‖r‖².
fn keys_of_products(graph: &mut Graph, metric: Metric, rows: (&str, Vec<f64>), x: &str) -> String {
    let (rows, squares) = rows;
    let transposed = graph.node("Transpose", &[rows], &[Attribute::Ints("perm", &[1, 0])]);
    let products = graph.node("MatMul", &[x, &transposed], &[]);
    match metric {
        Metric::L2 => {
            let squares = graph.doubles("squares", &[squares.len()], &squares);
            let two = graph.doubles("two", &[], &[2.0]);
            let twice = graph.node("Mul", &[&products, &two], &[]);
            graph.node("Sub", &[&squares, &twice], &[])
        }
        Metric::Cosine => {
            // The cosine with a row of zeros is 0, as their dot product is.
            let norms: Vec<f64> = squares.iter().map(|&s| if s > 0.0 { s.sqrt() } else { 1.0 }).collect();
            let norms = graph.doubles("norms", &[norms.len()], &norms);
            let cosines = graph.node("Div", &[&products, &norms], &[]);
            graph.node("Neg", &[&cosines], &[])
        }
        _ => graph.node("Neg", &[&products], &[]),
    }
}

/// The share of the votes that each class gets from the neighbours in `neighbors` and `keys`.
fn vote(graph: &mut Graph, classifier: &NeighborsClassifier, x: &str) {
    let labels: Vec<i64> = classifier.labels().iter().map(|&label| label.into()).collect();
    let labels = graph.ints("labels", &[labels.len()], &labels);
    let voters = graph.node("Gather", &[&labels, "neighbors"], &[Attribute::Int("axis", 0)]);
    // (N, k, C): whether a neighbour is of a class. OneHot would be one operator, but few tools implement it.
    let axis = graph.ints("axis", &[1], &[2]);
    let voters = graph.node("Unsqueeze", &[&voters, &axis], &[]);
    let classes: Vec<i64> = (0..classifier.classes() as i64).collect();
    let classes = graph.ints("classes", &[classes.len()], &classes);
    let one_hot = graph.node("Equal", &[&voters, &classes], &[]);
    let mut votes = graph.cast(&one_hot, Element::Double);
    if classifier.vote() == Vote::Distance {
        let weights = by_distance(graph, classifier.metric(), x);
        let weights = graph.node("Unsqueeze", &[&weights, &axis], &[]);
        votes = graph.node("Mul", &[&votes, &weights], &[]);
    }
    let axis = graph.ints("axis", &[1], &[1]);
    let sums = graph.node("ReduceSum", &[&votes, &axis], &[Attribute::Int("keepdims", 0)]);
    let all = graph.node("ReduceSum", &[&sums, &axis], &[Attribute::Int("keepdims", 1)]);
    let shares = graph.node("Div", &[&sums, &all], &[]);
    graph.named_node("Cast", &[&shares], &["scores"], &[Attribute::Int("to", Element::Float as i64)]);
}

/// 1 / distance; if there are neighbours at distance 0, only those count.
fn by_distance(graph: &mut Graph, metric: Metric, x: &str) -> String {
    let zero = graph.doubles("zero", &[], &[0.0]);
    let one = graph.doubles("one", &[], &[1.0]);
    let axis = graph.ints("axis", &[1], &[1]);
    let square = graph.node("Mul", &[x, x], &[]);
    let square = graph.node("ReduceSum", &[&square, &axis], &[Attribute::Int("keepdims", 1)]);
    let distances = match metric {
        Metric::L2 => {
            let sum = graph.node("Add", &["keys", &square], &[]);
            let sum = graph.node("Max", &[&sum, &zero], &[]);
            graph.node("Sqrt", &[&sum], &[])
        }
        Metric::L3 => {
            let third = graph.doubles("third", &[], &[1.0 / 3.0]);
            graph.node("Pow", &["keys", &third], &[])
        }
        Metric::Cosine => {
            let length = graph.node("Sqrt", &[&square], &[]);
            let none = graph.node("Equal", &[&length, &zero], &[]);
            let length = graph.node("Where", &[&none, &one, &length], &[]);
            let share = graph.node("Div", &["keys", &length], &[]);
            let sum = graph.node("Add", &[&share, &one], &[]);
            graph.node("Max", &[&sum, &zero], &[])
        }
        // The vote takes into account that a dot product is not a distance.
        _ => "keys".to_owned(),
    };
    let at_zero = graph.node("Equal", &[&distances, &zero], &[]);
    let here = graph.cast(&at_zero, Element::Double);
    let anyone =
        graph.node("ReduceMax", &[&here], &[Attribute::Ints("axes", &[1]), Attribute::Int("keepdims", 1)]);
    let anyone = graph.node("Greater", &[&anyone, &zero], &[]);
    let not_zero = graph.node("Where", &[&at_zero, &one, &distances], &[]);
    let inverse = graph.node("Div", &[&one, &not_zero], &[]);
    graph.node("Where", &[&anyone, &here, &inverse], &[])
}
